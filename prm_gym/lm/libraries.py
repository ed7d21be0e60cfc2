"""The libraries of the extra "torch", imported where they are used."""

import importlib
import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from prm_gym.errors import MissingExtraError


def library(name: str) -> Any:
    """A library of the extra "torch", imported now.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(name.split(".", maxsplit=1)[0], "torch") from error


@contextmanager
def quiet() -> Generator[None]:
    """Without the reports and progress bars of loading and saving; what is wrong with a checkpoint is an error here."""
    reports = library("transformers.utils.logging")
    level, bars = reports.get_verbosity(), reports.is_progress_bar_enabled()
    reports.set_verbosity(logging.CRITICAL)
    reports.disable_progress_bar()
    try:
        yield
    finally:
        reports.set_verbosity(level)
        if bars:
            reports.enable_progress_bar()
