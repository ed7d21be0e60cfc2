"""Comparisons: every credit assigner with every reward scheme, several seeds each, one budget, the same held-out tasks.

Each run lives in a folder of its own and is trained by a process of its own; finished runs are kept, interrupted ones go on from their last checkpoint.
"""

import re
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from prm_gym._version import VERSION
from prm_gym.agent import Agent, find_saved, make_agent
from prm_gym.credit import find_assigner
from prm_gym.engines import Engine, ProcessEngine, Report
from prm_gym.errors import LostJobError, MissingExtraError, OptionError, PrmGymError
from prm_gym.machine import machine_in_words, package_versions, source_commit
from prm_gym.options import stored_options
from prm_gym.report.comparison import Comparison, Reference, RunResult, write_results
from prm_gym.report.credit_pictures import CreditPictures
from prm_gym.report.curves import draw_curves
from prm_gym.report.page import write_page
from prm_gym.report.statistics import bootstrap_interval
from prm_gym.rewards import make_reward
from prm_gym.rollout import Rollouts
from prm_gym.task import content_key
from prm_gym.tools import typed
from prm_gym.training.columns import require_fillable
from prm_gym.training.config import TrainConfig
from prm_gym.training.evaluation import transfer_of
from prm_gym.training.lock import LockedError
from prm_gym.training.methods import make_method
from prm_gym.training.ranks import started_by_torchrun
from prm_gym.training.run import read_result, train, trainable
from prm_gym.training.state import RunFolder
from prm_gym.training.task_file import TaskFile

RANDOM_ATTEMPTS = 5
PATIENCE = 20.0
"""Seconds that a run waits for another process to leave its folder."""
_PACKAGES = ("gymnasium", "numpy", "torch", "z3-solver")

