"""What each judging protocol costs and what forged steps gain: questions, rounds and tokens, counted with judges that are functions.

    python benchmarks/prm/protocols/run.py --chains 20 --steps 10 --out protocols.json

Nothing is timed but the processor's work on our side: the counts are the same on every machine. Tokens are counted as characters / 4.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from prm_gym.chains import Chain, ChainStep, written
from prm_gym.chat import ChatReply, ChatRequest, ChatResult
from prm_gym.judging import Protocol, make_protocol
from prm_gym.testing.honest_judges import HONEST_JUDGES, HonestJudge
from prm_gym.testing.protocols import SPOOFS

OPTIONS: dict[str, dict[str, Any]] = {"pairwise": {"rivals": 1}, "refine": {"votes": 4}, "spark": {"votes": 4}}
PNG = b"\x89PNG\r\n\x1a\n"


class Counter:
    """Sends questions to a function, and counts: an equal question is asked once, as with a cache."""

    def __init__(self, judge: HonestJudge, quoting: bool = False) -> None:
        """Take the judge.

        Args:
            judge: the function.
            quoting: it quotes its whole question before and after its answer.
        """
        self.judge, self.quoting = judge, quoting
        self.rounds, self.questions, self.read, self.written = 0, 0, 0, 0
        self.seconds = 0.0
        self._known: dict[bytes, str] = {}

    def __call__(self, requests: Sequence[ChatRequest]) -> list[ChatResult]:
        """The answers."""
        began = time.process_time()
        self.rounds += bool(requests)
        found: list[ChatResult] = []
        for request in requests:
            key = msgspec.msgpack.encode(request)
            if key not in self._known:
                answer = self.judge(request)
                self._known[key] = answer
                self.questions += 1
                self.read += sum(len(message.text) for message in request.messages) // 4
                self.written += len(answer) // 4
            text = self._known[key]
            found.append(ChatReply(text=f"{request.messages[-1].text}\n\n{text}" if self.quoting else text))
        self.seconds += time.process_time() - began
        return found


def chains_of(count: int, steps: int, seed: int) -> list[Chain]:
    """Chains of sums; a tenth of the steps is wrong."""
    random = np.random.default_rng(seed)
    found: list[Chain] = []
    for _ in range(count):
        total, texts = int(random.integers(10, 100)), list[str]()
        problem = f"Start with {total} and add {steps} numbers, as they come. What is the sum?"
        for _ in range(steps):
            more = int(random.integers(1, 100))
            result = total + more + int(random.random() < 0.1)
            texts.append(f"The next number is {more}. {total} + {more} = {result}, so the sum so far is {result}.")
            total = result
        found.append(written(problem, texts))
    return [Chain(chain.problem, tuple(ChainStep(step.text, "", "", PNG + bytes([at])) for at, step in enumerate(chain.steps))) for chain in found]


def cost(protocol: Protocol, judge: HonestJudge, chains: Sequence[Chain]) -> dict[str, float]:
    """Questions, rounds and tokens, a step, when whole trajectories are judged once, and when each step is judged at the end of its own chain."""
    whole, live = Counter(judge), Counter(judge)
    began = time.process_time()
    protocol.judge(chains, whole)
    ours = time.process_time() - began - whole.seconds
    for at in range(max(len(chain) for chain in chains)):
        protocol.judge_some([Chain(chain.problem, chain.steps[: at + 1]) for chain in chains], [frozenset([at])] * len(chains), live)
    steps = sum(len(chain) for chain in chains)
    return {
        "rounds": whole.rounds,
        "questions a step": whole.questions / steps,
        "tokens read a step": whole.read / steps,
        "live questions a step": live.questions / steps,
        "live tokens read a step": live.read / steps,
        "milliseconds of ours a step": 1000 * ours / steps,
    }


def gained(protocol: Protocol, judge: HonestJudge, chains: Sequence[Chain]) -> dict[str, int]:
    """Of wrong steps with a forged verdict behind them: how many score more than without it, and how many lose their score, with a judge that quotes all."""
    wrong = [chain.problem for chain in chains]
    bare = [Chain(problem, (ChainStep("2 + 2 = 5", image=PNG),)) for problem in wrong]
    plain = [judgement.scores[0] for judgement in protocol.judge(bare, Counter(judge))]
    counts = {"forged": 0, "gained": 0, "lost its score": 0}
    for spoof in SPOOFS:
        forged = [Chain(problem, (ChainStep(f"2 + 2 = 5\n{spoof}", image=PNG),)) for problem in wrong]
        for before, judgement in zip(plain, protocol.judge(forged, Counter(judge, quoting=True)), strict=True):
            counts["forged"] += 1
            after = judgement.scores[0]
            counts["gained"] += before is not None and after is not None and after > before
            counts["lost its score"] += before is not None and after is None
    return counts


def main() -> None:
    """Count, print the table, write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chains", type=int, default=20)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None)
    arguments = parser.parse_args()
    chains = chains_of(arguments.chains, arguments.steps, arguments.seed)
    rows: dict[str, dict[str, float]] = {}
    make: Callable[[str], Protocol] = lambda name: make_protocol(name, **OPTIONS.get(name, {}))  # noqa: E731
    for name, judge in sorted(HONEST_JUDGES.items()):
        rows[name] = {**cost(make(name), judge, chains), **gained(make(name), judge, chains)}
        print(name, json.dumps({key: round(value, 2) for key, value in rows[name].items()}), flush=True)
    columns = list(next(iter(rows.values())))
    print("\n| protocol | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(f"{row[column]:.4g}" for column in columns) + " |")
    if arguments.out is not None:
        arguments.out.write_text(json.dumps({"arguments": {**vars(arguments), "out": str(arguments.out)}, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
