"""The web for agents: actions, what is seen of a page, pages of our own, a server for them, and a fast browser of texts that sees them as a real one does."""

from prm_gym.web.actions import Action, NoAction, action_text, quoted, read_action
from prm_gym.web.observation import Acted, Item, Sight, next_window, rendered

__all__ = ["Acted", "Action", "Item", "NoAction", "Sight", "action_text", "next_window", "quoted", "read_action", "rendered"]
