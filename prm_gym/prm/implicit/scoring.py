"""The implicit reward of every step of many chains: one forward of the model and one of its reference for each chain, many chains at once.

    r_i = beta * sum_{t in step i} [log pi(y_t | y_<t) - log ref(y_t | y_<t)],     Q_i = r_1 + ... + r_i

Source: Yuan et al. 2024, Free Process Rewards without Process Labels (2412.01981), equations 2-4; Cui et al. 2025, PRIME (2502.01456). The authors reward
tokens; a step gets the sum over its tokens, the separator after it included. What was seen (observations) is context and counted in no step, as in iStar
(2509.19199).
"""

import math
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import msgspec

from prm_gym.chains import Chain, chain_keys
from prm_gym.errors import CheckpointError, MissingExtraError, OptionError
from prm_gym.prm.batching import length_sorted
from prm_gym.prm.implicit.encoding import ChainEncoder, Span, Spanned, Template
from prm_gym.prm.implicit.loading import (
    Device,
    ImplicitSettings,
    Precision,
    base_of,
    load_model,
    load_tokenizer,
    mark_of,
    read_settings,
    require_same_tokens,
)
from prm_gym.prm.implicit.logprobs import Batch, CausalModel, collate, step_sums

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

BATCH_TOKENS = {"cpu": 4096, "cuda": 65536}


class StepReward(msgspec.Struct, frozen=True, gc=False):
    """What the two models say of one step.

    Attributes:
        reward: r_i; None where there is none, with the reason.
        tokens: of the step, the separator included.
        windowed: older steps were left out, because the chain is longer than the context.
        reason: why there is no reward.
        silent: both models say exactly the same of the step: the sum over steps goes on without it.
    """

    reward: float | None
    tokens: int
    windowed: bool = False
    reason: str = ""
    silent: bool = False


class Window(msgspec.Struct, frozen=True):
    """A part of a chain that fits the context.

    Attributes:
        tokens: the problem and some steps in a row.
        first: index in the chain of the first step of `tokens`.
        scored: index of the first step whose reward is read here; those before it are context.
    """

    tokens: Spanned
    first: int
    scored: int


