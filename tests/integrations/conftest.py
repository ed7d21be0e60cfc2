"""The pages on other projects: what they show runs, and prints what they say."""

import re
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[2] / "docs" / "integrations"


@pytest.fixture
def page(tmp_path, monkeypatch, capsys):
    """Runs the examples of a page one after the other, as a reader does, in a folder of their own; files that it shows are there."""

    def run(name):
        text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(tmp_path)
        for file, content in re.findall(r"`([\w.]+\.py)`:\n\n```python\n(.*?)```", text, re.DOTALL):
            (tmp_path / file).write_text(content)
        names: dict[str, object] = {"__name__": "page"}
        shown = re.findall(r"(?<!`:\n\n)```python\n(.*?)```\n(?:\n```\n(.*?)```)?", text, re.DOTALL)
        assert shown
        for code, printed in shown:
            capsys.readouterr()
            exec(compile(code, f"{name}.md", "exec"), names)
            if printed:
                assert capsys.readouterr().out == printed

    if not PAGES.is_dir():
        pytest.skip("the tests run without the checkout around them")
    return run
