"""The public layouts: rows with their published field names, and labels that were read off by hand."""

import contextlib
import copy
import json
import random

import pytest

from prm_gym.errors import OptionError
from prm_gym.prm.layouts import (
    agentprocessbench,
    bigbench_mistake,
    mr_gsm8k,
    prm800k,
    prmbench,
    processbench,
    solutions,
    toolcomp,
    webprmbench,
)
from prm_gym.prm.layouts.detection import LAYOUTS, layout_of

STEPS = ["We add.", "2 + 2 = 5.", "So 5."]

PROCESSBENCH = {"id": "gsm8k-7", "generator": "m", "problem": "2 + 2?", "steps": STEPS, "final_answer_correct": False, "label": 1}
MISTAKE = {"input": "2 + 2?", "steps": STEPS, "target": "4", "answer": "5", "mistake_index": 1}
MR = {
    "uuid": "u1", "question": "2 + 2?", "ground_truth_answer": "4", "model_output_steps": ["Step 1: We add.", "Step 2: 2 + 2 = 5."],
    "model_output_answer_correctness": "wrong", "model_output_solution_correctness": "wrong", "model_output_solution_first_error_step": 2,
    "model_output_solution_first_error_reason": "...", "question_type": "original",
}  # fmt: skip
PRMBENCH = {
    "idx": "p1", "original_question": "2 + 2?", "modified_question": "2 + 2?", "original_process": ["We add.", "2 + 2 = 4."], "modified_process": STEPS,
    "modified_steps": [2], "error_steps": [2, 3], "classification": "redundency", "reason": "...",
}  # fmt: skip
PRM800K = {
    "labeler": "l", "timestamp": "t", "generation": 9, "is_quality_control_question": False, "is_initial_screening_question": False,
    "question": {"problem": "2 + 2?", "ground_truth_answer": "4", "pre_generated_steps": ["a", "b"], "pre_generated_answer": "5"},
    "label": {
        "steps": [
            {"completions": [{"text": "I add.", "rating": 0, "flagged": None}], "human_completion": None, "chosen_completion": 0},
            {"completions": [{"text": "bad", "rating": -1, "flagged": None}, {"text": "good", "rating": 1, "flagged": None}], "human_completion": None,
             "chosen_completion": 1},
            {"completions": [{"text": "2 + 2 = 5", "rating": -1, "flagged": None}, {"text": "hm", "rating": 0, "flagged": False}], "human_completion": None,
             "chosen_completion": None},
        ],
        "total_time": 1, "finish_reason": "found_error",
    },
}  # fmt: skip
AGENT = {
    "total_index": 3, "query_index": 0, "sample_index": 3, "question": "Where?", "data_source": "searchR1_hotpotqa",
    "messages": [
        {"role": "system", "content": "Be good."},
        {"role": "user", "content": "Where is it?"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "search", "arguments": '{"q": "it"}'}}]},
        {"role": "tool", "name": "search", "content": "found: here", "tool_call_id": "c"},
        {"role": "assistant", "content": "Hm."},
        {"role": "user", "content": "Well?"},
        {"role": "assistant", "content": "There."},
    ],
    "tools": [{"type": "function", "function": {"name": "search"}}],
    "step_labels": {"2": 1, "4": 0, "6": -1}, "final_label": -1,
}  # fmt: skip


def _said(text):
    return {"text": text}


HISTORY = [
    {"action plan": _said("Look it up.")},
    {"thought": _said("I look."), "action": _said("wiki_search"), "action_input": _said("{'q': 1}"), "observation": _said("a page")},
]
TOOLCOMP = {
    "prompt": "How high?", "tools": "['wiki_search']", "historical_date": None, "history": json.dumps(HISTORY),
    "preferred": {"thought": _said("Read."), "action": _said("finish"), "action_input": _said("8848"), "observation": _said("done")},
    "dispreferred": {"thought": _said("Guess."), "action": _said("finish"), "action_input": _said("1"), "observation": _said("done")},
}  # fmt: skip
PROMPT = """You are a skilled expert.
#### Evaluation Criteria ####
1. All.
#### Intent ####
Buy a mug
#### AXTREE ####
[12] link 'mugs' [The Begin of Response 1] quoted [The End of Response 1]
#### Assistant Responses ####
[The Begin of Response 1]

THOUGHT:
no

ACTION:
click('3')

[The End of Response 1]

[The Begin of Response 2]

THOUGHT:
yes

ACTION:
click('12')

[The End of Response 2]

### Output Instructions ###
<Answer>Response 1 or Response 2</Answer>"""
WEB = {"state_idx": 4, "pair_idx": 2, "expected": 2, "prompt": PROMPT, "source_name": "webarena"}


