"""Comparisons: every credit assigner with every reward scheme, several seeds each, one budget, the same held-out tasks.

Each run lives in a folder of its own and is trained by a process of its own; finished runs are kept, interrupted ones go on from their last checkpoint.
"""

import multiprocessing
import os
import queue
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from prm_gym._version import VERSION
from prm_gym.agent import Agent, make_agent
from prm_gym.credit import ASSIGNERS
from prm_gym.errors import MissingExtraError, OptionError, PrmGymError
from prm_gym.machine import machine_in_words, package_versions
from prm_gym.options import stored_options
from prm_gym.report.comparison import Comparison, Reference, RunResult, write_results
from prm_gym.report.curves import draw_curves
from prm_gym.report.page import write_page
from prm_gym.report.statistics import bootstrap_interval
from prm_gym.rewards import make_reward
from prm_gym.rollout import Rollouts
from prm_gym.task import content_key
from prm_gym.tools import typed
from prm_gym.training.config import TrainConfig
from prm_gym.training.evaluation import transfer_of
from prm_gym.training.methods import make_method
from prm_gym.training.ranks import started_by_torchrun
from prm_gym.training.run import read_result, train, trainable
from prm_gym.training.task_file import TaskFile

RANDOM_ATTEMPTS = 5
_PACKAGES = ("gymnasium", "numpy", "torch", "z3-solver")

Notice = Callable[[TrainConfig, int], None]


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to compare.

    Attributes:
        base: what all runs share; its credit, reward and seed are replaced.
        credits: names of credit assigners.
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
            (msgspec.structs.replace(self.base, credit=credit, reward=reward, seed=seed), self.directory / _folder(credit, reward) / f"seed-{seed}")
            for seed in self.seeds
            for reward in self.rewards
            for credit in self.credits
        ]


def _folder(credit: str, reward: str) -> str:
    """The name of a combination's folder; the options of a reward scheme may hold characters that no path or address should."""
    plain = re.sub(r"[^\w.-]+", "-", reward)
    return f"{credit}-{plain}" if plain == reward else f"{credit}-{plain}-{content_key(reward)[:6]}"


def compare(plan: Plan, notice: Notice | None = None) -> Comparison:
    """Train whatever of the plan is not finished, and write the reports.

    Ctrl-C (KeyboardInterrupt) ends the running processes, writes the reports of what is finished, and is raised again; the same plan goes on from there.

    Args:
        plan: what to compare.
        notice: called with a run's configuration and its environment steps so far, whenever they are known.

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
        ASSIGNERS.load(credit)
    for reward in plan.rewards:
        make_reward(reward, 1)
    plan.base.require_known()
    Rollouts(plan.base.env_id, msgspec.structs.replace(plan.base, credit=plan.credits[0], reward=plan.rewards[0]).env_options_for_training(), 1).close()
    trainable(plan.base).close()
    references, bins = _references(plan)
    waiting = [(i, *runs[i]) for i in range(len(runs)) if i not in finished]
    failures: list[str] = []
    try:
        _Pool(plan.workers, notice).run(waiting, failures)
    finally:
        done = [result for config, directory in runs if (result := read_result(config, directory)) is not None]
        comparison = _comparison(plan, done, references, bins, failures)
        write_reports(comparison, plan.directory)
    return comparison


def write_reports(comparison: Comparison, directory: Path) -> None:
    """Write `results.json`, `report.html` and `curves.png`."""
    directory.mkdir(parents=True, exist_ok=True)
    write_results(comparison, directory / "results.json")
    write_page(comparison, directory / "report.html")
    if comparison.runs:
        try:
            draw_curves(comparison, directory / "curves.png")
        except MissingExtraError as missing:  # the page draws its own curves
            print(f"curves.png was not drawn. {missing}", file=sys.stderr)


def _tell(notice: Notice | None, config: TrainConfig, steps: int) -> None:
    if notice is not None:
        notice(config, steps)


class _Pool:
    """Trains runs in processes of their own, `workers` at once."""

    def __init__(self, workers: int, notice: Notice | None) -> None:
        self.workers = workers
        self.notice = notice
        self.context = multiprocessing.get_context("spawn")
        self.messages: Any = self.context.Queue()
        self.running: dict[int, tuple[BaseProcess, TrainConfig]] = {}

    def run(self, waiting: list[tuple[int, TrainConfig, Path]], failures: list[str]) -> None:
        pending = waiting[::-1]
        try:
            while pending or self.running:
                while pending and len(self.running) < self.workers:
                    self._start(*pending.pop())
                self._listen(failures)
        finally:
            self._end()

    def _start(self, index: int, config: TrainConfig, directory: Path) -> None:
        process = self.context.Process(target=_train_in_process, args=(index, msgspec.json.encode(config), directory, self.messages), daemon=True)
        process.start()
        self.running[index] = (process, config)

    def _listen(self, failures: list[str]) -> None:
        # Who has ended is asked first: what it said last is then in the queue, and is read before it is let go.
        ended = [index for index, (process, _) in self.running.items() if not process.is_alive()]
        wait = 0.0 if ended else 0.5
        while True:
            try:
                index, steps, problem = self.messages.get(timeout=wait) if wait else self.messages.get_nowait()
            except queue.Empty:
                break
            wait = 0.0
            if problem:
                failures.append(problem)
            elif index in self.running:
                _tell(self.notice, self.running[index][1], steps)
        for index in ended:
            process, config = self.running.pop(index)
            process.join()
            if process.exitcode and process.exitcode != _TOLD:
                failures.append(f"{config.credit} + {config.reward}, seed {config.seed}: the process ended with code {process.exitcode}")

    def _end(self) -> None:
        for process, _ in self.running.values():
            process.terminate()
        for process, _ in self.running.values():
            process.join()
        self.messages.cancel_join_thread()
        self.messages.close()


_TOLD = 3


def _train_in_process(index: int, config: bytes, directory: Path, messages: Any) -> None:
    """One run in a process of its own; reports its steps, and its failure if it has one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    settings = msgspec.json.decode(config, type=TrainConfig)
    if "torch" in sys.modules or settings.agent == "candidate":
        import torch

        torch.set_num_threads(1)
    last = 0.0

    def progress(steps: int) -> None:
        nonlocal last
        if time.monotonic() - last > 0.5 or steps >= settings.budget:
            last = time.monotonic()
            messages.put((index, steps, ""))

    try:
        train(settings, directory, progress)
    except Exception as error:  # one failed run must not end the comparison; it is named in the report
        messages.put((index, 0, f"{settings.credit} + {settings.reward}, seed {settings.seed}: {type(error).__name__}: {error}"))
        if not isinstance(error, PrmGymError):
            sys.excepthook(type(error), error, error.__traceback__)
        sys.exit(_TOLD)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
    if plan.workers > 1:
        notes.append(f"{plan.workers} runs were trained at once, so their wall times include the sharing of the machine.")
    if any(reward == "outcome" for reward in plan.rewards) and "verifiers" not in base.env_options and not make_method(base.method).needs_verdicts:
        notes.append("Runs whose reward and credit use no verdict are trained without verifiers, so they make no verifier calls.")
    if base.method != "policy-gradient":
        notes.append(f"Every run was trained by the method {base.method}.")
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
