"""Grading of final answers: cheap and exact in this process, the rest in killable workers."""

import importlib.util
import re
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from prm_gym.answers.comparison import compare
from prm_gym.answers.dates import iso_date, same_date
from prm_gym.answers.expression import UnreadableError, read_expression
from prm_gym.answers.extraction import Extraction, final_answer
from prm_gym.answers.outcome import GradeVerdict, Outcome, Pair
from prm_gym.answers.readings import Group, Reading, Relation, Scalar, read_answer
from prm_gym.answers.spelling import MAX_ANSWER, literal, spelled
from prm_gym.answers.worked_out import form
from prm_gym.workers import JobResult, WorkerPool
from prm_gym.workers.pool import FORK_LOCK

GradeStatus: TypeAlias = Literal["ok", "abstain", "timeout", "error"]

CACHED = 10_000  # comparisons of a pair whose result is kept

_POOLS: "weakref.WeakValueDictionary[tuple[Any, ...], WorkerPool]" = weakref.WeakValueDictionary()
_FORMULA = re.compile(r"\$\$?([^$]{1,200})\$\$?|\\\[(.{1,200}?)\\\]|\\\((.{1,200}?)\\\)", re.DOTALL)
_NO_EXTRA = "this needs math-verify: pip install 'prm-gym[math]'"


@dataclass(frozen=True, slots=True)
class Grade:
    """What an answer is worth.

    Attributes:
        verdict: `correct`; `incorrect`; `malformed` (the text states no answer that could be read); `undecided`.
        reason: one sentence for a person.
        status: `ok` where it was judged; else `abstain`, `timeout` or `error`, and the verdict is `undecided`.
        evidence: JSON values: the answer that was found, and how it was stated.
    """

    verdict: GradeVerdict
    reason: str
    status: GradeStatus = "ok"
    evidence: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def score(self) -> float | None:
        """1 for `correct`, None for `undecided`, else 0."""
        return None if self.verdict == "undecided" else float(self.verdict == "correct")


