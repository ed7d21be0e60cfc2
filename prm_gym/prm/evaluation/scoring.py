"""Scores of the steps of chains by any verifier, kept on disk: what has been judged is not judged again.

Chains are judged in batches through the contract of verifiers. A file of scores holds a line a chain; a run that was killed loses the batch it was in, and
the next one asks for what is missing. What failed (an error, a timeout) is never kept: it is asked again.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType

import msgspec

from prm_gym.chains import Chain, chain_keys
from prm_gym.errors import OptionError, StoreError
from prm_gym.prm.evaluation.contexts import contexts_of
from prm_gym.task import content_key
from prm_gym.verdict import Verdict
from prm_gym.verifier import StepContext, Verifier, verify_batch

BATCH = 64
"""Chains judged at once."""

LONGEST_REASON = 300


class StepScore(msgspec.Struct, frozen=True, gc=False):
    """What a verifier said of a step.

    Attributes:
        score: P(step is right) in [0, 1]; None where it cannot tell.
        label: its label, where it gave one.
        status: of the verdict.
        reason: why, where there is no score; shortened.
    """

    score: float | None
    label: str | None = None
    status: str = "ok"
    reason: str = ""


class ChainRequest(msgspec.Struct, frozen=True):
    """A chain to be judged.

    Attributes:
        chain: the problem and the steps.
        gold: the right final answer, for verifiers that grade it; "" where it is not known.
        ends_only: the last step alone is wanted.
        contexts: the steps as they were taken in an environment, with the claims that it made; made from the chain where there are none.
    """

    chain: Chain
    gold: str = ""
    ends_only: bool = False
    contexts: tuple[StepContext, ...] = ()


class _Line(msgspec.Struct, frozen=True):
    key: str
    steps: tuple[StepScore, ...]


class ScoreFile:
    """Scores by the key of what was judged; a file of JSON lines, or nothing but memory."""

    def __init__(self, path: Path | str | None = None) -> None:
        """Read what the file holds and open it for more; a line that a crash has cut is left out.

        Raises:
            StoreError: the file cannot be read or written.
        """
        self._known: dict[str, tuple[StepScore, ...]] = {}
        self._file = None
        if path is None:
            return
        path = Path(path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._read(path)
            self._file = path.open("ab")
            if path.stat().st_size and not path.read_bytes().endswith(b"\n"):
                self._file.write(b"\n")
        except OSError as error:
            raise StoreError(f"the scores in {path} cannot be read or written: {error}") from error

    def _read(self, path: Path) -> None:
        decoder = msgspec.json.Decoder(_Line)
        for line in path.read_bytes().split(b"\n") if path.is_file() else ():
            try:
                found = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):  # an empty one, or one that was cut
                continue
            self._known[found.key] = found.steps

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: str) -> tuple[StepScore, ...] | None:
        """The scores of a key, if they are there."""
        return self._known.get(key)

    def put(self, found: Sequence[tuple[str, tuple[StepScore, ...]]]) -> None:
        """Keep scores; they are on the disk when this returns."""
        self._known.update(found)
        if self._file is not None and found:
            self._file.write(b"".join(msgspec.json.encode(_Line(key, steps)) + b"\n" for key, steps in found))
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> "ScoreFile":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Scored(msgspec.Struct, frozen=True):
    """The scores of chains, and what they took.

    Attributes:
        steps: of each chain, a tuple of its steps' scores (of the last step alone where that was wanted).
        judged: steps that the verifier was asked about.
        kept: steps whose scores were there already.
        failures: reasons of errors and timeouts, with how often each came.
    """

    steps: tuple[tuple[StepScore, ...], ...]
    judged: int
    kept: int
    failures: dict[str, int]


def score_chains(
    verifier: Verifier,
    requests: Sequence[ChainRequest],
    scores: ScoreFile | None = None,
    name: str = "",
    batch: int = BATCH,
    notice: Callable[[int, int], None] | None = None,
) -> Scored:
    """What a verifier says of every step of chains; equal chains are judged once.

    Args:
        verifier: any.
        requests: the chains.
        scores: where they are kept.
        name: the specification that the verifier was made of: part of the key, with its id and version.
        batch: chains judged at once.
        notice: called with how many chains are done, and how many there are.

    Raises:
        OptionError: batch is below 1.
    """
    if batch < 1:
        raise OptionError(f"a batch has at least one chain, got {batch}")
    scores = scores if scores is not None else ScoreFile()
    keys = [_key(verifier, name, request) for request in requests]
    missing = {key: request for key, request in zip(keys, requests, strict=True) if scores.get(key) is None and len(request.chain)}
    kept = sum(1 if request.ends_only else len(request.chain) for key, request in zip(keys, requests, strict=True) if key not in missing)
    judged, failures = 0, dict[str, int]()
    fresh: dict[str, tuple[StepScore, ...]] = {}
    waiting = iter(missing.items())
    while part := list(islice(waiting, batch)):
        found = list(_judged(verifier, part))
        for _, steps in found:
            judged += len(steps)
            for step in steps:
                if step.status in ("error", "timeout"):
                    failures[step.reason] = failures.get(step.reason, 0) + 1
        fresh.update(found)
        scores.put([(key, steps) for key, steps in found if all(step.status in ("ok", "abstain") for step in steps)])
        if notice is not None:
            notice(len(keys) - len(missing) + len(fresh), len(keys))
    return Scored(tuple(scores.get(key) or fresh.get(key, ()) for key in keys), judged, kept, failures)


def _judged(verifier: Verifier, part: Sequence[tuple[str, ChainRequest]]) -> Iterator[tuple[str, tuple[StepScore, ...]]]:
    claims = verifier.wants_claims
    contexts = [_contexts(request, claims) for _, request in part]
    verdicts = iter(verify_batch([verifier], [context for own in contexts for context in own]))
    for (key, _), own in zip(part, contexts, strict=True):
        yield key, tuple(_score(next(verdicts)[verifier.id]) for _ in own)


def _contexts(request: ChainRequest, claims: bool) -> list[StepContext]:
    if request.contexts:
        return list(request.contexts[-1:] if request.ends_only else request.contexts)
    return contexts_of(request.chain, request.gold, with_claims=claims, ends_only=request.ends_only)


def _score(verdict: Verdict) -> StepScore:
    return StepScore(verdict.score, verdict.label, verdict.status, "" if verdict.score is not None else verdict.reason[:LONGEST_REASON])


def _key(verifier: Verifier, name: str, request: ChainRequest) -> str:
    chain = chain_keys(request.chain)[-1] if len(request.chain) else content_key(request.chain.problem)
    taken = [content_key(msgspec.json.encode((step.task.sealed, step.claims), order="sorted").decode()) for step in request.contexts]
    return content_key(name, verifier.id, verifier.version, chain, request.gold, "end" if request.ends_only else "all", *taken)
