import json
import shutil

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from safetensors.torch import load_file, save_file  # noqa: E402

from prm_gym.chains import written  # noqa: E402
from prm_gym.errors import CheckpointError, OptionError  # noqa: E402
from prm_gym.prm.families.own import OwnFamily, OwnSettings, add_tokens, write_settings  # noqa: E402
from prm_gym.prm.loading import fingerprint, load_checkpoint, locate  # noqa: E402
from prm_gym.prm.scoring import Scorer  # noqa: E402
from prm_gym.testing.tiny_models import CHATML, known_checkpoint, tiny_causal_lm, tiny_checkpoint, tiny_config, tiny_tokenizer  # noqa: E402

CHAIN = written("What is 3 + 4?", ["It is 7.", "So the answer is 7."])


def scores(directory, **options):
    found = Scorer(load_checkpoint(str(directory), device="cpu", **options)).score([CHAIN])[0]
    return [step.score for step in found]


@pytest.fixture
def copy_of(checkpoint_of, tmp_path):
    """A function from a family to a copy of its tiny checkpoint that may be broken."""

    def copied(name):
        return shutil.copytree(checkpoint_of(name).directory, tmp_path / "copy")

    return copied


def change(directory, weights):
    """Change the weights of a checkpoint by a function of their dictionary."""
    path = directory / "model.safetensors"
    tensors = load_file(path)
    weights(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def test_what_is_loaded_is_shared_and_let_go(checkpoint_of):
    checkpoint = checkpoint_of("trl")
    again = load_checkpoint(str(checkpoint.directory), family="trl", device="cpu")
    assert again is checkpoint
    other = load_checkpoint(str(checkpoint.directory), family="pure", device="cpu")
    assert other is not checkpoint
    assert other.fingerprint == checkpoint.fingerprint


def test_what_does_not_exist(tmp_path):
    for name in (str(tmp_path / "nothing"), "./nothing", "nothing", "a/b/c"):
        with pytest.raises(CheckpointError, match="There is no folder"):
            locate(name)
    with pytest.raises(CheckpointError, match="got none"):
        locate("")
    (tmp_path / "file").write_text("x")
    with pytest.raises(CheckpointError, match="There is no folder"):
        locate(str(tmp_path / "file"))


def test_a_name_on_the_hub_that_cannot_be_had(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="hub does not give"):
        locate("nobody-at-all/no-such-model")


def test_an_empty_folder(tmp_path):
    with pytest.raises(CheckpointError):
        load_checkpoint(str(tmp_path), device="cpu")
    with pytest.raises(CheckpointError):
        load_checkpoint(str(tmp_path), family="trl", device="cpu")


@pytest.mark.parametrize("name", ["trl", "qwen", "openr", "skywork"])
def test_missing_weights_are_not_drawn_at_random(name, copy_of):
    directory = copy_of(name)

    def without_a_layer(tensors):
        for key in [key for key in tensors if "layers.1.mlp" in key]:
            del tensors[key]

    change(directory, without_a_layer)
    with pytest.raises(CheckpointError, match=r"lack 3 tensors.*layers\.1\.mlp"):
        load_checkpoint(str(directory), family=name, device="cpu")


@pytest.mark.parametrize(("name", "head"), [("qwen", "score."), ("skywork", "v_head."), ("reasoneval", "score_head."), ("trl", "score.")])
def test_a_missing_head_is_not_drawn_at_random(name, head, copy_of):
    directory = copy_of(name)

    def without_the_head(tensors):
        for key in [key for key in tensors if key.startswith(head)]:
            del tensors[key]

    change(directory, without_the_head)
    with pytest.raises(CheckpointError, match=r"holds no head|lack 2 tensors"):
        load_checkpoint(str(directory), family=name, device="cpu")


def test_heads_of_another_shape(copy_of):
    directory = copy_of("skywork")
    change(directory, lambda tensors: tensors.update({"v_head.summary.weight": torch.zeros(3, 32), "v_head.summary.bias": torch.zeros(3)}))
    with pytest.raises(CheckpointError, match="maps 32 numbers to 3"):
        load_checkpoint(str(directory), family="skywork", device="cpu")
    change(directory, lambda tensors: tensors.update({"v_head.summary.weight": torch.tensor(1.0)}))
    with pytest.raises(CheckpointError, match="wanted are a matrix"):
        load_checkpoint(str(directory), family="skywork", device="cpu")
    change(directory, lambda tensors: tensors.update({"v_head.summary.other": torch.zeros(3)}))
    with pytest.raises(CheckpointError, match="no shape that is known"):
        load_checkpoint(str(directory), family="skywork", device="cpu")


def test_files_that_are_cut_off(copy_of):
    directory = copy_of("trl")
    whole = (directory / "model.safetensors").read_bytes()
    broken = {
        "is cut off: .* bytes are there": whole[: len(whole) // 2],
        "is damaged": b"",
        "is damaged .*bytes": b"\xff" * 5000,
        "damaged": whole[:20] + bytes([whole[20] ^ 0x55]) + whole[21:],  # a letter of the list of tensors
        "git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
    }
    for said, content in broken.items():
        (directory / "model.safetensors").write_bytes(content)
        with pytest.raises(CheckpointError, match=said):
            load_checkpoint(str(directory), family="trl", device="cpu")
    (directory / "model.safetensors").write_bytes(whole)
    (directory / "config.json").write_text('{"model_type": "qwen2", ')
    with pytest.raises(CheckpointError, match="cannot be"):
        load_checkpoint(str(directory), family="trl", device="cpu")


@pytest.mark.parametrize("name", ["skywork", "qwen", "reasoneval"])
def test_files_beside_the_weights_that_are_broken(name, copy_of):
    # The heads of these families may lie in a file of their own, so every file is read.
    directory = copy_of(name)
    (directory / "value_head.safetensors").write_bytes(b"\xff" * 500)
    with pytest.raises(CheckpointError, match=r"value_head\.safetensors .*is damaged"):
        load_checkpoint(str(directory), family=name, device="cpu")
    (directory / "value_head.safetensors").unlink()
    (directory / "model.safetensors.index.json").write_text('{"weight_map": [1]}')
    with pytest.raises(CheckpointError, match="names files that are not there"):
        load_checkpoint(str(directory), family=name, device="cpu")


def test_the_head_of_an_old_file_that_is_cut_off(copy_of):
    directory = copy_of("skywork")
    torch.save(load_file(directory / "model.safetensors"), directory / "pytorch_model.bin")
    (directory / "model.safetensors").unlink()
    whole = (directory / "pytorch_model.bin").read_bytes()
    (directory / "pytorch_model.bin").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError):
        load_checkpoint(str(directory), family="skywork", device="cpu")


@pytest.mark.parametrize("kind", [torch.int8, torch.int64, torch.float8_e4m3fn])
def test_quantised_weights_are_no_weights(kind, copy_of):
    # Read as numbers they would score, and wrongly: what scales them is not there.
    directory = copy_of("trl")
    change(directory, lambda tensors: tensors.update({"score.weight": tensors["score.weight"].to(kind)}))
    with pytest.raises(CheckpointError, match="quantised"):
        load_checkpoint(str(directory), family="trl", device="cpu")


def test_layers_that_the_configuration_does_not_name_are_not_left_out(copy_of):
    directory = copy_of("trl")
    said = json.loads((directory / "config.json").read_text())
    shorter = said | {"num_hidden_layers": 1, "layer_types": said["layer_types"][:1]}
    (directory / "config.json").write_text(json.dumps(shorter))
    with pytest.raises(CheckpointError, match="more layers than the configuration names"):
        load_checkpoint(str(directory), family="trl", device="cpu")


@pytest.mark.parametrize("family", ["trl", "qwen", "math_shepherd", "prm_gym", "rlhflow"])
def test_a_tokenizer_whose_files_are_missing(family, copy_of):
    directory = copy_of(family)
    (directory / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"writes no tokens|cannot be loaded"):
        load_checkpoint(str(directory), family=family, device="cpu")


def test_a_configuration_that_names_no_architecture(copy_of):
    directory = copy_of("trl")
    for odd in (3, "Qwen2ForTokenClassification", {"a": 1}):
        said = json.loads((directory / "config.json").read_text())
        (directory / "config.json").write_text(json.dumps(said | {"architectures": odd}))
        with pytest.raises(CheckpointError, match="family=NAME"):
            load_checkpoint(str(directory), device="cpu")


def test_a_tokenizer_that_lacks_the_tag_is_named(checkpoint_of):
    with pytest.raises(CheckpointError, match=r"<extra_0>.*'qwen'"):
        load_checkpoint(str(checkpoint_of("trl").directory), family="qwen", device="cpu")


def test_weights_that_are_no_numbers(copy_of):
    directory = copy_of("trl")
    change(directory, lambda tensors: tensors["model.norm.weight"].fill_(float("nan")))
    with pytest.raises(CheckpointError, match="no numbers"):
        load_checkpoint(str(directory), family="trl", device="cpu")


def test_a_model_that_looks_ahead_is_refused(tmp_path):
    tokenizer = tiny_tokenizer(bos="<|endoftext|>")
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = transformers.BertConfig(vocab_size=len(tokenizer), num_labels=2, initializer_range=0.3, **sizes)
    transformers.BertForTokenClassification(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="not causal"):
        load_checkpoint(str(tmp_path), family="trl", device="cpu")


def test_tokens_beyond_the_embedding_are_refused(tmp_path):
    tokenizer = tiny_tokenizer(("<extra_0>",), template=CHATML)
    directory = tiny_causal_lm(tmp_path / "small", tokenizer=tiny_tokenizer())
    tokenizer.save_pretrained(directory)
    config = json.loads((directory / "config.json").read_text())
    assert len(tokenizer) > config["vocab_size"]
    tokenizer.add_tokens(["<|step|>"], special_tokens=True)
    tokenizer.save_pretrained(directory)
    write_settings(directory, OwnSettings(head="language-model", negative="<extra_0>", positive="<extra_0>"))
    with pytest.raises(CheckpointError, match=r"vocabulary of|has embeddings for"):
        load_checkpoint(str(directory), device="cpu")


def test_code_of_a_checkpoint_does_not_run(copy_of):
    directory = copy_of("qwen")
    said = json.loads((directory / "config.json").read_text())
    (directory / "modeling_qwen2_rm.py").write_text("raise SystemExit('code of the checkpoint ran')")
    assert load_checkpoint(str(directory), device="cpu").family.id == "qwen"
    (directory / "config.json").write_text(json.dumps(said | {"model_type": "unheard_of", "auto_map": {"AutoConfig": "modeling_qwen2_rm.X"}}))
    with pytest.raises(CheckpointError, match="trust_remote_code=true"):
        load_checkpoint(str(directory), device="cpu")


def test_sharded_weights_and_old_files_are_read(tmp_path):
    directory = tiny_checkpoint("skywork", tmp_path / "skywork")
    expected = scores(directory, family="skywork")
    tensors = load_file(directory / "model.safetensors")
    names = sorted(tensors)
    (directory / "model.safetensors").unlink()
    index = {}
    for shard, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model-{shard:05}-of-00002.safetensors"
        save_file({name: tensors[name] for name in part}, directory / file, metadata={"format": "pt"})
        index |= dict.fromkeys(part, file)
    (directory / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    assert scores(directory, family="skywork") == expected
    (directory / "model-00002-of-00002.safetensors").rename(tmp_path / "away")
    with pytest.raises(CheckpointError):
        scores(directory, family="skywork")


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # PEFT's
def test_an_adapter_is_merged_into_its_base(tmp_path):
    peft = pytest.importorskip("peft")
    base = tiny_causal_lm(tmp_path / "base", num_labels=2, tokenizer=tiny_tokenizer(bos="<|endoftext|>"))
    model = transformers.AutoModelForTokenClassification.from_pretrained(base, num_labels=2)
    torch.manual_seed(1)
    adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="TOKEN_CLS", r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    directory = tmp_path / "adapter"
    adapted.save_pretrained(directory)
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    tokenizer.save_pretrained(directory)
    found = scores(directory, family="trl")
    ids, ends = [tokenizer.bos_token_id, *tokenizer.encode(CHAIN.problem)], []
    for text in CHAIN.texts:
        ids += tokenizer.encode(text) + tokenizer.encode("\n")
        ends.append(len(ids) - 1)
    with torch.no_grad():
        expected = adapted.eval()(input_ids=torch.tensor([ids])).logits[0, ends].softmax(-1)[:, 1]
    assert found == pytest.approx(expected.tolist(), abs=5e-6)
    model = transformers.AutoModelForCausalLM.from_pretrained(base)
    peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", r=4, target_modules=["q_proj"])).save_pretrained(tmp_path / "other")
    tokenizer.save_pretrained(tmp_path / "other")
    with pytest.raises(CheckpointError, match="no head of a token classifier"):
        load_checkpoint(str(tmp_path / "other"), family="trl", device="cpu")


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # PEFT's
def test_an_adapter_brings_the_tokens_that_its_base_has_not(tmp_path):
    peft = pytest.importorskip("peft")
    base = tiny_causal_lm(tmp_path / "base", tokenizer=tiny_tokenizer(bos="<|endoftext|>"))
    settings = OwnSettings(head="language-model", base=str(base))
    tokenizer, model = transformers.AutoTokenizer.from_pretrained(base), transformers.AutoModelForCausalLM.from_pretrained(base)
    assert add_tokens(tokenizer, settings) == 3
    model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    torch.manual_seed(2)
    options = {"r": 4, "target_modules": ["q_proj"], "init_lora_weights": False}
    adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="CAUSAL_LM", modules_to_save=["embed_tokens", "lm_head"], **options)).eval()
    for directory, with_rows in ((tmp_path / "whole", True), (tmp_path / "bare", False)):
        adapted.save_pretrained(directory, save_embedding_layers=with_rows)
        tokenizer.save_pretrained(directory)
        write_settings(directory, settings)
    encoded = OwnFamily(settings).encode(tokenizer, CHAIN)
    with torch.no_grad():
        logits = adapted(input_ids=torch.tensor([encoded.token_ids])).logits[0, encoded.positions]
    expected = logits[:, list(OwnFamily(settings).rows(tokenizer))].softmax(-1)[:, 1]
    assert scores(tmp_path / "whole") == pytest.approx(expected.tolist(), abs=5e-6)
    tensors = load_file(tmp_path / "bare" / "adapter_model.safetensors")
    save_file({name: tensor for name, tensor in tensors.items() if "embed" not in name}, tmp_path / "bare" / "adapter_model.safetensors")
    with pytest.raises(CheckpointError, match="the adapter brings none"):
        scores(tmp_path / "bare")


