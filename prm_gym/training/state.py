"""The folder of a run: where it stands, its checkpoint, and files that grow, such that a process killed at any moment goes on along the same curve.

    state.json          settings, version, counts, the curve, and the name of the checkpoint; written in one step, always last
    checkpoint-N/       the agent after batch N: weights, optimiser, random states; in signals/ those of learned signals
    metrics.jsonl, trajectories.jsonl    cut back to what they held at the checkpoint when the run goes on
    result.json, agent/ of a finished run
    run.lock            while a process writes the run

Environments have no state of their own in a checkpoint: one is made between batches, when no episode runs, and every episode begins from its seed.
"""

import os
import shutil
from pathlib import Path

import msgspec

from prm_gym._version import VERSION
from prm_gym.agent import TrainableAgent
from prm_gym.errors import OptionError, StoreError
from prm_gym.report.comparison import CurvePoint, RunResult
from prm_gym.store import TrajectoryWriter, write_json
from prm_gym.training.columns import Columns
from prm_gym.training.config import TrainConfig
from prm_gym.verifier import declared_versions

GROWING = {"trajectories.jsonl": "stored_bytes", "metrics.jsonl": "metrics_bytes"}


class RunState(msgspec.Struct, kw_only=True):
    """Where a run stands; what a checkpoint holds beside the agent."""

    config: TrainConfig
    version: str = VERSION
    verifiers: dict[str, str] = {}  # the versions of those that the settings name; a run of before they were kept has none
    batches: int = 0
    env_steps: int = 0
    verifier_calls: int = 0
    abstentions: int = 0
    verdict_counts: dict[str, float] = {}
    wall_seconds: float = 0.0
    stored: int = 0
    stored_bytes: int = 0
    metrics_bytes: int = 0
    next_evaluation: int = 0
    curve: list[CurvePoint] = []
    curriculum: list[float] = []
    checkpoint: str = ""


class _Version(msgspec.Struct):
    """What is read first: the rest may be laid out otherwise in another version."""

    version: str = ""


class RunFolder:
    """A run on disk."""

    def __init__(self, path: Path, writes: bool = True) -> None:
        """Name the folder; nothing is written yet.

        Args:
            path: of it.
            writes: False in a process of a run that another one writes: it takes part in what all have to do for a checkpoint, and writes nothing.
        """
        self.path, self.writes = path, writes

    def read(self, config: TrainConfig) -> RunState | None:
        """Where the run of these settings stands; None where none has a checkpoint.

        Raises:
            OptionError: the folder holds a run with other settings, or of another version of prm_gym or of a verifier that the settings name.
            StoreError: its state cannot be read.
        """
        file = self.path / "state.json"
        if not file.is_file():
            return None
        try:
            data = file.read_bytes()
            version = msgspec.json.decode(data, type=_Version).version
            if version != VERSION:
                made = f"prm_gym {version}" if version else "another version of prm_gym"
                raise OptionError(
                    f"{self.path} holds a run of {made} and this is {VERSION}: one curve of two programs would mean nothing; remove it to start again"
                )
            state = msgspec.json.decode(data, type=RunState)
        except msgspec.DecodeError as error:
            raise StoreError(f"{file} cannot be read ({error}); remove {self.path} to start the run again") from error
        if state.config != config:
            raise OptionError(f"{self.path} holds a run with other settings; choose another directory, or remove it to start again")
        now = declared_versions(state.verifiers)
        for name, before in state.verifiers.items():
            if now.get(name, before) != before:
                raise OptionError(
                    f"{self.path} holds a run with version {before} of the verifier {name!r} and this is {now[name]}; "
                    "choose another directory, or remove it to start again"
                )
        return state

    def result(self) -> RunResult | None:
        """The result; None of a run that is not finished."""
        file = self.path / "result.json"
        return msgspec.json.decode(file.read_bytes(), type=RunResult) if file.is_file() else None

    def begin(self) -> None:
        """Empty the files that grow: what is in them is of a run that came to no checkpoint."""
        for name in GROWING:
            self.cut(name, 0)

    def writer(self, name: str) -> TrajectoryWriter:
        """Appends to a file of the folder; to none in a process that does not write, where it only counts."""
        return TrajectoryWriter(self.path / name if self.writes else os.devnull)

    def resume(self, state: RunState, agent: TrainableAgent, columns: Columns) -> None:
        """Put agent and signals back as they were, and drop what was written after the checkpoint: those batches will be played again."""
        agent.load(self.path / state.checkpoint)
        columns.load(self.path / state.checkpoint / "signals")
        for name, field in GROWING.items():
            self.cut(name, getattr(state, field))

    def cut(self, name: str, size: int) -> None:
        """Shorten a file to so many bytes, if it is there."""
        path = self.path / name
        if self.writes and path.is_file():
            with path.open("rb+") as file:
                file.truncate(size)

    def checkpoint(self, state: RunState, agent: TrainableAgent, columns: Columns) -> None:
        """Write agent, signals and state so that a reader sees the old pair or the new one; then the old agent is deleted."""
        old = state.checkpoint
        name = f"checkpoint-{state.batches}"
        new = f"{name}-again" if name == old else name  # never over the one that the state on disk names
        if self.writes:
            shutil.rmtree(self.path / new, ignore_errors=True)  # what a killed process left
        agent.save(self.path / new)
        state.checkpoint = new
        if not self.writes:
            return
        columns.save(self.path / new / "signals")
        for file, field in GROWING.items():
            setattr(state, field, _size(self.path / file))
        write_json(self.path / "state.json", state)
        for path in self.path.glob("checkpoint-*"):
            if path.name != new:
                shutil.rmtree(path, ignore_errors=True)


def batches_of(checkpoint: str) -> int:
    """How many batches the agent in a checkpoint of that name has learned from."""
    return int(checkpoint.split("-")[1])


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
