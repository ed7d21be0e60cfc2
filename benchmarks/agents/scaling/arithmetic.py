"""What a training step costs in bytes, messages and seconds, measured part by part on one core; and what of it holds up a cluster first.

    python benchmarks/agents/scaling/arithmetic.py [--episodes 200] [--json]

Bytes are the same on every machine, but for the digits of timings. Seconds are processor seconds of this process and of the processes that it starts, each
part after a warm-up with other tasks, so that other work on the machine changes them little. Nothing here runs on more than one machine: what is said of many
nodes is arithmetic, with the assumptions of `Cluster`.
"""

import argparse
import itertools
import json
import math
import os
import pickle
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from prm_gym.agent import TrainableAgent, make_agent
from prm_gym.claims import decode_claims
from prm_gym.credit import StepBatch, assign
from prm_gym.rescore import contexts
from prm_gym.rollout import Rollouts, groups
from prm_gym.trajectory import Trajectory
from prm_gym.verifier import StepContext, Verifier, make_verifier, verify_batch

# Environments and the verifiers that judge them. The agent takes the next step of a solution, or any listed action, with equal chance.
WORLDS = (
    ("Deduction", "z3"),
    ("Countdown", "sequence(arithmetic, reachable)"),
    ("CodeSteps", "execution:all"),
    ("PythonTool", "tool_run"),
    ("Retail", "state"),
)
AGENT, ATTEMPTS, AT_ONCE = "mixed:0.5", 4, 32
DRIVER_ROUNDS = 10
# The decoder of the own process reward model of `benchmarks/prm/full_circle`; weights are drawn at random, which changes no time.
OWN_PRM: dict[str, Any] = {"hidden_size": 96, "num_hidden_layers": 3, "intermediate_size": 256, "max_position_embeddings": 2048}


