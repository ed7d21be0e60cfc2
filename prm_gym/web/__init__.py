"""The web for agents: actions, what is seen of a page, sites of our own with rows behind them, and a fast browser of texts that sees what a real one sees."""

from prm_gym.web.actions import Action, NoAction, action_text, quoted, read_action
from prm_gym.web.candidates import IMPOSSIBLE
from prm_gym.web.environment import Happened, WorldEnv
from prm_gym.web.html import Node, e, fragment
from prm_gym.web.observation import Acted, Item, Sight, next_window, rendered
from prm_gym.web.parts import Beginning, Draw, Maker, Part, Row, Spoken, Way, Work, asked, drawn, joined, pick, row_of, some
from prm_gym.web.scenario import Checkpoint, Do, WebScenario, choose, click, fill
from prm_gym.web.site import Event, Invalid, Missing, Page, Redirect, Request, Site, Visit
from prm_gym.web.site_task import PageFacts, SiteTask
from prm_gym.web.text_browser import TextBrowser

__all__ = [
    "IMPOSSIBLE",
    "Acted",
    "Action",
    "Beginning",
    "Checkpoint",
    "Do",
    "Draw",
    "Event",
    "Happened",
    "Invalid",
    "Item",
    "Maker",
    "Missing",
    "NoAction",
    "Node",
    "Page",
    "PageFacts",
    "Part",
    "Redirect",
    "Request",
    "Row",
    "Sight",
    "Site",
    "SiteTask",
    "Spoken",
    "TextBrowser",
    "Visit",
    "Way",
    "WebScenario",
    "Work",
    "WorldEnv",
    "action_text",
    "asked",
    "choose",
    "click",
    "drawn",
    "e",
    "fill",
    "fragment",
    "joined",
    "next_window",
    "pick",
    "quoted",
    "read_action",
    "rendered",
    "row_of",
    "some",
]
