"""Notations: the ways in which formulas are written, each with a parser of our own and a printer that it reads back."""

from collections.abc import Callable
from typing import NamedTuple

from prm_gym.logic.formula import Formula
from prm_gym.logic.notations import fld, folio, smtlib, tptp
from prm_gym.logic.signature import Signature


class Notation(NamedTuple):
    """One way to write formulas.

    Attributes:
        parse: text and declared symbols to formula; raises `FormulaError`.
        write: formula to text; raises `FormulaError` for what the notation cannot say.
    """

    parse: Callable[[str, Signature | None], Formula]
    write: Callable[[Formula], str]


def _undeclared(parse: Callable[[str], Formula]) -> Callable[[str, Signature | None], Formula]:
    """The parser of a notation that is read without knowing the symbols."""

    def read(text: str, signature: Signature | None) -> Formula:
        del signature
        return parse(text)

    return read


NOTATIONS: dict[str, Notation] = {
    "fld": Notation(_undeclared(fld.parse), fld.write),
    "folio": Notation(_undeclared(folio.parse), folio.write),
    "tptp": Notation(_undeclared(tptp.parse), tptp.write),
    "smtlib": Notation(smtlib.parse, smtlib.write),
}
