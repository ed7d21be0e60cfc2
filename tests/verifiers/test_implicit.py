# ruff: noqa: E402 - torch is asked for first
import math
import pickle
from itertools import pairwise

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from prm_gym.chains import written
from prm_gym.errors import CheckpointError, OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.task import Task
from prm_gym.testing.tiny_implicit import known_implicit_reward
from prm_gym.verifier import PastStep, StepContext, make_verifier, verify_batch


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return known_implicit_reward(tmp_path_factory.mktemp("known"))


def _steps(*texts, question="What is 3 + 4?"):
    task = Task(key="t", instructions="", question=question)
    past = [PastStep(question, text) for text in texts]
    return [StepContext(task=task, observation=question, action=text, previous=tuple(past[:at])) for at, text in enumerate(texts)]


def test_scores_are_those_of_the_formula(known):
    verifier = make_verifier(f"implicit:{known}?device=cpu")
    steps = _steps("It is 7.", "No: 9.", "So 99, or 7.")
    verdicts = verifier.verify(steps)
    size = verifier.scorer.model.vocabulary
    good = math.log(size / (size - 1 + math.exp(-8.0)))
    rewards = [found.evidence["tokens"] * good - 8.0 * text.count("9") for found, text in zip(verdicts, ("7", "9", "99"), strict=True)]
    assert [found.evidence["reward"] for found in verdicts] == pytest.approx(rewards, abs=1e-4)
    assert [found.score for found in verdicts] == pytest.approx([1 / (1 + math.exp(-one)) for one in rewards], abs=1e-6)
    assert [found.label for found in verdicts] == ["correct", "incorrect", "incorrect"]
    values = make_verifier(f"implicit:{known}?device=cpu&form=value&scale=0.5&beta=0.1").verify(steps)
    sums = [0.1 * sum(rewards[: at + 1]) for at in range(3)]
    assert [found.evidence["value"] for found in values] == pytest.approx(sums, abs=1e-4)
    assert [found.score for found in values] == pytest.approx([1 / (1 + math.exp(-0.5 * one)) for one in sums], abs=1e-6)


def test_a_batch_of_one_episode_is_one_forward(known):
    verifier = make_verifier(f"implicit:{known}?device=cpu")
    verifier.verify(_steps("It is 7.", "It is 7.", "It is 8."))
    assert verifier.scorer.counters["chains"] == 1
    assert verifier.scorer.counters["tokens"] == len(verifier.scorer.encoder.encode(written("What is 3 + 4?", ["It is 7.", "It is 7.", "It is 8."])).token_ids)


def test_a_growing_episode_costs_its_new_tokens(known):
    verifier = make_verifier(f"implicit:{known}?device=cpu")
    steps = _steps(*[f"Then we add {at} and think about it for a while." for at in range(8)])
    whole = verifier.verify(steps)
    at_once = verifier.scorer.counters["tokens"]
    growing = make_verifier(f"implicit:{known}?device=cpu")
    found = [growing.verify([step])[0] for step in steps]
    assert [one.score for one in found] == pytest.approx([one.score for one in whole], abs=1e-6)
    assert growing.scorer.counters["tokens"] <= at_once + 2 * len(steps)


def test_what_cannot_be_loaded_is_said_at_once(known, tmp_path):
    with pytest.raises(CheckpointError, match="no folder"):
        make_verifier(f"implicit:{tmp_path / 'nothing'}?ref={known}")
    with pytest.raises(CheckpointError, match="ref=PATH"):
        make_verifier(f"implicit:{known / 'reference'}?device=cpu")
    for options in ("form=best", "scale=0", "threshold=1", "nonsense=1", "device=tpu", "dtype=int8", "beta=-1"):
        with pytest.raises(OptionError):
            make_verifier(f"implicit:{known}?{options}")


def test_a_copy_says_the_same_and_versions_tell_checkpoints_apart(known):
    verifier = make_verifier(f"implicit:{known}?device=cpu")
    steps = _steps("It is 7.", "It is 9.")
    first = verifier.verify(steps)
    assert pickle.loads(pickle.dumps(verifier)).verify(steps) == first
    verifier.close()
    assert verifier.verify(steps) == first
    other = make_verifier(f"implicit:{known / 'reference'}?ref={known}&device=cpu")
    assert other.version != verifier.version
    assert [one.score > 0.5 for one in other.verify(steps)] == [False, True]  # the other way round


