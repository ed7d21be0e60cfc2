"""The protocols behind the verifier `judge`, over a real endpoint: pictures, log-probabilities, programs, several rounds, faults."""

import base64
import json
import math
import re

import gymnasium as gym
import pytest

import prm_gym  # noqa: F401 - registers the environments
from prm_gym.chat import ChatRequest, Message
from prm_gym.claims import PageShown
from prm_gym.task import Task
from prm_gym.testing.chat_server import ChatServer, completion
from prm_gym.testing.honest_judges import HONEST_JUDGES
from prm_gym.verifier import PastStep, StepContext, make_verifier

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
TASK = Task(key="t", instructions="", question="What is 3 * 4?")


def step(*actions, **options):
    seen = ["\n".join([TASK.question, *actions[:at]]) for at in range(len(actions))]
    past = tuple(PastStep(*pair) for pair in zip(seen[:-1], actions[:-1], strict=True))
    return StepContext(task=TASK, observation=seen[-1], action=actions[-1], previous=past, **options)


def plain(body):
    """The request as the functions of the other tests take it."""
    messages = []
    for message in body["messages"]:
        parts = message["content"]
        text = parts if isinstance(parts, str) else "".join(part.get("text", "") for part in parts)
        messages.append(Message(message["role"], text))
    return ChatRequest(messages=tuple(messages))


def judge(server, protocol, **options):
    asked = "&".join(f"{name}={json.dumps(value) if not isinstance(value, str) else value}" for name, value in options.items())
    return make_verifier(f"judge:scripted?base_url={server.url}&protocol={protocol}" + (f"&{asked}" if asked else ""))


@pytest.mark.parametrize("name", sorted(set(HONEST_JUDGES) - {"screenshot", "refine"}))
def test_every_protocol_is_a_verifier(name):
    with ChatServer(lambda body: HONEST_JUDGES[name](plain(body)), faults={"500": 0.1, "half_json": 0.1, "empty_answer": 0.1}, seed=3) as server:
        verifier = judge(server, name, **({"rivals": 1} if name == "pairwise" else {}))
        try:
            steps = [step("3 * 4 = 12"), step("3 * 4 = 12", "12 + 1 = 14"), step("Solution:")]
            found = verifier.verify(steps)
        finally:
            verifier.close()
    assert [verdict.label for verdict in found] == ["correct", "correct" if name == "pairwise" else "incorrect", None]  # as good as a wrong rival
    assert found[2].status == "abstain"


def test_with_an_endpoint_that_fails_there_is_no_score():
    with ChatServer(lambda body: "never", faults={"closed": 1.0}) as server:
        verifier = judge(server, "genprm", attempts=2)
        try:
            verdict = verifier.verify([step("3 * 4 = 12")])[0]
        finally:
            verifier.close()
    assert (verdict.status, verdict.score) == ("error", None)
    assert verdict.reason.startswith("the judge gave no answer")


def test_the_picture_of_a_claim_reaches_the_model():
    seen = []

    def answer(body):
        seen.extend(part["image_url"]["url"] for part in body["messages"][-1]["content"] if isinstance(part, dict) and part["type"] == "image_url")
        key = re.search(r'"key": "([0-9a-f]+)"', plain(body).messages[-1].text)[1]
        return json.dumps({"key": key, "grades": {"appearance": 5, "functionality": 3}})

    with ChatServer(answer) as server:
        verifier = judge(server, "screenshot")
        try:
            shown, hidden = verifier.verify([step("write the page", claims=(PageShown("", PNG),)), step("look")])
        finally:
            verifier.close()
    assert base64.b64decode(seen[0].split(",", 1)[1]) == PNG
    assert (shown.score, hidden.score) == (0.75, None)
    assert "claim" in hidden.reason