def test_the_context_is_the_smallest_that_is_said(tmp_path):
    directory = known_checkpoint(tmp_path / "known", settings=OwnSettings(max_context=300))
    assert load_checkpoint(str(directory), device="cpu").max_context == 300
    assert load_checkpoint(str(directory), device="cpu", max_context=100).max_context == 100
    assert load_checkpoint(str(directory), device="cpu", max_context=5000).max_context == 300


def test_fingerprints_tell_checkpoints_apart(copy_of, checkpoint_of):
    directory = copy_of("trl")
    first = fingerprint(directory)
    assert first == checkpoint_of("trl").fingerprint
    change(directory, lambda tensors: tensors["score.bias"].add_(1.0))
    assert fingerprint(directory) != first


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # PEFT's
def test_an_adapter_on_another_base_is_another_checkpoint(tmp_path):
    # The files of the adapter stay as they are; what it is merged into changes under the same name.
    peft = pytest.importorskip("peft")
    base = tiny_causal_lm(tmp_path / "base", num_labels=2, tokenizer=tiny_tokenizer(bos="<|endoftext|>"))
    model = transformers.AutoModelForTokenClassification.from_pretrained(base, num_labels=2)
    adapted = peft.get_peft_model(model, peft.LoraConfig(task_type="TOKEN_CLS", r=2, target_modules=["q_proj"]))
    adapted.save_pretrained(tmp_path / "adapter")
    transformers.AutoTokenizer.from_pretrained(base).save_pretrained(tmp_path / "adapter")
    held = load_checkpoint(str(tmp_path / "adapter"), family="trl", device="cpu")
    before = Scorer(held).score([CHAIN])[0][0].score
    change(base, lambda tensors: tensors["model.norm.weight"].mul_(-1.0))
    again = load_checkpoint(str(tmp_path / "adapter"), family="trl", device="cpu")
    assert again.fingerprint != held.fingerprint
    assert Scorer(again).score([CHAIN])[0][0].score != pytest.approx(before, abs=1e-6)