class ImplicitScorer:
    """Two causal language models side by side.

    Attributes:
        encoder: writes chains.
        beta: of the reward.
        counters: chains and steps asked for, steps found in the cache, tokens that went through each model, and these with padding.
    """

    def __init__(
        self,
        model: CausalModel,
        reference: CausalModel | None,
        encoder: ChainEncoder,
        *,
        beta: float = 0.05,
        batch_tokens: int | None = None,
        max_tokens: int | None = None,
        cache: int = 100_000,
    ) -> None:
        """Put two loaded models together; see `load_scorer` for paths.

        Args:
            model: pi.
            reference: ref, with the same tokens; None when `model` is an adapter over it.
            encoder: of their tokenizer.
            beta: of the reward, > 0.
            batch_tokens: tokens of a padded batch.
            max_tokens: of a chain; longer ones are read in windows. The smaller context of the two models unless given.
            cache: steps to remember; 0 for none.

        Raises:
            OptionError: an option has a value that cannot be honoured.
            CheckpointError: the models do not go together.
        """
        if not (math.isfinite(beta) and beta > 0.0):
            raise OptionError(f"beta is positive, got {beta!r}")
        if reference is None and not hasattr(model.model, "disable_adapter"):
            raise CheckpointError("An implicit reward needs a reference model: give ref=PATH, or an adapter (LoRA), whose base is its reference.")
        self.model, self.reference, self.encoder, self.beta = model, reference, encoder, beta
        self.batch_tokens = batch_tokens or BATCH_TOKENS[model.device.type]
        self.max_tokens = max_tokens or min(model.longest, (reference or model).longest)
        self.counters = dict.fromkeys(("chains", "steps", "cached", "tokens", "padded"), 0)
        most = max(token for token in encoder.tokenizer.get_vocab().values())
        for one in (model, reference):
            if one is not None and one.vocabulary <= most:
                raise CheckpointError(
                    f"The tokenizer has tokens up to {most}, and {type(one.model).__name__} knows {one.vocabulary}: they do not belong together."
                )
        self._cache: OrderedDict[str, StepReward] = OrderedDict()
        self._room = cache

    def rewards(self, chains: Sequence[Chain]) -> list[list[StepReward]]:
        """One reward a step of each chain, in order."""
        keys = [chain_keys(chain) for chain in chains]
        self.counters["chains"] += len(chains)
        self.counters["steps"] += sum(map(len, chains))
        found: dict[str, StepReward] = {key: self._cache[key] for own in keys for key in own if key in self._cache}
        self.counters["cached"] += sum(key in found for own in keys for key in own)
        asked: dict[str, int] = {own[-1]: at for at, own in enumerate(keys) if own and not all(key in found for key in own)}
        work: list[tuple[Window, list[str]]] = []
        for at in asked.values():
            encoded = self.encoder.encode(chains[at])
            for window in windows(encoded, self.max_tokens):
                work.append((window, keys[at]))
            found |= {key: StepReward(None, span.end - span.start, reason=self._too_long(encoded)) for key, span in zip(keys[at], encoded.spans, strict=True)}
        for part in length_sorted([len(window.tokens.token_ids) for window, _ in work], self.batch_tokens):
            self._read([work[at] for at in part], found)
        self._remember({key: found[key] for at in asked.values() for key in keys[at]})
        return [[found[key] for key in own] for own in keys]

    def log_ratios(self, batch: Batch) -> Tensor:
        """[R] float32, log pi - log ref of each token of a step; without gradients."""
        with torch.inference_mode():
            own = self.model.logprobs(batch)
            if self.reference is not None:
                return own - self.reference.logprobs(batch)
            with self.model.model.disable_adapter():
                return own - self.model.logprobs(batch)

    def _read(self, work: Sequence[tuple[Window, list[str]]], found: dict[str, StepReward]) -> None:
        batch = collate([window.tokens for window, _ in work], self.model.device)
        self.counters["tokens"] += sum(len(window.tokens.token_ids) for window, _ in work)
        self.counters["padded"] += batch.ids.numel()
        ratios = self.log_ratios(batch)
        sums, sizes = step_sums(ratios, batch), step_sums(ratios.abs(), batch)
        totals = cast("list[list[float]]", torch.stack([sums * self.beta, sizes]).tolist())  # one copy to the host a batch
        at = 0
        for window, keys in work:
            for index, span in enumerate(window.tokens.spans, window.first):
                if index >= window.scored:
                    found[keys[index]] = _reward(totals[0][at], totals[1][at], span, window.first > 0)
                at += 1

    def _remember(self, found: dict[str, StepReward]) -> None:
        self._cache |= found
        while len(self._cache) > self._room:
            self._cache.popitem(last=False)

    def _too_long(self, encoded: Spanned) -> str:
        opening = encoded.spans[0].start if encoded.spans else len(encoded.token_ids)
        if opening >= self.max_tokens:
            return f"the problem has {opening} tokens, and the models read {self.max_tokens}"
        return f"the step does not fit the {self.max_tokens} tokens that the models read"


def windows(encoded: Spanned, longest: int) -> Iterator[Window]:
    """The parts in which a chain is read: the whole where it fits, else the problem and some steps in a row.

    Where a step does not fit any more, a new window begins with the problem and the newest steps that fill up to half of what is left, and goes on from there.
    Where a window ends depends on the steps up to there alone, so what is said of a step does not depend on later ones. A step that does not fit beside the
    problem is in no window.

    Args:
        encoded: the chain.
        longest: tokens of a window.
    """
    spans = encoded.spans
    if not spans:
        return
    opening = spans[0].start
    first, at, scored = 0, 0, 0
    while at < len(spans):
        used = spans[at].end - _begin(spans, first)
        if opening + used <= longest:
            at += 1
            continue
        if at > scored:
            yield _window(encoded, first, scored, at)
        scored = at
        if opening + spans[at].end - _begin(spans, at) > longest:
            at += 1
            scored = first = at
            continue
        fresh = at
        while fresh > first + 1 and 2 * (spans[at].end - _begin(spans, fresh - 1)) <= longest - opening:
            fresh -= 1
        first = fresh
    if at > scored:
        yield _window(encoded, first, scored, at)


