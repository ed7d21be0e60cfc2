"""`montecarlo`: P(right) of a step from roll-outs of an agent from where the step led.

    verifiers=["montecarlo:random?env=prm_gym/Countdown-v0&k=16&difficulty=2"]

Source: Wang et al. 2023, Math-Shepherd (hard and soft estimation); the logic is in `prm_gym.montecarlo`.
"""

from collections.abc import Sequence
from typing import Any

from prm_gym.agent import Agent, TrainableAgent, make_agent
from prm_gym.errors import OptionError
from prm_gym.montecarlo import Budget, Estimate, RolloutEstimator, prefix_after
from prm_gym.montecarlo.verdicts import Mode, Reading, malformed
from prm_gym.verdict import Verdict
from prm_gym.verifier import StepContext, Verifier

MOST_STARTS = 10_000  # beginnings of tasks that are remembered


class MonteCarloVerifier(Verifier):
    """Brings environments of its own to where a step led, and has an agent play on from there.

    The score is the share of roll-outs that succeed ("soft") or 1 if any does ("hard"); the evidence holds how many did, with Wilson's interval. A step that
    ends the episode has its outcome. It abstains where the state cannot be rebuilt (the step does not say how its episode began, or the environment
    is another one), and where the agent does not succeed from the beginning of the task either.

    The value of a prefix is not the truth of its last step: an agent that mends mistakes gives a wrong step a high score, one that is weak gives a right one a
    low score, and what comes after a mistake scores low however right it is by itself. Nor is it what the step has earned: a step that changes nothing has the
    value of the one before it. The value stands in the evidence as `progress`, so that `reward="progress"` pays each advance once.

    Pure where the agent is `seeded`, for then the seed decides every roll-out; not where it is not, nor for a trainable agent that is handed over as an
    object, for it may learn meanwhile. A budget makes it impure too.
    """

    id = "montecarlo"
    version = "1"

    def __init__(
        self,
        agent: str | Agent,
        *,
        env: str = "",
        k: int = 8,
        mode: Mode = "soft",
        seed: int = 0,
        threshold: float = 0.5,
        num_envs: int = 32,
        rollouts: int | None = None,
        **options: Any,
    ) -> None:
        """Make the agent and the environments.

        Args:
            agent: an agent or its specification; the folder of a saved one is one too: montecarlo:runs/first/agent?env=...
            env: id of the environment that the steps are taken in.
            k: roll-outs of a step, >= 1; of "hard", at most so many.
            mode: "soft" or "hard".
            seed: of the roll-outs.
            threshold: a step is called correct from this score on.
            num_envs: roll-outs that run at once.
            rollouts: that may be spent in all; None for no bound.
            **options: of the environment: the same as those of the environment whose steps are judged.

        Raises:
            OptionError: an option that does not fit.
            UnknownNameError: no such agent or environment.
        """
        if not env:
            raise OptionError("montecarlo needs the environment to play on in: montecarlo:AGENT?env=prm_gym/Countdown-v0, and its options")
        if not isinstance(k, int) or k < 1:
            raise OptionError(f"k is a number of roll-outs from 1 on, got {k!r}")
        made = make_agent(agent)
        self.k, self.mode = k, mode
        self._settings: dict[str, Any] = {"num_envs": num_envs, "seed": seed, "budget": Budget(rollouts=rollouts)}
        self._agent, self._env, self._options = made, env, options
        self.pure = made.seeded and rollouts is None and not (isinstance(made, TrainableAgent) and made is agent)
        self.reading = Reading(made.id, seed, mode, threshold)
        self._starts: dict[str, Estimate] = {}
        self._estimator: RolloutEstimator | None = self._made()

    def _made(self) -> RolloutEstimator:
        return RolloutEstimator(self._agent, self._env, self._options, **self._settings)

    @property
    def estimator(self) -> RolloutEstimator:
        """What draws the roll-outs; says what was spent."""
        if self._estimator is None:
            self._estimator = self._made()
        return self._estimator

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict per step; the roll-outs of all steps run together."""
        found = {row: verdict for row, step in enumerate(steps) if (verdict := malformed(step)) is not None}
        rows = [row for row in range(len(steps)) if row not in found]
        prefixes = [prefix_after(steps[row]) for row in rows]
        draw = self.estimator.reach if self.mode == "hard" else self.estimator.estimate
        estimates = dict(zip(rows, draw(prefixes, self.k), strict=True))
        starts = self._beginnings([estimate for estimate in estimates.values() if self.reading.needs_start(estimate)])
        for row, estimate in estimates.items():
            found[row] = self.reading.verdict(estimate, starts.get(estimate.prefix.cut(0).key))
        return [found[row] for row in range(len(steps))]

    def _beginnings(self, estimates: Sequence[Estimate]) -> dict[str, Estimate]:
        """Whether the agent succeeds from the beginnings of tasks; remembered where it would be the same again."""
        if len(self._starts) > MOST_STARTS:
            self._starts.clear()
        known = self._starts if self.pure else {}
        roots = {root.key: root for root in (estimate.prefix.cut(0) for estimate in estimates) if root.key not in known}
        known.update(zip(roots, self.estimator.reach(list(roots.values()), self.k), strict=True))
        return known

    def close(self) -> None:
        """Close the environments; they are made again where the verifier is used once more."""
        if self._estimator is not None:
            self._estimator.close()
            self._estimator = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_estimator": None, "_starts": {}}
