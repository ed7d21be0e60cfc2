"""Whether two sets of relations have the same real solutions."""

from prm_gym.algebra.finding import Finding
from prm_gym.algebra.reading import read_statement


def same_solutions(before: tuple[str, ...], after: tuple[str, ...]) -> Finding:
    """Not decided yet."""
    for text in (*before, *after):
        read_statement(text)
    return Finding("undecided", "solution sets are not compared yet")
