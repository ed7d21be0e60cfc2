import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


@pytest.mark.skipif(not README.is_file(), reason="the tests run without the checkout around them")
@pytest.mark.parametrize(
    "begins",
    [
        "import gymnasium",
        "from prm_gym.logic",
        "from prm_gym.answers",
        "from prm_gym.sandbox",
        "import gymnasium as gym\\nimport prm_gym\\nfrom prm_gym.tools",
        "import json",
        "from prm_gym.claims",
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
