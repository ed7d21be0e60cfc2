"""Throughput of the verifier `judge` against a local endpoint with delays and faults, one question at a time as the baseline.

    python benchmarks/prm/judging/run.py --out judging.json

The endpoint is a process of its own (`prm_gym.testing.chat_server`); its model checks sums, so that every verdict is known beforehand.
"""

import argparse
import asyncio
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np

from prm_gym.chains import Chain, written
from prm_gym.chat import ChatFailure, ChatRequest, ChatSettings
from prm_gym.chat.wire import body_of
from prm_gym.judging import make_protocol
from prm_gym.judging.reading import boxed_index
from prm_gym.verifiers.judge import JudgeVerifier

# 16% of all requests meet one of these.
FAULTS = {
    "429": 0.03,
    "429_bare": 0.02,
    "500": 0.02,
    "503": 0.01,
    "half_json": 0.02,
    "half_body": 0.01,
    "closed": 0.01,
    "empty_body": 0.01,
    "empty_answer": 0.01,
    "html": 0.01,
    "wrong_schema": 0.005,
    "error_in_200": 0.005,
}
HANGS = {**FAULTS, "hang": 0.005}


class Endpoint:
    """The server's process."""

    def __init__(self, delay: tuple[float, float], faults: dict[str, float], seed: int) -> None:
        """Start it."""
        arguments = ["--delay", str(delay[0]), str(delay[1]), "--faults", json.dumps(faults), "--seed", str(seed)]
        program = [sys.executable, "-m", "prm_gym.testing.chat_server", "prm_gym.testing.scripted_judge:answer", *arguments]
        self._process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()

    def end(self) -> dict[str, int]:
        """End it; what it answered, and with which faults."""
        out, _ = self._process.communicate()
        return dict(json.loads(out)["counts"])


@contextlib.contextmanager
def serving(delay: tuple[float, float], faults: dict[str, float], seed: int) -> Generator[tuple[str, dict[str, int]]]:
    """The address of an endpoint, and its counts once it has ended."""
    endpoint, counts = Endpoint(delay, faults, seed), dict[str, int]()
    try:
        yield endpoint.url, counts
    finally:
        counts |= endpoint.end()


def chains_of(count: int, seed: int) -> tuple[list[Chain], list[int]]:
    """Chains of four sums, and the index of the first wrong one, or -1."""
    rng = np.random.default_rng(seed)
    chains: list[Chain] = []
    labels: list[int] = []
    for at in range(count):
        wrong = int(rng.integers(-1, 4))
        steps: list[str] = []
        for index in range(4):
            a, b = (int(number) for number in rng.integers(10, 1000, 2))
            steps.append(f"Then {a} + {b} = {a + b + (int(rng.integers(1, 9)) if index == wrong else 0)}.")
        chains.append(written(f"Problem {at}: add the numbers up.", steps))
        labels.append(wrong)
    return chains, labels


def measure(name: str, judge: JudgeVerifier, chains: list[Chain], labels: list[int]) -> dict[str, Any]:
    """One batch: its time, and what came out."""
    before = judge.client.counters.sent
    began, worked = time.perf_counter(), time.process_time()
    judgements = judge.judge(chains)
    seconds, work = time.perf_counter() - began, time.process_time() - worked
    found = [judgement.evidence.get("first_error") for judgement in judgements]
    counters = judge.client.counters
    row: dict[str, Any] = {
        "name": name,
        "chains": len(chains),
        "seconds": seconds,
        "questions_per_second": len(chains) / seconds,
        "processor_ms_a_question": 1000 * work / len(chains),
        "answered": sum(one is not None for one in found),
        "lost": sum(one is None for one in found),
        "false_verdicts": sum(one is not None and one != label for one, label in zip(found, labels, strict=True)),
        "sent": counters.sent - before,
        "retries": counters.retries,
        "faults": dict(counters.faults),
        "from_cache": counters.from_cache,
    }
    print(json.dumps(row), flush=True)
    return row


