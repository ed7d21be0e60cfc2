"""Every block of code of README.md and docs/ runs, and prints what the page shows.

The blocks of a page run in order, in one folder: `python` ones as one session, `console` ones as the commands behind `$`, and a block with `title="FILE"` is
written into that file. A block without a language right after one of Python is what that prints, and in a console block so are the lines after a command,
where there are any; `...` stands for anything. A comment right before a block says otherwise:

    <!-- needs: torch, chromium -->   is left out where a package, or a browser, is not installed (nothing is left out in CI)
    <!-- long: REASON -->             runs with PRM_GYM_SWEEPS=1 alone
    <!-- not run: REASON -->          never runs
"""

import doctest
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parent.parent
PAGES = {str(path.relative_to(ROOT)): path for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))] if path.is_file()}
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
SESSION = Path(__file__).with_name("docs_session.py")
MARK = re.compile(r"<!-- (needs|long|not run): (.+?) -->\s*")
SILENT = {"text", "toml", "json", "mermaid", "yaml", "html"}  # what they hold is no program


@dataclass
class Block:
    """A block of a page: its language, text and line, what is to be printed (None: anything), and the comment before it."""

    language: str
    code: str
    line: int
    title: str = ""
    shown: str | None = None
    marks: dict[str, str] = field(default_factory=dict)


def blocks_of(text):
    """The fenced blocks of a page that are run, or are said not to be."""
    blocks, marks, after_python = [], {}, False
    for token in MarkdownIt().parse(text):
        if token.type == "html_block":
            found = MARK.fullmatch(token.content)
            marks |= {found[1]: found[2]} if found else {}
        elif token.type == "fence":
            language, _, rest = token.info.partition(" ")
            title = re.search(r'title="([^"]+)"', rest)
            if after_python and not language:
                blocks[-1].shown = token.content
            elif language not in SILENT or title:
                blocks.append(Block(language, token.content, token.map[0] + 1, title[1] if title else "", marks=marks))
            marks, after_python = {}, language == "python" and not title
        else:
            assert token.type != "code_block", f"line {token.map[0] + 1}: an indented block of code has no language; fence it"
            after_python = after_python and token.type not in {"inline", "heading_open"}
    return blocks


def commands_of(block):
    """The commands of a console block, each with what is shown behind it: None where nothing is."""
    commands, shown = [], []
    continued = False
    for line in block.code.splitlines(keepends=True):
        if continued:
            commands[-1] += line
        elif line.startswith("$ "):
            commands.append(line[2:])
            shown.append("")
        else:
            shown[-1] += line
            continue
        continued = line.rstrip().endswith("\\")
    return [(command, text or None) for command, text in zip(commands, shown, strict=True)]


def is_there(need):
    if need == "chromium":
        if find_spec("playwright") is None or find_spec("uvicorn") is None:
            return False
        from prm_gym.browser import find_browser

        return not find_browser().reason
    return find_spec(need) is not None


def to_run(blocks, long):
    """What the session is given of a page's blocks, with what each is to print."""
    jobs, shown = [], []
    for block in blocks:
        missing = [need for need in re.split(r",\s*", block.marks.get("needs", "")) if need and not is_there(need)]
        assert not (missing and os.environ.get("CI")), f"line {block.line}: not installed: {missing}"
        if "not run" in block.marks or ("long" in block.marks and not long) or missing:
            continue
        if block.title:
            jobs.append({"kind": "file", "name": block.title, "code": block.code, "place": block.line})
            shown.append(None)
        elif block.language == "console":
            for command, text in commands_of(block):
                jobs.append({"kind": "console", "code": command, "place": block.line})
                shown.append(text)
        else:
            jobs.append({"kind": "python", "code": block.code, "place": f"line {block.line}"})
            shown.append(block.shown)
    return jobs, shown


