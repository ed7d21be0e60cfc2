"""Whether a browser that paints nothing does all else."""

from prm_gym.browser.live import LivePage
from prm_gym.web.actions import Click
from prm_gym.web.observation import Acted

_SELF_TEST_HEIGHT = 40
_SELF_TEST = """(() => { const button = document.createElement("button"); button.style.cssText = "height: 40px; width: 80px"; button.textContent = "click";
  button.onclick = () => { button.textContent = "done"; }; document.body.append(button); return button.getBoundingClientRect().height; })()"""


async def self_test(page: LivePage) -> str:
    """What does not work of evaluation, layout, hit testing and clicks; "" where all does."""
    height = await page.evaluate(_SELF_TEST, page.rules.browser.deadline, False)
    if height != _SELF_TEST_HEIGHT:
        return f"lays out pages otherwise ({height} pixels)"
    sight = await page.see()
    acted = await page.act(Click(1)) if sight.items else Acted(sight, "nothing is seen")
    if acted.error or [item.name for item in acted.sight.items] != ["done"]:
        return f"does not click ({acted.error})"
    drawn = await page.evaluate("new Promise(resolve => requestAnimationFrame(() => resolve(true)))", page.rules.browser.deadline, True)
    return "" if drawn else "has no animation frames"
