r"""Final answers graded by `equivalence` and by plain math-verify: how fast, how right, and what hostile answers cost.

    python benchmarks/answer_equivalence/run.py --math500 test500.jsonl --gsm8k test.jsonl [--json]

MATH-500 (one JSON object a line with `problem`, `solution`, `answer`) and GSM8K (`question`, `answer` with `#### x`) are read from the paths; nothing of them
is in the repository. Both graders see the same inputs in the same run, each in a process of its own, one after the other:

- `boxed`: each gold answer of MATH-500 as `\boxed{gold}`; every one is right.
- `respelled`: the same with fractions, spaces, degrees and integers written otherwise (`respelled` below); every one is right.
- `solutions`: the reference solutions of MATH-500; every one is right.
- `wrong`: each gold answer of MATH-500 against the boxed gold answer of another problem whose gold answer is spelled differently; a few are right all the same.
- `gsm8k`: the reference solutions of GSM8K; every one is right.
- `identities`: the pairs of `IDENTITIES`, right and wrong, in twelve letters: nothing of it is decided without a worker.
- `models`: with `--processbench`, solutions written by models (ProcessBench, its GSM8K part) to the questions that are in the file of `--gsm8k`; ProcessBench
  says whether the final answer is right.
- `hostile`: all but the last two, shuffled, with one in a hundred replaced by a text that hangs or blows up, until `--bound` seconds are over.

Plain math-verify is `verify(parse(gold), parse(answer))` with its own defaults, its timeouts of 5 seconds by SIGALRM included. `equivalence` is
`Grader(workers=1).grade_all` in batches of 64, with the question. Neither start nor imports are counted.
"""

import argparse
import json
import os
import random
import re
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import prm_gym
from prm_gym.answers import Grader

Triple: TypeAlias = tuple[str, str, str]

SEED = 20_261_120
BATCH = 64
MEMORY = 6 * 2**30  # bytes of address space of a grader's process
HOSTILE = (
    r"\boxed{9^{9^{9^9}}}",
    r"\boxed{10^{10^{10}}}",
    r"\boxed{(10^9)!}",
    r"$1000000000!$",
    r"$\binom{10^{9}}{5\cdot 10^{8}}$",
    r"\boxed{\dfrac{5^{\left(5^{\left(5^{\left(5^5\right)}\right)} - 4\right)} - 5}{16}}",
    r"\boxed{\sum_{k=1}^{10^{12}} \frac{1}{k^k}}",
    r"\boxed{x 2+\frac{1}{(x+\sin(x)+1)^{999}(\cos x+y)^{999}}}",  # one that our reader refuses, so that it comes to a worker
)
PUBLISHED = (
    ("7", r"\boxed{8=7}"),
    ("101", r"\boxed{a+2z=5=101}"),
    (r"\frac{1}{3}", r"\boxed{\int_0^1 x^2 dx}"),
    ("5050", r"\boxed{\sum_{k=1}^{100} k}"),
    (r"\frac{1}{2004!}", r"\boxed{\frac{1}{2006!}}"),
    ("0.00000001", r"\boxed{0.00000002}"),
    ("0.1234561", r"\boxed{0.1234564}"),
    (r"10\%", r"\boxed{10}"),
    (r"10\%", r"\boxed{0.1}"),
    ("(1,2)", r"\boxed{1,2}"),
    (r"10 \text{ cm}", r"\boxed{10 \text{ m}}"),
    ("3*x-1*y+13=0", r"3x + 4y + 14=0"),
    ("7", r"\boxed{7} ... wait the answer is 9"),
    ("7", r"\boxed{9}. Final answer is $7$"),
)


# Gold answer, answer, whether they are equal: identities of a table, and near misses.
IDENTITIES = (
    (r"\cot x", r"\frac{\cos x}{\sin x}", True),
    (r"\cot x", r"\frac{1}{\tan x}", True),
    (r"\cot x", r"\frac{\sin x}{\cos x}", False),
    (r"\sin^2 x", r"1-\cos^2 x", True),
    (r"\sin^2 x", r"1-\cos x^2", False),
    (r"\sin 2x", r"2\sin x\cos x", True),
    (r"\cos 2x", r"2\cos^2 x-1", True),
    (r"\cos 2x", r"1-2\cos^2 x", False),
    (r"\tan^2 x", r"\sec^2 x-1", True),
    (r"2^x", r"4^{x/2}", True),
    (r"2^x", r"2\cdot 2^{x-2}", False),
    (r"e^{2x}", r"(e^x)^2", True),
    (r"e^{2x}", r"e^{x^2}", False),
    (r"\sqrt{x^2+1}", r"(x^2+1)^{1/2}", True),
    (r"\sqrt{x^2+1}", r"x+1", False),
    (r"\ln(x^2+1)+\ln 2", r"\ln(2x^2+2)", True),
    (r"x!", r"x\cdot(x-1)!", True),
    (r"\sin x+\cos x", r"\sqrt{2}\sin(x+\frac{\pi}{4})", True),
)


