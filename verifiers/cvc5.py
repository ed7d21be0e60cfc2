"""`cvc5`: the verdicts of `z3` from another solver; `consensus(z3, cvc5)` speaks where the two agree."""

from typing import ClassVar

from prm_gym.logic.cvc5_solver import Cvc5Solver
from prm_gym.logic.entailment import shared_checker
from prm_gym.logic.solver import SolverClass
from prm_gym.verifiers.z3 import Z3Verifier


class Cvc5Verifier(Z3Verifier):
    """Judges as `z3` does, decided by cvc5; where Z3 can tell and cvc5 cannot (some quantifiers over numbers), it abstains.

    Raises:
        MissingExtraError: cvc5 is not installed.
    """

    id = "cvc5"
    version = "2"
    solver: ClassVar[SolverClass] = Cvc5Solver

    def __init__(self, mode: str = "propagate") -> None:
        """Choose how earlier mistakes count.

        Args:
            mode: "propagate" or "local", see `Z3Verifier`.
        """
        super().__init__(mode)
        shared_checker(Cvc5Solver).consistent(())  # a missing solver is told here, and not at the first step