Result = TypeVar("Result")


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What one environment costs.

    Attributes:
        env: its name.
        verifier: that judges it.
        steps: of a trajectory, mean.
        jsonl_bytes: of a step as it is stored, its share of the task included.
        msgpack_bytes: likewise in msgpack.
        message_bytes: likewise as a worker sends a shard (pickle).
        judged_bytes: of a step as a verifier pool is sent it, in chunks of a batch of environments.
        verdict_bytes: of its verdict on the way back.
        env_seconds: of a step of the environment, with an agent that costs next to nothing and no verifier.
        verifier_seconds: of a step, in the process of the environment, which has worked out a part of it already (Deduction: entailments).
        pooled_seconds: of a step, in a process of the verifier's own, as in a pool.
        driver_seconds: of a step for whoever gathers: read the message, write the line, make the batch, assign credit (GiGPO).
    """

    env: str
    verifier: str
    steps: float
    jsonl_bytes: float
    msgpack_bytes: float
    message_bytes: float
    judged_bytes: float
    verdict_bytes: float
    env_seconds: float
    verifier_seconds: float
    pooled_seconds: float
    driver_seconds: float


class Cluster(msgspec.Struct, frozen=True, kw_only=True):
    """What is assumed of a cluster and a training step; put your own figures in.

    Attributes:
        cores: of a node that roll out.
        bandwidth: of the network card of a node, bytes/s (10 Gbit/s).
        episodes: of a training step.
        weight_bytes: that every node fetches before a training step.
        agent_seconds: that the agent needs for a step, on a core of a node; 0 where it is served elsewhere.
        message_seconds: that the driver spends on a message.
        shard: episodes of a shard, one job and one result each.
    """

    cores: int = 32
    bandwidth: float = 1.25e9
    episodes: int = 16_384
    weight_bytes: float = 1.25e6
    agent_seconds: float = 0.0
    message_seconds: float = 1e-3
    shard: int = 32

    def parts(self, world: World, nodes: int) -> dict[str, float]:
        """Seconds of each part of a training step, with every part at work all the time.

        Args:
            world: what is rolled out; its verifier runs in the workers.
            nodes: that roll out, >= 1.
        """
        steps = self.episodes * world.steps
        messages = 2 * math.ceil(self.episodes / self.shard)
        return {
            "workers": steps * (world.env_seconds + world.verifier_seconds + self.agent_seconds) / (nodes * self.cores),
            "driver": steps * world.driver_seconds + messages * self.message_seconds,
            "network": steps * world.message_bytes / self.bandwidth,
            "weights": nodes * self.weight_bytes / self.bandwidth,  # all nodes fetch from the driver's; Ray lets them fetch from each other, which is faster
        }

    def first_limit(self, world: World) -> tuple[int, str]:
        """The number of nodes from which on another part takes longer than the workers, and which; it grows no faster beyond that."""
        for nodes in itertools.count(1):
            parts = self.parts(world, nodes)
            slowest = max(parts, key=parts.__getitem__)
            if slowest != "workers":
                return nodes, slowest
        raise AssertionError


CASES = {
    "An agent that costs next to nothing, 1.25 MB of weights": Cluster(),
    "An agent of 0.1 s a step and core, 1 GB of weights": Cluster(agent_seconds=0.1, weight_bytes=1e9),
    "An agent of 1 s a step and core, 14 GB of weights (7 billion parameters in bfloat16)": Cluster(agent_seconds=1.0, weight_bytes=14e9),
}


def tree_seconds() -> float:
    """Processor seconds of this process and of all that descend from it, the dead ones included whose parents live."""
    tick, fields = os.sysconf("SC_CLK_TCK"), dict[int, list[str]]()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields[int(entry.name)] = (entry / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
    below, level = set[int](), {os.getpid()}
    while level := {pid for pid, found in fields.items() if int(found[1]) in level}:
        below |= level
    children = os.times()
    return time.process_time() + children.children_user + children.children_system + sum(sum(map(int, fields[pid][11:15])) for pid in below) / tick


def cost(work: Callable[[], Result]) -> tuple[Result, float]:
    """What comes of a piece of work, and its processor seconds, in this process and below it. Done once: verifiers remember what they have seen."""
    began = tree_seconds()
    return work(), tree_seconds() - began


def chunks(steps: Sequence[StepContext], size: int = AT_ONCE) -> list[list[StepContext]]:
    """Steps as a pool is sent them: one each of many episodes."""
    columns = len(steps) // size or 1
    return [list(steps[start::columns]) for start in range(columns)]


def measured(env: str, spec: str, episodes: int) -> World:
    """What the environment costs."""
    agent, warm, wanted = make_agent(AGENT), groups(range(10**6, 10**6 + 8), ATTEMPTS), groups(range(episodes // ATTEMPTS), ATTEMPTS)
    bare, verifier = Rollouts(f"prm_gym/{env}-v0", {"verifiers": []}, AT_ONCE), make_verifier(spec)
    others = [step for trajectory in bare.play(agent, warm) for step in contexts(trajectory)]
    verify_batch([verifier], others)
    unjudged, env_seconds = cost(lambda: bare.play(agent, wanted))
    steps = [step for trajectory in unjudged for step in contexts(trajectory)]
    columns = chunks(steps)
    rows, verifier_seconds = cost(lambda: [verify_batch([verifier], column) for column in columns])
    verdicts = [row[verifier.id] for column in rows for row in column]
    verifier.close()
    bare.close()
    with ProcessPoolExecutor(1, get_context("spawn")) as other:
        pooled_seconds = other.submit(judged_alone, spec, others, columns).result()
    judging = Rollouts(f"prm_gym/{env}-v0", {"verifiers": [spec]}, AT_ONCE)
    found = judging.play(agent, wanted)
    judging.close()
    lines = [msgspec.json.encode(trajectory) for trajectory in found]
    messages = [pickle.dumps(found[start : start + AT_ONCE], 5) for start in range(0, len(found), AT_ONCE)]
    _gather(messages)
    _, driver_seconds = cost(lambda: [_gather(messages) for _ in range(DRIVER_ROUNDS)])
    if [msgspec.json.decode(line, type=Trajectory, dec_hook=decode_claims) for line in lines] != found:
        raise SystemExit(f"{env}: what is stored is not what was played")
    count = len(steps)
    return World(
        env=env,
        verifier=spec,
        steps=count / len(found),
        jsonl_bytes=sum(map(len, lines)) / count,
        msgpack_bytes=sum(len(msgspec.msgpack.encode(trajectory)) for trajectory in found) / count,
        message_bytes=sum(map(len, messages)) / count,
        judged_bytes=sum(len(pickle.dumps(column, 5)) for column in columns) / count,
        verdict_bytes=len(pickle.dumps(verdicts, 5)) / count,
        env_seconds=env_seconds / count,
        verifier_seconds=verifier_seconds / count,
        pooled_seconds=pooled_seconds / count,
        driver_seconds=driver_seconds / DRIVER_ROUNDS / count,
    )


def judged_alone(spec: str, others: Sequence[StepContext], columns: Sequence[Sequence[StepContext]]) -> float:
    """Processor seconds of judging the columns in this process, after others."""
    verifier = make_verifier(spec)
    verify_batch([verifier], others)
    _, spent = cost(lambda: [verify_batch([verifier], column) for column in columns])
    verifier.close()
    return spent


def policy_bytes() -> int:
    """Bytes of what workers are sent of the agent `candidate`."""
    with tempfile.TemporaryDirectory() as folder:
        agent = make_agent("candidate")
        if not isinstance(agent, TrainableAgent):
            raise SystemExit("the agent candidate is not trainable")
        agent.save_acting(Path(folder))
        return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def _gather(messages: Sequence[bytes]) -> None:
    found: list[Trajectory] = [trajectory for message in messages for trajectory in pickle.loads(message)]
    for trajectory in found:
        msgspec.json.encode(trajectory)
    assign("gigpo", StepBatch.from_trajectories(found))


def own_prm(steps: Sequence[StepContext]) -> dict[str, float]:
    """Parameters and processor seconds a step of a small process reward model on one thread."""
    import torch

    from prm_gym.testing.tiny_models import tiny_checkpoint

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        made: Verifier = make_verifier(f"prm:{tiny_checkpoint('prm_gym', Path(folder), **OWN_PRM)}?cached_steps=0&prefix_megabytes=0&device=cpu")
        verify_batch([made], list(steps[:8]))
        _, spent = cost(lambda: verify_batch([made], list(steps)))
        parameters = sum(weight.numel() for weight in made.scorer.checkpoint.backbone.parameters())  # pyright: ignore[reportAttributeAccessIssue] - of PrmVerifier
    return {"parameters": parameters, "seconds a step": spent / len(steps)}


def report(worlds: Sequence[World], prm: dict[str, float], weights: int) -> None:
    """Print the tables of docs/cluster.md."""
    print("| | steps a trajectory | bytes a step: JSON line | msgpack | message | to a pool | verdict back |\n|---|---|---|---|---|---|---|")
    for world in worlds:
        sizes = (world.jsonl_bytes, world.msgpack_bytes, world.message_bytes, world.judged_bytes, world.verdict_bytes)
        print(f"| {world.env} | {world.steps:.1f} | {' | '.join(f'{size:,.0f}' for size in sizes)} |")
    print("\n| | verifier | environment, ms a step | verifier beside it, ms | verifier by itself, ms | driver, ms | environment steps/s of one core |")
    print("|---|---|---|---|---|---|---|")
    for world in worlds:
        times = (world.env_seconds, world.verifier_seconds, world.pooled_seconds, world.driver_seconds)
        print(f"| {world.env} | `{world.verifier}` | {' | '.join(f'{1e3 * time:.3f}' for time in times)} | {1 / world.env_seconds:,.0f} |")
    print(f"\nOwn PRM: {prm['parameters']:,.0f} parameters, {1e3 * prm['seconds a step']:.2f} ms a step on one core")
    print(f"What workers are sent of `candidate`: {weights:,} bytes")
    for name, cluster in CASES.items():
        print(f"\n{name}\n\n| | workers, s on 1 node | driver, s | network, s | weights, s a node | held up from, nodes | by |\n|---|---|---|---|---|---|---|")
        for world in worlds:
            parts, (nodes, limit) = cluster.parts(world, 1), cluster.first_limit(world)
            numbers = " | ".join(f"{parts[part]:,.3g}" for part in ("workers", "driver", "network", "weights"))
            print(f"| {world.env} | {numbers} | {nodes:,} | {limit} |")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=200, help="of each environment")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    worlds = [measured(env, spec, arguments.episodes) for env, spec in WORLDS]
    problems = Rollouts("prm_gym/WordProblems-v0", {"verifiers": []}, AT_ONCE)
    prm = own_prm([step for trajectory in problems.play(make_agent("scripted"), groups(range(64), 1)) for step in contexts(trajectory)])
    weights = policy_bytes()
    if arguments.json:
        limits = {name: {world.env: cluster.first_limit(world) for world in worlds} for name, cluster in CASES.items()}
        found = {"worlds": worlds, "prm": prm, "weights": weights, "cases": CASES, "first limit": limits}
        print(json.dumps(msgspec.to_builtins(found), indent=1))
    else:
        report(worlds, prm, weights)


if __name__ == "__main__":
    main()
