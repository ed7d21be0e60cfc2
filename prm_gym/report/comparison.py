"""Comparison: what `prm-gym compare` measured, as `results.json` holds it and every report reads it, and its summary over seeds."""

import itertools
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from prm_gym.errors import OptionError, StoreError
from prm_gym.report.checks import check_counts, check_share
from prm_gym.report.statistics import FloatVector, Interval, PairedDifference, bootstrap_interval, holm, paired_difference
from prm_gym.report.transfer import TransferCell, Transferred
from prm_gym.store import write_json
from prm_gym.verdict_ledger import VerifierPair, VerifierUse

SCHEMA = 1
"""Version of the layout of results.json; a new number when a reader of the old one would misread it."""


class CurvePoint(msgspec.Struct, frozen=True, kw_only=True):
    """One evaluation during training.

    Attributes:
        env_steps: environment steps trained on so far; 0 is the untrained agent.
        success: mean outcome over the evaluation episodes, in [0, 1].
        mean_reward: mean undiscounted reward of an evaluation episode.
        mean_steps: mean length of an evaluation episode, in steps.
        verifier_calls: verdicts asked for in training so far.
        wall_seconds: wall time of the run so far.
    """

    env_steps: int
    success: float
    mean_reward: float
    mean_steps: float
    verifier_calls: int
    wall_seconds: float

    def __post_init__(self) -> None:
        """Refuse figures that cannot be."""
        check_share("success", self.success)
        check_counts(env_steps=self.env_steps, verifier_calls=self.verifier_calls, mean_steps=self.mean_steps, wall_seconds=self.wall_seconds)
        if not math.isfinite(self.mean_reward):
            raise OptionError(f"mean_reward must be finite, got {self.mean_reward}.")


class RunResult(Transferred, frozen=True, kw_only=True):
    """One training run: one credit assigner, one reward scheme, one seed; the figures of `Transferred` are those of the trained agent.

    Attributes:
        credit: spec of the credit assigner.
        reward: spec of the reward scheme.
        seed: of the run; runs with the same seed are paired across combinations.
        curve: evaluations in time order; empty for a run that evaluated nothing on the way.
        final_success: mean outcome over the evaluation episodes of the trained agent, in [0, 1].
        auc: area under the curve over its range, in [0, 1]; None when there is no curve.
        verifier_calls: verdicts asked for in training, one for each step and verifier.
        abstentions: how many of them came without a score (abstain, timeout, error).
        wall_seconds: wall time of the run.
        file_success: success in each of the comparison's `file_bins`, in [0, 1]; None when no task file was evaluated.
        trajectories: how many trajectories the run stored.
        verifiers: what each verifier has done in training, by id.
        pairs: how often two verifiers were apart on a step of training.
    """

    credit: str
    reward: str
    seed: int
    curve: tuple[CurvePoint, ...]
    final_success: float
    auc: float | None
    verifier_calls: int
    abstentions: int
    wall_seconds: float
    file_success: tuple[float, ...] | None = None
    trajectories: int = 0
    verifiers: tuple[VerifierUse, ...] = ()
    pairs: tuple[VerifierPair, ...] = ()

    def __post_init__(self) -> None:
        """Refuse figures that cannot be, and a curve out of order."""
        self.check_transfer()
        check_share("final_success", self.final_success)
        if self.auc is not None:
            check_share("auc", self.auc)
        for value in self.file_success or ():
            check_share("file_success", value)
        check_counts(verifier_calls=self.verifier_calls, abstentions=self.abstentions, wall_seconds=self.wall_seconds, trajectories=self.trajectories)
        if self.abstentions > self.verifier_calls:
            raise OptionError(f"abstentions are a part of the verifier calls, got {self.abstentions} of {self.verifier_calls}.")
        steps = [point.env_steps for point in self.curve]
        if any(later <= earlier for earlier, later in itertools.pairwise(steps)):
            raise OptionError(f"The env_steps of a curve must increase strictly, got {steps}.")


