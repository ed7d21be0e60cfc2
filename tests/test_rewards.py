import itertools
import math

import gymnasium
import pytest

from prm_gym import RewardScheme
from prm_gym.errors import ContractError, DuplicateNameError, OptionError, UnknownNameError
from prm_gym.rewards import REWARDS, DenseReward, JudgedStep, OutcomeReward, PotentialReward, ProgressReward, make_reward
from prm_gym.verdict import abstained, failed, judged


def _verdict(score, label=None):
    if score is None:
        return abstained("cannot tell")
    return judged(label or ("correct" if score > 0.5 else "incorrect"), score, "")


def _step(*scores, outcome=None, ends=False):
    verdicts = {f"v{place}": score if hasattr(score, "status") else _verdict(score) for place, score in enumerate(scores)}
    return JudgedStep(verdicts, outcome, ends or outcome is not None)


def _episode(scheme, steps):
    return [scheme.reward(step, steps[:place]) for place, step in enumerate(steps)]


# Outcome.


def test_outcome_is_the_outcome_at_the_end_and_nothing_before():
    scheme = OutcomeReward()
    assert _episode(scheme, [_step(1.0), _step(0.0), _step(1.0, outcome=0.75)]) == [0.0, 0.0, 0.75]
    assert _episode(scheme, [_step(outcome=0.0)]) == [0.0]
    assert (scheme.reward_range, scheme.needs_verdicts, DenseReward(1).needs_verdicts, PotentialReward().needs_verdicts) == ((0.0, 1.0), False, True, True)


# Dense: the value of a score s is s - 0.2 (1 - s) by default, in units of 0.45 / horizon.

DENSE = [
    ((1.0,), 1.0),
    ((0.0,), -0.2),
    ((0.5,), 0.5 - 0.2 * 0.5),
    ((1.0, 0.0), (1.0 - 0.2) / 2),
    ((1.0, None), 1.0),  # one who cannot tell does not count
    ((0.0, None), -0.2),
    ((None, None), 0.0),
    ((), 0.0),
    ((_verdict(0.0, "trivial"),), 0.0),  # right but empty: neither earns nor costs
    ((_verdict(0.5, "neutral"),), 0.0),
    ((1.0, _verdict(0.0, "trivial")), 0.5),  # but it counts in the mean
    ((_verdict(0.0, "malformed"),), -0.2),
    ((_verdict(0.0, "vacuous"),), -0.2),
    ((failed("broke"),), 0.0),
]


@pytest.mark.parametrize(("scores", "value"), DENSE)
def test_dense_by_hand(scores, value):
    scheme = DenseReward(10)
    assert scheme.reward(_step(*scores), []) == pytest.approx(0.045 * value, abs=1e-15)
    assert scheme.reward(_step(*scores, outcome=1.0), []) == pytest.approx(1.0 + 0.045 * value, abs=1e-15)


def test_dense_of_one_verifier_leaves_the_others_out():
    """Of two verifiers that say 1 and 0, each alone gives its own term: 0.45 / 10 * 1 and 0.45 / 10 * -0.2; both together the mean."""
    step = _step(1.0, 0.0)
    rewards = [make_reward(spec, 10).reward(step, []) for spec in ("dense?verifier=v0", "dense?verifier=v1", "dense")]
    assert rewards == pytest.approx([0.045, -0.009, 0.018])
    assert make_reward("dense?verifier=v0", 10).verifier_ids == ("v0",)
    with pytest.raises(OptionError, match="'penalty'"):
        make_reward("dense?penalti=1", 10)


def test_dense_with_options_of_its_own():
    scheme = DenseReward(4, step_weight=0.2, penalty=1.0)
    assert _episode(scheme, [_step(1.0), _step(0.0), _step(0.5)]) == [0.05, -0.05, 0.0]
    assert DenseReward(4, step_weight=0.0).reward(_step(1.0), []) == 0.0


def test_cannot_tell_lies_between_right_and_wrong():
    scheme = DenseReward(8)
    wrong, unknown, right = (scheme.reward(_step(score), []) for score in (0.0, None, 1.0))
    assert wrong < unknown < right


