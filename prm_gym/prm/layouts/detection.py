"""Which layout a row has, told by its fields."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal

import msgspec

from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.pairs import PreferencePair


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
    def present(self) -> bool:
        """Whether its module is there."""
        return find_spec(f"prm_gym.prm.layouts.{self.name}") is not None

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
    Layout("webprmbench", _any("prompt expected", "chosen rejected"), "pairs"),
    Layout("prmbench", _any("error_steps modified_process", "error_steps steps", "error_steps process")),
    Layout("mr_gsm8k", _any("model_output_steps model_output_solution_correctness")),
    Layout("prm800k", _any("question label")),
    Layout("bigbench_mistake", _any("input steps mistake_index")),
    Layout("trajectories", _any("env_id task steps")),
    Layout("trl", _any("prompt completions labels")),
    Layout("processbench", _any("problem steps label")),
    Layout("math_shepherd", _any("input label")),
    Layout("solutions", _any("problem", "question", "prompt")),
)


def layout_named(name: str) -> Layout:
    """The layout of a name.

    Raises:
        UnknownNameError: there is none.
    """
    known = {layout.name: layout for layout in LAYOUTS if layout.present}
    if name not in known:
        raise UnknownNameError("layout", name, known)
    return known[name]


def layout_of(row: object) -> Layout:
    """The layout that a row has.

    Raises:
        OptionError: its fields are those of none.
    """
    fields = set(map(str, row)) if isinstance(row, Mapping) else set[str]()  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    for layout in LAYOUTS:
        if layout.present and any(wanted <= fields for wanted in layout.fields):
            return layout
    raise OptionError(f"the layout cannot be told from the fields {', '.join(sorted(fields)) or '(none)'}; name one of {', '.join(x.name for x in LAYOUTS)}")


Read = LabelledChain | PreferencePair
