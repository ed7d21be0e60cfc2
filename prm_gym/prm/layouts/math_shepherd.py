r"""Math-Shepherd: `input`, in which every step ends in the tag `ки`, and `label`, the same text with `+` or `-` in place of the tags, read as labelled chains.

    input  Tom has 2 pens and buys 3. How many? Step 1: 2 + 3 = 5. ки\nStep 2: The answer is: 5 ки
    label  Tom has 2 pens and buys 3. How many? Step 1: 2 + 3 = 5. +\nStep 2: The answer is: 5 +

The two texts are read side by side, so that a plus or minus of the solution is no label. "Step 1:" and so on are numbering, not text, and are taken off.
The label of the last step is that of the final answer: nothing is left to be completed.

Source: Wang et al. 2024 (Math-Shepherd), the released data set.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prm_gym.chains import written
from prm_gym.errors import OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.columns import identity, text_of

TAG = "ки"

_NUMBERING = re.compile(r"\A\s*Step \d{1,4}:\s*")
_FIRST = re.compile(r"\s*Step 1:")


def read(rows: Iterable[Mapping[str, Any]], source: str = "math-shepherd") -> Iterator[LabelledChain]:
    """The labelled chains of rows, in order.

    Args:
        rows: with the fields above; `task` (GSM8K, MATH) is the domain.
        source: name of the data.

    Raises:
        OptionError: the two texts do not fit together, or no first step is found.
    """
    for row in rows:
        problem, steps, labels = _read(text_of(row, "input"), text_of(row, "label"))
        yield LabelledChain(
            id=identity(row),
            chain=written(problem, steps),
            labels=tuple(labels),
            outcome=None if labels[-1] is None else labels[-1] == 1.0,
            source=source,
            domain=str(row.get("task") or ""),
        )


def _read(text: str, labelled: str) -> tuple[str, list[str], list[float | None]]:
    *pieces, rest = text.split(TAG)
    if not pieces:
        raise OptionError(f"input has no tag {TAG!r}")
    if rest.strip():
        raise OptionError(f"input goes on after its last tag: {rest.strip()[:60]!r}")
    labels: list[float | None] = []
    at = 0
    for piece in pieces:
        if not labelled.startswith(piece, at):
            raise OptionError(f"label is not the text of input with + and - in place of the tags; they part at {labelled[at : at + 40]!r}")
        at += len(piece)
        sign = labelled[at : at + 1]
        if sign not in ("+", "-"):
            raise OptionError(f"label has {sign!r} where + or - stands in place of a tag")
        labels.append(float(sign == "+"))
        at += 1
    first = _FIRST.search(pieces[0])
    if first is None:
        raise OptionError("input has no 'Step 1:' before its first tag")
    problem, pieces[0] = pieces[0][: first.start()].strip(), pieces[0][first.start() :]
    kept = [(step, label) for piece, label in zip(pieces, labels, strict=True) if (step := _NUMBERING.sub("", piece).strip())]
    if not problem or not kept:
        raise OptionError("input has no problem before 'Step 1:', or no step after it")
    return problem, [step for step, _ in kept], [label for _, label in kept]
