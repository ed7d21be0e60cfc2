"""Claims about the steps of writing a program."""

import msgspec

from prm_gym.claims.claim import Claim, Json
from prm_gym.claims.programs import Case


class Probe(Claim, msgspec.Struct, frozen=True, omit_defaults=True, tag="probe"):
    """A test case is right, and tells the program from a wrong one that no earlier case tells.

    Attributes:
        code: Python source of a program that is right.
        function: name of the function that is called.
        arguments: of the case, in the encoding of `prm_gym.sandbox.values`.
        expected: what the case says is returned.
        earlier: the cases that were written before; those that are wrong do not count.
        idle: a function that does nothing gives that too.
    """

    code: str
    function: str
    arguments: tuple[Json, ...]
    expected: Json
    earlier: tuple[Case, ...] = ()
    idle: bool = False


class Refused(Claim, msgspec.Struct, frozen=True, gc=False, tag="refused"):
    """A proper call that was refused, and did nothing.

    Attributes:
        reason: why, in one sentence for a person.
    """

    reason: str
