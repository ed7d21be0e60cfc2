"""PRM800K: solutions whose steps people rated, read as labelled chains.

    {"question": {"problem": "...", "ground_truth_answer": "...", "pre_generated_answer": "..."},
     "label": {"steps": [{"completions": [{"text": "...", "rating": 1, "flagged": null}, ...], "human_completion": null, "chosen_completion": 0}, ...],
               "finish_reason": "solution"}, "is_quality_control_question": false, ...}

Ratings are -1 (wrong), 0 (neutral) and +1 (right); a neutral step counts as right, and its rating is kept. At each step one completion was chosen, or people
wrote one of their own (`human_completion`, rated +1); where none was, the solution ends with that step, and what stands there is the first completion that
is rated -1, for labelling stops at the first mistake in phase 2. `read(..., alternatives=True)` gives every rated completion that was not chosen a chain of
its own too: the chosen steps before it, and itself. A completion that is flagged or has no rating has no label.

Source: Lightman et al. 2023 (Let's Verify Step by Step), openai/prm800k, README.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from prm_gym.chains import written
from prm_gym.errors import OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.columns import identity, list_of, object_of, text_of
from prm_gym.prm.layouts.indices import integer_of


class _Rated(NamedTuple):
    text: str
    rating: int | None


def read(
    rows: Iterable[Mapping[str, Any]], source: str = "prm800k", alternatives: bool = False, quality_control: bool = True, screening: bool = True
) -> Iterator[LabelledChain]:
    """The labelled chains of rows, in order. A row without a single step (labelling was given up) gives none.

    Args:
        rows: with the fields above.
        source: name of the data.
        alternatives: give the completions that were not chosen chains of their own.
        quality_control: take the rows that were shown to every labeller, too; they repeat one another.
        screening: take the rows on which labellers were tried, likewise.

    Raises:
        OptionError: a field is missing or wrong.
    """
    for row in rows:
        skipped = (row.get("is_quality_control_question") and not quality_control) or (row.get("is_initial_screening_question") and not screening)
        if not skipped:
            yield from _chains(row, source, alternatives)


def _chains(row: Mapping[str, Any], source: str, alternatives: bool) -> Iterator[LabelledChain]:
    question, label = object_of(row.get("question"), "question"), object_of(row.get("label"), "label")
    problem, named = text_of(question, "problem"), identity(row)
    finish = label.get("finish_reason")
    answer = str(question.get("ground_truth_answer") or "")
    taken: list[_Rated] = []
    others: list[list[_Rated]] = []
    for step in list_of(label, "steps"):
        fields = object_of(step, "a step")
        chosen, rest = _step(fields)
        others.extend([*taken, other] for other in rest if other.rating is not None)
        if chosen is not None:
            taken.append(chosen)
        if fields.get("chosen_completion") is None and fields.get("human_completion") is None:
            break
    # Phase 1 went on until the answer was right; phase 2 says so of the solution as it was generated.
    outcome = True if finish == "solution" else False if finish == "found_error" and question.get("pre_generated_answer") not in (None, answer) else None
    for place, steps in enumerate([taken, *others] if alternatives else [taken]):
        if steps:
            yield LabelledChain(
                id=f"{named}/{place}" if place else named,
                chain=written(problem, [step.text for step in steps]),
                labels=tuple(None if step.rating is None else float(step.rating >= 0) for step in steps),
                outcome=None if place else outcome,
                source=source,
                domain="phase2" if question.get("pre_generated_steps") else "phase1",
                ratings=tuple(step.rating for step in steps),
                gold=answer,
            )


def _step(step: Mapping[str, Any]) -> tuple[_Rated | None, list[_Rated]]:
    """The chosen completion, and the others. Of none chosen, the first that is wrong."""
    given: list[Any] = [] if step.get("completions") is None else list_of(step, "completions")
    completions = [_rated(object_of(completion, "a completion")) for completion in given]
    chosen, human = step.get("chosen_completion"), step.get("human_completion")
    if chosen is None and human is not None:
        text = human.get("text") if isinstance(human, Mapping) else human  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if not isinstance(text, str):
            raise OptionError(f"human_completion is a text or an object with one, got {human!r:.60}")
        return _Rated(text.strip(), 1), completions
    if chosen is None:
        wrong = next((at for at, completion in enumerate(completions) if completion.rating == -1), None)
        return (None, completions) if wrong is None else (completions[wrong], [*completions[:wrong], *completions[wrong + 1 :]])
    at = integer_of(chosen, "chosen_completion")
    if not 0 <= at < len(completions):
        raise OptionError(f"chosen_completion is an index from 0 among {len(completions)} completions, got {at}")
    return completions[at], [*completions[:at], *completions[at + 1 :]]


def _rated(completion: Mapping[str, Any]) -> _Rated:
    rating = completion.get("rating")
    known = rating is not None and not completion.get("flagged")
    value = integer_of(rating, "rating") if known else None
    if value not in (-1, 0, 1, None):
        raise OptionError(f"a rating is -1, 0 or 1, got {value!r}")
    text = completion.get("text")
    if not isinstance(text, str):
        raise OptionError(f"a completion has a text, got {text!r:.60}")
    return _Rated(text.strip(), value)
