"""TrainConfig: everything that decides the course of a training run."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from prm_gym.credit import find_assigner
from prm_gym.credit.columns import OF_VERDICTS
from prm_gym.errors import OptionError
from prm_gym.rewards import make_reward
from prm_gym.rollout import Episode
from prm_gym.training.curricula import make_curriculum
from prm_gym.training.methods import make_method

# Task seeds of training lie below 2^31. Those of evaluation lie above, in two parts: settings may be tuned on "dev"; reports are made on "test".
TRAINING_SEEDS = 1 << 31
FIRST_SEED = {"dev": 1 << 31, "test": (1 << 31) + (1 << 30)}

_COUNTS = ("tasks", "attempts", "evaluate_every", "eval_tasks", "num_envs", "checkpoint_every")


class TrainConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides the course of a run.

    Attributes:
        env_id: registered id.
        env_options: keyword options of the environment, without `reward`. JSON values.
        credit: the credit assigner, with options where wanted: "gigpo?step_weight=0.5"; or a pipeline: "posterior_gate|grpo|aem?strength=0.5".
        credit_options: its options, beside those.
        signals: specifications of learned signals that fill columns of the batch, where they are to have options ("progress?learning_rate=0.003"); one that the
            assigner needs is made with its defaults without that, and one that it does not take is not made.
        reward: name of the reward scheme.
        seed: of the run.
        agent: specification of a trainable agent, untrained ("candidate") or saved (`agent/` of another run): then the run begins with it, and with those of
            the learned signals in its folder that are needed. In a comparison "{seed}" stands for the seed of a run.
        agent_options: its keyword options, without `seed`; of a saved one over those that it was made with.
        method: what is made of a batch (see `prm_gym.training.methods`), with options where wanted: "expert-iteration?keep=2".
        budget: environment steps to train on; the batch that crosses it is the last, and 0 leaves it at the demonstrations. Steps of groups that are drawn
            anew, of corrections, of second attempts, of greedy ones (`greedy_return`) and of roll-outs (`mc_value`) count like any other.
        tasks: tasks in a batch.
        attempts: attempts at each.
        domains: options of the environment over `env_options`, one set for each kind of task that is trained on; () for `env_options` alone. Evaluation is on
            `env_options`. A curriculum by difficulty takes them from easy to hard. JSON values.
        curriculum: how the tasks of a batch are shared out among the domains (see `prm_gym.training.curricula`), with options where wanted.
        refills: how often groups whose attempts all earn the same are replaced by groups at new tasks, in every batch.
        evaluate_every: environment steps between evaluations, at least.
        checkpoint_every: batches between checkpoints, at most; there is one at every evaluation too.
        eval_tasks: held-out tasks of an evaluation.
        split: which held-out tasks: "dev" to tune settings on, "test" to report.
        num_envs: episodes played at once.
        shard: episodes that are played together at least, cut between groups, each action drawn from the run's seed, the episode and the step; so an engine may
            play the shards anywhere, and the curve is the same. 0 plays all that are wanted at once, with actions from the agent's own generator.
        task_file: a file of public tasks to evaluate the trained agent on; "" for none. No task of it is trained on.
        transfer_options: options of the environment over `env_options`, with which the trained agent is evaluated once more; {} for none. JSON values.
        transfer_tasks: on how many of the held-out tasks, the first ones; 0 for all.
        demonstrations: tasks whose solutions the agent imitates before its first evaluation; their steps are no part of the budget.
        demonstrator: specification of the agent that solves them; attempts of it that fail are not imitated.
        demonstration_file: stored trajectories whose successful episodes are imitated as well; "" for none. Held-out tasks among them are left out.
        store_groups: groups of every training batch whose trajectories are stored; those of the last evaluation always are.
    """

    env_id: str
    env_options: dict[str, Any] = {}
    credit: str = "grpo"
    credit_options: dict[str, Any] = {}
    signals: tuple[str, ...] = ()
    reward: str = "outcome"
    seed: int = 0
    agent: str = "candidate"
    agent_options: dict[str, Any] = {}
    method: str = "policy-gradient"
    budget: int = 20_000
    tasks: int = 16
    attempts: int = 8
    domains: tuple[dict[str, Any], ...] = ()
    curriculum: str = "even"
    refills: int = 0
    evaluate_every: int = 2_000
    checkpoint_every: int = 50
    eval_tasks: int = 200
    split: Literal["dev", "test"] = "test"
    num_envs: int = 64
    shard: int = 0
    task_file: str = ""
    transfer_options: dict[str, Any] = {}
    transfer_tasks: int = 0
    demonstrations: int = 0
    demonstrator: str = "scripted"
    demonstration_file: str = ""
    store_groups: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be run."""
        for name in _COUNTS:
            if getattr(self, name) < 1:
                raise OptionError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("budget", "demonstrations", "refills", "shard"):
            if getattr(self, name) < 0:
                raise OptionError(f"{name} must be at least 0, got {getattr(self, name)}")
        if self.refills and self.attempts < 2:
            raise OptionError("refills replace groups whose attempts all earn the same, which one attempt always does; give attempts of 2 or more")
        if not 0 <= self.transfer_tasks <= self.eval_tasks:
            raise OptionError(f"transfer_tasks must lie between 0 (all) and the {self.eval_tasks} held-out tasks, got {self.transfer_tasks}")
        for name in ("reward", "verifiers"):
            if name in self.transfer_options:
                raise OptionError(f"{name} has no part in an evaluation; leave it out of transfer_options")
            if any(name in domain for domain in self.domains):
                raise OptionError(f"{name} is the same in all domains; leave it out of them")

    def require_known(self) -> None:
        """Refuse a method, curriculum or demonstrator's file that is not there, before anything is played.

        Raises:
            UnknownNameError: no such method or curriculum; says the near miss.
            OptionError: an option of it does not fit, or a file is missing.
        """
        make_method(self.method)
        make_curriculum(self.curriculum, max(1, len(self.domains)))
        if self.demonstration_file and not Path(self.demonstration_file).is_file():
            raise OptionError(f"there is no file of demonstrations {self.demonstration_file}")

    def evaluation(self, attempts: int = 1) -> list[Episode]:
        """The episodes of an evaluation."""
        first = FIRST_SEED[self.split]
        return [Episode(first + i, f"eval-{i}", attempt) for i in range(self.eval_tasks) for attempt in range(attempts)]

    def env_options_for_training(self) -> dict[str, Any]:
        """Options of the environment; without verifiers where neither the reward nor the assigner nor the method uses a verdict."""
        options = {**self.env_options, "reward": self.reward}
        judged = not set(OF_VERDICTS).isdisjoint(find_assigner(self.credit)[0].needs)
        used = judged or make_reward(self.reward, 1).needs_verdicts or make_method(self.method).needs_verdicts
        if "verifiers" not in options and not used:
            options["verifiers"] = []
        return options
