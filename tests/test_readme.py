import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
CONTRIBUTING = README.with_name("CONTRIBUTING.md")


@pytest.mark.skipif(not README.is_file(), reason="the tests run without the checkout around them")
@pytest.mark.parametrize(
    "begins",
    [
        "import gymnasium",
        "from prm_gym.logic",
        "from prm_gym.answers",
        "from prm_gym.sandbox",
        "import gymnasium as gym\\nimport prm_gym\\nfrom prm_gym.tools",
        'import gymnasium as gym\\nimport prm_gym\\n\\nenv = gym.make."prm_gym/Shop',
        "import json",
        "from prm_gym.claims",
        "from prm_gym.search",
        "from prm_gym.credit import StepBatch, assign\\n\\nbatch = StepBatch.rewards",
        "from prm_gym.agent import make_agent\\nfrom prm_gym.experience",
    ],
)
def test_examples_print_what_the_readme_shows(begins):
    code, shown = re.search(rf"```python\n({begins}.*?)```\n\n```\n(.*?)```", README.read_text(), re.DOTALL).groups()
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert ran.stdout == shown


@pytest.mark.slow
@pytest.mark.skipif(not README.is_file(), reason="the tests run without the checkout around them")
def test_the_training_loop_of_the_readme_learns():
    code = re.search(r"```python\n(from prm_gym.agent.*?)```", README.read_text(), re.DOTALL)[1]
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=280, check=True)
    success = [float(line.split()[2]) for line in ran.stdout.splitlines()]
    # A random agent solves a tenth of the tasks, always answering UNKNOWN a fifth.
    assert len(success) == 60
    assert sum(success[-10:]) / 10 > 0.35


@pytest.mark.slow
@pytest.mark.skipif(not README.is_file(), reason="the tests run without the checkout around them")
def test_the_parts_of_a_training_run_in_a_loop_of_ones_own():
    code = re.search(r"```python\n(import numpy as np\n\nfrom prm_gym.agent.*?)```", README.read_text(), re.DOTALL)[1]
    ran = subprocess.run([sys.executable, "-c", code.replace("range(20)", "range(3)")], capture_output=True, text=True, timeout=280, check=True)
    lines = [line.split() for line in ran.stdout.splitlines()]
    # Eight tasks, four attempts at each, of one step at least; corrections are steps too.
    assert [int(line[0]) for line in lines] == [0, 1, 2]
    assert int(lines[0][1]) >= 32
    assert float(lines[0][-1]) > 0.0


@pytest.mark.skipif(not CONTRIBUTING.is_file(), reason="the tests run without the checkout around them")
def test_the_world_of_the_contributors_guide_keeps_the_contract(tmp_path):
    (code,) = re.findall(r"```python\n(from functools.*?)```", CONTRIBUTING.read_text(), re.DOTALL)
    (tmp_path / "my_package.py").write_text(code)
    run = """import functools, gymnasium, my_package
from prm_gym.testing import check_step_env
for difficulty in (1, 2):
    check_step_env(functools.partial(gymnasium.make, "mine/Shed-v0", difficulty=difficulty))"""
    subprocess.run([sys.executable, "-c", run], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=True)


@pytest.mark.usefixtures("chromium")
@pytest.mark.skipif(not README.is_file(), reason="the tests run without the checkout around them")
def test_the_own_site_of_the_readme_prints_what_it_shows():
    test_examples_print_what_the_readme_shows("import threading")
