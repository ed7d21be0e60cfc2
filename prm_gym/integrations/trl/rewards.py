"""Reward functions for TRL's GRPOTrainer: `f(prompts, completions, **columns) -> list[float | None]`.

Source: TRL 1.16, `GRPOTrainer._calculate_rewards`: None says that there is nothing to be told; such a completion is left out of its group's baseline and gets
the advantage 0. Functions are called one after the other, and then all those that are coroutines at once.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.integrations.completions import CompletionScorer, Scored, Text, make_scorer
from prm_gym.integrations.own_thread import OwnThread
from prm_gym.prm.aggregation import AGGREGATORS, Undecided, aggregate, check_undecided
from prm_gym.trajectory import Trajectory
from prm_gym.verifier import VerifierSpec

MEASURES = ("return", *AGGREGATORS)


class RewardFunction:
    """A reward function of whole completions; see `as_reward_func`.

    Attributes:
        scorer: splits and judges the completions.
        scored: what it said of the last batch, with the reasons where there is no reward.
    """

    def __init__(self, scorer: CompletionScorer, measure: str, verifier: str | None, undecided: Undecided, name: str) -> None:
        """Set what a completion is worth; see `as_reward_func`."""
        if measure not in MEASURES:
            raise UnknownNameError("measure of a completion", measure, MEASURES)
        check_undecided(undecided)
        self.scorer, self.measure, self.verifier = scorer, measure, verifier
        self.undecided: Undecided = undecided
        self.__name__ = name
        self.scored: list[Scored] = []

    def __call__(self, prompts: Sequence[Text], completions: Sequence[Text], **columns: Any) -> list[float | None]:
        """The reward of each completion, None where it cannot be told.

        Args:
            prompts: [B] texts or messages.
            completions: [B] likewise.
            **columns: [B] each, of the data set; and what TRL adds. Shares and reasons of what could not be told are logged where it can be.
        """
        rewards = self.judge(prompts, completions, columns)
        self.log(rewards, columns)
        return rewards

    def judge(self, prompts: Sequence[Text], completions: Sequence[Text], columns: Mapping[str, Any]) -> list[float | None]:
        """Likewise, without logging."""
        count = len(completions)
        given = {name: cast("Sequence[Any]", values) for name, values in columns.items() if isinstance(values, list | tuple) and len(values) == count}  # pyright: ignore[reportUnknownArgumentType]
        self.scored = self.scorer.score(prompts, completions, given)
        return [self._reward(each.trajectory) for each in self.scored]

    def log(self, rewards: Sequence[float | None], columns: Mapping[str, Any]) -> None:
        """Log how much of the last batch could not be told, and why, where TRL has given the means."""
        _log(columns, self.__name__, rewards, [each.reason for each in self.scored])

    def close(self) -> None:
        """Close the scorer."""
        self.scorer.close()

    def _reward(self, trajectory: Trajectory | None) -> float | None:
        if trajectory is None:
            return None
        if self.measure == "return":
            return trajectory.total_reward
        scores: list[float | None] = []
        for step in trajectory.steps:
            if self.verifier is not None and self.verifier not in step.verdicts:
                raise OptionError(str(UnknownNameError("verifier of these steps", self.verifier, step.verdicts)))
            found = step.verdicts.values() if self.verifier is None else [step.verdicts[self.verifier]]
            known = [verdict.score for verdict in found if verdict.score is not None]
            scores.append(sum(known) / len(known) if known else None)
        return aggregate(scores, self.measure, self.undecided)


def as_reward_func(
    what: VerifierSpec | Sequence[VerifierSpec] | CompletionScorer,
    *,
    measure: str = "return",
    verifier: str | None = None,
    undecided: Undecided = "miss",
    name: str = "prm_gym",
    **options: Any,
) -> RewardFunction:
    """A reward function for TRL, of our verifiers or of an environment.

    as_reward_func("equivalence")                                               is the answer that of the column `answer`?
    as_reward_func("sequence(arithmetic, equivalence)", reward="dense")         and a share for every step that is right
    as_reward_func("prm:MODEL", gold=None, measure="min", reward="dense")       the lowest score of a step
    as_reward_func("prm_gym/Countdown-v0", env_options={"difficulty": 1})       the lines are actions; column `seed`

    Several reward functions are weighed by TRL's own `reward_weights`.

    Args:
        what: a verifier or several, the id of an environment, or a scorer (`prm_gym.integrations.completions`).
        measure: "return", the sum of the steps' rewards; or an aggregation of their scores: min, product, mean, last, soft-min.
        verifier: id of the one whose scores are aggregated; None for the mean of all that can tell.
        undecided: of an aggregation: "miss", a step without a score leaves the completion without a reward; "right", it is passed over.
        name: under which TRL logs it.
        **options: of the scorer, see `TextScorer` and `EnvironmentScorer`.

    Returns:
        Called with prompts, completions and the columns of the data set, it gives one number a completion, or None where a verifier abstains, fails or runs
        out of time and nothing else can tell, where the answer cannot be compared, and where the infrastructure failed.

    Raises:
        UnknownNameError: no such verifier, environment or measure.
        OptionError: an option does not fit.
    """
    return RewardFunction(make_scorer(what, **options), measure, verifier, undecided, name)


class AsyncRewardFunction:
    """A reward function that judges in a thread of its own; see `as_async_reward_func`."""

    def __init__(self, make: Callable[[], RewardFunction]) -> None:
        """Make the function in the thread in which it judges."""
        self._thread = OwnThread(make)
        self.__name__ = self._thread.held.__name__

    async def __call__(self, prompts: Sequence[Text], completions: Sequence[Text], **columns: Any) -> list[float | None]:
        """The reward of each completion; see `RewardFunction`."""
        rewards = await self._thread.wait(RewardFunction.judge, prompts, completions, columns)
        self._thread.held.log(rewards, columns)
        return rewards

    @property
    def scored(self) -> list[Scored]:
        """What was said of the last batch, with the reasons where there is no reward."""
        return self._thread.held.scored

    def close(self) -> None:
        """Close the scorer and end the thread."""
        self._thread.close()


def as_async_reward_func(what: VerifierSpec | Sequence[VerifierSpec] | CompletionScorer, **options: Any) -> AsyncRewardFunction:
    """A reward function for TRL that others overlap with: TRL awaits all such functions at once.

    It is worth it where several of them wait for something else than this process: a judge or another model over HTTP, programs in a sandbox, a solver in
    processes of its own. What is computed here in Python takes turns, and is no faster.

    Args:
        what: see `as_reward_func`; specifications rather than objects, which are then made in the thread that uses them.
        **options: of `as_reward_func`.

    Raises:
        UnknownNameError: no such verifier, environment or measure.
        OptionError: an option does not fit.
    """
    return AsyncRewardFunction(lambda: as_reward_func(what, **options))


def trajectory_reward(*, trajectory: Sequence[Trajectory | None], **columns: Any) -> list[float | None]:
    """The total reward of the trajectories that `EnvironmentRollouts` or `StepGRPOTrainer` hand over; None where there is none.

    Args:
        trajectory: [B], from the column of that name.
        **columns: what else TRL gives.
    """
    rewards = [None if each is None else each.total_reward for each in trajectory]
    _log(columns, "trajectory", rewards)
    return rewards


def _log(columns: Mapping[str, Any], name: str, rewards: Sequence[float | None], reasons: Sequence[str] | None = None) -> None:
    metric: Callable[[str, float], None] | None = columns.get("log_metric")
    if metric is not None and rewards:
        metric(f"{name}/unscored_share", sum(reward is None for reward in rewards) / len(rewards))
    extra: Callable[[str, list[str]], None] | None = columns.get("log_extra")
    if extra is not None and reasons is not None:
        extra(f"{name}/unscored_because", list(reasons))
