"""ProcessBench: solutions split into steps, with the index of the first wrong one, read as labelled chains.

    {"id": "gsm8k-0", "generator": "...", "problem": "...", "steps": ["...", ...], "final_answer_correct": false, "label": 1}

`label` counts from 0; -1 says that no step is wrong. What comes after the first wrong step has no label. A solution can have a wrong step and the right
answer. The subset (gsm8k, math, olympiadbench, omnimath) is the beginning of the id.

Source: Zheng et al. 2024 (ProcessBench), QwenLM/ProcessBench; on the hub `hf:Qwen/ProcessBench:default:gsm8k`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prm_gym.chains import written
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.columns import identity, outcome_of, text_of
from prm_gym.prm.layouts.indices import integer_of, steps_of, until_first_error


def read(rows: Iterable[Mapping[str, Any]], source: str = "processbench") -> Iterator[LabelledChain]:
    """The labelled chains of rows, in order.

    Args:
        rows: with the fields above.
        source: name of the data.

    Raises:
        OptionError: a field is missing or wrong.
    """
    for row in rows:
        steps, named = steps_of(row.get("steps"), "steps"), identity(row)
        yield LabelledChain(
            id=named,
            chain=written(text_of(row, "problem"), steps),
            labels=until_first_error(integer_of(row.get("label"), "label"), len(steps)),
            outcome=outcome_of(row.get("final_answer_correct")),
            source=source,
            domain=named.rpartition("-")[0],
        )