def respelled(gold: str) -> str:
    """The same answer in other words."""
    if re.fullmatch(r"-?\d+", gold):
        return rf"\boxed{{x = {gold}.0}}"
    fraction = re.fullmatch(r"(-?)\\d?frac\{(\d+)\}\{(\d+)\}", gold)
    if fraction:
        return f"The final answer is ${fraction[1]}{3 * int(fraction[2])}/{3 * int(fraction[3])}$."
    text = re.sub(r"(?<!\d)(?<!\d )\\d?frac\{([^{}]*)\}\{([^{}]*)\}", r"(\1)/(\2)", gold)
    if "text" not in text and "mbox" not in text:
        text = text.replace(" ", "").replace(r"^\circ", " degrees")
    return rf"\boxed{{{text}}}"


def inputs(math500: str, gsm8k: str, processbench: str | None) -> tuple[dict[str, list[Triple]], dict[str, list[bool]]]:
    """Answer, gold answer and question of each set; and of those whose answers are known, which are right."""
    rows, words = ([json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()] for path in (math500, gsm8k))
    source = random.Random(SEED)
    others = [source.choice([other["answer"] for other in rows if other["answer"] != row["answer"]]) for row in rows]
    sets: dict[str, list[Triple]] = {
        "boxed": [(rf"\boxed{{{row['answer']}}}", row["answer"], row["problem"]) for row in rows],
        "respelled": [(respelled(row["answer"]), row["answer"], row["problem"]) for row in rows],
        "solutions": [(row["solution"], row["answer"], row["problem"]) for row in rows],
        "wrong": [(rf"\boxed{{{other}}}", row["answer"], row["problem"]) for row, other in zip(rows, others, strict=True)],
        "gsm8k": [(row["answer"], row["answer"].rpartition("####")[2].strip(), row["question"]) for row in words],
    }
    right = {name: [name != "wrong"] * len(triples) for name, triples in sets.items()}
    mixed = [triple for name in sets for triple in sets[name]]
    source.shuffle(mixed)
    for place in source.sample(range(len(mixed)), len(mixed) // 100):
        mixed[place] = (source.choice(HOSTILE), mixed[place][1], mixed[place][2])
    pairs = [(gold.replace("x", letter), answer.replace("x", letter), equal) for letter in "abcdghkmnpqx" for gold, answer, equal in IDENTITIES]
    sets["identities"] = [(rf"\boxed{{{answer}}}", gold, "") for gold, answer, _ in pairs]
    right["identities"] = [equal for _, _, equal in pairs]
    if processbench:
        golds = {question.strip(): gold for _, gold, question in sets["gsm8k"]}
        written = [row for row in json.loads(Path(processbench).read_text(encoding="utf-8")) if row["problem"].strip() in golds]
        sets["models"] = [("\n\n".join(row["steps"]), golds[row["problem"].strip()], row["problem"]) for row in written]
        right["models"] = [row["final_answer_correct"] for row in written]
    return {**sets, "hostile": mixed, "published": [(answer, gold, "") for gold, answer in PUBLISHED]}, right


def graded(way: str, triples: list[Triple]) -> Iterator[list[str]]:
    """Verdicts in batches."""
    if way == "equivalence":
        with Grader(workers=1) as grader:
            grader.grade(r"\frac{1}{\tan x}", r"\cot x")  # the worker is there
            yield []
            for start in range(0, len(triples), BATCH):
                yield [grade.verdict for grade in grader.grade_all(triples[start : start + BATCH])]
    else:
        from math_verify import parse, verify

        verify(parse(r"$\frac{1}{2}$"), parse(r"$\frac{2}{4}$"))
        yield []
        for answer, gold, _ in triples:
            gold_text = gold if "*" in gold else rf"\boxed{{{gold}}}"  # one of the published ones is plain text on both sides
            yield ["correct" if verify(parse(gold_text), parse(answer)) else "incorrect"]


def serve(way: str, path: str) -> None:
    """In a process of its own: one line a batch, the seconds since the start and the verdicts."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    with open(path, encoding="utf-8") as file:
        triples: list[Triple] = [(answer, gold, question) for answer, gold, question in json.load(file)]
    started = 0.0
    for batch in graded(way, triples):
        started = started or time.perf_counter()
        print(json.dumps([time.perf_counter() - started, batch]), flush=True)


def run(way: str, triples: list[Triple], bound: float) -> tuple[float, list[str]]:
    """Seconds and verdicts; where the bound was reached, fewer verdicts than answers."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(triples, file)
        file.flush()
        command = [sys.executable, os.path.abspath(__file__), "--serve", way, file.name]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
        seconds, verdicts, finished = _heard(process, bound)
        if not finished:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return (seconds if len(verdicts) == len(triples) else max(seconds, bound if not finished else seconds)), verdicts


def _heard(process: "subprocess.Popen[bytes]", bound: float) -> tuple[float, list[str], bool]:
    """Seconds until the last batch, the verdicts, and whether the process came to its end."""
    verdicts: list[str] = []
    seconds, buffer, limit = 0.0, b"", float("inf")
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0.0, limit - time.monotonic()) if limit < float("inf") else None):
            data = os.read(process.stdout.fileno(), 65536)
            if not data:
                return seconds, verdicts, True
            *lines, buffer = (buffer + data).split(b"\n")
            for line in lines:
                limit = min(limit, time.monotonic() + bound)
                seconds, batch = json.loads(line)
                verdicts += batch
    return seconds, verdicts, False


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--math500", help="path of MATH-500 as JSON lines")
    parser.add_argument("--gsm8k", help="path of GSM8K as JSON lines")
    parser.add_argument("--processbench", help="path of ProcessBench's gsm8k.json")
    parser.add_argument("--bound", type=float, default=90.0, help="seconds for a set")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(*options.serve)
        return
    if not (options.math500 and options.gsm8k):
        parser.error("--math500 and --gsm8k are needed")
    sets, right = inputs(options.math500, options.gsm8k, options.processbench)
    found = {name: {way: run(way, triples, options.bound) for way in ("equivalence", "math-verify")} for name, triples in sets.items()}
    if options.json:
        print(json.dumps({"version": prm_gym.__version__, "seed": SEED, "found": found}, indent=1))
        return
    report(sets, right, found)


