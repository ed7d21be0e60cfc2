"""LoRA on the linear layers of a model's backbone, by PEFT."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from prm_gym.errors import MissingExtraError, OptionError

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error


def with_adapters(
    model: Any,
    rank: int,
    alpha: float,
    dropout: float = 0.0,
    targets: Sequence[str] = (),
    rows: Mapping[str, list[int]] | None = None,
    task: str = "CAUSAL_LM",
) -> Any:
    """The model with adapters, whose weights are float32 and alone are trained.

    Args:
        model: of Hugging Face.
        rank: of the adapters, >= 1.
        alpha: their scale is alpha / rank.
        dropout: in front of them, in [0, 1).
        targets: names of the layers that get one; all linear layers of the backbone without any.
        rows: of embeddings, by the layer's name: tokens whose rows are trained whole.
        task: PEFT's name of what the model is for.

    Raises:
        MissingExtraError: PEFT is not installed.
        OptionError: no layer has such a name.
    """
    try:
        import peft
    except ImportError as error:
        raise MissingExtraError("peft", "torch") from error
    backbone: Any = getattr(model, model.base_model_prefix)
    found = {name.rpartition(".")[2] for name, module in backbone.named_modules() if isinstance(module, torch.nn.Linear)}
    wanted = sorted(targets or found)
    if not wanted or not found & set(wanted):
        raise OptionError(f"no linear layer is named {', '.join(wanted) or 'anything'}; there are {', '.join(sorted(found)) or 'none'}")
    config: Any = peft.LoraConfig(
        r=rank,
        lora_alpha=alpha,  # type: ignore[arg-type] # a float serves as well
        lora_dropout=dropout,
        target_modules=wanted,
        trainable_token_indices=dict(rows) if rows else None,
        task_type=task,
    )
    wrap: Any = peft.get_peft_model
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT asks transformers by names of yesterday
        adapted: Any = wrap(model, config)
    for weight in cast("Iterable[Tensor]", adapted.parameters()):
        if weight.requires_grad:
            weight.data = weight.data.float()
    return adapted


def name_of(model: Any, layer: Any) -> str:
    """The last part of the name that a layer has in a model."""
    return next(name.rpartition(".")[2] for name, module in model.named_modules() if module is layer)
