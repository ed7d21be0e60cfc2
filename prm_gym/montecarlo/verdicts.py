"""Verdicts on steps from the values of what they led to."""

from typing import Literal, TypeAlias, get_args

import msgspec

from prm_gym.claims import Malformed
from prm_gym.errors import OptionError
from prm_gym.montecarlo.estimate import Estimate, wilson
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import StepContext

Mode: TypeAlias = Literal["soft", "hard"]


class Reading(msgspec.Struct, frozen=True):
    """How estimates become scores.

    Attributes:
        agent: id of the agent that continues.
        seed: of the roll-outs.
        mode: "soft" (the share of successes) or "hard" (1 if there is one).
        threshold: a step is called correct from this score on. In (0, 1].
        confidence: of the interval in the evidence. In (0, 1).
    """

    agent: str
    seed: int
    mode: Mode = "soft"
    threshold: float = 0.5
    confidence: float = 0.95

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise OptionError(f"mode is one of {', '.join(get_args(Mode))}, got {self.mode!r}")
        if not (0.0 < self.threshold <= 1.0 and 0.0 < self.confidence < 1.0):
            raise OptionError(f"threshold lies in (0, 1] and confidence in (0, 1), got {self.threshold!r} and {self.confidence!r}")

    def score(self, estimate: Estimate) -> float | None:
        """The score of a prefix."""
        return estimate.hard if self.mode == "hard" else estimate.soft

    def needs_start(self, estimate: Estimate) -> bool:
        """Whether nothing succeeded, so that it must be known whether the agent can do the task at all."""
        return not estimate.ended and estimate.successes == 0 and self.score(estimate) is not None

    def verdict(self, estimate: Estimate, start: Estimate | None) -> Verdict:
        """The verdict on the step that led to a prefix.

        A step that ends the episode has its outcome. Where the agent does not succeed from the beginning of the task either, its failures say nothing of
        the step: abstained.

        Args:
            estimate: of where the step led.
            start: of the beginning of the task, where `needs_start`; any number of roll-outs.
        """
        score = self.score(estimate)
        if score is None:
            return abstained(f"no value could be estimated: {estimate.reason or 'too few roll-outs'}", agent=self.agent)
        label = "correct" if score >= self.threshold else "incorrect"
        if estimate.outcome is not None:
            return judged(label, score, f"the episode ends here with the outcome {estimate.outcome:g}", outcome=estimate.outcome, progress=score)
        if self.needs_start(estimate) and (start is None or not start.hard):
            tried = 0 if start is None else start.trials
            said = f"the agent {self.agent} does not succeed after the step, and in {tried} roll-outs not from the beginning either: too weak to judge the step"
            return abstained(said, agent=self.agent, rollouts=estimate.trials, successes=0)
        evidence = self.evidence(estimate)
        return judged(label, score, f"{estimate.successes} of {estimate.trials} roll-outs of {self.agent} succeed after it", progress=score, **evidence)

    def evidence(self, estimate: Estimate) -> dict[str, object]:
        """What the verdict rests on, as JSON values."""
        bounds = None if estimate.stopped else list(wilson(estimate.successes, estimate.trials, self.confidence))
        return {
            "agent": self.agent,
            "mode": self.mode,
            "seed": self.seed,
            "rollouts": estimate.trials,
            "successes": estimate.successes,
            "steps": estimate.steps,
            "spoilt": estimate.spoilt,
            "stopped": estimate.stopped,
            "interval": bounds,
            "confidence": self.confidence,
        }


def malformed(step: StepContext) -> Verdict | None:
    """The verdict on a text that the environment could not read as a step; None for a step."""
    claim = next((claim for claim in step.claims if isinstance(claim, Malformed)), None)
    return None if claim is None else judged("malformed", 0.0, claim.reason)
