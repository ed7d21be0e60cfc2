"""Variants of programs: without a statement, or with another one in its place; made inside the sandbox."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

import msgspec

from prm_gym.claims import Case, Json
from prm_gym.programs.trials import is_raised
from prm_gym.sandbox import Calls, Limits, Sandbox
from prm_gym.sandbox.values import same

MOST_CHANGED = 12
MOST_MUTANTS = 16


class Variant(msgspec.Struct, frozen=True):
    """A program that differs in one place.

    Attributes:
        how: in words, such as "<= for <"; "dropped" for the one without the statement.
        code: its source.
        partner: line of another statement that is dropped too; 0 for none.
    """

    how: str
    code: str
    partner: int = 0


class NoVariants(msgspec.Struct, frozen=True):
    """Why there are none.

    Attributes:
        reason: in one sentence.
        fault: the sandbox itself failed.
    """

    reason: str
    fault: bool = False


_NEAR = """
def near(code, function, cases, most):
    programs = [("", code), *mutants(code, most)]
    return [[how, outcomes(source, function, cases)] for how, source in programs]
"""
_PLAIN = """
def plain_variants(code, line, most):
    reason = defect(code)
    return {"defect": "the program is not plain: " + reason} if reason else variants(code, line, most)
"""
_INSIDE = Path(__file__).parent / "inside"


@lru_cache(maxsize=1)
def _source() -> str:
    return (_INSIDE / "mutants.py").read_text(encoding="utf-8")


@lru_cache(maxsize=1)
def _varying() -> str:
    return "\n".join([(_INSIDE / "plain.py").read_text(encoding="utf-8"), _source(), _PLAIN])


@lru_cache(maxsize=1)
def _probing() -> str:
    return "\n".join([_source(), (_INSIDE / "probing.py").read_text(encoding="utf-8"), _NEAR])


def statement_variants(sandbox: Sandbox, statements: Sequence[tuple[str, int]]) -> list[list[Variant] | NoVariants]:
    """The variants of programs at a statement: the program itself first, then without the statement, with changed ones, and without another one besides.

    All are written in the same way, without comments. There are none of a program that could look at its own source or code.

    Args:
        sandbox: where the programs are parsed.
        statements: source of the program, and the first line of the statement.

    Raises:
        SandboxError: there is no sandbox here.
    """
    jobs = [(_varying(), "plain_variants", [[code, line, MOST_CHANGED]]) for code, line in statements]
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
    changed = [Variant(str(how), code) for how, code in _pairs(record["changed"])]
    paired = [Variant(f"dropped with line {line}", code, int(line)) for line, code in _pairs(record["paired"])]
    return [Variant("unparsed", str(record["unparsed"])), Variant("dropped", str(record["dropped"])), *changed, *paired]


def _pairs(value: Json) -> list[tuple[str | int, str]]:
    return [cast("tuple[str | int, str]", cast("dict[str, Json]", pair)["tuple"]) for pair in cast("list[Json]", value)]


class Tried(msgspec.Struct, frozen=True):
    """What a program did in some cases.

    Attributes:
        how: how it differs from the right one; empty for that itself.
        passed: of every case, whether what came out is what was expected.
    """

    how: str
    passed: tuple[bool, ...]


def mutants_tried(sandbox: Sandbox, programs: Sequence[tuple[str, str, Sequence[Case]]], wall_seconds: float = 2.0) -> list[list[Tried] | NoVariants]:
    """What a program and wrong programs near it do in cases: the program itself first; a process a program.

    Args:
        sandbox: where they run.
        programs: source, name of the function and cases.
        wall_seconds: for a program and all that is near it.

    Raises:
        SandboxError: there is no sandbox here.
    """
    jobs: list[tuple[str, str, list[list[Json]]]] = [
        (_probing(), "near", [[code, function, [list(case.arguments) for case in cases], MOST_MUTANTS]]) for code, function, cases in programs
    ]
    answers = sandbox.call_all(jobs, limits=Limits(wall_seconds=wall_seconds, kept_bytes=1024))
    return [_tried(calls, cases) for calls, (_, _, cases) in zip(answers, programs, strict=True)]


def _tried(calls: Calls, cases: Sequence[Case]) -> list[Tried] | NoVariants:
    result = calls.results[0]
    if calls.run.status == "fault":
        return NoVariants("the sandbox itself failed", fault=True)
    if calls.run.status == "timeout":
        return NoVariants("the program, or a wrong one near it, does not end in time")
    try:
        records = msgspec.convert(result.value, list[tuple[str, list[tuple[str, Json]]]])
    except msgspec.ValidationError:
        records = []
    if result.status != "returned" or not records or any(len(outcomes) != len(cases) for _, outcomes in records):
        return NoVariants(f"the program cannot be tried: {result.error or calls.run.error or 'what it returned cannot be read'}")
    if any(ending == "unloaded" for ending, _ in records[0][1]):
        return NoVariants("the program itself cannot be loaded")
    return [Tried(how, tuple(_passes(case, *outcome) for case, outcome in zip(cases, outcomes, strict=True))) for how, outcomes in records]


def _passes(case: Case, ending: str, value: Json) -> bool:
    if ending == "raised":
        name, nearest = msgspec.convert(value, tuple[str, str])
        return bool(case.raises) and is_raised(case.raises, name, nearest)
    return ending == "returned" and not case.raises and same(value, case.expected)