@pytest.mark.parametrize("horizon", [1, 2, 8, 32])
def test_no_padding_makes_a_failed_episode_worth_more_than_an_honest_short_solution(horizon):
    scheme = DenseReward(horizon)
    # The hack: as many right steps as the limit allows, and no solution. Its worth is all of step_weight, 0.45, at most.
    padded = sum(_episode(scheme, [_step(1.0)] * (horizon - 1) + [_step(1.0, outcome=0.0)]))
    assert padded == pytest.approx(0.45)
    # The worst solution there is: every step judged wrong up to the limit, 1 - 0.2 * 0.45.
    worst = sum(_episode(scheme, [_step(0.0)] * (horizon - 1) + [_step(0.0, outcome=1.0)]))
    assert worst == pytest.approx(1.0 - 0.09)
    # An honest solution in one step: 1 + 0.45 / horizon.
    honest = sum(_episode(scheme, [_step(1.0, outcome=1.0)]))
    assert honest == pytest.approx(1.0 + 0.45 / horizon)
    assert padded < worst < honest


def test_no_failed_episode_of_any_verdicts_is_worth_a_solved_one():
    scheme = DenseReward(3)
    values = (0.0, 0.5, 1.0, None)
    failures = [sum(_episode(scheme, [_step(a), _step(b), _step(c, outcome=0.0)])) for a, b, c in itertools.product(values, repeat=3)]
    solved = [sum(_episode(scheme, [_step(a), _step(b), _step(c, outcome=1.0)])) for a, b, c in itertools.product(values, repeat=3)]
    assert max(failures) < min(solved)


@pytest.mark.parametrize("scheme", [OutcomeReward(), DenseReward(3), DenseReward(2, penalty=1.0), PotentialReward(), PotentialReward(gamma=0.5, weight=0.3)])
def test_every_reward_lies_in_the_declared_range(scheme):
    low, high = scheme.reward_range
    values = (0.0, 0.3, 1.0, None)
    for first, second in itertools.product(values, repeat=2):
        for last in (_step(second), _step(second, outcome=0.0), _step(second, outcome=1.0), _step(second, outcome=0.5)):
            assert all(low <= reward <= high for reward in _episode(scheme, [_step(first), last]))


# Potential.


def test_potential_by_hand():
    # Phi: 0 before the first step, then 0.5, 1.0, and 0 at the end. F = 0.5, 0.5, -1.0.
    steps = [_step(0.5), _step(1.0), _step(1.0, outcome=1.0)]
    assert _episode(PotentialReward(), steps) == [0.5, 0.5, 0.0]
    # Two verifiers: the mean. gamma 0.5, weight 2: 2 (0.5 * 0.75 - 0), then at the end 2 (0 - 0.75).
    steps = [_step(0.5, 1.0), _step(0.0, 0.0, outcome=0.0)]
    assert _episode(PotentialReward(gamma=0.5, weight=2.0), steps) == [0.75, -1.5]


def test_where_none_can_tell_the_potential_stays():
    steps = [_step(0.5), _step(None), _step(failed("broke")), _step(), _step(1.0), _step(outcome=0.0)]
    assert _episode(PotentialReward(), steps) == [0.5, 0.0, 0.0, 0.0, 0.5, -1.0]
    assert _episode(PotentialReward(), [_step(None), _step(0.5), _step(outcome=0.0)]) == [0.0, 0.5, -0.5]
    assert _episode(PotentialReward(), [_step(0.5, None), _step(outcome=0.0)]) == [0.5, -0.5]


def test_a_malformed_step_leaves_the_state_and_so_the_potential():
    steps = [_step(1.0), _step(_verdict(0.0, "malformed")), _step(1.0), _step(outcome=1.0)]
    assert _episode(PotentialReward(), steps) == [1.0, 0.0, 0.0, 0.0]


