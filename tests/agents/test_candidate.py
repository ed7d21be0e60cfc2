import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest

import prm_gym
from prm_gym import Malformed, Situation, StepEnv, Task, Transition
from prm_gym.agent import Action, Preference, Prompt, make_agent
from prm_gym.agents.reading import read
from prm_gym.credit import Credit, StepBatch, assign
from prm_gym.errors import CheckpointError, ContractError, CreditError, DivergedError, OptionError
from prm_gym.rollout import Rollouts, groups, success_rate

torch = pytest.importorskip("torch")

from prm_gym.agents.candidate import CandidatePolicy  # noqa: E402 - after the skip

WORDS = ("red", "green", "blue", "black", "white", "brown")


class EchoEnv(StepEnv):
    """Say the word that the observation names; four are offered, in any order. One step."""

    def begin(self, options):
        words = [WORDS[int(i)] for i in self.np_random.permutation(len(WORDS))[:4]]
        self.word = words[int(self.np_random.integers(4))]
        self.words = tuple(words)
        task = Task(key=f"{self.word} of {words}", instructions="Say the word.", question=self.word)
        return task, Situation(observation=f"say: {self.word}", state_key=task.key, actions=self.words)

    def advance(self, action):
        if action not in self.words:
            return Transition(situation=self.situation, claims=(Malformed("no word on offer"),))
        return Transition(situation=self.situation, terminated=True, outcome=float(action == self.word))

    def save_state(self):
        return [self.word, list(self.words)]

    def load_state(self, state):
        self.word, self.words = state[0], tuple(state[1])

    def solution(self):
        return [self.word]


prm_gym.register("test_candidate/Echo-v0", f"{__name__}:EchoEnv")


def _policy(seed=0, **options):
    return CandidatePolicy(seed=seed, device="cpu", **{"width": 8, **options})


def _prompts(count, seed=0):
    env, prompts = EchoEnv(), []
    for number in range(count):
        observation, info = env.reset(seed=seed + number)
        prompts.append(Prompt(instructions="", observation=observation, actions=info["actions"]))
    return prompts


def _batch(policy, seeds=range(8), attempts=2):
    return StepBatch.from_trajectories(Rollouts("test_candidate/Echo-v0").play(policy, groups(seeds, attempts)))


def _credit(advantages, keep=None):
    advantages = np.asarray(advantages, dtype=np.float64)
    return Credit(advantages, advantages.copy(), np.ones(advantages.size, dtype=np.bool_) if keep is None else np.asarray(keep), {})


def _weights(policy):
    return [weight.detach().clone() for weight in policy.network.parameters()]


def _same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def _logprobs(policy, prompt):
    """Log-probabilities of one prompt's candidates, worked out apart from the policy's own batching."""
    ngrams = torch.from_numpy(read(prompt.observation, prompt.actions).astype(np.int64))
    with torch.no_grad():
        return policy.network(ngrams, torch.arange(len(prompt.actions))[None, :])[0]


# Acting.


def test_the_same_seed_gives_the_same_weights_and_actions():
    torch.manual_seed(1)
    one = _policy(seed=3)
    torch.manual_seed(2)  # the global generator must not matter
    other = _policy(seed=3)
    assert _same(_weights(one), _weights(other))
    prompts = _prompts(50)
    assert [one.act(prompts) for _ in range(3)] == [other.act(prompts) for _ in range(3)]
    assert [action.text for action in _policy(seed=4).act(prompts)] != [action.text for action in _policy(seed=3).act(prompts)]


def test_logprobs_are_those_of_the_policy():
    policy = _policy()
    prompts = [*_prompts(20), Prompt(instructions="", observation="say: red", actions=("red", "green"))]
    for prompt, action in zip(prompts, policy.act(prompts), strict=True):
        logprobs = _logprobs(policy, prompt)
        assert action.text in prompt.actions
        # A padded batch of other sizes adds up in another order; float32 has seven digits.
        assert action.logprobs == pytest.approx((float(logprobs[prompt.actions.index(action.text)]),), abs=1e-5)
        assert float(logprobs.exp().sum()) == pytest.approx(1.0, abs=1e-5)


