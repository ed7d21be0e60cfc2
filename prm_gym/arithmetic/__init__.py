"""Exact rational arithmetic on text, and the exact solver of number games (the game of 24, Countdown)."""

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
    "Multiset",
    "Operation",
    "Ratio",
    "SearchBudgetError",
    "Symbol",
    "evaluate",
    "operand_text",
    "operations",
    "parse_expression",
    "reachable",
    "solve",
    "step_text",
]
