"""The pages on other trainers and data sets: what they show runs, and prints what it says."""

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "integrations"
NEEDS = {"trl": ("trl",), "stable_baselines3": ("sb3_contrib",), "cleanrl": ("torch",), "datasets": ("datasets",)}


@pytest.mark.slow
@pytest.mark.skipif(not PAGES.is_dir(), reason="the tests run without the checkout around them")
@pytest.mark.filterwarnings("ignore::FutureWarning:transformers")
@pytest.mark.parametrize("page", NEEDS)
def test_what_a_page_shows_runs(page, capsys):
    for package in NEEDS[page]:
        pytest.importorskip(package)
    path = PAGES / f"{page}.md"
    ((code, shown),) = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    exec(compile(code, str(path), "exec"), {"__name__": "shown"})
    printed = capsys.readouterr().out.splitlines()
    assert "\n".join(line for line in printed if not line.startswith("{'train_runtime'")) == shown.rstrip("\n")  # Hugging Face's own last line


@pytest.mark.skipif(not PAGES.is_dir(), reason="the tests run without the checkout around them")
def test_every_page_is_run():
    assert {path.stem for path in PAGES.glob("*.md")} >= set(NEEDS)
    assert all(len(re.findall(r"```python\n.*?```", (PAGES / f"{page}.md").read_text(encoding="utf-8"), re.DOTALL)) == 1 for page in NEEDS)
