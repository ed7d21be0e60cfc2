"""Lines to choose from in a word problem: the right ones among typical mistakes."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from prm_gym.envs.math.word_forms import computed
from prm_gym.envs.math.word_problem_generator import Definition, WordProblem, amount_text, operand_text

_PLAIN = ("{0} + {1}", "{0} - {1}", "{0} * {1}", "{0} / {1}", "{1} - {0}", "{1} / {0}")
_PERCENT = ("{0} * {1} / 100", "{0} + {0} * {1} / 100", "{0} - {0} * {1} / 100", "{0} - {1}", "{0} + {1}")
_BY_TWO = ("2 * {0}", "{0} / 2", "{0} + 2", "{0} - 2")
_CONFUSED: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_PLAIN, _PLAIN),
    **dict.fromkeys(_PERCENT[:3], _PERCENT),
    **dict.fromkeys(_BY_TWO, _BY_TWO),
    "{0} / 3": ("{0} / 3", "3 * {0}", "{0} - 3", "{0} + 3"),
    "({0} + {1}) / 2": ("({0} + {1}) / 2", "{0} + {1}", "{0} + {1} / 2", "{0} - {1} / 2"),
    "({0} + {1} + {2}) / 3": ("({0} + {1} + {2}) / 3", "{0} + {1} + {2}", "({0} + {1}) / 3 + {2}", "{0} + {1} - {2}"),
    "{0} * {1} / {2}": ("{0} * {1} / {2}", "{0} * {2} / {1}", "{0} / {2}", "{0} - {1}", "{0} - {0} * {1} / {2}"),
}
"""What a form is taken for by mistake. Nothing needs a number that the wording of the form does not bring."""


def candidates(problem: WordProblem, noted: Mapping[str, Fraction], count: int, entropy: int) -> tuple[str, ...]:
    """Up to `count` distinct actions in random order: lines about a few quantities, each told rightly and wrongly, and two answers.

    They are made from what is seen: amounts that were noted wrongly are taken as they stand. At least one line is the right next one, as long as what is seen
    is right and something is left to be computed.

    Args:
        problem: the problem.
        noted: the quantities computed so far, with the amounts as written.
        count: how many; at least 4.
        entropy: fixes the choice; a function of the problem and of what is noted.
    """
    rng = np.random.default_rng(entropy)
    known = {**dict(problem.given), **noted}
    undone = [definition for definition in problem.definitions if definition.name not in noted]
    ready = [definition for definition in undone if all(parent in known for parent in definition.parents)]
    due = [definition for definition in ready if definition.name in problem.needed]
    first = [due[int(rng.integers(len(due)))]] if due else []
    others = [definition for definition in undone if definition not in first]
    chosen = [*first, *(others[place] for place in rng.permutation(len(others)).tolist())][: max(1, (count - 2) // 5)]
    told = sorted(value for value in problem.grounded if value > 1 and 20 % value.denominator == 0)
    texts: dict[str, None] = {}
    for definition in chosen:
        wanted = len(texts) + (count - 2 - len(texts)) // max(1, len(chosen) - chosen.index(definition))
        for line in _lines(definition, definition in ready, known, told, rng):
            if len(texts) >= wanted:
                break
            texts[line] = None
    for answer in _answers(problem, known, told, rng):
        texts[f"answer {amount_text(answer)}"] = None
    listed = list(texts)
    return tuple(listed[place] for place in rng.permutation(len(listed)).tolist())


class _Way(NamedTuple):
    """A way to compute something: a form, what stands in it, and what comes out."""

    form: str
    operands: tuple[Fraction, ...]
    value: Fraction


def _lines(definition: Definition, is_ready: bool, known: Mapping[str, Fraction], told: Sequence[Fraction], rng: np.random.Generator) -> Iterator[str]:
    """Lines about one quantity: the right one first, where it can be computed; then mistakes without end.

    Two sets of operands and two forms are combined with each other, so that neither the operands nor the form of the right line stand out by number.
    """
    amounts = list(known.values())
    drawn = {name: known.get(name, amounts[int(rng.integers(len(amounts)))]) for name in definition.parents}
    operands = tuple(drawn[operand] if operand in drawn else Fraction(operand) for operand in definition.operands)
    first = _way(definition.form, operands)
    if first is None:  # what was noted wrongly divides by zero
        return
    truth = first.value if is_ready else None
    yield _line(definition.name, first)
    for _ in range(20):
        ways = _mistakes(definition, first, known, told, rng)
        yield from (_line(definition.name, way) for way in ways if way.value != truth)
        way = (first, *ways)[int(rng.integers(len(ways) + 1))]
        slip = way._replace(value=_slipped(way.value, rng))
        if slip.value > 0 and slip.value not in (truth, way.value):
            yield _line(definition.name, slip)


def _mistakes(definition: Definition, first: _Way, known: Mapping[str, Fraction], told: Sequence[Fraction], rng: np.random.Generator) -> tuple[_Way, ...]:
    """The first way with another operand, in another form, and both; as likely as they can be found in a few draws."""
    amounts = list(known.values())
    forms = [form for form in _CONFUSED[definition.form] if form != definition.form]
    whole = all(value.denominator == 1 for value in (*amounts, first.value))
    found: tuple[_Way, ...] = ()
    for _ in range(12):
        changed = list(first.operands)
        place = int(rng.integers(len(changed)))
        pool = amounts if definition.operands[place][0].isalpha() else told or amounts
        changed[place] = pool[int(rng.integers(len(pool)))]
        form = forms[int(rng.integers(len(forms)))]
        tried = [_way(definition.form, changed), _way(form, first.operands), _way(form, changed)]
        ways = [way for way in tried if way is not None and (way.form, way.operands) != (first.form, first.operands)]
        likely = tuple(way for way in ways if way.value > 0 and (way.value.denominator == 1 if whole else 100 % way.value.denominator == 0))
        found = max(found, likely, key=len)
        if len(found) == 3:
            break
    return found


def _way(form: str, operands: Sequence[Fraction]) -> _Way | None:
    value = computed(form, operands)
    return None if value is None else _Way(form, tuple(operands), value)


def _line(name: str, way: _Way) -> str:
    return f"{name} = {way.form.format(*map(operand_text, way.operands))} = {amount_text(way.value)}"


def _slipped(value: Fraction, rng: np.random.Generator) -> Fraction:
    """A slip of the pen: off by one, by ten, or two digits exchanged."""
    digits = str(value.numerator)
    if value.denominator == 1 and value >= 10 and rng.random() < 0.3:
        return Fraction(int(digits[:-2] + digits[-1] + digits[-2]))
    return value + (1, -1, 10, -10)[int(rng.integers(4))]


def _answers(problem: WordProblem, known: Mapping[str, Fraction], told: Sequence[Fraction], rng: np.random.Generator) -> tuple[Fraction, ...]:
    """What is noted as the goal, when it is, and another amount; two amounts else, or an amount and a number of the text."""
    drawn = list(known.values())
    shuffled = [drawn[place] for place in rng.permutation(len(drawn)).tolist()]
    noted = [known[problem.goal]] if problem.goal in known else []
    found: dict[Fraction, None] = dict.fromkeys((*noted, *shuffled, *told, Fraction(1)))
    return tuple(found)[:2]
