"""What all environments on pages share: what is seen and shown, the element that an action means, and actions in many browsers at once."""

import time
from collections.abc import Sequence

from prm_gym.claims import Reference
from prm_gym.errors import EnvironmentFault
from prm_gym.web.actions import Action, Answer, Click, NoAction, Scroll, Select, Type, quoted
from prm_gym.web.observation import WINDOW, Acted, Sight, next_window, rendered
from prm_gym.web.text_browser import Browser

GROWING_SECONDS = 0.4


class View:
    """A page as an agent has it before it: what is seen, which part of it is shown, and what came of an action that was done ahead of its step."""

    def __init__(self, browser: Browser, *, lazy: bool = False) -> None:
        """Look through a browser; nothing is open yet.

        Args:
            browser: real or not.
            lazy: pages may grow when they are scrolled: `scroll down` at the end of what is seen scrolls the page as well.
        """
        self.browser = browser
        self.sight = Sight("", "", ())
        self.start = 0
        self._lazy = lazy
        self._ahead: tuple[str, Acted | EnvironmentFault] | None = None

    @property
    def text(self) -> str:
        """What is shown."""
        return rendered(self.sight, self.start)

    def open(self, url: str) -> None:
        """Open an address in a new beginning."""
        self._ahead, self.start = None, 0
        self.sight = self.browser.open(url)

    def mistake(self, action: Action) -> str:
        """Why an action that says which element it means is mistaken; empty where it is not."""
        if isinstance(action, Click | Type | Select) and action.of:
            item = self.sight.find(action.ref)
            found = "" if item is None else f"{item.role} {quoted(item.name)}"
            if found and found != action.of:
                return f"[{action.ref}] is {found}, not {action.of}"
        return ""

    def reaches_page(self, action: Action | NoAction) -> bool:
        """Whether an action is done in the browser: it is no answer, moves not the window alone, and means the element that it names."""
        if isinstance(action, NoAction | Answer):
            return False
        if isinstance(action, Scroll):
            return self._lazy and action.direction == "down" and self.start + WINDOW >= len(self.sight.items)
        return not self.mistake(action)

    def is_ahead(self, text: str) -> bool:
        """Whether this action has been done ahead of its step."""
        return self._ahead is not None and self._ahead[0] == text

    def act(self, text: str, action: Action) -> Acted:
        """What comes of an action; of one that was done ahead, what came of it.

        Args:
            text: as the agent wrote it.
            action: that it is.

        Raises:
            EnvironmentFault: the browser failed.
        """
        kept, self._ahead = self._ahead, None
        if kept is not None and kept[0] == text:
            if isinstance(kept[1], EnvironmentFault):
                raise kept[1]
            acted = kept[1]
        elif self.reaches_page(action):
            acted = self.browser.act(action)
        else:
            return Acted(self.sight, self.mistake(action))
        return self._grown(acted) if isinstance(action, Scroll) else acted

    def _grown(self, acted: Acted) -> Acted:
        """A page that was scrolled, with what it adds then: scrolling is told to it with a frame, and it may fetch first."""
        end = time.monotonic() + GROWING_SECONDS
        while len(acted.sight.items) == len(self.sight.items) and time.monotonic() < end:
            time.sleep(GROWING_SECONDS / 10)
            acted = Acted(self.browser.see(), acted.error)
        return acted

    def keep(self, text: str, result: Acted | EnvironmentFault) -> None:
        """Keep what came of an action until its step is taken."""
        self._ahead = text, result

    def show(self, action: Action, acted: Acted) -> None:
        """Turn to what came of an action: another page is shown from its beginning, the same one from where it was."""
        same = acted.sight.page == self.sight.page and acted.sight.tab == self.sight.tab
        self.start = next_window(acted.sight, self.start, action.direction == "down") if isinstance(action, Scroll) else self.start * same
        self.sight = acted.sight


def act_ahead(acting: Sequence[tuple[View, str, Action]]) -> None:
    """Act on the pages of several real browsers at once; `View.act` finds what came of it."""
    from prm_gym.web.real_browser import act_together

    if acting:
        results = act_together([view.browser for view, _, _ in acting], [action for _, _, action in acting])
        for (view, text, _), result in zip(acting, results, strict=True):
            view.keep(text, result)


def observed(wish: str, page: str, error: str = "") -> str:
    """An observation: what is asked, why the last action could not be done, in one line whatever the agent wrote, and the page."""
    return f"task: {wish}\nError: {' '.join(error.splitlines())}\n{page}" if error else f"task: {wish}\n{page}"


def made_up(action: Action, error: str) -> tuple[Reference, ...]:
    """The element that an action names by a number that nobody has shown."""
    ref = getattr(action, "ref", 0)
    return (Reference(f"[{ref}]", "page", exists=False),) if ref and error == f"there is no element [{ref}]" else ()
