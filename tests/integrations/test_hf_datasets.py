"""Trajectories and step labels as data sets: the way there and back, with the package as installed."""

import json

import msgspec
import pytest

datasets = pytest.importorskip("datasets")

from prm_gym.agent import make_agent  # noqa: E402
from prm_gym.errors import OptionError, StoreError  # noqa: E402
from prm_gym.integrations.hf_datasets import from_dataset, step_labels, to_dataset  # noqa: E402
from prm_gym.labelling import label, math_shepherd_row, ratings  # noqa: E402
from prm_gym.labelling.solutions import solution_of  # noqa: E402
from prm_gym.prm.layouts import math_shepherd, prm800k, processbench, trl  # noqa: E402
from prm_gym.rollout import Rollouts, groups  # noqa: E402
from prm_gym.verdict import abstained, judged  # noqa: E402
from prm_gym.verifier import make_verifiers  # noqa: E402


@pytest.fixture(scope="module")
def episodes():
    return Rollouts("prm_gym/Deduction-v0", {"difficulty": 1}).play(make_agent("random", seed=0), groups(range(3), attempts=2))


def _written():
    """Three steps: right, wrong, right; the answer is wrong. And one that nobody can tell anything of."""
    texts = ["3 * 4 = 12", "2 + 12 = 15", "so it is 15", "#### 15"]
    (first,) = label([solution_of("one", "What is 2 + 3 * 4?", texts, "14", {})], make_verifiers(["sequence(arithmetic, equivalence)"]))
    (second,) = label([solution_of("two", "What is it?", ["It is clear."], None, {})], make_verifiers(["arithmetic"]))
    return first, second


def test_trajectories_come_back_as_they_were(episodes, tmp_path):
    spoilt = msgspec.structs.replace(episodes[0], id="spoilt", valid=False, outcome=None, seed=(1 << 70))
    dataset = to_dataset([*episodes, spoilt])
    assert list(from_dataset(dataset)) == [*episodes, spoilt]
    dataset.save_to_disk(tmp_path / "kept")
    kept = datasets.load_from_disk(tmp_path / "kept")
    assert list(from_dataset(kept.filter(lambda row: row["valid"]).select([2, 0]))) == [episodes[2], episodes[0]]
    path = tmp_path / "kept.parquet"
    dataset.to_parquet(path)
    assert list(from_dataset(datasets.Dataset.from_parquet(str(path), cache_dir=str(tmp_path)))) == [*episodes, spoilt]


def test_the_columns_say_what_the_record_holds(episodes):
    row = to_dataset(episodes, other_names=True)[0]
    steps = episodes[0].steps
    assert row["actions"] == [step.action for step in steps]
    assert row["ratings"] == list(ratings(episodes[0]))
    assert row["turn_rewards"] == row["step_rewards"] == row["rewards"] == [step.reward for step in steps]
    assert (row["turn_ids"], row["env_state_hash"]) == ([step.index for step in steps], [step.state_key for step in steps])
    assert row["outcome"] == episodes[0].outcome
    assert "turn_ids" not in to_dataset(episodes).column_names


def test_no_trajectories_are_an_empty_data_set():
    assert list(from_dataset(to_dataset([]))) == []
    assert step_labels([]).rows == 0


def test_what_cannot_be_known_is_null_and_no_zero():
    row = to_dataset(_written())[1]
    assert (row["outcome"], row["ratings"]) == (None, [None])


@pytest.mark.parametrize(
    ("row", "says"),
    [({"id": "x"}, "row 0 .*: there is no text"), ({"record": "{"}, "row 0 cannot be read"), ({"record": json.dumps({"id": 1})}, "row 0")],
)
def test_foreign_rows_are_refused(row, says):
    with pytest.raises(StoreError, match=says):
        list(from_dataset([row]))


def test_labels_for_trl_drop_or_keep_what_is_not_known():
    first, second = _written()
    # "so it is 15" holds no equation: nobody can tell.
    assert ratings(first) == (1, -1, None, -1)
    dropped = step_labels([first, second], "trl")
    assert dropped[1:] == (1, 1, 2, 2)
    assert dropped.dataset[0]["completions"] == ["3 * 4 = 12", "2 + 12 = 15"]
    assert dropped.dataset[0]["labels"] == [True, False]
    kept = step_labels([first, second], "trl", unlabelled="keep")
    assert kept[1:] == (1, 1, 3, 1)
    assert kept.dataset[0]["labels"] == [True, False, None, False]
    (read,) = trl.read(kept.dataset)
    assert read.labels == (1.0, 0.0, None, 0.0)


def test_each_layout_is_read_as_it_was_written():
    first, _ = _written()
    (bench,) = processbench.read(step_labels([first], "processbench").dataset)
    assert bench.labels == (1.0, 0.0, None, None)
    shepherd = step_labels([first], "math-shepherd")
    assert shepherd.dataset[0]["input"] == "What is 2 + 3 * 4? Step 1: 3 * 4 = 12 ки\nStep 2: 2 + 12 = 15 ки"
    assert shepherd.dataset[0]["label"] == "What is 2 + 3 * 4? Step 1: 3 * 4 = 12 +\nStep 2: 2 + 12 = 15 -"
    (read,) = math_shepherd.read(shepherd.dataset)
    assert (read.labels, read.chain.texts) == ((1.0, 0.0), ("3 * 4 = 12", "2 + 12 = 15"))
    people = step_labels([first], "prm800k", unlabelled="keep")
    assert people[1:] == (1, 0, 3, 1)
    (read,) = prm800k.read(people.dataset)
    assert (read.ratings, read.gold) == ((1, -1, None, -1), "14")
    assert people.dataset[0]["label"]["finish_reason"] == "found_error"


def test_a_text_that_holds_the_tag_is_left_out():
    (written,) = label([solution_of("one", "What is it?", ["1 + 1 = 2 ки"], None, {})], make_verifiers(["arithmetic"]))
    rated = msgspec.structs.replace(written.steps[0], verdicts={"v": judged("correct", 1.0, "")})
    assert math_shepherd_row(msgspec.structs.replace(written, steps=(rated,))) is None
    silent = msgspec.structs.replace(written.steps[0], verdicts={"v": abstained("")})
    assert step_labels([msgspec.structs.replace(written, steps=(silent,))], "math-shepherd").left_out == 1


def test_spoilt_episodes_label_nothing(episodes):
    spoilt = msgspec.structs.replace(episodes[0], valid=False, outcome=None)
    assert step_labels([spoilt]).left_out == 1


@pytest.mark.parametrize("options", [{"layout": "gsm"}, {"unlabelled": "zero"}, {"layout": "processbench", "unlabelled": "keep"}])
def test_what_cannot_be_honoured_is_said(options):
    with pytest.raises(OptionError):
        step_labels([], **options)
