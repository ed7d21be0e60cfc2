"""What an agent has done so far and in which state, to tell a second look from a loop."""

import msgspec

from prm_gym.task import content_key
from prm_gym.web.actions import Action, Click, Select, Type, action_text

MOST_LOOKS = 2


class Trail:
    """How often each action was done in each state of an episode.

    To go back to a page and open the same link once more is no mistake: what a page says may have to be read twice. A loop is the same action in the same
    state, with the same milestones reached, the same rows and the same page before it, for the third time; or for the second, where nothing comes of it: a
    refusal, or the page as it is. What brings a milestone or changes rows leads to another state, from which all may be looked at again.
    """

    def __init__(self) -> None:
        self._made: dict[str, int] = {}

    def loops(self, state_key: str, action: Action, idle: bool) -> bool:
        """Note an action; whether it is a loop.

        Args:
            state_key: of the state in which it was done.
            action: with or without the words that say which element is meant.
            idle: nothing came of it.
        """
        plain = msgspec.structs.replace(action, of="") if isinstance(action, Click | Type | Select) else action
        made = content_key(state_key, action_text(plain))
        before = self._made.get(made, 0)
        self._made[made] = before + 1
        return before >= (1 if idle else MOST_LOOKS)
