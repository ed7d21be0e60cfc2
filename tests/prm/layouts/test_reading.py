"""Files of any layout: the same rows are trained on and measured."""

import json

import msgspec
import pytest

from prm_gym.chain_verifier import ChainVerifier, Judgement
from prm_gym.chains import written
from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.labelling.layouts import LabelPolicy
from prm_gym.prm.evaluation.data import load
from prm_gym.prm.evaluation.evaluate import evaluate
from prm_gym.prm.layouts import pairs, trajectories
from prm_gym.prm.layouts.reading import Reading, read_file, source_digest
from prm_gym.prm.pairs import PreferencePair
from prm_gym.task import Task
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import abstained, judged

PROCESSBENCH = {"id": "gsm8k-1", "problem": "2 + 2?", "steps": ["We add.", "2 + 2 = 5."], "label": 1}
SOLUTION = {"problem": "2 + 2?", "response": "It is 4.", "correct": True}
STEP_DPO = {
    "dataset": "math",
    "prompt": "1+1+1?",
    "initial_reason_steps": "Step 1: 1+1=2.\nStep 2:",
    "chosen": " 2+1=3.",
    "rejected": ["2+1=4.", "So it is 4."],
}
TOOLCOMP = {
    "prompt": "How high?",
    "history": json.dumps([{"action plan": {"text": "Look it up."}}]),
    "preferred": {"thought": {"text": "Read."}, "action": {"text": "finish"}},
    "dispreferred": {"thought": {"text": "Guess it at once."}, "action": {"text": "finish"}},
}


