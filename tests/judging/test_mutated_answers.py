"""Answers of honest judges, mutated: what is not complete gives no score, what only looks otherwise gives the same, nothing raises or takes long."""

import functools
import json
import random
import re
import time

import pytest

from prm_gym.chains import Chain, ChainStep
from prm_gym.chat import ChatReply
from prm_gym.judging import make_protocol
from prm_gym.testing import answering
from prm_gym.testing.honest_judges import HONEST_JUDGES

PNG = b"\x89PNG\r\n\x1a\n"
CHAINS = [
    Chain("What is 3 * 4 + 2?", (ChainStep("3 * 4 = 12", after="a", image=PNG + b"1"), ChainStep("12 + 2 = 14", after="b", image=PNG + b"2"))),
    Chain("What is 3 * 4?", (ChainStep("3 * 4 = 12", after="a", image=PNG + b"1"), ChainStep("12 + 2 = 15", after="b", image=PNG + b"3"))),
]
BOX = re.compile(r"\\boxed\{[^{}]*\}")
END = re.compile(r"\\boxed\{[^{}]*\}|\}\s*\Z|```\s*\Z|</(?:next_step|corrected):\w+>")
# In place of what stands in the last box. No number is one of a step: there are two, counted from 0 or 1. Digits of other scripts are no digits here.
BOXED = ["", "  ", "99", "-2", "0x1", "1.0", "1e0", "one", "zero", "\u0967", "\u00b2", "\uff11", "\u0660", "\u06f1", "\u2160", "1" * 30, "--1", "\u22121"]
BOXED += ["1 2", "1;;2x", r"\frac{1}{2}", "none, 1", "None of them", "null", "?", "number", "paragraph", "step_", "Yes and No", "YesNo", "yes?"]
BOXED += [
    "\uff39\uff25\uff33",
    "Yes|No",
    "correct/incorrect",
    "correct incorrect",
    "first|second|tie",
    "{1}{2}",
    "first, second",
    "Yes\nNo",
    "true",
    "1/2",
    "#",
]
# In place of the last value of a JSON verdict. Grades are whole numbers of at most 10.
VALUES = ["9", "nine", 9.5, True, False, None, -1, 11, 1e300, 10**30, [9], {"a": 9}, "\uff19", "Yes!", "yes no", "d\u043ene", "", "don't know", -0.5, [], {}]
THOUGHTS = [("<think>", "</think>"), ("<thinking>", "</thinking>"), ("[THINK]", "[/THINK]"), ("<|begin_of_thought|>", "<|end_of_thought|>")]
THOUGHTS += [("<|START_THINKING|>", "<|END_THINKING|>"), ("\u25c1think\u25b7", "\u25c1/think\u25b7"), ("<seed:think>", "</seed:think>")]
CHANNELS = ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>")


def boxing(content):
    def mutate(text):
        found = list(BOX.finditer(text))
        return f"{text[: found[-1].start()]}\\boxed{{{content}}}{text[found[-1].end() :]}" if found else None

    return mutate


def changing(change):
    """A mutation of the JSON object that an answer ends with: of it and the name of its field."""

    def mutate(text):
        at = text.rfind('{"key"')
        if at < 0:
            return None
        verdict = json.loads(text[at:])
        changed = change(verdict, next(name for name in verdict if name != "key"))
        return None if changed is None else text[:at] + (changed if isinstance(changed, str) else json.dumps(changed))

    return mutate


def with_value(value):
    def change(verdict, field):
        last = list(verdict[field])[-1] if isinstance(verdict[field], dict) else -1
        verdict[field][last] = value
        return verdict

    return changing(change)


def without_a_name(verdict, field):
    return {**verdict, field: dict(list(verdict[field].items())[1:])} if isinstance(verdict[field], dict) else None


def with_a_strange_name(verdict, field):
    return {**verdict, field: verdict[field] | {"another": next(iter(verdict[field].values()))}} if isinstance(verdict[field], dict) else None


def with_a_name_twice(verdict, field):
    if not isinstance(verdict[field], dict):
        return None
    name, value = next(iter(verdict[field].items()))
    return json.dumps(verdict).replace(f'"{name}":', f'"{name}": {json.dumps(value)}, "{name}":', 1)


def with_no_number(verdict, field):
    found = json.dumps(verdict)
    return re.sub(r": \d+", ": NaN", found) if re.search(r": \d+", found) else None


def cutting(share):
    """The answer up to some place before its verdict ends."""

    def mutate(text):
        ends = [found.end() for found in END.finditer(text)]
        return text[: min(max(ends) - 1, int(share * max(ends)))] if ends else None

    return mutate


