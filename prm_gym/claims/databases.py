"""Claims about the work on a database: what a look at it showed, whether an intermediate table is right, whether a conclusion is."""

import msgspec

from prm_gym.claims.claim import Claim


class Exploration(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="exploration"):
    """A call that looks at a database shows something that the question needs and that was not seen before.

    Facts are texts: "tables" (the list of tables), "table:books" (what the table is like), "value:sci-fi" (how a value is written).

    Attributes:
        call: what was called.
        needed: the facts that the question needs.
        known: those that were seen before.
        shown: those that the answer to this call holds.
        reads: the call reads the database; a query of constants does not.
        seen_before: the same answer was given before, or the same call made.
        error: why the call failed; empty where it did not.
    """

    call: str
    needed: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    reads: bool = True
    seen_before: bool = False
    error: str = ""


class TableStep(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="table_step"):
    """A query makes the intermediate table that a plan asks for.

    Attributes:
        name: of the intermediate table.
        database: SQL script of the database as the step found it, with the intermediate tables made before, right or wrong.
        query: what was written.
        gold: a query that makes the right table of the same database.
        variants: scripts of databases with other rows, in which all intermediate tables made before are right.
        tainted: names of the intermediate tables in `database` that are wrong.
        done: the table was right before, and is made again.
        error: why the step was refused; empty where it was not.
    """

    name: str
    database: str
    query: str
    gold: str
    variants: tuple[str, ...] = ()
    tainted: tuple[str, ...] = ()
    done: bool = False
    error: str = ""


class Conclusion(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="conclusion"):
    """What was concluded from a database is one of the right conclusions, and rests on what was established before.

    Attributes:
        values: what was concluded: numbers and texts.
        golds: the right conclusions, each as long as `values`.
        tolerance: numbers are equal when they differ by at most this, absolutely or relative to the greater one.
        rests_on: names of what has to be established for it; empty where that is not known.
        established: names of what was.
    """

    values: tuple[str | int | float | None, ...]
    golds: tuple[tuple[str | int | float | None, ...], ...]
    tolerance: float = 1e-6
    rests_on: tuple[str, ...] = ()
    established: tuple[str, ...] = ()
