"""Search at test time: `search`."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prm_gym.commands.records import print_records, read_names, read_options, require_seed
from prm_gym.commands.tally import SPOILT_IN_VAIN
from prm_gym.errors import EnvironmentFault, OptionError

if TYPE_CHECKING:
    from prm_gym.report.statistics import Interval
    from prm_gym.search.study import Point, Row, Study


def search(
    env: str = "prm_gym/Countdown-v0",
    agent: str = "mixed:0.6",
    verifier: str = "",
    helper: str = "",
    method: str = "best-of-n,majority,beam,mcts,smc",
    budget: str = "8,16,32,64",
    unit: Literal["agent_steps", "verifier_calls", "env_steps", "tokens"] = "agent_steps",
    action_tokens: int = 0,
    tasks: int = 50,
    seed: int = 0,
    env_option: tuple[str, ...] = (),
    agent_option: tuple[str, ...] = (),
    how: str = "min",
    horizon: int = 0,
    num_envs: int = 32,
    search_seed: int = 0,
    out: str = "",
    plot: str = "",
    json: bool = False,
) -> None:
    """Search the same tasks by several methods at growing budgets, and show success against budget.

    Methods: best-of-n, majority, weighted-majority, refined-best-of-n, beam, prune, mcts, rest-mcts, omega, smc, speculative, and what packages declare.
    Options stand after a question mark: `beam?width=4&expand=4`.

    Args:
        env: id of the environment.
        agent: name of the agent, with an argument and options where it takes some, or the folder of a saved one: "runs/first/agent".
        verifier: specification of the verifier; by default the environment's own. "none" for none.
        helper: name of a second agent, which speculative steps ask.
        method: methods, with commas between them; the others are compared with the first.
        budget: what may be spent on a task, likewise.
        unit: what the budget is counted in.
        action_tokens: the most tokens that the agent writes in one action; needed where the budget is in tokens.
        tasks: how many tasks.
        seed: of the first task; the next have the following ones.
        env_option: options of the environment, NAME=VALUE each.
        agent_option: options of the agent, NAME=VALUE each.
        how: from the scores of steps to that of an attempt: min, product, mean, last or soft-min.
        horizon: steps that an attempt is expected to take at most, by which budgets are shared out; 0 for the environment's limit.
        num_envs: states that are expanded in one batch.
        search_seed: of the searches.
        out: file of rows (JSON lines), one a search; searches that it holds already are not done again, but for those that the infrastructure spoilt.
        plot: picture file of success against budget.
        json: print JSON.
    """
    from prm_gym.agent import make_agent
    from prm_gym.search.study import Study, summary

    require_seed(seed)
    if tasks < 1:
        raise OptionError(f"tasks must be at least 1, got {tasks}")
    options = read_options(env_option)
    study = Study(
        env_id=env,
        env_options=options,
        agent=make_agent(agent, **read_options(agent_option)),
        agent_name=" ".join([agent, *agent_option]),
        verifier=None if verifier == "none" else verifier or _own_verifier(env, options),
        helper=helper or None,
        methods=read_names(method),
        budgets=_numbers(budget),
        unit=unit,
        action_tokens=action_tokens or None,
        seeds=tuple(range(seed, seed + tasks)),
        how=how,
        horizon=horizon or None,
        num_envs=num_envs,
        seed=search_seed,
    )
    rows = study.run(Path(out) if out else None, _Progress(quiet=json))
    points = summary(study, rows)
    if plot:
        from prm_gym.report.search_curves import draw_search

        draw_search(points, unit, f"{env.rpartition('/')[2]}, {agent}, judged by {study.verifier or 'nobody'}, {tasks} tasks", Path(plot))
    if json:
        print_records([_record(point, unit) for point in points], as_json=True)
    else:
        _print(study, points)


def _own_verifier(env: str, options: dict[str, Any]) -> str | None:
    """The verifier that an environment has by default; all of several together."""
    from prm_gym.rollout import make_envs

    envs = make_envs(env, 1, {**options, "verifiers": []})
    own = envs.envs[0].default_verifiers
    envs.close()
    return f"all({', '.join(own)})" if len(own) > 1 else own[0] if own else None


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(name) for name in read_names(text))
    except ValueError as error:
        raise OptionError(f"expected whole numbers with commas between them, got {text!r}") from error


class _Progress:
    """Says on standard error how far the searches are: every ten seconds, and at the end. Ends them where all are spoilt from the beginning."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._spoilt = quiet, 0
        self._began = self._said = time.monotonic()

    def __call__(self, row: "Row", done: int, total: int) -> None:
        self._spoilt += row.outcome is None
        if SPOILT_IN_VAIN <= self._spoilt == done < total:
            raise EnvironmentFault(f"the first {done} searches were all spoilt; the other {total - done} are not tried. {row.reason}")
        now = time.monotonic()
        if not self._quiet and (now - self._said > 10 or done == total):
            self._said = now
            print(f"{done}/{total} searches, {row.method} at {row.budget} ({now - self._began:.0f} s)", file=sys.stderr, flush=True)


def _record(point: "Point", unit: str) -> dict[str, Any]:
    success, gain = point.success, point.gain
    return {
        "method": point.method,
        "budget": point.budget,
        "unit": unit,
        "success": None if success is None else success.mean,
        "low": None if success is None else success.low,
        "high": None if success is None else success.high,
        "tasks": 0 if success is None else success.n,
        "reachable": point.reachable,
        "attempts": point.attempts,
        "spent": point.spent,
        "invalid": point.invalid,
        "gain": None if gain is None else {"mean": gain.interval.mean, "low": gain.interval.low, "high": gain.interval.high, "p_value": gain.p_value},
    }


def _print(study: "Study", points: "list[Point]") -> None:
    from rich.console import Console
    from rich.table import Table

    print(f"{study.env_id}, {study.agent_name}, judged by {study.verifier or 'nobody'}; budget in {study.unit.replace('_', ' ')} a task\n")
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("method", overflow="fold")
    for name in ("budget", "success", "any", f"over {study.methods[0]}"):
        table.add_column(name, justify="right", no_wrap=True)
    for point in points:
        gain = None if point.gain is None else point.gain.interval
        table.add_row(
            point.method,
            str(point.budget),
            "-" if point.success is None else _interval(point.success, ""),
            "-" if point.reachable is None else f"{point.reachable:.2f}",
            "-" if gain is None else _interval(gain, "+"),
        )
    Console().print(table)
    print("\nsuccess: mean outcome and its 95% interval over tasks; any: the best of all attempts that ended. --json has what was spent.")
    invalid = sum(point.invalid for point in points)
    if invalid:
        print(f"{invalid} searches were spoilt by the infrastructure and are left out of the success.")


def _interval(value: "Interval", sign: str) -> str:
    """Mean and ends with two decimals."""
    mean = f"{value.mean:{sign}.2f}"
    return mean if value.low is None or value.high is None else f"{mean} [{value.low:{sign}.2f}, {value.high:{sign}.2f}]"