def run_page(page, folder, *, long=False, timeout=280, change=lambda code: code):
    """Runs a page in a folder; what each of its jobs printed."""
    jobs, shown = to_run(blocks_of(PAGES[page].read_text(encoding="utf-8")), long)
    jobs = [{**job, "code": change(job["code"])} for job in jobs]
    if not jobs:
        return []
    (folder / "installed").mkdir(parents=True)
    (folder / "work").mkdir()
    # `pip install ./mine` of a page installs beside, not into, what the tests run in.
    installing = {
        "PIP_TARGET": str(folder / "installed"),
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_NO_INDEX": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    paths = {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]), "PYTHONPATH": str(folder / "installed")}
    done = subprocess.run(
        [sys.executable, str(SESSION), str(folder / "results.json")],
        input=json.dumps(jobs),
        env={**os.environ, **installing, **paths, "COLUMNS": "160", "NO_COLOR": "1"},
        cwd=folder / "work",
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for job, result, text in zip(jobs, results, shown, strict=False):
        assert "error" not in result, f"{page}, {job['place']}:\n{job['code']}\n{result['error']}"
        if text is not None:
            checker, options = doctest.OutputChecker(), doctest.ELLIPSIS
            assert checker.check_output(text, result["printed"], options), f"{page}, {job['place']} shows\n{text}\nand prints\n{result['printed']}"
    assert len(results) == len(jobs)
    return [result["printed"] for result in results]


LOOPS = "docs/loops.md"
ELSEWHERE = {  # pages that need a server or a project that is not installed here, with the tests that run what they show
    "docs/serving.md": "tests/serving/test_documented.py",
    **{f"docs/integrations/{name}.md": f"tests/integrations/{name}" for name in ("inspect", "openenv", "verifiers", "verl")},
}


@pytest.mark.skipif(not PAGES, reason="the tests run without the checkout around them")
def test_pages_that_run_elsewhere_are_there_and_so_are_their_tests():
    assert ELSEWHERE.keys() <= PAGES.keys()
    for page, tests in ELSEWHERE.items():
        files = [ROOT / tests] if tests.endswith(".py") else sorted((ROOT / tests).glob("test_*.py"))
        name = Path(page).stem
        assert any(f'page("{name}")' in text or f'"{name}.md"' in text for text in (file.read_text(encoding="utf-8") for file in files)), page


@pytest.mark.parametrize("page", [page for page in PAGES if page not in {LOOPS, *ELSEWHERE}])
def test_the_page_runs_as_it_stands(page, tmp_path):
    run_page(page, tmp_path)


@pytest.mark.sweep
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("page", [page for page, path in PAGES.items() if "\n<!-- long: " in path.read_text(encoding="utf-8")])
def test_the_page_runs_with_what_takes_long(page, tmp_path):
    run_page(page, tmp_path, long=True, timeout=2900)


@pytest.mark.skipif(not PAGES, reason="the tests run without the checkout around them")
def test_most_blocks_run_and_the_others_say_why():
    blocks = [block for page, path in PAGES.items() if page not in ELSEWHERE for block in blocks_of(path.read_text(encoding="utf-8"))]
    left_out = [block for block in blocks if {"long", "not run"} & block.marks.keys()]
    assert len(blocks) - len(left_out) >= 54  # as many as ran when this was last looked at; a page that loses its blocks, or its fences, is noticed
    assert all(len(reason) >= 10 for block in left_out for name, reason in block.marks.items() if name != "needs")


@pytest.mark.slow
@pytest.mark.skipif(LOOPS not in PAGES, reason="the tests run without the checkout around them")
def test_the_training_loops_of_the_page_learn(tmp_path):
    pytest.importorskip("torch")
    _, _, own, parts, *_ = run_page(LOOPS, tmp_path, change=lambda code: code.replace("range(20)", "range(3)"))
    success = [float(line.split()[2]) for line in own.splitlines()]
    # A random agent solves a tenth of the tasks, always answering UNKNOWN a fifth.
    assert len(success) == 60
    assert sum(success[-10:]) / 10 > 0.35
    lines = [line.split() for line in parts.splitlines()]
    # Eight tasks, four attempts at each, of one step at least; corrections are steps too.
    assert [int(line[0]) for line in lines] == [0, 1, 2]
    assert int(lines[0][1]) >= 32
    assert float(lines[0][-1]) > 0.0


def test_a_page_is_read_as_its_comments_say():
    page = """
<!-- needs: no_such_package -->
```python
import no_such_package
```

```python
print(1)
```

```
1
```

```console
$ echo a \\
    b
a b
$ true
```

<!-- not run: it never ends -->
```console
$ yes
```
"""
    blocks = blocks_of(page)
    assert [(block.language, block.marks, block.shown) for block in blocks] == [
        ("python", {"needs": "no_such_package"}, None),
        ("python", {}, "1\n"),
        ("console", {}, None),
        ("console", {"not run": "it never ends"}, None),
    ]
    assert commands_of(blocks[2]) == [("echo a \\\n    b\n", "a b\n"), ("true\n", None)]
    with pytest.raises(AssertionError, match="indented"):
        blocks_of("text\n\n    code\n")


def test_what_is_printed_is_compared(tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    monkeypatch.setitem(PAGES, "page", page)
    page.write_text("```python\nprint(1 + 1)\n```\n\n```\n3\n```\n")
    with pytest.raises(AssertionError, match=r"prints\s+2"):
        run_page("page", tmp_path / "first")
    page.write_text("```console\n$ echo one two\none ...\n$ false\n```\n")
    with pytest.raises(AssertionError, match="exit status 1"):
        run_page("page", tmp_path / "second")


@pytest.mark.skipif(not CONTRIBUTING.is_file(), reason="the tests run without the checkout around them")
def test_the_world_of_the_contributors_guide_keeps_the_contract(tmp_path):
    (code,) = re.findall(r"```python\n(from functools.*?)```", CONTRIBUTING.read_text(), re.DOTALL)
    (tmp_path / "my_package.py").write_text(code)
    run = """import functools, gymnasium, my_package
from prm_gym.testing import check_step_env
for difficulty in (1, 2):
    check_step_env(functools.partial(gymnasium.make, "mine/Shed-v0", difficulty=difficulty))"""
    subprocess.run([sys.executable, "-c", run], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)
