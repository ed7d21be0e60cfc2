"""What every process of `test_ranks.py` runs under torchrun: says in one line of JSON what it has seen of the others."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import msgspec
import spelling_world

from prm_gym.agent import Agent, make_agent
from prm_gym.engines import ProcessEngine
from prm_gym.errors import ContractError, OptionError, PrmGymError
from prm_gym.rollout import Rollouts, groups
from prm_gym.training.ranks import Ranks, is_first
from prm_gym.training.run import train


def _failure(action):
    try:
        action()
    except PrmGymError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing was raised"


class FailingSecond(Agent):
    """An agent that fails in the second process alone."""

    id = "failing-second"
    privileged = True

    def __init__(self, error):
        self.error, self.acts = error, make_agent("scripted")

    def act(self, prompts):
        if ranks.rank == 1:
            raise self.error
        return self.acts.act(prompts)


spelling_world.register()
said = {}
config = spelling_world.config()
with Ranks(config, cards=False) as ranks:
    said["place"] = [ranks.rank, ranks.size, ranks.first, is_first()]
    rollouts = Rollouts(spelling_world.ENV, {}, num_envs=2)
    episodes = groups([5, 6, 7], attempts=2)
    played = ranks.play(rollouts, 0, make_agent("scripted"), episodes)
    said["played"] = [(each.id, [step.action for step in each.steps], each.agent) for each in played]
    said["spent"] = [rollouts.steps_taken, sum(rollouts.verdicts_given.values())]
    said["one group"] = [each.id for each in ranks.play(rollouts, 0, make_agent("scripted"), episodes[:2])]
    ranks.config = msgspec.structs.replace(config, shard=3)  # two shards, of two groups and one
    in_shards = ranks.play(rollouts, 0, make_agent("scripted"), episodes)
    said["played in shards"] = [(each.id, [step.action for step in each.steps], each.agent) for each in in_shards]
    said["first"] = ranks.by_first(lambda: f"process {ranks.rank}")
    said["any"] = [ranks.any(ranks.rank == 1), ranks.any(False)]
    ranks.require_same("a number", 1)
    said["different"] = _failure(lambda: ranks.require_same("their ranks", ranks.rank))
    said["ours"] = _failure(lambda: ranks.play(rollouts, 0, FailingSecond(OptionError("no such option")), episodes))
    said["first failed"] = _failure(lambda: ranks.by_first(lambda: (_ for _ in ()).throw(ContractError("broken"))))
    try:
        ranks.play(rollouts, 0, FailingSecond(ValueError("of Python's own")), episodes)
    except Exception as error:
        said["other"] = f"{type(error).__name__}: {error}"
    said["engine"] = _failure(lambda: ranks.require_able(make_agent("candidate"), ProcessEngine(2)))
    said["unable"] = _failure(lambda: train(spelling_world.config(), Path(sys.argv[1]) / "run"))
Path(sys.argv[1], f"{ranks.rank}.json").write_text(json.dumps(said))
