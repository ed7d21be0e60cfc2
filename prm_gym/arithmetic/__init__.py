"""Exact rational arithmetic on text, equations in running text, and the exact solver of number games (the game of 24, Countdown)."""

from prm_gym.arithmetic.expression import (
    MAX_DIGITS,
    MAX_LENGTH,
    MAX_NESTING,
    Defect,
    Expression,
    ExpressionError,
    Symbol,
    evaluate,
    parse_expression,
)
from prm_gym.arithmetic.free_text import FoundEquation, equations
from prm_gym.arithmetic.rounding import rounds_to
from prm_gym.arithmetic.search import (
    MAX_NUMBERS,
    NODE_BUDGET,
    Multiset,
    Operation,
    Ratio,
    SearchBudgetError,
    operand_text,
    operations,
    reachable,
    solve,
    step_text,
)

__all__ = [
    "MAX_DIGITS",
    "MAX_LENGTH",
    "MAX_NESTING",
    "MAX_NUMBERS",
    "NODE_BUDGET",
    "Defect",
    "Expression",
    "ExpressionError",
    "FoundEquation",
    "Multiset",
    "Operation",
    "Ratio",
    "SearchBudgetError",
    "Symbol",
    "equations",
    "evaluate",
    "operand_text",
    "operations",
    "parse_expression",
    "reachable",
    "rounds_to",
    "solve",
    "step_text",
]
