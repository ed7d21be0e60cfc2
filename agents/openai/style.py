"""How a chat model is asked for an action."""

from typing import Literal

import msgspec

from prm_gym.errors import OptionError


class AskingStyle(msgspec.Struct, frozen=True, kw_only=True):
    """How a chat model is asked for an action.

    Attributes:
        temperature: of the answers, in [0, 2]; 0 for the most probable ones.
        max_tokens: of an answer, thoughts included; >= 1.
        seed: of the draws.
        choose: "listed": among the listed actions, where there are any; "free": whatever it writes; "auto": listed where there are no tools to call.
        calls: "native": tools by the interface; "text": as text, in the form that the instructions show.
        reason: it is asked to think in the open before it acts, for models that do not think by themselves.
        history: how many earlier steps it is shown, beside the first observation, which tells the task; None for all of them, 0 for what is seen now alone
            (enough where that is the whole state).
    """

    temperature: float = 0.7
    max_tokens: int = 1024
    seed: int = 0
    choose: Literal["auto", "listed", "free"] = "auto"
    calls: Literal["native", "text"] = "native"
    reason: bool = False
    history: int | None = None

    def __post_init__(self) -> None:
        if not (type(self.temperature) in (int, float) and 0 <= self.temperature <= 2):
            raise OptionError(f"temperature is a number from 0 to 2, got {self.temperature!r}")
        if type(self.max_tokens) is not int or self.max_tokens < 1:
            raise OptionError(f"max_tokens is an integer from 1 on, got {self.max_tokens!r}")
        if type(self.seed) is not int:
            raise OptionError(f"seed is an integer, got {self.seed!r}")
        if self.choose not in ("auto", "listed", "free"):
            raise OptionError(f"choose is 'auto', 'listed' or 'free', got {self.choose!r}")
        if self.calls not in ("native", "text"):
            raise OptionError(f"calls is 'native' or 'text', got {self.calls!r}")
        if type(self.reason) is not bool:
            raise OptionError(f"reason is true or false, got {self.reason!r}")
        if self.history is not None and (type(self.history) is not int or self.history < 0):
            raise OptionError(f"history is a number of steps from 0 on, or None for all, got {self.history!r}")
