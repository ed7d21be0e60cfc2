"""The web for agents: actions, what is seen of a page, sites of our own with rows behind them, and a fast browser of texts that sees what a real one sees."""

from prm_gym.web.actions import Action, NoAction, action_text, quoted, read_action
from prm_gym.web.environment import Happened, WorldEnv
from prm_gym.web.html import Node, e, part
from prm_gym.web.observation import Acted, Item, Sight, next_window, rendered
from prm_gym.web.scenario import Checkpoint, Do, WebScenario, choose, click, fill
from prm_gym.web.site import Event, Invalid, Missing, Page, Redirect, Request, Site, Visit
from prm_gym.web.site_task import PageFacts, SiteTask
from prm_gym.web.text_browser import TextBrowser

__all__ = [
    "Acted",
    "Action",
    "Checkpoint",
    "Do",
    "Event",
    "Happened",
    "Invalid",
    "Item",
    "Missing",
    "NoAction",
    "Node",
    "Page",
    "PageFacts",
    "Redirect",
    "Request",
    "Sight",
    "Site",
    "SiteTask",
    "TextBrowser",
    "Visit",
    "WebScenario",
    "WorldEnv",
    "action_text",
    "choose",
    "click",
    "e",
    "fill",
    "next_window",
    "part",
    "quoted",
    "read_action",
    "rendered",
]
