r"""What a text states as its final answer, and whether it stands by it.

A statement is a box (`\boxed{7}`), a line `#### 7`, a sentence "the answer is 7", or the whole text if it is nothing but an answer. A text that states two
different answers, takes its answer back or hedges states none: otherwise the cheapest policy would name several and be paid for the one that fits.
"""

import re
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeAlias

from prm_gym.answers.comparison import says_the_same
from prm_gym.answers.hedges import offers_another, taken_back, unsure
from prm_gym.answers.number_words import NUMBER_WORDS, changes_number
from prm_gym.answers.spelling import MAX_ANSWER, literal, spelled

Source: TypeAlias = Literal["boxed", "marked", "said", "bare", "none"]
ExtractionDefect: TypeAlias = Literal["", "missing", "contradictory", "hedged", "retracted", "too long"]

MAX_TEXT = 400_000  # characters of a whole solution
MAX_STATEMENTS = 50
MAX_MARKS = 300  # places that look like statements; more are not looked at
MAX_BARE = 300

_BOX = re.compile(r"\\(?:boxed|fbox|framebox)(?![a-zA-Z])\s*")
_MARK = re.compile(r"^[ \t]*####[ \t]*([^\n]{0,2000})", re.MULTILINE)
_SAID = re.compile(
    r"\b(?:answers?|option|choice)(?:\s+(?:to|of|for)\s+[^.:\n]{1,80}?)?\s*(?:\*\*)?\s*"
    r"(?::(?:\s*\*\*)?|(?:is|are|was|=|(?:must|should|would|will|has to|can only)\s+be)\b(?!\s*(?:known|clear|found|given by|that|to|in)\b)\s*:?)\s*",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)(?<!\d\.(?=\d))|\n\s*\n|(?<=\S)\n")