def official(url: str, chains: list[Chain], labels: list[int], concurrency: int, seconds: float) -> dict[str, Any]:
    """The official client alone, as it comes: all questions at once behind a semaphore, with its own two retries. What raises or cannot be read is lost."""
    import openai

    async def all_of() -> list[str | None]:
        client = openai.AsyncOpenAI(base_url=url, api_key="none", timeout=seconds)
        gate = asyncio.Semaphore(concurrency)

        async def one(request: ChatRequest) -> str | None:
            async with gate:
                try:
                    reply = await client.chat.completions.create(**body_of(request, "scripted"))
                    return str(reply.choices[0].message.content)
                except Exception:  # whatever it is, the question has no answer
                    return None

        found = await asyncio.gather(*(one(request) for request in requests))
        await client.close()
        return found

    kept: list[ChatRequest] = []
    make_protocol("critic").judge(chains, lambda asked: [kept.append(one) or ChatFailure(reason="", kind="refused") for one in asked])
    requests = kept
    began, worked = time.perf_counter(), time.process_time()
    answers = asyncio.run(all_of())
    spent, work = time.perf_counter() - began, time.process_time() - worked
    read = [None if answer is None else boxed_index(answer, -1, 3).value for answer in answers]
    row: dict[str, Any] = {
        "name": "the official client alone, with faults",
        "chains": len(chains),
        "seconds": spent,
        "questions_per_second": len(chains) / spent,
        "processor_ms_a_question": 1000 * work / len(chains),
        "answered": sum(one is not None for one in read),
        "lost": sum(one is None for one in read),
        "false_verdicts": sum(one is not None and one != label for one, label in zip(read, labels, strict=True)),
    }
    print(json.dumps(row), flush=True)
    return row


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """All rows."""
    delay = (options.delay[0], options.delay[1])
    mean = sum(delay) / 2
    chains, labels = chains_of(options.chains, options.seed)
    rows: list[dict[str, Any]] = []
    settings: dict[str, Any] = {"model": "scripted", "request_seconds": 10 * delay[1], "deadline": 3600.0, "first_wait": 0.1, "longest_wait": 5.0}

    def judge_at(url: str, **more: Any) -> JudgeVerifier:
        return JudgeVerifier(client=ChatSettings(base_url=url, **settings | {"concurrency": options.concurrency} | more), whole=True)

    with serving(delay, {}, options.seed) as (url, _):
        judge_at(url).judge(chains[-1:])  # imports
        few = options.one_at_a_time
        rows.append(measure("one at a time", judge_at(url, concurrency=1), chains[:few], labels[:few]) | {"ideal": 1 / mean})
        rows.append(measure("batched", judge_at(url), chains, labels) | {"ideal": options.concurrency / mean})
    share = sum(FAULTS.values())
    with serving(delay, FAULTS, options.seed) as (url, counts):
        rows.append(measure("with faults", judge_at(url), chains, labels) | {"ideal": options.concurrency * (1 - share) / mean, "server": counts})
    with serving(delay, FAULTS, options.seed) as (url, counts):
        row = official(url, chains, labels, options.concurrency, 10 * delay[1])
    rows.append(row | {"ideal": options.concurrency * (1 - share) / mean, "sent": sum(counts.values()), "server": counts})
    with tempfile.TemporaryDirectory() as folder, serving(delay, HANGS, options.seed) as (url, counts):
        cache = str(Path(folder) / "answers.sqlite")
        short = 0.5 * options.chains * mean / options.concurrency
        first = measure("cut off half-way", judge_at(url, cache=cache, deadline=short), chains, labels)
        again = measure("the rerun", judge_at(url, cache=cache), chains, labels)
        rows += [first, again | {"asked_again_needlessly": again["chains"] - again["from_cache"] - first["lost"]}]
        third = measure("a third run", judge_at(url, cache=cache), chains, labels)
        rows.append(third)
    base = rows[0]["questions_per_second"]
    for row in rows:
        row["times_the_baseline"] = row["questions_per_second"] / base
        row["share_of_ideal"] = row["questions_per_second"] / row["ideal"] if "ideal" in row else None
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| | chains | seconds | questions/s | share of the ideal | times one at a time | sent | lost | false | processor ms a question |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ideal = "" if row["share_of_ideal"] is None else f"{row['share_of_ideal']:.0%}"
        lines.append(
            f"| {row['name']} | {row['chains']} | {row['seconds']:.1f} | {row['questions_per_second']:.1f} | {ideal} | {row['times_the_baseline']:.1f} | "
            f"{row['sent']} | {row['lost']} | {row['false_verdicts']} | {row['processor_ms_a_question']:.1f} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, write the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chains", type=int, default=2000)
    parser.add_argument("--one-at-a-time", type=int, default=40, help="chains of the baseline")
    parser.add_argument("--concurrency", type=int, default=32)
    parser.add_argument("--delay", type=float, nargs=2, default=[0.3, 0.5], help="seconds that the endpoint takes to answer: bounds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="JSON of all rows")
    options = parser.parse_args()
    rows = run(options)
    print(table(rows))
    if options.out is not None:
        options.out.write_text(json.dumps({"options": {name: str(value) for name, value in vars(options).items()}, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
