"""One training run: batches of groups, credit, update, evaluation on held-out tasks, checkpoints.

    while steps < budget:
        trajectories = rollouts.play(agent, groups(task_seeds, attempts))
        batch = StepBatch.from_trajectories(trajectories)
        agent.update(batch, assign("gigpo", batch))

Everything random in batch i is drawn from (seed, i), and a checkpoint holds the agent with its random state; so a run that was stopped anywhere goes
on along the same curve.
"""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from prm_gym._version import VERSION
from prm_gym.agent import AGENTS, TrainableAgent, make_agent
from prm_gym.credit import ASSIGNERS, StepBatch, assign
from prm_gym.errors import ContractError, OptionError, StoreError
from prm_gym.report.comparison import CurvePoint, RunResult
from prm_gym.report.statistics import area_under_curve
from prm_gym.rewards import make_reward
from prm_gym.rollout import Episode, Rollouts, groups, success_rate
from prm_gym.store import TrajectoryWriter, write_json
from prm_gym.training.task_file import TaskFile
from prm_gym.training.transfer import Transfer
from prm_gym.trajectory import Trajectory

# Task seeds of training lie below 2^31. Those of evaluation lie above, in two parts: settings may be tuned on "dev"; reports are made on "test".
TRAINING_SEEDS = 1 << 31
FIRST_SEED = {"dev": 1 << 31, "test": (1 << 31) + (1 << 30)}


class TrainConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides the course of a run.

    Attributes:
        env_id: registered id.
        env_options: keyword options of the environment, without `reward`. JSON values.
        credit: name of the credit assigner.
        credit_options: its options.
        reward: name of the reward scheme.
        seed: of the run.
        agent: specification of a trainable agent.
        agent_options: its keyword options, without `seed`.
        budget: environment steps to train on; the batch that crosses it is the last.
        tasks: tasks in a batch.
        attempts: attempts at each.
        evaluate_every: environment steps between evaluations, at least.
        eval_tasks: held-out tasks of an evaluation.
        split: which held-out tasks: "dev" to tune settings on, "test" to report.
        num_envs: episodes played at once.
        task_file: a file of public tasks to evaluate the trained agent on; "" for none. No task of it is trained on.
        transfer_options: options of the environment over `env_options`, with which the trained agent is evaluated once more; {} for none. JSON values.
        transfer_tasks: on how many of the held-out tasks, the first ones; 0 for all.
        demonstrations: tasks whose scripted solutions the untrained agent imitates before its first evaluation; their steps are no part of the budget.
        store_groups: groups of every training batch whose trajectories are stored; those of the last evaluation always are.
    """

    env_id: str
    env_options: dict[str, Any] = {}
    credit: str = "grpo"
    credit_options: dict[str, Any] = {}
    reward: str = "outcome"
    seed: int = 0
    agent: str = "candidate"
    agent_options: dict[str, Any] = {}
    budget: int = 20_000
    tasks: int = 16
    attempts: int = 8
    evaluate_every: int = 2_000
    eval_tasks: int = 200
    split: Literal["dev", "test"] = "test"
    num_envs: int = 64
    task_file: str = ""
    transfer_options: dict[str, Any] = {}
    transfer_tasks: int = 0
    demonstrations: int = 0
    store_groups: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        for name in ("budget", "tasks", "attempts", "evaluate_every", "eval_tasks", "num_envs"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.demonstrations < 0:
            raise OptionError(f"demonstrations must be at least 0, got {self.demonstrations}")
        if not 0 <= self.transfer_tasks <= self.eval_tasks:
            raise OptionError(f"transfer_tasks must lie between 0 (all) and the {self.eval_tasks} held-out tasks, got {self.transfer_tasks}")
        for name in ("reward", "verifiers"):
            if name in self.transfer_options:
                raise OptionError(f"{name} has no part in an evaluation; leave it out of transfer_options")

    def evaluation(self, attempts: int = 1) -> list[Episode]:
        """The episodes of an evaluation."""
        first = FIRST_SEED[self.split]
        return [Episode(first + i, f"eval-{i}", attempt) for i in range(self.eval_tasks) for attempt in range(attempts)]

    def env_options_for_training(self) -> dict[str, Any]:
        """Options of the environment; without verifiers where neither the reward nor the assigner uses a verdict."""
        options = {**self.env_options, "reward": self.reward}
        if "verifiers" not in options and not make_reward(self.reward, 1).needs_verdicts and "score" not in ASSIGNERS.load(self.credit).needs:
            options["verifiers"] = []
        return options


class _State(msgspec.Struct, kw_only=True):
    """Where a run stands; what a checkpoint holds beside the agent."""

    config: TrainConfig
    version: str = ""
    batches: int = 0
    env_steps: int = 0
    verifier_calls: int = 0
    abstentions: int = 0
    wall_seconds: float = 0.0
    stored: int = 0
    stored_bytes: int = 0
    metrics_bytes: int = 0
    next_evaluation: int = 0
    curve: list[CurvePoint] = []
    checkpoint: str = ""


Progress = Callable[[int], None]
_DEMONSTRATED = 1 << 40  # the batch that demonstrations are drawn as; no run has so many


def trainable(config: TrainConfig) -> TrainableAgent:
    """The untrained agent of a run.

    Raises:
        OptionError: an option of the agent does not fit, or its seed is given beside that of the run.
        ContractError: the agent cannot be trained.
    """
    if "seed" in config.agent_options:
        raise OptionError("the agent's seed is that of the run; leave it out of its options")
    refusal = f"agent {config.agent!r} cannot be trained: it has no update()"
    factory = AGENTS.load(config.agent.partition(":")[0])
    if isinstance(factory, type) and not issubclass(factory, TrainableAgent):  # said before anything is said about its options
        raise ContractError(refusal)
    agent = make_agent(config.agent, seed=config.seed, **config.agent_options)
    if not isinstance(agent, TrainableAgent):
        raise ContractError(refusal)
    return agent


def transfer_of(config: TrainConfig) -> Transfer | None:
    """The evaluation with other options of the environment; None where none is wanted.

    Raises:
        OptionError: the environment has no such option, or refuses a value.
    """
    if not config.transfer_options:
        return None
    episodes = config.evaluation()[: config.transfer_tasks or None]
    return Transfer(config.env_id, config.env_options, config.transfer_options, episodes, config.num_envs)


def train(config: TrainConfig, directory: Path, progress: Progress | None = None) -> RunResult:
    """Train one agent, or go on where an interrupted run in the same directory stopped.

    Args:
        config: what to run.
        directory: gets `result.json`, `trajectories.jsonl`, `metrics.jsonl`, the checkpoint, and in the end `agent/`.
        progress: called with the environment steps trained on so far.

    Returns:
        The result; at once, when the directory holds the finished run of the same configuration.

    Raises:
        OptionError: the directory holds a run of another configuration, or a name or option is unknown.
        StoreError: the files of an interrupted run are broken.
    """
    finished = read_result(config, directory)
    if finished is not None:
        return finished
    return _Run(config, directory, progress or (lambda _: None)).to_the_end()


def read_result(config: TrainConfig, directory: Path) -> RunResult | None:
    """The result of a finished run of this configuration; None when there is none.

    Raises:
        OptionError: the directory holds a run of another configuration.
    """
    state = _read_state(directory)
    if state is None:
        return None
    if state.config != config:
        raise OptionError(f"{directory} holds a run with other settings; choose another directory, or remove it to start again")
    if state.version != VERSION:
        made = f"prm_gym {state.version}" if state.version else "another version of prm_gym"
        raise OptionError(f"{directory} holds a run of {made} and this is {VERSION}: one curve of two programs would mean nothing; remove it to start again")
    path = directory / "result.json"
    return msgspec.json.decode(path.read_bytes(), type=RunResult) if path.is_file() else None


def _read_state(directory: Path) -> _State | None:
    path = directory / "state.json"
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=_State)
    except msgspec.DecodeError as error:
        raise StoreError(f"{path} cannot be read ({error}); remove {directory} to start the run again") from error


class _Run:
    def __init__(self, config: TrainConfig, directory: Path, progress: Progress) -> None:
        self.config = config
        self.directory = directory
        self.progress = progress
        self.agent = trainable(config)
        self.rollouts = Rollouts(config.env_id, config.env_options_for_training(), config.num_envs)
        self.evaluation = config.evaluation()
        self.held_out = {self.rollouts.task(episode.seed).key for episode in self.evaluation}
        self.task_file = TaskFile(config.env_id, config.env_options, config.task_file, config.num_envs) if config.task_file else None
        if self.task_file is not None:
            self.held_out |= self.task_file.held_out
        self.transfer = transfer_of(config)
        if self.transfer is not None:
            self.held_out |= self.transfer.held_out
        self.state = _State(config=config, version=VERSION)
        self.resumed_at = 0.0

    def to_the_end(self) -> RunResult:
        """Train until the budget is spent, evaluate, write the result."""
        directory = self.directory
        directory.mkdir(parents=True, exist_ok=True)
        self._resume()
        self.resumed_at = time.monotonic() - self.state.wall_seconds
        with TrajectoryWriter(directory / "trajectories.jsonl") as writer:
            while self.state.env_steps < self.config.budget:
                if self.state.env_steps >= self.state.next_evaluation:
                    self._evaluate()
                    self._checkpoint()
                self._batch(writer)
                self.progress(self.state.env_steps)
            last = self._evaluate()
            self.state.stored += writer.write(last)
        self.agent.save(directory / "agent")
        result = self._transferred(self._result())
        write_json(directory / "result.json", result)  # first: a checkpoint with the last evaluation in it could not be gone on from
        self._checkpoint()
        self.rollouts.close()
        if self.task_file is not None:
            self.task_file.close()
        return result

    def _resume(self) -> None:
        state = _read_state(self.directory)
        if state is None:
            self._cut("trajectories.jsonl", 0)
            self._cut("metrics.jsonl", 0)
            self._imitate()
            return
        self.state = state
        self.agent.load(self.directory / state.checkpoint)
        self._cut("trajectories.jsonl", state.stored_bytes)
        self._cut("metrics.jsonl", state.metrics_bytes)
        self.progress(state.env_steps)

    def _imitate(self) -> None:
        """Let the untrained agent see how some tasks are solved."""
        if self.config.demonstrations:
            episodes = groups(self._task_seeds(self.config.demonstrations, _DEMONSTRATED), 1)
            self.agent.imitate(StepBatch.from_trajectories(self.rollouts.play(make_agent("scripted"), episodes)))

    def _cut(self, name: str, size: int) -> None:
        """Drop what was written after the checkpoint: those batches will be played again."""
        path = self.directory / name
        if path.is_file():
            with path.open("rb+") as file:
                file.truncate(size)

    def _checkpoint(self) -> None:
        """Write agent and state so that a reader sees the old pair or the new one."""
        state, old = self.state, self.state.checkpoint
        state.checkpoint = f"checkpoint-{state.batches}"
        state.wall_seconds = time.monotonic() - self.resumed_at
        state.stored_bytes = _size(self.directory / "trajectories.jsonl")
        state.metrics_bytes = _size(self.directory / "metrics.jsonl")
        self.agent.save(self.directory / state.checkpoint)
        write_json(self.directory / "state.json", state)
        if old and old != state.checkpoint:
            shutil.rmtree(self.directory / old, ignore_errors=True)

    def _batch(self, writer: TrajectoryWriter) -> None:
        state, config = self.state, self.config
        episodes = groups(self._task_seeds(config.tasks, state.batches), config.attempts, prefix=f"{state.batches}-")
        calls, abstentions = self._verdicts()
        trajectories = self.rollouts.play(self.agent, episodes)
        batch = StepBatch.from_trajectories(trajectories)
        credit = assign(config.credit, batch, **config.credit_options)
        metrics = self.agent.update(batch, credit)
        state.batches += 1
        state.env_steps += sum(len(trajectory.steps) for trajectory in trajectories)
        after, after_abstentions = self._verdicts()
        state.verifier_calls += after - calls
        state.abstentions += after_abstentions - abstentions
        state.stored += writer.write(trajectories[: config.store_groups * config.attempts])
        record = {"batch": state.batches, "env_steps": state.env_steps, "success": success_rate(trajectories), **metrics, **credit.diagnostics}
        with (self.directory / "metrics.jsonl").open("ab") as file:
            file.write(msgspec.json.encode(record) + b"\n")

    def _task_seeds(self, count: int, batch: int) -> list[int]:
        """Seeds of a batch's tasks, none of them held out."""
        rng = np.random.default_rng([self.config.seed, batch])
        seeds: list[int] = []
        for _ in range(100 * count):
            seed = int(rng.integers(TRAINING_SEEDS))
            task = self.rollouts.task(seed)
            if seed not in seeds and self.held_out.isdisjoint((task.key, task.question)):
                seeds.append(seed)
                if len(seeds) == count:
                    return seeds
        raise OptionError(f"{self.config.env_id} has too few tasks beside the {len(self.held_out)} held-out ones; lower eval_tasks or raise the difficulty")

    def _verdicts(self) -> tuple[int, int]:
        return sum(self.rollouts.verdicts_given.values()), sum(self.rollouts.abstentions.values())

    def _evaluate(self) -> list[Trajectory]:
        """Play the held-out tasks with the most probable actions and add a point to the curve."""
        trajectories = self.rollouts.play(self.agent.greedy(), self.evaluation)
        state = self.state
        point = CurvePoint(
            env_steps=state.env_steps,
            success=success_rate(trajectories),
            mean_reward=float(np.mean([trajectory.total_reward for trajectory in trajectories])),
            mean_steps=float(np.mean([len(trajectory.steps) for trajectory in trajectories])),
            verifier_calls=state.verifier_calls,
            wall_seconds=time.monotonic() - self.resumed_at,
        )
        state.curve = [*(past for past in state.curve if past.env_steps < point.env_steps), point]
        state.next_evaluation = state.env_steps + self.config.evaluate_every
        return trajectories

    def _transferred(self, result: RunResult) -> RunResult:
        """The result with the transfer in it, whose episodes are stored in a file of their own."""
        if self.transfer is None:
            return result
        figures, trajectories = self.transfer.evaluate(self.agent.greedy)
        self._cut("transfer.jsonl", 0)
        with TrajectoryWriter(self.directory / "transfer.jsonl") as writer:
            stored = result.trajectories + writer.write(trajectories)
        return msgspec.structs.replace(result, **msgspec.structs.asdict(figures), trajectories=stored)

    def _result(self) -> RunResult:
        state, config = self.state, self.config
        steps = np.array([point.env_steps for point in state.curve], dtype=np.float64)
        success = np.array([point.success for point in state.curve], dtype=np.float64)
        return RunResult(
            credit=config.credit,
            reward=config.reward,
            seed=config.seed,
            curve=tuple(state.curve),
            final_success=state.curve[-1].success,
            auc=area_under_curve(steps, success),
            verifier_calls=state.verifier_calls,
            abstentions=state.abstentions,
            wall_seconds=time.monotonic() - self.resumed_at,
            file_success=self.task_file.success(self.agent.greedy()) if self.task_file is not None else None,
            trajectories=state.stored,
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