_AFTERTHOUGHT = re.compile(r",?\s+(?:because|since|as|which|so|where|when|if|given|after|by|for|since|therefore|thus)\b|;|\s\(", re.IGNORECASE)
_HEDGE = re.compile(
    r"\b(?:probably|maybe|perhaps|possibly|presumably|i\s+guess|(?:my|a)\s+(?:best\s+)?guess|guessing|not\s+sure|unsure|uncertain|alternatively)\b",
    re.IGNORECASE,
)
# Directly before an answer, or within it: what denies it or offers another one.
_DENIAL = re.compile(
    r"(?:\b(?:not|cannot\s+be|(?:might|could|may)\s+be|never|neither|either|nor|except|unlike)|n't(?:\s+be)?)\b"
    r"(?:\s+(?:equal\s+to|exactly|the|be))?\s*[:$\\({*]*$",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(
    r"(?:\be\.\s?g\.|\bsuch\s+as|\bexample\b|\bformat\b|\bplaceholder\b|\bwrong(?:ly)?\b|\bincorrect(?:ly)?\b),?"
    r"(?:(?!\b(?:so|hence|thus|therefore)\b)[^\n.,]){0,60}$",
    re.IGNORECASE,
)
_UNSAID = re.compile(r"\b(?:if|whether|suppose|assum\w*|what|when|check|verify|confirm)\b[^\n.,]{0,60}$", re.IGNORECASE)
# "the answer is for there to be", "the answer is correct": nothing is answered.
_PROSE = re.compile(
    r"(?:for|to|that|how|what|where|which|because|when|as|given|found|obtained|in|by)\b|(?:correct|right|wrong|clear|unique|simple|easy|below|above)\b",
    re.IGNORECASE,
)
_MATHS = re.compile(
    r"[\d\\$]|^\(?[A-Za-z]\)?$|^(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|twenty)\b",
    re.IGNORECASE,
)
# "The answer: Verna received $7.00 in change": a sentence with one number, and no word that makes another number of it.
_ONE_NUMBER = re.compile(r"[^\d\\${}^_=+*/<>]*[A-Za-z]{2,}[^\d\\${}^_=+*/<>]*\s(\$?\d[\d,]*(?:\.\d+)?%?)(?![\d:/^*+=-])[^\d\\${}^_=+*/<>]*")
_OTHER_NUMBER = re.compile(
    r"\b(?:not|no|less|more|fewer|greater|than|least|most|over|under|above|below|about|approximately|around|roughly|nearly|almost|between|except|minus|plus|times|half|"
    r"twice|double|triple|squares?|cubes?|roots?|negation|logarithm|digits?|remainder|sum|product|of\s+\$?\d[\d,.]*$|percent|hundred|thousand|million|billion|dozen|or|and|but|one|two|three|four|five|six|seven|eight|nine|ten|if|squared|cubed|negative)(?!\w)",
    re.IGNORECASE,
)
# Before an answer, these add nothing to it.
_LEAD = re.compile(
    r"^\s*(?:(?:therefore|thus|hence|so|then|simply|just|exactly|precisely|clearly|indeed|obviously|of\s+course|equal\s+to|equals|given\s+by)\b[,:]?\s*){0,4}(?:(?:option|choice)\s+(?=\(?[A-J]\b))?(?=\S)",
    re.IGNORECASE,
)
_BARE_LEAD = re.compile(r"(?:(?:and\s+)?(?:so|thus|hence|therefore|then))\b,?\s+(?=\S)", re.IGNORECASE)
_LETTER = re.compile(r"\s*\([A-Za-z]\)\s")
_STYLE = re.compile(r"\\(?:text\w*|mbox|mathrm|mathbf)(?![a-zA-Z])|[{}]")
_UNEQUAL = re.compile(r"[<>≤≥≠≡]|\\(?:[lg]eq?|ne|[lg]t|equiv|cong|sim|approx|in|to|mid)(?![a-zA-Z])")
_QUOTE = re.compile(r"```.*?```|^[ \t]*>[^\n]*|\"[^\"\n]{1,300}\"|“[^”\n]{1,300}”", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Extraction:
    """The final answer of a text.

    Attributes:
        answer: as it was written, "" where there is none.
        source: how it was stated.
        start: where it begins in the text.
        end: where it ends.
        defect: why it does not count: `missing` (none is stated), `contradictory` (two different ones), `hedged`, `retracted` (taken back
            afterwards), `too long`; "" where it counts.
        reason: the same in one sentence for a person.
    """

    answer: str
    source: Source
    start: int = 0
    end: int = 0
    defect: ExtractionDefect = ""
    reason: str = ""


def final_answer(text: str) -> Extraction:
    r"""What a text states as its final answer.

    >>> final_answer("So 3 + 4 = 7. The answer is $7$.").answer
    '$7$'
    >>> final_answer(r"\boxed{7} ... wait, the answer is 9.").defect
    'contradictory'

    Args:
        text: a bare answer, or a solution that ends in one. What stands before `</think>` is no statement.
    """
    if len(text) > MAX_TEXT:
        return Extraction("", "none", defect="too long", reason=f"the text has more than {MAX_TEXT:,} characters")
    first = text.rfind("</think>") + len("</think>") if "</think>" in text else 0
    statements = _statements(text, first)
    if not statements:
        return _bare(text, first)
    last = statements[-1]
    if len(statements) > MAX_STATEMENTS:
        return _defective(last, "contradictory", f"the text states more than {MAX_STATEMENTS} answers")
    if any(len(statement.answer) > MAX_ANSWER for statement in statements):
        return _defective(last, "too long", f"the answer has more than {MAX_ANSWER:,} characters")
    for statement in statements:
        if _hedged(text, statement, first):
            return _defective(statement, "hedged", "the text hedges instead of stating an answer")
    keys = [literal(spelled(statement.answer)) for statement in statements]
    for statement, key in zip(statements[:-1], keys[:-1], strict=True):
        if key != keys[-1] and not says_the_same(statement.answer, last.answer):
            return _defective(last, "contradictory", f"the text states different answers: {_short(statement.answer)} and {_short(last.answer)}")
    for statement in statements[:-1]:
        if offers_another(text, statement.end, _sentence_end(text, statement.end), lambda other: _same(other, last.answer)):
            return _defective(statement, "retracted", "the text offers another answer beside the one that it states")
    rest = text[last.end : _sentence_end(text, last.end)]
    if taken_back(text, last.end, last.answer) or unsure(text, last.end) or (_HEDGE.search(rest) and "lternatively" not in rest):
        return _defective(last, "retracted", "the text takes its answer back, or hedges, after it has stated it")
    if offers_another(text, last.end, len(text), lambda other: _same(other, last.answer)):
        return _defective(last, "retracted", "the text offers another answer beside the one that it states")
    return last


def _same(one: str, other: str) -> bool:
    """Whether something offered means the answer, as a letter of a choice or otherwise; an inequality or a congruence beside a value is no offer."""
    if _UNEQUAL.search(one) and not _UNEQUAL.search(other):
        return True
    if re.search(r"\d", other) and not re.search(r"\d", one) and one.lower().split()[-1:] and one.lower().split()[-1] not in NUMBER_WORDS:
        return True  # a name, `AB`, beside a number
    return literal(spelled(one.strip("()"))) == literal(spelled(other.strip("()"))) or says_the_same(one, other)


def _defective(found: Extraction, defect: ExtractionDefect, reason: str) -> Extraction:
    return Extraction(found.answer[:MAX_ANSWER], found.source, found.start, found.end, defect, reason)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def _bare(text: str, first: int) -> Extraction:
    """A text that is short and one line is taken for an answer as a whole."""
    answer = text[first:].strip()
    lead = _BARE_LEAD.match(answer)
    answer = answer[lead.end() :] if lead else answer
    start = text.find(answer, first) if answer else first
    if not answer:
        return Extraction("", "none", defect="missing", reason="the text is empty")
    if len(answer) > MAX_BARE or ("\n" in answer and not answer.startswith((r"\[", "$$", r"\begin"))):
        return Extraction("", "none", defect="missing", reason="the text states no final answer (a box, a line ####, or 'the answer is')")
    found = Extraction(answer, "bare", start, start + len(answer))
    if _HEDGE.search(answer) or taken_back(answer, 0, answer) or _DENIAL.match(answer.split(" ")[0]):
        return _defective(found, "hedged", "the text hedges instead of stating an answer")
    return found


def _statements(text: str, first: int) -> list[Extraction]:
    """All statements in the order in which they stand; those in quotations and examples are none."""
    quoted = [found.span() for found in _QUOTE.finditer(text, first)]
    boxes = _boxes(text, first)
    found = list(boxes)
    for mark in islice(_MARK.finditer(text, first), MAX_MARKS):
        end = _before_box(text, mark.start(1), mark.end(1), boxes)
        found.append(Extraction(text[mark.start(1) : end].strip(), "marked", mark.start(1), end))
    for said in islice(_SAID.finditer(text, first), MAX_MARKS):
        end = _before_box(text, said.end(), _said_until(text, said.end()), boxes)
        answer = _said_answer(text[said.end() : end])
        if answer and not _UNSAID.search(text, max(first, said.start() - 120), said.start()):
            found.append(Extraction(answer, "said", said.start(), text.find(answer, said.end()) + len(answer)))
    found = [item for item in found if item.answer.strip() and not any(begin <= item.start and item.end <= end for begin, end in quoted)]
    found = [item for item in found if not _EXAMPLE.search(text, max(first, item.start - 120), item.start)]
    if any(_is_maths(item.answer) for item in found):
        found = [item for item in found if item.source != "said" or _is_maths(item.answer)]
    return sorted(found, key=lambda item: item.end)


def _is_maths(text: str) -> bool:
    """Whether it is more than words."""
    return bool(_MATHS.search(_STYLE.sub("", text).strip()))


def _before_box(text: str, start: int, end: int, boxes: list[Extraction]) -> int:
    """The end of a statement in which a box stands: what leads to the box is no statement of its own, what differs from it is."""
    box = next((box for box in boxes if start <= box.start < end), None)
    if box is None:
        return start if any(box.start < start < box.end for box in boxes) else end
    lead = text[start : box.start].strip(" $:*\n([\\")
    leads = not lead or lead.endswith(("=", "equiv", "in", "approx", "to")) or not _is_maths(lead)
    return start if leads else box.start


def _boxes(text: str, first: int) -> list[Extraction]:
    boxes: list[Extraction] = []
    for box in islice(_BOX.finditer(text, first), MAX_MARKS):
        at = box.end()
        if text[at : at + 1] != "{":
            found = re.compile(r"-?[\w.]+").match(text, at)
            if found is not None:
                boxes.append(Extraction(found[0], "boxed", box.start(), found.end()))
            continue
        end = _closing(text, at)
        inner = text[at + 1 : end - 1] if end else text[at : at + MAX_ANSWER + 200]  # one that is not closed keeps its brace, and cannot be read
        if boxes and box.start() < boxes[-1].end:
            continue  # a box within a box
        boxes.append(Extraction(inner, "boxed", box.start(), end or box.end()))
    return boxes


def _closing(text: str, at: int) -> int:
    """The place behind the brace that closes the one at `at`; 0 where none does within the length of an answer."""
    depth, escaped = 0, False
    for place in range(at, min(len(text), at + MAX_ANSWER + 200)):
        character = text[place]
        if not escaped and character in "{}":
            depth += 1 if character == "{" else -1
            if depth == 0:
                return place + 1
        escaped = character == "\\" and not escaped
    return 0


def _said_until(text: str, start: int) -> int:
    """Where the sentence ends in which an answer is said; a full stop within a number or a formula is none."""
    formula = re.compile(r"\s*(?:\*\*)?\s*(?:\$\$.{1,2000}?\$\$|\$[^$\n]{1,1000}\$|\\\[.{1,2000}?\\\]|\\\(.{1,1000}?\\\))", re.DOTALL).match(text, start)
    found = _SENTENCE_END.search(text, formula.end() if formula else start, start + MAX_ANSWER)
    return found.start() if found else min(len(text), start + MAX_ANSWER)


def _said_answer(said: str) -> str:
    """What is said without what is added: a formula with the words behind it as far as they may be a unit, or the words before "because"."""
    said = _LEAD.sub("", said, count=1)
    formula = said.lstrip().startswith(("(", "$", "\\")) and not _LETTER.match(said)
    cut = said if formula else _AFTERTHOUGHT.split(said, maxsplit=1)[0]
    cut = cut.strip().strip("*").strip()
    if _PROSE.match(cut):
        return ""
    sentence = _ONE_NUMBER.fullmatch(cut) if len(cut) <= 200 and len(cut.split()) > 3 else None
    return sentence[1] if sentence is not None and not _OTHER_NUMBER.search(cut) and not any(map(changes_number, cut.split())) else cut


def _sentence_before(text: str, start: int, first: int) -> str:
    before = text[max(first, start - 150) : start]
    return re.split(r"[.!?]\s|\n|\}", before)[-1]


def _hedged(text: str, statement: Extraction, first: int) -> bool:
    before = _sentence_before(text, statement.start, first)
    return bool(_HEDGE.search(statement.answer) or _HEDGE.search(before) or _DENIAL.search(before) or _DENIAL.match(statement.answer.split(" ")[0]))


def _sentence_end(text: str, start: int) -> int:
    found = re.compile(r"[.!?]\s|\n").search(text, start, start + 300)
    return found.start() if found else min(len(text), start + 300)
