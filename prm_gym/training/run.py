"""One training run: batches of groups, credit, update, evaluation on held-out tasks, checkpoints.

    while steps < budget:
        trajectories = ground.play(agent, groups at tasks that the curriculum chooses)
        method.learn(agent, trajectories)          # policy gradient, expert iteration, step preferences, ...

Everything random in batch i is drawn from (seed, i), and a checkpoint holds the agent with its random state; so a run that was stopped anywhere goes
on along the same curve.
"""

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec
import numpy as np

from prm_gym.agent import find_saved
from prm_gym.engines import Engine
from prm_gym.errors import DivergedError
from prm_gym.report.comparison import RunResult
from prm_gym.report.statistics import area_under_curve
from prm_gym.rollout import success_rate
from prm_gym.store import TrajectoryWriter, write_json
from prm_gym.training.columns import Columns
from prm_gym.training.config import TrainConfig
from prm_gym.training.curricula import make_curriculum
from prm_gym.training.demonstrations import demonstrate
from prm_gym.training.evaluation import Evaluation, curve_point, fields_of
from prm_gym.training.gathering import gather
from prm_gym.training.ground import Ground
from prm_gym.training.lock import locked
from prm_gym.training.methods import Practice, make_method
from prm_gym.training.metrics import JsonLines, Sink, require_finite
from prm_gym.training.ranks import Ranks
from prm_gym.training.sharded import players
from prm_gym.training.starting import trainable
from prm_gym.training.state import RunFolder, RunState, batches_of
from prm_gym.trajectory import Trajectory
from prm_gym.verdict_ledger import pairs, uses
from prm_gym.verifier import declared_versions

Progress = Callable[[int], None]


def train(
    config: TrainConfig,
    directory: Path,
    progress: Progress | None = None,
    *,
    sinks: Sequence[Sink] = (),
    stop: Callable[[], bool] | None = None,
    engine: Engine | None = None,
) -> RunResult:
    """Train one agent, or go on where an interrupted run in the same directory stopped.

    Args:
        config: what to run.
        directory: gets `result.json`, `trajectories.jsonl`, `metrics.jsonl`, the checkpoint, and in the end `agent/`.
        progress: called with the environment steps trained on so far.
        sinks: take the figures of every batch and evaluation, beside `metrics.jsonl`.
        stop: asked after every batch whether to end.
        engine: plays the shards of batches and evaluations; the curve is the same with every one. None for this process.

    Returns:
        The result; at once, when the directory holds the finished run of the same configuration.

    Raises:
        OptionError: the directory holds a run of another configuration or version, or a name or option is unknown.
        StoreError: the files of an interrupted run are broken.
        DivergedError: a loss is no number; the last good checkpoint is kept.
        KeyboardInterrupt: `stop` said so, and a checkpoint has been written; the same call goes on.
    """
    finished = read_result(config, directory)
    if finished is not None:
        return finished
    config.require_known()
    with Ranks(config, cards=config.agent_options.get("device") != "cpu") as ranks, ExitStack() as stack:
        ranks.by_first(lambda: stack.enter_context(locked(directory)))
        run = _Run(config, directory, ranks, progress or (lambda _: None), sinks, stop or (lambda: False), engine)
        stack.callback(run.close)
        return run.to_the_end()


def read_result(config: TrainConfig, directory: Path) -> RunResult | None:
    """The result of a finished run of this configuration; None when there is none.

    Raises:
        OptionError: the directory holds a run of another configuration or version.
    """
    folder = RunFolder(directory)
    return folder.result() if folder.read(config) is not None else None