class Reference(Transferred, frozen=True, kw_only=True):
    """An agent that does not learn, evaluated on the same tasks: the measure for the trained ones.

    Attributes:
        agent: what it is called ("random", "scripted").
        role: floor (chance), ceiling (the environment's own solver), or baseline (anything between that learning must beat).
        success: mean outcome over its evaluation episodes, in [0, 1].
        low: lower end of its 95% interval over episodes, None when there is none.
        high: upper end, likewise.
        mean_steps: mean length of an evaluation episode, in steps.
        file_success: success in each of the comparison's `file_bins`; None when it was not evaluated there.
    """

    agent: str
    role: Literal["floor", "ceiling", "baseline"]
    success: float
    low: float | None
    high: float | None
    mean_steps: float
    file_success: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse figures that cannot be."""
        self.check_transfer()
        check_share("success", self.success)
        check_counts(mean_steps=self.mean_steps)
        for value in (self.low, self.high, *(self.file_success or ())):
            if value is not None:
                check_share("low, high and file_success", value)
        if (self.low is None) != (self.high is None):
            raise OptionError(f"An interval has both ends or none, got low={self.low} and high={self.high}.")


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `prm-gym compare` measured and what is needed to measure it again.

    Attributes:
        schema: version of this layout.
        title: of the report.
        env_id: registered id of the environment.
        env_options: keyword arguments it was made with. JSON values.
        agent: id of the trained agent.
        credits: specs of the credit assigners, in the order they were named.
        rewards: specs of the reward schemes, in the order they were named; the first credit with the first reward is the
            baseline that the others are compared with.
        command: the exact command line.
        library_version: version of prm_gym.
        versions: version by package, of what the numbers depend on.
        commit: of the source that ran, where it is a git checkout, with a plus sign where files differ from it; empty otherwise.
        machine: in words ("2 cores, no GPU").
        created: when, ISO 8601 in UTC.
        budget_env_steps: environment steps that every run may train on.
        attempts: attempts at each task in a group of training.
        eval_tasks: tasks in an evaluation.
        runs: one for each combination and seed that finished.
        references: floor, ceiling and constant baselines.
        file_bins: labels of the task file's difficulty bins, easiest first ("ranks 1-273"); empty when there is no file.
        file_name: of the task file; None when there is no file.
        transfer_options: options of the environment of the transfer, over `env_options`; empty when there is none. JSON values.
        transfer_tasks: evaluation tasks of the transfer.
        notes: sentences for the reader (what failed, what was left out).
    """

    title: str
    env_id: str
    env_options: dict[str, Any]
    agent: str
    credits: tuple[str, ...]
    rewards: tuple[str, ...]
    command: str
    library_version: str
    versions: dict[str, str]
    machine: str
    commit: str = ""
    created: str
    budget_env_steps: int
    attempts: int
    eval_tasks: int
    runs: tuple[RunResult, ...]
    references: tuple[Reference, ...] = ()
    file_bins: tuple[str, ...] = ()
    file_name: str | None = None
    transfer_options: dict[str, Any] = {}
    transfer_tasks: int = 0
    notes: tuple[str, ...] = ()
    schema: int = SCHEMA

    def __post_init__(self) -> None:
        """Refuse a record whose parts do not fit together."""
        if self.schema != SCHEMA:
            raise OptionError(f"This reads comparisons of schema {SCHEMA}, got {self.schema}. Use the prm-gym that wrote it: {self.library_version}.")
        if bool(self.file_bins) != (self.file_name is not None):
            raise OptionError(f"A task file has a name and bins, or neither, got {self.file_name!r} and bins {self.file_bins}.")
        seen: set[tuple[str, str, int]] = set()
        for run in self.runs:
            key = (run.credit, run.reward, run.seed)
            if run.credit not in self.credits or run.reward not in self.rewards:
                raise OptionError(f"The run {key} is of no combination of {self.credits} x {self.rewards}.")
            if key in seen:
                raise OptionError(f"Two runs of {key}.")
            seen.add(key)
        for result in (*self.runs, *self.references):
            if result.file_success is not None and len(result.file_success) != len(self.file_bins):
                raise OptionError(f"file_success holds one share for each of the {len(self.file_bins)} bins, got {len(result.file_success)}.")

    @property
    def combinations(self) -> tuple[tuple[str, str], ...]:
        """(credit, reward) of every combination with a run, reward by reward, in the order named."""
        present = {(run.credit, run.reward) for run in self.runs}
        return tuple((credit, reward) for reward in self.rewards for credit in self.credits if (credit, reward) in present)

    @property
    def seeds(self) -> tuple[int, ...]:
        """Every seed that a run has, ascending."""
        return tuple(sorted({run.seed for run in self.runs}))

    def runs_of(self, credit: str, reward: str) -> tuple[RunResult, ...]:
        """The runs of one combination, by ascending seed."""
        chosen = [run for run in self.runs if (run.credit, run.reward) == (credit, reward)]
        return tuple(sorted(chosen, key=lambda run: run.seed))


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination, summed up over its seeds.

    Attributes:
        credit: spec of the credit assigner.
        reward: spec of the reward scheme.
        seeds: of its runs, ascending.
        final_success: mean over seeds with its 95% bootstrap interval, in [0, 1].
        auc: likewise the area under the curve; None unless every run has a curve.
        verifier_calls: mean over seeds.
        wall_seconds: mean over seeds.
        abstention_share: verdicts without a score among all verdicts of all seeds, in [0, 1]; None when no verdict was asked for.
        transfer: success with the options of the transfer; None when no run has been evaluated there.
    """

    credit: str
    reward: str
    seeds: tuple[int, ...]
    final_success: Interval
    auc: Interval | None
    verifier_calls: float
    wall_seconds: float
    abstention_share: float | None
    transfer: TransferCell | None = None

    @property
    def name(self) -> str:
        """How a reader calls the combination: `credit + reward`."""
        return f"{self.credit} + {self.reward}"


@dataclass(frozen=True, slots=True)
class Contrast:
    """One combination against the baseline combination, on final success, over the seeds that both have.

    Attributes:
        credit: spec of the credit assigner.
        reward: spec of the reward scheme.
        seeds: the common seeds, ascending.
        difference: this combination minus the baseline, and its p-value.
        adjusted_p: the p-value after Holm's correction over all contrasts of the comparison, in (0, 1].
    """

    credit: str
    reward: str
    seeds: tuple[int, ...]
    difference: PairedDifference
    adjusted_p: float

    @property
    def name(self) -> str:
        """How a reader calls the combination: `credit + reward`."""
        return f"{self.credit} + {self.reward}"


@dataclass(frozen=True, slots=True)
class Leader:
    """The combination with the highest mean final success, and which others its interval is clear of.

    Attributes:
        cell: the leader; the first named among equals.
        overlapping: combinations whose intervals overlap with its own, or that have none: not separated from it.
        below: combinations whose intervals lie wholly below its own.
    """

    cell: Cell
    overlapping: tuple[Cell, ...]
    below: tuple[Cell, ...]


def summarise(comparison: Comparison) -> tuple[Cell, ...]:
    """One cell for every combination that has runs, in the order of `comparison.combinations`.

    The bootstrap's seed is made from the combination's name and the quantity's, so the same results give the same intervals.
    """
    return tuple(_cell(comparison.runs_of(credit, reward)) for credit, reward in comparison.combinations)


def contrasts(comparison: Comparison) -> tuple[Contrast, ...]:
    """Every combination against the first of `comparison.combinations`, on final success, p-values Holm-corrected over all of them.

    A combination that has no seed in common with the baseline has no contrast, so the tuple may be shorter than the table.
    """
    if not comparison.combinations:
        return ()
    baseline = {run.seed: run.final_success for run in comparison.runs_of(*comparison.combinations[0])}
    paired: list[tuple[str, str, tuple[int, ...], PairedDifference]] = []
    for credit, reward in comparison.combinations[1:]:
        own = {run.seed: run.final_success for run in comparison.runs_of(credit, reward)}
        common = tuple(sorted(own.keys() & baseline.keys()))
        if not common:
            continue
        difference = paired_difference(
            np.array([own[seed] for seed in common]), np.array([baseline[seed] for seed in common]), _bootstrap_rng(credit, reward, "difference")
        )
        paired.append((credit, reward, common, difference))
    adjusted = holm(np.array([difference.p_value for _, _, _, difference in paired], dtype=np.float64))
    return tuple(Contrast(*parts, adjusted_p=float(p)) for parts, p in zip(paired, adjusted, strict=True))


def bin_success(comparison: Comparison, credit: str, reward: str) -> tuple[Interval, ...] | None:
    """Success of one combination in each of the task file's bins, with its interval over seeds; None when no run was evaluated on the file."""
    rows = [run.file_success for run in comparison.runs_of(credit, reward) if run.file_success is not None]
    if not rows or not comparison.file_bins:
        return None
    return tuple(
        bootstrap_interval(_floats([row[index] for row in rows]), _bootstrap_rng(credit, reward, f"bin {index}")) for index in range(len(comparison.file_bins))
    )