def test_it_acts_as_often_as_it_says():
    policy = _policy(seed=1)
    prompt = _prompts(1)[0]
    shares = _logprobs(policy, prompt).exp().tolist()
    texts = [action.text for action in policy.act([prompt] * 4_000)]
    for text, share in zip(prompt.actions, shares, strict=True):
        # Five standard deviations of a share of 4000 draws, at most 5 * sqrt(0.25 / 4000) = 0.04.
        assert texts.count(text) / 4_000 == pytest.approx(share, abs=0.04)


def test_greedy_takes_the_most_probable_and_draws_nothing():
    policy, prompts = _policy(seed=2), _prompts(10)
    greedy = policy.greedy()
    assert greedy.id == "candidate:greedy"
    twin = _policy(seed=2)
    chosen = greedy.act(prompts)
    for prompt, action in zip(prompts, chosen, strict=True):
        logprobs = _logprobs(policy, prompt)
        assert prompt.actions.index(action.text) == int(logprobs.argmax())
        assert action.logprobs == pytest.approx((float(logprobs.max()),), abs=1e-5)
    assert policy.act(prompts) == twin.act(prompts)


def test_the_order_of_the_candidates_does_not_matter():
    policy, prompt = _policy(), _prompts(1)[0]
    turned = msgspec.structs.replace(prompt, actions=prompt.actions[::-1])
    assert _logprobs(policy, turned).tolist()[::-1] == pytest.approx(_logprobs(policy, prompt).tolist(), abs=1e-5)


def test_an_environment_that_lists_nothing_is_refused():
    with pytest.raises(ContractError, match="lists its admissible actions"):
        _policy().act([*_prompts(2), Prompt(instructions="", observation="")])


def test_no_prompts_no_actions():
    assert _policy().act([]) == []
    assert _policy().greedy().act([]) == []


# Learning.


def _learn(policy, batches, credit="grpo", **options):
    rollouts = Rollouts("test_candidate/Echo-v0")
    metrics = []
    for number in range(batches):
        batch = StepBatch.from_trajectories(rollouts.play(policy, groups(range(1000 * number, 1000 * number + 16), 8)))
        metrics.append(policy.update(batch, assign(credit, batch, **options)))
    return metrics


def _success(policy):
    return success_rate(Rollouts("test_candidate/Echo-v0").play(policy.greedy(), groups(range(10**6, 10**6 + 200), 1)))


@pytest.mark.parametrize("seed", [0, 1])
def test_it_learns_to_say_the_word(seed):
    # Chance is 1/4. The right word is marked as standing in the goal, so a linear reader can have all of it.
    policy = _policy(seed=seed, learning_rate=1e-2)
    assert _success(policy) < 0.6
    _learn(policy, 10)
    assert _success(policy) > 0.95


def test_an_update_moves_towards_what_did_better_and_from_what_did_worse():
    policy = _policy(epochs=1)
    batch = _batch(policy, seeds=[0], attempts=1)
    step = batch.steps[0]
    prompt = Prompt(instructions="", observation=step.observation, actions=step.actions)
    place = step.actions.index(step.action)
    for advantage in (1.0, -1.0):
        policy = _policy(epochs=1, entropy_weight=0.0)
        before = float(_logprobs(policy, prompt)[place])
        policy.update(batch, _credit([advantage]))
        assert (float(_logprobs(policy, prompt)[place]) - before) * advantage > 0


def test_where_nothing_is_to_be_learned_nothing_changes():
    policy = _policy()
    batch = _batch(policy)
    before = _weights(policy)
    size = batch.rewards.size
    for credit in (_credit(np.zeros(size)), _credit(np.ones(size), np.zeros(size, dtype=bool))):
        metrics = policy.update(batch, credit)
        assert (metrics["loss"], metrics["advantage_scale"]) == (0.0, 0.0)
        assert _same(_weights(policy), before)