def _begin(spans: Sequence[Span], at: int) -> int:
    """Where a step begins, with what was seen before it."""
    return spans[at - 1].end if at else spans[0].start


def _window(encoded: Spanned, first: int, scored: int, end: int) -> Window:
    opening, begin = encoded.spans[0].start, _begin(encoded.spans, first)
    shift = begin - opening
    ids = encoded.token_ids[:opening] + encoded.token_ids[begin : encoded.spans[end - 1].end]
    return Window(Spanned(ids, tuple(Span(span.start - shift, span.end - shift) for span in encoded.spans[first:end])), first, scored)


def _reward(reward: float, size: float, span: Span, windowed: bool) -> StepReward:
    tokens = span.end - span.start
    if not (math.isfinite(reward) and math.isfinite(size)):
        return StepReward(None, tokens, windowed, "a model gave no finite log-probability")
    if size == 0.0:
        reason = "the model and its reference say exactly the same of every token of the step: nothing was learnt about it"
        return StepReward(None, tokens, windowed, reason, silent=True)
    return StepReward(reward, tokens, windowed)


def load_scorer(
    path: str,
    ref: str | None = None,
    *,
    beta: float | None = None,
    template: Template | None = None,
    device: Device = "auto",
    dtype: Precision = "auto",
    batch_tokens: int | None = None,
    max_tokens: int | None = None,
    trust_remote_code: bool = False,
) -> ImplicitScorer:
    """The scorer of a checkpoint and its reference.

    Args:
        path: of the trained model: a folder, a name on the hub, or an adapter.
        ref: of the reference; what the checkpoint says of itself unless given (`prm_gym_implicit.json`; the base of an adapter).
        beta: likewise; 0.05 where nothing says otherwise.
        template: likewise.
        device: "auto" for CUDA where there is one.
        dtype: "auto" for bfloat16 on CUDA and float32 on the CPU.
        batch_tokens: tokens of a padded batch.
        max_tokens: of a chain; longer ones are read in windows.
        trust_remote_code: run the code that a checkpoint brings.

    Raises:
        CheckpointError: something cannot be loaded, there is no reference, or the two have different tokenizers.
        OptionError: an option has a value that cannot be honoured.
    """
    said = read_settings(path) or ImplicitSettings()
    named = reference_of(path, ref, said)
    own = load_model(path, device, dtype, trust_remote_code=trust_remote_code)
    tokenizer = load_tokenizer(path, trust_remote_code=trust_remote_code)
    reference = None
    if named:
        require_same_tokens(tokenizer, load_tokenizer(named, trust_remote_code=trust_remote_code), f"{path} and its reference {named}")
        if hasattr(own, "merge_and_unload"):
            own = own.merge_and_unload()
        reference = CausalModel(load_model(named, device, dtype, trust_remote_code=trust_remote_code))
    encoder = ChainEncoder(tokenizer, said.template if template is None else template, said.separator)
    chosen = said.beta if beta is None else beta
    return ImplicitScorer(CausalModel(own), reference, encoder, beta=chosen, batch_tokens=batch_tokens, max_tokens=max_tokens)


def reference_of(path: str, ref: str | None, said: ImplicitSettings) -> str:
    """The checkpoint of the reference; "" when it is the base of an adapter.

    Raises:
        CheckpointError: nothing names one, or it is the model itself.
    """
    base = base_of(path)
    named = ref or said.reference
    if named and not ref and (Path(path) / named).is_dir():
        named = str(Path(path) / named)
    if named and base and (named == base or (Path(named).exists() and Path(base).exists() and Path(named).samefile(base))):
        named = ""
    if not named and not base:
        raise CheckpointError(f"{path} does not say what its reference is; give ref=PATH, the model that its training began from")
    if named and (named == path or (Path(named).exists() and Path(path).exists() and (Path(named).samefile(path) or mark_of(named) == mark_of(path)))):
        raise CheckpointError(f"The reference of {path} is the model itself: every reward would be 0 and tell nothing")
    return named
