"""Advantages: what several credit assigners say of every step of a collection. "Not known" is NaN with a reason, never 0."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from prm_gym.credit import StepBatch
from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.columns import SOURCES
from prm_gym.credit.registry import find_assigner
from prm_gym.credit.signal import SIGNALS, make_signal
from prm_gym.credit.whole import assign_whole, lacking
from prm_gym.errors import CreditError, OptionError, PrmGymError
from prm_gym.plugins import split_options
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import Verdict

MOST_STEPS = 1_000_000
"""Steps of a file that credit is assigned over; all of them have to be in memory at once."""
POSITIVE, NEGATIVE, ZERO, NONE = 1, 2, 4, 8
"""Bits of `Advantages.signs`."""


class Advantages:
    """Advantages by assigner and trajectory, in the order of the collection.

    Attributes:
        names: specifications of the assigners.
        signals: specifications of learned signals, which fill columns that assigners need; each is made anew for every file.
        reasons: by assigner and path, why it says nothing of that file.
    """

    def __init__(self, names: Sequence[str], signals: Sequence[str] = (), notice: Callable[[str], None] | None = None) -> None:
        """Make sure that there are such assigners and signals.

        Args:
            names: of assigners.
            signals: see the class.
            notice: is told what takes long, before it is done.

        Raises:
            UnknownNameError: there is none of a name; says the near miss.
            OptionError: an option of one is unknown, or a signal is named twice.
        """
        for name in names:
            find_assigner(name)
        fills = [split_options(spec)[0].partition(":")[0] for spec in signals]
        for name in fills:
            SIGNALS.load(name)
        if len(set(fills)) < len(fills):
            raise OptionError(f"every learned signal is given once, got {', '.join(signals)}")
        self.names, self.signals = tuple(names), tuple(signals)
        self._notice = notice
        self._failed: dict[str, str] = {}
        self.reasons: dict[str, dict[str, str]] = {name: {} for name in names}
        self._values: dict[str, list[FloatArray | None]] = {name: [] for name in names}

    def add(self, path: str, trajectories: Sequence[Trajectory]) -> None:
        """Assign the credit of one file, whose groups are those of no other one.

        Args:
            path: of the file.
            trajectories: of it, in the order of the collection.
        """
        learnt = [trajectory for trajectory in trajectories if learnable(trajectory)]
        steps = sum(len(trajectory.steps) for trajectory in learnt)
        batch: StepBatch | None = None
        reason = "" if learnt else "no trajectory of the file is valid and has steps"
        if steps > MOST_STEPS:
            reason = f"the file has {steps:,} steps; credit is assigned over {MOST_STEPS:,} at most"
        elif learnt:
            try:
                batch = StepBatch.from_trajectories(learnt)
            except CreditError as error:
                reason = str(error)
        self._failed = {}
        if batch is not None:
            for spec in self.signals:
                batch = self._filled(spec, path, batch)
        for name in self.names:
            found = self._assigned(name, path, batch, reason)
            parts = iter([] if found is None or batch is None else np.split(found, batch.offsets[1:-1]))
            self._values[name] += [next(parts, None) if learnable(trajectory) else None for trajectory in trajectories]

    def of(self, name: str, number: int) -> FloatArray | None:
        """[T] float64 of a trajectory, NaN for a step that is taken out; None where the assigner says nothing of it."""
        return self._values[name][number]

    def signs(self, name: str, number: int) -> int:
        """Which signs the advantages of a trajectory have, as bits; `NONE` where one is not known."""
        values = self.of(name, number)
        if values is None:
            return NONE
        return (
            POSITIVE * bool((values > 0).any()) | NEGATIVE * bool((values < 0).any()) | ZERO * bool((values == 0).any()) | NONE * bool(np.isnan(values).any())
        )

    def said(self, name: str) -> str:
        """What became of an assigner, in words."""
        paths: dict[str, list[str]] = {}
        for path, reason in self.reasons[name].items():
            paths.setdefault(reason, []).append(path)
        return "; ".join(f"not in {', '.join(files)}: {reason}" for reason, files in paths.items()) or "assigned"

    def _filled(self, spec: str, path: str, batch: StepBatch) -> StepBatch:
        """The batch with the columns of a signal, which learns from it where that comes first; as it was where the signal cannot do with it."""
        signal = make_signal(spec, seed=0)
        try:
            steps = signal.cost(batch)
            if steps and self._notice is not None:
                self._notice(f"the signal {spec} takes about {steps:,} environment steps for {path}")
            if signal.learns_first:
                signal.fit(batch)
            return batch.with_columns(signal.columns(batch))
        except PrmGymError as error:
            self._failed |= dict.fromkeys((signal.name, *signal.also), f"the signal {spec} cannot fill it: {error}")
            return batch
        finally:
            signal.close()

    def _lack(self, column: str) -> str:
        """A column that is missing, and how it could be had."""
        said = self._failed.get(column) or SOURCES.get(column, "a column of your own")
        spec = f"{column}:AGENT" if column == "mc_value" else column
        hint = f"; view --signal {spec} may fill it" if column in SIGNALS.names() and column not in self._failed else ""
        return f"{column} ({said}{hint})"

    def _assigned(self, name: str, path: str, batch: StepBatch | None, reason: str) -> FloatArray | None:
        if batch is not None:
            missing = lacking(name, batch)
            reason = "" if not missing else "the trajectories lack " + "; ".join(self._lack(each) for each in missing)
        if batch is not None and not reason:
            try:
                credit = assign_whole(name, batch)
            except (CreditError, OptionError) as error:
                reason = str(error)
            else:
                return np.where(credit.keep, credit.advantages, np.nan)
        self.reasons[name][path] = reason
        return None


def learnable(trajectory: Trajectory) -> bool:
    """Whether credit can be assigned over it: valid, with steps and finite rewards, and an outcome that is one, or none."""
    outcome = trajectory.outcome
    return trajectory.valid and bool(trajectory.steps) and (outcome is None or 0.0 <= outcome <= 1.0) and bool(np.isfinite(trajectory.total_reward))


def lightened(trajectory: Trajectory) -> Trajectory:
    """The trajectory with what assigners read: no observations, listed actions or reasons, of evidence stated progress, of claims those of the last step."""
    last = len(trajectory.steps) - 1
    steps = tuple(_light(step, keep_claims=place == last) for place, step in enumerate(trajectory.steps))
    return msgspec.structs.replace(trajectory, steps=steps, task=msgspec.structs.replace(trajectory.task, instructions="", question="", sealed={}), final=None)


def _light(step: Step, keep_claims: bool) -> Step:
    return msgspec.structs.replace(
        step,
        observation="",
        actions=(),
        claims=step.claims if keep_claims else (),
        verdicts={name: _bare(verdict) for name, verdict in step.verdicts.items()},
        token_ids=None,
    )


def _bare(verdict: Verdict) -> Verdict:
    progress = {name: verdict.evidence[name] for name in ("progress",) if name in verdict.evidence}
    return msgspec.structs.replace(verdict, reason="", evidence=progress)
