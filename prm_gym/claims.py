"""Claims: the typed, checkable statements that an environment makes about a step.

Claims are the common language between environments and verifiers: an environment emits them, a verifier declares which
types it understands and abstains on the rest. So any environment composes with any verifier, and neither imports the other.

A claim is a frozen record of plain JSON values, so that it can be stored with a trajectory and judged again later. Everything that is
needed to judge the claim is in the claim itself. To add one, subclass `Claim` and `msgspec.Struct` with a `tag`.
"""

from typing import Any, Literal, TypeAlias

import msgspec

from prm_gym.csp.problem import Is, Problem, Value
from prm_gym.errors import DuplicateNameError
from prm_gym.logic.language import FLD, Language

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
Answer: TypeAlias = Literal["PROVED", "DISPROVED", "UNKNOWN"]


class Claim:
    """A checkable statement about one step. Subclasses are frozen msgspec structs with a tag of their own."""

    __slots__ = ()


class Malformed(Claim, msgspec.Struct, frozen=True, gc=False, tag="malformed"):
    """The action is not a step at all. Every verifier of claims answers it with the label `malformed` and the score 0.

    Attributes:
        reason: why, in one sentence for a person.
    """

    reason: str


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


class Equality(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="equality"):
    """Two arithmetic expressions have the same value, as exact rationals.

    Attributes:
        left: an expression over integers, fractions, decimals, `+ - * /` and parentheses.
        right: likewise.
        rounded: where a side is a number, it may be the value of the other one rounded to the places it is written with (`8 / 3 = 2.67`), as
            people write.
    """

    left: str
    right: str
    rounded: bool = False


class Identity(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="identity"):
    """Two algebraic expressions have the same value wherever both have one.

    Attributes:
        left: an expression in the notation of `prm_gym.algebra`.
        right: likewise.
        earlier: expressions that were written before; a right side that says one of them again is trivial.
    """

    left: str
    right: str
    earlier: tuple[str, ...] = ()


class SameSolutions(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="same_solutions"):
    """One set of equations and inequalities has exactly the real solutions of another.

    Attributes:
        before: relations in the notation of `prm_gym.algebra`, all of which are to hold ("2x + 3 = 7").
        after: likewise.
        earlier: sets of relations that were written before; an `after` that says one of them again is trivial.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    earlier: tuple[tuple[str, ...], ...] = ()


class Consequence(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="consequence"):
    """Every real solution of the given equations satisfies another one.

    Attributes:
        given: equations in the notation of `prm_gym.algebra`.
        conclusion: an equation, likewise.
        earlier: what was soundly written before, where that is not what was given (a model of the task that the agent does not see): a conclusion that already
            follows from it is trivial. With None the given equations are what was written, and a conclusion that restates one of them is trivial.
    """

    given: tuple[str, ...]
    conclusion: str
    earlier: tuple[str, ...] | None = None


class FinalAnswer(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="final_answer"):
    """A text answers a question as the gold answer does.

    Attributes:
        answer: what was written: a bare answer, or a solution that ends in one.
        gold: the known answer.
        question: the problem, so that an answer that only restates it can be told; empty where it is not known.
    """

    answer: str
    gold: str
    question: str = ""


class Reachable(Claim, msgspec.Struct, frozen=True, gc=False, tag="reachable"):
    """The target can still be made from the numbers left, using each once (`+ - * /`, exact rationals).

    Attributes:
        numbers: what is left, as exact rationals in text ("7", "8/3"); empty when nothing honestly made is left.
        target: the number to make, likewise.
        integers_only: whether every intermediate result must be a positive integer (the rule of the Countdown game).
    """

    numbers: tuple[str, ...]
    target: str
    integers_only: bool = False


class Assignment(Claim, msgspec.Struct, frozen=True, tag="assignment"):
    """In the problem, a variable has this value, given what has been assigned.

    Attributes:
        problem: the constraints that the step may use.
        assigned: what was assigned or deduced before, as atoms.
        variable: the variable.
        value: its value.
        follows: the step says that the value follows, so that one that is merely possible is a wrong inference and no permitted guess.
    """

    problem: Problem
    assigned: tuple[Is, ...]
    variable: str
    value: Value
    follows: bool = False


class Solution(Claim, msgspec.Struct, frozen=True, tag="solution"):
    """The values are a solution of the problem and, where a derivation is asked for, nothing but what was derived.

    Attributes:
        problem: the problem.
        values: one atom for each variable.
        derived: what was soundly derived before; None where no derivation is asked for.
    """

    problem: Problem
    values: tuple[Is, ...]
    derived: tuple[Is, ...] | None = None


class Safest(Claim, msgspec.Struct, frozen=True, tag="safest"):
    """When every solution of the problem is equally likely, none of the other candidates is less likely to have the value than the chosen one.

    Attributes:
        problem: what is known.
        candidates: the variables to choose from, the chosen one among them.
        chosen: the variable that was chosen.
        value: what is to be avoided: a mine.
    """

    problem: Problem
    candidates: tuple[str, ...]
    chosen: str
    value: Value


class Progress(Claim, msgspec.Struct, frozen=True, gc=False, tag="progress"):
    """The step is on a shortest path to the goal of a puzzle, and comes nearer to it than the episode has been.

    Attributes:
        puzzle: the rules: a name of `prm_gym.planning.PUZZLES`.
        before: the state, in the notation of the puzzle.
        after: the state after the step, likewise.
        earlier: the distinct states of the episode before `before`, in order.
    """

    puzzle: str
    before: str
    after: str
    earlier: tuple[str, ...] = ()


class ReasoningGymAnswer(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="reasoning_gym_answer"):
    """A text answers a question of a data set of reasoning-gym.

    Attributes:
        dataset: name of the data set.
        entry: its entry (question, answer, metadata), as a JSON object.
        answer: what was written as the final answer.
        config: options of the data set, as a JSON object; some scorers depend on them.
        difficulty: level of its curriculum, from 1 on; 0 for none.
    """

    dataset: str
    entry: str
    answer: str
    config: str = "{}"
    difficulty: int = 0


class ForeignClaim(Claim, msgspec.Struct, frozen=True, tag="foreign"):
    """A stored claim whose type is not imported here; kept as it was, understood by no verifier.

    Attributes:
        kind: its tag.
        fields: its fields as stored.
    """

    kind: str
    fields: dict[str, Any]


def _claim_types() -> dict[str, type[msgspec.Struct]]:
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
    return found


def _path(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


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
    kind = _claim_types().get(str(tag))
    if kind is None:
        return ForeignClaim(kind=str(tag), fields={k: v for k, v in data.items() if k != "type"})
    claim: Any = msgspec.convert(data, kind)
    return claim


def decode_claims(kind: type[Any], value: Any) -> Any:
    """`dec_hook` for msgspec: decodes fields annotated `Claim`."""
    if kind is Claim:
        return claim_from_json(value)
    raise NotImplementedError(f"no decoding for {kind!r}")
