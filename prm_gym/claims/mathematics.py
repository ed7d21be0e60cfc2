"""Claims about numbers, expressions, equations and answers."""

import msgspec

from prm_gym.claims.claim import Claim


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