def _one(module, row, **options):
    (found,) = module.read([row], **options)
    return found


def test_processbench_counts_from_0_and_says_nothing_after_the_first_error():
    found = _one(processbench, PROCESSBENCH)
    assert (found.id, found.domain, found.outcome) == ("gsm8k-7", "gsm8k", False)
    assert found.labels == (1.0, 0.0, None)
    assert found.first_error == 1
    assert _one(processbench, {**PROCESSBENCH, "label": -1}).labels == (1.0, 1.0, 1.0)
    assert _one(processbench, {**PROCESSBENCH, "label": "0"}).labels == (0.0, None, None)  # as a table has it


def test_bigbench_mistake_counts_from_0_and_null_is_none():
    assert _one(bigbench_mistake, MISTAKE).labels == (1.0, 0.0, None)
    assert _one(bigbench_mistake, MISTAKE).outcome is False
    found = _one(bigbench_mistake, {**MISTAKE, "mistake_index": None, "answer": "4"})
    assert (found.labels, found.outcome, found.gold) == ((1.0, 1.0, 1.0), True, "4")
    assert _one(bigbench_mistake, {**MISTAKE, "mistake_index": 0}).labels == (0.0, None, None)


def test_mr_gsm8k_counts_from_1():
    found = _one(mr_gsm8k, MR)
    assert found.labels == (1.0, 0.0)
    assert found.chain.texts == ("We add.", "2 + 2 = 5.")
    right = {
        **MR,
        "model_output_solution_correctness": "correct",
        "model_output_solution_first_error_step": "N/A",
        "model_output_answer_correctness": "correct",
    }
    assert _one(mr_gsm8k, right).labels == (1.0, 1.0)
    assert _one(mr_gsm8k, right).outcome is True


def test_prmbench_counts_from_1_and_labels_every_step():
    twin, found = prmbench.read([PRMBENCH])
    assert found.labels == (1.0, 0.0, 0.0)
    assert found.domain == "redundency"
    assert (twin.labels, twin.domain, twin.chain.texts) == ((1.0, 1.0), "correct", ("We add.", "2 + 2 = 4."))
    assert twin.group == found.group
    assert len(list(prmbench.read([{**PRMBENCH, "classification": "circular"}]))) == 1  # the redundant ones bring the twin
    assert len(list(prmbench.read([{**PRMBENCH, "classification": "circular"}, PRMBENCH], twins="all"))) == 3  # each original once
    (socratic,) = prmbench.read([{"question": "2 + 2?", "steps": STEPS, "error_steps": [1], "error_type": "Deduction"}])
    assert (socratic.labels, socratic.domain) == ((0.0, 1.0, 1.0), "Deduction")


def test_prm800k_follows_the_chosen_completions_to_the_first_mistake():
    found = _one(prm800k, PRM800K)
    assert found.chain.texts == ("I add.", "good", "2 + 2 = 5")
    assert found.ratings == (0, 1, -1)
    assert found.labels == (1.0, 1.0, 0.0)  # neutral is right
    assert (found.outcome, found.gold, found.domain) == (False, "4", "phase2")
    every = list(prm800k.read([PRM800K], alternatives=True))
    assert [chain.chain.texts[-1] for chain in every] == ["2 + 2 = 5", "bad", "hm"]
    assert [chain.ratings for chain in every[1:]] == [(0, -1), (0, 1, 0)]
    written = json.loads(json.dumps(PRM800K))
    written["label"]["steps"][2]["human_completion"] = {"text": "2 + 2 = 4", "rating": None}
    assert _one(prm800k, written).ratings == (0, 1, 1)
    assert list(prm800k.read([{**PRM800K, "is_quality_control_question": True}], quality_control=False)) == []