def test_log_probabilities_come_through():
    def answer(body):
        assert body["logprobs"] is True
        listed = [{"token": "Yes", "logprob": math.log(0.7), "bytes": None}, {"token": "No", "logprob": math.log(0.3), "bytes": None}]
        tokens = [("\\boxed{", -0.01, []), ("Yes", math.log(0.7), listed), ("}", -0.01, [])]
        content = [{"token": token, "logprob": logprob, "bytes": None, "top_logprobs": top} for token, logprob, top in tokens]
        return completion("\\boxed{Yes}", body, logprobs={"content": content, "refusal": None})

    with ChatServer(answer) as server:
        verifier = judge(server, "hierarchical")
        try:
            verdict = verifier.verify([step("3 * 4 = 12")])[0]
        finally:
            verifier.close()
    assert verdict.score == pytest.approx(0.7)
    assert verdict.evidence["from_logprobs"] is True


def test_a_world_is_judged_by_a_checklist_with_the_page_after_each_step():
    seen = []

    def answer(body):
        request = plain(body)
        seen.append(request.messages[-1].text)
        if "Write a checklist" in seen[-1]:
            return HONEST_JUDGES["checklist"](request)
        names = re.findall(r'"(\d+ \w+)": word', seen[-1])
        key = re.search(r"<problem:([0-9a-f]+)>", seen[-1])[1]
        return json.dumps({"key": key, "items": {name: "done" if name == "1 after" else "open" for name in names}})

    with ChatServer(answer) as server:
        asked = f"judge:scripted?base_url={server.url}&protocol=checklist"
        env = gym.make("prm_gym/Shop-v0", show=["page"], verifiers=[asked]).unwrapped
        try:
            env.reset(seed=1)
            first, *_ = env.solution()
            observation, _, _, _, info = env.step(first)
        finally:
            env.close()
    verdict = info["verdicts"]["judge"]
    assert (verdict.score, verdict.evidence["progress"]) == (1.0, 0.5)
    shown = re.search(r"<observation_2:[0-9a-f]+>\n(.*?)\n</observation_2", seen[-1], re.DOTALL)[1]
    assert shown == observation.strip() or shown == observation
    assert first not in seen[0]


def test_an_episode_that_grows_is_asked_about_step_by_step():
    """Without a cache too: of a step by itself one question, however long the episode; a protocol of whole chains asks one of each beginning."""
    actions = ["3 * 4 = 12", "12 + 1 = 13", "13 + 1 = 14", "so 14"]
    for name in ("dimensions", "critic"):
        with ChatServer(lambda body, name=name: HONEST_JUDGES[name](plain(body))) as server:
            verifier = judge(server, name)
            try:
                live = [verifier.verify([step(*actions[: at + 1])])[0] for at in range(len(actions))]
                assert len(server.received) == len(actions)
                stored = verifier.verify([step(*actions[: at + 1]) for at in range(len(actions))])
            finally:
                verifier.close()
        assert live == stored
        assert all(verdict.label == "correct" for verdict in live)


def test_a_rerun_asks_nothing_that_was_answered(tmp_path):
    with ChatServer(lambda body: HONEST_JUDGES["rubric_guided"](plain(body))) as server:
        for expected in (4, 4):  # a router and a judgement of each of two steps; then nothing
            verifier = judge(server, "rubric_guided", cache=str(tmp_path / "answers.sqlite"))
            try:
                assert [verdict.label for verdict in verifier.verify([step("3 * 4 = 12", "so 12")])] == ["correct"]
                verifier.verify([step("3 * 4 = 12")])
            finally:
                verifier.close()
            assert len(server.received) == expected


def test_the_version_of_a_judge_tells_the_rubric():
    versions = {judge_version(f"rubric={name}") for name in ("maths", "tools", "auto")}
    assert len(versions) == 3
    assert judge_version("rubric=maths") in versions


def judge_version(option):
    verifier = make_verifier(f"judge:m?base_url=http://127.0.0.1:9/v1&protocol=rubric_guided&{option}")
    verifier.close()
    return verifier.version
