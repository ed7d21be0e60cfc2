"""Reward schemes: from the verdicts and the outcome to the number that `step` returns.

What a scheme returns is causal: it uses this step and the ones before. What needs the end of the episode belongs to `prm_gym.credit`.
A verdict without a score ("cannot tell") contributes no term; it is counted neither as right nor as wrong.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from prm_gym.errors import ContractError, OptionError
from prm_gym.plugins import Registry, make, split_options
from prm_gym.verdict import Verdict


class JudgedStep(msgspec.Struct, frozen=True, gc=False):
    """What a scheme sees of a step.

    Attributes:
        verdicts: verdict by verifier id.
        outcome: in [0, 1] when the episode ends here, else None.
        ends: the episode ends here (terminated or truncated).
    """

    verdicts: dict[str, Verdict]
    outcome: float | None = None
    ends: bool = False


class RewardScheme(ABC):
    """Turns a judged step into its reward.

    Attributes:
        id: its name.
        reward_range: least and greatest reward of one step.
        needs_verdicts: whether it looks at verdicts at all; where nothing does, training need not pay for verifiers.
        verifier_ids: the verifiers that it asks for by id; an environment without them refuses it.
    """

    id: str
    reward_range: tuple[float, float]
    needs_verdicts: bool = True
    verifier_ids: tuple[str, ...] = ()

    @abstractmethod
    def reward(self, step: JudgedStep, previous: Sequence[JudgedStep]) -> float:
        """The reward of `step`.

        Args:
            step: the step just taken.
            previous: the earlier steps of the episode, in order.
        """


class OutcomeReward(RewardScheme):
    """The outcome at the end, 0 before it: the baseline that every other scheme is to be compared with."""

    id = "outcome"
    reward_range = (0.0, 1.0)
    needs_verdicts = False

    def __init__(self, horizon: int = 1) -> None:
        """Take the step limit of the environment (not needed here)."""

    def reward(self, step: JudgedStep, previous: Sequence[JudgedStep]) -> float:
        """The outcome if the episode ends here with one, else 0."""
        return step.outcome if step.outcome is not None else 0.0


class DenseReward(RewardScheme):
    """The outcome, plus a term for every judged step.

        r_t = [t ends] outcome + (step_weight / horizon) mean_v value(verdict_v),    value = score - penalty (1 - score)

    so a right step is worth 1, a wrong one -penalty, in units of step_weight / horizon. `trivial` and `neutral` steps have the value 0, and verdicts
    without a score are left out of the mean: "cannot tell" is worth less than right and more than wrong. The terms of a whole episode lie within
    +-step_weight: with step_weight < 1/2 no failed episode is worth more than a solved one, however many right steps it is padded with. The
    penalty is small on purpose: where most steps of a beginner are wrong, a large one teaches it to end the episode at once.
    """

    id = "dense"

    def __init__(self, horizon: int, step_weight: float = 0.45, penalty: float = 0.2, verifier: str | None = None) -> None:
        """Set the scale.

        Args:
            horizon: step limit of the environment, >= 1.
            step_weight: most that all step terms of an episode can sum to, >= 0.
            penalty: what a wrong step costs where a right one earns 1, in [0, 1].
            verifier: id of the one verifier whose verdicts count; None for the mean of all.
        """
        _require_numbers("dense", step_weight=step_weight, penalty=penalty)
        if horizon < 1 or not step_weight >= 0 or not 0 <= penalty <= 1:
            raise OptionError(f"dense needs horizon >= 1, step_weight >= 0 and penalty in [0, 1], got {horizon}, {step_weight}, {penalty}")
        self.penalty, self.verifier = penalty, verifier
        self.verifier_ids = () if verifier is None else (verifier,)
        self.per_step = step_weight / horizon
        self.reward_range = (-self.per_step * penalty, 1.0 + self.per_step)

    def reward(self, step: JudgedStep, previous: Sequence[JudgedStep]) -> float:
        """The mean value of this step's verdicts, scaled, plus the outcome at the end."""
        counted = [verdict for name, verdict in step.verdicts.items() if self.verifier in (None, name)]
        values = [self._value(verdict.label, verdict.score) for verdict in counted if verdict.score is not None]
        term = self.per_step * sum(values) / len(values) if values else 0.0
        return term + (step.outcome or 0.0)

    def _value(self, label: str | None, score: float) -> float:
        return 0.0 if label in ("trivial", "neutral") else score - self.penalty * (1.0 - score)