def test_the_score_of_one_verifier_alone():
    def step(right, other, **end):
        verdicts = {name: judged("correct" if score else "incorrect", score, "") for name, score in (("right", right), ("other", other))}
        signed = {name: type(verdict)(status="ok", label=verdict.label, score=verdict.score, verifier=name) for name, verdict in verdicts.items()}
        return JudgedStep(signed, **end)

    steps = [step(1.0, 0.0), step(0.0, 1.0), step(0.0, 1.0, outcome=0.0, ends=True)]
    assert _episode(PotentialReward(verifier="right"), steps) == [1.0, -1.0, 0.0]
    assert _episode(PotentialReward(verifier="other"), steps) == [0.0, 1.0, -1.0]
    assert _episode(PotentialReward(), steps) == [0.5, 0.0, -0.5]


SCORES = (0.0, 0.25, 0.5, 1.0, None)  # quarters, so that sums of differences are exact


@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_an_undiscounted_episode_telescopes_to_its_outcome(length):
    # sum_t (Phi_{t+1} - Phi_t) = Phi_T - Phi_0 = 0 - 0, whatever the verdicts; the weight is a power of two, so no rounding comes in.
    for weight in (1.0, 0.5):
        scheme = PotentialReward(weight=weight)
        for scores in itertools.product(SCORES, repeat=length):
            for outcome in (0.0, 1.0, None):
                steps = [_step(score) for score in scores[:-1]] + [_step(scores[-1], outcome=outcome, ends=True)]
                assert sum(_episode(scheme, steps)) == (outcome or 0.0)


@pytest.mark.parametrize("gamma", [0.5, 0.9, 0.99])
def test_with_a_discount_the_shaped_return_is_the_plain_one(gamma):
    # sum_t gamma^t (gamma Phi_{t+1} - Phi_t) = gamma^T Phi_T - Phi_0 = 0: the return of every policy, and so the best one, stays as it is.
    scheme = PotentialReward(gamma=gamma, weight=0.7)
    for scores in itertools.product((0.1, 0.8, None), repeat=4):
        for outcome in (0.0, 1.0):
            steps = [_step(score) for score in scores[:-1]] + [_step(scores[-1], outcome=outcome)]
            shaped = sum(gamma**t * reward for t, reward in enumerate(_episode(scheme, steps)))
            assert math.isclose(shaped, gamma**3 * outcome, abs_tol=1e-12)


def test_padding_and_going_in_circles_earn_nothing():
    # Losing the target and coming back to it: +1, -1, +1, and at the end -1.
    circle = [_step(1.0), _step(0.0), _step(1.0), _step(1.0, outcome=0.0)]
    assert _episode(PotentialReward(), circle) == [1.0, -1.0, 1.0, -1.0]


# Names.


def test_schemes_by_name():
    assert isinstance(make_reward("outcome", 5), OutcomeReward)
    assert make_reward("dense", 5).per_step == 0.45 / 5
    assert make_reward({"id": "dense", "step_weight": 0.3, "penalty": 0.0}, 5).reward_range == (0.0, 1.0 + 0.3 / 5)
    assert make_reward({"id": "potential", "gamma": 0.9}, 5).gamma == 0.9
    scheme = DenseReward(3)
    assert make_reward(scheme, 99) is scheme
    assert {"dense", "outcome", "potential"} <= set(REWARDS.names())


@pytest.mark.parametrize(
    ("spec", "error", "says"),
    [
        ("dens", UnknownNameError, r"no reward scheme named 'dens'. Did you mean 'dense'\? Known: .*dense, .*outcome"),
        ({"id": "dense", "weight": 1}, OptionError, "reward scheme 'dense' named 'weight'.*step_weight"),
        ({"id": "dense", "step_wieght": 1}, OptionError, "Did you mean 'step_weight'"),
        ({"id": "potential", "name": "z3"}, OptionError, "There is no option of the reward scheme 'potential' named 'name'"),
        ({"step_weight": 1}, OptionError, "a mapping with an 'id'"),
        ({"id": 3}, OptionError, "a reward scheme is a name"),
        ({"id": "dense", "step_weight": -1.0}, OptionError, "step_weight >= 0"),
        ({"id": "dense", "step_weight": float("nan")}, OptionError, "step_weight of the reward scheme 'dense' must be a finite number, got nan"),
        ({"id": "dense", "step_weight": float("inf")}, OptionError, "must be a finite number, got inf"),
        ({"id": "dense", "step_weight": "a"}, OptionError, "step_weight .* is a number, got 'a'"),
        ({"id": "dense", "penalty": True}, OptionError, "penalty .* is a number, got True"),
        ({"id": "dense", "horizon": 3}, OptionError, "set max_steps instead"),
        ({"id": "dense", 3: 4}, OptionError, "named '3'"),
        ({"id": "dense", "penalty": 1.1}, OptionError, r"penalty in \[0, 1\]"),
        ({"id": "potential", "gamma": 0.0}, OptionError, r"gamma in \(0, 1\]"),
        ({"id": "potential", "gamma": 1.1}, OptionError, r"gamma in \(0, 1\]"),
        ({"id": "potential", "weight": -1.0}, OptionError, "weight >= 0"),
    ],
)
def test_specifications_that_cannot_be_honoured(spec, error, says):
    with pytest.raises(error, match=says):
        make_reward(spec, 5)


