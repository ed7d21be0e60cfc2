"""BIG-Bench-Mistake: chains of thought with the index of the first mistake, read as labelled chains.

    {"input": "...", "steps": ["...", ...], "target": "(E)", "answer": "(D)", "mistake_index": 2}

`mistake_index` counts from 0 and is null where there is no mistake. What comes after the first mistake has no label. `target` is the right answer and
`answer` that of the solution: the final answer is right where they are the same text.

Source: Tyen et al. 2024 (LLMs cannot find reasoning errors, but can correct them given the error location), WHGTyen/BIG-Bench-Mistake.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prm_gym.chains import written
from prm_gym.errors import OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.columns import identity, text_of
from prm_gym.prm.layouts.indices import integer_of, steps_of, until_first_error


def read(rows: Iterable[Mapping[str, Any]], source: str = "bigbench-mistake") -> Iterator[LabelledChain]:
    """The labelled chains of rows, in order.

    Args:
        rows: with the fields above.
        source: name of the data.

    Raises:
        OptionError: a field is missing or wrong; `mistake_index` has to be there, null or a number from 0.
    """
    for row in rows:
        if "mistake_index" not in row:
            raise OptionError("mistake_index is missing; it is null where there is no mistake")
        steps = steps_of(row.get("steps"), "steps")
        found = row["mistake_index"]
        error = -1 if found is None or found != found else integer_of(found, "mistake_index")  # noqa: PLR0124 - tables say null as nan
        target, answer = row.get("target"), row.get("answer")
        if found is not None and error < 0 and found == found:  # noqa: PLR0124
            raise OptionError(f"mistake_index counts from 0 and is null where there is no mistake, got {found!r}")
        yield LabelledChain(
            id=identity(row),
            chain=written(text_of(row, "input"), steps),
            labels=until_first_error(error, len(steps)),
            outcome=str(answer).strip() == str(target).strip() if answer is not None and target is not None else None,
            source=source,
            domain=str(row.get("task") or ""),
            gold="" if target is None else str(target).strip(),
        )
