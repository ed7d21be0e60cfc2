"""A recorder keeps what a loop of one's own plays, and changes nothing of it."""

import copy
import pickle
from io import StringIO

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import RecordEpisodeStatistics, TimeLimit

import prm_gym
from prm_gym import cli
from prm_gym.agent import make_agent
from prm_gym.credit import StepBatch, assign
from prm_gym.errors import ContractError, EnvironmentFault, OptionError, StoreError
from prm_gym.integrations.encoding import TextEncoding
from prm_gym.montecarlo import RolloutEstimator, prefixes_of
from prm_gym.recording import Recorder, RecordingFault
from prm_gym.rollout import Rollouts, groups
from prm_gym.store import decode_trajectory, encode_trajectory, read_trajectories

COUNTDOWN = "prm_gym/Countdown-v0"


def play(env, seed, choose=lambda actions: actions[0]):
    _, info = env.reset(seed=seed)
    done = False
    while not done:
        _, _, terminated, truncated, info = env.step(choose(info["actions"]))
        done = terminated or truncated


def whole(path):
    return sum(line.endswith(b"}") for line in path.read_bytes().splitlines())


def test_what_is_recorded_is_what_rollouts_store():
    env = gym.make(COUNTDOWN, verifiers=["arithmetic"], reward="dense", difficulty=1)
    with Recorder(env, agent="scripted") as recorder:
        for seed in range(5):
            env.reset(seed=seed)
            for action in env.unwrapped.solution():
                env.step(action)
        found = recorder.take()
        assert recorder.take() == []
    rollouts = Rollouts(COUNTDOWN, {"verifiers": ["arithmetic"], "reward": "dense", "difficulty": 1}, num_envs=5)
    known = rollouts.play(make_agent("scripted"), groups(range(5), 1))
    rollouts.close()
    assert [each.steps for each in found] == [each.steps for each in known]
    assert [(each.seed, each.outcome, each.valid, each.agent) for each in found] == [(each.seed, each.outcome, each.valid, each.agent) for each in known]
    assert [(each.task, each.env_id, each.env_options, each.final) for each in found] == [
        (each.task, each.env_id, each.env_options, each.final) for each in known
    ]
    assert (recorder.kept, recorder.spoilt, recorder.left) == (5, 0, 0)


def test_attempts_at_one_task_are_a_group_and_credit_is_assigned_to_them():
    env, draw = gym.make(COUNTDOWN, verifiers=["arithmetic"], difficulty=1), np.random.default_rng(0)
    with Recorder(env) as recorder:
        for _ in range(4):
            play(env, 3, lambda actions: actions[draw.integers(len(actions))])
        play(env, 4)
    found = recorder.take()
    letters = found[0].id[9:15]
    assert [each.id for each in found] == [*(f"{found[0].task_key[:8]}/{letters}-{n}" for n in range(4)), f"{found[4].task_key[:8]}/{letters}-0"]
    assert len({each.group_id for each in found}) == 2
    batch = StepBatch.from_trajectories(found)
    assert assign("gigpo", batch).advantages.shape == batch.rewards.shape


@pytest.mark.parametrize("mode", ["NEXT_STEP", "SAME_STEP", "DISABLED"])
def test_a_vector_environment_loses_no_end(mode):
    # The end of an episode is told before the next one begins, whatever the mode of autoreset.
    options = {"verifiers": ["arithmetic"], "difficulty": 1}
    envs = gym.make_vec(COUNTDOWN, num_envs=3, vectorization_mode="vector_entry_point", autoreset_mode=AutoresetMode[mode], **options)
    ends, outcomes = 0, []
    with Recorder(gym.wrappers.vector.RecordEpisodeStatistics(envs)) as recorder:
        envs.reset(seed=0)
        for _ in range(40):
            _, _, terminated, truncated, info = envs.step([env.situation.actions[0] if env.situation.actions else "" for env in envs.envs])
            done = terminated | truncated
            ends += int(done.sum())
            told = info["final_info"] if mode == "SAME_STEP" and done.any() else info
            outcomes += [told["outcome"][row] for row in np.flatnonzero(done)]
            if mode == "DISABLED" and done.any():
                envs.reset(options={"reset_mask": done})
        found = recorder.take()
    assert ends > 10
    assert [each.outcome for each in found] == outcomes
    assert all(each.steps[-1].terminated or each.steps[-1].truncated for each in found)
    assert all(not (step.terminated or step.truncated) for each in found for step in each.steps[:-1])
    assert all(set(step.verdicts) == {"arithmetic"} for each in found for step in each.steps)
    assert found[0].env_options == options
    envs.close()


