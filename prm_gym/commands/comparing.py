"""Comparisons and their reports: `compare`, `report`."""

import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import tyro

from prm_gym.commands.records import command_line, read_env_options, read_names, read_options, resolved
from prm_gym.errors import OptionError


def compare(
    env: str = "prm_gym/Deduction-v0",
    credit: str = "grpo,gigpo,salt",
    reward: str = "outcome,dense",
    seeds: int = 5,
    budget: int = 40_000,
    env_option: tuple[str, ...] = (),
    verifier: tuple[str, ...] = (),
    agent: str = "candidate",
    agent_option: tuple[str, ...] = (),
    signal: tuple[str, ...] = (),
    device: Literal["auto", "cpu", "cuda"] = "auto",
    tasks: int = 16,
    attempts: int = 8,
    evaluate_every: int = 4_000,
    eval_tasks: int = 200,
    split: Literal["dev", "test"] = "test",
    eval_file: str = "",
    transfer_option: tuple[str, ...] = (),
    transfer_tasks: int = 0,
    demonstrations: int = 0,
    method: str = "policy-gradient",
    out: str = "",
    engine: str = "local",
    workers: int = 0,
    ray_address: str = "",
    json: bool = False,
) -> None:
    """Train every combination of credit assigner and reward scheme, and compare them on held-out tasks.

    Args:
        env: id of the environment.
        credit: credit assigners, with commas between them; options stand after a question mark: `gigpo?step_weight=0.5&gamma=0.9`; transforms before and
            after one between bars: `posterior_gate|grpo|aem?strength=0.5`.
        reward: reward schemes, likewise; options stand after a question mark: `dense?verifier=z3&penalty=0.5`.
        seeds: how many seeds of each combination.
        budget: environment steps of every run; the batch that crosses it is the last, and is played to its end.
        env_option: options of the environment, NAME=VALUE each; a list is JSON, as 'show=["page"]'.
        verifier: specifications of the verifiers that judge its steps, as "z3" or "prm:DIR"; the environment's own unless given.
        agent: name of a trainable agent, or the folder of a saved one to begin every run with; {seed} in it stands for the seed of the run.
        agent_option: its options, NAME=VALUE each; value_weight=0.5 gives it the critic that gae and spa need.
        signal: learned signals that assigners need, with options: 'progress?learning_rate=0.003'.
        device: where the agent learns.
        tasks: tasks in a training batch.
        attempts: attempts at each.
        evaluate_every: environment steps between evaluations.
        eval_tasks: held-out tasks.
        split: which held-out tasks: dev to tune settings on, test to report.
        eval_file: a file of public tasks to evaluate the trained agents on as well.
        transfer_option: options of the environment, NAME=VALUE each, with which the trained agents are evaluated once more: train with mode=text, evaluate with
            mode=browser.
        transfer_tasks: on how many of the held-out tasks; 0 for all.
        demonstrations: tasks whose scripted solutions every agent imitates before it is trained; for environments that chance never solves.
        method: what every run makes of a batch (see `prm-gym train --help`).
        out: folder of the comparison; by default one under runs/ that is named after the settings.
        engine: where runs are trained: local (processes of this machine), or ray, whose nodes share the folder of the comparison; its options stand after a
            question mark, as "ray?gpus=1".
        workers: runs trained at once; 0 for one a core, on Ray for as many as there is room for.
        ray_address: of a Ray cluster; by default that of RAY_ADDRESS, and where there is none, one is started on this machine.
        json: print the whole result as JSON.
    """
    import os

    from prm_gym.commands.engines import engine_of
    from prm_gym.training.compare import Plan
    from prm_gym.training.compare import compare as run
    from prm_gym.training.config import TrainConfig
    from prm_gym.training.progress import progress_of

    base = TrainConfig(
        env_id=env,
        env_options=read_env_options(env_option, verifier),
        agent=resolved(agent),
        agent_options={**read_options(agent_option), "device": device},
        budget=budget,
        tasks=tasks,
        attempts=attempts,
        evaluate_every=evaluate_every,
        eval_tasks=eval_tasks,
        split=split,
        transfer_options=read_options(transfer_option),
        signals=signal,
        transfer_tasks=transfer_tasks,
        demonstrations=demonstrations,
        method=method,
        task_file=str(Path(eval_file).resolve()) if eval_file else "",
    )
    plan = Plan(
        base=base,
        credits=read_names(credit),
        rewards=read_names(reward),
        seeds=tuple(range(seeds)),
        directory=Path(out) if out else _default_directory(base),
        workers=workers or os.cpu_count() or 1,
        command=command_line(),
    )
    if engine == "local" and not ray_address:
        with progress_of(plan, quiet=json) as notice:
            comparison = run(plan, notice)
    else:
        with engine_of(engine, workers, ray_address) as where, progress_of(plan, quiet=json) as notice:
            comparison = run(msgspec.structs.replace(plan, workers=where.workers), notice, where)
    if json:
        print(msgspec.json.encode(comparison).decode())
        return
    from rich.console import Console

    from prm_gym.report.terminal import print_comparison

    print_comparison(comparison, Console())
    for note in comparison.notes:
        print(f"Note: {note}")
    print("\n" + "  ".join(str(path) for name in ("report.html", "results.json", "curves.png") if (path := plan.directory / name).is_file()))
    if len(comparison.runs) < len(plan.runs()):
        sys.exit(1)


def report(path: Annotated[str, tyro.conf.Positional], graph: str = "", task: str = "", json: bool = False) -> None:
    """Print the table of a finished comparison again, and write its page and curves beside it.

    Args:
        path: the `results.json` of a comparison.
        graph: a file of trajectories, as the `trajectories.jsonl` of one of its runs: the page then shows the attempts at one of its tasks as a graph, with the
            credit of every assigner that needs nothing more, and what GiGPO compares in it.
        task: which, by its group_id; by default the one whose attempts take the most steps in common.
        json: print the whole comparison as JSON instead.
    """
    from rich.console import Console

    from prm_gym.credit import StepBatch
    from prm_gym.report.comparison import read_results
    from prm_gym.report.credit_pictures import credit_pictures
    from prm_gym.report.terminal import print_comparison
    from prm_gym.store import read_trajectories
    from prm_gym.training.compare import write_reports

    if task and not graph:
        raise OptionError("--task says which task of --graph is drawn; name the file of trajectories too")
    comparison = read_results(Path(path))
    batch = StepBatch.from_trajectories(read_trajectories(graph)) if graph else None
    write_reports(comparison, Path(path).parent, None if batch is None else credit_pictures(batch, comparison.credits, task or None))
    if json:
        print(msgspec.json.encode(comparison).decode())
    else:
        print_comparison(comparison, Console())


def _default_directory(base: Any) -> Any:
    """A folder named after the settings, so that the same command finds its own runs again."""
    from prm_gym.task import content_key

    name = base.env_id.rpartition("/")[2]
    return Path("runs") / f"{name}-{content_key(msgspec.json.encode(base).decode())[:8]}"
