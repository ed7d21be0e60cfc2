"""Which claims about programs can be judged at all."""

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from prm_gym.claims import Case, Claim, Json
from prm_gym.programs.encodings import comparable, is_encoding

ClaimT = TypeVar("ClaimT", bound=Claim)
MAX_CODE = 1 << 17
MAX_CASES = 2_000
MAX_CASE_PARTS = 100_000
MAX_WALL_SECONDS = 60.0


def well_typed(claim: ClaimT) -> ClaimT | None:
    """The claim with fields of the types that its class says; None where one is of another, or is no JSON: a claim that is built by hand may hold anything."""
    try:
        data = msgspec.json.encode(claim)
        read = msgspec.json.decode(data, type=type(claim))
        return read if msgspec.json.encode(read) == data else None
    except (msgspec.MsgspecError, TypeError, ValueError, RecursionError, OverflowError):
        return None


def code_defect(code: object, function: object = "f") -> str:
    """Why a program cannot be run by name; empty where it can."""
    if not (isinstance(code, str) and len(code) <= MAX_CODE):
        return f"a program is a text of at most {MAX_CODE:,} characters"
    return "" if isinstance(function, str) and function.isidentifier() and len(function) <= 200 else "the function has no proper name"


def cases_defect(cases: Sequence[Case]) -> str:
    """Why cases cannot be judged; empty where they can."""
    if len(cases) > MAX_CASES:
        return f"at most {MAX_CASES:,} cases are run, got {len(cases):,}"
    left = MAX_CASE_PARTS
    for case in cases:
        left -= parts(list(case.arguments), left) + parts(case.expected, left)
        if left < 0:
            return "the cases are too large"
        if not is_encoding(list(case.arguments)):
            return "the arguments of a case are no encoded values"
        if not (isinstance(case.raises, str) and (case.raises or comparable(case.expected))):
            return "what a case expects equals nothing"
    return ""


def parts(value: Json, most: int) -> int:
    """How many parts a value has, texts counted by the hundred characters; more than `most` is not counted on."""
    pending: list[Json] = [value]
    count = 0
    while pending and count <= most:
        part = pending.pop()
        count += 1 + (len(part) // 100 if isinstance(part, str) else 0)
        if isinstance(part, list):
            pending += part
        elif isinstance(part, dict):
            pending += part.values()
    return count