def test_steps_that_are_not_kept_do_not_count():
    one, other = _policy(), _policy()
    batch = _batch(one)
    _batch(other)  # so that both have drawn the same
    size = batch.rewards.size
    keep = np.arange(size) % 2 == 0
    advantages = np.where(keep, np.linspace(-1, 1, size), 0.0)
    one.update(batch, _credit(advantages, keep))
    other.update(batch, _credit(np.where(keep, advantages, 99.0), keep))
    assert _same(_weights(one), _weights(other))


def test_the_scale_of_the_advantages_is_taken_out():
    one, other = _policy(), _policy()
    batch = _batch(one)
    _batch(other)
    advantages = np.linspace(-1, 2, batch.rewards.size)
    assert one.update(batch, _credit(advantages))["advantage_scale"] == pytest.approx(np.sqrt(np.mean(advantages**2)))
    other.update(batch, _credit(8.0 * advantages))  # a power of two, so nothing is rounded
    assert _same(_weights(one), _weights(other))


def test_the_metrics_of_the_first_gradient_by_hand():
    # Before any change the ratio is 1: nothing is clipped, and the loss is -(mean advantage / root mean square) - w H.
    policy = _policy(epochs=1, minibatch=10_000, entropy_weight=0.5)
    batch = _batch(policy)
    advantages = np.linspace(-1, 2, batch.rewards.size)
    prompts = [Prompt(instructions="", observation=step.observation, actions=step.actions) for step in batch.steps]
    entropy = np.mean([float(-(logprobs.exp() * logprobs).sum()) for logprobs in (_logprobs(policy, prompt) for prompt in prompts)])
    metrics = policy.update(batch, _credit(advantages))
    assert metrics["clipped"] == 0.0
    assert metrics["entropy"] == pytest.approx(entropy, abs=1e-5)
    assert metrics["loss"] == pytest.approx(-advantages.mean() / np.sqrt(np.mean(advantages**2)) - 0.5 * entropy, abs=1e-5)


def _changed(batch, **changes):
    first, *rest = batch.trajectories
    step = msgspec.structs.replace(first.steps[0], **changes)
    return replace(batch, trajectories=(msgspec.structs.replace(first, steps=(step,)), *rest))


@pytest.mark.parametrize("changes", [{"action": "purple"}, {"logprobs": None}, {"actions": ()}])
def test_steps_that_this_policy_did_not_take_are_refused(changes):
    policy = _policy()
    batch = _changed(_batch(policy), **changes)
    advantages = np.linspace(-1, 1, batch.rewards.size)
    with pytest.raises(ContractError, match=r"step 0 \('.*'\) was not chosen among its candidates by this policy"):
        policy.update(batch, _credit(advantages))
    # Unless the step is not kept.
    keep = np.ones(batch.rewards.size, dtype=bool)
    keep[0] = False
    policy.update(batch, _credit(advantages, keep))


# Saving.


def test_a_saved_policy_goes_on_exactly_as_the_original(tmp_path):
    policy = _policy(seed=5)
    _learn(policy, 2)
    policy.save(tmp_path / "agent")
    copy = _policy(seed=99)
    copy.load(tmp_path / "agent")
    assert _same(_weights(policy), _weights(copy))
    # Actions, optimiser and the order of minibatches: two more batches are the same to the last bit.
    assert _learn(policy, 2) == _learn(copy, 2)
    assert _same(_weights(policy), _weights(copy))
    assert policy.act(_prompts(20)) == copy.act(_prompts(20))


