"""MiniWoB's own environment: the package miniwob, through Selenium and chromedriver.

An environment has one task for life and a reset does not navigate, so that each task has a fifth of the window, in an environment that was made before it.
"""

import logging
import os
import shutil
from typing import Any

from measurement import arguments, in_processes, tell
from miniwob.action import ActionTypes  # pyright: ignore[reportMissingImports] # in the virtual environment of this stack
from miniwob.environment import MiniWoBEnvironment  # pyright: ignore[reportMissingImports]
from workload import CHROMIUM, TASKS, Element, Seen

ROLES = {"button": "button", "input_text": "text", "input_password": "text", "input_checkbox": "checkbox"}


class Miniwob:
    """An environment of one task."""

    def __init__(self, task: str, screenshots: bool) -> None:
        self.env = MiniWoBEnvironment(subdomain=task, wait_ms=0.0)
        self.screenshots = screenshots

    def reset(self, task: str, seed: int) -> Seen:
        """Begin an episode; the option is the package's own."""
        observation, _ = self.env.reset(seed=seed, options={"record_screenshots": self.screenshots})
        return seen(observation)

    def act(self, ref: Any, text: str | None) -> Seen:
        """Click, or focus and type, by the environment's element actions."""
        if text is None:
            action = self.env.create_action(ActionTypes.CLICK_ELEMENT, ref=ref)
        else:
            action = self.env.create_action(ActionTypes.FOCUS_ELEMENT_AND_TYPE_TEXT, ref=ref, text=text)
        observation, _, terminated, _, info = self.env.step(action)
        return seen(observation, terminated, info["raw_reward"])

    def close(self) -> None:
        """End the driver and its browser."""
        self.env.close()


def seen(observation: dict[str, Any], done: bool = False, raw: float = 0.0) -> Seen:
    """The elements of the observation; the name of a checkbox is the text beside it in its label."""
    nodes = observation["dom_elements"]
    beside = {node["parent"]: node["text"] for node in nodes if node["tag"] == "t"}
    elements = [
        Element(node["ref"], ROLES[node["tag"]], node["text"] or beside.get(node["parent"], ""), bool(node["value"])) for node in nodes if node["tag"] in ROLES
    ]
    return Seen(observation["utterance"], elements, done, raw)


def main() -> None:
    """Measure and print."""
    call = arguments("text", "screenshots")
    driver = shutil.which("chromedriver")
    if driver is None:
        raise SystemExit("chromedriver is not installed (Debian: chromium-driver)")
    os.environ |= {"MINIWOB_CHROME_BINARY": CHROMIUM, "MINIWOB_CHROMEDRIVER": driver}
    logging.disable(logging.WARNING)
    tell(in_processes(lambda task: Miniwob(str(task), call.mode == "screenshots"), call, phases=len(TASKS)))


if __name__ == "__main__":
    main()
