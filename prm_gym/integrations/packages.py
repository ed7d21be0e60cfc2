"""The packages that the adapters stand on, imported where they are used."""

import importlib
from typing import Any

from prm_gym.errors import MissingExtraError


def package(name: str, extra: str) -> Any:
    """A package, imported now.

    Args:
        name: of the package or of a module in it.
        extra: of prm-gym that brings it.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(name.partition(".")[0], extra) from error
