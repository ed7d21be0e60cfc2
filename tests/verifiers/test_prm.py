import pickle
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import gymnasium as gym  # noqa: E402

import prm_gym  # noqa: E402
from prm_gym.chains import written  # noqa: E402
from prm_gym.errors import CheckpointError, OptionError, UnknownNameError  # noqa: E402
from prm_gym.prm.evaluation.scoring import ChainRequest, ScoreFile, score_chains  # noqa: E402
from prm_gym.prm.families.own import OwnSettings  # noqa: E402
from prm_gym.task import Task  # noqa: E402
from prm_gym.testing.tiny_models import known_checkpoint, tiny_checkpoint  # noqa: E402
from prm_gym.verifier import PastStep, StepContext, make_verifier, verify_batch  # noqa: E402
from prm_gym.verifiers.prm import PrmVerifier  # noqa: E402

QUESTION = "What is 3 + 4?"


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A checkpoint that calls every step wrong once a 9 was said."""
    return known_checkpoint(tmp_path_factory.mktemp("known") / "checkpoint")


def steps_of(*actions):
    task = Task(key="t", instructions="", question=QUESTION)
    return [
        StepContext(task=task, observation=QUESTION, action=action, previous=tuple(PastStep(QUESTION, past) for past in actions[:at]))
        for at, action in enumerate(actions)
    ]


def test_steps_are_right_until_one_is_wrong(known):
    verdicts = make_verifier(f"prm:{known}?device=cpu").verify(steps_of("It is 7.", "Or 9?", "No, 7."))
    assert [verdict.label for verdict in verdicts] == ["correct", "incorrect", "incorrect"]
    # P(right) = sigmoid(sqrt(32) / 2), by the weights
    assert verdicts[0].score == pytest.approx(0.94420, abs=1e-4)
    assert verdicts[0].evidence["solution"] == verdicts[0].score
    assert verdicts[2].evidence["solution"] == min(verdict.score for verdict in verdicts)
    assert "0.944" in verdicts[0].reason


def test_options_of_the_specification(known):
    verifier = make_verifier(f"prm:{known}?device=cpu&threshold=0.95&aggregation=mean&id=mine&dtype=float32")
    verdicts = verifier.verify(steps_of("It is 7.", "So 7."))
    assert (verifier.id, verifier.aggregation) == ("mine", "mean")
    assert [verdict.label for verdict in verdicts] == ["incorrect", "incorrect"]  # 0.944 is below the threshold
    with pytest.raises(UnknownNameError, match="qwen"):
        make_verifier(f"prm:{known}?family=qwem")
    with pytest.raises(OptionError, match="threshold"):
        make_verifier(f"prm:{known}?treshold=0.4")
    with pytest.raises(OptionError, match="prm_gym"):
        make_verifier(f"prm:{known}?colour=red")
    for option in ("threshold=1", "threshold=-0.1", "aggregation=median", "device=tpu", "dtype=int8", "batch_tokens=-1", "max_context=-4"):
        with pytest.raises(OptionError):
            make_verifier(f"prm:{known}?{option}")
    with pytest.raises(CheckpointError, match="no folder"):
        make_verifier("prm:/nowhere/at/all")


def test_the_threshold_and_aggregation_of_the_checkpoint_hold(tmp_path):
    directory = known_checkpoint(tmp_path / "known", settings=OwnSettings(threshold=0.99, aggregation="product"))
    verifier = make_verifier(f"prm:{directory}?device=cpu")
    verdicts = verifier.verify(steps_of("It is 7.", "So 7."))
    assert [verdict.label for verdict in verdicts] == ["incorrect", "incorrect"]
    assert verdicts[1].evidence["solution"] == pytest.approx(verdicts[0].score * verdicts[1].score)


def test_an_option_of_a_family_may_hold_line_breaks(tmp_path):
    directory = tiny_checkpoint("trl", tmp_path / "trl")
    verifier = make_verifier(f"prm:{directory}?device=cpu&separator=\\n\\n")
    assert verifier.scorer.checkpoint.family.separator == "\n\n"
    assert verifier.family == "trl"


def test_the_version_is_that_of_the_weights(known, tmp_path):
    one, same = make_verifier(f"prm:{known}?device=cpu"), make_verifier(f"prm:{known}?device=cpu&batch_tokens=200&threshold=0.3")
    other = make_verifier(f"prm:{tiny_checkpoint('trl', tmp_path / 'other')}?device=cpu&family=trl")
    assert one.version == same.version != other.version


def test_scores_that_were_read_in_another_way_are_not_taken_for_its_own(tmp_path):
    # Scores that are kept under the version must not be those of the whole chain where they are of windows, nor the other way round.
    drawn = str(tiny_checkpoint("trl", tmp_path / "trl"))
    request = ChainRequest(written(QUESTION, [f"It is {number}." for number in range(30)]))
    kept = ScoreFile()
    whole, windowed, strict = (
        PrmVerifier(drawn, device="cpu", **options) for options in ({}, {"max_context": 80}, {"max_context": 80, "long_chains": "abstain"})
    )
    found = [score_chains(verifier, [request], kept).steps[0][-1].score for verifier in (whole, windowed, strict)]
    assert found[0] != found[1]
    assert found[2] is None
    assert len({verifier.version for verifier in (whole, windowed, strict)}) == 3


def test_what_is_left_out_of_a_long_episode_is_said(known):
    verdicts = make_verifier(f"prm:{known}?device=cpu&max_context=80").verify(steps_of(*["It is 7."] * 30))
    assert "windowed" not in verdicts[0].evidence
    assert verdicts[-1].evidence["windowed"] is True
    assert "bounded_by" not in verdicts[-1].evidence
    assert f"the first {verdicts[-1].evidence['first_step_seen']} steps left out" in verdicts[-1].reason
    long = make_verifier(f"prm:{known}?device=cpu&max_context=80").verify(steps_of("7 " * 100))
    assert long[0].score is None
    assert "does not fit" in long[0].reason


def test_a_mistake_is_not_forgotten_by_writing_on(known):
    # The 9 of the first step leaves the context after some steps; what the model says of the steps after that is 0.944 again, and they are not paid it.
    steps = steps_of("It is 9.", *["It is 7."] * 30)
    verdicts = make_verifier(f"prm:{known}?device=cpu&max_context=80").verify(steps)
    assert all(verdict.score < 0.001 and verdict.label == "incorrect" for verdict in verdicts)
    last = verdicts[-1]
    assert last.evidence["score_in_window"] > 0.9
    assert last.score == verdicts[last.evidence["bounded_by"]].score
    assert "worth no more" in last.reason
    assert last.evidence["solution"] == pytest.approx(min(verdict.score for verdict in verdicts))
    strict = make_verifier(f"prm:{known}?device=cpu&max_context=80&long_chains=abstain").verify(steps)
    assert all(verdict.score is None if "windowed" in other.evidence else verdict == other for verdict, other in zip(strict, verdicts, strict=True))
    assert "would have to be left out" in strict[-1].reason
    with pytest.raises(OptionError, match="long_chains"):
        make_verifier(f"prm:{known}?long_chains=forget")


def test_nobody_is_paid_for_hiding_a_mistake_in_a_step_that_is_too_long(known):
    # Nothing is known of the giant step, so nothing of what rests on it; the honest steps before it keep their scores.
    verdicts = make_verifier(f"prm:{known}?device=cpu&max_context=80").verify(steps_of("It is 7.", "9 " * 100, "It is 7.", "So 7."))
    assert [verdict.score is None for verdict in verdicts] == [False, True, True, True]
    assert verdicts[0].label == "correct"
    assert "of step 2 among those nothing is known" in verdicts[3].reason


def test_a_growing_episode_is_bounded_as_the_whole_is(known):
    # What is said of a step does not depend on the steps after it, nor on whether its score is remembered.
    steps = steps_of("It is 7.", "It is 9.", *["It is 7."] * 20)
    whole = make_verifier(f"prm:{known}?device=cpu&max_context=80").verify(steps)
    growing = make_verifier(f"prm:{known}?device=cpu&max_context=80&cached_steps=0")
    for at in range(len(steps)):
        (found,) = growing.verify([steps[at]])
        assert found.score == pytest.approx(whole[at].score, abs=5e-6)


def test_closed_and_pickled_it_loads_again(known):
    verifier = make_verifier(f"prm:{known}?device=cpu")
    verdicts = verifier.verify(steps_of("It is 7.", "It is 9."))
    copy = pickle.loads(pickle.dumps(verifier))
    assert copy.verify(steps_of("It is 7.", "It is 9.")) == verdicts
    verifier.close()
    verifier.close()
    assert verifier.verify(steps_of("It is 7.", "It is 9.")) == verdicts


def test_an_episode_costs_its_tokens_once(known):
    verifier = make_verifier(f"prm:{known}?device=cpu")
    steps = steps_of("It is 7.", "So 7.", "Yes, 7.", "7.")
    for step in steps:
        verifier.verify([step])
    usage = verifier.scorer.usage
    assert (usage.steps, usage.forwards) == (4, 4)
    whole = make_verifier(f"prm:{known}?device=cpu")
    whole.verify(steps)
    assert whole.scorer.usage.forwards == 1
    assert usage.tokens == whole.scorer.usage.tokens


def test_it_rewards_the_steps_of_an_environment(known):
    assert prm_gym is not None
    with_it = gym.make("prm_gym/Deduction-v0", verifiers=[f"prm:{known}?device=cpu"], reward="dense")
    _, info = with_it.reset(seed=0)
    _, _, _, _, info = with_it.step(info["actions"][0] if info["actions"] else "fact1 -> int1: {A}")
    assert info["verdicts"]["prm"].status in ("ok", "abstain")
    with_it.close()


def test_a_step_that_breaks_nothing_else(known):
    # What no model can read comes last in one episode; another episode in the batch has nothing to do with it.
    steps = [*steps_of("It is 7.", "\ud800\udfff 7 \x00", "7 " * 3000), *steps_of("So 7.")]
    verdicts = [row["prm"] for row in verify_batch([make_verifier(f"prm:{known}?device=cpu")], steps)]
    assert [verdict.score is None for verdict in verdicts] == [False, False, True, False]


def test_without_torch_the_extra_is_named():
    program = (
        "import sys\n"
        "for name in ('torch', 'transformers', 'peft', 'safetensors', 'tokenizers'): sys.modules[name] = None\n"
        "from prm_gym.prm.families import FAMILIES\n"
        "from prm_gym.verifier import make_verifier\n"
        "assert len([FAMILIES.load(name) for name in FAMILIES.names()]) >= 10\n"
        "make_verifier('prm:/tmp')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "MissingExtraError" in done.stderr
    assert "prm-gym[torch]" in done.stderr