class PotentialReward(RewardScheme):
    """Potential-based shaping on top of the outcome; it leaves the optimal policies as they are.

        r_t = [t ends] outcome + weight (gamma Phi_{t+1} - Phi_t),   Phi_0 = 0,   Phi(end) = 0

    Phi after a step is the mean score that the verifiers give it, or the score of one of them; where none can tell, and after a malformed step
    (which leaves the state as it was), Phi stays what it was. It is meant for verifiers that judge the state a step leads to (`reachable`, a value
    model). The terms of an undiscounted episode sum to exactly 0.

    Source: Ng, Harada, Russell 1999 (policy invariance); Grzes 2017 (Phi = 0 at every end of an episode, time limits included).
    """

    id = "potential"

    def __init__(self, horizon: int = 1, gamma: float = 1.0, weight: float = 1.0, verifier: str | None = None) -> None:
        """Set up the shaping term.

        Args:
            horizon: step limit of the environment (not needed here).
            gamma: discount, in (0, 1].
            weight: of the shaping term, >= 0.
            verifier: id of the one verifier whose score is the potential; None for the mean of all.
        """
        _require_numbers("potential", gamma=gamma, weight=weight)
        if not (0.0 < gamma <= 1.0 and weight >= 0.0):
            raise OptionError(f"potential needs gamma in (0, 1] and weight >= 0, got {gamma} and {weight}")
        self.gamma, self.weight, self.verifier = gamma, weight, verifier
        self.reward_range = (-weight, 1.0 + weight)
        self.verifier_ids = () if verifier is None else (verifier,)

    def reward(self, step: JudgedStep, previous: Sequence[JudgedStep]) -> float:
        """The change of the potential, plus the outcome at the end."""
        before = self._potential(previous)
        after = 0.0 if step.ends else self._potential([*previous, step])
        return self.weight * (self.gamma * after - before) + (step.outcome or 0.0)

    def _potential(self, steps: Sequence[JudgedStep]) -> float:
        """Phi after the last of the steps; 0 before the first."""
        for step in reversed(steps):
            chosen = step.verdicts.values() if self.verifier is None else [v for v in step.verdicts.values() if v.verifier == self.verifier]
            scores = [verdict.score for verdict in chosen if verdict.score is not None and verdict.label != "malformed"]
            if scores:
                return sum(scores) / len(scores)
        return 0.0


def _require_numbers(scheme: str, **options: object) -> None:
    for name, value in options.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise OptionError(f"{name} of the reward scheme {scheme!r} must be a finite number, got {value!r}")


RewardFactory: TypeAlias = Callable[..., RewardScheme]
RewardSpec: TypeAlias = str | RewardScheme | Mapping[str, object]


class ProgressReward(RewardScheme):
    """The outcome, and a share of it beforehand for every step that takes the task further than it has been.

        r_t = [t ends] outcome + weight max(0, P_t - max_{s < t} P_s),   P_0 = 0

    P is the progress that verifiers state in their evidence under `progress`, in [0, 1] (the mean of those that do, or that of one of them): milestones
    reached, waypoints covered. Where none states any, nothing is added. Falling back costs nothing and coming again earns nothing, so that the terms of an
    episode sum to at most weight; with weight < 1/2 no failed episode is worth half of a solved one. Unlike `potential` it may change which policy is
    best.
    """

    id = "progress"

    def __init__(self, horizon: int = 1, weight: float = 0.45, verifier: str | None = None) -> None:
        """Set the scale.

        Args:
            horizon: step limit of the environment (not needed here).
            weight: what the whole way is worth, in [0, 1].
            verifier: id of the one verifier whose progress counts; None for the mean of all that state any.
        """
        _require_numbers("progress", weight=weight)
        if not 0.0 <= weight <= 1.0:
            raise OptionError(f"progress needs a weight in [0, 1], got {weight}")
        self.weight, self.verifier = weight, verifier
        self.reward_range = (0.0, 1.0 + weight)
        self.verifier_ids = () if verifier is None else (verifier,)

    def reward(self, step: JudgedStep, previous: Sequence[JudgedStep]) -> float:
        """What the step adds to the farthest point, plus the outcome at the end."""
        before = max((self._progress(earlier) for earlier in previous), default=0.0)
        return self.weight * max(0.0, self._progress(step) - before) + (step.outcome or 0.0)

    def _progress(self, step: JudgedStep) -> float:
        stated = [verdict.evidence.get("progress") for name, verdict in step.verdicts.items() if self.verifier in (None, name)]
        numbers = [value for value in stated if isinstance(value, int | float) and not isinstance(value, bool)]
        return sum(min(value, 1.0) if value > 0 else 0.0 for value in numbers) / len(numbers) if numbers else 0.0


REWARDS: Registry[RewardFactory] = Registry("prm_gym.rewards", "reward scheme")


def make_reward(spec: RewardSpec, horizon: int) -> RewardScheme:
    """The reward scheme that a specification names.

    Args:
        spec: a name ("dense"), a name with options ("dense?step_weight=0.3&verifier=z3"), a mapping with the name under "id" and options beside it
            ({"id": "dense", "step_weight": 0.3}), or a scheme.
        horizon: step limit of the environment.

    Raises:
        UnknownNameError: no scheme has that name; says the near miss.
        OptionError: an option does not fit.
        ContractError: what came out is no reward scheme.
    """
    if isinstance(spec, RewardScheme):
        return spec
    options = dict(spec) if isinstance(spec, Mapping) else {"id": spec}
    name = options.pop("id", None)
    if isinstance(spec, str):
        name, options = split_options(spec)
    if not isinstance(name, str):
        raise OptionError(f"a reward scheme is a name, a mapping with an 'id', or a RewardScheme, got {spec!r}")
    given: dict[str, Any] = {str(option): value for option, value in options.items()}
    if "horizon" in given:
        raise OptionError(f"the horizon of the reward scheme {name!r} is the step limit of the environment; set max_steps instead")
    scheme: Any = make("reward scheme", name, REWARDS.load(name), **given, horizon=horizon)
    if not isinstance(scheme, RewardScheme):
        raise ContractError(f"the reward scheme {name!r} made a {type(scheme).__name__}, not a prm_gym.RewardScheme")
    return scheme
