"""Log-probabilities and entropies of chosen tokens, without ever holding the logits of a whole batch.

    z = W h + b,    l = cap(s z) / T,    log p(y) = l_y - logsumexp_v l_v,    H = -sum_v p_v log p_v

The rows of hidden states go through the head a slice at a time. The backward pass computes the logits of each slice again instead of keeping them:

    dL/dl_v = g_y (1[v = y] - p_v) - g_H p_v (log p_v + H)

so that memory grows with the slice and not with the batch, and the gradient of the head is added up in one array of its size.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from prm_gym.errors import MissingExtraError, OptionError

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

_entr = cast("Callable[[Tensor], Tensor]", torch.special.entr)  # -p log p, 0 at 0

SLICE = {"cpu": 1 << 22, "cuda": 1 << 26}  # logits at a time


class TokenReadings(NamedTuple):
    """What a model says of chosen tokens.

    Attributes:
        logprobs: [R] float32, of the tokens, in nats.
        entropies: [R] float32, of the distributions they were drawn from, in nats.
    """

    logprobs: Tensor
    entropies: Tensor


@dataclass(frozen=True, slots=True)
class LogitShape:
    """What is done to the products of hidden states and head before the softmax.

    Attributes:
        scale: s, their factor (Cohere, Granite).
        cap: c of the soft cap c tanh(s z / c) (Gemma); 0 for none.
        temperature: T > 0 that samples are drawn at.
    """

    scale: float = 1.0
    cap: float = 0.0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Refuse a temperature that nothing can be drawn at."""
        if not self.temperature > 0.0:
            raise OptionError(f"temperature is positive, got {self.temperature!r}")

    def shaped(self, products: Tensor) -> Tensor:
        """Logits of products [R, V] float32."""
        logits = products * self.scale if self.scale != 1.0 else products
        if self.cap:
            logits = torch.tanh(logits / self.cap) * self.cap
        return logits / self.temperature if self.temperature != 1.0 else logits

    def slope(self, logits: Tensor) -> Tensor | float:
        """What the gradient of logits [R, V] is multiplied with to be that of the products."""
        constant = self.scale / self.temperature
        return constant * (1.0 - (logits * self.temperature / self.cap) ** 2) if self.cap else constant


PLAIN = LogitShape()


