"""Columns: who fills what a credit assigner wants beside what trajectories hold.

batch, metrics = columns.filled(batch, agent, "spa")
    "value", "bootstrap_value"     agent.columns
    "progress"                     the learned signal of that name: follow(agent), column(batch), fit(batch)
    "implicit_reward"              likewise, but fit(batch) comes first
    "mc_value"                     likewise: fit(batch) draws roll-outs, whose steps count like any other of the run; "bootstrap_mc_value" where it is told to
    "greedy_return"                likewise: fit(batch) plays every task once more, where the run plays
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from prm_gym.agent import TrainableAgent
from prm_gym.credit import SIGNALS, Signal, StepBatch, find_assigner, make_signal
from prm_gym.credit.array_types import Column, FloatArray
from prm_gym.credit.columns import OF_VERDICTS, SOURCES
from prm_gym.credit.signal import PlayGround
from prm_gym.errors import CheckpointError, CreditError, OptionError
from prm_gym.plugins import split_options

OF_TRAJECTORIES = ("state_key", "next_state_key", "action_key", "logprob", *OF_VERDICTS, "parent")
"""What `StepBatch.from_trajectories` fills: from `logprob` on where agent and verifiers give them, `parent` of what attempts at a task have in common."""


class Columns:
    """The learned signals of a run, and the agent's own columns.

    Attributes:
        signals: by the name of their column.
        expect: called once for each signal that plays, with its name and about how many steps it will take for the first batch, before it takes them.
    """

    def __init__(self, signals: Mapping[str, Signal] | None = None) -> None:
        """Take signals that are made; none for columns of the agent alone."""
        self.signals = dict(signals or {})
        self.expect: Callable[[str, int], None] | None = None
        self._expected: set[str] = set()

    @property
    def env_steps(self) -> int:
        """Steps of environments that signals have taken so far (`mc_value` rolls out)."""
        return sum(signal.env_steps for signal in self.signals.values())

    def close(self) -> None:
        """Free what the signals hold."""
        for signal in self.signals.values():
            signal.close()

    @classmethod
    def wanted(cls, credit: str, specs: Sequence[str], agent: TrainableAgent, seed: int = 0, reward: str = "") -> "Columns":
        """With the signals that an assigner needs, and no others.

        Args:
            credit: name of the assigner.
            specs: of signals, for those that are to have options (see `prm_gym.credit.make_signal`); any other has its defaults.
            agent: fills what it can.
            seed: of the signals.
            reward: name of the reward scheme; "" where it is not known.

        Raises:
            CreditError: nobody fills a column that the assigner needs, or not with these rewards; says how to get it.
            OptionError: two specifications are of one signal, or an option does not fit.
            UnknownNameError: no assigner or signal has that name.
        """
        named = _by_name(specs)
        learned = require_fillable(credit, specs, agent, reward)
        return cls({name: make_signal(named.get(name, name), seed=seed) for name in learned})

    def filled(self, batch: StepBatch, agent: TrainableAgent, credit: str, ground: PlayGround | None = None) -> tuple[StepBatch, dict[str, float]]:
        """The batch with the columns that the assigner takes, and metrics of the signals under their names ("progress_loss").

        Signals learn from the batch, and say what they make of it: after that, or before it where they ask so (`Signal.learns_first`).

        Args:
            batch: made from trajectories of this agent.
            agent: that acted, and has not learned from them yet.
            credit: name of the assigner.
            ground: where signals play that have to; None for environments that they make themselves.
        """
        chosen = find_assigner(credit)[0]
        absent = [name for name in (*chosen.needs, *chosen.uses) if name not in batch.columns]
        found: dict[str, Column] = {}
        own = [name for name in absent if name in agent.gives]
        if own:
            found |= agent.columns(batch, own)
        metrics: dict[str, float] = {}
        for name in absent:
            if name in self.signals and name not in found:
                made, learned = self._of_signal(self.signals[name], batch, agent, ground)
                found |= {column: values for column, values in made.items() if column in absent}
                metrics |= {f"{name}_{metric}": value for metric, value in learned.items()}
        return batch.with_columns(found), metrics

    def _of_signal(self, signal: Signal, batch: StepBatch, agent: TrainableAgent, ground: PlayGround | None) -> tuple[dict[str, FloatArray], dict[str, float]]:
        """What a signal says of a batch, and its metrics."""
        signal.follow(agent)
        if ground is not None:
            signal.enter(ground)
        if self.expect is not None and signal.name not in self._expected:
            self._expected.add(signal.name)
            steps = signal.cost(batch)
            if steps:
                self.expect(signal.name, steps)
        before = None if signal.learns_first else signal.columns(batch)
        metrics = signal.fit(batch)
        return signal.columns(batch) if before is None else before, metrics

    def save(self, directory: Path) -> None:
        """Write every signal into a folder of its name; no folder where there is none."""
        for name, signal in self.signals.items():
            signal.save(directory / name)

    def begin(self, directory: Path) -> None:
        """Take on the signals that `save` wrote for another run; those that it did not have begin anew.

        Raises:
            CheckpointError: a signal is of another kind.
        """
        for name, signal in self.signals.items():
            if (directory / name).is_dir():
                signal.load(directory / name)

    def load(self, directory: Path) -> None:
        """Put back what `save` wrote.

        Raises:
            CheckpointError: a signal is not there, or of another kind.
        """
        for name, signal in self.signals.items():
            if not (directory / name).is_dir():
                raise CheckpointError(f"{directory} holds no signal {name!r}")
            signal.load(directory / name)


def require_fillable(credit: str, specs: Sequence[str], agent: TrainableAgent, reward: str = "") -> list[str]:
    """The signals that fill what an assigner needs beside trajectories and the agent.

    Raises:
        CreditError: nobody fills a column that the assigner needs, or not with these rewards; says how to get it.
        OptionError: two specifications are of one signal.
        UnknownNameError: no assigner or signal has that name.
    """
    named = _by_name(specs)
    for name in named:
        SIGNALS.load(name)
    chosen = find_assigner(credit)[0]
    known = {*named, *(name for name in chosen.needs if name in SIGNALS.names())}
    learned = [name for name in (*chosen.needs, *chosen.uses) if name in known and name not in agent.gives]
    for name in chosen.needs:
        if name not in (*learned, *agent.gives, *OF_TRAJECTORIES):
            source = f": {SOURCES[name]}" if name in SOURCES else " (no agent and no learned signal of that name does)"
            raise CreditError(f"The credit assigner {credit!r} needs the column {name!r}, which the agent {agent.id!r} does not fill{source}.")
    for name in learned:
        rewards: tuple[str, ...] = getattr(SIGNALS.load(name), "rewards", ())
        if reward and rewards and split_options(reward)[0] not in rewards:
            raise CreditError(
                f"The credit assigner {credit!r} takes the column {name!r} of the signal {name}, for the reward {rewards[0]!r} alone, got {reward!r}."
            )
    return learned


def _by_name(specs: Sequence[str]) -> dict[str, str]:
    named = {split_options(spec)[0].partition(":")[0]: spec for spec in specs}
    if len(named) != len(specs):
        raise OptionError(f"every learned signal is given once, got {', '.join(specs)}")
    return named
