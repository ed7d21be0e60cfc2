"""The implicit reward of every step of many chains: one forward of the model and one of its reference for each chain, many chains at once.

    r_i = beta * sum_{t in step i} [log pi(y_t | y_<t) - log ref(y_t | y_<t)],     Q_i = r_1 + ... + r_i

Source: Yuan et al. 2024, Free Process Rewards without Process Labels (2412.01981), equations 2-4; Cui et al. 2025, PRIME (2502.01456). The authors reward
tokens; a step gets the sum over its tokens, the separator after it included. What was seen (observations) is context and counted in no step, as in iStar
(2509.19199).
"""

import math
from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import msgspec

from prm_gym.chains import Chain, chain_keys
from prm_gym.errors import CheckpointError, MissingExtraError, OptionError
from prm_gym.lm.batching import length_sorted
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
from prm_gym.prm.implicit.logprobs import Batch, Beginning, CausalModel, collate, step_sums
from prm_gym.prm.prefixes import Prefix, PrefixCache, row_of
from prm_gym.task import content_key

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

BATCH_TOKENS = {"cpu": 4096, "cuda": 65536}
SHORTEST_PREFIX = 8  # tokens; to take up fewer costs more than to read them


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


class _Work(msgspec.Struct):
    """A window to run, and what is kept of it."""

    window: Window
    keys: list[str]
    taken: int = 0  # tokens that need not be run
    prefixes: list[Prefix] = []
    keep: str = ""  # under which key its keys and values are kept; empty for not
    problem: str = ""

    @property
    def tokens(self) -> int:
        """That have to be run."""
        return len(self.window.tokens.token_ids) - self.taken


