"""PRMBench: solutions that were spoilt on purpose, with all their wrong steps, read as labelled chains; Socratic-PRMBench likewise.

    {"idx": "...", "original_question": "...", "modified_question": "...", "original_process": ["...", ...], "modified_process": ["...", ...],
     "error_steps": [3, 4, 5], "classification": "circular", "reason": "..."}

`error_steps` count from 1, and all steps that are not among them are right: after the first wrong step as well. The kind of mistake is the domain. A row
with an original solution gives a second chain, its right twin, whose domain is "correct"; both have one group. As in the benchmark's own script, only
rows of the kind "redundency" (sic) bring their twin, so that each original is judged once; `twins="all"` takes one from every row, each original once.

Socratic-PRMBench (Li et al. 2025) has the same fields, or `question`, `steps` and `error_type`; it has no twins.

Source: Song et al. 2025 (PRMBench), ssmisya/PRMBench, docs/data_format.md and mr_eval/tasks/prmtest_classified/task.py; on the hub
`hf:hitsmy/PRMBench_Preview`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from prm_gym.chains import written
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.columns import list_of, text_of
from prm_gym.prm.layouts.indices import integer_of, steps_of, wrong_at
from prm_gym.task import content_key

TWIN = "correct"
"""The domain of the right twins."""
REDUNDANT = "redundency"

QUESTION = ("modified_question", "question", "problem")
STEPS = ("modified_process", "steps", "process")
KIND = ("classification", "error_type", "category")


def read(rows: Iterable[Mapping[str, Any]], source: str = "prmbench", twins: Literal["redundency", "all", "none"] = "redundency") -> Iterator[LabelledChain]:
    """The labelled chains of rows, in order.

    Args:
        rows: with the fields above.
        source: name of the data.
        twins: which rows bring the solution that they were made of.

    Raises:
        OptionError: a field is missing or wrong.
    """
    known: set[str] = set()
    for row in rows:
        kind = str(_first(row, KIND) or "")
        named = str(row.get("idx", row.get("id", "")) or content_key(text_of(row, _name(row, QUESTION)), *map(str, list_of(row, _name(row, STEPS)))))
        steps = steps_of(_first(row, STEPS), _name(row, STEPS))
        errors = [integer_of(error, "error_steps") for error in list_of(row, "error_steps")]
        original = row.get("original_process")
        group = ""
        if isinstance(original, list | tuple) and original:
            twin = LabelledChain(
                id=f"{TWIN}_{named}",
                chain=written(text_of(row, "original_question"), _steps := steps_of(original, "original_process")),
                labels=(1.0,) * len(_steps),
                source=source,
                domain=TWIN,
                group=content_key(text_of(row, "original_question"), *_steps),
            )
            group = twin.group
            if group not in known and (twins == "all" or (twins == "redundency" and kind == REDUNDANT)):
                known.add(group)
                yield twin
        yield LabelledChain(
            id=f"{kind}_{named}" if kind and not named.startswith(kind) else named,
            chain=written(text_of(row, _name(row, QUESTION)), steps),
            labels=wrong_at(errors, len(steps)),
            source=source,
            domain=kind,
            group=group,
        )


def _name(row: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((name for name in names if row.get(name) is not None), names[0])


def _first(row: Mapping[str, Any], names: Sequence[str]) -> Any:
    return row.get(_name(row, names))
