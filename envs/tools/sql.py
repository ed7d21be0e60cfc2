"""prm_gym/SQL-v0: questions to be answered with a query, on a database that has to be looked at first.

Every sale from 2021-03-14 to 2022-06-01, both days included, whose rebate is known. Columns, in this order: its id and its number of copies.

{"name": "tables", "arguments": {}}                                                  the names of the tables
{"name": "describe", "arguments": {"table": "sales"}}                                how it was declared
{"name": "query", "arguments": {"sql": "SELECT DISTINCT genre FROM books"}}          what a query gives
{"name": "answer", "arguments": {"sql": "SELECT id, copies FROM sales WHERE ..."}}   the end

Source: text to SQL over several databases of one schema is test-suite accuracy (Zhong, Yu, Klein 2020, arXiv 2010.02840); looking at the database in turns is
InterCode's SQL (Yang et al. 2023, arXiv 2306.14898). Databases, questions and the distilling of the suites are our own.
"""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar, Unpack, get_args

from prm_gym.claims import Exploration, Json, QueryResult
from prm_gym.env import StepEnv
from prm_gym.envs.tools.database_look import DIALECTS, Look, look, look_at_table, query_tool, schema, table_names
from prm_gym.envs.tools.sql_files import BadRows, Given, load_questions
from prm_gym.envs.tools.sql_looks import facts_of, listed, looks
from prm_gym.envs.tools.sql_questions import LEVELS, question
from prm_gym.errors import EnvironmentFault, MissingExtraError, OptionError, SandboxError
from prm_gym.options import StepOptions, require_candidates, require_difficulty
from prm_gym.sandbox.sandbox import Dialect
from prm_gym.sql import Trial, judge
from prm_gym.task import Task, content_key
from prm_gym.tools import Tool, Unreadable, call_text, described, required_call
from prm_gym.transition import Situation, Transition


def _tools(dialect: Dialect) -> tuple[Tool, ...]:
    query = query_tool(dialect)
    return (
        Tool("tables", "Lists the tables."),
        Tool("describe", "Shows how a table was declared, and its number of rows.", {"table": {"type": "string", "minLength": 1, "maxLength": 200}}),
        Tool("query", "Runs a query and shows the first 20 rows.", {"sql": query}),
        Tool("answer", "Answers the question with a query, and ends.", {"sql": query}),
    )


TOOLS: dict[Dialect, tuple[Tool, ...]] = {dialect: _tools(dialect) for dialect in DIALECTS}


def _instructions(dialect: Dialect) -> str:
    return f"""\
Answer the question with an SQL query ({DIALECTS[dialect]}'s dialect). Nothing of the database is known beforehand: look at its tables first. Each step is
one call of a tool, written as JSON: {{"name": "tables", "arguments": {{}}}} {{"name": "query", "arguments": {{"sql": "SELECT count(*) FROM books"}}}}
{{"name": "answer", "arguments": {{"sql": "SELECT title FROM books WHERE pages > 200"}}}} The answer is run on this database and on others with the same
tables and other rows, and must give the right rows on all of them. The columns and their order count, not their names; the order of the rows counts only
where the question gives one. What is unknown is NULL, and equal rows count as often as they stand there. Values may be written in another way than in the
question. Queries can only read. The answer ends the episode. The tools:
{described(TOOLS[dialect])}"""


