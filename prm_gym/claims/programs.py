"""Claims about programs and queries: what they do when they are run."""

from typing import Literal, TypeAlias

import msgspec

from prm_gym.claims.claim import Claim, Json, Sparse

TraceQuestion: TypeAlias = Literal["next_line", "value", "type", "branch", "iterations", "output", "result"]


class Case(Sparse, msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A call of a function and what it should return.

    Attributes:
        arguments: positional arguments, each in the encoding of `prm_gym.sandbox.values`.
        expected: what should be returned, likewise.
        raises: name of the exception that should be raised instead ("ValueError", or a class that derives from it); empty where a value is expected.
    """

    arguments: tuple[Json, ...]
    expected: Json = None
    raises: str = ""


class Talk(msgspec.Struct, frozen=True, gc=False):
    """What a program reads and what it should print.

    Attributes:
        stdin: what it is given on standard input.
        stdout: what it should print; compared line by line without the spaces at the ends of lines and the empty lines at the end.
    """

    stdin: str
    stdout: str


class Program(Claim, msgspec.Struct, frozen=True, omit_defaults=True, tag="program"):
    """A program does what it should: in every case, every talk and every test that is given.

    Attributes:
        code: Python source.
        function: name of the function that `cases` call.
        cases: calls with what they should return.
        talks: runs of the whole program with what they should print.
        tests: Python source that tests the program with `assert`; it sees the program's names.
        tolerance: floats are equal when they differ by at most this, absolutely or relative to the greater one; 0 for exact.
        wall_seconds: that one run of the program may take.
        known: places of the cases, from 0 on, that earlier programs of the episode passed: a program that passes no other one is nothing new.
        reference: source of a program that passes the tests; it tells whether the tests or the program are to blame for what cannot be carried between the
            two, and nothing else. Empty where there is none.
    """

    code: str
    function: str = ""
    cases: tuple[Case, ...] = ()
    talks: tuple[Talk, ...] = ()
    tests: str = ""
    tolerance: float = 0.0
    wall_seconds: float = 2.0
    known: tuple[int, ...] = ()
    reference: str = ""


class TraceAnswer(Claim, msgspec.Struct, frozen=True, omit_defaults=True, tag="trace_answer"):
    """A text says rightly what happens when a program is run.

    Attributes:
        code: Python source that defines the function.
        function: name of the function that is called.
        arguments: its positional arguments, in the encoding of `prm_gym.sandbox.values`.
        question: what is asked: the line that runs next, the value or type of a variable, whether a branch is taken, how often a loop runs, what is
            printed, what is returned.
        event: the question is about the moment before the event-th line event of the call, from 0 on; -1 where it is about the whole call.
        line: the line that the question is about (`branch`, `iterations`), from 1 on; 0 where it is about none.
        variable: the variable that the question is about (`value`, `type`); else empty.
        answer: what was answered.
    """

    code: str
    function: str
    arguments: tuple[Json, ...]
    question: TraceQuestion
    answer: str
    event: int = -1
    line: int = 0
    variable: str = ""


class QueryResult(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="query_result"):
    """A query gives the rows that another query gives, on every one of several databases.

    Attributes:
        database: SQL script that makes the database.
        query: what was written.
        gold: a query that gives the right rows.
        ordered: the order of the rows counts.
        variants: scripts of further databases with the same tables and other rows; without them a query may be right by luck.
        dialect: what runs them.
    """

    database: str
    query: str
    gold: str
    ordered: bool = False
    variants: tuple[str, ...] = ()
    dialect: Literal["sqlite", "duckdb"] = "sqlite"


class StatementEffect(Claim, msgspec.Struct, frozen=True, omit_defaults=True, tag="statement_effect"):
    """A statement of a program does something for it: without the statement a case comes out differently.

    Attributes:
        code: Python source.
        line: first line of the statement, from 1 on.
        function: name of the function that `cases` call.
        cases: calls with what they should return.
    """

    code: str
    line: int
    function: str
    cases: tuple[Case, ...]
