"""The layouts that rows of step labels come in, and which of them a row has, told by its fields."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, Literal

import msgspec

from prm_gym.errors import OptionError, UnknownNameError


class Layout(msgspec.Struct, frozen=True):
    """A layout that rows of step labels come in.

    Attributes:
        name: of its module in `prm_gym.prm.layouts`.
        fields: what tells it: fields that its rows have, all of one of the alternatives.
        kind: what is read from it: chains with labels, or pairs.
    """

    name: str
    fields: tuple[frozenset[str], ...]
    kind: Literal["chains", "pairs"] = "chains"

    @property
    def read(self) -> Callable[[Iterable[Mapping[str, Any]]], Iterator[Any]]:
        """Its reader: rows in, `LabelledChain`s or `PreferencePair`s out."""
        module = import_module(f"prm_gym.prm.layouts.{self.name}")
        return module.read if self.kind == "chains" else module.read_pairs


def _any(*alternatives: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(fields.split()) for fields in alternatives)


LAYOUTS: tuple[Layout, ...] = (  # those that ask for more come first
    Layout("agentprocessbench", _any("messages step_labels")),
    Layout("toolcomp", _any("preferred dispreferred"), "pairs"),
    Layout("webprmbench", _any("prompt expected", *(f"{state} chosen rejected" for state in ("state_idx", "intent", "observation", "trajectory"))), "pairs"),
    Layout("pairs", _any(*(f"{problem} chosen rejected" for problem in ("initial_reason_steps", "problem", "question", "prompt"))), "pairs"),
    Layout("prmbench", _any("error_steps modified_process", "error_steps steps", "error_steps process")),
    Layout("mr_gsm8k", _any("model_output_steps model_output_solution_correctness")),
    Layout("bigbench_mistake", _any("input steps mistake_index")),
    Layout("trajectories", _any("env_id task steps")),
    Layout("trl", _any("prompt completions labels")),
    Layout("processbench", _any("problem steps label")),
    Layout("math_shepherd", _any("input label")),
    Layout("prm800k", _any("question label")),
    Layout("solutions", _any("problem", "question", "prompt")),
)

SOLUTIONS = LAYOUTS[-1]
"""Asks for next to nothing: a row of any other layout that has lost a field would pass for one."""


def layout_named(name: str) -> Layout:
    """The layout of a name.

    Raises:
        UnknownNameError: there is none.
    """
    known = {layout.name: layout for layout in LAYOUTS}
    if name not in known:
        raise UnknownNameError("layout", name, known)
    return known[name]


def layout_of(fields: Iterable[str], solutions: bool = True) -> Layout:
    """The layout that the fields of a row tell.

    >>> layout_of({"prompt": "2 + 2?", "completions": ["2 + 2 = 4"], "labels": [True]}).name
    'trl'

    Args:
        fields: their names.
        solutions: whether it may be plain solutions, which have no labels of steps, where nothing else fits.

    Raises:
        OptionError: they are those of none; names the fields that there are.
    """
    there = set(fields)
    for layout in LAYOUTS if solutions else LAYOUTS[:-1]:
        if any(wanted <= there for wanted in layout.fields):
            return layout
    known = "; ".join(f"{layout.name}: {', '.join(sorted(layout.fields[0]))}" for layout in LAYOUTS)
    raise OptionError(f"no layout can be told from the fields {', '.join(sorted(there)) or '(none)'} ({known})")