Notice = Callable[[TrainConfig, int], None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to compare.

    Attributes:
        base: what all runs share; its credit, reward and seed are replaced.
        credits: credit assigners, with options where wanted ("reinforce?gamma=0.5").
        rewards: reward schemes: names, with options where wanted ("dense?verifier=z3").
        seeds: of the runs.
        directory: gets a folder a run, and the reports.
        workers: runs trained at once.
        command: the command line, for the report.
    """

    base: TrainConfig
    credits: tuple[str, ...]
    rewards: tuple[str, ...]
    seeds: tuple[int, ...]
    directory: Path
    workers: int = 1
    command: str = ""

    def __post_init__(self) -> None:
        """Refuse an empty or repetitive plan."""
        for name in ("credits", "rewards", "seeds"):
            values = getattr(self, name)
            if not values or len(set(values)) != len(values):
                raise OptionError(f"{name} must be at least one and distinct, got {values}")
        if self.workers < 1:
            raise OptionError(f"workers must be at least 1, got {self.workers}")

    def runs(self) -> list[tuple[TrainConfig, Path]]:
        """Every run with its folder; seed by seed, so that an interrupted comparison is a balanced one."""
        return [
            (self._config(credit, reward, seed), self.directory / _folder(credit, reward) / f"seed-{seed}")
            for seed in self.seeds
            for reward in self.rewards
            for credit in self.credits
        ]

    def _config(self, credit: str, reward: str, seed: int) -> TrainConfig:
        return msgspec.structs.replace(self.base, credit=credit, reward=reward, seed=seed, agent=self.base.agent.replace("{seed}", str(seed)))


def _folder(credit: str, reward: str) -> str:
    """The name of a combination's folder; options may hold characters that no path or address should."""
    return f"{_plain(credit)}-{_plain(reward)}"


def _plain(spec: str) -> str:
    plain = re.sub(r"[^\w.-]+", "-", spec)
    return plain if plain == spec else f"{plain}-{content_key(spec)[:6]}"


def compare(plan: Plan, notice: Notice | None = None, engine: Engine | None = None) -> Comparison:
    """Train whatever of the plan is not finished, and write the reports.

    Ctrl-C (KeyboardInterrupt) ends the running processes, writes the reports of what is finished, and is raised again; the same plan goes on from there.

    Args:
        plan: what to compare.
        notice: called with a run's configuration and its environment steps so far, whenever they are known.
        engine: trains the runs, in whose processes the plan's directory must be the same folder; None for `plan.workers` processes of this machine.

    Returns:
        The comparison, as written to `results.json`, `report.html` and `curves.png` in the plan's directory.

    Raises:
        OptionError: a name or option is unknown, or the directory holds runs with other settings.
    """
    if started_by_torchrun():
        raise OptionError("a comparison starts its own processes, one a run: start it without torchrun")
    runs = plan.runs()
    finished = {i: result for i, (config, directory) in enumerate(runs) if (result := read_result(config, directory)) is not None}
    for index in finished:
        _tell(notice, runs[index][0], runs[index][0].budget)
    for credit in plan.credits:  # a wrong name or option fails here, once, not in every process
        find_assigner(credit)
    for reward in plan.rewards:
        make_reward(reward, 1)
    plan.base.require_known()
    for agent in {config.agent for config, _ in runs}:
        find_saved(agent)
    Rollouts(plan.base.env_id, msgspec.structs.replace(plan.base, credit=plan.credits[0], reward=plan.rewards[0]).env_options_for_training(), 1).close()
    agent = trainable(runs[0][0])
    for credit in plan.credits:
        for reward in plan.rewards:
            require_fillable(credit, plan.base.signals, agent, reward)
    agent.close()
    references, bins = _references(plan)
    waiting = [_Run(config, directory.resolve()) for i, (config, directory) in enumerate(runs) if i not in finished]
    failures: list[str] = []
    try:
        if engine is None:
            with ProcessEngine(plan.workers) as own:
                _train(own, waiting, notice, failures)
        else:
            _train(engine, waiting, notice, failures)
    finally:
        done = [result for config, directory in runs if (result := read_result(config, directory)) is not None]
        comparison = _comparison(plan, done, references, bins, failures)
        write_reports(comparison, plan.directory)
    return comparison


def write_reports(comparison: Comparison, directory: Path, pictures: CreditPictures | None = None) -> None:
    """Write `results.json`, `report.html` and `curves.png`; in the page, pictures of the credit of attempts at a task, where there are any."""
    directory.mkdir(parents=True, exist_ok=True)
    write_results(comparison, directory / "results.json")
    write_page(comparison, directory / "report.html", pictures)
    if comparison.runs:
        try:
            draw_curves(comparison, directory / "curves.png")
        except MissingExtraError as missing:  # the page draws its own curves
            print(f"curves.png was not drawn. {missing}", file=sys.stderr)


def _tell(notice: Notice | None, config: TrainConfig, steps: int) -> None:
    if notice is not None:
        notice(config, steps)


class _Run(msgspec.Struct, frozen=True):
    """A run as a job."""

    config: TrainConfig
    directory: Path

    def __str__(self) -> str:
        return f"{self.config.credit} + {self.config.reward}, seed {self.config.seed}"


class _Trainer:
    """Trains runs in a process of its own. A run whose process died goes on from its last checkpoint, wherever its folder can be reached."""

    def __init__(self, agent: str) -> None:
        saved = find_saved(agent)
        if "torch" in sys.modules or (saved.id if saved is not None else agent).startswith(("candidate", "causal-lm")):
            import torch

            torch.set_num_threads(1)

    def run(self, job: _Run, report: Report) -> None:
        last = 0.0

        def progress(steps: int) -> None:
            nonlocal last
            if time.monotonic() - last > 0.5 or steps >= job.config.budget:
                last = time.monotonic()
                report(steps)

        if RunFolder(job.directory).read(job.config) is None:
            report(0)  # one that goes on says itself from where
        patient = time.monotonic() + PATIENCE
        while True:
            try:
                train(job.config, job.directory, progress)
            except LockedError:  # by the process that was lost with its node, and has not ended yet
                if time.monotonic() > patient:
                    raise
                time.sleep(1.0)
            else:
                return

    def close(self) -> None:
        """Nothing is held between two runs."""


def _train(engine: Engine, waiting: Sequence[_Run], notice: Notice | None, failures: list[str]) -> None:
    """Train the runs; one that fails must not end the comparison: it is named in the report.

    Unless its processes die before any run has taken a step: the others would meet the same end (a verifier that calls `os._exit`), each as often.
    """
    if not waiting:
        return
    begun = False  # whether any run has come to something

    def reported(index: int, steps: int) -> None:
        nonlocal begun
        begun = begun or steps > 0
        _tell(notice, waiting[index].config, steps)

    with engine.crew(partial(_Trainer, waiting[0].config.agent)) as crew:
        for finished in crew.run(waiting, reported):
            run, error = waiting[finished.index], finished.error
            if error is None:
                begun = True
                _tell(notice, run.config, run.config.budget)
                continue
            failures.append(f"{run}: {type(error).__name__}: {error}")
            if not isinstance(error, PrmGymError):
                sys.excepthook(type(error), error, error.__traceback__)
            if isinstance(error, LostJobError) and not begun:
                failures.append("the other runs were not tried: processes die before a step is taken; the environment, a verifier or the agent ends them")
                return


def _references(plan: Plan) -> tuple[tuple[Reference, ...], tuple[str, ...]]:
    """Floor, ceiling and the best constant action, on the same held-out tasks."""
    base = plan.base
    rollouts = Rollouts(base.env_id, {**base.env_options, "verifiers": []}, base.num_envs)
    task_file = TaskFile(base.env_id, base.env_options, base.task_file, base.num_envs) if base.task_file else None
    transfer = transfer_of(base)
    played = rollouts.envs.envs[0]
    constant = played.constant_action
    agents: list[tuple[str, Literal["floor", "ceiling", "baseline"], Callable[[], Agent], int]] = []
    agents.append(("random", "floor", partial(make_agent, "random", seed=0), RANDOM_ATTEMPTS))
    if constant is not None:
        agents.append((f"always {typed(constant, played.tools)}", "baseline", partial(make_agent, f"constant:{constant}"), 1))
    if played.tells_solutions:
        agents.append(("scripted", "ceiling", partial(make_agent, "scripted"), 1))
    references: list[Reference] = []
    for name, role, fresh, attempts in agents:
        agent = fresh()
        trajectories = rollouts.play(agent, base.evaluation(attempts))
        outcomes = np.array([trajectory.outcome or 0.0 for trajectory in trajectories], dtype=np.float64)
        interval = bootstrap_interval(outcomes.reshape(-1, attempts).mean(axis=1), np.random.default_rng(0))
        references.append(
            Reference(
                agent=name,
                role=role,
                success=interval.mean,
                low=interval.low,
                high=interval.high,
                mean_steps=float(np.mean([len(trajectory.steps) for trajectory in trajectories])),
                file_success=task_file.success(agent, attempts) if task_file is not None else None,
                **(msgspec.structs.asdict(transfer.evaluate(fresh)[0]) if transfer is not None else {}),
            )
        )
    rollouts.close()
    return tuple(references), task_file.bins if task_file is not None else ()


def _comparison(plan: Plan, runs: Sequence[RunResult], references: tuple[Reference, ...], bins: tuple[str, ...], failures: Sequence[str]) -> Comparison:
    base = plan.base
    notes = [f"{len(runs)} of {len(plan.runs())} runs are finished; the same command goes on with the rest."] if len(runs) < len(plan.runs()) else []
    notes += [f"Failed: {failure}" for failure in failures]
    if not any(reference.role == "ceiling" for reference in references):
        notes.append("There is no ceiling: the environment does not tell its solutions.")
    if plan.workers > 1:
        notes.append(f"{plan.workers} runs were trained at once, so their wall times include the sharing of the machine.")
    if any(reward == "outcome" for reward in plan.rewards) and "verifiers" not in base.env_options and not make_method(base.method).needs_verdicts:
        notes.append("Runs whose reward and credit use no verdict are trained without verifiers, so they make no verifier calls.")
    if base.method != "policy-gradient":
        notes.append(f"Every run was trained by the method {base.method}.")
    taken = sorted(run.curve[-1].env_steps for run in runs if run.curve)
    if taken and taken[-1] > base.budget:
        notes.append(f"A run ends with the batch that crosses its budget of {base.budget:,} environment steps: they took {taken[0]:,} to {taken[-1]:,}.")
    if find_saved(plan.runs()[0][0].agent) is not None:
        notes.append(f"Every run began with a saved agent: {base.agent}.")
    if base.demonstrations:
        by = f"solutions of {base.demonstrations} tasks by the agent {base.demonstrator}"
        notes.append(f"Before its training every agent imitated {by}, which are no part of the budget.")
    return Comparison(
        title=f"Credit assignment on {base.env_id}",
        env_id=base.env_id,
        env_options=stored_options(base.env_options),
        agent=base.agent,
        credits=plan.credits,
        rewards=plan.rewards,
        command=plan.command,
        library_version=VERSION,
        versions=package_versions(_PACKAGES),
        machine=machine_in_words(str(base.agent_options.get("device", "auto"))),
        commit=source_commit(),
        created=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        budget_env_steps=base.budget,
        attempts=base.attempts,
        eval_tasks=base.eval_tasks,
        runs=tuple(runs),
        references=references,
        file_bins=bins,
        file_name=Path(base.task_file).name if base.task_file else None,
        transfer_options=stored_options(base.transfer_options),
        transfer_tasks=(base.transfer_tasks or base.eval_tasks) if base.transfer_options else 0,
        notes=tuple(notes),
    )
