"""The base of all claims, the two that fit everywhere, and how stored claims are read."""

import functools
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from prm_gym.errors import DuplicateNameError

if TYPE_CHECKING:
    Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
else:
    Json = Any  # msgspec reads no type that names itself


class Sparse:
    """A struct with `omit_defaults` that is written alike before and after it has been pickled.

    msgspec leaves a field out where it holds the very object that is the default, not an equal one; a pickled default would come back as another object and be
    written. So what holds the default itself is not pickled. Every claim is one; a record within a claim that has `omit_defaults` names it as a base too.
    """

    __slots__ = ()

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """What makes an equal struct: its class and the fields that do not hold the default itself."""
        kind: Any = type(self)
        names: tuple[str, ...] = kind.__struct_fields__
        values = {name: getattr(self, name) for name in names}
        for name, default in zip(reversed(names), reversed(kind.__struct_defaults__), strict=False):  # defaults are those of the last fields
            if values[name] is default:
                del values[name]
        return _made, (kind, values)


def _made(kind: Callable[..., Any], values: dict[str, Any]) -> Any:
    return kind(**values)


@functools.cache  # every claim of a file asks for them; a new type clears it
def claim_types() -> Mapping[str, type[msgspec.Struct]]:
    """Every type of claim that is imported, by its tag.

    Raises:
        DuplicateNameError: two have one tag.
    """
    found: dict[str, type[msgspec.Struct]] = {}
    pending: list[type[Claim]] = [Claim]
    while pending:
        kind = pending.pop()
        pending.extend(kind.__subclasses__())
        if issubclass(kind, msgspec.Struct):
            tag = str(kind.__struct_config__.tag)
            other = found.setdefault(tag, kind)
            if (other.__module__, other.__qualname__) != (kind.__module__, kind.__qualname__):  # a module that was loaded again defines the same class anew
                raise DuplicateNameError(f"the claims {_path(other)} and {_path(kind)} have one tag, {tag!r}: give one of them another (tag=...)")
    return MappingProxyType(found)


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


class Claim(Sparse):
    """A checkable statement about one step. Subclasses are frozen msgspec structs with a tag of their own."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        """Have the types looked up anew: there is one more."""
        super().__init_subclass__()
        claim_types.cache_clear()


class Malformed(Claim, msgspec.Struct, frozen=True, gc=False, tag="malformed"):
    """The action is not a step at all. Every verifier of claims answers it with the label `malformed` and the score 0.

    Attributes:
        reason: why, in one sentence for a person.
    """

    reason: str


class Spoilt(Claim, msgspec.Struct, frozen=True, gc=False, tag="spoilt"):
    """The infrastructure failed at this step: nothing is known of what the agent did. No verifier of claims judges it.

    Attributes:
        reason: what failed.
    """

    reason: str


class ForeignClaim(Claim, msgspec.Struct, frozen=True, tag="foreign"):
    """A stored claim whose type is not imported here; kept as it was, understood by no verifier.

    Attributes:
        kind: its tag.
        fields: its fields as stored.
    """

    kind: str
    fields: dict[str, Any]


def claim_from_json(data: dict[str, Any]) -> Claim:
    """Give back the claim that `msgspec.to_builtins` or the store wrote.

    Args:
        data: the claim's fields with its tag under "type".

    Returns:
        The claim; a `ForeignClaim` when its type is not imported.

    Raises:
        msgspec.ValidationError: the fields do not fit the type.
        DuplicateNameError: two claim types have one tag.
    """
    if not isinstance(data, dict):
        raise msgspec.ValidationError(f"a claim is an object with a type, got {data!r}")
    if data.get("type") == "foreign":  # kept by a process that did not know the type; this one may
        data = {**data["fields"], "type": data["kind"]}
    tag = data.get("type")
    kind = claim_types().get(str(tag))
    if kind is None:
        return ForeignClaim(kind=str(tag), fields={k: v for k, v in data.items() if k != "type"})
    claim: Any = msgspec.convert(data, kind)
    return claim


def decode_claims(kind: type[Any], value: Any) -> Any:
    """`dec_hook` for msgspec: decodes fields annotated `Claim`."""
    if kind is Claim:
        return claim_from_json(value)
    raise NotImplementedError(f"no decoding for {kind!r}")
