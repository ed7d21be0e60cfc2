"""Entries and scores, from worker processes that all users in a process share."""

import json
import math
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any, Literal, TypeVar

import msgspec

from prm_gym.claims import ReasoningGymAnswer
from prm_gym.errors import EnvironmentFault, MissingExtraError, OptionError
from prm_gym.procedural.catalogue import ALL_OR_NOTHING
from prm_gym.procedural.entries import Entry, RecentEntries, Source
from prm_gym.procedural.wall import AnswerError, admitted
from prm_gym.task import content_key
from prm_gym.workers import JobResult, WorkerPool
from prm_gym.workers.pool import FORK_LOCK

J = TypeVar("J")

WORKERS = 2
MAKE_SECONDS = 60.0
SCORE_SECONDS = 5.0
FORM_ALONE = 0.1  # scorers pay up to this for an answer that is wrong and well formed
MOST_REMEMBERED = 4096
MOST_KEPT_CHARACTERS = 1 << 25  # of entries
AHEAD = 32  # entries that are made ahead of time, at most
AHEAD_SECONDS = 0.01  # for the entry asked for and those ahead of it: one that takes longer to make is made alone
ENTRIES_TOGETHER, ANSWERS_TOGETHER = 32, 8  # of a batch, that a worker is given at once
TOGETHER_SECONDS = MAKE_SECONDS / 4  # after which it begins no other entry

# Some data sets depend on the order of sets.
_ENVIRONMENT = {"PYTHONHASHSEED": "0"}


class Scored(msgspec.Struct, frozen=True, gc=False):
    """What an answer is worth.

    Attributes:
        status: `ok`; `malformed` or `bounds` (see `AnswerError`; the scorer has not seen it); `timeout`, `error` (the scorer failed over it).
        score: in [0, 1], 0 unless it is above `FORM_ALONE` (of some data sets: unless it is 1); None where nothing can be said.
        raw: what the scorer gave; None where it was not asked.
        reason: one sentence for a person.
    """

    status: Literal["ok", "malformed", "bounds", "timeout", "error"]
    score: float | None = None
    raw: float | None = None
    reason: str = ""


class ReasoningGymService:
    """Makes entries and scores answers. All services of a process share their workers, which end when the last service is closed, and what they remember.

    May be pickled, and used again after `close`.

    Raises:
        MissingExtraError: reasoning-gym is not installed.
    """

    def __init__(self) -> None:
        """Look whether the package is there; no process is started yet."""
        if find_spec("reasoning_gym") is None:
            raise MissingExtraError("reasoning-gym", "reasoning-gym")

    def try_out(self, source: Source) -> None:
        """Make sure that a data set can be made.

        Raises:
            OptionError: it cannot; says what the package says.
        """
        if source in _TRIED:
            return
        result = self._pool("entry_maker").run((msgspec.structs.astuple(source), (), 0.0))
        if result.status != "ok":
            raise OptionError(f"reasoning-gym cannot make the data set {source.dataset!r} with these options: {result.reason}")
        _TRIED.add(source)

    def entry(self, source: Source, index: int, ahead: Callable[[], Iterable[int]] = tuple) -> Entry:
        """Entry `index` of a data set. An entry without a known answer that its own scorer takes as right is passed over for the next.

        Args:
            source: the data set.
            index: place in it.
            ahead: called where the entry has to be made: which others will be wanted next. As many as take little time are made with it, and remembered.

        Raises:
            EnvironmentFault: the package makes none.
        """
        known = _ENTRIES.get((source, index))
        if known is not None:
            return known
        asked = (index, *(other for other in _ENTRIES.unknown(source, ahead()) if other != index))
        result = self._pool("entry_maker").run((msgspec.structs.astuple(source), asked, AHEAD_SECONDS))
        if result.status != "ok" and len(asked) > 1:  # it may be one of the others that hangs or kills the worker
            asked = (index,)
            result = self._pool("entry_maker").run((msgspec.structs.astuple(source), asked, 0.0))
        if result.status != "ok":
            raise EnvironmentFault(f"reasoning-gym makes no entry {index} of {source.dataset!r}: {result.reason}")
        return _kept(source, asked, result.value)[0]

    def prefetch(self, wanted: Iterable[tuple[Source, int]]) -> None:
        """Make entries that are about to be asked for, side by side. Those that cannot be made are left to whoever asks.

        Raises:
            WorkerError: the workers cannot be started.
        """
        indices: dict[Source, list[int]] = {}
        for source, index in wanted:
            indices.setdefault(source, []).append(index)
        blocks = [(source, block) for source, listed in indices.items() for block in _blocks(_ENTRIES.unknown(source, listed), ENTRIES_TOGETHER)]
        if not blocks:
            return
        results = self._pool("entry_maker").map([(msgspec.structs.astuple(source), block, TOGETHER_SECONDS) for source, block in blocks])
        for (source, block), result in zip(blocks, results, strict=True):
            if result.status == "ok":
                _kept(source, block, result.value)

    def score(self, claims: Sequence[ReasoningGymAnswer]) -> list[Scored]:
        """What the answers are worth, in order.

        Raises:
            WorkerError: the workers cannot be started.
        """
        keys = [_key(claim, claim.answer) for claim in claims]
        with FORK_LOCK:
            found = {key: _SCORES[key] for key in keys if key in _SCORES}
        asked: dict[str, ReasoningGymAnswer] = {}
        for key, claim in zip(keys, claims, strict=True):
            if key in found or key in asked:
                continue
            refused = _refused(claim)
            if refused is None:
                asked[key] = claim
            else:
                found[key] = refused
        if asked:
            found.update(zip(asked, self._asked(list(asked.values())), strict=True))
        _remember({key: found[key] for key in keys})
        return [found[key] for key in keys]

    def _asked(self, claims: Sequence[ReasoningGymAnswer]) -> list[Scored]:
        """What the scorers give. One that hangs or kills its worker spoils the scores of the answers beside it, which are then asked for one by one."""
        jobs = [(claim.dataset, claim.config, claim.difficulty, claim.entry, claim.answer) for claim in claims]
        pool, blocks = self._pool("answer_scorer"), _blocks(jobs, ANSWERS_TOGETHER)
        results: list[JobResult] = []
        for block, result in zip(blocks, pool.map(blocks), strict=True):
            if result.status != "ok" and len(block) > 1:
                for alone in pool.map([(job,) for job in block]):
                    results += _one_each(alone, 1)
            else:
                results += _one_each(result, len(block))
        return [_scored(claim.dataset, result) for claim, result in zip(claims, results, strict=True)]

    def close(self) -> None:
        """Let go of the workers; they end when nobody else in the process uses them."""
        with FORK_LOCK:
            _USERS.discard(self)
            pools = [] if len(_USERS) else list(_POOLS.values())
            if pools:
                _POOLS.clear()
        for pool in pools:
            pool.close()

    def _pool(self, function: str) -> WorkerPool:
        with FORK_LOCK:
            _USERS.add(self)
            pool = _POOLS.get(function)
            if pool is None:
                seconds = MAKE_SECONDS if function == "entry_maker" else SCORE_SECONDS
                path = f"prm_gym.procedural.worker:{function}"
                pool = _POOLS[function] = WorkerPool(path, setup=(), workers=WORKERS, deadline=seconds, environment=_ENVIRONMENT)
            return pool


