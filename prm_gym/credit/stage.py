"""Stage: a function of the credit library with its name, its needs and its options, as lists show it and pipelines call it.

Credit assigners and the transforms and filters around them (`prm_gym.credit.transform`) are stages.
"""

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType, NoneType, UnionType
from typing import Any, ClassVar, Literal, Union, cast, get_args, get_origin

from prm_gym.credit.columns import SOURCES
from prm_gym.credit.options import near_miss, require_choice
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import ContractError, CreditError, OptionError
from prm_gym.plugins import misfit

Confidence = Literal["high", "medium", "low"]

_CONFIDENCE = re.compile(r"Confidence:\s+(high|medium|low)\b")


class Stage:
    """What a registry knows of a function: how it is called, and what it asks of a batch.

    Attributes:
        kind: what it is, in words.
        leading: how many positional arguments it takes.
        name: of the function.
        summary: first line of its docstring.
        needs: columns that the batch must have.
        uses: columns that it also takes where the batch has them.
        makes: columns that the batch has after it.
        options: default of each option by its name, in the order of the signature.
    """

    kind: ClassVar[str]
    leading: ClassVar[int] = 1
    name: str
    summary: str
    needs: tuple[str, ...]
    uses: tuple[str, ...]
    makes: tuple[str, ...] = ()
    options: Mapping[str, object]
    __name__: str

    def __init__(self, function: Callable[..., object], needs: tuple[str, ...], uses: tuple[str, ...]) -> None:
        """Read the name, the summary and the options off the function.

        Args:
            function: takes `leading` positional arguments, then keyword options that all have defaults.
            needs: columns that the batch must have.
            uses: columns that it also takes where the batch has them.

        Raises:
            ContractError: the signature is another one, or there is no docstring.
        """
        # Sets __doc__, __module__ and __wrapped__ too: help() and doctest then see the function.
        functools.update_wrapper(cast("Any", self), function)
        self.name = self.__name__
        self.needs, self.uses = needs, uses
        summary, *_ = (inspect.getdoc(function) or "").splitlines() or [""]
        if not summary:
            raise ContractError(f"The {self.kind} {self.name!r} needs a docstring; its first line is what lists show.")
        self.summary = summary
        parameters = list(inspect.signature(function).parameters.values())[self.leading :]
        for parameter in parameters:
            if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default is parameter.empty:
                raise ContractError(f"The {self.kind} {self.name!r} must take {parameter.name!r} as a keyword only, with a default.")
        self.options = MappingProxyType({parameter.name: parameter.default for parameter in parameters})
        self._annotations = {parameter.name: parameter.annotation for parameter in parameters}

    @property
    def confidence(self) -> Confidence | None:
        """How sure the docstring is of its formula; None where it does not say."""
        found = _CONFIDENCE.search(inspect.getdoc(self) or "")
        return cast("Confidence", found[1]) if found else None

    @property
    def is_reading(self) -> bool:
        """Whether the paragraph of the docstring that says its confidence speaks of a reading: of a source that does not spell the formula out."""
        paragraphs = re.split(r"\n\s*\n", inspect.getdoc(self) or "")
        return any(_CONFIDENCE.search(paragraph) and re.search(r"\breadings?\b", paragraph) for paragraph in paragraphs)

    def require_columns(self, batch: StepBatch) -> None:
        """Refuse a batch that lacks columns.

        Raises:
            CreditError: it does; all of them are named, and where they come from.
        """
        missing = [name for name in self.needs if name not in batch.columns]
        if missing:
            present = ", ".join(sorted(batch.columns)) or "none"
            raise CreditError(
                f"The {self.kind} {self.name!r} needs the columns {', '.join(self.needs)}; the batch lacks {', '.join(missing)}. Its columns: {present}."
                + "".join(f" {name}: {SOURCES[name]}." for name in missing if name in SOURCES)
            )

    def require_known(self, options: Mapping[str, object]) -> None:
        """Refuse options that the function does not have, texts where it wants numbers, and what is none of the choices that its signature lists.

        Raises:
            OptionError: one is unknown (names the near miss and lists the known ones), of another type, or no choice.
        """
        for option, value in options.items():
            if option not in self.options:
                listed = ", ".join(f"{name}={default!r}" for name, default in self.options.items()) or "none"
                raise OptionError(f"The {self.kind} {self.name!r} has no option {option!r}.{near_miss(option, self.options)} Its options: {listed}.")
            wanted = misfit(self._annotations[option], value)
            if wanted:
                raise OptionError(f"{option} of the {self.kind} {self.name!r} is {wanted}, got {value!r}.")
            choices = _choices(self._annotations[option], value)
            if choices:
                require_choice(option, value, choices)

    def __reduce__(self) -> str:
        """Pickle by name: the module holds this object under the function's own name."""
        return self.__name__

    def __repr__(self) -> str:
        """`Assigner('gigpo', needs=('state_key',))`."""
        return f"{type(self).__name__}({self.name!r}, needs={self.needs!r})"


def _choices(annotation: object, value: object) -> tuple[str, ...]:
    """The words among which a signature lets choose, where the value is to be one of them: a `Literal`, beside which another type may stand."""
    parts: tuple[object, ...] = get_args(annotation) if isinstance(annotation, UnionType) or get_origin(annotation) is Union else (annotation,)
    others = {part for part in parts if get_origin(part) is not Literal}
    if value is None and NoneType in others:
        return ()
    if others - {NoneType} and (not isinstance(value, str) or others & {str, object, Any}):
        return ()  # one of another type that may stand there
    words = [word for part in parts if part not in others for word in get_args(part)]
    return tuple(words) if words and all(isinstance(word, str) for word in words) else ()
