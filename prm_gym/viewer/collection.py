"""Collection: the trajectories of several files, what a list shows of each, and where to read the rest."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from prm_gym._version import VERSION
from prm_gym.errors import StoreError
from prm_gym.report.theme import shortened
from prm_gym.trajectory import Step, Trajectory
from prm_gym.trajectory_files import FileReport, Found, TrajectoryFile, find_files, problem_lines
from prm_gym.verdict import SCHEMA_VERSION, Verdict
from prm_gym.viewer.advantages import Advantages, lightened

MARKS: Final = ("correct", "incorrect", "neutral", "trivial", "vacuous", "malformed", "abstain", "timeout", "error", "unlabelled")
"""What a verdict can be looked for by: its label; where it has none its status; `unlabelled` where it was reached and has a score alone, or nothing."""
SHORT = 160
"""Characters of a question in the list."""


class Group(msgspec.Struct):
    """Attempts at one task: those of one file with one `group_id`.

    Attributes:
        file: number of the file.
        id: their `group_id`.
        title: the question, shortened to one line.
        members: numbers of the trajectories, in the order of the file.
    """

    file: int
    id: str
    title: str
    members: list[int] = []


class Entry(msgspec.Struct, gc=False):
    """What a list shows of a trajectory, and where it stands.

    Attributes:
        file: number of the file.
        line: in it, from 1.
        start: where it is read from, see `reading.Found`.
        length: likewise.
        id: of the trajectory.
        group: number of its group.
        env: number of its environment's id.
        agent: number of its agent's id.
        outcome: in [0, 1]; None where it is not known.
        reward: undiscounted sum.
        steps: how many.
        valid: whether the infrastructure held.
        truncated: whether it was cut.
        marks: of each verifier, which `MARKS` its verdicts bear, as bits.
        split: whether verifiers disagree about a step of it (`disagreeing`).
    """

    file: int
    line: int
    start: int
    length: int
    id: str
    group: int
    env: int
    agent: int
    outcome: float | None
    reward: float
    steps: int
    valid: bool
    truncated: bool
    marks: dict[int, int]
    split: bool


class Collection:
    """Trajectories in the order of a list: by file, group and place in the file.

    Attributes:
        files: with what became of each.
        groups: in the order in which they begin.
        entries: in the order of the list.
        envs: ids of environments.
        agents: ids of agents.
        verifiers: ids of verifiers.
        advantages: of the steps, by each assigner.
    """

    def __init__(
        self, paths: Iterable[str | Path], credits: Sequence[str] = (), signals: Sequence[str] = (), notice: Callable[[str], None] | None = None
    ) -> None:
        """Read all files once; of a trajectory no more is kept than the list and the assigners need.

        Args:
            paths: files, or folders of files.
            credits: specifications of credit assigners.
            signals: of learned signals, for assigners that need their columns. The trajectories of one file are then in memory whole.
            notice: is told what takes long, before it is done.

        Raises:
            StoreError: a path leads nowhere, or nothing can be read; says why.
            UnknownNameError: no assigner has the name.
            OptionError: an option of one is unknown.
        """
        self._paths, self._notice = tuple(paths), notice
        self._sources: list[TrajectoryFile] = find_files(self._paths)
        self.advantages = Advantages(credits, signals, notice)
        self.files = [FileReport(str(source.path)) for source in self._sources]
        self.groups: list[Group] = []
        self.entries: list[Entry] = []
        self.verdicts: Counter[str] = Counter()
        names = _Names(), _Names(), _Names()
        for number in range(len(self._sources)):
            self._read(number, *names)
        self.envs, self.agents, self.verifiers = (list(each.numbers) for each in names)
        if not self.entries:
            raise StoreError("no trajectory can be read:\n" + "\n".join(f"  {line}" for line in self.problem_lines()))

    def trajectory(self, number: int) -> Trajectory:
        """A trajectory, read from its file.

        Raises:
            StoreError: it is not there any longer, or another is.
        """
        entry = self.entries[number]
        source = self._sources[entry.file]
        found = source.read(entry.start, entry.length)
        if found.id != entry.id or len(found.steps) != entry.steps:
            raise StoreError(f"{source.path} was changed: line {entry.line} no longer holds {entry.id!r}; read the file again")
        return found

    def again(self) -> "Collection":
        """The collection of the same paths, read anew.

        Raises:
            StoreError: nothing can be read any longer.
        """
        return Collection(self._paths, self.advantages.names, self.advantages.signals, self._notice)

    def problem_lines(self) -> list[str]:
        """What could not be read, a line each: path, line, reason."""
        return problem_lines(self.files)

    @property
    def sizes(self) -> list[int]:
        """Bytes of the files as they are now; -1 for one that is gone."""
        return [source.path.stat().st_size if source.path.is_file() else -1 for source in self._sources]

    def summary(self) -> dict[str, Any]:
        """The figures of the collection, for terminals and programs. A mean of nothing is None."""
        outcomes = [entry.outcome for entry in self.entries if entry.valid and entry.outcome is not None]
        return {
            "trajectories": len(self.entries),
            "steps": sum(entry.steps for entry in self.entries),
            "groups": len(self.groups),
            "environments": dict(Counter(self.envs[entry.env] for entry in self.entries).most_common()),
            "agents": dict(Counter(self.agents[entry.agent] for entry in self.entries).most_common()),
            "success": sum(outcomes) / len(outcomes) if outcomes else None,
            "invalid": sum(not entry.valid for entry in self.entries),
            "truncated": sum(entry.truncated for entry in self.entries),
            "disagreements": sum(entry.split for entry in self.entries),
            "verdicts": dict(self.verdicts.most_common()),
            "signals": list(self.advantages.signals),
            "credit": {name: self.advantages.said(name) for name in self.advantages.names},
            "files": [msgspec.to_builtins(file) for file in self.files],
            "unread": sum(file.unread for file in self.files),
        }

    def _read(self, number: int, envs: "_Names", agents: "_Names", verifiers: "_Names") -> None:
        report = self.files[number]
        groups: dict[str, int] = {}
        read: list[tuple[Entry, Trajectory]] = []
        versions: Counter[str] = Counter()
        for each in self._sources[number].scan():
            if not isinstance(each, Found):
                report.add(each)
                continue
            trajectory = each.trajectory
            if trajectory.group_id not in groups:
                groups[trajectory.group_id] = len(self.groups)
                self.groups.append(Group(number, trajectory.group_id, shortened(trajectory.task.question, SHORT)))
            place = (number, each.line, each.start, each.length, trajectory.id)
            entry = Entry(*place, groups[trajectory.group_id], envs.of(trajectory.env_id), agents.of(trajectory.agent), **_seen(trajectory, verifiers))
            read.append((entry, trajectory if self.advantages.signals else lightened(trajectory)))
            self.verdicts.update(f"{verdict.verifier or name}: {mark_of(verdict)}" for step in trajectory.steps for name, verdict in step.verdicts.items())
            versions.update(_odd(trajectory))
        report.read = len(read)
        report.notes = [f"{count:,} trajectories {said}" for said, count in versions.most_common()]
        read.sort(key=lambda pair: pair[0].group)  # stable: the order of the file within a group
        for entry, _ in read:
            self.groups[entry.group].members.append(len(self.entries))
            self.entries.append(entry)
        self.advantages.add(report.path, [trajectory for _, trajectory in read])


class _Names:
    """Names, numbered as they come."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def of(self, name: str) -> int:
        return self.numbers.setdefault(name, len(self.numbers))