def token_readings(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, *, shape: LogitShape = PLAIN, allowed: Tensor | None = None, slice_logits: int = 0
) -> TokenReadings:
    """Log-probability of each token and entropy of the distribution that it comes from.

    Args:
        hidden: [R, D], the states that the tokens are predicted from.
        weight: [V, D] of the head.
        bias: [V] of the head, or None.
        targets: [R] int64, the tokens.
        shape: what is done to the logits.
        allowed: [R, A] int64, the tokens among which the choice was made, filled up with -1; a row of -1 alone: among all. None: all rows are so. Of a token
            that is not among them the log-probability is -inf.
        slice_logits: logits that are held at once; 0 for a number that suits the device.

    Returns:
        Both with gradients with respect to hidden, weight and bias. Under autocast the products are of its type; everything after them is float32.

    Raises:
        OptionError: shapes that do not fit together.
    """
    if hidden.ndim != 2 or weight.ndim != 2 or hidden.shape[1] != weight.shape[1] or targets.shape != hidden.shape[:1]:
        raise OptionError(f"hidden [R, D], weight [V, D] and targets [R] do not fit: {tuple(hidden.shape)}, {tuple(weight.shape)}, {tuple(targets.shape)}")
    if allowed is not None and (allowed.ndim != 2 or allowed.shape[0] != hidden.shape[0]):
        raise OptionError(f"allowed is [R, A] with R = {hidden.shape[0]}, got {tuple(allowed.shape)}")
    kind = hidden.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else weight.dtype
    rows = max(1, (slice_logits or SLICE.get(kind, SLICE["cpu"])) // weight.shape[0])
    with torch.autocast(kind, enabled=False):
        read = cast("Callable[..., tuple[Tensor, Tensor]]", _Read.apply)
        return TokenReadings(*read(hidden, weight, bias, targets, allowed, shape, dtype, rows))


class _Read(torch.autograd.Function):
    """The fused head: see the module."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, allowed: Tensor | None, shape: LogitShape, dtype: Any, rows: int
    ) -> tuple[Tensor, Tensor]:
        head = weight.to(dtype)
        logprobs = torch.empty(targets.shape, dtype=torch.float32, device=hidden.device)
        entropies, normalizers = torch.empty_like(logprobs), torch.empty_like(logprobs)
        for part in _slices(targets.shape[0], rows):
            logits = _logits(hidden[part].to(dtype), head, bias, shape, None if allowed is None else allowed[part])
            normalizers[part] = logits.logsumexp(dim=1)
            logprobs[part] = logits.gather(1, targets[part][:, None])[:, 0] - normalizers[part]
            entropies[part] = _entr(logits.sub_(normalizers[part][:, None]).exp_()).sum(dim=1)
        ctx.save_for_backward(hidden, weight, bias, targets, allowed, normalizers, entropies)
        ctx.shape, ctx.dtype, ctx.rows = shape, dtype, rows
        return logprobs, entropies

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        saved = cast("tuple[Tensor, Tensor, Tensor, Tensor, Tensor | None, Tensor, Tensor]", ctx.saved_tensors)  # the bias may be None
        hidden, weight, bias, targets, allowed, normalizers, entropies = saved
        for_logprobs, for_entropies = gradients
        to_hidden, to_weight, to_bias = ctx.needs_input_grad[:3]
        head = weight.to(ctx.dtype)
        hidden_gradient: Tensor | None = torch.empty_like(hidden) if to_hidden else None
        weight_gradient: Tensor | None = torch.zeros(weight.shape, dtype=torch.float32, device=weight.device) if to_weight else None
        bias_gradient: Tensor | None = torch.zeros(bias.shape, dtype=torch.float32, device=weight.device) if to_bias else None
        gradient: Tensor
        for part in _slices(targets.shape[0], ctx.rows):
            states = hidden[part].to(ctx.dtype)
            logits = _logits(states, head, bias, ctx.shape, None if allowed is None else allowed[part])
            probabilities = (logits - normalizers[part][:, None]).exp_()
            slope = ctx.shape.slope(logits)
            gradient = _entr(probabilities).sub_(probabilities * entropies[part][:, None]).mul_(for_entropies[part][:, None])
            gradient.sub_(probabilities.mul_(for_logprobs[part][:, None]))
            gradient.scatter_add_(1, targets[part][:, None], for_logprobs[part][:, None])
            # Where the choice was restricted, what was left out has no gradient; its logits are infinite, and so may be its slope.
            gradient = torch.where(logits.isneginf(), 0.0, gradient * slope) if allowed is not None else gradient.mul_(slope)
            if bias_gradient is not None:
                bias_gradient += gradient.sum(dim=0)
            gradient = gradient.to(ctx.dtype)
            if hidden_gradient is not None:
                hidden_gradient[part] = (gradient @ head).to(hidden.dtype)
            if weight_gradient is not None and ctx.dtype == torch.float32:
                weight_gradient.addmm_(gradient.t(), states)
            elif weight_gradient is not None:
                weight_gradient += gradient.t() @ states
        made = (hidden_gradient, *(None if each is None else each.to(weight.dtype) for each in (weight_gradient, bias_gradient)))
        return (*made, None, None, None, None, None)


def _logits(states: Tensor, head: Tensor, bias: Tensor | None, shape: LogitShape, allowed: Tensor | None) -> Tensor:
    """[R, V] float32; -inf for what is not allowed."""
    products = _product(states, head)
    if bias is not None:
        products += bias.float()
    logits = shape.shaped(products)
    if allowed is None:
        return logits
    vocabulary = head.shape[0]
    # Column V takes the -1 that rows are filled up with.
    among = torch.zeros((allowed.shape[0], vocabulary + 1), dtype=torch.bool, device=allowed.device)
    among.scatter_(1, torch.where(allowed < 0, vocabulary, allowed), True)
    free = (allowed < 0).all(dim=1, keepdim=True)
    return logits.masked_fill(~(among[:, :vocabulary] | free), float("-inf"))


def _product(states: Tensor, head: Tensor) -> Tensor:
    """[R, V] float32 of [R, D] and [V, D]. In half precision it is rounded after the sum where the library can: log-probabilities are differences of logits."""
    if states.dtype != torch.float32 and states.is_cuda and wide_products():
        return torch.mm(states, head.t(), out_dtype=torch.float32)
    return (states @ head.t()).float()


def _slices(rows: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


_WIDE: dict[str, bool] = {}


def wide_products() -> bool:
    """Whether this torch gives products of bfloat16 matrices in float32 on CUDA (2.8 and later)."""
    if "cuda" not in _WIDE:
        tiny = torch.ones((16, 16), dtype=torch.bfloat16, device="cuda")
        try:
            torch.mm(tiny, tiny, out_dtype=torch.float32)
            _WIDE["cuda"] = True
        except (TypeError, RuntimeError, NotImplementedError):
            _WIDE["cuda"] = False
    return _WIDE["cuda"]
