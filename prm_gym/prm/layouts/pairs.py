"""Preferences between two ways to go on from the same steps, read as pairs.

Two layouts: that of Step-DPO (`prompt` or `question`, `initial_reason_steps`, `chosen`, `rejected`: the first wrong step of a solution against a right one)
and a plain one (`prompt` or `problem`, `steps` (list), `chosen` and `rejected`, each a text or a list of texts).

Source: Lai et al. 2024 (Step-DPO), the released data set; Tree-PLV (He et al. 2024) compares the children of one node likewise.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any, cast

from prm_gym.chains import Chain, ChainStep, chain_keys
from prm_gym.errors import OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.columns import identity, list_of, text_of
from prm_gym.prm.pairs import PreferencePair
from prm_gym.step_splitting import split_steps
from prm_gym.task import content_key

_NUMBER = re.compile(r"^[ \t]*Step \d{1,4}:", re.MULTILINE)


def read_pairs(rows: Iterable[Mapping[str, Any]], source: str = "pairs") -> Iterator[PreferencePair]:
    """The pairs of rows, in order.

    Args:
        rows: of one of the layouts above.
        source: name of the data.

    Raises:
        OptionError: a row is of another kind; says what is wrong with it.
    """
    for row in rows:
        problem = text_of(row, next((name for name in ("question", "problem", "prompt") if row.get(name)), "prompt")).strip()
        if "initial_reason_steps" in row:
            begun = row["initial_reason_steps"]
            if not isinstance(begun, str):
                raise OptionError(f"initial_reason_steps is a text, got {type(begun).__name__}")
            shared = _lines(begun)
        else:
            shared = _texts(list_of(row, "steps") if row.get("steps") is not None else [], "steps")
        chosen, rejected = (_continued(row.get(name), name) for name in ("chosen", "rejected"))
        if chosen == rejected:
            raise OptionError("chosen and rejected are equal")
        yield PreferencePair(
            id=identity(row),
            chosen=_chain(problem, [*shared, *chosen]),
            rejected=_chain(problem, [*shared, *rejected]),
            shared=len(shared),
            source=source,
            domain=str(row.get("domain") or row.get("dataset") or ""),
        )


def pairs_of_tree(chains: Sequence[LabelledChain], margin: float = 0.5) -> list[PreferencePair]:
    """The pairs that labelled chains hold: steps that go on from the same ones, whose labels differ.

    Args:
        chains: of any problems; those of one tree share their beginnings.
        margin: the least difference of the labels, in (0, 1].

    Returns:
        Each pair once, in the order of the chains.

    Source: Tree-PLV (He et al. 2024): siblings with a margin between their values.

    Raises:
        OptionError: the margin is none.
    """
    if not 0.0 < margin <= 1.0:
        raise OptionError(f"margin lies in (0, 1], got {margin!r}")
    children: dict[str, dict[str, tuple[Chain, float, LabelledChain]]] = {}
    for each in chains:
        parents = [content_key(each.chain.problem), *chain_keys(each.chain)]
        for at, label in enumerate(each.labels):
            if label is not None:
                begun = Chain(each.chain.problem, each.chain.steps[: at + 1])
                children.setdefault(parents[at], {}).setdefault(parents[at + 1], (begun, label, each))
    found: list[PreferencePair] = []
    for siblings in children.values():
        for (one_key, (one, one_label, origin)), (other_key, (other, other_label, _)) in combinations(siblings.items(), 2):
            if abs(one_label - other_label) >= margin - 1e-9:
                better, worse = (one, other) if one_label > other_label else (other, one)
                key = content_key(one_key, other_key)
                found.append(PreferencePair(id=key, chosen=better, rejected=worse, shared=len(one) - 1, source=origin.source, domain=origin.domain))
    return found


def _lines(text: str) -> list[str]:
    """The steps of a solution that has begun: where "Step 1:" and so on number them, by these, which are no text, else by its lines."""
    numbered = _NUMBER.split(text)
    return [step.strip() for step in (numbered if len(numbered) > 1 else split_steps(text)) if step.strip()]


def _continued(value: Any, name: str) -> list[str]:
    found = _texts([value] if isinstance(value, str) else value, name)
    if not found:
        raise OptionError(f"{name} is a step: a text or a list of texts that are not empty")
    return found


def _texts(value: Any, name: str) -> list[str]:
    items = list(cast("Sequence[object]", value)) if isinstance(value, list | tuple) else [None]
    if not all(isinstance(item, str) for item in items):
        raise OptionError(f"{name} is a list of texts")
    return [text for item in items if (text := str(item).strip())]


def _chain(problem: str, steps: Sequence[str]) -> Chain:
    return Chain(problem, tuple(ChainStep(step) for step in steps))
