"""The model of a training: a Hugging Face model with a head on its hidden states, whole or with adapters, or a small decoder from scratch.

Only the hidden states at the positions that are read go through the head: of a vocabulary of 150,000 tokens two rows, of a chain of 1,000 tokens ten.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from prm_gym.errors import CheckpointError, MissingExtraError
from prm_gym.lm.adapters import name_of, with_adapters
from prm_gym.lm.decoder import DECODER_CONTEXT, byte_tokenizer, decoder_config, kept_tokenizer
from prm_gym.lm.libraries import library
from prm_gym.lm.recomputing import recompute_activations
from prm_gym.lm.vocabulary import logit_scale
from prm_gym.prm.families.own import OwnFamily, OwnSettings, add_tokens
from prm_gym.prm.loading import locate
from prm_gym.prm.pretrained import CLASSIFIERS, pretrained, whole_model
from prm_gym.prm.training.config import ModelOptions

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

transformers = library("transformers")


class StepModel:
    """A model, its tokenizer and its family.

    Attributes:
        model: of Hugging Face, or of PEFT around it.
        tokenizer: with the family's tokens.
        family: our own, as the settings say.
        max_context: tokens that the model can read.
    """

    def __init__(self, model: Any, tokenizer: Any, settings: OwnSettings, max_context: int) -> None:
        """Keep them together; `build_model` makes them."""
        self.model = model
        self.tokenizer = tokenizer
        self.settings = settings
        self.family = OwnFamily(settings)
        self.max_context = max_context
        self._rows = list(self.family.rows(tokenizer))
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        self._inner: Any = inner
        self._backbone: Any = getattr(inner, inner.base_model_prefix)
        head = inner.get_output_embeddings() if self._rows else next((getattr(inner, name) for name in ("score", "classifier") if hasattr(inner, name)), None)
        if head is None:
            raise CheckpointError(f"{type(inner).__name__} has no head that is known here; try the other one of token-classification and language-model")
        self._head: Any = head
        self._scale = logit_scale(inner.config)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    def trainable(self) -> dict[str, torch.nn.Parameter]:
        """The weights that are trained, by name; tied ones once."""
        return {name: weight for name, weight in self.model.named_parameters() if weight.requires_grad}

    def parameter_count(self) -> int:
        """All weights."""
        return sum(weight.numel() for weight in self.model.parameters())

    def logits(self, ids: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        """Z = log P(right) - log P(wrong) at some positions.

        Args:
            ids: [B, L] int64, with anything to the right of a chain's last position: the model is causal.
            rows: [P] int64.
            columns: [P] int64.

        Returns:
            [P] float32.
        """
        return self.read(self.hidden(ids)[rows, columns])

    def hidden(self, ids: Tensor) -> Tensor:
        """Hidden states [B, L, H] of tokens [B, L]."""
        return self._backbone(input_ids=ids, use_cache=False).last_hidden_state

    def read(self, hidden: Tensor) -> Tensor:
        """Z [P] float32 of hidden states [P, H]."""
        with torch.autocast(hidden.device.type, enabled=False):
            outputs = self._outputs(hidden)
        return outputs[:, 1] - outputs[:, 0]

    @property
    def vocabulary(self) -> Tensor:
        """[V, H] that tokens are predicted with: the last layer of a language model, the embedding of others."""
        return self._inner.get_output_embeddings().weight if self._rows else self._inner.get_input_embeddings().weight

    def _outputs(self, hidden: Tensor) -> Tensor:
        """[P, 2] float32, as the family reads them."""
        if not self._rows:
            return self._head(hidden.to(next(self._head.parameters()).dtype)).float()
        if type(self._head) is torch.nn.Linear:
            bias = None if self._head.bias is None else self._head.bias[self._rows].float()
            found = torch.nn.functional.linear(hidden.float(), self._head.weight[self._rows].float(), bias)
        else:  # adapters around it, which know themselves how they are added
            found = self._head(hidden.to(next(self._head.parameters()).dtype))[:, self._rows].float()
        return found if self._scale is None else self._scale(found)

    def state(self) -> dict[str, Tensor]:
        """The weights that are trained, as they are."""
        return {name: weight.detach() for name, weight in self.trainable().items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Put weights back.

        Raises:
            CheckpointError: they are of another model.
        """
        weights = self.trainable()
        if weights.keys() != state.keys() or any(weights[name].shape != value.shape for name, value in state.items()):
            raise CheckpointError("the stored weights are of another model")
        with torch.no_grad():
            for name, value in state.items():
                weights[name].copy_(value)

    def save(self, directory: Path) -> None:
        """Write model (or adapters) and tokenizer as Hugging Face's and PEFT's own loaders take them, as safetensors."""
        directory.mkdir(parents=True, exist_ok=True)
        options: dict[str, Any] = {"save_embedding_layers": False} if hasattr(self.model, "peft_config") else {}
        self.model.save_pretrained(directory, **options)
        self.tokenizer.save_pretrained(directory)


