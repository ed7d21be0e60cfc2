"""Proofs in the notation of FLD and FoVer, as trajectories whose steps claim their inferences.

    fact11 -> int1: {B} & ¬{A};
    fact3 & int1 -> int2: {C};
    int2 -> hypothesis;

    $proof_label$: PROVED

A step cites facts and earlier steps. `void -> assump1: {A}` assumes, and a citation in brackets, `[assump1]`, discharges. The line of the label is a step of
its own.

Source: hitachi-nlp/FLD (fields, notation of proofs), psunlpgroup/FoVer (the text of a proof with its label). What they do not do: a step that rests on a
wrong one is wrong under `z3`, and right if its own inference is under `z3:local`, which is how FoVer labels.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from prm_gym.claims import Answer, Claim, Decision, Entailment, Malformed, Statement
from prm_gym.errors import FormulaError, OptionError
from prm_gym.labelling.fields import field, text_of, texts
from prm_gym.labelling.written import written_trajectory
from prm_gym.logic.language import Language
from prm_gym.logic.proof import opposite
from prm_gym.task import Task, content_key
from prm_gym.trajectory import Trajectory

HYPOTHESIS = ("hypothesis_formula", "hypothesis")
FACTS = ("facts_formula", "context_formula", "facts", "context", "premises")
PROOF = ("proof", "response", "solution", "completion", "proof_formula", "proof_serial", "steps")
GOLD = ("proof_label", "label", "gold", "answer")

INSTRUCTIONS = "Decide whether the hypothesis follows from the facts: write a proof, one step a line, and its label, PROVED, DISPROVED or UNKNOWN."

_ANSWERS: tuple[Answer, ...] = get_args(Answer)
_FACT = re.compile(r"(?:^|(?<=\s))((?:fact|sent)\d{1,4})[ \t]*:", re.ASCII)
_ENDING = re.compile(r"\s*(?:\$proof_label\$[ \t]*:|the final answer is)?\s*_{0,2}(PROVED|DISPROVED|UNKNOWN)_{0,2}[.;]?\s*", re.ASCII | re.IGNORECASE)
_STEP = re.compile(
    r"(?P<cited>[^>]{1,2000}?)\s*->\s*(?:(?P<goal>hypothesis)|(?P<label>(?:int|assump)\d{1,4})\s*:\s*(?P<formula>.{1,20000}))", re.ASCII | re.DOTALL
)
_CONTRADICTION = ("#F#", "⊥")  # the notation has no formula that is false


def is_proof(row: Mapping[str, Any]) -> bool:
    """Whether a row has the fields of a proof."""
    return any(name in row for name in HYPOTHESIS) and any(name in row for name in FACTS)


def proof_trajectory(row: Mapping[str, Any], identity: str, notation: str = "fld") -> Trajectory:
    """The trajectory of a proof in text, with the claims of its steps and no verdicts yet.

    Args:
        row: hypothesis, facts (a text of lines `fact1: ...`, a list or an object of formulas) and proof (a text, or a list of steps), under the names of
            FLD, FoVer or plain ones; the gold label if it is known.
        identity: id of the trajectory.
        notation: of the formulas; see `prm_gym.logic.notations`.

    Raises:
        OptionError: a field is missing or of another kind; says which.
    """
    language = Language(notation)
    hypothesis = text_of(row, HYPOTHESIS, "the hypothesis")
    facts = _facts(field(row, FACTS, "the facts"))
    for formula in (hypothesis, *(fact.formula for fact in facts)):
        _require_readable(formula, language)
    reader = _Proof(facts, hypothesis, language)
    lines = _lines(field(row, PROOF, "the proof"))
    question = "\n".join([f"$hypothesis$: {hypothesis}", "", "$context$:", *(f"{fact.label}: {fact.formula}" for fact in facts)])
    key = content_key("proof", notation, question)
    gold = next((str(row[name]) for name in GOLD if str(row.get(name, "")).strip("_") in _ANSWERS), None)
    ending = next((match for line in lines[-1:] if (match := _ENDING.fullmatch(line))), None)
    reader.answer = _answer(ending[1]) if ending else None
    task = Task(key=key, instructions=INSTRUCTIONS, question=question, sealed={} if gold is None else {"answer": gold.strip("_")})
    outcome = None if gold is None or reader.answer is None else float(reader.answer == gold.strip("_"))
    return written_trajectory(identity, "proof", task, lines, (reader.claims(line) for line in lines), row, outcome=outcome)


def _require_readable(formula: str, language: Language) -> None:
    try:
        language.parse(formula)
    except FormulaError as error:
        raise OptionError(f"{formula[:80]!r} is no formula of the notation {language.notation!r}: {error}") from error


class _Proof:
    """Reads the steps of one proof in order."""

    def __init__(self, facts: Sequence[Statement], hypothesis: str, language: Language) -> None:
        self.known = list(facts)
        self.hypothesis = hypothesis
        self.language = language
        self.answer: Answer | None = None
        self._unread: set[str] = set()  # labels of steps that the language cannot express; nothing is claimed of what rests on them

    def claims(self, line: str) -> tuple[Claim, ...]:
        """What a line claims; nothing where it, or what it cites, is beyond the language."""
        ending = _ENDING.fullmatch(line)
        if ending:
            if self._unread:
                return ()
            return (Decision(answer=_answer(ending[1]), hypothesis=self.hypothesis, known=tuple(self.known), language=self.language),)
        match = _STEP.fullmatch(line)
        names = [] if match is None else [name.strip() for name in re.split(r"[&,]", match["cited"])]
        cited = [name.strip("[]")[:100] for name in names if name != "void"]  # what is no label is a citation of nothing
        if match is None or (names == ["void"]) != bool(match["label"] and match["label"].startswith("assump")):
            return (Malformed("not of the form `fact1 & int1 -> int2: formula`, nor `... -> hypothesis`, nor the label of the proof"),)
        label = "hypothesis" if match["goal"] else match["label"]
        formula = self._goal() if match["goal"] else match["formula"].strip()
        if self._unread.intersection(cited) or formula in _CONTRADICTION:
            self._unread.add(label)
            return ()
        discharged = tuple(name.strip("[]") for name in names if name.startswith("["))
        statement = Statement(label, formula, tuple(name for name in cited if name not in discharged), assumed=names == ["void"], discharged=discharged)
        claim = Entailment(statement=statement, known=tuple(self.known), language=self.language)
        if label not in {past.label for past in self.known}:
            self.known.append(statement)
        return (claim,)

    def _goal(self) -> str:
        return opposite(self.hypothesis, self.language) if self.answer == "DISPROVED" else self.hypothesis


def _answer(text: str) -> Answer:
    return next(answer for answer in _ANSWERS if answer == text.upper())


def _facts(value: object) -> tuple[Statement, ...]:
    if isinstance(value, Mapping):
        named = cast("Mapping[str, object]", value)
        return tuple(Statement(label, str(formula).strip()) for label, formula in named.items())
    if isinstance(value, str):
        parts = _FACT.split(value)  # what stands before the first label, then label and formula in turn
        if len(parts) > 1:
            return tuple(Statement(label, formula.strip()) for label, formula in zip(parts[1::2], parts[2::2], strict=True))
        value = value.splitlines()
    return tuple(Statement(f"fact{number}", formula) for number, formula in enumerate(texts(value, "the facts"), start=1))


def _lines(value: object) -> list[str]:
    """The steps of a proof, without their semicolons."""
    if isinstance(value, str):
        value = re.split(r";|\n", value.partition("$proof$:")[2] if "$proof$:" in value else value)
    return [line for step in texts(value, "the proof") if (line := step.rstrip(";").strip())]
