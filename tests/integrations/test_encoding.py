"""Text environments for trainers that know vectors: Gymnasium's and Stable-Baselines3's own checkers, and PPO as installed."""

import gymnasium as gym
import numpy as np
import pytest

import prm_gym  # noqa: F401 - registers the environments
from prm_gym.errors import ContractError, OptionError
from prm_gym.integrations.encoding import TextEncoding, hashed


def _sokoban(**options):
    return TextEncoding(gym.make("prm_gym/Sokoban-v0", difficulty=1), action_size=0, most_actions=4, observation_size=128, **options)


def test_equal_texts_have_equal_vectors_of_length_one():
    # crc32 is the same in every process, and so are the places: the vector of one word is +-1 at the places of the word and of the word at place 0.
    one = hashed("word", 64)
    assert np.count_nonzero(one) in (1, 2)
    assert np.linalg.norm(one) == pytest.approx(1.0)
    assert hashed("", 8).tolist() == [0.0] * 8
    assert not np.array_equal(hashed("# .", 64), hashed(". #", 64))
    assert hashed("\ud800 x", 16).dtype == np.float32  # surrogates, which no encoding writes


@pytest.mark.parametrize(("env_id", "options"), [("prm_gym/Sokoban-v0", {"difficulty": 1}), ("prm_gym/Deduction-v0", {"difficulty": 1, "verifiers": []})])
@pytest.mark.filterwarnings("ignore:.*is different from the unwrapped version:UserWarning")  # it says that there is a wrapper
def test_gymnasiums_checker_finds_nothing(env_id, options):
    from gymnasium.utils.env_checker import check_env

    check_env(TextEncoding(gym.make(env_id, **options)))


def test_the_observation_shows_the_actions_and_the_mask_says_which_there_are():
    env = TextEncoding(gym.make("prm_gym/Deduction-v0", difficulty=1), observation_size=64, action_size=8, most_actions=16)
    observation, info = env.reset(seed=3)
    listed = info["actions"]
    assert observation.shape == (64 + 16 * 8,)
    assert np.array_equal(observation[:64], hashed(env.unwrapped.situation.observation, 64))
    for place in range(16):
        shown = observation[64 + 8 * place : 72 + 8 * place]
        assert np.array_equal(shown, hashed(listed[place], 8) if place < len(listed) else np.zeros(8))
    assert info["action_mask"].tolist() == [place < len(listed) for place in range(16)]
    env.step(np.int64(2))
    assert env.unwrapped.past_steps[-1].action == listed[2]


def test_a_place_without_an_action_is_no_step():
    env = TextEncoding(gym.make("prm_gym/Deduction-v0", difficulty=1, reward="dense"))
    _, info = env.reset(seed=3)
    before = info["state_key"]
    _, reward, terminated, _, info = env.step(np.int64(31))
    assert (info["state_key"], terminated) == (before, False)
    assert info["verdicts"]["z3"].label == "malformed"
    assert reward < 0
    with pytest.raises(ContractError, match="place"):
        env.step(np.int64(32))


def test_the_mask_of_an_ended_episode_is_empty():
    env = _sokoban()
    _, info = env.reset(seed=0)
    done = False
    while not done:
        _, _, terminated, truncated, info = env.step(np.int64(0))
        done = terminated or truncated
    assert not info["action_mask"].any()
    assert not env.action_masks().any()


def test_longer_lists_are_refused_or_counted():
    with pytest.raises(OptionError, match="most_actions"):
        TextEncoding(gym.make("prm_gym/Deduction-v0", difficulty=1), most_actions=4).reset(seed=0)
    _, info = TextEncoding(gym.make("prm_gym/Deduction-v0", difficulty=1), most_actions=4, overflow="cut").reset(seed=0)
    assert info["actions_left_out"] == len(info["actions"]) - 4 > 0
    assert info["action_mask"].all()


def test_what_cannot_be_honoured_is_said():
    env = gym.make("prm_gym/Sokoban-v0", difficulty=1)
    for options in ({"observation_size": 0}, {"action_size": -1}, {"most_actions": 0}, {"overflow": "wrap"}):
        with pytest.raises(OptionError):
            TextEncoding(env, **options)
    with pytest.raises(OptionError, match="prm_gym"):
        TextEncoding(gym.make("CartPole-v1"))
    with pytest.raises(OptionError, match="lists no actions"):
        TextEncoding(gym.make("prm_gym/MathDataset-v0")).reset(seed=0)


class _Few(gym.Wrapper):
    """The same four boards, again and again: a problem that is known to be learnable by heart."""

    count = 0

    def reset(self, *, seed=None, options=None):
        self.count += 1
        return self.env.reset(seed=self.count % 4, options=options)


def _few():
    return _Few(TextEncoding(gym.make("prm_gym/Sokoban-v0", difficulty=1, verifiers=[]), action_size=0, most_actions=4, observation_size=128))


def _success(choose, episodes=40):
    env, won = _few(), 0.0
    for _ in range(episodes):
        observation, info = env.reset()
        done = False
        while not done:
            observation, _, terminated, truncated, info = env.step(choose(observation, info))
            done = terminated or truncated
        won += info["outcome"]
    return won / episodes


def test_stable_baselines_checker_finds_nothing():
    pytest.importorskip("stable_baselines3")
    from stable_baselines3.common.env_checker import check_env

    check_env(_sokoban())


def test_ppo_of_stable_baselines_runs_without_a_mask():
    pytest.importorskip("stable_baselines3")
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_util import make_vec_env

    model = PPO("MlpPolicy", make_vec_env(_few, 2, seed=0), n_steps=32, batch_size=32, n_epochs=2, seed=0, device="cpu")
    before = model.policy.action_net.weight.detach().clone()
    model.learn(128)
    assert not np.array_equal(before.numpy(), model.policy.action_net.weight.detach().numpy())


@pytest.mark.slow
def test_masked_ppo_learns_by_heart_and_takes_only_what_is_there():
    pytest.importorskip("sb3_contrib")
    from sb3_contrib import MaskablePPO
    from stable_baselines3.common.env_util import make_vec_env

    generator = np.random.default_rng(0)
    # Pushes at random solve about a sixth of these.
    assert _success(lambda _, info: generator.choice(np.flatnonzero(info["action_mask"]))) < 0.5
    taken = []

    class Counted(gym.Wrapper):
        def step(self, action):
            taken.append(bool(self.env.get_wrapper_attr("action_masks")()[int(action)]))
            return self.env.step(action)

    model = MaskablePPO(
        "MlpPolicy",
        make_vec_env(lambda: Counted(_few()), 4, seed=0),
        n_steps=64,
        batch_size=64,
        n_epochs=6,
        learning_rate=2e-3,
        gamma=0.95,
        seed=0,
        device="cpu",
    )
    model.learn(4096)
    assert len(taken) == 4096
    assert all(taken)
    assert _success(lambda observation, info: model.predict(observation, action_masks=info["action_mask"], deterministic=True)[0]) >= 0.75
