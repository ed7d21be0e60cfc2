"""A page of a real browser that visits our sites."""

from collections.abc import Mapping, Sequence
from typing import Any

from prm_gym.errors import EnvironmentFault
from prm_gym.web.actions import Action
from prm_gym.web.observation import Acted
from prm_gym.web.site import Site, Visit
from prm_gym.web.text_browser import Browser


class RealBrowser(Browser):
    """Not yet there."""

    def __init__(self, sites: Sequence[Site], options: Mapping[str, Any]) -> None:
        """Open a page."""
        raise EnvironmentFault("the real browser is not built yet")

    @property
    def alive(self) -> bool:
        """Whether the page can still be used."""
        return False

    def visit_with(self, visit: Visit) -> None:
        """Turn to another visit."""


def act_together(browsers: Sequence[Browser], actions: Sequence[Action]) -> list[Acted | EnvironmentFault]:
    """Let all act at once."""
    return [browser.act(action) for browser, action in zip(browsers, actions, strict=True)]
