"""Claims about formulas."""

from typing import Literal, TypeAlias

import msgspec

from prm_gym.claims.claim import Claim
from prm_gym.logic.language import FLD, Language

Answer: TypeAlias = Literal["PROVED", "DISPROVED", "UNKNOWN"]


class Statement(msgspec.Struct, frozen=True, gc=False):
    """A formula that a proof has written down under a label.

    Attributes:
        label: its name ("fact3", "int1").
        formula: in the language of the claim that it stands in.
        cited: labels of the statements it was derived from; empty for what was given or assumed.
        assumed: it is assumed for the sake of the argument; what is derived from it rests on it until it is discharged.
        discharged: labels of assumptions that this step closes: from C, derived under the assumption A, follows A -> C without it.
    """

    label: str
    formula: str
    cited: tuple[str, ...] = ()
    assumed: bool = False
    discharged: tuple[str, ...] = ()


class Entailment(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="entailment"):
    """The statement follows from the statements that it cites, and from them alone.

    Attributes:
        statement: the new statement: derived, with at least one citation, or assumed.
        known: everything written down before, in order.
        language: what the formulas are written in.
    """

    statement: Statement
    known: tuple[Statement, ...]
    language: Language = FLD


class Decision(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="decision"):
    """`answer` is the status of the hypothesis, and a PROVED or DISPROVED rests on a derivation.

    Attributes:
        answer: PROVED (what was given entails the hypothesis), DISPROVED (it entails its negation) or UNKNOWN (neither).
        hypothesis: the formula to decide.
        known: everything written down, in order; what has no citation was given.
        language: what the formulas are written in.
    """

    answer: Answer
    hypothesis: str
    known: tuple[Statement, ...]
    language: Language = FLD


class Consistent(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="consistent"):
    """The formulas can hold together.

    Attributes:
        formulas: closed formulas.
        language: what they are written in.
    """

    formulas: tuple[str, ...]
    language: Language = FLD


class Equivalent(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="equivalent"):
    """Two formulas say the same.

    Attributes:
        left: a closed formula.
        right: likewise.
        language: what they are written in.
    """

    left: str
    right: str
    language: Language = FLD
