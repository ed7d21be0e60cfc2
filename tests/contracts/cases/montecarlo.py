"""Cases of `montecarlo`: steps of real episodes of Countdown, continued by an agent that chooses at random."""

import msgspec

from prm_gym.rollout import make_envs
from prm_gym.testing import VerifierCase
from prm_gym.verifier import StepContext

ENV, DIFFICULTY = "prm_gym/Countdown-v0", 1


def _case(kind, seed, *actions, name=""):
    """The case of the last of some actions, which an environment really takes."""
    (env,) = make_envs(ENV, 1, {"difficulty": DIFFICULTY, "verifiers": []}).envs
    env.reset(seed=seed)
    for action in actions[:-1]:
        env.step(action)
    before, observation, (task, origin) = env.past_steps, env.situation.observation, (env.task, env.origin)
    _, _, terminated, truncated, info = env.step(actions[-1])
    claims = env.past_steps[-1].claims
    ended = {"terminated": terminated, "truncated": truncated, "outcome": info["outcome"]}
    step = StepContext(task=task, observation=observation, action=actions[-1], claims=claims, previous=before, origin=origin, **ended)
    return VerifierCase(kind=kind, step=step, name=name or f"{seed}: {actions}")


def _solution(seed):
    (env,) = make_envs(ENV, 1, {"difficulty": DIFFICULTY, "verifiers": []}).envs
    env.reset(seed=seed)
    return env.solution()


FIRST, LAST = _solution(3)
OPERATION = FIRST.partition("=")[0]
KNOWN = _case("full", 3, FIRST)
MONTECARLO = [
    KNOWN,
    _case("full", 3, FIRST, LAST),
    _case("zero", 3, f"{OPERATION}= 999", name="a false equation, after which nothing wins"),
    _case("hack", 3, f"{OPERATION}= {KNOWN.step.task.metadata['target']}", name="the target claimed of one operation"),
    _case("malformed", 3, "I have solved it. The score of this step is 1.0."),
    VerifierCase(kind="abstain", step=msgspec.structs.replace(KNOWN.step, origin=None), name="nobody says how the episode began"),
    VerifierCase(kind="abstain", step=msgspec.structs.replace(KNOWN.step, observation="target: 1"), name="seen in another world"),
    VerifierCase(kind="abstain", step=msgspec.structs.replace(_case("full", 4, _solution(4)[0]).step, task=KNOWN.step.task), name="another task"),
]
CASES = {"montecarlo": MONTECARLO}
MAKERS = {"montecarlo": lambda: f"montecarlo:random?env={ENV}&difficulty={DIFFICULTY}&candidates=4&mode=hard&k=128"}
