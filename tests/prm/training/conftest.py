import json

import numpy as np
import pytest

from prm_gym.chains import written
from prm_gym.prm.labelled import LabelledChain


def sum_rows(count, seed=0, steps=4, largest=5, wrong=0.3):
    """Chains of independent sums in TRL's layout; a label says whether the sum is right."""
    generator = np.random.default_rng(seed)
    rows = []
    for at in range(count):
        completions, labels = [], []
        for _ in range(steps):
            a, b = (int(generator.integers(1, largest)) for _ in range(2))
            right = bool(generator.random() >= wrong)
            said = a + b if right else int(generator.choice([value for value in range(2, 2 * largest - 1) if value != a + b]))
            completions.append(f"{a}+{b}={said}")
            labels.append(right)
        rows.append({"id": f"sum-{at}", "prompt": f"Sheet {at}.", "completions": completions, "labels": labels})
    return rows


@pytest.fixture
def sums():
    return sum_rows


@pytest.fixture
def sums_file(tmp_path):
    def make(count, name="sums.jsonl", **options):
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in sum_rows(count, **options)))
        return str(path)

    return make


@pytest.fixture
def chain():
    def make(labels, problem="p", steps=None, domain=""):
        return LabelledChain(id=problem, chain=written(problem, steps or [f"step {at}" for at in range(len(labels))]), labels=tuple(labels), domain=domain)

    return make
