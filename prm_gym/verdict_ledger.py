"""VerdictLedger: what verifiers have done in the episodes that were played: calls, time, verdicts without a score, and where verifiers and outcomes disagree.

A verdict accepts a step when its score is at least one half, and refuses it below; without a score it does neither.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import combinations

import msgspec

from prm_gym.trajectory import Trajectory
from prm_gym.verdict import Verdict

ACCEPTED_FROM = 0.5
"""The score from which a step counts as accepted."""

_KINDS = ("calls", "seconds", "queued_seconds", "abstain", "timeout", "error")
_UNSCORED = {"timeout": 1, "error": 2}
"""Where the count of a status stands behind the first three; all others are counted as abstentions."""
_AND = "\n"
"""Between the ids of two verifiers; no id holds it."""


class VerifierUse(msgspec.Struct, frozen=True, kw_only=True):
    """What one verifier has done.

    An outcome says nothing of a single step: a solved episode may hold a wrong one. The last four counts show how far verdicts and outcomes go together, which
    is what an agent that is paid for both meets.

    Attributes:
        verifier: its id.
        calls: verdicts asked for.
        abstain: of these, without a score because it could not tell.
        timeout: because it ran out of time.
        error: because it failed.
        seconds: that it worked.
        queued_seconds: that steps waited for it.
        remembered: verdicts that it had given before and took from memory; None where it keeps none, or where that cannot be seen (it ran in other processes).
        solved: valid episodes with an outcome of at least one half, on which it scored a step.
        solved_refused: of these, episodes with a step that it refused.
        unsolved: episodes with an outcome below one half, likewise.
        unsolved_refused: of these, episodes with a step that it refused.
    """

    verifier: str
    calls: int = 0
    abstain: int = 0
    timeout: int = 0
    error: int = 0
    seconds: float = 0.0
    queued_seconds: float = 0.0
    remembered: int | None = None
    solved: int = 0
    solved_refused: int = 0
    unsolved: int = 0
    unsolved_refused: int = 0

    @property
    def scored(self) -> int:
        """Verdicts with a score."""
        return self.calls - self.abstain - self.timeout - self.error


class VerifierPair(msgspec.Struct, frozen=True, kw_only=True):
    """Two verifiers on the same steps.

    Attributes:
        first: id of one.
        second: id of the other.
        both: steps that both scored.
        apart: of these, steps that one accepted and the other refused.
    """

    first: str
    second: str
    both: int = 0
    apart: int = 0


class VerdictLedger:
    """Counts as episodes end; their order makes no difference.

    Attributes:
        counts: numbers by kind and verifier (see `uses` and `pairs`), which add up over ledgers.
    """

    def __init__(self, verifiers: Iterable[str]) -> None:
        """Begin at nothing.

        Args:
            verifiers: their ids; others join when an episode brings verdicts of theirs, as one from a server may.
        """
        self.verifiers: tuple[str, ...] = ()
        self.counts: dict[str, float] = defaultdict(float)
        self._keys: dict[str, tuple[str, ...]] = {}
        for verifier in verifiers:
            self._join(verifier)

    def _join(self, verifier: str) -> tuple[str, ...]:
        """The names of a verifier's counts, which is known from now on."""
        self.verifiers = (*self.verifiers, verifier)
        self._keys[verifier] = tuple(f"{kind}:{verifier}" for kind in _KINDS)
        return self._keys[verifier]

    def total(self, kind: str) -> dict[str, int]:
        """A count by verifier, those without any included.

        Args:
            kind: "calls", "abstain", "timeout" or "error".
        """
        return {verifier: int(self.counts.get(f"{kind}:{verifier}", 0.0)) for verifier in self.verifiers}

    def add(self, trajectory: Trajectory) -> None:
        """Count the verdicts of an episode."""
        refused: dict[str, bool] = {}
        for step in trajectory.steps:
            if step.verdicts:
                self._step(step.verdicts, refused)
        if not trajectory.valid or trajectory.outcome is None:
            return
        end = "solved" if trajectory.outcome >= ACCEPTED_FROM else "unsolved"
        for verifier, any_refused in refused.items():
            self.counts[f"{end}:{verifier}"] += 1
            self.counts[f"{end}_refused:{verifier}"] += any_refused

    def _step(self, verdicts: Mapping[str, Verdict], refused: dict[str, bool]) -> None:
        """Count the verdicts on a step; `refused` says of the verifiers that have scored a step whether they have refused one."""
        counts, sides = self.counts, dict[str, bool]()
        for verifier, verdict in verdicts.items():
            calls, seconds, queued, *unscored = self._keys.get(verifier) or self._join(verifier)
            counts[calls] += 1
            counts[seconds] += verdict.run_seconds
            counts[queued] += verdict.queued_seconds
            if verdict.score is None:
                counts[unscored[_UNSCORED.get(verdict.status, 0)]] += 1
            else:
                sides[verifier] = verdict.score < ACCEPTED_FROM
                refused[verifier] = refused.get(verifier, False) or sides[verifier]
        for first, second in combinations(sorted(sides), 2) if len(sides) > 1 else ():
            counts[f"both:{first}{_AND}{second}"] += 1
            counts[f"apart:{first}{_AND}{second}"] += sides[first] != sides[second]


def uses(counts: Mapping[str, float]) -> tuple[VerifierUse, ...]:
    """What every verifier has done, by id.

    Args:
        counts: of a ledger, or sums of them.
    """
    found: dict[str, dict[str, float]] = {}
    for key, value in counts.items():
        kind, _, verifier = key.partition(":")
        if kind not in ("both", "apart"):
            found.setdefault(verifier, {})[kind] = value if kind in ("seconds", "queued_seconds") else int(value)
    return tuple(msgspec.convert({"verifier": verifier, **found[verifier]}, VerifierUse) for verifier in sorted(found))


def pairs(counts: Mapping[str, float]) -> tuple[VerifierPair, ...]:
    """How often every two verifiers that have scored a step both were apart, by their ids.

    Args:
        counts: of a ledger, or sums of them.
    """
    names = sorted(key.partition(":")[2] for key in counts if key.startswith("both:"))
    return tuple(
        VerifierPair(first=first, second=second, both=int(counts[f"both:{name}"]), apart=int(counts[f"apart:{name}"]))
        for name in names
        for first, _, second in (name.partition(_AND),)
    )
