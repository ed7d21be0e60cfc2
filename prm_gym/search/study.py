"""A study: methods of search on the same tasks at growing budgets, stored task by task, and what comes of it.

study = Study(env_id="prm_gym/Countdown-v0", agent="mixed:0.6", verifier="arithmetic", methods=("best-of-n", "beam"), budgets=(8, 32), seeds=tuple(range(100)))
rows = study.run(path=Path("rows.jsonl"))        # goes on with what the file holds
for point in summary(study, rows):
    point.method, point.budget, point.success, point.spent
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from prm_gym.agent import Agent
from prm_gym.claims import decode_claims
from prm_gym.errors import OptionError
from prm_gym.options import stored_options
from prm_gym.report.statistics import Interval, PairedDifference, bootstrap_interval, paired_difference
from prm_gym.search.budget import Budget, Spent
from prm_gym.search.method import Valuation, make_method
from prm_gym.search.result import SearchResult
from prm_gym.search.searcher import Searcher
from prm_gym.store import BrokenLine
from prm_gym.task import content_key
from prm_gym.trajectory import Trajectory


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One task searched by one method with one budget.

    Attributes:
        setting: key of all settings but methods, budgets and tasks.
        method: specification of the method.
        budget: in the unit of the study.
        seed: of the task.
        outcome: see `SearchResult.outcome`.
        best_outcome: see `SearchResult.best_outcome`.
        attempts: how many ended.
        spent: on this task.
        reason: why nothing was chosen; else empty.
        notes: numbers about the search, by name.
        chosen: the attempt that the search stands by.
    """

    setting: str
    method: str
    budget: int
    seed: int
    outcome: float | None
    best_outcome: float | None
    attempts: int
    spent: Spent
    reason: str = ""
    notes: dict[str, float | None] = {}  # JSON knows no infinities
    chosen: Trajectory | None = None


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """What is searched, how, and with what.

    Attributes:
        env_id: a registered id.
        env_options: of the environment.
        agent: an agent or its specification.
        agent_name: that it is stored under; by default its specification or id. Agents of other weights need other names.
        verifier: specification of the verifier; None without.
        helper: specification of a second agent; None without.
        methods: specifications, the first of which the others are compared with.
        budgets: of each task, >= 1, in `unit`.
        unit: agent_steps, verifier_calls, env_steps or tokens.
        action_tokens: the most that one action takes; needed with tokens.
        seeds: of the tasks, distinct.
        how: aggregation of the step scores.
        horizon: see `Searcher`.
        num_envs: see `Searcher`.
        seed: of the searches.
    """

    env_id: str
    agent: str | Agent
    methods: tuple[str, ...]
    budgets: tuple[int, ...]
    seeds: tuple[int, ...]
    env_options: dict[str, Any] = {}
    agent_name: str = ""
    verifier: str | None = None
    helper: str | None = None
    unit: str = "agent_steps"
    action_tokens: int | None = None
    how: str = "min"
    horizon: int | None = None
    num_envs: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("methods", "budgets", "seeds"):
            values: tuple[Any, ...] = getattr(self, name)
            if not values or len(set(values)) < len(values):
                raise OptionError(f"a study has one or more {name}, each once, got {values!r}")
        for method in self.methods:
            make_method(method)
        for amount in self.budgets:
            Budget.of(self.unit, amount, self.action_tokens)

    @property
    def setting(self) -> str:
        """Key of all that a task's result depends on, besides its method, budget and seed."""
        agent = self.agent_name or (self.agent if isinstance(self.agent, str) else self.agent.id)
        parts = (
            self.env_id,
            stored_options(self.env_options),
            agent,
            self.verifier,
            self.helper,
            self.unit,
            self.action_tokens,
            self.how,
            self.horizon,
            self.seed,
        )
        return content_key(msgspec.json.encode(parts, order="deterministic").decode())

    def run(self, path: Path | None = None, notice: Callable[[Row, int, int], None] | None = None) -> list[Row]:
        """All rows, in the order of methods, budgets and seeds.

        Args:
            path: of a file of JSON lines that rows are appended to as they come, and of which those that it holds are taken. None stores nothing.
            notice: called after each search with its row, how many are done and how many there are.

        Raises:
            OptionError: the file holds rows of another study.
        """
        found = {} if path is None else self._stored(path)
        wanted = [(method, budget, seed) for method in self.methods for budget in self.budgets for seed in self.seeds]
        done = sum(key in found for key in wanted)
        if done == len(wanted):
            return [found[key] for key in wanted]
        for row in self._searched(found):
            if path is not None:
                _append(path, row)
            found[row.method, row.budget, row.seed] = row
            done += 1
            if notice is not None:
                notice(row, done, len(wanted))
        return [found[key] for key in wanted]

    def _searched(self, found: dict[tuple[str, int, int], Row]) -> Iterator[Row]:
        """The rows that are missing, as they come."""
        searcher = Searcher(
            self.agent,
            self.env_id,
            self.env_options,
            verifier=self.verifier,
            helper=self.helper,
            valuation=Valuation(how=self.how),
            horizon=self.horizon,
            num_envs=self.num_envs,
            seed=self.seed,
        )
        with searcher:
            for method in self.methods:
                for amount in self.budgets:
                    missing = [seed for seed in self.seeds if (method, amount, seed) not in found]
                    for result in searcher.stream(method, missing, Budget.of(self.unit, amount, self.action_tokens)):
                        yield self._row(result, amount)

    def _row(self, result: SearchResult, amount: int) -> Row:
        return Row(
            setting=self.setting,
            method=result.method,
            budget=amount,
            seed=result.seed,
            outcome=result.outcome,
            best_outcome=result.best_outcome,
            attempts=sum(candidate.times for candidate in result.candidates),
            spent=result.spent,
            reason=result.reason,
            notes={name: value if np.isfinite(value) else None for name, value in result.notes.items()},
            chosen=result.chosen,
        )

    def _stored(self, path: Path) -> dict[tuple[str, int, int], Row]:
        rows: dict[tuple[str, int, int], Row] = {}
        for row in read_rows(path) if path.is_file() else ():
            if row.setting != self.setting:
                raise OptionError(f"{path} holds searches with other settings; choose another file")
            if row.outcome is not None:  # what the infrastructure spoilt is searched again
                rows[row.method, row.budget, row.seed] = row
        return rows


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """A method at a budget, over all tasks.

    Attributes:
        method: its specification.
        budget: in the unit of the study.
        success: mean outcome over the valid tasks, with its bootstrap interval over tasks; None without a valid task.
        reachable: mean of the best outcome among the candidates.
        spent: means over all tasks by name; None of what an agent does not say.
        attempts: mean number of attempts that ended.
        invalid: tasks that the infrastructure spoilt; they are left out of the success.
        gain: over the first method at the same budget, task by task; None for that method itself, and where no task is valid in both.
    """

    method: str
    budget: int
    success: Interval | None
    reachable: float | None
    spent: dict[str, float | None]
    attempts: float
    invalid: int
    gain: PairedDifference | None = None