class ImplicitScorer:
    """Two causal language models side by side.

    Attributes:
        encoder: writes chains.
        beta: of the reward.
        name: of the reference's checkpoint, where it is known.
        counters: chains and steps asked for, steps found in the cache, tokens that went through each model, these with padding,
            and tokens whose keys and values were kept from an earlier pass.
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
        prefix_megabytes: int | None = None,
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
            prefix_megabytes: of keys and values that are kept for episodes under way, of both models; 0 for none, 2,048 on CUDA and 256 elsewhere unless given.

        Raises:
            OptionError: an option has a value that cannot be honoured.
            CheckpointError: the models do not go together.
        """
        if not (math.isfinite(beta) and beta > 0.0):
            raise OptionError(f"beta is positive, got {beta!r}")
        if reference is None and not hasattr(model.model, "disable_adapter"):
            raise CheckpointError("An implicit reward needs a reference model: give ref=PATH, or an adapter (LoRA), whose base is its reference.")
        self.model, self.reference, self.encoder, self.beta, self.name = model, reference, encoder, beta, ""
        self.batch_tokens = batch_tokens or BATCH_TOKENS[model.device.type]
        self.max_tokens = max_tokens or min(model.longest, (reference or model).longest)
        self.counters = dict.fromkeys(("chains", "steps", "cached", "tokens", "padded", "reused"), 0)
        most = max(token for token in encoder.tokenizer.get_vocab().values())
        for one in (model, reference):
            if one is not None and one.vocabulary <= most:
                raise CheckpointError(
                    f"The tokenizer has tokens up to {most}, and {type(one.model).__name__} knows {one.vocabulary}: they do not belong together."
                )
        self._cache: OrderedDict[str, StepReward] = OrderedDict()
        self._room = cache
        megabytes = (2048 if model.device.type == "cuda" else 256) if prefix_megabytes is None else prefix_megabytes
        self._prefixes = (PrefixCache(megabytes << 19), PrefixCache(megabytes << 19))
        self._reuses: bool | None = None

    def rewards(self, chains: Sequence[Chain]) -> list[list[StepReward]]:
        """One reward a step of each chain, in order."""
        keys = [chain_keys(chain) for chain in chains]
        self.counters["chains"] += len(chains)
        self.counters["steps"] += sum(map(len, chains))
        found: dict[str, StepReward] = {key: self._cache[key] for own in keys for key in own if key in self._cache}
        self.counters["cached"] += sum(key in found for own in keys for key in own)
        asked: dict[str, int] = {own[-1]: at for at, own in enumerate(keys) if own and not all(key in found for key in own)}
        work: list[_Work] = []
        for at in asked.values():
            encoded = self.encoder.encode(chains[at])
            missing = [index for index, key in enumerate(keys[at]) if key not in found]
            work += self._work(chains[at], encoded, keys[at], missing)
            found |= {keys[at][index]: StepReward(None, encoded.spans[index].size, reason=self._too_long(encoded)) for index in missing}
        for begun in (False, True):  # those that go on from a prefix need a mask, which the others are faster without
            group = [one for one in work if (one.taken > 0) == begun]
            for part in length_sorted([one.tokens for one in group], self.batch_tokens):
                self._read([group[at] for at in part], found)
        self._remember({key: found[key] for at in asked.values() for key in keys[at]})
        return [[found[key] for key in own] for own in keys]

    def log_ratios(self, batch: Batch) -> Tensor:
        """[R] float32, log pi - log ref of each token of a step; without gradients."""
        with torch.inference_mode():
            own = self.model.logprobs(batch)
            with self._as_reference() as reference:
                return own - reference.logprobs(batch)

    @contextmanager
    def _as_reference(self) -> Generator[CausalModel]:
        """The reference: another model, or the base of the adapter."""
        if self.reference is not None:
            yield self.reference
            return
        with self.model.model.disable_adapter():
            yield self.model

    def _work(self, chain: Chain, encoded: Spanned, keys: list[str], missing: list[int]) -> list["_Work"]:
        """What has to be run for the missing steps of a chain."""
        parts = list(windows(encoded, self.max_tokens))
        growing = missing == [len(keys) - 1] and len(parts) == 1 and parts[0].first == 0
        if not growing or not self._goes_on():
            return [_Work(part, keys) for part in parts if any(index in missing for index in range(part.scored, part.first + len(part.tokens.spans)))]
        only, problem = parts[0], content_key("problem", chain.problem)
        work = _Work(msgspec.structs.replace(only, scored=missing[0]), keys, keep=keys[-1], problem=problem)
        prefixes = [cache.find([*keys[:-1][::-1], problem]) for cache in self._prefixes]
        if all(prefix is not None for prefix in prefixes):
            taken = min(prefix.common(encoded.token_ids) for prefix in prefixes if prefix is not None)
            taken = min(taken, encoded.spans[missing[0]].start - 1)
            if taken >= SHORTEST_PREFIX:
                work.taken, work.prefixes = taken, [prefix for prefix in prefixes if prefix is not None]
        return [work]

    def _goes_on(self) -> bool:
        if self._reuses is None:
            self._reuses = self._prefixes[0].limit > 0 and all(model.goes_on() for model in (self.model, self.reference) if model is not None)
        return self._reuses

    def _read(self, work: "Sequence[_Work]", found: dict[str, StepReward]) -> None:
        first = [one.window.scored - one.window.first for one in work]
        begun = [Beginning(one.taken, at) for one, at in zip(work, first, strict=True)]
        batch = collate([one.window.tokens for one in work], self.model.device, begun)
        self.counters["tokens"] += sum(one.tokens for one in work)
        self.counters["padded"] += batch.ids.numel()
        self.counters["reused"] += sum(one.taken for one in work)
        ratios = self._going_on(work, batch, begun) if any(one.keep for one in work) else self.log_ratios(batch)
        sums, sizes = step_sums(ratios, batch), step_sums(ratios.abs(), batch)
        totals = cast("list[list[float]]", torch.stack([sums * self.beta, sizes]).tolist())  # one copy to the host a batch
        at = 0
        for one in work:
            for index in range(one.window.scored, one.window.first + len(one.window.tokens.spans)):
                span = one.window.tokens.spans[index - one.window.first]
                found[one.keys[index]] = _reward(totals[0][at], totals[1][at], span, one.window.first > 0)
                at += 1

    @torch.inference_mode()
    def _going_on(self, work: "Sequence[_Work]", batch: Batch, begun: Sequence[Beginning]) -> Tensor:
        """[R] log-ratios of chains under way; keys and values are kept for their next steps."""
        with self._as_reference() as reference:
            theirs = self._half(1, reference, work, batch, begun)
        return self._half(0, self.model, work, batch, begun) - theirs

    def _half(self, which: int, model: CausalModel, work: "Sequence[_Work]", batch: Batch, begun: Sequence[Beginning]) -> Tensor:
        own = [begin._replace(prefix=one.prefixes[which] if one.taken else None) for begin, one in zip(begun, work, strict=True)]
        said, cache = model.going_on(batch, own, [one.tokens for one in work])
        past = max(one.taken for one in work)
        for row, one in enumerate(work):
            if one.keep:
                self._prefixes[which].keep(one.keep, one.problem, row_of(cache, row, past - one.taken, past + one.tokens, one.window.tokens.token_ids))
        return said

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
    tokens = span.size
    if not (math.isfinite(reward) and math.isfinite(size)):
        return StepReward(None, tokens, windowed, "a model gave no finite log-probability")
    if size == 0.0:
        reason = "the model and its reference say exactly the same of every token of the step: nothing was learnt about it"
        return StepReward(None, tokens, windowed, reason, silent=True)
    return StepReward(reward, tokens, windowed)


def load_scorer(  # noqa: PLR0913 - what a specification may say
    path: str,
    ref: str | None = None,
    *,
    beta: float | None = None,
    template: Template | None = None,
    device: Device = "auto",
    dtype: Precision = "auto",
    batch_tokens: int | None = None,
    max_tokens: int | None = None,
    prefix_megabytes: int | None = None,
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
        prefix_megabytes: of keys and values that are kept for episodes under way; 0 for none.
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
    made = ImplicitScorer(
        CausalModel(own), reference, encoder, beta=chosen, batch_tokens=batch_tokens, max_tokens=max_tokens, prefix_megabytes=prefix_megabytes
    )
    made.name = named or base_of(path)
    return made


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
