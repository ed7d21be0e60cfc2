"""BrowserGym's MiniWoB environments, as shipped or with its waiting turned off.

BrowserGym starts two browsers a reset, one for the task and one for its chat. Only the first can be told which program to run, so that `launch` itself is given
a default here.
"""

import functools
import logging
import os
import warnings
from typing import Any

import browsergym.miniwob.all as tasks  # pyright: ignore[reportMissingImports] # in the virtual environment of this stack
from browsergym.core.env import BrowserEnv  # pyright: ignore[reportMissingImports]
from measurement import arguments, in_processes, tell
from playwright.sync_api import BrowserType
from workload import CHROMIUM, Element, Seen, page_of

CLASSES = {
    "click-test-2": tasks.ClickTest2Task,
    "click-button": tasks.ClickButtonTask,
    "enter-text": tasks.EnterTextTask,
    "login-user": tasks.LoginUserTask,
    "click-checkboxes": tasks.ClickCheckboxesTask,
}
ROLES = {"button": "button", "textbox": "text", "checkbox": "checkbox"}


class BrowserGym:
    """An environment that is given another task at each reset, since a reset makes everything anew."""

    def __init__(self, tuned: bool) -> None:
        self.env = BrowserEnv(CLASSES["click-button"], **({"slow_mo": 0, "pre_observation_delay": 0.0} if tuned else {}))

    def reset(self, task: str, seed: int) -> Seen:
        """Begin an episode."""
        self.env.task_entrypoint = CLASSES[task]
        observation, _ = self.env.reset(seed=seed)
        return seen(observation)

    def act(self, ref: Any, text: str | None) -> Seen:
        """Click or fill, by BrowserGym's action strings."""
        observation, _, terminated, _, info = self.env.step(f"click({ref!r})" if text is None else f"fill({ref!r}, {text!r})")
        return seen(observation, terminated, info["task_info"].get("RAW_REWARD_GLOBAL", 0.0))

    def close(self) -> None:
        """End the browsers."""
        self.env.close()


def seen(observation: dict[str, Any], done: bool = False, raw: float = 0.0) -> Seen:
    """The elements of the accessibility tree."""
    elements: list[Element] = []
    for node in observation["axtree_object"]["nodes"]:
        role = ROLES.get(node["role"]["value"])
        if role and "browsergym_id" in node:
            ticked = any(field["name"] == "checked" and field["value"]["value"] == "true" for field in node.get("properties", []))
            elements.append(Element(node["browsergym_id"], role, node["name"]["value"].strip(), ticked or bool(node.get("value", {}).get("value"))))
    return Seen(observation["goal"], elements, done, raw)


def main() -> None:
    """Measure and print."""
    call = arguments("tuned", "shipped")
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    os.environ["MINIWOB_URL"] = page_of("x").removesuffix("x.html")
    BrowserType.launch = functools.partialmethod(BrowserType.launch, executable_path=CHROMIUM)  # pyright: ignore[reportAttributeAccessIssue]
    tell(in_processes(lambda _: BrowserGym(call.mode == "tuned"), call))


if __name__ == "__main__":
    main()
