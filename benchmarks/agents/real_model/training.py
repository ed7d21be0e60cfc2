"""Fine-tuning the real language model on school algebra: imitation of solved tasks, then reinforcement, with adapters, on a CPU.

    python benchmarks/agents/real_model/training.py --out runs/real_model

It asks whether a published model learns here at all, within minutes of two cores. An interrupted run goes on with the same command.
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import msgspec

from prm_gym.agent import Agent, make_agent
from prm_gym.rollout import Rollouts, success_rate
from prm_gym.testing.real_model import model_folder
from prm_gym.training.config import TrainConfig
from prm_gym.training.run import train, trainable

ENV, ENV_OPTIONS = "prm_gym/Algebra-v0", {"difficulty": 1}  # linear equations, two lines each
AGENT_OPTIONS: dict[str, Any] = {
    "lora": 16,
    "dtype": "bfloat16",
    "device": "cpu",
    "history": 0,  # the observation holds the equation and the line that was reached
    "instructions": False,
    "choose": "listed",
    "imitation_epochs": 1,
    "imitation_minibatch": 8,
    "learning": {"learning_rate": 1e-3, "batch_tokens": 2048},
}


def config_of(folder: Path, demonstrations: int, budget: int, evaluated: int) -> TrainConfig:
    """The run: adapters of rank 16; GRPO on the outcome, 8 attempts at each of 8 tasks a batch."""
    return TrainConfig(
        env_id=ENV,
        env_options=ENV_OPTIONS,
        agent=f"causal-lm:{folder}",
        agent_options=AGENT_OPTIONS,
        credit="grpo",
        reward="outcome",
        tasks=8,
        attempts=8,
        budget=budget,
        demonstrations=demonstrations,
        evaluate_every=budget,
        checkpoint_every=1,
        eval_tasks=evaluated,
        num_envs=64,
    )


def before(config: TrainConfig) -> dict[str, float]:
    """Success on the held-out tasks of random choice and of the model as it was published, by its most probable actions; new adapters change nothing."""
    agents: dict[str, Agent] = {"random": make_agent("random"), "published": trainable(config).greedy()}
    rollouts = Rollouts(ENV, {**ENV_OPTIONS, "verifiers": [], "reward": "outcome"}, num_envs=config.num_envs)
    try:
        return {name: success_rate(rollouts.play(agent, config.evaluation())) for name, agent in agents.items()}
    finally:
        rollouts.close()


def main() -> None:
    """Measure, train, write what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--demonstrations", type=int, default=48, help="solved tasks that are imitated, once each")
    parser.add_argument("--budget", type=int, default=384, help="environment steps of reinforcement")
    parser.add_argument("--evaluated", type=int, default=50, help="held-out tasks")
    parser.add_argument("--out", type=Path, default=Path("runs/real_model"))
    parser.add_argument("--cache", type=Path, default=Path(gettempdir()), help="where the folder of 269 MB is made")
    options = parser.parse_args()
    config = config_of(model_folder(options.cache), options.demonstrations, options.budget, options.evaluated)
    options.out.mkdir(parents=True, exist_ok=True)
    written = options.out / "before.json"
    if not written.is_file():
        written.write_text(json.dumps(before(config)))
    found: dict[str, Any] = json.loads(written.read_text())
    print(json.dumps(found), flush=True)
    began = time.process_time()
    result = train(config, options.out / "run", lambda steps: print(f"{steps} steps, {time.process_time() - began:.0f} processor seconds", flush=True))
    found |= {"curve": msgspec.to_builtins(result.curve), "processor_seconds": round(time.process_time() - began)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
