"""The layouts that are trained on, and how they are told apart."""

import json

import msgspec
import pytest

from prm_gym.chains import written
from prm_gym.errors import OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts import math_shepherd, pairs, trajectories, trl
from prm_gym.prm.layouts.detection import layout_of
from prm_gym.prm.layouts.reading import Reading, read_file
from prm_gym.task import Task
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import abstained, judged

TRL = {"id": "a", "prompt": "2+2?", "completions": ["2+2=4", " ", "So 5"], "labels": [True, True, False]}
SHEPHERD = {
    "input": "Tom has 2 pens - old ones. Step 1: 2 + 3 = 5. ки\nStep 2: The answer is: 5 ки",
    "label": "Tom has 2 pens - old ones. Step 1: 2 + 3 = 5. +\nStep 2: The answer is: 5 -",
    "task": "GSM8K",
}
STEP_DPO = {
    "dataset": "math",
    "prompt": "1+1+1?",
    "initial_reason_steps": "Step 1: 1+1=2.\nStep 2:",
    "chosen": " 2+1=3.",
    "rejected": " 2+1=4.",
    "full_chosen": " 2+1=3. ...",
    "full_rejected": "...",
}


def test_stepwise_supervision_is_read_and_an_empty_step_goes_with_its_label():
    (found,) = trl.read([TRL])
    assert (found.chain, found.labels, found.id) == (written("2+2?", ["2+2=4", "So 5"]), (1.0, 0.0), "a")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"labels": [True]}, "3 completions have 1 labels"),
        ({"labels": [True, True, -1]}, "label is true"),
        ({"completions": "x"}, "list"),
        ({"prompt": ""}, "prompt"),
    ],
)
def test_stepwise_supervision_that_is_wrong_says_what(change, said):
    with pytest.raises(OptionError, match=said):
        list(trl.read([{**TRL, **change}]))


def test_math_shepherd_is_read_side_by_side_so_that_signs_of_the_text_are_no_labels():
    (found,) = math_shepherd.read([SHEPHERD])
    assert found.chain == written("Tom has 2 pens - old ones.", ["2 + 3 = 5.", "The answer is: 5"])
    assert (found.labels, found.outcome, found.domain) == ((1.0, 0.0), False, "GSM8K")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label": SHEPHERD["label"].replace("old", "new")}, "part at"),
        ({"label": SHEPHERD["label"][:-1] + "?"}, "where"),
        ({"input": "no tag"}, "no tag"),
        ({"input": SHEPHERD["input"] + " more"}, "goes on"),
        ({"input": "2 + 2 ки", "label": "2 + 2 +"}, "Step 1"),
    ],
)
def test_math_shepherd_that_does_not_fit_together_says_where(change, said):
    with pytest.raises(OptionError, match=said):
        list(math_shepherd.read([{**SHEPHERD, **change}]))


def _trajectory(**options):
    says = [judged("correct", 1.0, ""), judged("incorrect", 0.0, ""), abstained("cannot tell")]
    soft = [judged("correct", 0.75, ""), judged("incorrect", 0.25, ""), judged("correct", 0.5, "")]
    steps = tuple(
        Step(index=at, observation="q", action=f"a{at}", state_key="", next_state_key="", reward=0.0, verdicts={"z3": verdict, "rollouts": other})
        for at, (verdict, other) in enumerate(zip(says, soft, strict=True))
    )
    task = Task(key="k", instructions="", question="q", sealed={"gold": "secret"})
    return Trajectory(id="t", group_id="g", task=task, seed=0, env_id="prm_gym/X-v0", agent="random", outcome=0.0, steps=steps, **options)


def test_verdicts_of_stored_trajectories_are_labels_and_nothing_sealed_is_read():
    row = json.loads(msgspec.json.encode(_trajectory()))
    (found,) = (each.labelled for each in trajectories.taken([row], labels_by=["z3"]))
    assert (found.labels, found.outcome, found.domain) == ((1.0, 0.0, None), False, "prm_gym/X-v0")
    assert "secret" not in str(found)
    assert next(trajectories.taken([row], labels_by=["rollouts"], soft=True)).labelled.labels == (0.75, 0.25, 0.5)
    assert next(trajectories.taken([row], soft=True)).labelled.labels == (0.75, 0.0, 0.5)  # of several the lowest
    with pytest.raises(OptionError, match="no verdicts of page"):
        list(trajectories.taken([row], labels_by=["page"]))
    assert list(trajectories.read([json.loads(msgspec.json.encode(_trajectory(valid=False)))])) == []


def test_pairs_of_step_dpo_and_plain_ones():
    (found,) = pairs.read_pairs([STEP_DPO])
    assert found.chosen.problem == "1+1+1?"
    assert found.chosen.steps[:-1] == found.rejected.steps[:-1]
    assert (found.chosen.texts[-1], found.rejected.texts[-1], found.domain) == ("2+1=3.", "2+1=4.", "math")
    assert found.chosen.texts == ("1+1=2.", "2+1=3.")  # the numbering of the step to come is no step
    (plain,) = pairs.read_pairs([{"problem": "p", "steps": ["a"], "chosen": "b", "rejected": ["c", "d"]}])
    assert (plain.chosen.texts, plain.rejected.texts) == (("a", "b"), ("a", "c", "d"))
    with pytest.raises(OptionError, match="equal"):
        list(pairs.read_pairs([{"problem": "p", "chosen": "b", "rejected": "b"}]))


def test_siblings_of_a_tree_make_pairs():
    def chain(steps, labels):
        return LabelledChain(id=str(steps), chain=written("p", steps), labels=tuple(labels))

    # Of x: children b (0.9), c (0.2), d (0.7). Of the root: x alone, so no pair. Margin 0.5: b-c (0.7) and d-c (0.5).
    chains = [chain(["x", "b"], [1.0, 0.9]), chain(["x", "c"], [1.0, 0.2]), chain(["x", "d"], [1.0, 0.7]), chain(["x", "c"], [1.0, 0.2])]
    assert [(pair.chosen.texts[-1], pair.rejected.texts[-1]) for pair in pairs.pairs_of_tree(chains, 0.5)] == [("b", "c"), ("d", "c")]


def test_layouts_are_told_by_their_fields():
    assert [layout_of(row).name for row in (TRL, SHEPHERD, STEP_DPO, json.loads(msgspec.json.encode(_trajectory())))] == [
        "trl",
        "math_shepherd",
        "pairs",
        "trajectories",
    ]
    assert layout_of({"problem": "p", "steps": ["a"], "label": -1}).name == "processbench"
    with pytest.raises(OptionError, match="no layout"):
        layout_of({"text": "x"})


def test_a_bad_row_is_left_out_with_its_reason(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in (TRL, {"text": 1}, [1], {**TRL, "labels": []}, SHEPHERD)))
    found = list(read_file(str(path), Reading()))
    assert [row.layout for row in found] == ["trl", "", "", "trl", "math_shepherd"]
    assert [bool(row.items) for row in found] == [True, False, False, False, True]
    assert all(row.reason for row in found if not row.items)


def test_public_layouts_are_trained_on_too(tmp_path):
    rows = [
        {"id": "gsm8k-1", "problem": "p", "steps": ["a", "b"], "label": 1, "final_answer_correct": False},
        {"input": "i", "steps": ["a", "b"], "mistake_index": None, "answer": "x", "target": "x"},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    found = list(read_file(str(path), Reading()))
    assert [row.layout for row in found] == ["processbench", "bigbench_mistake"]
    assert [item.labels for row in found for item in row.items] == [(1.0, 0.0), (1.0, 1.0)]
