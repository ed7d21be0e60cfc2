"""A causal language model that is read at the tokens of actions, and at the states in which they were taken."""

from typing import Any, NamedTuple, cast

from prm_gym.errors import CheckpointError, MissingExtraError
from prm_gym.lm.logprobs import LogitShape, token_readings
from prm_gym.lm.recomputing import recompute_activations
from prm_gym.lm.token_table import SequenceBatch
from prm_gym.lm.value import StepHead

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

PROBE = 12  # tokens on which the head is tried


class PolicyReadings(NamedTuple):
    """What a policy says of the actions of a batch.

    Attributes:
        logprobs: [r] float32 of their tokens.
        entropies: [r] float32, of the distributions that the tokens come from.
        values: [k] float32 of the states in which they were taken; None without a value head.
    """

    logprobs: Tensor
    entropies: Tensor
    values: Tensor | None


class PolicyNetwork(nn.Module):
    """One module around model and value head, so that torch can replicate or shard them together.

    The backbone runs once over a batch; only the states before the tokens of actions go through the head, a slice at a time.
    """

    def __init__(self, model: nn.Module, temperature: float = 1.0, value_seed: int | None = None) -> None:
        """Take a model, and try its head against its own logits.

        Args:
            model: a causal language model of Hugging Face, or of PEFT around one, on its device.
            temperature: that actions are drawn at.
            value_seed: of the first weights of a value head; None for no such head.

        Raises:
            CheckpointError: its head is none that is known here.
        """
        super().__init__()
        self.model = model
        inner = _unwrapped(model)
        head = inner.get_output_embeddings()
        if type(head) is not nn.Linear or inner.base_model is inner:
            raise CheckpointError(f"{type(inner).__name__} has no plain head over a vocabulary, which a policy needs (adapters on the head are not known)")
        config: Any = inner.config.get_text_config()
        factor, divisor, cap = (getattr(config, name, None) for name in ("logit_scale", "logits_scaling", "final_logit_softcapping"))
        self._shape = LogitShape(scale=(factor or 1.0) / (divisor or 1.0), cap=cap or 0.0, temperature=temperature)
        self._parts: tuple[Any, Any] = (inner.base_model, head)  # in a tuple: they must not be registered twice
        self.value_head = None if value_seed is None else StepHead(int(config.hidden_size), torch.Generator().manual_seed(value_seed)).to(self.device)
        self._require_known_head(inner)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.model.parameters()).device

    @property
    def layers(self) -> nn.ModuleList | None:
        """The layers of the backbone: its longest list of modules."""
        lists = [module for module in cast("nn.Module", self._parts[0]).modules() if isinstance(module, nn.ModuleList)]
        return max(lists, key=len) if lists else None

    def recompute_layers(self) -> list[nn.Module]:
        """Switch on that activations are computed again in the backward pass.

        Returns:
            The modules whose own flag `training` says whether that is done: it is set while learning, on them alone, so that dropout stays off.
        """
        inner = _unwrapped(self.model)
        recompute_activations(inner)
        return [module for module in cast("nn.Module", inner).modules() if getattr(module, "gradient_checkpointing", False)]

    def forward(self, batch: SequenceBatch) -> PolicyReadings:
        """What it says of the actions of a batch."""
        backbone, head = self._parts
        hidden = backbone(input_ids=batch.ids, use_cache=False).last_hidden_state.flatten(0, 1)
        states = hidden.index_select(0, batch.places)
        read = token_readings(states, head.weight, head.bias, batch.targets, shape=self._shape, allowed=batch.allowed)
        values = None if self.value_head is None else cast("Tensor", self.value_head(hidden.index_select(0, batch.openings)))
        return PolicyReadings(read.logprobs, read.entropies, values)

    @torch.no_grad()
    def _require_known_head(self, inner: Any) -> None:
        backbone, head = self._parts
        ids = torch.arange(min(PROBE, head.weight.shape[0]), device=self.device)[None]
        logits = inner(input_ids=ids, use_cache=False).logits[0].float() / self._shape.temperature
        states = backbone(input_ids=ids, use_cache=False).last_hidden_state[0]
        ours = token_readings(states, head.weight, head.bias, ids[0], shape=self._shape).logprobs
        theirs = logits.log_softmax(dim=1).gather(1, ids[0][:, None])[:, 0]
        near = 1e-4 if head.weight.dtype == torch.float32 else 5e-2
        if not torch.allclose(ours, theirs, rtol=near, atol=near * max(1.0, float(logits.abs().max()))):
            raise CheckpointError(f"the head of {type(inner).__name__} does something that is not known here; its log-probabilities cannot be read")


def _unwrapped(model: Any) -> Any:
    """The causal language model without what PEFT puts around it."""
    return model.get_base_model() if hasattr(model, "disable_adapter") else model
