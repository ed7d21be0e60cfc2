"""Signal: something learned that says a number of every step, as a column that an assigner needs.

    signal = make_signal("progress", seed=0)
    for batch in ...:
        batch = batch.with_columns({"progress": signal.column(batch)})
        credit = assign("spa", batch)
        metrics = signal.fit(batch)                                     # others learn first, and say what they have learned (`learns_first`)

A signal is registered under the name of the column that it fills, so that whoever needs the column finds it:

    [project.entry-points."prm_gym.signals"]
    progress = "my_package:MyEstimator"
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeAlias

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import ContractError
from prm_gym.plugins import Registry, make, split_options
from prm_gym.trajectory import Trajectory


class PlayGround(Protocol):
    """Where a run plays, for signals that play too: `prm_gym.training.ground.Ground` is one. What is played there is counted there."""

    @property
    def watch(self) -> Callable[[int], None] | None:
        """Called with the number of steps just taken; None where nobody looks."""
        ...

    def greedily(self, agent: Any, originals: Sequence[Trajectory]) -> list[Trajectory]:
        """One more episode at the task of each trajectory, in order and with its `group_id`, with the most probable actions of the agent.

        Args:
            agent: a `prm_gym.agent.TrainableAgent`.
            originals: of episodes that were played there, no two of one group.
        """
        ...


class Signal(ABC):
    """Learns from batches and fills a column of them.

    It is made with keyword options that have defaults, `seed` among them: a run gives it its own.

    Attributes:
        name: of the column.
        also: names of further columns that it fills, where it is so made (`columns`).
        learns_first: whether a run fits it to a batch before it says something of it. False for a signal whose say is a baseline: one that has seen what the
            episodes came to depends on the actions that were taken later, and biases the gradient.
        rewards: names of the reward schemes that it goes with; () for all.
        env_steps: steps of environments that it has taken so far, where it plays in some of its own; a run counts them towards its budget.
    """

    name: str
    also: tuple[str, ...] = ()
    learns_first: bool = True
    rewards: ClassVar[tuple[str, ...]] = ()

    @property
    def env_steps(self) -> int:
        """See the class; 0 for a signal that does not play."""
        return 0

    def follow(self, agent: object) -> None:  # noqa: B027 - most signals have nothing to do with the agent
        """Look at the agent whose steps the next batch holds, before `fit`: for signals that compare with the policy that acted.

        Args:
            agent: a `prm_gym.agent.TrainableAgent`.

        Raises:
            ContractError: the signal cannot do with this agent.
        """

    def enter(self, ground: PlayGround) -> None:  # noqa: B027 - most signals do not play
        """Play there from now on, and say there how far it is: for signals that play. One that never enters makes environments of its own."""

    def cost(self, batch: StepBatch) -> int:
        """About how many steps of environments `fit` and `column` will take for this batch, before they take them; 0 of a signal that does not play."""
        _ = batch
        return 0

    @abstractmethod
    def fit(self, batch: StepBatch) -> dict[str, float]:
        """Learn from a batch, once; metrics by name.

        Raises:
            CreditError: the batch lacks what it learns from.
            DivergedError: a loss is no number.
        """

    @abstractmethod
    def column(self, batch: StepBatch) -> FloatArray:
        """[N] float64, what it says of each step as it is now; NaN where it cannot tell. Does not learn."""

    def columns(self, batch: StepBatch) -> dict[str, FloatArray]:
        """All that it fills, by name: `column`, and those of `also`, [N] float64 each."""
        return {self.name: self.column(batch)}

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Write everything that is needed to go on exactly as now (weights, optimiser, random states) into a folder, which is made if need be."""

    @abstractmethod
    def load(self, directory: Path) -> None:
        """Put back what `save` wrote.

        Raises:
            CheckpointError: there is nothing, or it is of another signal.
        """

    def close(self) -> None:  # noqa: B027 - most signals hold nothing
        """Free what the signal holds."""


SignalFactory: TypeAlias = Callable[..., Signal]

SIGNALS: Registry[SignalFactory] = Registry("prm_gym.signals", "learned signal")


def make_signal(spec: str, **options: Any) -> Signal:
    """The signal that a specification names.

    Args:
        spec: a name ("progress"), with an argument and options where it takes any ("implicit_reward:CHECKPOINT?objective=dpo").
        **options: further options; what stands in the specification goes first.

    Raises:
        UnknownNameError: no signal has that name; says the near miss.
        OptionError: an option does not fit.
        ContractError: what came out is no signal.
    """
    plain, given = split_options(spec)
    name, separator, argument = plain.partition(":")
    made: Any = make("learned signal", name, SIGNALS.load(name), *([argument] if separator else []), **{**options, **given})
    if not isinstance(made, Signal):
        raise ContractError(f"the learned signal {name!r} made a {type(made).__name__}, not a prm_gym.credit.Signal")
    if made.name != name:
        raise ContractError(f"the learned signal {name!r} fills the column {made.name!r}; register it under the name of its column")
    return made
