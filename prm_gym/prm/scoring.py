"""Scores of all steps of many chains: one forward a chain, many chains a forward, and nothing twice."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import torch
from torch import Tensor

from prm_gym.chains import Chain, chain_keys
from prm_gym.errors import OptionError
from prm_gym.lm.batching import length_sorted, packed
from prm_gym.prm.loading import Checkpoint
from prm_gym.prm.prefixes import Prefix, PrefixCache, joined, reusable, row_of
from prm_gym.prm.windows import Window, windows
from prm_gym.task import content_key

BATCHES_AT_ONCE = 16  # are sorted by length together
NO_MEMORY = "the device has not enough memory"
NO_NUMBER = "what the model says is no number; its weights are broken, or too large for this dtype"
SHORTEST_PREFIX = 8  # tokens; to take up fewer costs more than to read them


class StepScore(msgspec.Struct, frozen=True, gc=False):
    """What a model says of a step.

    Attributes:
        score: P(step is right), in [0, 1]; None where it cannot be told.
        outputs: [D] the numbers that the score was made of: logits, or a value.
        position: of the token where they were read.
        start: the first step that the model saw; those before it were left out, because the chain is longer than its context.
        reason: why there is no score; else empty.
    """

    score: float | None
    outputs: tuple[float, ...] = ()
    position: int = -1
    start: int = 0
    reason: str = ""


class Usage(msgspec.Struct):
    """What scoring has cost so far.

    Attributes:
        chains: asked for.
        steps: scored by the model.
        cached: steps whose scores were known.
        forwards: passes through the model.
        tokens: that went through it.
        padding: places beside them that held none.
        reused: tokens whose keys and values were kept from an earlier pass.
    """

    chains: int = 0
    steps: int = 0
    cached: int = 0
    forwards: int = 0
    tokens: int = 0
    padding: int = 0
    reused: int = 0


class _Job(msgspec.Struct):
    """A sequence to run, and the steps whose scores are read from it."""

    token_ids: list[int]
    positions: list[int]
    keys: list[str]  # of the steps to read
    start: int
    prefix: Prefix | None = None
    taken: int = 0  # tokens of the prefix that need not be run
    keep: str = ""  # under which key its prefix is kept; empty for not
    problem: str = ""

    @property
    def tokens(self) -> int:
        """That have to be run."""
        return len(self.token_ids) - self.taken


class Scorer:
    """Scores chains with a checkpoint.

    A chain is read in one forward, whatever the number of its steps; chains are sorted by length and share forwards; only the hidden states at the positions of
    steps go through the head. Scores are remembered by what the steps say. Where a chain came with one new step, as in an episode under way, its keys and
    values are kept, and the next step costs its own tokens. All of these give the same scores up to rounding.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        batch_tokens: int = 0,
        prefix_megabytes: int = -1,
        cached_steps: int = 100_000,
        packing: bool | None = None,
    ) -> None:
        """Prepare; nothing is run yet.

        Args:
            checkpoint: loaded.
            batch_tokens: of a forward, with padding; 0 for 16,384 on CUDA and 4,096 elsewhere.
            prefix_megabytes: of keys and values that are kept; 0 for none, -1 for 1,024 on CUDA and 256 elsewhere.
            cached_steps: whose scores are remembered; 0 for none.
            packing: chains stand one after the other in rows without padding, each seeing itself alone. None packs where the model's attention is made for it
                (flash attention); on others the mask costs more than the padding.

        Raises:
            OptionError: a number is negative.
        """
        if batch_tokens < 0 or prefix_megabytes < -1 or cached_steps < 0:
            raise OptionError(f"batch_tokens and cached_steps are not negative, got {batch_tokens} and {cached_steps}; prefix_megabytes is {prefix_megabytes}")
        on_cuda = checkpoint.device.startswith("cuda")
        self.checkpoint, self.usage = checkpoint, Usage()
        self.batch_tokens = batch_tokens or (16_384 if on_cuda else 4_096)
        self.packing = str(checkpoint.backbone.config._attn_implementation).startswith("flash") if packing is None else packing
        megabytes = (1_024 if on_cuda else 256) if prefix_megabytes < 0 else prefix_megabytes
        self.prefixes = PrefixCache(megabytes << 20)
        self.cached_steps = cached_steps
        self._scores: OrderedDict[str, StepScore] = OrderedDict()
        self._reuses: bool | None = None if megabytes else False

    def score(self, chains: Sequence[Chain]) -> list[tuple[StepScore, ...]]:
        """[chains][steps] what the model says of every step. Several threads may ask; they wait for one another."""
        with self.checkpoint.lock:
            return self._score(chains)

    def _score(self, chains: Sequence[Chain]) -> list[tuple[StepScore, ...]]:
        self.usage.chains += len(chains)
        keys = [chain_keys(chain) for chain in chains]
        known = {key: self._scores[key] for of_chain in keys for key in of_chain if key in self._scores}
        self.usage.cached += sum(key in known for of_chain in keys for key in of_chain)
        done: list[tuple[list[_Job], Tensor]] = []
        jobs: list[_Job] = []
        for chain, of_chain in zip(chains, keys, strict=True):
            if any(key not in known for key in of_chain):
                jobs += self._jobs(chain, of_chain, known)
            if sum(job.tokens for job in jobs) >= BATCHES_AT_ONCE * self.batch_tokens:
                self._launch(jobs, done, known)
                jobs = []
        self._launch(jobs, done, known)
        self._read(done, known)
        for of_chain in keys:
            for key in of_chain:
                # Another time there may be enough memory; and what is no number may come of a later step of the chain, which attention weighs with zero.
                if not known[key].reason.startswith((NO_MEMORY, NO_NUMBER)):
                    self._scores[key] = known[key]
                    self._scores.move_to_end(key)
        while len(self._scores) > self.cached_steps:
            self._scores.popitem(last=False)
        return [tuple(known[key] for key in of_chain) for of_chain in keys]

    def clear(self) -> None:
        """Forget scores and prefixes."""
        self._scores.clear()
        self.prefixes.clear()

    def _jobs(self, chain: Chain, keys: list[str], known: dict[str, StepScore]) -> list[_Job]:
        """What has to be run for the steps of a chain that are not known; these are entered in `known`, for now without a score."""
        missing = [at for at, key in enumerate(keys) if key not in known]
        limit = self.checkpoint.max_context
        found: list[_Job] = []
        for window in windows(self.checkpoint.family, self.checkpoint.tokenizer, chain, limit):
            wanted = [at for at in missing if window.first <= at < window.end]
            if not wanted:
                continue
            job = self._job(chain, keys, window, wanted, growing=len(missing) == 1 and missing[0] == len(keys) - 1)
            if max(job.token_ids) < self.checkpoint.rows:
                found.append(job)
            else:
                odd = StepScore(None, reason=f"the tokenizer writes a token that the model has no embedding for ({max(job.token_ids)})")
                known |= dict.fromkeys(job.keys, odd)
        unfit = StepScore(None, reason=f"the step does not fit into the model's context of {limit} tokens, even alone with its problem")
        known |= {keys[at]: unfit for at in missing if keys[at] not in known and not any(keys[at] in job.keys for job in found)}
        known |= {key: StepScore(None, reason="not run") for job in found for key in job.keys}
        return found

    def _job(self, chain: Chain, keys: list[str], window: Window, wanted: list[int], growing: bool) -> _Job:
        positions = [window.positions[at - window.first] for at in wanted]
        job = _Job(window.token_ids[: positions[-1] + 1], positions, [keys[at] for at in wanted], window.start, problem=content_key("problem", chain.problem))
        if self._goes_on():
            before = keys[: wanted[0]][::-1]
            job.prefix = self.prefixes.find([*before, job.problem])
            if job.prefix is not None:
                job.taken = min(job.prefix.common(job.token_ids), positions[0])
            if job.taken < SHORTEST_PREFIX:
                job.prefix, job.taken = None, 0
            job.keep = keys[wanted[-1]] if growing else ""
        return job

    def _goes_on(self) -> bool:
        if self._reuses is None:
            self._reuses = reusable(self.checkpoint.backbone, self.checkpoint.device)
        return self._reuses

    def _launch(self, jobs: list[_Job], done: list[tuple[list[_Job], Tensor]], known: dict[str, StepScore]) -> None:
        """Run jobs in batches. CUDA is not waited for: the next chains are tokenised meanwhile."""
        for fresh in (True, False):  # those that go on from a prefix need a mask, which the others are faster without
            group = [job for job in jobs if (job.prefix is None) == fresh]
            lengths = [job.tokens for job in group]
            batches = packed(lengths, self.batch_tokens) if fresh and self.packing else length_sorted(lengths, self.batch_tokens)
            for batch in batches:
                self._batch([group[at] for at in batch], done, known)

    def _read(self, done: list[tuple[list[_Job], Tensor]], known: dict[str, StepScore]) -> None:
        """Wait for what was launched, once, and enter the scores."""
        if not done:
            return
        outputs = torch.cat([found for _, found in done])
        rows = torch.cat([self.checkpoint.family.scores(outputs).float()[:, None], outputs], dim=1)
        scores = cast("list[list[float]]", rows.tolist())
        at = 0
        for batch, _ in done:
            for job in batch:
                for key, position in zip(job.keys, job.positions, strict=True):
                    known[key] = _said(scores[at], position, job.start)
                    at += 1
        self.usage.steps += at

    def _batch(self, jobs: list[_Job], done: list[tuple[list[_Job], Tensor]], known: dict[str, StepScore]) -> None:
        """Run one batch; halves of it where the device has not enough memory."""
        try:
            done.append((jobs, self._forward(jobs)))
            return
        except torch.OutOfMemoryError:
            self.prefixes.clear()
            for job in jobs:
                job.prefix, job.taken = None, 0
        torch.cuda.empty_cache()
        if len(jobs) == 1:
            reason = f"{NO_MEMORY} for {len(jobs[0].token_ids)} tokens"
            known |= dict.fromkeys(jobs[0].keys, StepScore(None, reason=reason))
            return
        half = len(jobs) // 2
        self._batch(jobs[:half], done, known)
        self._batch(jobs[half:], done, known)

    @torch.inference_mode()
    def _forward(self, jobs: list[_Job]) -> Tensor:
        """[steps of the jobs, D] float32, on the device."""
        one_row = self.packing and jobs[0].prefix is None and len(jobs) > 1
        keeping = any(job.keep for job in jobs) and not one_row
        past = max(job.taken for job in jobs)
        width = sum(job.tokens for job in jobs) if one_row else max(job.tokens for job in jobs)
        ids = torch.zeros((1 if one_row else len(jobs), width), dtype=torch.long)
        places = torch.zeros_like(ids)
        rows: list[int] = []
        columns: list[int] = []
        at = 0
        for number, job in enumerate(jobs):
            row, first = (0, at) if one_row else (number, 0)
            ids[row, first : first + job.tokens] = torch.tensor(job.token_ids[job.taken :])
            places[row, first : first + job.tokens] = torch.arange(job.taken, len(job.token_ids))
            rows += [row] * len(job.positions)
            columns += [first + position - job.taken for position in job.positions]
            at += job.tokens
        self.usage.forwards += 1
        self.usage.tokens += at
        self.usage.padding += ids.numel() - at
        self.usage.reused += sum(job.taken for job in jobs)
        options: dict[str, Any] = {"use_cache": keeping or past > 0}
        if past or one_row:
            options["position_ids"] = self._there(places)
        if past:
            mask = torch.zeros((len(jobs), past + width), dtype=torch.long)
            for row, job in enumerate(jobs):
                mask[row, past - job.taken : past + job.tokens] = 1
            options["attention_mask"] = self._there(mask)
        if options["use_cache"]:
            options["past_key_values"] = joined([(job.prefix, job.taken) for job in jobs])
        # Padding stands at the right of what a causal model reads: without a prefix no mask is needed, and attention is at its fastest.
        found = self.checkpoint.backbone(input_ids=self._there(ids), **options)
        if keeping:
            self._keep(jobs, found.past_key_values, past)
        where = self._there(torch.tensor([rows, columns]))
        return self.checkpoint.head(found.last_hidden_state[where[0], where[1]])

    def _keep(self, jobs: list[_Job], cache: Any, past: int) -> None:
        for row, job in enumerate(jobs):
            if job.keep:
                self.prefixes.keep(job.keep, job.problem, row_of(cache, row, past - job.taken, past + job.tokens, job.token_ids))

    def _there(self, tensor: Tensor) -> Tensor:
        """On the device, without waiting for it."""
        return tensor.pin_memory().to(self.checkpoint.device, non_blocking=True) if self.checkpoint.device.startswith("cuda") else tensor


def _said(numbers: list[float], position: int, start: int) -> StepScore:
    score, *outputs = numbers
    if not all(map(math.isfinite, numbers)):
        return StepScore(None, position=position, start=start, reason=NO_NUMBER)
    return StepScore(min(max(score, 0.0), 1.0), tuple(outputs), position, start)
