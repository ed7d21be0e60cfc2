"""Languages: a notation, and the symbols that may be used in it. This is what a claim says its formulas are written in."""

import re
from functools import lru_cache

import msgspec

from prm_gym.errors import FormulaError
from prm_gym.logic.formula import Formula
from prm_gym.logic.notations import NOTATIONS, fld
from prm_gym.logic.notations.reader import MAX_ARGUMENTS
from prm_gym.logic.signature import INDIVIDUAL, Signature, check_sorts

_NAME = r"[A-Za-z][A-Za-z0-9_]{0,63}"
_DECLARATION = re.compile(rf"(?P<kind>sort|const|fun|pred) (?P<name>{_NAME})(?:\((?P<arguments>[^()]*)\))?(?:: (?P<sort>{_NAME}))?", re.ASCII)
MAX_DECLARATIONS = 1_000


class Language(msgspec.Struct, frozen=True):
    """How formulas are written, and the sorts of their symbols.

    Attributes:
        notation: "fld", "folio", "tptp" or "smtlib".
        declarations: the symbols, as `sort City; const rome: City; fun distance(City, City): Real; pred near(City, City)`; "" where there are individuals
            alone, which need no declaration. The sorts Individual, Int and Real are always there.
    """

    notation: str = "fld"
    declarations: str = ""

    @property
    def signature(self) -> Signature | None:
        """The declared symbols; None where there are individuals alone.

        Raises:
            FormulaError: the declarations cannot be read.
        """
        return read_declarations(self.declarations) if self.declarations else None

    def parse(self, text: str) -> Formula:
        """The formula that a text writes.

        Raises:
            FormulaError: it is none, or does not fit the declarations; says what is wrong.
        """
        if self.notation == "fld" and not self.declarations:
            return fld.parse(text)
        return _parsed(self, text)

    def write(self, formula: Formula) -> str:
        """The formula as a text that `parse` reads back as the same tree.

        Raises:
            FormulaError: the notation has no way to write it.
        """
        return NOTATIONS[self.notation].write(formula)


FLD = Language()


@lru_cache(maxsize=20_000)
def _parsed(language: Language, text: str) -> Formula:
    if language.notation not in NOTATIONS:
        raise FormulaError(f"there is no notation {language.notation!r}; there are {', '.join(NOTATIONS)}")
    signature = language.signature
    formula = NOTATIONS[language.notation].parse(text, signature)
    check_sorts(formula, signature)
    return formula


@lru_cache(maxsize=1_000)
def read_declarations(text: str) -> Signature:
    """The signature that a text declares.

    Raises:
        FormulaError: it cannot be read, or declares a name twice.
    """
    items = [item.strip() for item in re.split(r"[;\n]", text) if item.strip()]
    if len(items) > MAX_DECLARATIONS:
        raise FormulaError(f"{len(items)} declarations; at most {MAX_DECLARATIONS} are read")
    signature = Signature(sorts=tuple(item.split()[1] for item in items if item.startswith("sort ")))
    names: set[str] = set(signature.sorts)
    constants, functions, predicates = dict[str, str](), dict[str, tuple[tuple[str, ...], str]](), dict[str, tuple[str, ...]]()
    for item in items:
        match = _DECLARATION.fullmatch(item)
        if match is None:
            raise FormulaError(f"{item[:60]!r} declares nothing: write `sort S`, `const c: S`, `fun f(S, S): S` or `pred p(S, S)`")
        kind, name, result = match["kind"], match["name"], match["sort"]
        arguments = tuple(_sort(sort.strip()) for sort in match["arguments"].split(",")) if match["arguments"] else ()
        if len(arguments) > MAX_ARGUMENTS:
            raise FormulaError(f"{name} is declared with {len(arguments):,} arguments; at most {MAX_ARGUMENTS} are read")
        if (
            (kind in ("const", "fun")) is (result is None)
            or (kind in ("sort", "const") and match["arguments"] is not None)
            or (kind == "fun" and not arguments)
        ):
            raise FormulaError(f"{item[:60]!r} does not fit its kind: write `sort S`, `const c: S`, `fun f(S, S): S` or `pred p(S, S)`")
        if kind == "sort":
            continue
        if name in names:
            raise FormulaError(f"{name} is declared twice")
        names.add(name)
        if kind == "const":
            constants[name] = _sort(result)
        elif kind == "fun":
            functions[name] = (arguments, _sort(result))
        else:
            predicates[name] = arguments
    return Signature(constants, functions, predicates, signature.sorts)


def _sort(name: str) -> str:
    return INDIVIDUAL if name == "Individual" else name
