"""Episodes of a served environment are those beside it."""

import pickle

import gymnasium as gym
import msgspec
import numpy as np
import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from served_worlds import WORLD
from serving_tools import BrokenLine, ask, opened, plain, remote

from prm_gym.agent import make_agent
from prm_gym.errors import ContractError, EnvironmentFault, OptionError, ServingError
from prm_gym.recording import Recorder
from prm_gym.rollout import Rollouts, groups
from prm_gym.testing import check_step_env

CASES = [
    ("prm_gym/Deduction-v0", {"difficulty": 2}, {"reward": "dense"}),
    ("prm_gym/Countdown-v0", {"difficulty": 1}, {"verifiers": ["arithmetic"], "reward": "potential", "max_steps": 9}),
    ("prm_gym/PythonTool-v0", {}, {}),
    ("prm_gym/Shop-v0", {}, {"reward": "progress"}),
]


@pytest.mark.parametrize(("env_id", "options", "special"), CASES)
def test_an_episode_is_the_one_beside_it(server, env_id, options, special):
    here, there = gym.make(env_id, **options, **special), remote(server, env_id, options, **special)
    for seed in (5, None):  # without a seed both go on with the generator that the first one has left
        assert plain(there.reset(seed=seed)) == plain(here.reset(seed=seed))
        for action in ("no step", "half a surrogate \ud800", "x" * 20_000, *here.unwrapped.solution()):
            assert plain(there.step(action)) == plain(here.step(action))
        with pytest.raises(gym.error.ResetNeeded):
            there.step("no step")
    one, other = here.unwrapped, there.unwrapped
    assert [(step.observation, step.action) for step in one.past_steps] == [(step.observation, step.action) for step in other.past_steps]
    assert (one.max_steps, one.tools, one.task_count, one.reward_scheme.reward_range) == (
        other.max_steps,
        other.tools,
        other.task_count,
        other.reward_scheme.reward_range,
    )
    here.close()
    there.close()


def test_nothing_sealed_and_no_claim_leaves_the_server(server, moody):
    env = remote(server, "prm_gym/Deduction-v0")
    env.reset(seed=1)
    for action in env.unwrapped.solution():
        env.step(action)
    assert env.unwrapped.task.sealed == {}
    assert env.unwrapped.origin is None
    assert [step.claims for step in env.unwrapped.past_steps] == [()] * len(env.unwrapped.past_steps)
    env.close()
    path = opened(moody.url, WORLD)
    replies = [
        ask(moody.url, "POST", f"{path}/reset", {"seed": 1}),
        *(ask(moody.url, "POST", f"{path}/step", {"action": action}) for action in ("count", "no step", "raise")),
        ask(moody.url, "POST", f"{path}/snapshot", {}),
    ]
    assert not any("xyzzy" in str(reply) or "sealed" in str(reply) for reply in replies)
    assert [reply[0] for reply in replies] == [200, 200, 200, 500, 200]  # "raise" is an error whose message names the gold answer
    assert replies[2][2]["malformed"] == "only count is understood"
    ask(moody.url, "DELETE", path)


def test_a_served_environment_keeps_the_contract(server):
    # All of it, pickles, snapshots and hostile texts included; solutions are told by this server.
    check_step_env(lambda: remote(server, "prm_gym/Countdown-v0", {"difficulty": 1}, max_steps=9), seeds=[2], max_steps=9)


def test_the_vector_form_takes_each_step_in_one_request(server):
    options = {"num_envs": 5, "vectorization_mode": "vector_entry_point"}
    here = gym.make_vec("prm_gym/Countdown-v0", difficulty=1, **options)
    there = gym.make_vec("prm_gym/Remote-v0", url=server.url, env="prm_gym/Countdown-v0", env_options={"difficulty": 1}, **options)
    assert here.reset(seed=3)[0] == there.reset(seed=3)[0]
    plans = []
    for env in here.envs:
        plans.append(["no step", *env.solution(), *["no step"] * 4][:5])
    before = server.requests
    for actions in zip(*plans, strict=True):
        one, other = here.step(actions), there.step(actions)
        assert one[0] == other[0]
        for mine, theirs in zip(one[1:4], other[1:4], strict=True):
            assert mine.tolist() == theirs.tolist()
        assert one[4]["state_key"].tolist() == other[4]["state_key"].tolist()
        assert np.array_equal(one[4]["outcome"], other[4]["outcome"], equal_nan=True)
        assert one[4]["verdicts"].keys() == other[4]["verdicts"].keys()
    # Five steps; and every batch in which episodes have ended before begins them anew, in a request of its own: three actions solve a task of this level.
    assert server.requests - before <= 5 + 3
    assert len({id(env.block) for env in there.envs}) == 1
    here.close()
    there.close()


