from dataclasses import replace

import msgspec
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from prm_gym.agents.progress import ProgressEstimator  # noqa: E402 - after the skip
from prm_gym.credit import StepBatch, assign, make_signal  # noqa: E402
from prm_gym.credit.returns import trajectory_returns  # noqa: E402
from prm_gym.errors import CheckpointError, CreditError, OptionError  # noqa: E402
from prm_gym.task import Task  # noqa: E402
from prm_gym.testing import check_signal  # noqa: E402
from prm_gym.trajectory import Step, Trajectory  # noqa: E402

WORDS = ("red", "green", "blue", "black")
WORTH = {"red": 0.5, "green": 0.25, "blue": 0.0, "black": -0.25}


def _batch(seed, count=64, longest=4):
    """Episodes of one to four words; what an episode comes to, said at its end, is the sum of what its words are worth."""
    rng = np.random.default_rng(seed)
    trajectories = []
    for number in range(count):
        words = [str(word) for word in rng.choice(WORDS, size=rng.integers(1, longest + 1))]
        rewards = [0.0] * (len(words) - 1) + [sum(WORTH[word] for word in words)]
        steps = tuple(
            Step(index=at, observation="say a word", action=word, state_key="s", next_state_key="s", reward=reward, terminated=at == len(words) - 1)
            for at, (word, reward) in enumerate(zip(words, rewards, strict=True))
        )
        task = Task(key=str(number), instructions="", question="")
        trajectories.append(Trajectory(id=f"{number}/0", group_id="g", task=task, seed=0, env_id="e", agent="a", outcome=1.0, steps=steps))
    return StepBatch.from_trajectories(trajectories)


def _estimator(**options):
    return ProgressEstimator(**{"device": "cpu", "width": 8, "learning_rate": 1e-2, **options})


def test_it_finds_out_what_each_word_is_worth():
    # The outcomes alone determine it: lengths vary, so the linear system sum_t c(word_t) = R has one solution.
    estimator = _estimator(epochs=10)
    metrics = [estimator.fit(_batch(seed)) for seed in range(12)]
    # It says 0 at first: L = mean R^2 >= Var R, so 1 - L / Var R is at most 0.
    assert metrics[0]["explained"] <= 0.0
    assert metrics[-1]["explained"] > 0.95
    fresh = _batch(99)
    worth = [WORTH[step.action] for step in fresh.steps]
    np.testing.assert_allclose(estimator.column(fresh), worth, atol=0.1)


def test_it_keeps_the_contract_of_signals():
    check_signal(_estimator, _batch(0, count=12))


def test_a_new_estimator_says_nothing_and_attributes_all_to_the_end():
    batch = _batch(0)
    progress = _estimator().column(batch)
    assert progress.tolist() == [0.0] * batch.rewards.size
    batch = batch.with_columns({"progress": progress, "value": np.zeros(progress.size)})
    # Without estimates the rewards are the outcome at the end: lambda 1 and values of 0 give R on every step.
    totals = trajectory_returns(batch.rewards, batch.offsets)[batch.trajectory_of_step]
    np.testing.assert_allclose(assign("spa", batch, lam=1.0).advantages, totals, atol=1e-12)


def test_the_order_of_the_trajectories_does_not_matter_to_what_it_says():
    estimator = _estimator()
    estimator.fit(_batch(0))
    batch = _batch(1)
    turned = StepBatch.from_trajectories(batch.trajectories[::-1])
    ragged = np.split(estimator.column(batch), batch.offsets[1:-1])
    np.testing.assert_allclose(estimator.column(turned), np.concatenate(ragged[::-1]), atol=1e-6)
    # Nor what else is in the batch.
    alone = [estimator.column(StepBatch.from_trajectories([trajectory])) for trajectory in batch.trajectories]
    np.testing.assert_allclose(np.concatenate(alone), estimator.column(batch), atol=1e-6)


def test_looking_does_not_learn():
    estimator = _estimator()
    batch = _batch(0)
    estimator.fit(batch)
    assert estimator.column(batch).tolist() == estimator.column(batch).tolist()


def test_a_saved_estimator_goes_on_exactly_as_the_original(tmp_path):
    torch.manual_seed(1)
    estimator = _estimator(seed=5)
    torch.manual_seed(2)  # the global generator must not matter
    twin = _estimator(seed=5)
    assert estimator.fit(_batch(0)) == twin.fit(_batch(0))
    assert estimator.column(_batch(0)).tolist() == twin.column(_batch(0)).tolist()
    estimator.save(tmp_path / "deep" / "progress")
    copy = _estimator(seed=99)
    copy.load(tmp_path / "deep" / "progress")
    assert [estimator.fit(_batch(seed)) for seed in (1, 2)] == [copy.fit(_batch(seed)) for seed in (1, 2)]
    assert estimator.column(_batch(3)).tolist() == copy.column(_batch(3)).tolist()
    slow = _estimator(learning_rate=1e-30)  # Adam moves a weight by about its rate, which is nothing beside it in float32
    slow.load(tmp_path / "deep" / "progress")
    before = slow.column(_batch(3)).tolist()
    slow.fit(_batch(1))
    assert slow.column(_batch(3)).tolist() == before
    with pytest.raises(CheckpointError, match="no saved progress estimator of width 16"):
        _estimator(width=16).load(tmp_path / "deep" / "progress")
    with pytest.raises(CheckpointError, match="no saved progress estimator"):
        _estimator().load(tmp_path)


def test_a_batch_of_nothing_and_a_batch_of_arrays():
    empty = StepBatch.from_trajectories([])
    assert _estimator().fit(empty) == {}
    assert _estimator().column(empty).shape == (0,)
    with pytest.raises(CreditError, match="made from arrays"):
        _estimator().fit(replace(_batch(0, 2), trajectories=None))


def test_strange_texts_are_read():
    batch = _batch(0, count=2)
    steps = tuple(msgspec.structs.replace(step, observation="", action="\n¬{A} 東京 🙂 " * 50) for step in batch.trajectories[0].steps)
    batch = StepBatch.from_trajectories([msgspec.structs.replace(batch.trajectories[0], steps=steps)])
    estimator = _estimator()
    estimator.fit(batch)
    assert np.isfinite(estimator.column(batch)).all()


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("progress?width=0", "width must be at least 1"),
        ("progress?learning_rate=0", "learning_rate must be above 0"),
        ("progress?epoch=3", "Did you mean 'epochs'"),
        ("progress?device=tpu", "tpu"),
    ],
)
def test_options_that_cannot_be_honoured(spec, says):
    with pytest.raises(OptionError, match=says):
        make_signal(spec)