def test_a_scheme_of_ones_own_in_this_process():
    class Constant(RewardScheme):
        id, reward_range = "test_rewards.constant", (3.0, 3.0)

        def __init__(self, horizon):
            pass

        def reward(self, step, previous):
            return 3.0

    REWARDS.register("test_rewards.constant", Constant)
    assert make_reward("test_rewards.constant", 1).reward(_step(), []) == 3.0
    with pytest.raises(DuplicateNameError, match="registered already"):
        REWARDS.register("dense", Constant)
    REWARDS.register("test_rewards.nothing", dict)
    with pytest.raises(ContractError, match=r"made a dict, not a prm_gym\.RewardScheme"):
        make_reward("test_rewards.nothing", 1)


@pytest.mark.parametrize("make", [gymnasium.make, gymnasium.make_vec])
def test_a_scheme_that_asks_for_a_verifier_is_refused_where_there_is_none(make):
    with pytest.raises(OptionError, match=r"no verifier of this environment for the reward 'potential' named 'rechable'\. Did you mean 'reachable'"):
        make("prm_gym/Countdown-v0", reward={"id": "potential", "verifier": "rechable"}, verifiers=["arithmetic", "reachable"])
    make("prm_gym/Countdown-v0", reward={"id": "potential", "verifier": "reachable"}, verifiers=["arithmetic", "reachable"]).close()


# Progress.


def _going(*progress, outcome=None):
    return JudgedStep({f"v{place}": judged("neutral", 0.5, "", progress=value) for place, value in enumerate(progress)}, outcome, outcome is not None)


def test_progress_by_hand():
    # .45 times what each step adds to the farthest point: 1/4, nothing (fallen back), nothing (there again), 1/2, nothing; then the outcome.
    steps = [_going(0.25), _going(0.0), _going(0.25), _going(0.75), _step(1.0), _going(1.0, outcome=1.0)]
    assert _episode(ProgressReward(), steps) == pytest.approx([0.1125, 0.0, 0.0, 0.225, 0.0, 0.1125 + 1.0])
    assert sum(_episode(ProgressReward(), steps[:-1])) <= 0.45


def test_progress_that_is_no_number_is_none():
    steps = [_going(value) for value in (float("nan"), True, "1", None, 0.25, 10**400)]
    # Of the whole way, 0.45: a quarter at the fifth step, and the rest at the last, which states more than all.
    assert _episode(ProgressReward(), steps) == pytest.approx([0, 0, 0, 0, 0.45 * 0.25, 0.45 * 0.75])


def test_progress_is_the_mean_of_those_that_state_any_or_that_of_one():
    assert _episode(ProgressReward(weight=1.0), [_going(0.2, 0.6)]) == pytest.approx([0.4])
    assert _episode(ProgressReward(weight=1.0, verifier="v1"), [_going(0.2, 0.6)]) == pytest.approx([0.6])
    assert _episode(ProgressReward(weight=1.0), [_going(7.0), _step(None)]) == [1.0, 0.0]  # out of range is the end of the range
    assert ProgressReward().reward_range == (0.0, 1.45)
    with pytest.raises(OptionError, match="weight"):
        ProgressReward(weight=2.0)