def test_a_soft_cap_on_logits_is_kept(tmp_path):
    # Gemma's language models press their logits through a tangent.
    tokenizer = tiny_tokenizer(bos="<|endoftext|>")
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
    config = transformers.Gemma2Config(vocab_size=len(tokenizer), initializer_range=1.0, final_logit_softcapping=3.0, sliding_window=64, **sizes)
    torch.manual_seed(0)
    model = transformers.Gemma2ForCausalLM(config).eval()
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = load_checkpoint(str(tmp_path), family="openr", device="cpu")
    encoded = loaded.family.encode(loaded.tokenizer, CHAIN)
    with torch.no_grad():
        logits = model(torch.tensor([encoded.token_ids])).logits[0, encoded.positions]
    expected = logits[:, list(loaded.family.rows(loaded.tokenizer))].softmax(-1)[:, 0]
    assert [step.score for step in Scorer(loaded).score([CHAIN])[0]] == pytest.approx(expected.tolist(), abs=1e-5)


def test_options_that_cannot_be(checkpoint_of):
    directory = str(checkpoint_of("trl").directory)
    for options in ({"device": "tpu"}, {"device": "cuda:x"}, {"dtype": "int8"}, {"max_context": -1}, {"attention": "fast"}):
        with pytest.raises(OptionError):
            load_checkpoint(directory, family="trl", **options)
    if not torch.cuda.is_available():
        with pytest.raises(OptionError, match="no CUDA"):
            load_checkpoint(directory, family="trl", device="cuda")


def test_tiny_configurations_are_of_the_real_architectures():
    assert {tiny_config(name, 10).architectures or tiny_config(name, 10).model_type for name in ("qwen2", "llama", "mistral")} == {"qwen2", "llama", "mistral"}
    with pytest.raises(LookupError, match="qwen2"):
        tiny_config("qwen3", 10)
