"""What scripted, random and constant agents earn in the tool environments, and how fast these are stepped.

python benchmarks/tools/agents/run.py [--tasks 200] [--envs prm_gym/Retail-v0,...] [--agents scripted,random,constant] [--json out.json]

Every task of the sample is played by every agent once, at every difficulty. The scripted agent is the proof that each task can be solved; the random one
chooses among the listed actions, or calls a random tool with what it has seen; the constant one is the environment's own `constant_action`, where it has one.
With --json every row is written as soon as it is known, and rows that are in the file already, of the same version and number of tasks, are not played again.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium as gym

import prm_gym
from prm_gym.agent import make_agent
from prm_gym.env import StepEnv, option_names
from prm_gym.rollout import Rollouts, groups, success_rate
from prm_gym.tools import typed

ENVS = (
    "prm_gym/Calendar-v0",
    "prm_gym/CodeSteps-v0",
    "prm_gym/MCP-v0",
    "prm_gym/PythonTool-v0",
    "prm_gym/Retail-v0",
    "prm_gym/SQL-v0",
    "prm_gym/Search-v0",
    "prm_gym/Tables-v0",
    "prm_gym/TraceSteps-v0",
)
AGENTS = ("scripted", "random", "constant")


def played(env_id: str, options: dict[str, Any], agent: str, tasks: int) -> dict[str, Any]:
    """Outcome, mean reward and steps a second of an agent on the first tasks."""
    rollouts = Rollouts(env_id, options, num_envs=16)
    started = time.perf_counter()
    trajectories = rollouts.play(make_agent(agent), groups(range(tasks), 1))
    seconds = time.perf_counter() - started
    rollouts.close()
    steps = sum(len(trajectory.steps) for trajectory in trajectories)
    reward = sum(step.reward for trajectory in trajectories for step in trajectory.steps) / len(trajectories)
    return {
        "env": env_id,
        "options": options,
        "agent": agent,
        "tasks": tasks,
        "success": success_rate(trajectories),
        "reward": reward,
        "steps": steps / len(trajectories),
        "steps_per_second": steps / seconds,
    }


def games(env_ids: Sequence[str], agents: Sequence[str]) -> list[tuple[str, dict[str, Any], str, str]]:
    """Environment, options, agent and its name of every row of the table."""
    found: list[tuple[str, dict[str, Any], str, str]] = []
    for env_id in env_ids:
        env = gym.make(env_id).unwrapped
        if not isinstance(env, StepEnv):
            raise SystemExit(f"{env_id} is no step environment")
        levels = range(1, 6) if "difficulty" in option_names(type(env)) else [None]
        names = {agent: agent for agent in agents if agent != "constant"}
        if env.constant_action and "constant" in agents:
            names[f"constant:{env.constant_action}"] = f"always {typed(env.constant_action, env.tools)}"
        env.close()
        for level in levels:
            options = {"reward": "dense", **({} if level is None else {"difficulty": level})}
            found += [(env_id, options, agent, name) for agent, name in names.items()]
    return found


def told(row: dict[str, Any]) -> str:
    """A row of the table."""
    return (
        f"| {row['env'].removeprefix('prm_gym/')} | {row['options'].get('difficulty', '-')} | {row['name']} | {row['success']:.3f} | {row['reward']:+.3f} "
        f"| {row['steps']:.1f} | {row['steps_per_second']:,.0f} |"
    )


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--envs", default=",".join(ENVS))
    parser.add_argument("--agents", default=",".join(AGENTS))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    known: dict[str, dict[str, Any]] = {}
    if chosen.json and chosen.json.exists():
        known = {row["key"]: row for row in json.loads(chosen.json.read_text())}
    wanted, rows, started = games(chosen.envs.split(","), chosen.agents.split(",")), list[dict[str, Any]](), time.perf_counter()
    print("| environment | level | agent | success | dense reward | steps an episode | steps/s |\n|---|---|---|---|---|---|---|")
    for place, (env_id, options, agent, name) in enumerate(wanted):
        key = json.dumps([prm_gym.__version__, env_id, options, agent, chosen.tasks], sort_keys=True)
        row = known[key] if key in known else {"key": key, "name": name, **played(env_id, options, agent, chosen.tasks)}
        rows.append(row)
        known[key] = row
        print(told(row), flush=True)
        print(f"{place + 1} of {len(wanted)} rows, {time.perf_counter() - started:.0f} s", file=sys.stderr, flush=True)
        if chosen.json:
            part = chosen.json.with_name(chosen.json.name + ".part")
            part.write_text(json.dumps(list(known.values()), indent=1))
            part.replace(chosen.json)


if __name__ == "__main__":
    main()
