"""School algebra, exactly: reading, writing and deciding equations and expressions.

`identity` (have two expressions the same value?), `same_solutions` (have two sets of relations the same real solutions?) and `consequence` (does an
equation follow from others?) give a `Finding`: an answer with its grounds, or "undecided". How texts are read, names above all, is explained in
`prm_gym.algebra.reading`.
"""

from prm_gym.algebra.consequence import consequence
from prm_gym.algebra.expression import AlgebraError, Defect, Expression, Relation, Statement, write, write_relation, write_statement
from prm_gym.algebra.finding import Finding
from prm_gym.algebra.identity import identity
from prm_gym.algebra.reading import MAX_LENGTH, read_expression, read_statement
from prm_gym.algebra.solutions import same_solutions

__all__ = [
    "MAX_LENGTH",
    "AlgebraError",
    "Defect",
    "Expression",
    "Finding",
    "Relation",
    "Statement",
    "consequence",
    "identity",
    "read_expression",
    "read_statement",
    "same_solutions",
    "write",
    "write_relation",
    "write_statement",
]