def test_rollouts_are_those_beside_it(server):
    here = Rollouts("prm_gym/Countdown-v0", {"difficulty": 1, "reward": "dense"}, num_envs=4)
    options = {"url": server.url, "env": "prm_gym/Countdown-v0", "env_options": {"difficulty": 1}, "reward": "dense"}
    there = Rollouts("prm_gym/Remote-v0", options, num_envs=4)
    episodes = groups(range(4), attempts=2)
    played = [rollouts.play(make_agent("random"), episodes, seed=7) for rollouts in (here, there)]
    for one, other in zip(*played, strict=True):
        assert (one.id, one.outcome, one.valid, one.task_key) == (other.id, other.outcome, other.valid, other.task_key)
        for mine, theirs in zip(one.steps, other.steps, strict=True):
            assert msgspec.structs.replace(mine, claims=()) == msgspec.structs.replace(theirs, claims=())
    assert (here.verdicts_given, here.abstentions) == (there.verdicts_given, there.abstentions)
    assert msgspec.json.encode(there.env_options)  # what is stored holds no token and no object
    here.close()
    there.close()


def test_a_recorder_at_served_environments_keeps_what_the_server_says(server):
    options = {"num_envs": 2, "vectorization_mode": "vector_entry_point", "autoreset_mode": "SameStep"}
    there = gym.make_vec("prm_gym/Remote-v0", url=server.url, env="prm_gym/Countdown-v0", env_options={"difficulty": 1}, reward="dense", **options)
    here = gym.make_vec("prm_gym/Countdown-v0", difficulty=1, reward="dense", **options)
    with Recorder(here) as one, Recorder(there) as other:
        for envs in (here, there):
            envs.reset(seed=3)
        for _ in range(4):
            actions = [env.situation.actions[0] for env in here.envs]
            here.step(actions)
            there.step(actions)
        mine, theirs = one.take(), other.take()
    assert len(mine) >= 2
    for ours, served in zip(mine, theirs, strict=False):  # after an autoreset the server's generator and ours are two
        if ours.seed is not None:
            assert [(step.action, step.reward, step.state_key) for step in ours.steps] == [(step.action, step.reward, step.state_key) for step in served.steps]
            assert [sorted(step.verdicts) for step in ours.steps] == [sorted(step.verdicts) for step in served.steps]
            assert (ours.outcome, ours.task_key, served.origin) == (served.outcome, served.task_key, None)
    here.close()
    there.close()


def test_bytes_and_what_the_environment_adds_come_through(moody):
    env = remote(moody, WORLD, {"colour": "blue"})
    assert env.reset(seed=0)[1]["picture"] is None
    info = env.step("count")[4]
    assert (info["picture"], info["colour"]) == (b"\x89PNG\x00", "blue")
    assert env.unwrapped.task.metadata == {"colour": "blue"}
    env.close()


def test_snapshots_are_names_and_hold_while_there_is_room(moody):
    env = remote(moody, WORLD).unwrapped
    env.reset(seed=0)
    env.step("count")
    saved = env.snapshot()
    assert b"xyzzy" not in saved
    assert env.step("count")[0] == "at 2"
    env.restore(saved)
    assert env.step("count")[0] == "at 2"
    copy = pickle.loads(pickle.dumps(env))
    assert copy.step("count")[0] == env.step("count")[0] == "at 3"
    for _ in range(20):  # 4096 bytes hold some of them: the first is gone then
        env.snapshot()
    with pytest.raises(EnvironmentFault, match="newer ones have taken its place"):
        env.restore(saved)
    with pytest.raises(ContractError, match="does not tell solutions"):
        env.solution()
    copy.close()
    env.close()


def test_a_restore_that_the_connection_does_not_carry_says_so_and_not_that_there_is_no_snapshot(moody):
    # Answers: 0 the session, 1 the episode, 2 the snapshot, 3 to 6 the four times that the restore is tried: the line breaks each time.
    line = BrokenLine(moody.port, [3, 4, 5, 6])
    env = gym.make("prm_gym/Remote-v0", url=line.url, env=WORLD).unwrapped
    env.reset(seed=0)
    saved = env.snapshot()
    with pytest.raises(EnvironmentFault, match=r"restore: .*cannot be reached") as lost:
        env.restore(saved)
    assert "no snapshot" not in str(lost.value)
    with pytest.raises(gym.error.ResetNeeded):  # half of the one episode, half of the other: none
        env.step("count")
    env.restore(saved)  # the line is there again, and so is the snapshot
    assert env.step("count")[0] == "at 1"
    env.close()
    line.close()


