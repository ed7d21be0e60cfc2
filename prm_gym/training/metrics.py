"""Where the figures of a run go: JSON lines always, TensorBoard and Weights & Biases where asked for.

A sink is given one record a batch and one an evaluation. When a run goes on from a checkpoint, what was recorded after it is cut off (JSON lines), marked as
replaced (TensorBoard) or left out as known already (Weights & Biases).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from prm_gym.errors import DivergedError, MissingExtraError


class Sink(ABC):
    """Takes figures in."""

    def begin(self, batches: int) -> None:
        """Called once, before the first record.

        Args:
            batches: that the run has behind it; 0 of a new one.
        """
        _ = batches

    @abstractmethod
    def record(self, figures: Mapping[str, float]) -> None:
        """Take one record in.

        Args:
            figures: by name; "batch" and "env_steps" say when. NaN is "not known".
        """

    def playing(self, what: str, steps: int) -> None:
        """Told while episodes are played in this process, which may take minutes.

        Args:
            what: they are played for: "evaluation", "batch 3".
            steps: taken for it so far.
        """
        _ = what, steps

    def notice(self, text: str) -> None:
        """Told what a person is to know who watches the run.

        Args:
            text: one line.
        """
        _ = text

    def close(self) -> None:  # noqa: B027 - most sinks hold nothing
        """Write what is left."""


class JsonLines(Sink):
    """One JSON object a record, appended at once; numbers that are not finite are null."""

    def __init__(self, path: Path) -> None:
        """Name the file."""
        self.path = path

    def record(self, figures: Mapping[str, float]) -> None:
        """Append a line."""
        with self.path.open("ab") as file:
            file.write(msgspec.json.encode(figures) + b"\n")


class TensorBoard(Sink):
    """Scalars over environment steps in `tensorboard/` of the run's folder."""

    def __init__(self, directory: Path) -> None:
        """Open the log.

        Raises:
            MissingExtraError: the package tensorboard is not installed.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtraError("tensorboard", "tensorboard") from error
        self._open: Any = SummaryWriter
        self._directory = str(directory / "tensorboard")
        self._writer: Any = None
        self._last = -1

    def begin(self, batches: int) -> None:
        """Open the log; what an interrupted run wrote from here on is hidden."""
        self._last = batches
        self._writer = self._open(self._directory, purge_step=batches + 1 if batches else None)

    def record(self, figures: Mapping[str, float]) -> None:
        """Write the scalars that are finite, over batches."""
        for name, value in figures.items():
            if name != "batch" and math.isfinite(value):
                self._writer.add_scalar(name, value, int(figures["batch"]))

    def close(self) -> None:
        """Close the log."""
        if self._writer is not None:
            self._writer.close()


class WeightsAndBiases(Sink):
    """Records of a run of Weights & Biases, whose id is the folder's; WANDB_MODE=offline keeps them here."""

    def __init__(self, directory: Path, project: str, settings: Mapping[str, Any]) -> None:
        """Name the run.

        Args:
            directory: of the run.
            project: of Weights & Biases.
            settings: of the run, shown beside its curves.

        Raises:
            MissingExtraError: the package wandb is not installed.
        """
        try:
            import wandb  # pyright: ignore[reportMissingImports] - an extra that nothing else needs
        except ImportError as error:
            raise MissingExtraError("wandb", "wandb") from error
        self._wandb: Any = wandb
        self._directory, self._project, self._settings = directory, project, dict(settings)
        self._run: Any = None

    def begin(self, batches: int) -> None:
        """Begin the run, or go on with it."""
        from prm_gym.task import content_key

        name = content_key(str(self._directory.resolve()))[:16]
        self._run = self._wandb.init(project=self._project, id=name, resume="allow", dir=str(self._directory), config=self._settings)

    def record(self, figures: Mapping[str, float]) -> None:
        """Log them over batches; of a batch that is known already they are left out by the service."""
        self._run.log(dict(figures), step=int(figures["batch"]))

    def close(self) -> None:
        """Finish the run."""
        if self._run is not None:
            self._run.finish()


def require_finite(figures: Mapping[str, float]) -> None:
    """Refuse a loss that is no number.

    Args:
        figures: of an update. A name that ends with "loss" or "gradient_norm" must have a finite value; others may be NaN where they are not known.

    Raises:
        DivergedError: one is NaN or infinite.
    """
    for name, value in figures.items():
        if name.endswith(("loss", "gradient_norm")) and not math.isfinite(value):
            raise DivergedError(f"{name} is {value}")
