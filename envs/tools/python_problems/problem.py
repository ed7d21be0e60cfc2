"""Problem: a question that asks for a computation, its answer, and the cells of Python that find it."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Problem:
    """A generated problem.

    Attributes:
        question: says exactly what is asked.
        gold: the answer: an integer, a fraction in lowest terms, a decimal with the places that are asked for, or a date.
        cells: Python sources that find the answer when they are run one after the other in one session; the last one prints it on a line of its own.
    """

    question: str
    gold: str
    cells: tuple[str, ...]


# Draws a problem of a difficulty from 1 to 5. The answer is computed here in another way than in the cells, wherever there are two ways.
Family: TypeAlias = Callable[[Random, int], Problem]
