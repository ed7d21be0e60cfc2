"""Episodes as the loops of other projects see them."""

import asyncio
import json

import gymnasium as gym
import pytest

from prm_gym.errors import ContractError, EnvironmentFault, OptionError, UnknownNameError
from prm_gym.integrations.conversation import Conversation, action_of, make_env

ENV = "prm_gym/Deduction-v0"
OPTIONS = {"difficulty": 1, "verifiers": ["z3"], "reward": "dense"}


def test_it_is_the_episode_of_the_environment():
    env, episode = gym.make(ENV, **OPTIONS), Conversation(ENV, OPTIONS, list_actions=False)
    for seed in (1, 2):
        seen, info = env.reset(seed=seed)
        system, user = episode.begin(seed)
        assert system == {"role": "system", "content": env.unwrapped.task.instructions}
        assert user == {"role": "user", "content": seen}
        total = 0.0
        for action in ["nonsense", *env.unwrapped.solution()]:
            state = info["state_key"]
            record = episode.reply(f"<think>Which fact?</think>\n {action}\n")
            seen, reward, terminated, truncated, info = env.step(action)
            total += reward
            assert (record.action, record.reward, record.terminated, record.truncated) == (action, reward, terminated, truncated)
            assert (record.state_key, record.next_state_key, record.verdicts) == (state, info["state_key"], info["verdicts"])
            assert record.scores == {"z3": info["verdicts"]["z3"].score}
            assert episode.seen() == seen
            json.dumps(record.as_json(), allow_nan=False)
        assert (episode.ended, episode.outcome, episode.valid) == (True, 1.0, True)
        assert episode.total_reward == pytest.approx(total)
    episode.close()
    episode.close()
    env.close()


def test_admissible_actions_are_shown_where_there_are_any():
    with Conversation(ENV, OPTIONS) as episode:
        _, user = episode.begin(0)
        assert user["content"] == "\n".join([episode.env.situation.observation, "", "Admissible actions, one a line:", *episode.env.situation.actions])


def test_the_coroutines_do_not_block_the_loop():
    async def play():
        episodes = [Conversation(ENV, OPTIONS) for _ in range(3)]
        try:
            await asyncio.gather(*(episode.begin_async(seed) for seed, episode in enumerate(episodes)))
            records = await asyncio.gather(*(episode.reply_async("nonsense") for episode in episodes))
        finally:
            await asyncio.gather(*(episode.close_async() for episode in episodes))
        return records

    assert [record.scores for record in asyncio.run(play())] == [{"z3": 0.0}] * 3


def test_a_spoilt_episode_is_not_valid(monkeypatch):
    def broken(self, action):
        raise EnvironmentFault("gone")

    monkeypatch.setattr("prm_gym.envs.logic.deduction.DeductionEnv.advance", broken)
    with Conversation(ENV, OPTIONS) as episode:
        episode.begin(0)
        record = episode.reply("nonsense")
        assert (record.valid, record.truncated, record.outcome, record.scores) == (False, True, None, {"z3": None})
        assert (episode.ended, episode.valid) == (True, False)


def test_thoughts_are_no_part_of_an_action():
    assert action_of("a <think>b</think> c") == "c"
    assert action_of("<think>never ended") == "<think>never ended"  # which is no step
    assert action_of(" plain\n") == "plain"


def test_what_cannot_be():
    with pytest.raises(UnknownNameError, match="Did you mean 'prm_gym/Deduction-v0'"):
        Conversation("prm_gym/Deductoin-v0")
    with pytest.raises(OptionError, match="dificulty"):
        Conversation(ENV, {"dificulty": 1})
    with pytest.raises(ContractError, match="no step environment"):
        make_env("CartPole-v1")
    with Conversation(ENV, OPTIONS) as episode, pytest.raises(gym.error.ResetNeeded):
        episode.reply("nonsense")
