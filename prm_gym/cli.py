"""`prm-gym`: the command line. Every command has `--help`; those that report take `--json`."""

import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import msgspec
import tyro

from prm_gym.errors import OptionError, PrmGymError

if TYPE_CHECKING:
    from prm_gym.trajectory import Trajectory


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit status 0 (done), 2 (the command cannot be honoured) or 130 (interrupted)."""
    commands: dict[str, Callable[..., Any]] = {
        "envs": envs,
        "verifiers": verifiers,
        "credit": credit,
        "play": play,
        "rollout": rollout,
        "compare": compare,
        "report": report,
        "rescore": rescore,
        "doctor": doctor,
    }
    try:
        tyro.extras.subcommand_cli_from_dict(commands, prog="prm-gym", args=arguments, description=__doc__)
    except PrmGymError as error:
        print(f"prm-gym: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        given = sys.argv[1:] if arguments is None else list(arguments)
        goes_on = "compare" in given[:1] or ("rollout" in given[:1] and "--out" in given)
        print("prm-gym: interrupted" + ("; what was finished is kept, and the same command goes on" if goes_on else ""), file=sys.stderr)
        sys.exit(130)


def envs(json: bool = False) -> None:
    """List the environments.

    Args:
        json: print JSON.
    """
    from gymnasium.envs.registration import load_env_creator

    from prm_gym.env import StepEnv, option_names
    from prm_gym.registration import ENVIRONMENTS

    rows: list[dict[str, Any]] = []
    for env_id in sorted(ENVIRONMENTS):
        env_class = load_env_creator(ENVIRONMENTS[env_id])  # not made: one may need an extra that is not installed
        if isinstance(env_class, type) and issubclass(env_class, StepEnv):
            options = [name for name in option_names(env_class) if name != "render_mode"]
            rows.append({"id": env_id, "summary": _summary(env_class), "verifiers": list(env_class.default_verifiers), "options": options})
    _report(rows, json)


def verifiers(json: bool = False) -> None:
    """List the verifiers, with the claims that they understand.

    Args:
        json: print JSON.
    """
    from prm_gym.compose import COMPOSITIONS
    from prm_gym.verifier import VERIFIERS

    rows: list[dict[str, Any]] = []
    for name in VERIFIERS.names():
        factory = VERIFIERS.load(name)
        claims = [claim.__name__ for claim in getattr(factory, "claims", ())]
        rows.append({"name": name, "summary": _summary(factory), "claims": claims or ["the step's text"]})
    rows += [{"name": f"{name}(...)", "summary": _summary(factory), "claims": ["those of its members"]} for name, factory in COMPOSITIONS.items()]
    _report(rows, json)


def credit(json: bool = False) -> None:
    """List the credit assigners, with the columns they need and their options.

    Args:
        json: print JSON.
    """
    from prm_gym.credit import ASSIGNERS

    rows: list[dict[str, Any]] = []
    for name in ASSIGNERS.names():
        assigner = ASSIGNERS.load(name)
        options = [f"{option}={default!r}" for option, default in assigner.options.items()]
        rows.append({"name": name, "summary": assigner.summary, "needs": list(assigner.needs), "options": options})
    _report(rows, json)


def _require_seed(seed: int) -> None:
    if seed < 0:
        raise OptionError(f"a seed is an integer from 0 on, got {seed}")


def _stored(path: str, env: str, options: Mapping[str, Any], agent: str, seeds: Mapping[str, int]) -> "list[Trajectory]":
    """The trajectories of a file that a rollout goes on with.

    Raises:
        OptionError: the file holds something else.
    """
    from prm_gym.store import read_trajectories

    if not path or not Path(path).is_file():
        return []
    found = list(read_trajectories(path))
    for trajectory in found:
        same = (trajectory.env_id, trajectory.agent, trajectory.env_options, trajectory.seed) == (env, agent, options, seeds.get(trajectory.id))
        if not same:
            raise OptionError(f"{path} holds episodes of another rollout ({trajectory.env_id}, {trajectory.agent}, {trajectory.id}); choose another file")
    return found


def play(env: str = "prm_gym/Deduction-v0", seed: int = 0, env_option: tuple[str, ...] = ()) -> None:
    """Take the steps yourself and see the verdicts. A number takes a listed action; anything else is the action itself; an empty line ends.

    Args:
        env: id of the environment.
        seed: of the task.
        env_option: options of the environment, NAME=VALUE each.
    """
    from prm_gym.rollout import make_envs

    made = make_envs(env, 1, _options(env_option)).envs[0]
    _require_seed(seed)
    observation, info = made.reset(seed=seed)
    print(made.task.instructions)
    ended = False
    while not ended:
        print(f"\n{observation}\n")
        for number, action in enumerate(info["actions"], start=1):
            print(f"  {number:>2}  {action}")
        try:
            text = input("> ")
        except EOFError:
            return
        if not text:
            return
        if text.isdigit() and 1 <= int(text) <= len(info["actions"]):
            text = info["actions"][int(text) - 1]
        observation, reward, terminated, truncated, info = made.step(text)
        for verdict in info["verdicts"].values():
            score = "-" if verdict.score is None else f"{verdict.score:g}"
            print(f"  {verdict.verifier}: {verdict.label or verdict.status} ({score}): {verdict.reason}")
        print(f"  reward {reward:.3f}")
        ended = terminated or truncated
    print(f"\nThe episode is over. Outcome: {info['outcome']}")


def rollout(
    env: str = "prm_gym/Deduction-v0",
    agent: str = "random",
    tasks: int = 20,
    attempts: int = 4,
    seed: int = 0,
    reward: str = "dense",
    env_option: tuple[str, ...] = (),
    out: str = "",
    json: bool = False,
) -> None:
    """Play groups of episodes and store the trajectories.

    Args:
        env: id of the environment.
        agent: name of the agent, as "random", "scripted" or "constant:UNKNOWN".
        tasks: how many tasks.
        attempts: attempts at each.
        seed: of the first task; the next have the following ones.
        reward: name of the reward scheme.
        env_option: options of the environment, NAME=VALUE each.
        out: file of trajectories (JSON lines); nothing is stored without it. Episodes that it holds already are not played again.
        json: print JSON.
    """
    from collections import Counter

    from prm_gym.agent import make_agent
    from prm_gym.rollout import Rollouts, groups, success_rate
    from prm_gym.store import TrajectoryWriter

    _require_seed(seed)
    if tasks < 1:
        raise OptionError(f"tasks must be at least 1, got {tasks}")
    player = make_agent(agent)
    options = {**_options(env_option), "reward": reward}
    rollouts = Rollouts(env, options)
    episodes = groups(range(seed, seed + tasks), attempts)
    trajectories = _stored(out, env, options, player.id, {episode.id: episode.seed for episode in episodes})
    missing = [episode for episode in episodes if episode.id not in {trajectory.id for trajectory in trajectories}]
    with TrajectoryWriter(out) if out else nullcontext() as writer:
        for trajectory in rollouts.stream(player, missing):
            trajectories.append(trajectory)
            if writer is not None:
                writer.write([trajectory])
    labels: Counter[str] = Counter()
    for trajectory in trajectories:
        labels.update(f"{v.verifier}: {v.label or v.status}" for step in trajectory.steps for v in step.verdicts.values())
    steps = sum(len(trajectory.steps) for trajectory in trajectories)
    result = {
        "episodes": len(trajectories),
        "steps": steps,
        "success": success_rate(trajectories),
        "mean_reward": sum(trajectory.total_reward for trajectory in trajectories) / len(trajectories),
        "invalid": sum(not trajectory.valid for trajectory in trajectories),
        "verdicts": dict(labels.most_common()),
        "stored": out or None,
    }
    rollouts.close()
    _report([result], json)


def compare(
    env: str = "prm_gym/Deduction-v0",
    credit: str = "grpo,gigpo,salt",
    reward: str = "outcome,dense",
    seeds: int = 5,
    budget: int = 40_000,
    env_option: tuple[str, ...] = (),
    agent: str = "candidate",
    agent_option: tuple[str, ...] = (),
    device: Literal["auto", "cpu", "cuda"] = "auto",
    tasks: int = 16,
    attempts: int = 8,
    evaluate_every: int = 4_000,
    eval_tasks: int = 200,
    split: Literal["dev", "test"] = "test",
    eval_file: str = "",
    out: str = "",
    workers: int = 0,
    json: bool = False,
) -> None:
    """Train every combination of credit assigner and reward scheme, and compare them on held-out tasks.

    Args:
        env: id of the environment.
        credit: names of credit assigners, with commas between them.
        reward: names of reward schemes, likewise.
        seeds: how many seeds of each combination.
        budget: environment steps of every run.
        env_option: options of the environment, NAME=VALUE each.
        agent: name of a trainable agent.
        agent_option: its options, NAME=VALUE each.
        device: where the agent learns.
        tasks: tasks in a training batch.
        attempts: attempts at each.
        evaluate_every: environment steps between evaluations.
        eval_tasks: held-out tasks.
        split: which held-out tasks: dev to tune settings on, test to report.
        eval_file: a file of public tasks to evaluate the trained agents on as well.
        out: folder of the comparison; by default one under runs/ that is named after the settings.
        workers: runs trained at once; 0 for one a core.
        json: print the whole result as JSON.
    """
    import os
    from pathlib import Path

    from prm_gym.training.compare import Plan
    from prm_gym.training.compare import compare as run
    from prm_gym.training.progress import progress_of
    from prm_gym.training.run import TrainConfig

    base = TrainConfig(
        env_id=env,
        env_options=_options(env_option),
        agent=agent,
        agent_options={**_options(agent_option), "device": device},
        budget=budget,
        tasks=tasks,
        attempts=attempts,
        evaluate_every=evaluate_every,
        eval_tasks=eval_tasks,
        split=split,
        task_file=str(Path(eval_file).resolve()) if eval_file else "",
    )
    plan = Plan(
        base=base,
        credits=_names(credit),
        rewards=_names(reward),
        seeds=tuple(range(seeds)),
        directory=Path(out) if out else _default_directory(base),
        workers=workers or os.cpu_count() or 1,
        command=_command_line(),
    )
    with progress_of(plan, quiet=json) as notice:
        comparison = run(plan, notice)
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


def report(path: Annotated[str, tyro.conf.Positional]) -> None:
    """Print the table of a finished comparison again, and write its page and curves beside it.

    Args:
        path: the `results.json` of a comparison.
    """
    from pathlib import Path

    from rich.console import Console

    from prm_gym.report.comparison import read_results
    from prm_gym.report.terminal import print_comparison
    from prm_gym.training.compare import write_reports

    comparison = read_results(Path(path))
    write_reports(comparison, Path(path).parent)
    print_comparison(comparison, Console())


def rescore(path: Annotated[str, tyro.conf.Positional], verifier: tuple[str, ...], out: str = "", json: bool = False) -> None:
    """Run verifiers again over stored trajectories and show what changed.

    Args:
        path: file of trajectories.
        verifier: specifications of pure verifiers.
        out: file for the trajectories with their new verdicts.
        json: print JSON.
    """
    from collections import Counter

    from prm_gym.rescore import rescore as run
    from prm_gym.store import TrajectoryWriter, read_trajectories
    from prm_gym.verifier import make_verifiers

    rescored = run(read_trajectories(path), make_verifiers(verifier))
    if out:
        with TrajectoryWriter(out) as writer:
            writer.write(each.trajectory for each in rescored)
    changes = [change for each in rescored for change in each.changes]
    kinds: Counter[str] = Counter()
    for change in changes:
        before = "none" if change.before is None else change.before.label or change.before.status
        kinds[f"{change.verifier}: {before} -> {change.after.label or change.after.status}"] += 1
    steps = sum(len(each.trajectory.steps) for each in rescored)
    _report([{"trajectories": len(rescored), "steps": steps, "changed": len(changes), "changes": dict(kinds.most_common()), "stored": out or None}], json)


def doctor(json: bool = False) -> None:
    """Say what works here, and how to get the rest.

    Args:
        json: print JSON.
    """
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, version

    rows: list[dict[str, Any]] = [
        {"part": "python", "state": platform.python_version(), "to get it": ""},
        {"part": "cores", "state": str(os.cpu_count()), "to get it": ""},
    ]
    for package, extra in (("gymnasium", ""), ("numpy", ""), ("z3-solver", ""), ("torch", "torch"), ("matplotlib", "report")):
        try:
            rows.append({"part": package, "state": version(package), "to get it": ""})
        except PackageNotFoundError:
            rows.append({"part": package, "state": "missing", "to get it": f"pip install 'prm-gym[{extra}]'" if extra else "pip install prm-gym"})
    try:
        import torch

        gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none: agents learn on the CPU"
    except ImportError:
        gpu = "unknown without torch"
    rows.append({"part": "GPU", "state": gpu, "to get it": ""})
    _report(rows, json)


def _summary(thing: Any) -> str:
    lines = (getattr(thing, "__doc__", None) or "").strip().splitlines()
    return lines[0] if lines else ""


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise OptionError(f"expected names with commas between them, got {text!r}")
    return names


def _options(pairs: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE pairs; a value that is JSON is read as JSON, any other is text."""
    options: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise OptionError(f"an option is written NAME=VALUE, got {pair!r}")
        try:
            options[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            options[name] = value
    return options


def _default_directory(base: Any) -> Any:
    """A folder named after the settings, so that the same command finds its own runs again."""
    from pathlib import Path

    from prm_gym.task import content_key

    name = base.env_id.rpartition("/")[2]
    return Path("runs") / f"{name}-{content_key(msgspec.json.encode(base).decode())[:8]}"


def _command_line() -> str:
    import shlex

    return shlex.join(["prm-gym", *sys.argv[1:]])


def _report(rows: Sequence[dict[str, Any]], as_json: bool) -> None:
    """Print records as JSON, or each as a heading (its first field) with the rest below."""
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
        return
    for row in rows:
        (_, heading), *fields = row.items()
        print(heading if fields and isinstance(heading, str) else "")
        for name, value in row.items() if not isinstance(heading, str) else fields:
            if value not in ("", None, [], {}):
                print(f"    {name}: {_plainly(value)}")


def _plainly(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{key} {count}" for key, count in cast("dict[str, Any]", value).items())
        case list():
            return ", ".join(str(item) for item in cast("list[Any]", value))
        case float():
            return f"{value:.3f}"
        case _:
            return str(value)


if __name__ == "__main__":
    main()
