"""Beams in equilibrium: loads, supports, and the equations that the reactions satisfy.

Forces count upwards, positions from the left end, moments counter-clockwise; kN, m, kNm. For any point p

    sum of the forces = 0,    sum of force * (position - p), of the couples and of the moment of the wall = 0,

and where there is a hinge, the moments about it of all that acts on its right are 0 as well, since it carries none.
"""

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias

from prm_gym.algebra.consequence import linear_system
from prm_gym.algebra.expression import decimal_text

Mistake: TypeAlias = Literal["", "arm", "couple", "missing", "support"]
"""In taking moments: none, a uniform load acts where it begins, a couple turns the other way, a load is forgotten, a reaction has the arm of its position."""

WALL_MOMENT = "M"


class Load(NamedTuple):
    """What acts on a beam.

    Attributes:
        kind: a force downwards, a uniform load downwards, or a couple counter-clockwise.
        size: in kN, kN/m or kNm; only a couple may be negative, which turns clockwise.
        start: where it acts, or begins.
        end: where it ends; the same as `start` but for a uniform load.
    """

    kind: Literal["point", "uniform", "couple"]
    size: Fraction
    start: Fraction
    end: Fraction


class Support(NamedTuple):
    """A support that takes a vertical force."""

    name: str
    position: Fraction


class Beam(NamedTuple):
    """A beam with its loads.

    Attributes:
        length: in m.
        supports: from the left; a single one is a wall, which exerts a moment as well.
        loads: at least one.
        hinge: where it is; None without one.
    """

    length: Fraction
    supports: tuple[Support, ...]
    loads: tuple[Load, ...]
    hinge: Fraction | None = None

    @property
    def unknowns(self) -> tuple[str, ...]:
        """The names of the reactions."""
        names = tuple(support.name for support in self.supports)
        return (*names, WALL_MOMENT) if len(self.supports) == 1 else names


def forces(beam: Beam, mistake: Mistake = "") -> str:
    """The sum of the forces is 0: `A + B - 12 - 2*4 = 0`."""
    terms = [(1, support.name) for support in beam.supports]
    loads = beam.loads[1:] if mistake == "missing" and len(beam.loads) > 1 else beam.loads
    terms += [(-1, force) for load in loads if (force := _force(load, load.start, load.end))]
    return _sum(terms)


def moments(beam: Beam, about: Fraction, mistake: Mistake = "") -> str:
    """The sum of the moments about a point is 0: `8B - 12*3 - 2*4*6 + 6 = 0`."""
    return _sum(list(_moments(beam, about, Fraction(0), mistake)))


def hinge_moments(beam: Beam, mistake: Mistake = "") -> str:
    """The moments about the hinge, of what acts on its right, sum to 0; only for a beam with a hinge."""
    hinge = beam.hinge if beam.hinge is not None else Fraction(0)
    return _sum(list(_moments(beam, hinge, hinge, mistake)))


@lru_cache(maxsize=1 << 12)
def equilibrium(beam: Beam) -> tuple[str, ...]:
    """Equations that the reactions satisfy, and no others: as many as there are unknowns, in the order in which they are best solved."""
    hinge = () if beam.hinge is None else (hinge_moments(beam),)
    return (*hinge, moments(beam, beam.supports[0].position), forces(beam))


@lru_cache(maxsize=1 << 12)
def reactions(beam: Beam) -> tuple[tuple[str, Fraction], ...] | None:
    """The value of every unknown, by row reduction; None where the equations do not determine them."""
    system = linear_system(equilibrium(beam))
    if not system.consistent or set(system.rows) != set(beam.unknowns):
        return None
    solution = system.solution({})
    return tuple((name, Fraction(solution[name])) for name in beam.unknowns)


def _force(load: Load, start: Fraction, end: Fraction) -> str:
    if load.kind == "couple":
        return ""
    return decimal_text(load.size) if load.kind == "point" else f"{decimal_text(load.size)}*{decimal_text(end - start)}"