def test_models_that_say_the_same_of_a_step_abstain_on_it(known, tmp_path):
    # With dislike 0 both models are uniform: every reward would be exactly 0.
    same = known_implicit_reward(tmp_path / "same", dislike=0.0)
    (same / "config.json").write_text((same / "config.json").read_text() + "\n")  # other files, the same model
    found = verify_batch([make_verifier(f"implicit:{same}?device=cpu")], _steps("It is 7.", "It is 9."))
    assert all(row["implicit"].score is None and "nothing was learnt" in row["implicit"].reason for row in found)


def test_confidence_by_changes_of_another_verifier(known):
    verifier = make_verifier(f"confidence:implicit:{known}?device=cpu&form=value&prior=0.5&beta=0.1")
    found = verifier.verify(_steps("It is 7.", "It is 9.", "It is 9.", "It is 7."))
    confidences = [0.5] + [one.evidence["confidence"] for one in found]
    expected = [min(1.0, after / before) for before, after in pairwise(confidences)]
    assert [one.score for one in found] == pytest.approx(expected)
    assert [one.label for one in found] == ["correct"] * 4  # 0.50 -> 0.50 -> 0.31 -> 0.17 -> 0.17: no fall by half
    steep = make_verifier(f"confidence:implicit:{known}?device=cpu&form=value&prior=0.5").verify(_steps("It is 7.", "It is 9.", "It is 7."))
    assert [one.label for one in steep] == ["correct", "incorrect", "correct"]
    without = make_verifier(f"confidence:implicit:{known}?device=cpu&form=value").verify(_steps("It is 7.", "It is 7."))
    assert without[0].score is None
    assert "prior" in without[0].reason
    assert without[1].score == 1.0


def test_confidence_says_what_it_cannot_read(known, tmp_path):
    with pytest.raises(OptionError, match="neither"):
        make_verifier(f"confidence:{tmp_path / 'nothing'}")
    with pytest.raises(OptionError, match="too many"):
        make_verifier("confidence:arithmetic:x")
    with pytest.raises(OptionError, match="drop"):
        make_verifier(f"confidence:implicit:{known}?drop=0.5")
    with pytest.raises(CheckpointError, match="cannot be read"):
        make_verifier(f"confidence:{known}?device=cpu")  # a folder without a head


def test_confidence_of_a_head(known, tmp_path):
    from prm_gym.prm.uncertainty_training import HeadOptions, train_head
    from prm_gym.testing.tiny_models import tiny_causal_lm

    model = tiny_causal_lm(tmp_path / "model", seed=1)
    texts = [("glam", "glim")[at % 3 == 0] for at in range(60)]
    chains = [
        LabelledChain(id=str(at), chain=written(f"p{at}", [text]), labels=(float(text == "glam"),), outcome=text == "glam") for at, text in enumerate(texts)
    ]
    report = train_head(chains, str(model), tmp_path / "head", HeadOptions(width=16), device="cpu")
    verifier = make_verifier(f"confidence:{report.path}?device=cpu")
    assert [one.label for one in verifier.verify([*_steps("glam", question="p99"), *_steps("glim", question="p98")])] == ["correct", "incorrect"]
    assert pickle.loads(pickle.dumps(verifier)).verify(_steps("glam")) == verifier.verify(_steps("glam"))
    outcome = train_head(chains, str(model), tmp_path / "outcome", HeadOptions(width=16, target="outcome"), device="cpu")
    by_change = make_verifier(f"confidence:{outcome.path}?device=cpu").verify([*_steps("glam", question="p99"), *_steps("glim", question="p98")])
    assert by_change[0].score == 1.0
    assert by_change[1].score < by_change[0].score
    assert set(by_change[0].evidence) >= {"confidence", "before", "change"}
    with pytest.raises(OptionError, match="nonsense"):
        make_verifier(f"confidence:{report.path}?nonsense=1")