def summary(study: Study, rows: Sequence[Row]) -> list[Point]:
    """A point for each method and budget, in their order.

    Args:
        study: whose rows they are.
        rows: all of them.
    """
    cells: dict[tuple[str, int], dict[int, Row]] = {}
    for row in rows:
        cells.setdefault((row.method, row.budget), {})[row.seed] = row
    first = study.methods[0]
    return [_point(cell, None if key[0] == first else cells.get((first, key[1]))) for key, cell in cells.items()]


def _point(cell: dict[int, Row], baseline: dict[int, Row] | None) -> Point:
    rows = list(cell.values())
    outcomes = {seed: row.outcome for seed, row in cell.items() if row.outcome is not None}
    best = [row.best_outcome for row in rows if row.best_outcome is not None]
    gain = None
    if baseline is not None:
        pairs = [(value, other) for seed, value in outcomes.items() if seed in baseline and (other := baseline[seed].outcome) is not None]
        if pairs:
            gain = paired_difference(np.array([one for one, _ in pairs]), np.array([other for _, other in pairs]), np.random.default_rng(0))
    return Point(
        method=rows[0].method,
        budget=rows[0].budget,
        success=bootstrap_interval(np.array(list(outcomes.values())), np.random.default_rng(0)) if outcomes else None,
        reachable=float(np.mean(best)) if best else None,
        spent={name: _mean([getattr(row.spent, name) for row in rows]) for name in Spent.__struct_fields__},
        attempts=float(np.mean([row.attempts for row in rows])),
        invalid=len(rows) - len(outcomes),
        gain=gain,
    )


def _mean(values: Sequence[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


_DECODER = msgspec.json.Decoder(Row, dec_hook=decode_claims)


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file, in order. Broken lines are left out with a `BrokenLine` warning that names them."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield _DECODER.decode(line)
                except (msgspec.DecodeError, ValueError) as error:
                    warnings.warn(f"{path}, line {number}: {error}", BrokenLine, stacklevel=2)


def _append(path: Path, row: Row) -> None:
    """Write a row after the last whole one; a line that a crash has cut stays alone on its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        size = file.seek(0, 2)
        if size:
            file.seek(size - 1)
        torn = bool(size) and file.read(1) != b"\n"
        file.write((b"\n" if torn else b"") + msgspec.json.encode(row) + b"\n")