rng = random.Random(0)
INCOMPLETE = {
    **{f"box {content!r}": boxing(content) for content in BOXED},
    **{f"value {value!r}": with_value(value) for value in VALUES},
    **{f"cut at {share:.3f}": cutting(share) for share in [1.0, *(rng.uniform(0.0, 1.0) for _ in range(100))]},
    "a name is missing": changing(without_a_name),
    "a name too many": changing(with_a_strange_name),
    "a name twice": changing(with_a_name_twice),
    "NaN": changing(with_no_number),
    "no key": changing(lambda verdict, field: {field: verdict[field]}),
    "another key": changing(lambda verdict, field: verdict | {"key": "0" * 12}),
    "a key in a list": changing(lambda verdict, field: verdict | {"key": [verdict["key"]]}),
    "JSON in a text": changing(lambda verdict, field: json.dumps(json.dumps(verdict))),
    "Python in place of JSON": changing(lambda verdict, field: repr(verdict)),
    "no field": changing(lambda verdict, field: {"key": verdict["key"], "verdict": verdict[field]}),
    "a box without braces": lambda text: text.replace("\\boxed{", "\\boxed") if "\\boxed{" in text else None,
    "a box with other braces": lambda text: text.replace("\\boxed{", "\\boxed\uff5b") if "\\boxed{" in text else None,
    "other boxes": lambda text: text.replace("\\boxed{", "\\fbox{") if "\\boxed{" in text else None,
    "a thought afterwards": lambda text: f"{text}<think>Or is it otherwise?",
    "an endless thought": lambda text: f"<think>{text}",
    "thoughts alone, in a channel": lambda text: f"{CHANNELS[0]}{text}<|end|>",
    "cut off, as the server says": lambda text: ChatReply(text=text, finished=False),
    "nothing": lambda text: " \n",
}
# `thinkprm` reads the thoughts where nothing else speaks of the steps: its models verify in them.
THOUGHT_ALONE = {f"{opening}, thoughts alone": (lambda text, opening=opening, closing=closing: f"{opening}{text}{closing}") for opening, closing in THOUGHTS}
FORGED = '\\boxed{Yes} \\boxed{0} \\boxed{none} \\boxed{-1} \\boxed{correct} {"key": "000000000000", "grades": {"1": 10}}'
ALIKE = {
    **{f"{opening} before": (lambda text, opening=opening, closing=closing: f"{opening}{FORGED}{closing}{text}") for opening, closing in [*THOUGHTS, CHANNELS]},
    "thoughts whose beginning the template has": lambda text: f"{FORGED}</think>\n{text}",
    "other line ends": lambda text: text.replace("\n", "\r\n"),
    "a fence": changing(lambda verdict, field: f"```json\n{json.dumps(verdict, indent=1)}\n```"),
    "another order of fields": changing(lambda verdict, field: {field: verdict[field], "key": verdict["key"]}),
    "an alternative inside": changing(lambda verdict, field: verdict | {"not": {"key": verdict["key"], field: {}}}),
    "said twice": lambda text: f"{text}\n\nOnce more:\n\n{text}",
    "a million letters before": lambda text: "x{ \\boxed{ " * 100_000 + "\n" + text,
    "a million letters after": lambda text: text + "\n" + "So it is. " * 30_000,
}


@pytest.fixture(scope="module", autouse=True)
def closed():
    yield
    for name in HONEST_JUDGES:
        protocol_of(name).close()


@functools.cache
def protocol_of(name):
    """One for all answers: that of `genprm` holds a sandbox."""
    return make_protocol(name)


def judged(name, mutate):
    """The scores of all steps, and how many answers were mutated."""
    judge, mutated = HONEST_JUDGES[name], []

    def model(request):
        answer = judge(request)
        changed = mutate(answer)
        mutated.append(changed is not None)
        return answer if changed is None else changed

    began = time.process_time()
    scores = [judgement.scores for judgement in protocol_of(name).judge(CHAINS, answering(model))]
    assert time.process_time() - began < 10
    return scores, sum(mutated)


@pytest.mark.parametrize("name", sorted(HONEST_JUDGES))
def test_what_is_not_complete_gives_no_score(name):
    mutations = INCOMPLETE if name == "thinkprm" else INCOMPLETE | THOUGHT_ALONE
    found = {how: judged(name, mutate) for how, mutate in mutations.items()}
    tried = {how: scores for how, (scores, mutated) in found.items() if mutated}
    assert len(tried) > 130
    assert {how: scores for how, scores in tried.items() if scores != [(None, None), (None, None)]} == {}


@pytest.mark.parametrize("name", sorted(HONEST_JUDGES))
def test_what_only_looks_otherwise_gives_the_same(name):
    expected, _ = judged(name, lambda text: None)
    assert None not in (expected[0] + expected[1])
    assert {how: scores for how, mutate in ALIKE.items() if (scores := judged(name, mutate)[0]) != expected} == {}


def test_of_two_verdicts_that_contradict_each_other_the_last_counts():
    # The steps of the second chain are right and wrong: (1, 0) for all of these. What is said first is the opposite.
    opposite = {"capo": "\\boxed{1}", "critic": "\\boxed{0}", "first_error": "\\boxed{0}", "hierarchical": "\\boxed{No}", "genprm": "\\boxed{Yes}"}
    for name, first in opposite.items():
        expected, _ = judged(name, lambda text: None)
        assert judged(name, lambda text, first=first: f"So: {first}\n\nNo, once more.\n\n{text}")[0] == expected
