import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from prm_gym.errors import MissingExtraError, OptionError
from prm_gym.machine import choose_device, gpu_name, machine_in_words, package_versions, source_commit


def test_versions_are_those_of_what_is_installed():
    assert package_versions(("numpy", "no-such-package")) == {"python": platform.python_version(), "numpy": np.__version__}


def test_the_commit_is_that_of_the_checkout_and_of_nothing_else():
    root = Path(sys.modules[source_commit.__module__].__file__).resolve().parents[1]
    if not (root / ".git").exists():
        assert source_commit() == ""
    else:
        head = subprocess.run(["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        assert source_commit() in (head, f"{head}+")


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert source_commit() == ""


@pytest.mark.parametrize("name", ["tpu", "", "cuda:", "cuda:x", "cuda:-1", "CPU", "cpu:0", "cuda:0 "])
def test_a_device_that_no_one_knows_is_refused(name):
    pytest.importorskip("torch")
    with pytest.raises(OptionError, match="'cuda:NUMBER', got"):
        choose_device(name)


def test_devices_are_those_that_are_here():
    torch = pytest.importorskip("torch")
    count = torch.cuda.device_count()
    assert choose_device("cpu") == "cpu"
    assert choose_device("auto") == ("cuda" if count else "cpu")
    with pytest.raises(OptionError, match="CUDA device"):
        choose_device(f"cuda:{count}")
    for name in ["cuda", *(f"cuda:{number}" for number in range(count))] if count else []:
        assert choose_device(name) == name


def test_without_torch_there_is_no_gpu_and_a_device_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    assert gpu_name() == ""
    assert machine_in_words().endswith("cores, no GPU")
    assert machine_in_words("cpu").endswith("cores, no GPU used")
    with pytest.raises(MissingExtraError, match=r"prm-gym\[torch\]"):
        choose_device("cpu")
