"""The options that environments share, and the checks of those that many have."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypedDict, cast

import msgspec

from prm_gym.errors import OptionError
from prm_gym.rewards import RewardSpec
from prm_gym.verifier import VerifierSpec


class StepOptions(TypedDict, total=False):
    """The options that every step environment takes.

    Attributes:
        verifiers: list of verifier specifications; None for the environment's own default, [] for none.
        reward: reward scheme: "outcome", "dense", "potential", a mapping with options, or a `RewardScheme`.
        max_steps: after so many steps the episode is truncated.
        render_mode: None or "ansi".
    """

    verifiers: Sequence[VerifierSpec] | None
    reward: RewardSpec
    max_steps: int
    render_mode: str | None


def stored_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as JSON values, for what is stored and shown; an object that is none is written as its representation.

    Tasks that are given in the options themselves, and not in a file, are counted alone: what is sealed in them belongs into no report.

    >>> stored_options({"tasks": [{"question": "2 + 2", "answer": "4"}], "max_steps": 3})
    {'tasks': '(tasks given: 1)', 'max_steps': 3}
    """
    plain: dict[str, Any] = {}
    for name, value in options.items():
        try:
            plain[name] = msgspec.to_builtins(value)
        except (TypeError, msgspec.ValidationError):
            plain[name] = repr(value)
        if name == "tasks" and isinstance(value, Sequence) and not isinstance(value, str):
            plain[name] = f"(tasks given: {len(cast('Sequence[Any]', value))})"
    return plain


def require_difficulty(difficulty: object, levels: Collection[int]) -> None:
    """Refuse a level that there is not.

    Raises:
        OptionError: it is none of the levels.
    """
    if type(difficulty) is not int or difficulty not in levels:
        raise OptionError(f"difficulty is one of {sorted(levels)}, got {difficulty!r}")


def require_candidates(candidates: object, least: int) -> None:
    """Refuse a number of listed actions that is too small to hold the answers and a step; 0 lists none.

    Raises:
        OptionError: it is neither 0 nor an integer from `least` on.
    """
    if type(candidates) is not int or 0 != candidates < least:
        raise OptionError(f"candidates must be at least {least}, or 0 for none, got {candidates!r}")