class Grader:
    """Grades answers; the workers start when they are first needed. Graders with the same options share them.

    Results of workers are kept, timeouts too, so that a hostile answer costs its deadline once.
    """

    def __init__(self, *, workers: int = 2, deadline: float = 5.0, memory_mb: int | None = 1024) -> None:
        """Choose the limits.

        Args:
            workers: number of processes, >= 1.
            deadline: seconds that one comparison may take.
            memory_mb: MiB that a comparison may need; None for no cap.
        """
        self._options: dict[str, Any] = {"workers": workers, "deadline": deadline, "memory_mb": memory_mb}
        self._pool: WorkerPool | None = None
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[Pair, JobResult] = {}

    def __getstate__(self) -> dict[str, Any]:
        """A copy has no workers and remembers nothing."""
        return self._options

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._options, self._pool = state, None
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the workers; they end unless another grader uses them. Asked again, it gets new ones."""
        self._pool = None

    def grade(self, answer: str, gold: str, question: str = "") -> Grade:
        """The grade of one answer; see `grade_all`."""
        return self.grade_all([(answer, gold, question)])[0]

    def grade_all(self, answers: Sequence[tuple[str, str] | tuple[str, str, str]]) -> list[Grade]:
        """The grades of answers, in order; what needs a worker is worked on by all of them at once.

        Args:
            answers: what was written (a bare answer or a solution that ends in one), the gold answer, and the question where it is known.

        Raises:
            WorkerError: the workers cannot be started.
        """
        begun = [_grade_here(answer, gold, *question) for answer, gold, *question in answers]
        found = self._found([pair for _, outcome in begun for pair in outcome.pairs])
        return [_finished(extraction, outcome, [found.get(pair) for pair in outcome.pairs]) for extraction, outcome in begun]

    def _found(self, pairs: list[Pair]) -> dict[Pair, JobResult]:
        """What the workers say of the pairs; empty where what they need is not installed."""
        wanted = dict.fromkeys(pairs)
        if not wanted or not extra_installed():
            return {}
        with self._lock:
            found = {pair: self._known[pair] for pair in wanted if pair in self._known}
        missing = [pair for pair in wanted if pair not in found]
        if missing:
            self._pool = pool = self._pool or _shared_pool(self._options)
            results = dict(zip(missing, pool.map([(pair.gold, pair.answer) for pair in missing]), strict=True))
            with self._lock:
                self._known.update(results)
                while len(self._known) > CACHED:
                    del self._known[next(iter(self._known))]
            found.update(results)
        return found


def _shared_pool(options: dict[str, Any]) -> WorkerPool:
    key = tuple(options.values())
    with FORK_LOCK:
        pool = _POOLS.get(key)
        if pool is None:
            pool = _POOLS[key] = WorkerPool("prm_gym.answers.symbolic:comparer", setup=(), **options)
        return pool


def extra_installed() -> bool:
    """Whether the packages of the extra `math` are there."""
    return importlib.util.find_spec("math_verify") is not None and importlib.util.find_spec("mpmath") is not None


@lru_cache(maxsize=1)
def default_grader() -> Grader:
    """The grader that `grade` and `grade_all` use."""
    return Grader()


def grade(answer: str, gold: str, question: str = "") -> Grade:
    r"""The grade of one answer.

    >>> grade("The answer is 0.5.", r"\frac12").verdict
    'correct'

    Args:
        answer: what was written: a bare answer, or a solution that ends in one.
        gold: the known answer.
        question: the problem, so that an answer that only restates it can be told; "" where it is not known.

    Raises:
        WorkerError: the workers cannot be started.
    """
    return default_grader().grade(answer, gold, question)


def grade_all(answers: Sequence[tuple[str, str] | tuple[str, str, str]]) -> list[Grade]:
    """The grades of answers, in order; see `Grader.grade_all`.

    Raises:
        WorkerError: the workers cannot be started.
    """
    return default_grader().grade_all(answers)


def _grade_here(answer: str, gold: str, question: str = "") -> tuple[Extraction, Outcome]:
    """What can be said in this process."""
    if len(gold) > MAX_ANSWER:
        return Extraction("", "none"), Outcome("undecided", f"the gold answer has more than {MAX_ANSWER:,} characters")
    extraction = final_answer(answer)
    if extraction.defect:
        return extraction, Outcome("malformed" if extraction.defect in ("missing", "too long") else "incorrect", extraction.reason)
    spelled_answer, spelled_gold = spelled(extraction.answer), spelled(gold)
    if not spelled_gold:
        return extraction, Outcome("undecided", "the gold answer is empty")
    if literal(spelled_answer) == literal(spelled_gold):
        return extraction, Outcome("correct", "it is the gold answer, letter by letter")
    day = iso_date(gold)
    if day is not None:
        return extraction, _dated(same_date(extraction.answer, day))
    reading = read_answer(spelled_answer)
    outcome = compare(read_answer(spelled_gold), reading, question)
    if question and outcome.verdict == "correct":
        return extraction, _restated(spelled_answer, spelled_gold, reading, question) or outcome
    return extraction, outcome


def _dated(same: bool | None) -> Outcome:
    if same is None:
        return Outcome("undecided", "the gold answer is a date, and the answer may be one in a form with two readings")
    return Outcome("correct", "it is the same day") if same else Outcome("incorrect", "the gold answer is a date, and the answer is not that day")


def _restated(answer: str, gold: str, reading: Reading, question: str) -> Outcome | None:
    """The objection that an answer of the right value was copied from the question."""
    trees = [side.node for side in _scalars(reading)]
    if not trees or all(tree.kind == "number" and tree.value.denominator == 1 for tree in trees):
        return None
    plain = all(tree.kind == "number" or (tree.kind == "quotient" and all(part.kind == "number" for part in tree.parts)) for tree in trees)
    copied = literal(answer) in [literal(spelled(text)) for text in _formulas(question)]
    if not copied and not plain and isinstance(reading, Scalar):
        shown = form(reading.node)
        copied = shown in _forms(question) and shown != _form_of(gold)
    if not copied:
        return None
    if plain:
        return Outcome("undecided", "the answer stands like that in the question, in another form than the gold answer")
    return Outcome("incorrect", "it restates an expression of the question")


def _scalars(reading: Reading) -> list[Scalar]:
    if isinstance(reading, Scalar):
        return [reading]
    items = reading.items if isinstance(reading, Group) else reading.sides if isinstance(reading, Relation) else ()
    return [scalar for item in items for scalar in _scalars(item)]


def _formulas(question: str) -> list[str]:
    found = [one or two or three for one, two, three in _FORMULA.findall(question[:20_000])][:50]
    return [part for text in found for part in (text, *re.split(r"[=<>]", text)) if part.strip()]


def _plain_formulas(question: str) -> list[str]:
    """What stands between words, if it has an operator."""
    pieces = re.split(r"\b(?!(?:sqrt|sin|cos|tan|log|ln|pi)\b)[A-Za-z]{2,}|[$,;:?!\n=<>]|\.(?!\d)|\s+a\s+", question[:20_000])
    return [piece.strip() for piece in pieces if 3 <= len(piece.strip()) <= 200 and re.search(r"[-+*/^(]", piece)][:50]


def _form_of(text: str) -> str:
    try:
        return form(read_expression(text))
    except UnreadableError:
        return ""


def _forms(question: str) -> set[str]:
    return {_form_of(spelled(text)) for text in (*_formulas(question), *_plain_formulas(question))} - {""}


def _finished(extraction: Extraction, outcome: Outcome, results: list[JobResult | None]) -> Grade:
    evidence: dict[str, Any] = {"answer": extraction.answer[:200], "source": extraction.source}
    status: GradeStatus = "abstain" if outcome.verdict == "undecided" else "ok"
    if not outcome.pairs or outcome.verdict != "correct":
        return Grade(outcome.verdict, outcome.reason, status, evidence)
    undecided: Grade | None = None
    reason = outcome.reason
    for pair, result in zip(outcome.pairs, results, strict=True):
        if result is None:
            undecided = undecided or Grade("undecided", _NO_EXTRA, "abstain", evidence)
        elif result.status != "ok":
            undecided = undecided or Grade(
                "undecided", f"the comparison ended early: {result.reason}", "timeout" if result.status == "timeout" else "error", evidence
            )
        else:
            finding, reason = result.value
            if finding == "different":
                return Grade("incorrect", reason, "ok", evidence)
            if finding == "unreadable" and pair.readable:
                return Grade("malformed", reason, "ok", evidence)
            if finding in ("unreadable", "unknown"):
                undecided = undecided or Grade("undecided", reason, "abstain", evidence)
    return undecided or Grade("correct", reason, "ok", evidence)
