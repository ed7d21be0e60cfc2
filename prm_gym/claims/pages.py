"""Claims about steps on pages of others, of whose state only what is seen is known."""

import msgspec

from prm_gym.claims.claim import Claim


class PageShown(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="page_shown"):
    """What the agent faces after the step, for verifiers that look at pages. It states nothing of itself.

    Environments give it where they are asked to (`show=["page"]` of the worlds, `screenshots="claim"` of PageBuilding); it is stored with the trajectory.

    Attributes:
        text: the page as text; empty where there is none.
        image: the window as PNG or JPEG; empty where there is none. In JSON it is base64.
    """

    text: str = ""
    image: bytes = b""


class PageStep(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, kw_only=True, tag="page_step"):
    """The step brings what the page asks for nearer; at the end, the page says that it is done.

    How far it has come is counted where the page shows it: `after` is how many of the wanted things hold, less those that hold and should not.

    Attributes:
        call: the action, without what it says of its element.
        error: why the action could not be done; empty where it could.
        made_up: it names an element by a number that nobody has shown.
        idle: what is seen is as it was.
        waited: the action is to do nothing.
        repeated: the same action was taken before on the same page as it is seen, and the page stayed as it was.
        wanted: how many things are wanted; 0 where that is not known.
        before: how many held before the step.
        after: how many hold after it.
        best: the most that held after any earlier step, and at the beginning.
        reward: what the page itself says at the end, in [-1, 1], where 1 alone is success; None as long as it has not ended.
        left: the step left the page of the task, and ended it thereby.
    """

    call: str
    error: str = ""
    made_up: bool = False
    idle: bool = False
    waited: bool = False
    repeated: bool = False
    wanted: int = 0
    before: int = 0
    after: int = 0
    best: int = 0
    reward: float | None = None
    left: bool = False
