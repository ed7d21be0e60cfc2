"""Who is measured, with what, and the environment of each: made from its lock file, under .cache/peers."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BASELINE = "prm_gym"


class Peer(NamedTuple):
    """A project that is measured.

    Attributes:
        part: the file in parts/ that runs in its environment.
        measures: what it takes part in.
        wants: what is installed where the lock file is made anew; nothing for the baseline, which runs in the Python of this script.
        beside: why something beside the package itself is among that; empty where nothing is.
    """

    part: str
    measures: tuple[str, ...]
    wants: tuple[str, ...] = ()
    beside: str = ""


ROSTER: Mapping[str, Peer] = {
    BASELINE: Peer("prm_gym_part.py", ("start", "space", "sums", "sudoku", "miniwob", "answers", "hostile", "advantages")),
    "reasoning-gym": Peer("reasoning_gym_part.py", ("start", "sums", "answers", "hostile"), ("reasoning-gym==0.1.25",)),
    "gem-llm": Peer(
        "gem_part.py",
        ("start", "space", "sums", "sudoku", "answers", "hostile"),
        ("gem-llm==0.1.0", "datasets", "pylatexenc"),
        "its maths environments and their grader import datasets and pylatexenc, which its package does not ask for",
    ),
    "openenv": Peer("openenv_part.py", ("start", "sums"), ("openenv==0.10.0",)),
    "browsergym": Peer("browsergym_part.py", ("start", "miniwob"), ("browsergym-core==0.14.3", "browsergym-miniwob==0.14.3")),
    "math-verify": Peer("math_verify_part.py", ("start", "answers", "hostile"), ("math-verify[antlr4_13_2]==0.9.0",)),
    "verifiers": Peer("verifiers_part.py", ("start", "answers", "hostile"), ("verifiers==0.4.0",)),
    "skyrl-gym": Peer("skyrl_gym_part.py", ("start", "answers", "hostile"), ("skyrl-gym==0.4.0",)),
    "trl": Peer("trl_part.py", ("start", "answers", "hostile"), ("trl==1.16.0", "math-verify[antlr4_13_2]"), "accuracy_reward asks for math-verify"),
    "verl": Peer(
        "verl_part.py",
        ("start", "advantages"),
        ("torch==2.13.0", "numpy", "omegaconf", "tensordict", "transformers", "codetiming", "pandas", "hydra-core", "accelerate", "datasets", "dill", "peft",
         "pyarrow", "ray", "orjson", "verl==0.9.1"),
        "installed without what needs a GPU: what its advantage functions import, then the package alone",
    ),
}  # fmt: skip


def python_of(name: str) -> str:
    """The Python that a part runs in."""
    return sys.executable if name == BASELINE else str(folder(name) / "bin" / "python")


def folder(name: str) -> Path:
    """Where a peer is installed."""
    return ROOT / ".cache" / "peers" / name


def lock_of(name: str) -> Path:
    """Its lock file."""
    return HERE / "locks" / f"{name}.lock"


def build(name: str) -> None:
    """Install a peer from its lock file, unless that has been done.

    Raises:
        subprocess.CalledProcessError: a command failed; what it said is on standard error.
    """
    if name == BASELINE:
        return
    stamp = folder(name) / "lock"
    wanted = hashlib.sha256(lock_of(name).read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    print(f"installing {name} into {folder(name)}", file=sys.stderr, flush=True)
    _venv(name)
    _pip(name, "--no-deps", "-r", str(lock_of(name)))
    stamp.write_text(wanted, encoding="utf-8")


def lock(name: str) -> None:
    """Install what a peer wants today, and write down what that was.

    Raises:
        subprocess.CalledProcessError: see `build`.
    """
    wants = ROSTER[name].wants
    _venv(name)
    _pip(name, *(wants if name != "verl" else wants[:-1]))
    if name == "verl":  # it asks for a GPU's packages
        _pip(name, "--no-deps", wants[-1])
    found = subprocess.run([python_of(name), "-m", "pip", "freeze", "--all"], check=True, capture_output=True, text=True).stdout
    kept = sorted(line.split("+cpu")[0] for line in found.splitlines() if "==" in line and not line.startswith(("pip==", "setuptools==")))
    lock_of(name).write_text("\n".join(kept) + "\n", encoding="utf-8")


def _venv(name: str) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder(name))], check=True)


def _pip(name: str, *arguments: str) -> None:
    subprocess.run([python_of(name), "-m", "pip", "install", "-q", *arguments], check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
