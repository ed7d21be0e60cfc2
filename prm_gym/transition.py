"""What an environment says: what the agent faces, and what an action did."""

import msgspec

from prm_gym.claims import Claim


class Situation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What the agent faces.

    Attributes:
        observation: the text it sees; never a reward, a verdict or anything sealed.
        state_key: equal exactly when the situation is the same (steps taken aside).
        actions: the admissible actions, where the environment can list them.
    """

    observation: str
    state_key: str
    actions: tuple[str, ...] = ()


class Transition(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What an action did.

    Attributes:
        situation: where it led.
        claims: checkable statements about the step.
        terminated: the task ends here.
        outcome: in [0, 1]; given exactly when terminated.
    """

    situation: Situation
    claims: tuple[Claim, ...] = ()
    terminated: bool = False
    outcome: float | None = None