def test_a_snapshot_that_meets_a_fault_of_the_infrastructure_there_is_a_fault_here(moody):
    env = remote(moody, WORLD, {"colour": "grey"}).unwrapped
    env.reset(seed=0)
    with pytest.raises(EnvironmentFault, match="the painter is ill"):
        env.restore(env.snapshot())
    env.close()


def test_a_snapshot_of_another_environment_is_refused(moody):
    env, other = remote(moody, WORLD).unwrapped, remote(moody, WORLD, {"colour": "blue"}).unwrapped
    env.reset(seed=0)
    other.reset(seed=0)
    with pytest.raises(ContractError, match="other options"):
        other.restore(env.snapshot())
    env.close()
    other.close()


def test_reseeding_changes_what_is_left_to_chance(server):
    env = remote(server, "prm_gym/Countdown-v0").unwrapped
    keys = []
    for seed in (1, 1, 2):
        env.reset(seed=0)
        env.reseed(seed)
        keys.append(env.reset()[1]["task_key"])
    assert keys[0] == keys[1] != keys[2]
    env.close()


@pytest.mark.parametrize("lost", [[0], [1], [2], [1, 2], [2, 3, 4]])
def test_what_a_lost_connection_leaves_in_doubt_is_not_done_twice(server, lost):
    # Answers: 0 opens the session, 1 begins the episode, 2 and on are steps. The server has done what was asked; the client never hears of it, and asks again.
    line = BrokenLine(server.port, lost)
    here, there = (
        gym.make("prm_gym/Countdown-v0", difficulty=1),
        gym.make("prm_gym/Remote-v0", url=line.url, env="prm_gym/Countdown-v0", env_options={"difficulty": 1}),
    )
    assert plain(there.reset(seed=4)) == plain(here.reset(seed=4))
    for action in ("no step", *here.unwrapped.solution()):
        assert plain(there.step(action)) == plain(here.step(action))
    assert line.answers > max(lost)
    there.close()
    line.close()


def test_where_nobody_answers(server):
    with pytest.raises(ServingError, match="cannot be reached"):
        gym.make("prm_gym/Remote-v0", url="http://127.0.0.1:9", env="prm_gym/Countdown-v0")
    line = BrokenLine(server.port, range(1, 100))  # opens, and never answers again
    env = gym.make("prm_gym/Remote-v0", url=line.url, env="prm_gym/Countdown-v0")
    with pytest.raises(EnvironmentFault, match="cannot be reached"):
        env.reset(seed=0)
    line.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"env": "prm_gym/Coutdown-v0"}, "Did you mean 'prm_gym/Countdown-v0'"),
        ({"env_options": {"tasks": "/etc/passwd"}}, "may not set 'tasks'"),
        ({"env_options": {"difficulty": "2"}}, "difficulty is a number"),
        ({"env_options": {"difficulty": 99}}, "difficulty is one of"),
        ({"verifiers": ["judge:MODEL?base_url=http://x.test"]}, "no verifier on this server"),
        ({"verifiers": "z3"}, "verifiers is a list"),
        ({"verifiers": [object()]}, "can be sent"),
        ({"reward": {"id": "dense", "step_weight": "/etc/passwd"}}, "is a number"),
        ({"reward": "dens"}, "Did you mean 'dense'"),
        ({"max_steps": 0}, "max_steps"),
        ({"max_steps": 3, "env_options": {"max_steps": 4}}, "beside env_options"),
        ({"url": "ftp://127.0.0.1"}, "url is the address"),
        ({"timeout": 0}, "timeout"),
        ({"token_file": "/nowhere"}, "file of tokens"),
    ],
)
def test_options_that_are_refused(server, options, said):
    given = {"url": server.url, "env": "prm_gym/Countdown-v0", **options}
    with pytest.raises(OptionError, match=said):
        gym.make("prm_gym/Remote-v0", **given)
    with pytest.raises(OptionError, match=said):
        gym.make_vec("prm_gym/Remote-v0", num_envs=2, vectorization_mode="vector_entry_point", **given)
