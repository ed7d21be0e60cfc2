"""What numbers depend on beside the code: the versions of packages, the machine, and the device that models run on."""

import os
import platform
import re
import subprocess
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from prm_gym.errors import MissingExtraError, OptionError

_DEVICE = re.compile(r"auto|cpu|cuda(?::(\d+))?")


def package_versions(packages: Iterable[str]) -> dict[str, str]:
    """The version of Python, and of each package that is installed.

    Args:
        packages: their names on the package index ("z3-solver").
    """
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def source_commit() -> str:
    """The commit of the source that runs, with a plus sign where tracked files differ from it; empty where it is no git checkout, or there is no git."""
    folder = Path(__file__).resolve().parent
    if not (folder.parent / ".git").exists():  # an installed package may lie below a checkout of something else
        return ""
    try:
        commit, changes = (
            subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10.0).stdout.strip()
            for arguments in (["rev-parse", "HEAD"], ["status", "--porcelain", "--untracked-files=no"])
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{commit}+" if changes else commit


def machine_in_words(device: str = "auto") -> str:
    """The class of this machine: cores, and the GPU where one is used.

    Args:
        device: where models run; "cpu" where no GPU is used.
    """
    cores = f"{os.cpu_count()} cores"
    return f"{cores}, no GPU used" if device == "cpu" else f"{cores}, {gpu_name() or 'no GPU'}"


def gpu_name() -> str:
    """The name of the GPU that torch finds; empty where it finds none, or is not installed."""
    try:
        import torch
    except ImportError:
        return ""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else ""


def choose_device(device: str) -> str:
    """The device of a name: "auto" is CUDA where there is one.

    Args:
        device: "auto", "cpu", "cuda" or "cuda:NUMBER".

    Raises:
        MissingExtraError: torch is not installed.
        OptionError: there is no such device here.
    """
    try:
        import torch
    except ImportError as error:
        raise MissingExtraError("torch", "torch") from error
    asked = _DEVICE.fullmatch(device)
    if asked is None:
        raise OptionError(f"device is 'auto', 'cpu', 'cuda' or 'cuda:NUMBER', got {device!r}")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "auto":
        return "cuda" if count else "cpu"
    if device != "cpu" and int(asked[1] or 0) >= count:
        raise OptionError(f"device is {device!r}, and torch finds {f'{count} CUDA devices' if count else 'no CUDA device'} here")
    return device
