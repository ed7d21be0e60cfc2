"""Activations that are computed again in the backward pass instead of being kept."""

from typing import Any


def recompute_activations(model: Any) -> None:
    """Switch it on for the layers of a model of Hugging Face; it is done in those whose flag `training` is set.

    Args:
        model: of Hugging Face itself: not PEFT's wrapper around it.
    """
    options = {"use_reentrant": False}
    switch = getattr(model, "activation_checkpointing_enable", None)
    if switch is None:  # transformers 4
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=options)
    else:
        switch(options)
