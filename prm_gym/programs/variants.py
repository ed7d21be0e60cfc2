"""Variants of programs: without a statement, or with another one in its place; made inside the sandbox, where the program is parsed and never run."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

import msgspec

from prm_gym.claims import Json
from prm_gym.sandbox import Calls, Limits, Sandbox

MOST_CHANGED = 12
MOST_MUTANTS = 16


class Variant(msgspec.Struct, frozen=True):
    """A program that differs in one place.

    Attributes:
        how: in words, such as "<= for <"; "dropped" for the one without the statement.
        code: its source.
    """

    how: str
    code: str


class NoVariants(msgspec.Struct, frozen=True):
    """Why there are none.

    Attributes:
        reason: in one sentence.
        fault: the sandbox itself failed.
    """

    reason: str
    fault: bool = False


@lru_cache(maxsize=1)
def _source() -> str:
    return (Path(__file__).parent / "inside" / "mutants.py").read_text(encoding="utf-8")


def statement_variants(sandbox: Sandbox, statements: Sequence[tuple[str, int]]) -> list[list[Variant] | NoVariants]:
    """The variants of programs at a statement: without it first, then with changed ones.

    Args:
        sandbox: where the programs are parsed.
        statements: source of the program, and the first line of the statement.

    Raises:
        SandboxError: there is no sandbox here.
    """
    jobs = [(_source(), "variants", [[code, line, MOST_CHANGED]]) for code, line in statements]
    return [_variants(calls) for calls in sandbox.call_all(jobs, limits=Limits(kept_bytes=1024))]


def _variants(calls: Calls) -> list[Variant] | NoVariants:
    result = calls.results[0]
    if calls.run.status == "fault":
        return NoVariants("the sandbox itself failed", fault=True)
    if result.status != "returned":
        return NoVariants(f"no variants could be made: {result.error or calls.run.error}")
    record = dict(cast("list[tuple[str, Json]]", cast("dict[str, Json]", result.value)["dict"]))
    if "defect" in record:
        return NoVariants(str(record["defect"]))
    return [Variant("dropped", str(record["dropped"])), *_listed(record["changed"])]


def _listed(value: Json) -> list[Variant]:
    pairs = [cast("list[str]", cast("dict[str, Json]", pair)["tuple"]) for pair in cast("list[Json]", value)]
    return [Variant(how, code) for how, code in pairs]


def mutants_of(sandbox: Sandbox, programs: Sequence[str]) -> list[list[Variant] | NoVariants]:
    """Wrong programs that are near each program.

    Args:
        sandbox: where the programs are parsed.
        programs: sources.

    Raises:
        SandboxError: there is no sandbox here.
    """
    answers = sandbox.call_all([(_source(), "mutants", [[code, MOST_MUTANTS]]) for code in programs], limits=Limits(kept_bytes=1024))
    found: list[list[Variant] | NoVariants] = []
    for calls in answers:
        result = calls.results[0]
        if calls.run.status == "fault":
            found.append(NoVariants("the sandbox itself failed", fault=True))
        else:
            found.append(_listed(result.value) if result.status == "returned" else NoVariants(result.error or calls.run.error))
    return found
