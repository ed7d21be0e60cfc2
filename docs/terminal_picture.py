"""Makes docs/terminal.svg: `prm-gym play` as a terminal shows it. No fonts are loaded from anywhere.

python docs/terminal_picture.py
"""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import gymnasium
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

import prm_gym
from prm_gym.commands.step_view import StepView

ACTIONS = ("fact3 & fact5 -> int1: {C}", "fact5 & fact7 -> int2: {C}", "DISPROVED")
FONTS = "ui-monospace, Menlo, Consolas, 'Liberation Mono', monospace"


def picture() -> str:
    """The picture of three steps, the first of them wrong."""
    env = gymnasium.make("prm_gym/Deduction-v0", verifiers=["z3"], reward="dense", difficulty=1)
    observation, _ = env.reset(seed=3)
    view, out = StepView(colours=True), io.StringIO()
    with redirect_stdout(out):
        view.say(f"$ prm-gym play --seed 3 --env-option difficulty=1 reward=dense\n\n{observation}\n")
        for action in ACTIONS:
            view.say(f"> {action}")
            observation, reward, terminated, truncated, info = env.step(action)
            view.taken(action, observation, float(reward), info, terminated or truncated)
    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(out.getvalue()))
    svg = console.export_svg(title=f"prm-gym {prm_gym.__version__}", theme=SVG_EXPORT_THEME, unique_id="terminal")
    return re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL).replace("Fira Code, monospace", FONTS)


if __name__ == "__main__":
    Path(__file__).with_name("terminal.svg").write_text(picture(), encoding="utf-8")
