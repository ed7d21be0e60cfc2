"""TRL's stepwise supervision: `prompt`, `completions` (list of texts) and `labels` (list of bools, or shares in [0, 1]), read as labelled chains.

Source: TRL, dataset type "stepwise supervision", as its PRMTrainer reads it. Labels may be numbers here, and null where nothing is known.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prm_gym.chains import written
from prm_gym.errors import OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.columns import identity, label_of, list_of, outcome_of, text_of


def read(rows: Iterable[Mapping[str, Any]], source: str = "trl") -> Iterator[LabelledChain]:
    """The labelled chains of rows, in order; a step without a visible character is left out with its label.

    Args:
        rows: with the fields above; if one likes `id`, `domain`, `outcome`.
        source: name of the data.

    Raises:
        OptionError: a row is of another kind; says what is wrong with it.
    """
    for row in rows:
        problem, steps, labels = text_of(row, "prompt"), list_of(row, "completions"), list_of(row, "labels")
        if len(steps) != len(labels):
            raise OptionError(f"{len(steps)} completions have {len(labels)} labels")
        if not all(isinstance(step, str) for step in steps):
            raise OptionError("completions are texts")
        kept = [(step.strip(), label_of(label)) for step, label in zip(steps, labels, strict=True) if step.strip()]
        chain = written(problem.strip(), [step for step, _ in kept])
        yield LabelledChain(
            id=identity(row),
            chain=chain,
            labels=tuple(label for _, label in kept),
            outcome=outcome_of(row.get("outcome")),
            source=source,
            domain=str(row.get("domain") or ""),
        )