# Under the lock that forks wait for, so that none sees half of them.
_POOLS: dict[str, WorkerPool] = {}
_USERS: "weakref.WeakSet[ReasoningGymService]" = weakref.WeakSet()
_TRIED: set[Source] = set()
_SCORES: "OrderedDict[str, Scored]" = OrderedDict()
_ENTRIES = RecentEntries(MOST_REMEMBERED, MOST_KEPT_CHARACTERS)


def _remember(scores: Mapping[str, Scored]) -> None:
    with FORK_LOCK:
        for key, scored in scores.items():
            _SCORES[key] = scored
            _SCORES.move_to_end(key)
        while len(_SCORES) > MOST_REMEMBERED:
            _SCORES.popitem(last=False)


def _kept(source: Source, indices: Sequence[int], made: Sequence[dict[str, Any] | None]) -> list[Entry]:
    """The entries that a worker has made of the first of the indices, from now on remembered; and what their known answers earn, which it has found out."""
    entries: list[Entry] = []
    for index, fields in zip(indices, made, strict=False):  # the last ones may not have been begun
        if fields is not None:
            worth: float = fields.pop("worth")
            entry = Entry(**fields)
            _ENTRIES.put((source, index), entry)
            _remember({_key(entry, entry.gold.strip()): _scored(entry.dataset, JobResult(status="ok", value=worth))})
            entries.append(entry)
    return entries


def _key(of: Entry | ReasoningGymAnswer, answer: str) -> str:
    return content_key(of.dataset, of.config, str(of.difficulty), of.entry, answer)


def _blocks(jobs: Sequence[J], most: int) -> list[tuple[J, ...]]:
    """The jobs in blocks of up to `most`, enough of them to give every worker one."""
    size = max(1, min(most, math.ceil(len(jobs) / WORKERS)))
    return [tuple(jobs[begin : begin + size]) for begin in range(0, len(jobs), size)]


def _one_each(result: JobResult, count: int) -> list[JobResult]:
    """The result of a block of answers as results of each; a text in place of a score says how the scorer failed."""
    if result.status != "ok":
        return [result] * count
    return [JobResult(status="ok", value=score) if isinstance(score, float) else JobResult(status="error", reason=score) for score in result.value]


def _refused(claim: ReasoningGymAnswer) -> Scored | None:
    """The score of an answer that no scorer need see, None for others; what the wall refuses never leaves this process."""
    try:
        admitted(claim.dataset, claim.answer, json.loads(claim.entry))
    except AnswerError as error:
        if error.kind == "incorrect":
            return Scored("ok", 0.0, None, error.message)
        return Scored(error.kind, 0.0 if error.kind == "malformed" else None, None, error.message)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return Scored("error", None, None, f"the entry of the claim cannot be read: {type(error).__name__}: {error}")
    return None


def _scored(dataset: str, result: JobResult) -> Scored:
    if result.status == "timeout":
        return Scored("timeout", None, None, f"the scorer of reasoning-gym gave no score within {SCORE_SECONDS:g} s")
    raw = result.value
    if result.status != "ok" or not isinstance(raw, float) or not math.isfinite(raw):
        return Scored("error", None, None, f"the scorer of reasoning-gym failed: {result.reason or raw}")
    score = min(max(raw, 0.0), 1.0)
    least = 1.0 if dataset in ALL_OR_NOTHING else math.nextafter(FORM_ALONE, 1.0)
    return Scored("ok", score if score >= least else 0.0, raw, f"the scorer of reasoning-gym gives {raw:.4g}")
