"""Playing a service up to a point, for the tests of a domain."""

from prm_gym.env import StepResult
from prm_gym.services import ServiceEnv


def play_until(env: ServiceEnv, milestone: str) -> None:
    """Take the scripted steps up to the one before that which reaches a milestone."""
    for step in env.scenario.script:
        if step.milestone == milestone:
            return
        env.step(step.action)


def state_label(result: StepResult) -> str | None:
    """The label that the verifier `state` gave to a step."""
    return result[4]["verdicts"]["state"].label
