"""What benchmarks/newcomer reads from the pages, runs, and finds in a report; the whole path, which downloads gigabytes, is not walked here."""

import importlib.util
import json
import sys
import time
from pathlib import Path

import pytest

from prm_gym.report.comparison import Comparison, CurvePoint, RunResult
from prm_gym.report.page import write_page
from prm_gym.verdict_ledger import VerifierUse

pytest.importorskip("playwright")
ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "newcomer" / "run.py"
pytestmark = pytest.mark.skipif(not SCRIPT.is_file(), reason="the benchmarks are not part of the wheel")


@pytest.fixture(scope="module")
def newcomer():
    spec = importlib.util.spec_from_file_location("newcomer_benchmark", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
        yield module
    finally:
        del sys.modules[spec.name]


PAGE = """
```python title="mine/mine.py"
ONE = 1

TWO = 2
```

```console
$ echo one \\
  two
one two
$ true
```

```python
print(1)
```

```
1
```

<!-- not run: it never ends -->
```console
$ yes
```

<!-- needs: torch -->
```console
$ echo three
```

```text
a picture
```
"""


def test_the_blocks_of_a_page_are_those_that_a_reader_runs(newcomer):
    found = [(block.kind, block.code, block.name, block.shown) for block in newcomer.blocks_of(PAGE)]
    assert found == [
        ("file", "ONE = 1\n\nTWO = 2\n", "mine/mine.py", None),
        ("console", "echo one \\\n  two", "", "one two\n"),
        ("console", "true", "", None),
        ("python", "print(1)\n", "", "1\n"),
        ("console", "echo three", "", None),
    ]
    assert newcomer.lines_to_write(found[0][1]) == 2


def test_the_real_pages_have_what_the_path_needs(newcomer):
    assert newcomer.demo_command((ROOT / "README.md").read_text(encoding="utf-8")) == "make demo"
    blocks = list(newcomer.blocks_of((ROOT / newcomer.TUTORIAL).read_text(encoding="utf-8")))
    files = {block.name: block.code for block in blocks if block.kind == "file"}
    assert newcomer.plugged_in(files) == "whole"
    commands = [block.code.split()[:2] for block in blocks if block.kind == "console"]
    assert ["pip", "install"] in commands
    assert ["prm-gym", "compare"] in commands
    assert newcomer.TRAINING.match(".venv/bin/prm-gym compare --env x\n")
    assert not newcomer.TRAINING.match("Collecting prm-gym compare \n")


def test_a_readme_or_a_package_that_lacks_it_ends_the_path(newcomer):
    with pytest.raises(newcomer.PathEndsError, match="no command for the demo"):
        newcomer.demo_command("$ make demo-web\n")
    with pytest.raises(newcomer.PathEndsError, match="enter 0 verifiers"):
        newcomer.plugged_in({"mine/pyproject.toml": "[project]\nname = 'mine'\n"})


def test_lines_come_with_the_time_at_which_they_were_printed(newcomer, tmp_path):
    seconds, printed = newcomer.lines_in_time(["bash", "-c", "echo first; sleep 0.5; echo second"], tmp_path, newcomer.environment_of(tmp_path), 20)
    assert [line for _, line in printed] == ["first\n", "second\n"]
    assert printed[1][0] - printed[0][0] >= 0.4
    assert printed[1][0] <= seconds


def test_what_fails_or_takes_too_long_ends_the_path_and_says_why(newcomer, tmp_path):
    variables = newcomer.environment_of(tmp_path)
    with pytest.raises(newcomer.PathEndsError, match=r"failed with status 3\nsaid before\nand complained"):
        newcomer.lines_in_time(["bash", "-c", "echo said before; echo and complained >&2; exit 3"], tmp_path, variables, 20)
    began = time.perf_counter()
    with pytest.raises(newcomer.PathEndsError, match="took more than 1 seconds"):
        newcomer.lines_in_time(["bash", "-c", "sleep 60 & wait"], tmp_path, variables, 1)
    assert time.perf_counter() - began < 30  # the child that holds the output is killed too


def test_the_shell_of_a_newcomer_knows_nothing_of_this_environment(newcomer, tmp_path, monkeypatch):
    monkeypatch.setenv("VIRTUAL_ENV", "/somewhere")
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    variables = newcomer.environment_of(tmp_path, tmp_path / "bin")
    assert variables["PATH"] == f"{tmp_path / 'bin'}:/usr/bin:/bin"
    assert variables["HOME"] == str(tmp_path)
    assert not {"VIRTUAL_ENV", "PYTHONPATH"} & variables.keys()


def a_report(path):
    """A comparison of one run that has asked two verifiers, as `prm-gym compare` writes it."""
    points = tuple(CurvePoint(env_steps=at, success=0.5, mean_reward=0.5, mean_steps=3.0, verifier_calls=at, wall_seconds=1.0) for at in (0, 10))
    uses = (VerifierUse(verifier="arithmetic", calls=2343), VerifierUse(verifier="whole", calls=2343, abstain=7))
    run = RunResult(
        credit="grpo", reward="dense", seed=0, curve=points, final_success=0.5, auc=0.5, verifier_calls=4686, abstentions=7, wall_seconds=1.0,
        trajectories=8, verifiers=uses,
    )  # fmt: skip
    comparison = Comparison(
        title="A comparison", env_id="prm_gym/Countdown-v0", env_options={}, agent="candidate", credits=("grpo",), rewards=("dense",),
        command="prm-gym compare", library_version="0.1.0", versions={}, machine="2 cores", created="2025-11-20T16:30:00Z", budget_env_steps=10,
        attempts=8, eval_tasks=20, runs=(run,), references=(),
    )  # fmt: skip
    write_page(comparison, path)


def test_the_row_of_the_plug_in_is_found_in_a_report_in_chromium(newcomer, tmp_path):
    if newcomer.find_browser().reason:
        pytest.skip(newcomer.find_browser().reason)
    path = tmp_path / "report.html"
    a_report(path)
    with newcomer.opened(path) as (page, usable):
        row = page.evaluate(newcomer.ROW, "whole")
        # 7 of 2,343 are 0.2988%.
        assert {name: row[name] for name in ("Verifier", "Calls", "Cannot tell", "Too late", "Failed")} == {
            "Verifier": "whole", "Calls": "2,343", "Cannot tell": "7 (0.3%)", "Too late": "0", "Failed": "0",
        }  # fmt: skip
        assert page.evaluate(newcomer.ROW, "who") is None
        assert 0 < usable < 30_000
    with pytest.raises(newcomer.PathEndsError, match="no report"), newcomer.opened(tmp_path / "other.html"):
        pass


def test_the_table_has_the_sum_the_lines_and_the_reason_of_an_early_end(newcomer):
    journey = newcomer.Journey([newcomer.Step("clone", 1.25), newcomer.Step("install", 100.5)], {"mine/mine.py": 2}, {"Verifier": "whole"}, 1500, "make failed")
    text = newcomer.table(journey, "2 cores, no GPU used", 0.5)
    for part in ("| clone | 1.2 |", "| **together** | **102** |", "1,500 MiB", "`mine.py` 2; together 2", "| Verifier | whole |", "make failed", "0.5"):
        assert part in text
    assert json.dumps(newcomer.asdict(journey))