class _Run:
    def __init__(
        self,
        config: TrainConfig,
        directory: Path,
        ranks: Ranks,
        progress: Progress,
        sinks: Sequence[Sink],
        stop: Callable[[], bool],
        engine: Engine | None,
    ) -> None:
        self.config, self.ranks, self.progress, self.stop = config, ranks, progress, stop
        self.folder = RunFolder(directory, writes=ranks.first)
        self.sinks = [JsonLines(directory / "metrics.jsonl"), *sinks] if ranks.first else []
        self.agent = trainable(config)
        ranks.require_able(self.agent, engine)
        self.columns = Columns.wanted(config.credit, config.signals, self.agent, config.seed, config.reward)
        self.columns.expect = self._expects
        self.method = make_method(config.method)
        self.ground = Ground(config.env_id, config.env_options_for_training(), config.domains, config.num_envs)
        self.ground.shards = players(config, self.agent, engine) if ranks.alone else ranks
        self.curriculum = make_curriculum(config.curriculum, self.ground.domains)
        self.evaluation = Evaluation(config, self.ground)
        self.ground.held_out = self.evaluation.held_out
        self.state = RunState(config=config, verifiers=declared_versions(config.env_options.get("verifiers") or ()))
        self.began = 0.0
        self.playing, self.ground.watch = ("", 0), self._watched

    def to_the_end(self) -> RunResult:
        """Train until the budget is spent, evaluate, write the result."""
        self._resume()
        self.began = time.monotonic() - self.state.wall_seconds
        state, directory = self.state, self.folder.path
        with self.folder.writer("trajectories.jsonl") as writer:
            while state.env_steps < self.config.budget:
                if state.env_steps >= state.next_evaluation:
                    self._evaluate()
                    self._checkpoint()
                self._batch(writer)
                self.progress(state.env_steps)
                stopped = self.ranks.any(self.stop())
                if stopped or state.batches % self.config.checkpoint_every == 0:
                    self._checkpoint()
                if stopped:
                    raise KeyboardInterrupt
            state.stored += writer.write(self._evaluate())
        self.agent.save(directory / "agent")
        result = self._transferred(self._result())
        if self.ranks.first:
            self.columns.save(directory / "agent" / "signals")
            write_json(directory / "result.json", result)  # first: a checkpoint with the last evaluation in it could not be gone on from
        self._checkpoint()
        return result

    def close(self) -> None:
        """Close sinks, environments and verifiers, however the run ended."""
        for sink in self.sinks:
            sink.close()
        self.evaluation.close()
        self.columns.close()
        self.ground.close()

    def _resume(self) -> None:
        state = self.folder.read(self.config)
        self.ranks.require_same("where the run on disk stands (they need one file system)", state and state.checkpoint)
        if state is None:
            self.folder.begin()
            saved = find_saved(self.config.agent)
            if saved is not None:
                self.columns.begin(saved.folder / "signals")
        else:
            self.state = state
            self.folder.resume(state, self.agent, self.columns)
            self.curriculum.restore(state.curriculum)
            self.progress(state.env_steps)
        for sink in self.sinks:
            sink.begin(self.state.batches)
        if state is None:
            self.playing = ("demonstrations", 0)
            with self._diverging():
                demonstrate(self.config, self.ground, self.agent)

    def _checkpoint(self) -> None:
        self.state.wall_seconds = time.monotonic() - self.began
        self.state.curriculum = list(self.curriculum.memory)
        self.folder.checkpoint(self.state, self.agent, self.columns)

    def _batch(self, writer: TrajectoryWriter) -> None:
        state, config, ground = self.state, self.config, self.ground
        before = ground.env_steps + self.columns.env_steps, ground.verdicts, ground.abstentions, ground.verdict_counts
        ground.forget()
        self.playing = (f"batch {state.batches + 1}", 0)
        rng = np.random.default_rng([config.seed, state.batches])
        prefix = f"{state.batches}-"
        with self._diverging(acting=True):
            batch = gather(ground, self.agent, self.curriculum, rng, tasks=config.tasks, attempts=config.attempts, refills=config.refills, prefix=prefix)
        with self._diverging():
            metrics = self._learn(batch.trajectories)
        state.batches += 1
        state.env_steps += ground.env_steps + self.columns.env_steps - before[0]
        state.verifier_calls += ground.verdicts - before[1]
        state.abstentions += ground.abstentions - before[2]
        for kind, count in ground.verdict_counts.items():
            state.verdict_counts[kind] = state.verdict_counts.get(kind, 0.0) + count - before[3][kind]
        state.stored += writer.write(batch.trajectories[: config.store_groups * config.attempts])
        figures = {"batch": state.batches, "env_steps": state.env_steps, "success": success_rate(batch.played), **metrics}
        if config.refills:
            figures |= {"rounds": batch.rounds, "kept_share": len(batch.trajectories) / len(batch.played)}
        if ground.domains > 1:
            figures |= {f"share_{domain}": share for domain, share in enumerate(self.curriculum.shares().tolist())}
        self._record(figures)

    def _learn(self, trajectories: list[Trajectory]) -> dict[str, float]:
        """What the method makes of a batch; that of a batch without a valid trajectory is nothing."""
        config, state = self.config, self.state
        progress = min(1.0, state.env_steps / config.budget) if config.budget else 0.0
        practice = Practice(self.agent, trajectories, self.ground, config.credit, config.credit_options, self.columns, state.batches, progress, config.seed)
        metrics = self.method.learn(practice)
        require_finite(metrics)
        self.ranks.require_same(f"the metrics of batch {self.state.batches + 1}", metrics)
        return metrics

    @contextmanager
    def _diverging(self, acting: bool = False) -> Generator[None]:
        """Say where a training diverged, and what is left of it.

        Args:
            acting: the agent only acts inside, with the weights that it had when it came in.
        """
        try:
            yield
        except DivergedError as error:
            state = self.state
            kept = self.folder.path / state.checkpoint
            said = f"training diverged in {self.playing[0]}, after {state.env_steps} environment steps: {error}. "
            again = "and other settings, a lower learning rate say"
            if not state.checkpoint:
                raise DivergedError(f"{said}There is no checkpoint yet; begin anew with another agent, {again}") from error
            if acting and batches_of(state.checkpoint) == state.batches:
                raise DivergedError(f"{said}The checkpoint in {kept} holds the very weights that act so; begin anew in another folder {again}") from error
            raise DivergedError(
                f"{said}The last good checkpoint is kept in {kept}; begin another run with that folder as its agent (agent={str(kept)!r}) {again}"
            ) from error

    def _expects(self, name: str, steps: int) -> None:
        """Tell the sinks what a signal takes of the budget."""
        left = self.config.budget - self.state.env_steps
        text = f"the signal {name} may take about {steps:,} environment steps more for {self.playing[0]}"
        if steps >= left:
            text += f", and {max(left, 0):,} are left of the budget: that batch is the last. Fewer tasks and attempts take less, and so do fewer roll-outs"
        for sink in self.sinks:
            sink.notice(text)

    def _watched(self, steps: int) -> None:
        """Tell the sinks that so many more steps were taken."""
        what, before = self.playing
        self.playing = (what, before + steps)
        for sink in self.sinks:
            sink.playing(*self.playing)

    def _record(self, figures: dict[str, float]) -> None:
        for sink in self.sinks:
            sink.record(figures)

    def _evaluate(self) -> list[Trajectory]:
        """Play the held-out tasks with the most probable actions and add a point to the curve."""
        self.playing = ("evaluation", 0)
        with self._diverging(acting=True):
            trajectories = self.evaluation.play(self.agent)
        state = self.state
        point = curve_point(trajectories, state.env_steps, state.verifier_calls, time.monotonic() - self.began)
        state.curve = [*(past for past in state.curve if past.env_steps < point.env_steps), point]
        state.next_evaluation = state.env_steps + self.config.evaluate_every
        for sink in self.sinks[1:]:  # the curve is in the result; metrics.jsonl holds one line a batch
            sink.record({"batch": state.batches, "env_steps": state.env_steps, "held_out_success": point.success, "held_out_steps": point.mean_steps})
        return trajectories

    def _transferred(self, result: RunResult) -> RunResult:
        """The result with the transfer in it, whose episodes are stored in a file of their own."""
        found = self.ranks.by_first(lambda: self.evaluation.transferred(self.agent.greedy))
        if found is None:
            return result
        figures, trajectories = found
        self.folder.cut("transfer.jsonl", 0)
        with self.folder.writer("transfer.jsonl") as writer:
            stored = result.trajectories + writer.write(trajectories)
        return msgspec.structs.replace(result, **fields_of(figures), trajectories=stored)

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
            wall_seconds=time.monotonic() - self.began,
            file_success=self.ranks.by_first(lambda: self.evaluation.in_bins(self.agent.greedy())),
            trajectories=state.stored,
            verifiers=uses(state.verdict_counts),
            pairs=pairs(state.verdict_counts),
        )
