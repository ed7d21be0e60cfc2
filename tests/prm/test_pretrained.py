import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from safetensors.torch import load_file, save_file

from prm_gym.errors import CheckpointError
from prm_gym.lm.libraries import quiet
from prm_gym.prm.pretrained import CLASSIFIERS, whole_model
from prm_gym.prm.training.config import ModelOptions
from prm_gym.prm.training.models import _pretrained
from prm_gym.testing.tiny_models import tiny_causal_lm, tiny_tokenizer


@pytest.fixture
def base(tmp_path):
    return tiny_causal_lm(tmp_path / "base", tokenizer=tiny_tokenizer(bos="<|endoftext|>"))


def test_only_the_head_that_is_named_may_be_drawn(base):
    with quiet():
        assert whole_model("AutoModelForTokenClassification", base, "base", CLASSIFIERS, num_labels=2).score.weight.shape == (2, 32)
        with pytest.raises(CheckpointError, match=r"lack 2 tensors.*score"):
            whole_model("AutoModelForTokenClassification", base, "base", num_labels=2)


def test_a_model_is_not_trained_on_half_of_its_weights(base):
    # The layers that are missing would be drawn at random, and nothing would say so.
    _pretrained(ModelOptions(path=str(base)))
    path = base / "model.safetensors"
    save_file({name: tensor for name, tensor in load_file(path).items() if "layers.1.mlp" not in name}, path, metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match=r"cannot be trained.*lack 3 tensors"):
        _pretrained(ModelOptions(path=str(base)))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be trained"):
        _pretrained(ModelOptions(path=str(base)))
