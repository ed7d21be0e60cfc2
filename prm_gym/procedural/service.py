"""Entries and scores, from worker processes that all users in a process share."""

import json
import math
import weakref
from collections import OrderedDict
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Literal

import msgspec

from prm_gym.claims import ReasoningGymAnswer
from prm_gym.errors import EnvironmentFault, MissingExtraError, OptionError
from prm_gym.procedural.catalogue import ALL_OR_NOTHING
from prm_gym.procedural.wall import AnswerError, admitted
from prm_gym.task import content_key
from prm_gym.workers import JobResult, WorkerPool
from prm_gym.workers.pool import FORK_LOCK

MAKE_SECONDS = 60.0
SCORE_SECONDS = 5.0
FORM_ALONE = 0.1  # scorers pay up to this for an answer that is wrong and well formed
MOST_REMEMBERED = 4096

# Some data sets depend on the order of sets.
_ENVIRONMENT = {"PYTHONHASHSEED": "0"}


class Source(msgspec.Struct, frozen=True, gc=False):
    """Where entries come from.

    Attributes:
        dataset: name of a served data set, or "composite".
        config: its options, as a JSON object.
        difficulty: level of its curriculum, from 1 on; 0 for the configuration as it is.
        seed: of the data set.
        size: number of its entries.
    """

    dataset: str
    config: str
    difficulty: int
    seed: int
    size: int


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry of a data set.

    Attributes:
        question: the question.
        entry: the entry as its scorer needs it, as JSON.
        gold: a known answer, which earns the full score.
        dataset: the data set it is from; of a composite, the part.
        config: options of that data set, as JSON.
        difficulty: level of its curriculum; 0 for none.
        index: its place in the data set.
    """

    question: str
    entry: str
    gold: str
    dataset: str
    config: str
    difficulty: int
    index: int


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
    """Makes entries and scores answers. All services of a process share two workers and what they remember; these end when the last service is closed.

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
        result = self._pool("entry_maker").run((msgspec.structs.astuple(source), None))
        if result.status != "ok":
            raise OptionError(f"reasoning-gym cannot make the data set {source.dataset!r} with these options: {result.reason}")
        _TRIED.add(source)

    def entry(self, source: Source, index: int) -> Entry:
        """Entry `index` of a data set. An entry without a known answer that its own scorer takes as right is passed over for the next.

        Raises:
            EnvironmentFault: the package makes none.
        """
        result = self._pool("entry_maker").run((msgspec.structs.astuple(source), index))
        if result.status != "ok":
            raise EnvironmentFault(f"reasoning-gym makes no entry {index} of {source.dataset!r}: {result.reason}")
        return Entry(**result.value)

    def score(self, claims: Sequence[ReasoningGymAnswer]) -> list[Scored]:
        """What the answers are worth, in order.

        Raises:
            WorkerError: the workers cannot be started.
        """
        keys = [content_key(claim.dataset, claim.config, str(claim.difficulty), claim.entry, claim.answer) for claim in claims]
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
        jobs = [(claim.dataset, claim.config, claim.difficulty, claim.entry, claim.answer) for claim in asked.values()]
        if jobs:
            results = self._pool("answer_scorer").map(jobs)
            found.update((key, _scored(claim.dataset, result)) for (key, claim), result in zip(asked.items(), results, strict=True))
        with FORK_LOCK:
            for key in keys:
                _SCORES[key] = found[key]
                _SCORES.move_to_end(key)
            while len(_SCORES) > MOST_REMEMBERED:
                _SCORES.popitem(last=False)
        return [found[key] for key in keys]

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
                pool = _POOLS[function] = WorkerPool(path, setup=(), workers=2, deadline=seconds, environment=_ENVIRONMENT)
            return pool


# Under the lock that forks wait for, so that none sees half of them.
_POOLS: dict[str, WorkerPool] = {}
_USERS: "weakref.WeakSet[ReasoningGymService]" = weakref.WeakSet()
_TRIED: set[Source] = set()
_SCORES: "OrderedDict[str, Scored]" = OrderedDict()


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
