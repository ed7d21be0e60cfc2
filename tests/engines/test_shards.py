import msgspec
import pytest

from prm_gym.agent import make_agent
from prm_gym.cli import main
from prm_gym.engines import LocalEngine
from prm_gym.engines.shards import Shard, ShardWorker, require_seeded, shards
from prm_gym.errors import OptionError
from prm_gym.rollout import Rollouts, groups

COUNTDOWN = ("prm_gym/Countdown-v0", {"verifiers": [], "reward": "outcome"})


def test_shards_are_whole_groups_whatever_the_size():
    episodes = groups(range(5), 3)
    for size, sizes in ((1, [3] * 5), (3, [3] * 5), (4, [6, 6, 3]), (7, [9, 6]), (15, [15]), (99, [15])):
        parts = shards(episodes, size)
        assert [len(part) for part in parts] == sizes
        assert [episode for part in parts for episode in part] == episodes
    assert shards([], 4) == []
    with pytest.raises(OptionError, match="at least 1"):
        shards(episodes, 0)


def test_a_seeded_agent_plays_an_episode_the_same_in_any_company():
    rollouts = Rollouts(*COUNTDOWN, num_envs=4)
    episodes = groups(range(6), 2)
    together = rollouts.play(make_agent("random"), episodes, seed=3)
    alone = [rollouts.play(make_agent("random"), [episode], seed=3)[0] for episode in reversed(episodes)][::-1]
    assert msgspec.json.encode(together) == msgspec.json.encode(alone)
    other = rollouts.play(make_agent("random"), episodes, seed=4)
    assert [step.action for each in other for step in each.steps] != [step.action for each in together for step in each.steps]
    # Two attempts at one task are two draws.
    assert any(
        [step.action for step in one.steps] != [step.action for step in another.steps] for one, another in zip(together[::2], together[1::2], strict=True)
    )
    rollouts.close()


def test_a_worker_plays_shards_and_counts_them():
    jobs = [Shard(tuple(part), 3) for part in shards(groups(range(6), 2), 4)]
    assert str(jobs[0]) == "episodes 0/0 to 1/1"
    with LocalEngine() as engine, engine.crew(lambda: ShardWorker(lambda: make_agent("random"), *COUNTDOWN)) as crew:
        played = [trajectory for finished in crew.run(jobs) for trajectory in finished.result()]
    rollouts = Rollouts(*COUNTDOWN)
    assert played == rollouts.play(make_agent("random"), groups(range(6), 2), seed=3)
    counted = rollouts.steps_taken
    rollouts.count(played)  # as of episodes that were played elsewhere
    assert rollouts.steps_taken == 2 * counted == 2 * sum(len(trajectory.steps) for trajectory in played)


def test_an_agent_without_seeds_is_refused():
    require_seeded(make_agent("random"), "a rollout")
    with pytest.raises(OptionError, match="'mixed' does not draw its actions from the seeds"):
        require_seeded(make_agent("mixed"), "a rollout")


@pytest.mark.slow
def test_processes_and_this_one_give_the_same_file(tmp_path, capsys):
    command = ["rollout", "--env", "prm_gym/Countdown-v0", "--tasks", "20", "--attempts", "3", "--env-option", "verifiers=[]", "--draw", "2", "--json", "--out"]
    main([*command, str(tmp_path / "here")])
    here = capsys.readouterr().out
    main([*command, str(tmp_path / "there"), "--workers", "2"])
    assert capsys.readouterr().out.replace("/there", "/here") == here
    assert (tmp_path / "there").read_bytes() == (tmp_path / "here").read_bytes()
    command[command.index("--draw") + 1] = "1"
    main([*command, str(tmp_path / "other")])
    assert (tmp_path / "other").read_bytes() != (tmp_path / "here").read_bytes()
