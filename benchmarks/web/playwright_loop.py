"""The straightforward Playwright loop: `locator.click()` and `locator.fill()`, an observation by one `page.evaluate`, one browser, a context an environment.

Environments run side by side by `asyncio.gather`, none waiting for another. A reset has its page made anew (`new-page`: what most people write), navigates
in the page that is there (`goto`), or only starts the task again in it (`restart`: possible because MiniWoB's pages can).
"""

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Any

from measurement import arguments, figures, processes_below, tell, usage
from playwright.async_api import BrowserContext, Error, Page, async_playwright
from workload import CHROMIUM, MOST_STEPS, START, TASKS, Element, Episode, Seen, action_for, episodes_of, page_of

SELECTOR = "#area button, #area input"
# Everything that the agent is shown, and how the episode stands, in one round trip; elements are numbered as the locators of SELECTOR are.
OBSERVE = """selector => ({
  utterance: core.getUtterance(), done: WOB_DONE_GLOBAL, raw: WOB_RAW_REWARD_GLOBAL,
  elements: [...document.querySelectorAll(selector)].map((e, i) => [i,
    e.tagName === 'BUTTON' ? 'button' : e.type === 'checkbox' ? 'checkbox' : 'text',
    (e.labels && e.labels.length ? e.labels[0] : e).textContent.trim(),
    e.type === 'checkbox' ? e.checked : e.value !== ''])})"""
TIMEOUT_MS = 2_000


async def observed(page: Page) -> Seen:
    """The observation of the page."""
    found: dict[str, Any] = await page.evaluate(OBSERVE, SELECTOR)
    return Seen(found["utterance"], [Element(*element) for element in found["elements"]], found["done"], found["raw"])


class Loop:
    """One environment."""

    def __init__(self, context: BrowserContext, page: Page, mode: str) -> None:
        self.context, self.page, self.mode = context, page, mode
        self.pages: dict[str, Page] = {}

    async def reset(self, task: str, seed: int) -> Seen:
        """Begin an episode."""
        if self.mode == "restart":
            if task not in self.pages:
                self.pages[task] = await self.context.new_page()
                await self.pages[task].goto(page_of(task))
            self.page = self.pages[task]
        else:
            if self.mode == "new-page":
                await self.page.close()
                self.page = await self.context.new_page()
            await self.page.goto(page_of(task))
        await self.page.evaluate(START, seed)
        return await observed(self.page)

    async def act(self, ref: Any, text: str | None) -> Seen:
        """Click or fill the element; one that cannot be clicked costs its timeout, and the episode goes on."""
        element = self.page.locator(SELECTOR).nth(ref)
        try:
            await (element.click() if text is None else element.fill(text))
        except Error as failure:
            if "Timeout" not in str(failure):
                raise
        return await observed(self.page)

    async def play(self, task: str, seed: int) -> Episode:
        """One episode, timed."""
        began = time.perf_counter()
        seen = await self.reset(task, seed)
        episode = Episode(task, time.perf_counter() - began)
        while not seen.done and len(episode.steps) < MOST_STEPS:
            ref, text = action_for(task, seen)
            started = time.perf_counter()
            seen = await self.act(ref, text)
            episode.steps.append(time.perf_counter() - started)
        episode.seconds = time.perf_counter() - began
        episode.success = seen.raw >= 1
        return episode

    async def play_until(self, end: float, todo: Iterator[tuple[str, int]], least: int) -> list[Episode]:
        """Episodes until the window ends."""
        played: list[Episode] = []
        while len(played) < least or time.perf_counter() < end:
            played.append(await self.play(*next(todo)))
        return played


async def measured(envs: int, seconds: float, first: int, mode: str) -> dict[str, Any]:
    """The figures of one window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM)
        loops: list[Loop] = []
        for _ in range(envs):
            context = await browser.new_context()
            context.set_default_timeout(TIMEOUT_MS)
            loops.append(Loop(context, await context.new_page(), mode))
        for task in TASKS if mode == "restart" else TASKS[:1]:
            await asyncio.gather(*(loop.play(task, first) for loop in loops))
        own = [os.getpid()]
        before = usage(own + processes_below(own[0]))[1]
        end = time.perf_counter() + seconds
        least = len(TASKS) if envs == 1 else 1
        played = await asyncio.gather(*(loop.play_until(end, episodes_of(env, envs, first), least) for env, loop in enumerate(loops)))
        pids = own + processes_below(own[0])
        memory, after = usage(pids)
        await browser.close()
    return figures([episode for episodes in played for episode in episodes], envs, len(pids), memory, after - before)


if __name__ == "__main__":
    call = arguments("new-page", "goto", "restart")
    tell(asyncio.run(measured(call.envs, call.seconds, call.first, call.mode)))