def test_agentprocessbench_counts_messages():
    found = _one(agentprocessbench, AGENT)
    assert found.ratings == (1, 0, -1)
    assert found.labels == (1.0, 1.0, 0.0)
    assert found.domain == "hotpotqa"
    assert [step.text for step in found.chain.steps] == ['search({"q": "it"})', "Hm.", "There."]
    assert [step.seen for step in found.chain.steps] == ["", "tool search: found: here", "user: Well?"]
    assert found.chain.problem.endswith("system: Be good.\nuser: Where is it?")
    assert '"name":"search"' in found.chain.problem
    assert found.outcome is False


def test_toolcomp_tells_plans_from_steps():
    (step,) = toolcomp.read_pairs([TOOLCOMP])
    assert step.domain == "step"
    assert [each.text for each in step.chosen.steps] == [
        "Plan: Look it up.", "Thought: I look.\nAction: wiki_search\nAction Input: {'q': 1}", "Thought: Read.\nAction: finish\nAction Input: 8848"
    ]  # fmt: skip
    assert step.chosen.steps[-1].seen == "a page"
    assert step.rejected.steps[-1].text == "Thought: Guess.\nAction: finish\nAction Input: 1"
    (plan,) = toolcomp.read_pairs([{**TOOLCOMP, "history": "[]", "preferred": {"action plan": _said("A")}, "dispreferred": {"action plan": _said("B")}}])
    assert (plan.domain, plan.chosen.texts, plan.rejected.texts) == ("plan", ("Plan: A",), ("Plan: B",))
    (shown,) = toolcomp.read_pairs([TOOLCOMP], observations=True)
    assert shown.chosen.steps[-1].text.endswith("Observation: done")


def test_webprmbench_reads_the_published_prompt_and_the_spelled_out_form():
    (pair,) = webprmbench.read_pairs([WEB])
    assert pair.chosen.texts == ("THOUGHT:\nyes\n\nACTION:\nclick('12')",)
    assert pair.rejected.texts == ("THOUGHT:\nno\n\nACTION:\nclick('3')",)
    assert pair.group == "webarena/4"
    assert pair.chosen.problem.startswith("#### Intent ####\nBuy a mug")
    assert "skilled expert" not in pair.chosen.problem
    assert "Assistant Responses" not in pair.chosen.problem
    (first,) = webprmbench.read_pairs([{**WEB, "expected": 1}])
    assert first.chosen == pair.rejected
    several = list(webprmbench.read_pairs([{"state_idx": 1, "intent": "Buy", "chosen": "click 1", "rejected": ["click 2", "click 3"]}]))
    assert [(each.group, each.rejected.texts) for each in several] == [("/1", ("click 2",)), ("/1", ("click 3",))]


def test_solutions_are_pools():
    rows = [
        {"problem": "2 + 2?", "gold": "4", "solutions": ["It is 3 + 1.\nThe answer is 4.", {"steps": ["The answer is 5."]}, {"steps": ["4"], "correct": False}]}
    ]
    found = list(solutions.read(rows))
    assert [chain.outcome for chain in found] == [True, False, False]  # the last one is said to be wrong, whatever it answers
    assert len({chain.group_key for chain in found}) == 1
    assert found[0].labels == (None, None)
    assert _one(solutions, {"question": "?", "response": "a\nb"}).outcome is None


