"""Log-probabilities of chosen tokens, without ever holding the logits of a whole batch.

    log p(y_t | y_<t) = l_t[y_t] - logsumexp_v l_t[v],     l_t = head(h_{t-1})

The backbone runs once over a padded batch; the rows of its hidden states that stand before a chosen token go through the head a slice at a time. With
gradients, each slice is computed again in the backward pass instead of being kept.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from prm_gym.errors import CheckpointError, MissingExtraError
from prm_gym.lm.logprobs import SLICE, LogitShape, token_readings, wide_products
from prm_gym.prm.implicit.encoding import Spanned
from prm_gym.prm.prefixes import Prefix, joined, reusable

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

PROBE = 12  # tokens on which the head is tried


class Batch(NamedTuple):
    """Chains side by side, padded on the right.

    Attributes:
        ids: [B, L] int64, tokens; 0 where there is none.
        rows: [R] int64, place in the flattened [B * L] before each token of a step.
        targets: [R] int64, these tokens.
        steps: [R] int64, the step that each belongs to, counted through the batch.
        ends: [S] int64, place in the flattened [B * L] of the last token of each step.
        openings: [B] int64, place of the last token before the first step of each chain.
        size: S, steps in the batch.
    """

    ids: Tensor
    rows: Tensor
    targets: Tensor
    steps: Tensor
    ends: Tensor
    openings: Tensor
    size: int


class TokenStatistics(NamedTuple):
    """What a model says about chosen tokens.

    Attributes:
        logprob: [R] float32, in nats.
        entropy: [R] float32, of the distribution that the token was drawn from, in nats.
        best: [R] float32, log-probability of the most probable token there.
    """

    logprob: Tensor
    entropy: Tensor
    best: Tensor


class Beginning(NamedTuple):
    """What of a chain need not be run.

    Attributes:
        taken: tokens whose keys and values are kept from an earlier pass.
        first: the first step whose tokens are read; `taken` is below its start.
        prefix: the keys and values, of at least that many tokens; None when `taken` is 0.
    """

    taken: int = 0
    first: int = 0
    prefix: Prefix | None = None


def collate(chains: Sequence[Spanned], device: Any, begun: Sequence[Beginning] = ()) -> Batch:
    """A batch of chains, on the device; one copy each from pinned memory on CUDA.

    Args:
        chains: of at least one step.
        device: of the model.
        begun: what of each need not be run; places are counted without it.
    """
    begun = begun or [Beginning()] * len(chains)
    width = max(len(chain.token_ids) - begin.taken for chain, begin in zip(chains, begun, strict=True))
    ids = torch.zeros((len(chains), width), dtype=torch.int64)
    rows: list[int] = []
    targets: list[int] = []
    steps: list[int] = []
    ends: list[int] = []
    openings: list[int] = []
    for at, (chain, begin) in enumerate(zip(chains, begun, strict=True)):
        fresh = chain.token_ids[begin.taken :]
        ids[at, : len(fresh)] = torch.tensor(fresh, dtype=torch.int64)
        origin = at * width - begin.taken
        openings.append(max(at * width, origin + (chain.spans[0].start if chain.spans else len(chain.token_ids)) - 1))
        for span in chain.spans[begin.first :]:
            rows.extend(range(origin + span.start - 1, origin + span.end - 1))
            targets.extend(chain.token_ids[span.start : span.end])
            steps.extend([len(ends)] * (span.end - span.start))
            ends.append(origin + span.end - 1)
    columns = [ids, *(torch.tensor(column, dtype=torch.int64) for column in (rows, targets, steps, ends, openings))]
    if torch.device(device).type == "cuda":
        columns = [column.pin_memory() for column in columns]
    return Batch(*(column.to(device, non_blocking=True) for column in columns), size=len(ends))


class CausalModel:
    """A causal language model that is read at chosen tokens.

    Attributes:
        model: of Hugging Face.
        device: where it is.
    """

    def __init__(self, model: Any) -> None:
        """Take a model, and try its head against its own logits.

        Raises:
            CheckpointError: the model is no causal language model.
        """
        self.model = model
        self.device = next(model.parameters()).device
        head = model.get_output_embeddings()
        if not isinstance(head, nn.Linear):
            raise CheckpointError(f"{type(model).__name__} has no head over a vocabulary; an implicit reward needs a causal language model")
        self._adapter = hasattr(model, "disable_adapter")
        inner = model.get_base_model() if self._adapter else model
        self._backbone, self._head = inner.base_model, head
        config = inner.config.get_text_config()
        self._cap = getattr(config, "final_logit_softcapping", None)
        self.vocabulary = int(head.weight.shape[0])
        self.fused = self._backbone is not inner and self._head_is_known()

    @property
    def layers(self) -> int:
        """How many layers there are."""
        return int(self.model.config.get_text_config().num_hidden_layers)

    @property
    def width(self) -> int:
        """Size of the hidden states."""
        return int(self.model.config.get_text_config().hidden_size)

    @property
    def longest(self) -> int:
        """Tokens that fit the model at the most; a very large number where its configuration does not say."""
        return int(getattr(self.model.config.get_text_config(), "max_position_embeddings", None) or 1 << 30)

    def hidden(self, batch: Batch, layers: Sequence[int] = ()) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The hidden states that the head reads, [B * L, D], and those after the chosen layers (0: the embeddings)."""
        # Padding stands at the right of what a causal model reads: no mask is needed, and attention is at its fastest.
        out = self._backbone(input_ids=batch.ids, use_cache=False, output_hidden_states=bool(layers))
        chosen = tuple(out.hidden_states[layer].flatten(0, 1) for layer in layers)
        return out.last_hidden_state.flatten(0, 1), chosen

    def logprobs(self, batch: Batch) -> Tensor:
        """[R] float32, log-probability of each token of a step."""
        if not self.fused:
            return self._whole(batch)
        rows = self.hidden(batch)[0].index_select(0, batch.rows)
        if torch.is_grad_enabled():
            return token_readings(rows, self._head.weight, self._head.bias, batch.targets, shape=LogitShape(cap=self._cap or 0.0)).logprobs
        return torch.cat([self._slice_logprobs(rows[part], batch.targets[part]) for part in self._slices(rows.shape[0])])

    def going_on(self, batch: Batch, begun: Sequence[Beginning], lengths: Sequence[int]) -> tuple[Tensor, Any]:
        """[R] float32, log-probability of each token of a step, of chains whose beginnings need not be run; and the keys and values of the whole.

        Args:
            batch: what is to be run.
            begun: what need not be.
            lengths: tokens of each chain that are run.
        """
        past = max(begin.taken for begin in begun)
        options: dict[str, Any] = {"past_key_values": joined([(begin.prefix, begin.taken) for begin in begun])}
        if past:
            mask = torch.zeros((len(begun), past + batch.ids.shape[1]), dtype=torch.int64)
            for row, (begin, length) in enumerate(zip(begun, lengths, strict=True)):
                mask[row, past - begin.taken : past + length] = 1
            places = torch.tensor([[begin.taken] for begin in begun]) + torch.arange(batch.ids.shape[1])[None]
            options |= {"attention_mask": mask.to(self.device), "position_ids": places.to(self.device)}
        out = self._backbone(input_ids=batch.ids, use_cache=True, **options)
        rows = out.last_hidden_state.flatten(0, 1).index_select(0, batch.rows)
        said = [self._slice_logprobs(rows[part], batch.targets[part]) for part in self._slices(rows.shape[0])]
        return torch.cat(said), out.past_key_values

    def goes_on(self) -> bool:
        """Whether the model goes on from kept keys and values as if it had read everything."""
        return self.fused and reusable(self._backbone, str(self.device))

    def statistics(self, rows: Tensor, targets: Tensor) -> TokenStatistics:
        """What the head says, from rows of hidden states.

        Args:
            rows: [R, D], hidden states before the tokens.
            targets: [R] int64, the tokens.

        Raises:
            CheckpointError: the head does something that is not known.
        """
        if not self.fused:
            raise CheckpointError(f"the head of {type(self.model).__name__} does more than a product with a matrix, and its statistics cannot be read")
        found: list[tuple[Tensor, Tensor, Tensor]] = []
        for part in self._slices(rows.shape[0]):
            logprobs = self.logits(rows[part]).log_softmax(dim=1)
            chosen = logprobs.gather(1, targets[part][:, None])[:, 0]
            found.append((chosen, -(logprobs.exp() * logprobs).sum(dim=1), logprobs.amax(dim=1)))
        return TokenStatistics(*(torch.cat(column) for column in zip(*found, strict=True)))

    def logits(self, rows: Tensor) -> Tensor:
        """[R, V] float32 of rows of hidden states [R, D]. In half precision they are rounded after the sum where the library can."""
        if rows.dtype in (torch.bfloat16, torch.float16) and rows.is_cuda and not torch.is_grad_enabled() and self._head.bias is None and wide_products():
            logits = torch.mm(rows, self._head.weight.t(), out_dtype=torch.float32)
        else:
            logits = self._head(rows).float()
        return logits if not self._cap else torch.tanh(logits / self._cap) * self._cap

    def _slices(self, rows: int) -> list[slice]:
        size = max(1, SLICE.get(self.device.type, SLICE["cpu"]) // self.vocabulary)
        return [slice(start, start + size) for start in range(0, max(rows, 1), size)]

    def _slice_logprobs(self, rows: Tensor, targets: Tensor) -> Tensor:
        logits = self.logits(rows)
        return logits.gather(1, targets[:, None])[:, 0] - logits.logsumexp(dim=1)

    def _whole(self, batch: Batch) -> Tensor:
        """The same from the model's own logits, a chain at a time: for heads that are not known."""
        width = batch.ids.shape[1]
        found: list[Tensor] = []
        for at in range(batch.ids.shape[0]):
            own = (batch.rows >= at * width) & (batch.rows < (at + 1) * width)
            logits: Tensor = self.model(input_ids=batch.ids[at : at + 1], use_cache=False).logits[0]
            picked = logits[batch.rows[own] - at * width].float()
            found.append(picked.gather(1, batch.targets[own][:, None])[:, 0] - picked.logsumexp(dim=1))
        return torch.cat(found)

    def _head_is_known(self) -> bool:
        """Whether the head is a product with its matrix (and a soft cap): it says what the model itself says."""
        ids = torch.arange(min(PROBE, self.vocabulary), device=self.device)[None]
        with torch.no_grad():
            own = self.model(input_ids=ids, use_cache=False).logits[0].float()
            ours = self.logits(self._backbone(input_ids=ids, use_cache=False).last_hidden_state[0])
        near = 1e-4 if own.dtype == self._head.weight.dtype else 2e-2
        return bool(torch.allclose(own, ours, rtol=near, atol=near * max(1.0, float(own.abs().max()))))


def step_sums(values: Tensor, batch: Batch) -> Tensor:
    """[S] float32, the sum over the tokens of each step, of values [R]."""
    return torch.zeros(batch.size, dtype=torch.float32, device=values.device).index_add(0, batch.steps, values.float())