def test_wrappers_change_what_their_loop_sees_and_not_what_is_recorded():
    def make():
        return TextEncoding(RecordEpisodeStatistics(gym.make("prm_gym/Sokoban-v0", difficulty=1)), observation_size=128, action_size=0, most_actions=4)

    envs = SyncVectorEnv([make] * 2)
    with Recorder(envs, agent="numbers") as recorder:
        envs.reset(seed=[0, 1])
        for _ in range(60):
            envs.step(np.zeros(2, dtype=np.int64))
        found = recorder.take()
    assert found
    assert {each.env_id for each in found} == {"prm_gym/Sokoban-v0"}
    assert all(step.action in step.actions for each in found for step in each.steps)
    assert all((each.final is not None) is each.truncated for each in found)
    assert any(each.truncated for each in found)


def test_what_is_left_before_its_end_is_counted_and_not_kept():
    env = TimeLimit(gym.make(COUNTDOWN, difficulty=3), 1)
    env.reset(seed=9)
    env.step("nothing")
    with Recorder(env) as recorder:
        env.step("nothing")  # of an episode that had begun before
        for seed in range(3):
            _, info = env.reset(seed=seed)
            assert env.step(info["actions"][0])[3]  # cut from outside: the environment does not know
        saved = env.unwrapped.snapshot()
        env.unwrapped.restore(saved)
        with pytest.raises(ContractError, match="no snapshot"):
            env.unwrapped.restore(b"none")
        env.reset(seed=0)
    assert (recorder.kept, recorder.left, recorder.take()) == (0, 3, [])
    play(env, 1)
    assert recorder.take() == []


class BreakingEnv(prm_gym.StepEnv):
    """Breaks at the second step."""

    def begin(self, options):
        return prm_gym.Task(key="k", instructions="", question=""), prm_gym.Situation(observation="", state_key="", actions=("go",))

    def advance(self, action):
        if self.past_steps:
            raise EnvironmentFault("gone")
        return prm_gym.Transition(situation=self.situation)

    def save_state(self):
        return None

    def load_state(self, state):
        pass

    def solution(self):
        return []


def test_what_the_infrastructure_spoils_is_kept_as_such():
    env = BreakingEnv()
    with Recorder(env) as recorder:
        play(env, 0)
        env.reset()
        env.spoil("the agent's server died")
    first, second = recorder.take()
    assert [(each.valid, each.outcome, each.final, each.env_id) for each in (first, second)] == [(False, None, None, "BreakingEnv")] * 2
    assert "gone" in first.steps[1].claims[0].reason
    assert "server died" in second.steps[0].claims[0].reason
    assert (recorder.kept, recorder.spoilt) == (0, 2)


def test_a_file_is_written_as_episodes_end_and_gone_on_with(tmp_path):
    path = tmp_path / "more" / "episodes.jsonl"
    env = gym.make(COUNTDOWN, difficulty=1)
    for round_ in range(2):
        with Recorder(env, path, in_memory=bool(round_) or None) as recorder:
            for seed in (0, 0, 1):
                before = whole(path)
                play(env, seed)
                assert whole(path) == before + 1
            if round_:
                assert len(recorder.take()) == 3
            else:
                with pytest.raises(OptionError, match="in_memory=True"):
                    recorder.take()
        with path.open("ab") as file:
            file.write(b'{"id": "torn')
    with pytest.warns(UserWarning, match="line [48]"):
        found = list(read_trajectories(path))
    assert [each.id.rpartition("-")[2] for each in found] == ["0", "1", "0"] * 2
    assert len({each.id for each in found}) == 6


def test_two_recorders_and_environments_of_other_processes_are_refused():
    env = gym.make(COUNTDOWN)
    with Recorder(env), pytest.raises(OptionError, match="recorded already"):
        Recorder(env)
    Recorder(env).close()
    with pytest.raises(OptionError, match="CartPoleEnv holds none"):
        Recorder(gym.make("CartPole-v1"))
    with pytest.raises(OptionError, match="each must be a StepEnv"):
        Recorder(SyncVectorEnv([lambda: gym.make("CartPole-v1")]))
    others = AsyncVectorEnv([lambda: gym.make(COUNTDOWN)], shared_memory=False)
    try:
        with pytest.raises(OptionError, match="other processes"):
            Recorder(others)
    finally:
        others.close()