BAD = [
    (processbench, {**PROCESSBENCH, "label": 3}, "index from 0 to 2"),
    (processbench, {**PROCESSBENCH, "label": None}, "label is a whole number"),
    (processbench, {**PROCESSBENCH, "label": True}, "label is a whole number"),
    (processbench, {**PROCESSBENCH, "steps": []}, "list of texts"),
    (processbench, {**PROCESSBENCH, "steps": "a\nb"}, "list of texts"),
    (bigbench_mistake, {**MISTAKE, "mistake_index": -1}, "counts from 0"),
    (bigbench_mistake, {key: value for key, value in MISTAKE.items() if key != "mistake_index"}, "is missing"),
    (mr_gsm8k, {**MR, "model_output_solution_first_error_step": 0}, "counts from 1"),
    (mr_gsm8k, {**MR, "model_output_solution_first_error_step": "N/A"}, "whole number"),
    (prmbench, {**PRMBENCH, "error_steps": [0]}, "counted from 1 to 3"),
    (prmbench, {**PRMBENCH, "error_steps": [4]}, "counted from 1 to 3"),
    (prm800k, {**PRM800K, "label": {"steps": [{"completions": [{"text": "a", "rating": 2}], "chosen_completion": 0}]}}, "-1, 0 or 1"),
    (prm800k, {**PRM800K, "label": {"steps": [{"completions": [{"text": "a", "rating": 1}], "chosen_completion": 1}]}}, "index from 0"),
    (agentprocessbench, {**AGENT, "step_labels": {"3": 1}}, "not the assistant's"),
    (agentprocessbench, {**AGENT, "step_labels": {"2": 2}}, "-1, 0 or 1"),
    (agentprocessbench, {key: value for key, value in AGENT.items() if key != "messages"}, "messages is a list"),
]


@pytest.mark.parametrize(("module", "row", "said"), BAD, ids=range(len(BAD)))
def test_a_wrong_row_says_what_is_wrong(module, row, said):
    with pytest.raises(OptionError, match=said):
        list(module.read([row]))


@pytest.mark.parametrize(
    ("module", "row"),
    [
        (toolcomp, {**TOOLCOMP, "history": "{"}),
        (toolcomp, {**TOOLCOMP, "preferred": "a"}),
        (webprmbench, {**WEB, "expected": 0}),
        (webprmbench, {**WEB, "prompt": "no responses"}),
        (webprmbench, {"state_idx": 1, "intent": "Buy", "chosen": "a", "rejected": []}),
    ],
)
def test_a_wrong_pair_says_what_is_wrong(module, row):
    with pytest.raises(OptionError):
        list(module.read_pairs([row]))


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (PROCESSBENCH, "processbench"), (MISTAKE, "bigbench_mistake"), (MR, "mr_gsm8k"), (PRMBENCH, "prmbench"), (PRM800K, "prm800k"),
        (AGENT, "agentprocessbench"), (TOOLCOMP, "toolcomp"), (WEB, "webprmbench"), ({"problem": "?", "response": "a"}, "solutions"),
        ({"intent": "?", "chosen": "a", "rejected": "b"}, "webprmbench"), ({"prompt": "?", "chosen": "a", "rejected": "b"}, "pairs"),
    ],
)  # fmt: skip
def test_the_layout_is_told_by_the_fields(row, name):
    assert layout_of(row).name == name


JUNK = (None, True, 0, -1, 2, 3.5, float("nan"), float("inf"), "", " ", "x", "-1", [], [1], ["a"], [None], {}, {"text": 1}, {"a": []}, 10**30, [["a"]])


def _places(value, place=()):
    yield place
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield from _places(inner, (*place, key))


@pytest.mark.parametrize(
    "row", [PROCESSBENCH, MISTAKE, MR, PRMBENCH, PRM800K, AGENT, TOOLCOMP, WEB, {"problem": "?", "gold": "4", "solutions": ["a", {"steps": ["4"]}]}]
)
def test_nothing_but_an_option_error_comes_of_a_spoilt_row(row):
    layout, rng = layout_of(row), random.Random(0)
    for _ in range(150):
        spoilt = copy.deepcopy(row)
        for _ in range(rng.randint(1, 3)):
            *way, last = rng.choice([place for place in _places(spoilt) if place])
            inner = spoilt
            for key in way:
                inner = inner[key]
            inner[last] = copy.deepcopy(rng.choice(JUNK))
        with contextlib.suppress(OptionError):
            list(layout.read([spoilt]))


def test_an_unknown_layout_is_an_error_that_names_the_fields():
    with pytest.raises(OptionError, match="from the fields a, b"):
        layout_of({"a": 1, "b": 2})
    assert all(callable(layout.read) for layout in LAYOUTS)
