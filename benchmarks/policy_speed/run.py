"""How fast the candidate policy acts and learns, on the CPU and on CUDA where there is one.

    python benchmarks/policy_speed/run.py [--json]

States come from random play of Deduction (difficulty 3). `act` is a batch of prompts to a batch of actions, reading of the text included (texts met
before are remembered, as in training). `update` is one pass over all steps in minibatches of that size. Seeds are fixed; medians after a warm-up.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

from prm_gym.agent import Prompt, make_agent
from prm_gym.agents.candidate import CandidatePolicy
from prm_gym.credit import StepBatch, assign
from prm_gym.rollout import Rollouts, groups

REPEATS = 5


def seconds(work: Callable[[], object], device: str) -> float:
    """Median time of the work, the device's queue drained."""
    times: list[float] = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    rollouts = Rollouts("prm_gym/Deduction-v0", {"difficulty": 3, "reward": "dense"}, 64)
    trajectories = rollouts.play(make_agent("random", seed=0), groups(range(256), 8))
    batch = StepBatch.from_trajectories(trajectories)
    prompts = [Prompt(instructions="", observation=step.observation, actions=step.actions) for step in batch.steps]
    credit = assign("grpo", batch)
    rows: list[dict[str, Any]] = []
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        for width in (32, 256):
            for size in (64, 1024):
                policy = CandidatePolicy(seed=0, device=device, width=width, epochs=1, minibatch=size)
                act = seconds(lambda policy=policy, size=size: policy.act(prompts[:size]), device)
                update = seconds(lambda policy=policy: policy.update(batch, credit), device)
                rows.append({"device": device, "width": width, "parameters": policy.parameters, "batch": size})
                rows[-1] |= {"act_steps_s": size / act, "update_steps_s": len(prompts) / update}
    if as_json:
        print(
            json.dumps({"gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None, "threads": torch.get_num_threads(), "rows": rows}, indent=1)
        )
        return
    print("| device | width | parameters | batch | act, steps/s | update, steps/s |\n|---|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['device']} | {row['width']} | {row['parameters']:,} | {row['batch']} | {row['act_steps_s']:,.0f} | {row['update_steps_s']:,.0f} |")


if __name__ == "__main__":
    main()