def test_a_saved_policy_learns_at_the_rate_that_it_is_given(tmp_path):
    policy = _policy(seed=5)
    _learn(policy, 1)
    policy.save(tmp_path)
    # Adam moves a weight by its rate times something: at the rate 0 none moves, at the saved one they do.
    still, moving = make_agent(str(tmp_path), device="cpu", learning_rate=0.0), make_agent(str(tmp_path), device="cpu")
    for agent in (still, moving):
        assert _same(_weights(policy), _weights(agent))
        _learn(agent, 1)
    assert _same(_weights(policy), _weights(still))
    assert not _same(_weights(policy), _weights(moving))


def test_saving_again_replaces_what_was_there(tmp_path):
    policy = _policy()
    policy.save(tmp_path)
    _learn(policy, 1)
    policy.save(tmp_path)
    copy = _policy(seed=1)
    copy.load(tmp_path)
    assert _same(_weights(policy), _weights(copy))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agent.json", "agent.pt"]
    assert json.loads((tmp_path / "agent.json").read_text())["options"]["width"] == 8


# Options.


@pytest.mark.parametrize(
    ("options", "says"),
    [({"device": "tpu"}, "'cuda' or 'cuda:NUMBER', got 'tpu'"), ({"width": 5}, "width must be even"), ({"width": 2}, "width"), ({"widht": 8}, "widht")],
)
def test_options_that_cannot_be_honoured(options, says):
    with pytest.raises(OptionError, match=says):
        make_agent("candidate", **options)


def test_its_size():
    # About 0.3 million at the default width, nearly all of it the table of n-grams: 8192 * 32.
    assert 8192 * 32 < CandidatePolicy(device="cpu").parameters < 350_000


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_it_says_what_it_says_on_the_cpu(tmp_path):
    gpu, cpu = CandidatePolicy(seed=1, device="cuda", width=8), _policy(seed=1)
    prompts = _prompts(20)
    for one, other in zip(gpu.greedy().act(prompts), cpu.greedy().act(prompts), strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)
    _learn(gpu, 2)
    gpu.save(tmp_path)
    cpu.load(tmp_path)
    for one, other in zip(gpu.greedy().act(prompts), cpu.greedy().act(prompts), strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-4)


# Preferences.

STATE = Prompt(instructions="", observation="say: red", actions=("red", "green", "blue"))


def _pair(chosen, rejected, weight=1.0, prompt=STATE):
    return Preference(prompt=prompt, chosen=Action(text=chosen), rejected=Action(text=rejected), weight=weight)


def _gap(policy, better, worse):
    logprobs = policy._logprobs([STATE])[0]
    return float(logprobs[STATE.actions.index(better)] - logprobs[STATE.actions.index(worse)])


def test_the_first_preference_loss_is_the_log_of_two():
    # Policy and reference are one at the first gradient, so m = 0 and -log sigmoid(0) = log 2, whatever beta and weights.
    metrics = _policy(epochs=1).prefer([_pair("red", "green", 0.5), _pair("blue", "green", 2.0)])
    assert metrics["preference_loss"] == pytest.approx(np.log(2.0))
    assert metrics["preference_margin"] > 0.0  # one small step in the right direction


def test_preferences_that_disagree_settle_where_their_weights_say():
    # L = -(3 log s(beta m) + log s(-beta m)) / 4 has its minimum at s(beta m) = 3/4, m = log(3) / beta: 2.197 with beta = 1/2.
    policy = _policy(epochs=200, learning_rate=3e-3)
    before = _gap(policy, "red", "green")
    policy.prefer([_pair("red", "green", 3.0), _pair("green", "red", 1.0)])
    assert _gap(policy, "red", "green") - before == pytest.approx(np.log(3.0) / 0.5, abs=0.1)


def test_pairs_of_actions_that_are_not_listed_are_left_out():
    odd, empty = _pair("red", "mauve"), _pair("green", "red", weight=0.0)
    one, other = _policy(), _policy()
    assert one.prefer([_pair("red", "green"), odd, empty]) == other.prefer([_pair("red", "green")])
    with pytest.raises(ContractError, match="none of the 2 pairs"):
        one.prefer([odd, empty])


