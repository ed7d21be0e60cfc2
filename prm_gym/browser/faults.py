"""What goes wrong with a browser: faults of the infrastructure, a browser that is not there, and scripts of the caller's own that fail."""

from typing import Literal, TypeAlias

from prm_gym.errors import EnvironmentFault, PrmGymError

FaultKind: TypeAlias = Literal["page_crashed", "page_hung", "browser_died", "driver_died", "deadline", "unreachable"]


class BrowserFault(EnvironmentFault):
    """The browser spoilt the step: the episode is invalid and trains nobody. The page is dead; its owner opens another one.

    Attributes:
        kind: "page_crashed" (its process is gone), "page_hung" (it does not answer, and could not be stopped), "browser_died", "driver_died" (the process
            between us and the browser), "deadline" (no answer in time), "unreachable" (the address that an episode begins with cannot be opened).
    """

    def __init__(self, kind: FaultKind, reason: str) -> None:
        """Say what happened."""
        self.kind: FaultKind = kind
        self.reason = reason
        super().__init__(f"{kind}: {reason}")

    def __reduce__(self) -> tuple[type["BrowserFault"], tuple[FaultKind, str]]:
        """Rebuild from the constructor's own arguments."""
        return (BrowserFault, (self.kind, self.reason))


class NoBrowserError(PrmGymError):
    """There is no browser here that can be driven; the message says how to get one."""


class PageScriptError(PrmGymError):
    """A script that the caller ran in a page threw an exception, or took longer than it was given; the page lives on."""
