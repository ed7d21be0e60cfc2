r"""What an episode came to, as a key that is equal where two answers are: for votes and for credit over answers.

>>> answer_key("0.50") == answer_key(r"\frac{1}{2}")
True
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from prm_gym.answers.extraction import MAX_ANSWER, final_answer
from prm_gym.answers.readings import Scalar, read_answer
from prm_gym.answers.spelling import spelled
from prm_gym.claims import Claim, Conclusion, Consequence, FinalAnswer, Identity, SameSolutions, Solution


def claimed_answer(claims: Sequence[Claim]) -> str | None:
    """A key of the answer that the claims of an episode's last step state; None where they state none.

    That is what a `FinalAnswer` says in the end, the text `answer` of any other claim that has one (a third party's too), the values of a `Solution` or a
    `Conclusion`, and where a derivation ends in its answer, the last line of it (`SameSolutions`, `Identity`, `Consequence`). Right or wrong makes no
    difference. Numbers and formulas are equal by their value ("0.5" and "1/2"), words whatever their case and blanks; equal keys are equal answers, and some
    equal answers have two keys. A text that states different answers, or takes its own back, states none.

    Args:
        claims: of the step that ended the episode. Of an earlier step they say what was derived on the way, which is no answer.
    """
    for claim in claims:
        read = _READERS.get(type(claim))
        given: Any = read(claim) if read is not None else getattr(claim, "answer", None)
        if isinstance(given, str):
            key = answer_key(given)
            if key:
                return key
    return None


def answer_key(text: str) -> str:
    """A key of a bare answer; empty where it says nothing.

    Args:
        text: "1/2", "PROVED", "x = 3".
    """
    text = " ".join(text.split())
    if len(text) > MAX_ANSWER:
        return text.casefold()
    written = spelled(text)
    reading = read_answer(written)
    if isinstance(reading, Scalar) and reading.value is not None and reading.unit is None and not reading.percent:
        rational = reading.value.rational
        return str(rational) if rational is not None else reading.value.key
    return " ".join(written.split()).casefold()


def _said(claim: Any) -> str:
    found = final_answer(claim.answer)
    return "" if found.defect else found.answer


def _together(parts: Iterable[str]) -> str:
    return "; ".join(parts)


_READERS: Mapping[type[Claim], Callable[[Any], str]] = {
    FinalAnswer: _said,
    Solution: lambda claim: _together(sorted(f"{atom.variable} = {atom.value}" for atom in claim.values)),
    Conclusion: lambda claim: _together(map(str, claim.values)),
    SameSolutions: lambda claim: _together(sorted(claim.after)),
    Identity: lambda claim: claim.right,
    Consequence: lambda claim: claim.conclusion,
}
"""Of claims whose answer is no field of that name."""