def test_what_a_person_plays_is_kept_when_it_ends(tmp_path, monkeypatch, capsys):
    path = tmp_path / "mine.jsonl"
    command = ["play", "--env", COUNTDOWN, "--env-option", "difficulty=1", "--out", str(path)]
    env = gym.make(COUNTDOWN, difficulty=1)
    env.reset(seed=0)
    answer = env.unwrapped.solution()
    for typed, said in (([answer[0], ""], "had not ended"), ([answer[0]], "had not ended"), (answer, f"The episode is in {path}.")):
        monkeypatch.setattr("sys.stdin", StringIO("".join(f"{line}\n" for line in typed)))
        cli.main(command)
        assert said in capsys.readouterr().out
        assert path.exists() is ("had not" not in said)
    cli.main([*command, "--agent", "scripted"])
    person, agent = read_trajectories(path)
    assert (person.agent, agent.agent) == ("person", "scripted")
    assert [step.action for step in person.steps] == [step.action for step in agent.steps] == answer
    assert (person.outcome, person.env_options, person.seed) == (1.0, {"difficulty": 1}, 0)
    assert person.group_id == agent.group_id
    assert person.id != agent.id
    with pytest.raises(SystemExit):
        cli.main([*command[:-1], str(tmp_path), "--agent", "scripted"])
    assert f"{tmp_path} cannot be written" in capsys.readouterr().err


def test_a_trainer_goes_on_when_nothing_can_be_written(tmp_path):
    envs = gym.make_vec(COUNTDOWN, num_envs=3, vectorization_mode="vector_entry_point", autoreset_mode=AutoresetMode.SAME_STEP, difficulty=1)
    recorder = Recorder(envs, tmp_path / "full.jsonl", in_memory=True)

    def full(trajectories):
        raise OSError(28, "No space left on device")

    def ends():
        steps = (envs.step([env.situation.actions[0] for env in envs.envs]) for _ in range(30))
        return sum(int((terminated | truncated).sum()) for _, _, terminated, truncated, _ in steps)

    recorder._writer.write = full
    envs.reset(seed=0)
    with pytest.warns(RecordingFault, match="No space left") as said:
        ended = ends()
    assert len(said) == 1
    assert ended == len(recorder.take()) == recorder.kept > 5
    with pytest.raises(StoreError, match="not every episode could be written"):
        recorder.close()
    recorder.close()
    assert envs.envs[0].watcher is None
    with pytest.raises(StoreError, match="cannot be written"):
        Recorder(envs, tmp_path)


@pytest.mark.parametrize("copied", [copy.deepcopy, copy.copy, lambda env: pickle.loads(pickle.dumps(env))])
def test_a_copy_of_an_environment_is_not_recorded(copied):
    env = gym.make(COUNTDOWN, difficulty=1)
    with Recorder(env) as recorder:
        env.reset(seed=0)
        other = copied(env.unwrapped)
        play(other, 0)
        assert (recorder.kept, recorder.left) == (0, 0)
        play(env, 1)
        assert recorder.kept == 1


def test_what_a_loop_does_to_its_infos_does_not_reach_the_record():
    env = gym.make(COUNTDOWN, verifiers=["arithmetic"], difficulty=1)
    with Recorder(env) as recorder:
        _, info = env.reset(seed=0)
        while info["outcome"] is None:
            _, _, _, _, info = env.step(info["actions"][0])
            info["verdicts"].clear()
    assert all(step.verdicts for step in recorder.take()[0].steps)


def test_an_episode_without_a_seed_can_be_begun_again():
    # An autoreset gives no seed: the state of the generator is stored instead, and roll-outs begin from there.
    envs = gym.make_vec(COUNTDOWN, num_envs=1, vectorization_mode="vector_entry_point", autoreset_mode=AutoresetMode.SAME_STEP, difficulty=1)
    with Recorder(envs) as recorder:
        envs.reset(seed=7)
        while recorder.kept < 3:
            envs.step([envs.envs[0].situation.actions[0]])
    first, second, third = (decode_trajectory(encode_trajectory(each)) for each in recorder.take())
    assert (first.seed, first.origin, second.seed, third.seed) == (7, None, None, None)
    assert len({first.task_key, second.task_key, third.task_key}) == 3
    with RolloutEstimator(make_agent("scripted"), COUNTDOWN, {"difficulty": 1}) as roller:
        for each in (first, second, third):
            (estimate,) = roller.estimate(prefixes_of(each)[:1], 2)
            assert (estimate.soft, estimate.reason) == (1.0, "")


def test_recorders_one_after_the_other_and_side_by_side_share_a_file(tmp_path):
    path = tmp_path / "both.jsonl"
    train, held_out = gym.make(COUNTDOWN, difficulty=1), gym.make(COUNTDOWN, difficulty=1)
    with Recorder(train, path), Recorder(held_out, path):
        for env in (train, held_out, train):
            play(env, 0)
    assert len({each.id for each in read_trajectories(path)}) == 3


def test_an_environment_made_by_its_class_is_named_by_whoever_made_it():
    env = BreakingEnv(max_steps=3)
    with Recorder(env, env_id="mine/Breaking-v0", env_options={"max_steps": 3}) as recorder:
        play(env, 0)
    (found,) = recorder.take()
    assert (found.env_id, found.env_options) == ("mine/Breaking-v0", {"max_steps": 3})