class SqlEnv(StepEnv):
    """Find out how a database is made, and answer a question with a query.

    Observation: the question at first, then what the tool answered, at most 4,000 characters.

    Action: one call of `tables`, `describe`, `query` or `answer` (see `prm_gym.tools`). What is no call of these with arguments that fit changes nothing and
    is claimed `Malformed`. A call that fits and goes wrong (no such table, an error of the database, five seconds over) is a step, and answered with "Error:
    ...".

    Claims of a look: `Exploration`, with the facts that the question needs (the list of tables, each table of the right query, each value that the question
    spells in another way) and those that were shown. A table's columns count as shown by `describe` alone, all at once, and a value where a query that does
    not name it shows it, so that looking piece by piece earns no more. Of an answer: `QueryResult`, with the databases of the suite. The default verifier
    `sql` judges both.

    Outcome: 1 when the answer's query gives the right rows on the database and on every other one of its suite, else 0.

    state_key: the task, what is known, what was asked, and the last answer of a tool.

    Dialect: SQLite, or DuckDB with `dialect="duckdb"`, which needs the extra of that name: databases, queries, suites and verifier are DuckDB's then. Orders
    that come by themselves are told from right ones in SQLite by reading rows backwards; DuckDB cannot be made to. A task takes 0.3 to 1 second to draw there,
    and 0.01 in SQLite.

    Tasks are generated, with databases of five kinds (see `sql_domains`, `sql_templates` and `sql_questions` beside this module), or read from files:
    `questions=PATH, database=PATH` (see `sql_files`: the layouts of Spider and BIRD). A file's database is opened in the sandbox only.

    Candidates: for generated tasks `info["actions"]` lists up to `candidates` calls in random order: looks at tables and columns, and answers. Once all that
    is needed is known, the right query is among eight (seldom four) answers that are all mixtures of three edits of it, so that none is told by its likeness
    to the others. The edits make it longer and shorter, and leave the numbers and texts in it as they are, so that it is told neither by its length nor by
    what the question spells; before, the answers listed are all wrong. A function of the state alone. With files none are listed.

    Known weaknesses: a right query with a LIMIT that fits the database that is seen passes where no other one of the suite has more rows. An agent that has
    seen all that is needed and then takes any listed answer is right once in eight times. With files, a suite is only as good as the databases in its folder.

    Difficulty 1 to 5: filters; aggregates, order, a join; groups; nested queries and set operations; windows.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("sql",)
    default_max_steps: ClassVar[int] = 16

    def __init__(
        self,
        *,
        difficulty: int = 2,
        questions: str | Path | None = None,
        database: str | Path | None = None,
        bad_rows: BadRows = "error",
        dialect: Dialect = "sqlite",
        candidates: int = 16,
        **options: Unpack[StepOptions],
    ) -> None:
        """Choose the tasks.

        Args:
            difficulty: 1 to 5; of generated tasks.
            questions: file of questions; given with `database`.
            database: file of a database (.sqlite, .db, .sql; under DuckDB a .sql script), or a folder with one folder a database.
            bad_rows: "error", or "skip" for leaving out questions of the file that cannot be used.
            dialect: "sqlite" or "duckdb", which needs the extra of that name.
            candidates: how many actions are listed at most; >= 14, or 0 for none.
            **options: see `StepOptions`; max_steps is 16 unless given.

        Raises:
            OptionError: a value out of range, or a file that cannot be read.
            MissingExtraError: the dialect is DuckDB's, which is not installed.
        """
        require_difficulty(difficulty, LEVELS)
        if dialect not in get_args(Dialect):
            raise OptionError(f"dialect is one of {', '.join(get_args(Dialect))}, got {dialect!r}")
        if dialect == "duckdb" and find_spec("duckdb") is None:
            raise MissingExtraError("duckdb", "duckdb")
        require_candidates(candidates, least=14)
        if (questions is None) is not (database is None):
            raise OptionError(
                "questions and database are given together: a file of questions and the database (or the folder of databases) that they are about"
            )
        super().__init__(**options)
        self.difficulty, self.candidates = difficulty, candidates
        self.questions = None if questions is None else str(questions)
        self.database = None if database is None else str(database)
        self.bad_rows: BadRows = bad_rows
        self.dialect: Dialect = dialect
        self._known: list[str] = []
        self._asked: list[str] = []
        self._given()

    @property
    def tools(self) -> tuple[Tool, ...]:
        """`tables`, `describe`, `query` and `answer`."""
        return TOOLS[self.dialect]

    @property
    def task_count(self) -> int | None:
        """The number of questions of the file; None where they are generated."""
        given = self._given()
        return None if given is None else len(given)

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a question, or take the one that `options["task_index"]` names."""
        index, given = self.choose_task(options), self._given()
        if given is None:
            task = _generated(int(self.np_random.integers(1 << 62)), self.difficulty, self.dialect)
        else:
            task = _task(given[index or 0], index or 0, self.dialect)
        self._known, self._asked = [], []
        return task, self._situation_of(task, task.question)

    def advance(self, action: str) -> Transition:
        """Look at the database, or end with the answer."""
        call = required_call(action, self.tools)
        if isinstance(call, Unreadable):
            return self.malformed(call.reason)
        if call.name == "answer":
            return self._answer(str(call.arguments["sql"]))
        if call.name == "query":
            query = str(call.arguments["sql"])
            seen = look(query, self._databases()[0], self.dialect)
            return self._looked(
                f"query {query}", seen, [f"value:{cell}" for cell in sorted(seen.cells) if seen.reads and cell.casefold() not in query.casefold()]
            )
        tables = table_names(self._databases()[0], self.dialect)
        if call.name == "tables":
            return self._looked("tables", Look(text="\n".join(tables), key="tables"), ["tables"])
        table = next((name for name in tables if name.casefold() == str(call.arguments["table"]).casefold()), None)
        if table is None:
            return self._looked(f"describe {call.arguments['table']}", Look(error=f"there is no table {str(call.arguments['table'])[:60]!r}"), [])
        return self._looked(f"describe {table}", look_at_table(table, self._databases()[0], self.dialect), [f"table:{table}"])

    def save_state(self) -> Json:
        """What is known, and what was asked and answered."""
        return {"known": list(self._known), "asked": list(self._asked)}

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        self._known, self._asked = list(state["known"]), list(state["asked"])

    def solution(self) -> list[str]:
        """Looks at all that is needed, and the right query."""
        return [*looks(self.task.sealed["needed"], self.task.sealed["where"]), call_text("answer", sql=self.task.sealed["gold"])]

    def _looked(self, call: str, seen: Look, shown: list[str]) -> Transition:
        needed = self.task.sealed["needed"]
        kept = tuple(fact for fact in needed if fact in shown) if not seen.error else ()
        claim = Exploration(
            call=call,
            needed=tuple(needed),
            known=tuple(fact for fact in needed if fact in self._known),
            shown=kept,
            reads=seen.reads,
            seen_before=call in self._asked or seen.key in self._asked,
            error=seen.error,
        )
        if not seen.error:
            self._known = list(dict.fromkeys([*self._known, *(fact for fact in shown if fact in needed or not fact.startswith("value:"))]))
        self._asked = list(dict.fromkeys([*self._asked, call, *([seen.key] if seen.key else [])]))
        return Transition(situation=self._situation_of(self.task, f"Error: {seen.error}" if seen.error else seen.text), claims=(claim,))

    def _answer(self, query: str) -> Transition:
        database, *variants = self._databases()
        gold, ordered = self.task.sealed["gold"], self.task.sealed["ordered"]
        try:
            (finding,) = judge([Trial(query, gold, (database, *variants), ordered, self.dialect)])
        except SandboxError as error:
            raise EnvironmentFault(str(error)) from error
        if finding.outcome in ("fault", "undecided"):  # every gold query has been run before: if it gives nothing now, the machine failed
            raise EnvironmentFault(finding.reason)
        situation = Situation(observation="The answer was given.", state_key=content_key(self.situation.state_key, "answered", query))
        claim = QueryResult(database, query, gold, ordered, tuple(variants), self.dialect)
        return Transition(situation=situation, claims=(claim,), terminated=True, outcome=float(finding.outcome == "right"))

    def _databases(self) -> tuple[str, ...]:
        sealed = self.task.sealed
        if "seed" in sealed:
            drawn = question(sealed["seed"], sealed["level"], self.dialect)
            return (drawn.database, *drawn.variants)
        given = self._given()
        return () if given is None else given[sealed["index"]].databases

    def _situation_of(self, task: Task, observation: str) -> Situation:
        state_key = content_key("sql", task.key, observation, "|".join(sorted(self._known)), "|".join(sorted(self._asked)))
        actions: tuple[str, ...] = ()
        if self.candidates and "seed" in task.sealed:
            drawn = question(task.sealed["seed"], task.sealed["level"], self.dialect)
            left = looks([fact for fact in task.sealed["needed"] if fact not in self._known], task.sealed["where"])
            actions = listed(drawn, self._known, left, self.candidates, state_key)
        return Situation(observation=observation, state_key=state_key, actions=actions)

    def _given(self) -> tuple[Given, ...] | None:
        return None if self.questions is None or self.database is None else load_questions(self.questions, self.database, self.bad_rows, self.dialect)


