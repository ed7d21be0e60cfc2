"""What scripted, random and constant agents earn in the tool environments, and how fast these are stepped.

python benchmarks/tools/agents/run.py [--tasks 200] [--envs prm_gym/Retail-v0,...] [--json out.json]

Every task of the sample is played by every agent once, at every difficulty. The scripted agent is the proof that each task can be solved; the random one
chooses among the listed actions, or calls a random tool with what it has seen; the constant one is the environment's own `constant_action`, where it has one.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import gymnasium as gym

from prm_gym.agent import make_agent
from prm_gym.env import StepEnv, option_names
from prm_gym.rollout import Rollouts, groups, success_rate

ENVS = (
    "prm_gym/Calendar-v0",
    "prm_gym/CodeSteps-v0",
    "prm_gym/PythonTool-v0",
    "prm_gym/Retail-v0",
    "prm_gym/SQL-v0",
    "prm_gym/Search-v0",
    "prm_gym/Tables-v0",
    "prm_gym/TraceSteps-v0",
)


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


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--envs", default=",".join(ENVS))
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = []
    print("| environment | level | agent | success | dense reward | steps an episode | steps/s |\n|---|---|---|---|---|---|---|")
    for env_id in chosen.envs.split(","):
        env = gym.make(env_id).unwrapped
        if not isinstance(env, StepEnv):
            raise SystemExit(f"{env_id} is no step environment")
        levels = range(1, 6) if "difficulty" in option_names(type(env)) else [None]
        agents = ["scripted", "random"] + ([f"constant:{env.constant_action}"] if env.constant_action else [])
        env.close()
        for level in levels:
            for agent in agents:
                options = {"reward": "dense", **({} if level is None else {"difficulty": level})}
                row = played(env_id, options, agent, chosen.tasks)
                rows.append(row)
                name = agent if len(agent) <= 30 else agent[:27] + "..."
                print(
                    f"| {env_id.removeprefix('prm_gym/')} | {level or '-'} | {name} | {row['success']:.3f} | {row['reward']:+.3f} "
                    f"| {row['steps']:.1f} | {row['steps_per_second']:,.0f} |",
                    flush=True,
                )
    if chosen.json:
        chosen.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