@pytest.fixture
def write(tmp_path):
    def make(*rows, name="rows.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    return make


def test_a_row_that_lost_a_field_is_no_solution_without_labels(write):
    lost = {name: value for name, value in PROCESSBENCH.items() if name != "label"}
    found = list(read_file(write(PROCESSBENCH, lost, STEP_DPO), Reading()))
    assert [row.layout for row in found] == ["processbench", "", "pairs"]
    assert "no layout can be told from the fields id, problem, steps" in found[1].reason
    assert [row.layout for row in read_file(write(SOLUTION, lost, PROCESSBENCH), Reading())] == ["solutions", "solutions", "processbench"]
    assert [row.layout for row in read_file(write(lost), Reading(layout="solutions"))] == ["solutions"]
    with pytest.raises(UnknownNameError, match="processbench"):
        Reading(layout="procesbench")


def test_a_file_may_hold_several_layouts_and_is_known_by_its_content(write):
    path = write(PROCESSBENCH, STEP_DPO)
    data = load([path])
    assert data.sources[0].layouts == {"processbench": 1, "pairs": 1}
    assert (len(data.chains), len(data.pairs)) == (1, 1)
    assert data.sources[0].sha256 == source_digest(path) != source_digest(write(PROCESSBENCH, name="other.jsonl"))
    assert source_digest("hf:x", [PROCESSBENCH]) == source_digest("hf:y", [dict(reversed(PROCESSBENCH.items()))]) != source_digest("hf:x", [SOLUTION])


class Sums(ChainVerifier):
    """Knows that 2+1 is not 4."""

    id, version = "sums", "1"

    def judge(self, chains):
        return [Judgement(tuple(0.1 if "4" in text else 0.9 for text in chain.texts), ("",) * len(chain)) for chain in chains]


def test_step_dpo_is_measured_by_the_ends_of_its_chains(write):
    found = evaluate(Sums(), load([write(STEP_DPO, {**STEP_DPO, "dataset": "other", "chosen": "4"})]))
    (table,) = found.tables
    rows = {row.cells[0]: dict(zip(table.columns, row.cells, strict=True)) for row in table.rows}
    assert rows["pairs math"]["score"].mean == 1.0
    assert rows["pairs other"]["score"].mean == 0.5  # 0.1 against 0.1
    assert rows["the longer step"]["score"].mean == 0.0  # all steps that a side has of its own: 6 characters and 1 against 17


def test_pairs_of_a_benchmark_are_trained_on(write):
    pytest.importorskip("torch")
    from prm_gym.prm.training.config import DataOptions
    from prm_gym.prm.training.data import load as load_for_training
    from prm_gym.prm.training.data import texts

    path = write(TOOLCOMP, {**TOOLCOMP, "dispreferred": TOOLCOMP["preferred"]}, STEP_DPO)
    data = load_for_training([path], DataOptions(files=(path,)))
    assert [(pair.domain, pair.shared) for pair in data.pairs] == [("step", 1), ("math", 1)]
    assert data.sources[0].layouts == {"toolcomp": 2, "pairs": 1}
    assert data.sources[0].left_out == {"the two chains of a pair are equal": 1}
    assert {"2+1=4.", "So it is 4."} <= set(texts(data))


def test_pairs_share_what_they_say():
    one, other = written("p", ["a", "b"]), written("p", ["a", "c", "d"])
    assert PreferencePair(id="x", chosen=one, rejected=other, shared=1).own_texts == (("b",), ("c", "d"))
    for begun, shared in ((other, 2), (written("q", ["a", "c"]), 1), (written("p", ["z", "c"]), 1), (written("p", []), 0), (other, -1)):
        with pytest.raises(OptionError, match="x: "):
            PreferencePair(id="x", chosen=one, rejected=begun, shared=shared)
    (made,) = pairs.read_pairs([STEP_DPO])
    assert made.shared == 1


def _row(verdicts, actions=("a", "b", "c", "d"), **fields):
    steps = tuple(
        Step(index=at, observation="q", action=actions[at], state_key="", next_state_key="", reward=0.0, verdicts={"v": verdict} if verdict else {})
        for at, verdict in enumerate(verdicts)
    )
    task = Task(key="k", instructions="", question="q")
    made = Trajectory(id="t", group_id="g", task=task, seed=0, env_id="prm_gym/X-v0", agent="random", outcome=1.0, steps=steps, **fields)
    return json.loads(msgspec.json.encode(made))


VERDICTS = [judged("correct", 1.0, ""), judged("trivial", 0.0, ""), judged("incorrect", 0.0, ""), abstained("?")]


@pytest.mark.parametrize(
    ("policy", "soft", "labels", "ratings"),
    [
        (LabelPolicy(), False, (1.0, 1.0, 0.0, None), (1, 0, -1, None)),
        (LabelPolicy(neutral_is_right=False), False, (1.0, 0.0, 0.0, None), ()),  # a rating of 0 stands for a label of 1
        (LabelPolicy(undecided="right"), False, (1.0, 1.0, 0.0, 1.0), ()),
        (LabelPolicy(undecided="right", stop_at_error=True), False, (1.0, 1.0, 0.0, None), ()),
        (LabelPolicy(), True, (1.0, 0.0, 0.0, None), ()),
    ],
)
def test_verdicts_become_labels_as_the_policy_says(policy, soft, labels, ratings):
    (found,) = trajectories.taken([_row(VERDICTS)], policy=policy, soft=soft)
    assert (found.labelled.labels, found.labelled.ratings, found.labelled.group) == (labels, ratings, "k")
    assert [context.action for context in found.contexts] == ["a", "b", "c", "d"]


def test_what_comes_of_a_trajectory_is_said(write):
    path = write(_row(VERDICTS), _row([None]), _row(VERDICTS, valid=False), _row([]))
    found = list(read_file(path, Reading(labels_by=("v",))))
    assert [row.reason for row in found] == ["", "it has no verdicts of v; there are those of none", "the infrastructure spoilt the episode", "it has no steps"]
    assert [row.reason for row in read_file(path, Reading())][1] == ""  # its outcome can be measured
    assert len(found[0].contexts) == 4
    assert [line.rpartition(": ")[2] for line in load([path]).sources[0].left_out] == ["the infrastructure spoilt the episode", "it has no steps"]


def test_an_empty_step_is_not_trained_on_and_stays_wrong_where_it_is_measured(write):
    pytest.importorskip("torch")
    from prm_gym.prm.training.config import DataOptions
    from prm_gym.prm.training.data import load as load_for_training

    path = write(_row([judged("correct", 1.0, ""), judged("malformed", 0.0, "")], actions=("a", " ")))
    assert load([path]).chains[0].labels == (1.0, 0.0)
    assert load_for_training([path], DataOptions(files=(path,))).chains[0].labels == (1.0, None)
    bare = write(_row([None]), name="bare.jsonl")
    with pytest.raises(OptionError, match="prm-gym label"):
        load_for_training([bare], DataOptions(files=(bare,)))
