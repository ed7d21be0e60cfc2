"""Episodes as the loops of other projects see them."""

import asyncio
import json
import threading
import time

import gymnasium as gym
import pytest

from prm_gym.errors import ContractError, EnvironmentFault, OptionError, UnknownNameError
from prm_gym.integrations.conversation import Conversation, action_of
from prm_gym.integrations.own_thread import OwnThread, own_thread

ENV = "prm_gym/Deduction-v0"
OPTIONS = {"difficulty": 1, "verifiers": ["z3"], "reward": "dense"}


def test_it_is_the_episode_of_the_environment():
    env, talk = gym.make(ENV, **OPTIONS), Conversation(ENV, OPTIONS, list_actions=False)
    for seed in (1, 2):
        seen, info = env.reset(seed=seed)
        system, user = talk.begin(seed)
        assert system == {"role": "system", "content": env.unwrapped.task.instructions}
        assert user == {"role": "user", "content": seen}
        total = 0.0
        for action in ["nonsense", *env.unwrapped.solution()]:
            state = info["state_key"]
            step = talk.reply(f"<think>Which fact?</think>\n {action}\n")
            seen, reward, terminated, truncated, info = env.step(action)
            total += reward
            assert (step.action, step.reward, step.terminated, step.truncated) == (action, reward, terminated, truncated)
            assert (step.state_key, step.next_state_key, step.verdicts) == (state, info["state_key"], info["verdicts"])
            assert talk.seen() == seen
        assert (talk.episode.ended, talk.episode.outcome, talk.episode.valid) == (True, 1.0, True)
        assert talk.episode.total_reward == pytest.approx(total)
    talk.close()
    env.close()


def test_what_is_told_of_steps_is_json_without_what_they_claim():
    with OwnThread(lambda: Conversation(ENV, OPTIONS)) as talk:
        talk.call(Conversation.begin, 1)
        solution = talk.held.env.solution()
        for action in solution:
            talk.call(Conversation.reply, action)
        told = talk.held.episode.as_json()
        assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert [step["action"] for step in told] == solution
    assert [(step["terminated"], step["outcome"], step["valid"]) for step in told] == [*[(False, None, True)] * (len(solution) - 1), (True, 1.0, True)]
    assert [step["verdicts"]["z3"]["score"] for step in told] == [1.0] * len(solution)
    # A claim may hold the answer, and is the verifiers' alone.
    assert not {"claims", "actions"} & set(told[0])


def test_admissible_actions_are_shown_where_there_are_any():
    talk = Conversation(ENV, OPTIONS)
    _, user = talk.begin(0)
    assert user["content"] == "\n".join([talk.env.situation.observation, "", "Admissible actions, one a line:", *talk.env.situation.actions])
    talk.close()


def test_many_at_once_do_not_block_the_loop():
    async def played(seed):
        async with own_thread(lambda: Conversation(ENV, OPTIONS)) as talk:
            await talk.wait(Conversation.begin, seed)
            return await talk.wait(Conversation.reply, "nonsense")

    async def play():
        return await asyncio.gather(*map(played, range(3)))

    assert [step.verdicts["z3"].score for step in asyncio.run(play())] == [0.0] * 3


class _Bound:
    """Knows in which threads it was made, used and closed."""

    closed = None

    def __init__(self):
        self.made = threading.get_ident()

    def used(self, plus):
        return threading.get_ident(), plus

    def close(self):
        self.closed = threading.get_ident()


def test_an_object_stays_in_its_thread():
    thread = OwnThread(_Bound)
    bound = thread.held
    assert thread.call(_Bound.used, 2) == (bound.made, 2)
    assert asyncio.run(thread.wait(_Bound.used, plus=3)) == (bound.made, 3)
    assert bound.made != threading.get_ident()
    thread.close()
    thread.close()
    assert bound.closed == bound.made
    with pytest.raises(RuntimeError, match="shutdown"):
        thread.call(_Bound.used, 1)


def test_what_fails_in_the_thread_is_raised_here():
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError):
        OwnThread(lambda: 1 // 0)
    with pytest.raises(TypeError, match="plus"), OwnThread(_Bound) as thread:
        thread.call(_Bound.used)
    for left in [each for each in threading.enumerate() if each.name.startswith("prm_gym own")]:
        left.join(10)
    assert threading.active_count() <= before


def test_a_spoilt_episode_is_not_valid(monkeypatch):
    def broken(self, action):
        raise EnvironmentFault("gone")

    monkeypatch.setattr("prm_gym.envs.logic.deduction.DeductionEnv.advance", broken)
    talk = Conversation(ENV, OPTIONS)
    talk.begin(0)
    step = talk.reply("nonsense")
    assert (step.truncated, step.verdicts["z3"].score) == (True, None)
    assert (talk.episode.ended, talk.episode.valid, talk.episode.outcome, talk.episode.total_reward) == (True, False, None, None)
    (told,) = talk.episode.as_json()
    assert (told["valid"], told["outcome"], told["truncated"]) == (False, None, True)
    talk.close()


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
        Conversation("CartPole-v1")
    talk = Conversation(ENV, OPTIONS)
    with pytest.raises(gym.error.ResetNeeded):
        talk.reply("nonsense")
    talk.close()


def test_what_is_made_for_somebody_who_has_left_is_closed():
    closed = threading.Event()

    class Slow:
        def __init__(self):
            time.sleep(0.3)

        def close(self):
            closed.set()

    async def leave():
        async def use():
            async with own_thread(Slow):
                pass

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(use(), 0.05)
        await asyncio.sleep(0.5)

    asyncio.run(leave())
    assert closed.wait(5)