def _marks(dialect: Dialect) -> tuple[str, ...]:
    """What tells the key of a task from that of the same one in SQLite."""
    return () if dialect == "sqlite" else (dialect,)


def _generated(entropy: int, level: int, dialect: Dialect) -> Task:
    drawn = question(entropy, level, dialect)
    needed = facts_of(drawn.asked.gold, drawn.tables, drawn.asked.text)
    return Task(
        key=content_key("SQL-v0", str(entropy), str(level), *_marks(dialect)),
        instructions=_instructions(dialect),
        question=drawn.asked.text,
        sealed={
            "gold": drawn.asked.gold,
            "ordered": drawn.asked.ordered,
            "needed": list(needed),
            "where": {f"value:{text}": [table, column] for text, table, column in drawn.values},
            "seed": entropy,
            "level": level,
        },
        metadata={"difficulty": level, "form": drawn.form},
    )


def _task(given: Given, index: int, dialect: Dialect) -> Task:
    facts = facts_of(given.gold, table_names(given.databases[0], dialect), given.text, schema(given.databases[0], dialect))
    return Task(
        key=content_key("SQL-v0", given.text, given.gold, *given.databases, *_marks(dialect)),
        instructions=_instructions(dialect),
        question=given.text,
        sealed={"gold": given.gold, "ordered": given.ordered, "needed": list(facts), "where": {}, "index": index},
        metadata={"index": index, "databases": len(given.databases)},
    )
