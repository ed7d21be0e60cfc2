"""A requirement, which holds or is a `ContractError`, and what its message shows."""

from collections.abc import Mapping, Sequence
from typing import cast

import msgspec
from gymnasium.utils.env_checker import data_equivalence

from prm_gym.errors import ContractError


def require(holds: bool, subject: object, expected: str, came: object, remedy: str) -> None:
    """Hold something against the contract.

    Args:
        holds: whether it is as it should be.
        subject: what is checked.
        expected: what it should do, or give.
        came: what it gave instead.
        remedy: what its author can do.

    Raises:
        ContractError: it does not hold; the message says all of this.
    """
    if not holds:
        raise ContractError(f"{subject}: {expected}, got {shortened(came)}. {remedy}")


def shortened(came: object) -> str:
    """A text, or the repr of anything else, cut after 300 characters."""
    shown = came if isinstance(came, str) else repr(came)
    return shown if len(shown) <= 300 else shown[:300] + "..."


def as_json(subject: str, value: object) -> bytes:
    """A value as JSON, as it is stored.

    Raises:
        ContractError: it holds what JSON does not.
    """
    try:
        return msgspec.json.encode(value)
    except (TypeError, ValueError) as error:
        raise ContractError(f"{subject}: what is stored holds JSON values alone, got {error}. Convert numpy numbers and arrays to Python's.") from error


def first_difference(one: object, other: object, path: str = "results") -> str:
    """The first place where two values differ, and how; empty where they do not."""
    if type(one) is type(other) and data_equivalence(one, other, exact=True):
        return ""
    mine, theirs = _parts(one), _parts(other)
    inner = (first_difference(mine[key], theirs[key], f"{path}[{key!r}]") for key in mine) if mine.keys() == theirs.keys() else iter(())
    return next(filter(None, inner), f"{path}: {shortened(one)} and {shortened(other)}")


def _parts(value: object) -> Mapping[object, object]:
    if isinstance(value, dict):
        return cast("dict[object, object]", value)
    if isinstance(value, list | tuple):
        return dict(enumerate(cast("Sequence[object]", value)))
    return {name: getattr(value, name) for name in value.__struct_fields__} if isinstance(value, msgspec.Struct) else {}