def test_a_preference_beta_must_be_positive():
    with pytest.raises(OptionError, match="preference_beta must be above 0"):
        _policy(preference_beta=0.0)


# A critic.


class CountEnv(StepEnv):
    """Say go until the count is at 0: two situations, of which one is cut. What is done is of no account."""

    def __init__(self, **options):
        super().__init__(max_steps=2, **options)

    def begin(self, options):
        self.left = 2 + int(self.np_random.integers(2))
        return Task(key=str(self.left), instructions="", question=""), self._here()

    def _here(self):
        return Situation(observation=f"say go\nleft: {self.left}", state_key=str(self.left), actions=("go", "on"))

    def advance(self, action):
        self.left -= 1
        return Transition(situation=self._here(), terminated=not self.left, outcome=None if self.left else 1.0)

    def save_state(self):
        return self.left

    def load_state(self, state):
        self.left = state

    def solution(self):
        return ["go"]


prm_gym.register("test_candidate/Count-v0", f"{__name__}:CountEnv")


def _counted(policy, seeds=range(8)):
    return StepBatch.from_trajectories(Rollouts("test_candidate/Count-v0").play(policy, groups(seeds, 1)))


def test_a_new_critic_says_nothing_and_changes_nothing():
    plain, critic = _policy(seed=3), _policy(seed=3, value_weight=0.5)
    assert plain.gives == ()
    assert critic.gives == ("value", "bootstrap_value")
    assert _same(_weights(plain), _weights(critic)[: len(_weights(plain))])  # the critic's own come last
    assert critic.parameters > plain.parameters
    batch = _batch(critic)
    assert critic.columns(batch, ["value"])["value"].tolist() == [0.0] * batch.rewards.size
    with pytest.raises(ContractError, match="'candidate' cannot fill the columns value: it fills none"):
        plain.columns(batch, ["value"])
    with pytest.raises(CreditError, match="made from arrays"):
        critic.columns(replace(batch, trajectories=None), ["bootstrap_value"])
    with pytest.raises(ContractError, match="cannot fill the columns entropy: it fills value, bootstrap_value"):
        critic.columns(batch, ["entropy"])


def test_values_are_fitted_to_the_returns():
    # Returns of 1 where the word is red or green and 0 elsewhere: the critic comes to tell them apart while the advantages are 0.
    policy = _policy(value_weight=1.0, learning_rate=1e-2, entropy_weight=0.0)
    batch = _batch(policy, seeds=range(40), attempts=1)
    wanted = np.array([float(step.observation in ("say: red", "say: green")) for step in batch.steps])
    credit = Credit(np.zeros(wanted.size), wanted, np.ones(wanted.size, dtype=bool), {})
    metrics = [policy.update(batch, credit) for _ in range(60)]
    # At first V = 0 and the clip does nothing: the mean of G^2 / 2 is half the share of ones.
    assert metrics[0]["explained"] == 0.0
    assert metrics[-1]["explained"] > 0.9
    assert np.abs(policy.columns(batch, ["value"])["value"] - wanted).max() < 0.3


def test_the_first_loss_of_the_critic_by_hand():
    policy = _policy(epochs=1, minibatch=10_000, entropy_weight=0.0, value_weight=0.5)
    batch = _batch(policy)
    returns = np.linspace(-1, 2, batch.rewards.size)
    metrics = policy.update(batch, Credit(np.zeros(returns.size), returns, np.ones(returns.size, dtype=bool), {}))
    # V = V_old = 0, so both squares of the clipped loss are G^2: the mean of G^2 / 2, and half of that in the loss.
    assert metrics["value_loss"] == pytest.approx(0.5 * np.mean(returns**2), rel=1e-5)
    assert metrics["loss"] == pytest.approx(0.25 * np.mean(returns**2), rel=1e-5)


