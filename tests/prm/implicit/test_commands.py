"""The commands that train rewards from outcomes and heads over frozen models: what they write is a verifier."""

import json

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from prm_gym.chains import chain_of
from prm_gym.cli import main
from prm_gym.task import Task
from prm_gym.testing.tiny_models import tiny_causal_lm
from prm_gym.verifier import StepContext, make_verifier

STEP = StepContext(task=Task(key="t", instructions="", question="What is 3 + 4?"), observation="What is 3 + 4?", action="3 + 4 = 7")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_causal_lm(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Sums, of which every second one is wrong: two solutions a problem."""
    path = tmp_path_factory.mktemp("data") / "sums.jsonl"
    rows = [
        {
            "id": f"{a}-{right}",
            "problem": f"What is {a} + {b}?",
            "steps": [f"{a} + {b} = {a + b + (not right)}", f"The answer is {a + b + (not right)}."],
            "label": -1 if right else 0,
            "final_answer_correct": right,
        }
        for a, b in ((n, n % 7 + 1) for n in range(12))
        for right in (True, False)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize("objective", ["cross-entropy", "dpo"])
def test_an_implicit_reward_is_trained_from_outcomes_and_scores_steps(objective, model, data, tmp_path, capsys):
    out = tmp_path / "implicit"
    main(["train-implicit", str(data), "--model", str(model), "--out", str(out), "--objective", objective, "--learning-rate", "1e-3", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["trajectories"] + report["held_out"] == 24
    assert report["steps"] >= 1
    (verdict,) = make_verifier(f"implicit:{out}").verify([STEP])
    assert verdict.status == "ok"
    assert 0.0 < verdict.score < 1.0
    assert len(chain_of(STEP)) == 1


def test_a_head_is_trained_over_a_frozen_model_and_scores_steps(model, data, tmp_path, capsys):
    out = tmp_path / "head"
    main(["train-confidence", str(data), "--model", str(model), "--out", str(out), "--epochs", "2"])
    assert f"confidence:{out}" in capsys.readouterr().out
    (verdict,) = make_verifier(f"confidence:{out}").verify([STEP])
    assert verdict.status == "ok"


def test_data_without_outcomes_teach_no_implicit_reward(model, tmp_path, capsys):
    data = tmp_path / "trl.jsonl"
    data.write_text(json.dumps({"prompt": "2 + 2?", "completions": ["2 + 2 = 4"], "labels": [True]}) + "\n")
    with pytest.raises(SystemExit) as ended:
        main(["train-implicit", str(data), "--model", str(model), "--out", str(tmp_path / "out")])
    assert ended.value.code == 2
    assert "nothing to learn from" in capsys.readouterr().err