def best(cells: tuple[Cell, ...]) -> Leader | None:
    """The combination with the highest mean final success, and what it is separated from; None when there is no cell."""
    if not cells:
        return None
    leader = max(cells, key=lambda cell: cell.final_success.mean)
    others = [cell for cell in cells if cell is not leader]
    below = tuple(cell for cell in others if leader.final_success.overlaps(cell.final_success) is False)
    return Leader(leader, overlapping=tuple(cell for cell in others if cell not in below), below=below)


def write_results(comparison: Comparison, path: Path) -> None:
    """Write the comparison as indented JSON, in one step: a reader sees the old file or the new one."""
    write_json(path, comparison)


def read_results(path: Path) -> Comparison:
    """Read what `write_results` wrote.

    Raises:
        StoreError: the file cannot be read, is no JSON, or is no comparison of this schema.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Comparison)
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(f"{path} is no comparison that this version can read: {error}") from error


def _cell(runs: tuple[RunResult, ...]) -> Cell:
    """The summary of one combination's runs, of which there is at least one."""
    credit, reward = runs[0].credit, runs[0].reward
    areas = [run.auc for run in runs if run.auc is not None]
    calls = sum(run.verifier_calls for run in runs)
    return Cell(
        credit=credit,
        reward=reward,
        seeds=tuple(run.seed for run in runs),
        final_success=bootstrap_interval(_floats([run.final_success for run in runs]), _bootstrap_rng(credit, reward, "final_success")),
        auc=bootstrap_interval(_floats(areas), _bootstrap_rng(credit, reward, "auc")) if len(areas) == len(runs) else None,
        verifier_calls=calls / len(runs),
        wall_seconds=sum(run.wall_seconds for run in runs) / len(runs),
        abstention_share=sum(run.abstentions for run in runs) / calls if calls else None,
        transfer=_transfer_cell(runs),
    )


def _transfer_cell(runs: tuple[RunResult, ...]) -> TransferCell | None:
    """The summary of the runs that were evaluated there; None without any."""
    credit, reward = runs[0].credit, runs[0].reward
    same = [run.transfer_same for run in runs if run.transfer_same is not None]
    if not same:
        return None
    success = [run.transfer_success for run in runs if run.transfer_success is not None]
    difference = [run.transfer_difference for run in runs if run.transfer_difference is not None]
    return TransferCell(
        success=bootstrap_interval(_floats(success), _bootstrap_rng(credit, reward, "transfer_success")),
        difference=bootstrap_interval(_floats(difference), _bootstrap_rng(credit, reward, "transfer_difference")),
        same=sum(same) / len(same),
        invalid=sum(run.transfer_invalid for run in runs),
    )


def _bootstrap_rng(credit: str, reward: str, quantity: str) -> np.random.Generator:
    """A generator that depends on nothing but the names, so that other combinations and their order cannot move an interval."""
    return np.random.default_rng(zlib.crc32("\0".join((credit, reward, quantity)).encode()))


def _floats(values: list[float]) -> FloatVector:
    """The values as [S] float64."""
    return np.array(values, dtype=np.float64)