def report(sets: dict[str, list[Triple]], right: dict[str, list[bool]], found: dict[str, dict[str, tuple[float, list[str]]]]) -> None:
    """The tables of the README."""
    print("| set | answers | equivalence, answers/s | math-verify, answers/s | ratio |\n|---|---|---|---|---|")
    for name, triples in sets.items():
        if name != "published":
            speeds = [len(verdicts) / seconds for seconds, verdicts in found[name].values()]
            done = " and ".join(f"{len(verdicts):,}" for _, verdicts in found[name].values())
            shown = f"{len(triples):,}, done {done}" if name == "hostile" else f"{len(triples):,}"
            print(f"| {name} | {shown} | {speeds[0]:,.0f} | {speeds[1]:,.1f} | {speeds[0] / speeds[1]:,.0f} |")
    print("\n| set | grader | right answers | not rewarded | of these undecided | wrong answers | rewarded | undecided |\n|---|---|---|---|---|---|---|---|")
    for name, expected in right.items():
        for way, (_, verdicts) in found[name].items():
            told = {truth: [verdict for verdict, known in zip(verdicts, expected, strict=False) if known == truth] for truth in (True, False)}
            missed = len(told[True]) - told[True].count("correct")
            cells = (len(told[True]), missed, told[True].count("undecided"), len(told[False]), told[False].count("correct"), told[False].count("undecided"))
            print(f"| {name} | {way} | " + " | ".join(map(str, cells)) + " |")
    print("\n| gold | answer | math-verify | equivalence |\n|---|---|---|---|")
    for place, (gold, answer) in enumerate(PUBLISHED):
        words = [found["published"][way][1][place : place + 1] for way in ("math-verify", "equivalence")]
        print(f"| `{gold}` | `{answer}` | " + " | ".join("rewarded" if word == ["correct"] else "not rewarded" for word in words) + " |")


if __name__ == "__main__":
    main()
