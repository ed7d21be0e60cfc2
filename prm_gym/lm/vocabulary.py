"""From hidden states to logits over the vocabulary."""

from collections.abc import Callable
from typing import Any

from prm_gym.errors import CheckpointError, MissingExtraError

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error


def logit_scale(config: Any) -> Callable[[Tensor], Tensor] | None:
    """What some models do to their logits: a soft cap (Gemma), a factor (Cohere), a divisor (Granite)."""
    cap, factor, divisor = (getattr(config, name, None) for name in ("final_logit_softcapping", "logit_scale", "logits_scaling"))
    if not cap and not factor and not divisor:
        return None

    def scale(logits: Tensor) -> Tensor:
        logits = logits * (factor or 1.0) / (divisor or 1.0)
        return torch.tanh(logits / cap) * cap if cap else logits

    return scale


class VocabularyHead:
    """The backbone and the last layer of a causal language model, so that only the hidden states that are asked for become logits.

    Attributes:
        backbone: gives hidden states.
        layer: over the vocabulary.
        rows: V, of that layer.
    """

    def __init__(self, model: Any) -> None:
        """Find both in a model of Hugging Face, or of PEFT around one.

        Raises:
            CheckpointError: it has no layer over the vocabulary.
        """
        inner = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.backbone: Any = getattr(inner, inner.base_model_prefix)
        self.layer: Any = inner.get_output_embeddings()
        if self.layer is None:
            raise CheckpointError(f"{type(inner).__name__} has no layer over the vocabulary; a causal language model is needed")
        self.rows = int(inner.get_input_embeddings().weight.shape[0])
        self._scale = logit_scale(inner.config)

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., V] float32 of hidden states [..., H]."""
        found = self.layer(hidden).float()
        return found if self._scale is None else self._scale(found)