def _moments(beam: Beam, about: Fraction, least: Fraction, mistake: Mistake) -> Iterator[tuple[int, str]]:
    """Signed terms of the moments about a point, of what acts at `least` or on its right; a force at a hinge itself has no arm."""
    for support in beam.supports:
        arm = support.position if mistake == "support" else support.position - about
        if arm and support.position >= least:
            yield (1 if arm > 0 else -1), support.name if abs(arm) == 1 else f"{decimal_text(abs(arm))}{support.name}"
    if len(beam.supports) == 1:
        yield 1, WALL_MOMENT
    for load in beam.loads[1:] if mistake == "missing" and len(beam.loads) > 1 else beam.loads:
        start = max(load.start, least)
        if load.kind == "couple" and load.start >= least:
            size = -load.size if mistake == "couple" else load.size
            yield (1 if size > 0 else -1), decimal_text(abs(size))
        elif load.kind != "couple" and (load.end > least or load.start >= least):
            centre = start if mistake == "arm" else (start + load.end) / 2
            arm = centre - about
            if arm:
                yield (-1 if arm > 0 else 1), f"{_force(load, start, load.end)}*{decimal_text(abs(arm))}"


def _sum(terms: list[tuple[int, str]]) -> str:
    shown = ""
    for sign, text in terms:
        shown += (" + " if sign > 0 else " - ") + text if shown else ("" if sign > 0 else "-") + text
    return f"{shown or '0'} = 0"


# In words and as a drawing.


def described(beam: Beam) -> str:
    """The beam in words and as a small drawing, one character for half a metre."""
    return f"{in_words(beam)}\n{drawn(beam)}"


def in_words(beam: Beam) -> str:
    """What there is, in sentences."""
    if len(beam.supports) == 1:
        wall = beam.supports[0]
        place = _shown(wall.position)
        held = f"It is fixed in a wall at {place} m, which exerts on the beam a force {wall.name} (kN, upwards) and a moment M (kNm, counter-clockwise)."
    else:
        places = ", ".join(f"{support.name} at {_shown(support.position)} m" for support in beam.supports)
        held = f"It is supported at {places}; the reactions {', '.join(beam.unknowns)} are forces (kN, upwards)."
    hinge = "" if beam.hinge is None else f" There is a hinge at {_shown(beam.hinge)} m."
    loads = "; ".join(_load_words(load) for load in beam.loads)
    return f"A beam is {_shown(beam.length)} m long. {held}{hinge} Loads: {loads}."


def _load_words(load: Load) -> str:
    if load.kind == "point":
        return f"{_shown(load.size)} kN down at {_shown(load.start)} m"
    if load.kind == "uniform":
        return f"{_shown(load.size)} kN/m down from {_shown(load.start)} m to {_shown(load.end)} m"
    return f"a couple of {_shown(abs(load.size))} kNm {'counter-clockwise' if load.size > 0 else 'clockwise'} at {_shown(load.start)} m"


def drawn(beam: Beam) -> str:
    """Three lines: loads (v a force, w a uniform load, @ a couple), the beam (o a hinge), supports (^, or | a wall) with their names."""
    width = int(2 * beam.length) + 1
    above, line, below = [" "] * width, ["="] * width, [" "] * (width + 2)
    for load in sorted(beam.loads, key=lambda load: load.kind != "uniform"):
        for place in range(int(2 * load.start), int(2 * load.end) + 1):
            above[place] = {"point": "v", "uniform": "w", "couple": "@"}[load.kind]
    if beam.hinge is not None:
        line[int(2 * beam.hinge)] = "o"
    for support in beam.supports:
        place = int(2 * support.position)
        below[place : place + 2] = ["|" if len(beam.supports) == 1 else "^", support.name]
    return "\n".join("".join(row).rstrip() for row in (above, line, below))


def _shown(value: Fraction) -> str:
    return decimal_text(value)