def mark_of(verdict: Verdict) -> str:
    """Which of `MARKS` a verdict bears."""
    return verdict.label or ("unlabelled" if verdict.status == "ok" else verdict.status)


def disagreeing(step: Step) -> bool:
    """Whether a verifier gives the step a score above 1/2 and another one below; one that cannot tell disagrees with nobody."""
    scores = [verdict.score for verdict in step.verdicts.values() if verdict.score is not None]
    return any(score > 0.5 for score in scores) and any(score < 0.5 for score in scores)


def _seen(trajectory: Trajectory, verifiers: _Names) -> dict[str, Any]:
    marks: dict[int, int] = {}
    for step in trajectory.steps:
        for name, verdict in step.verdicts.items():
            number = verifiers.of(name)
            marks[number] = marks.get(number, 0) | 1 << MARKS.index(mark_of(verdict))
    return {
        "outcome": trajectory.outcome,
        "reward": trajectory.total_reward,
        "steps": len(trajectory.steps),
        "valid": trajectory.valid,
        "truncated": trajectory.truncated,
        "marks": marks,
        "split": any(disagreeing(step) for step in trajectory.steps),
    }


def _odd(trajectory: Trajectory) -> list[str]:
    """What is odd of a trajectory that can be read."""
    said: list[str] = []
    if trajectory.library_version != VERSION:
        said.append(f"were written by prm_gym {trajectory.library_version or 'of an unknown version'}; this is {VERSION}")
    if schemas := sorted({v.schema for step in trajectory.steps for v in step.verdicts.values()} - {SCHEMA_VERSION}):
        said.append(f"hold verdicts of schema {', '.join(map(str, schemas))}; this library writes {SCHEMA_VERSION}, and reads of others what it knows")
    return said