def test_a_value_does_not_depend_on_the_order_of_the_candidates_or_on_the_batch():
    policy = _policy(value_weight=0.5)
    with torch.no_grad():
        policy.network.critic.last.weight.normal_(generator=torch.Generator().manual_seed(0))
    states = [(prompt.observation, prompt.actions) for prompt in _prompts(12)] + [("say: red", ("red", "green"))]
    together = policy.learner.values(states)
    assert np.unique(np.round(together, 4)).size > 4
    np.testing.assert_allclose([policy.learner.values([state])[0] for state in states], together, atol=1e-5)
    np.testing.assert_allclose(policy.learner.values([(observation, actions[::-1]) for observation, actions in states]), together, atol=1e-5)
    assert np.isnan(policy.learner.values([("say: red", ())])).all()


def test_a_truncated_episode_ends_in_a_situation_with_a_value():
    policy = _policy(value_weight=0.5)
    with torch.no_grad():
        policy.network.critic.last.weight.normal_(generator=torch.Generator().manual_seed(0))
    batch = _counted(policy)
    assert 0 < batch.truncated.sum() < 8
    found = policy.columns(batch, policy.gives)
    last = batch.offsets[1:] - 1
    assert np.isnan(found["bootstrap_value"][np.setdiff1d(np.arange(batch.rewards.size), last[batch.truncated])]).all()
    # Three to go, and one is left when it is cut: what a finished episode saw before its last step.
    final = {trajectory.final.observation for trajectory in batch.trajectories if trajectory.final is not None}
    assert final == {"say go\nleft: 1"}
    expected = found["value"][last[~batch.truncated]][0]
    np.testing.assert_allclose(found["bootstrap_value"][last[batch.truncated]], expected, atol=1e-5)


def test_a_critic_makes_gae(tmp_path):
    policy = _policy(value_weight=0.5)
    for _ in range(3):
        batch = _counted(policy)
        batch = batch.with_columns(policy.columns(batch, policy.gives))
        metrics = policy.update(batch, assign("gae", batch))
        assert np.isfinite(list(metrics.values())).all()
    policy.save(tmp_path)
    copy = _policy(seed=9, value_weight=0.5)
    copy.load(tmp_path)
    assert copy.columns(batch, ["value"])["value"].tolist() == policy.columns(batch, ["value"])["value"].tolist()
    with pytest.raises(CheckpointError, match="of width 8 without a critic"):
        _policy().load(tmp_path)


def test_it_learns_from_its_own_values():
    # As with group baselines: one step an episode, so the advantage is the outcome less what the critic expects.
    policy, rollouts = _policy(seed=1, learning_rate=1e-2, value_weight=0.5), Rollouts("test_candidate/Echo-v0")
    for number in range(12):
        batch = StepBatch.from_trajectories(rollouts.play(policy, groups(range(1000 * number, 1000 * number + 16), 8)))
        policy.update(batch, assign("gae", batch.with_columns(policy.columns(batch, policy.gives))))
    assert _success(policy) > 0.95


def test_a_weight_of_values_below_zero_is_refused():
    with pytest.raises(OptionError, match="value_weight must be at least 0"):
        _policy(value_weight=-1.0)


def test_a_learning_rate_that_adam_cannot_take_is_refused():
    # Its first step divides by 1 - 0.9, and 10 * 1e38 is above the largest float32, 3.4e38.
    with pytest.raises(OptionError, match=r"learning_rate must be at most 3\.4e\+37, got 1e\+38"):
        _policy(learning_rate=1e38)


def test_lost_weights_are_told_when_it_acts():
    policy = _policy()
    with torch.no_grad():
        for weight in policy.network.parameters():
            weight.fill_(float("nan"))
    for agent in (policy, policy.greedy()):
        with pytest.raises(DivergedError, match="says no numbers any more"):
            agent.act(_prompts(2))
