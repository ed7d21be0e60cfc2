"""prm_gym/Tables-v0: analyse small tables in steps, or find the step of an analysis that is silently wrong.

kind="solve"
{"name": "query", "arguments": {"sql": "SELECT DISTINCT unit FROM rides"}}                            what a query gives
{"name": "step", "arguments": {"name": "cleaned", "sql": "SELECT DISTINCT id, ... FROM rides"}}       makes the intermediate table that the plan asks for
{"name": "answer", "arguments": {"value": 65.2174}}                                                   the end

kind="find"
{"name": "query", "arguments": {"sql": "SELECT id, COUNT(*) FROM located GROUP BY id HAVING COUNT(*) > 1"}}
{"name": "answer", "arguments": {"step": "located", "row": 17}}                                       the first wrong step, and a row that shows it

No trap raises an error: what goes wrong has to be seen in the rows.

Source: steps of table reasoning judged one by one are TaTToo's (Zou et al. 2025, arXiv 2510.06217); that errors in data analysis are silent, and have to be
found by looking into the environment, is DataPRM's point. Tables, plans and flaws are our own.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, NamedTuple, Unpack, get_args

from prm_gym.claims import Conclusion, Exploration, Json, TableStep
from prm_gym.env import StepEnv
from prm_gym.envs.tools.database_look import cut, look, query_tool, run, shown
from prm_gym.envs.tools.table_choices import Planted, check, key_text, listed_finds, listed_steps, planted, value_text, values
from prm_gym.envs.tools.table_plans import LEVELS, Plan, made, plan
from prm_gym.errors import EnvironmentFault, OptionError, SandboxError
from prm_gym.options import StepOptions, require_candidates, require_difficulty
from prm_gym.sandbox.result import Rows
from prm_gym.sql import Trial, judge, same_conclusion, table_script
from prm_gym.task import Task, content_key
from prm_gym.tools import Tool, Unreadable, call_text, described, required_call
from prm_gym.transition import Situation, Transition

MOST_ROWS = 500  # of an intermediate table
TOLERANCE = 1e-4
WRONG_ROW = "wrong row"

_SQL = query_tool("sqlite")
_NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 60, "description": "Name of a table of the plan."}
_QUERY = Tool("query", "Runs a query and shows the first 20 rows; nothing is kept.", {"sql": _SQL})
SOLVE_TOOLS = (
    _QUERY,
    Tool(
        "step",
        "Makes a table of the plan with a query over the tables and those made before it. Made again, it replaces what it was, and later ones are dropped.",
        {"name": _NAME, "sql": _SQL},
    ),
    Tool("answer", "Answers the question, and ends.", {"value": {"type": "number", "description": "Rounded to no less than 6 significant digits."}}),
)
FIND_TOOLS = (
    _QUERY,
    Tool(
        "answer",
        "Names the first wrong step and one row that shows it, and ends.",
        {
            "step": _NAME,
            "row": {
                "type": ["string", "number"],
                "description": "What stands in the first column of a row that is wrong, missing or too many in that step's table.",
            },
        },
    ),
)

SOLVE = f"""\
Analyse the tables by carrying out the plan, then answer the question. Each table of the plan is made by one query, has exactly the columns that are named,
and may use those made before it. No error will tell of a wrong one, so look at what you get. Each step is one call of a tool, written as JSON: {{"name":
"query", "arguments": {{"sql": "SELECT DISTINCT unit FROM rides"}}}} {{"name": "step", "arguments": {{"name": "cleaned", "sql": "SELECT id, station FROM
rides"}}}} {{"name": "answer", "arguments": {{"value": 65.2174}}}} The tools:
{described(SOLVE_TOOLS)}"""

FIND = f"""\
An analysis was carried out in steps, each a query over the tables and those that earlier steps made. All its tables are there. Exactly one step does not do
what it should; those after it are right in themselves. Nothing raised an error. Find it by queries, and name it with a row of its table that shows it. Each
step is one call of a tool, written as JSON: {{"name": "query", "arguments": {{"sql": "SELECT id, COUNT(*) FROM located GROUP BY id HAVING COUNT(*) > 1"}}}}
{{"name": "answer", "arguments": {{"step": "located", "row": 17}}}} The tools:
{described(FIND_TOOLS)}"""

Kind = Literal["solve", "find"]


class Made(NamedTuple):
    """An intermediate table of the agent.

    Attributes:
        name: of it.
        script: the statements that make it.
        right: it holds what the plan asks for.
    """

    name: str
    script: str
    right: bool


class TablesEnv(StepEnv):
    """Carry out a plan over tables full of traps, or find the step of a carried-out plan that fell into one.

    Observation: the tables, the plan and the question at first, then what the tool answered, at most 4,000 characters.

    Action: one call of `query`, `step` or `answer` (`kind="find"`: `query` or `answer`; see `prm_gym.tools`). What is no call of these with arguments that
    fit changes nothing and is claimed `Malformed`. A call that fits and goes wrong is a step, and answered with "Error: ...": an error of the database, a
    name that the plan does not have, a table before the one that it builds on, other columns than those named, more than 500 rows.

    Claims of `step`: `TableStep`, with the database as the step found it, the right query of the plan, and two databases with other rows, in which all
    earlier tables are right. So a step is judged on its own, and one that is right on a wrong table is told from both a right one and a wrong one (see the
    verifier `sql`: `neutral`, with the wrong tables as `tainted`). A step that is made again is right once only. Claims of `query`: `Exploration`. With
    kind="solve" nothing is needed, so that queries earn nothing. With kind="find" the one thing needed is a result that holds rows of the wrong step's table
    that are wrong (or missing there), by what stands in the first column, and no others. Claims of `answer`: `Conclusion`; with
    kind="solve" it rests on all tables of the plan, so that the right value without them is a guess, which the outcome pays and its step does not.

    Outcome: kind="solve": 1 for the right value (within 1e-4, relative), else 0. kind="find": 1 for the wrong step with a row that is wrong, missing or too
    many in its table, else 0.

    state_key: the task, the tables that were made, what was asked, and the last answer of a tool.

    Candidates: `info["actions"]` lists up to `candidates` calls in random order, a function of the state alone. kind="solve": the next step in every mixture
    of two or three flaws, so that the right one is not told by its likeness to the others; looks; answers that flawed steps lead to; when all tables are
    made, the answer to which they lead among seven others. kind="find": checks of every step, and wrong answers; once a query has shown wrong rows alone, other
    answers, with rows of every table, of which one is right.

    Known weaknesses: of the answers listed in the end, eight values or 11 to 14 rows, one is right, and an agent that tries all looks gets there without
    reading. A wrong row that is named at random in a table of few rows is right more often than one of a table of many.

    Difficulty 1 to 5: two steps (cleaning, means of groups); three, with a join; three, with limits in time; four; five, with shares.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("sql",)
    default_max_steps: ClassVar[int] = 20

    def __init__(self, *, difficulty: int = 2, kind: Kind = "solve", candidates: int = 20, **options: Unpack[StepOptions]) -> None:
        """Choose the tasks.

        Args:
            difficulty: 1 to 5, see `LEVELS` in `table_plans`.
            kind: "solve" for carrying out a plan, "find" for finding the wrong step of one.
            candidates: how many actions are listed at most; >= 20, or 0 for none.
            **options: see `StepOptions`; max_steps is 20 unless given.

        Raises:
            OptionError: a value out of range.
        """
        require_difficulty(difficulty, LEVELS)
        require_candidates(candidates, least=20)
        if kind not in get_args(Kind):
            raise OptionError(f"kind is one of {', '.join(get_args(Kind))}, got {kind!r}")
        super().__init__(**options)
        self.difficulty, self.candidates = difficulty, candidates
        self.kind: Kind = kind
        self._made: list[Made] = []
        self._done: list[str] = []
        self._asked: list[str] = []
        self._shown = False

    @property
    def tools(self) -> tuple[Tool, ...]:
        """Those of the kind of task."""
        return SOLVE_TOOLS if self.kind == "solve" else FIND_TOOLS

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a plan, and a flaw for it where one is to be found."""
        if options:
            raise OptionError(f"reset of Tables takes no options, got {sorted(options)}")
        entropy = int(self.np_random.integers(1 << 62))
        task = _task(self.kind, entropy, self.difficulty)
        self._made, self._done, self._asked, self._shown = [], [], [], False
        return task, self._situation_of(task, task.question)

    def advance(self, action: str) -> Transition:
        """Look, make a table, or end with the answer."""
        call = required_call(action, self.tools)
        if isinstance(call, Unreadable):
            return self.malformed(call.reason)
        if call.name == "query":
            return self._look(str(call.arguments["sql"]))
        if call.name == "step":
            return self._step(str(call.arguments["name"]), str(call.arguments["sql"]))
        return self._answer(call.arguments)

    def save_state(self) -> Json:
        """The tables that were made, what was asked and what was shown."""
        return {"made": [list(one) for one in self._made], "done": list(self._done), "asked": list(self._asked), "shown": self._shown}

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        self._made = [Made(*one) for one in state["made"]]
        self._done, self._asked, self._shown = list(state["done"]), list(state["asked"]), bool(state["shown"])

    def solution(self) -> list[str]:
        """The steps of the plan and the answer; or a check of every step up to the wrong one, and the answer."""
        drawn, seed = self._plan(self.task), self._seed(self.task)
        if self.kind == "solve":
            return [*(call_text("step", name=step.name, sql=step.gold) for step in drawn.steps), value_text(values(*seed)[0])]
        mistake = planted(*seed)
        checks = [call_text("query", sql=check(step)) for step in drawn.steps[: mistake.place + 1]]
        return [*checks, call_text("answer", step=drawn.steps[mistake.place].name, row=mistake.rows[0])]

    def _look(self, query: str) -> Transition:
        seen = look(query, self._script())
        found = self.kind == "find" and seen.reads and bool(seen.heads) and set(map(_unquoted, seen.heads)) <= self._wrong_rows()
        claim = Exploration(
            call=query,
            needed=(WRONG_ROW,) if self.kind == "find" else (),
            known=(WRONG_ROW,) if self._shown else (),
            shown=(WRONG_ROW,) if found else (),
            reads=seen.reads,
            seen_before=query in self._asked or seen.key in self._asked,
            error=seen.error,
        )
        self._shown = self._shown or found
        self._asked = list(dict.fromkeys([*self._asked, query, *([seen.key] if seen.key else [])]))
        return Transition(situation=self._situation_of(self.task, f"Error: {seen.error}" if seen.error else seen.text), claims=(claim,))

    def _step(self, name: str, query: str) -> Transition:
        drawn = self._plan(self.task)
        names = [step.name for step in drawn.steps]
        if name not in names:
            return self._refused(name, query, f"the plan has no table {name!r}; it has {', '.join(names)}")
        place = names.index(name)
        if place > len(self._made):
            return self._refused(name, query, f"{name} builds on {names[place - 1]}, which is not there yet")
        script = "\n".join([drawn.database, *(one.script for one in self._made[:place])])
        (rows,) = run([(query, script)])
        step = drawn.steps[place]
        defect = _defect(rows, step.columns)
        if defect:
            return self._refused(name, query, defect)
        tainted = tuple(one.name for one in self._made[:place] if not one.right)
        variants = tuple(made(variant, [(earlier.name, earlier.gold) for earlier in drawn.steps[:place]]).script for variant in drawn.variants)
        claim = TableStep(name, script, query, step.gold, variants, tainted, done=name in self._done)
        right = not tainted and _judged(Trial(query, step.gold, (script, *variants)))
        self._made = [*self._made[:place], Made(name, table_script(name, step.columns, rows.rows), right)]
        self._done = list(dict.fromkeys([*self._done, *([name] if right else [])]))
        return Transition(situation=self._situation_of(self.task, f"The table {name} was made.\n{shown(rows)}"), claims=(claim,))

    def _refused(self, name: str, query: str, error: str) -> Transition:
        claim = TableStep(name[:60], "", query, "", error=error[:1_000])
        return Transition(situation=self._situation_of(self.task, f"Error: {cut(error)}"), claims=(claim,))

    def _answer(self, arguments: Mapping[str, Json]) -> Transition:
        seed = self._seed(self.task)
        if self.kind == "solve":
            value = arguments["value"]
            given, names = value if isinstance(value, int | float) else None, tuple(step.name for step in self._plan(self.task).steps)
            claim = Conclusion((given,), ((values(*seed)[0],),), TOLERANCE, rests_on=names, established=tuple(self._done))
        else:
            mistake = planted(*seed)
            step = self._plan(self.task).steps[mistake.place].name
            claim = Conclusion((str(arguments["step"]), key_text(arguments["row"])), tuple((step, key_text(row)) for row in mistake.rows))
        right = any(same_conclusion(claim.values, gold, claim.tolerance) for gold in claim.golds)
        situation = Situation(observation="The answer was given.", state_key=content_key(self.situation.state_key, "answered", str(claim.values)))
        return Transition(situation=situation, claims=(claim,), terminated=True, outcome=float(right))

    def _script(self) -> str:
        if self.kind == "find":
            return planted(*self._seed(self.task)).script
        return "\n".join([self._plan(self.task).database, *(one.script for one in self._made)])

    def _wrong_rows(self) -> set[str]:
        return {key_text(row) for row in planted(*self._seed(self.task)).rows}

    def _situation_of(self, task: Task, observation: str) -> Situation:
        tables = "\n".join(one.script for one in self._made)
        state_key = content_key("tables", task.key, observation, tables, "|".join(sorted(self._asked)), "|".join(sorted(self._done)), str(self._shown))
        drawn, seed, actions = self._plan(task), self._seed(task), ()
        if self.candidates and self.kind == "solve":
            actions = listed_steps(drawn, seed, len(self._made), self._own_answer(drawn, seed), self.candidates, state_key)
        elif self.candidates:
            actions = listed_finds(drawn, planted(*seed), self._shown, self.candidates, state_key)
        return Situation(observation=observation, state_key=state_key, actions=actions)

    def _own_answer(self, drawn: Plan, seed: tuple[int, int]) -> float | None:
        """What the tables that were made lead to; None where some are missing, or where it is no number."""
        if len(self._made) < len(drawn.steps):
            return None
        if all(one.right for one in self._made):
            return values(*seed)[0]
        (rows,) = run([(drawn.final, "\n".join([drawn.database, *(one.script for one in self._made)]))])
        value = rows.rows[0][0] if rows.rows else None
        return value if isinstance(value, int | float) else None

    def _seed(self, task: Task) -> tuple[int, int]:
        return task.sealed["seed"], task.sealed["level"]

    def _plan(self, task: Task) -> Plan:
        return plan(*self._seed(task))


def _defect(rows: Rows, columns: tuple[str, ...]) -> str:
    """Why a result cannot be the table; empty where it can."""
    if rows.status != "ok":
        return rows.error
    if tuple(name.casefold() for name in rows.columns) != columns:
        return f"its columns are {', '.join(columns)}, and the query gives {', '.join(name[:60] for name in rows.columns[:20])}"
    return f"it has more than {MOST_ROWS} rows" if len(rows.rows) > MOST_ROWS else ""


def _judged(trial: Trial) -> bool:
    try:
        (finding,) = judge([trial])
    except SandboxError as error:
        raise EnvironmentFault(str(error)) from error
    if finding.outcome in ("fault", "undecided"):  # every gold query has been run before: if it gives nothing now, the machine failed
        raise EnvironmentFault(finding.reason)
    return finding.outcome == "right"


def _unquoted(text: str) -> str:
    """What a literal says, as `key_text` writes it."""
    return text[1:-1].replace("''", "'").strip() if text.startswith("'") else text


def _task(kind: Kind, entropy: int, level: int) -> Task:
    drawn = plan(entropy, level)
    lines = ["The tables:", drawn.tables, "", "The plan:"]
    mistake: Planted | None = planted(entropy, level) if kind == "find" else None
    for place, step in enumerate(drawn.steps):
        lines.append(f"{step.name}({', '.join(step.columns)}): {step.text}.")
        if mistake is not None:
            lines.append(f"    {step.write(frozenset((mistake.flaw,)) if place == mistake.place else frozenset())}")
    lines += ["", drawn.question if kind == "solve" else "Which step is wrong, and which row shows it?"]
    sealed: dict[str, Json] = {"seed": entropy, "level": level}
    return Task(
        key=content_key("Tables-v0", kind, str(entropy), str(level)),
        instructions=SOLVE if kind == "solve" else FIND,
        question="\n".join(lines),
        sealed=sealed,
        metadata={"difficulty": level, "kind": kind, "steps": len(drawn.steps)},
    )