def build_model(options: ModelOptions, texts: Iterable[str], seed: int, device: str, dtype: torch.dtype, tokenizer_directory: Path | None = None) -> StepModel:
    """The model that the options ask for, on its device, ready to be trained.

    Args:
        options: which model and which head.
        texts: that the tokenizer of a decoder learns from.
        seed: of new weights. The random state of torch is as it was when this returns.
        device: "cpu", "cuda", ...
        dtype: of frozen weights; those that are trained are float32.
        tokenizer_directory: where the tokenizer of a decoder is kept, so that a resumed training has the same one.

    Raises:
        CheckpointError: the model cannot be loaded, is not causal, or has no such head.
    """
    settings = OwnSettings(head=options.head, max_context=options.max_context, base=options.path if options.lora else "")
    devices = [torch.device(device)] if device.startswith("cuda") else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        if options.path:
            tokenizer, model = _pretrained(options)
        else:
            tokenizer = _decoder_tokenizer(options, texts, settings, tokenizer_directory)
            model = _decoder(options, len(tokenizer), tokenizer.eos_token_id)
        known = tokenizer.get_vocab()
        new = [token for token in settings.tokens if token not in known]
        add_tokens(tokenizer, settings)
        rows = int(model.get_input_embeddings().weight.shape[0])
        tokens = [int(tokenizer.convert_tokens_to_ids(token)) for token in settings.tokens]
        if len(tokenizer) > rows:
            model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
        if new:
            _set_new_rows(model, [int(tokenizer.convert_tokens_to_ids(token)) for token in new], rows)
        if options.gradient_checkpointing:
            recompute_activations(model)
        model = (_with_adapters(model, options, tokens, dtype) if options.lora else model.to(torch.float32)).to(device)
    limit = int(getattr(model.config, "max_position_embeddings", 0) or 0)
    context = min(options.max_context or limit or DECODER_CONTEXT, limit or options.max_context or DECODER_CONTEXT)
    made = StepModel(model, tokenizer, settings, context)
    _require_causal(made)
    return made


def _pretrained(options: ModelOptions) -> tuple[Any, Any]:
    classifies = options.head == "token-classification"
    directory = locate(options.path)
    head: dict[str, Any] = {"num_labels": 2} if classifies else {}
    kind, drawn = ("AutoModelForTokenClassification", CLASSIFIERS) if classifies else ("AutoModelForCausalLM", ())
    trust = options.trust_remote_code
    try:
        tokenizer = pretrained("AutoTokenizer", directory, options.path, trust_remote_code=trust)
        model = whole_model(kind, directory, options.path, drawn, trust_remote_code=trust, dtype="auto", **head)
    except CheckpointError as error:
        raise CheckpointError(f"the model {options.path!r} cannot be trained with the head {options.head}: {error}") from error
    if model.config.is_encoder_decoder:
        raise CheckpointError(f"{options.path} is an encoder with a decoder; a causal model is needed")
    return tokenizer, model


def _decoder_tokenizer(options: ModelOptions, texts: Iterable[str], settings: OwnSettings, directory: Path | None) -> Any:
    """A tokenizer that has learnt from the texts, or the one that is kept."""
    kept = None if directory is None else kept_tokenizer(directory)
    if kept is not None:
        return kept
    tokenizer = byte_tokenizer(texts, options.vocabulary, settings.tokens)
    add_tokens(tokenizer, settings)
    if directory is not None:
        temporary = directory.with_name(directory.name + ".tmp")
        tokenizer.save_pretrained(temporary)
        temporary.rename(directory)
        return kept_tokenizer(directory)
    return tokenizer


def _decoder(options: ModelOptions, vocabulary: int, pad: int) -> Any:
    """A small decoder with the head."""
    config = decoder_config(vocabulary, pad, width=options.width, layers=options.layers, heads=options.heads, context=options.max_context)
    config.num_labels = 2
    kind: Any = transformers.Qwen2ForTokenClassification if options.head == "token-classification" else transformers.Qwen2ForCausalLM
    return kind(config)


def _set_new_rows(model: Any, tokens: list[int], rows: int) -> None:
    """New tokens begin as the mean of the old ones, so that nothing is said of a step at first."""
    layers = [model.get_input_embeddings(), model.get_output_embeddings()]
    with torch.no_grad():
        for layer in layers:
            if layer is not None:
                mean = layer.weight[: min(rows, *tokens)].float().mean(dim=0)
                layer.weight[tokens] = mean.to(layer.weight.dtype)


def _with_adapters(model: Any, options: ModelOptions, tokens: list[int], dtype: torch.dtype) -> Any:
    """The model with LoRA on the linear layers of its backbone; the head and the rows of the family's tokens are trained whole."""
    rows = {name_of(model, model.get_input_embeddings()): tokens}
    if options.head == "language-model" and not model.config.tie_word_embeddings:
        rows[name_of(model, model.get_output_embeddings())] = tokens
    task = "TOKEN_CLS" if options.head == "token-classification" else "CAUSAL_LM"
    return with_adapters(model.to(dtype), options.lora, options.lora_alpha, options.lora_dropout, options.lora_targets, rows, task)


def _require_causal(made: StepModel) -> None:
    """Refuse a model whose earlier scores depend on later tokens: one forward over all steps would not be what is scored step by step."""
    made.model.eval()
    device = made.device
    ids = torch.tensor([[1, 2, 3, 4], [1, 2, 3, 5]], device=device)
    with torch.no_grad():
        found = made.logits(ids, torch.tensor([0, 1], device=device), torch.tensor([2, 2], device=device))
    if not torch.allclose(found[0], found[1], atol=1e-4, rtol=1e-3):
        raise CheckpointError(f"{type(made.model).__name__} is not causal: what it says of a step depends on later ones")
