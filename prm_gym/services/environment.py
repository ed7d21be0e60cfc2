"""ServiceEnv: environments in which an agent works on the state of a service by calls of tools, and talks to whoever wants something."""

import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar, Unpack, cast

import msgspec
import numpy as np

from prm_gym.claims import Json, Reference, RowChange, Rule, StateStep
from prm_gym.env import StepEnv
from prm_gym.errors import ContractError, OptionError, RefusedError
from prm_gym.options import StepOptions, require_candidates, require_difficulty
from prm_gym.services.database import Database, Table
from prm_gym.services.pursuit import Pursuit
from prm_gym.services.scenario import Arguments, Operation, Reply, Scenario, ScriptStep, read_key
from prm_gym.task import Task, content_key
from prm_gym.tools import Tool, ToolCall, Unreadable, described, read_call, understood
from prm_gym.transition import Situation, Transition

ANSWER_LENGTH = 4_000
MOST_REFERENCES = 40
_DID = "i (?:have )?(?:entered|picked|chose|used|changed|made|cancelled|sent|invited|set)"
_SORRY = re.compile(
    r"\b(?:my (?:mistake|error|fault)|(?:mistake|error|fault) (?:of mine|on my (?:side|part|end))|i was (?:wrong|mistaken)|mistakenly|in error"
    r"|that was (?:wrong|a mistake|an error)|i (?:have )?(?:made|caused) (?:an?|the|this|that) (?:\w+ )?(?:mistake|error)"
    rf"|{_DID}[^.?!\n]{{0,60}}\bwrong|wrong[^.?!\n]{{0,40}}\b{_DID})\b",
    re.IGNORECASE,
)


class ServiceEnv(StepEnv):
    """Bring the database of a service into the state that somebody wants, by calls of tools, and say what must be said.

    Observation: first what somebody wants; then the answer of the tool or the listener to the last step, cut after `ANSWER_LENGTH` characters.

    Action: one call of a tool in any form that `prm_gym.tools.read_call` reads, or a message to the listener. A text that is no call and holds no letter
    or digit, a tool that there is not, and arguments that do not fit the schema are `Malformed`: the observation says "Error: ..." and nothing changes.
    A call that the tool refuses is a step like any other; its observation begins with "Error: " too, and nothing is changed by it.

    Claims: `StateStep`.

    Outcome: 1 when the episode was ended by the tool that should end it, the database differs from the beginning in exactly what was wanted, and
    everything was said that had to be said; else 0, and 0 at the step limit. The way there is judged by the steps' verdicts.

    state_key: the task, the rows that were changed, what the listener knows, the milestones, what was shown, and the latest answer that is no error.

    A domain gives `tables`, `operations`, `identifiers`, `levels` (the step limit of each), `policy_text`, and the methods below.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("state",)
    levels: ClassVar[Mapping[int, int]]
    name: ClassVar[str]
    tables: ClassVar[tuple[Table, ...]]
    operations: ClassVar[Mapping[str, Operation]]
    identifiers: ClassVar[re.Pattern[str]]

    def __init__(self, *, difficulty: int = 2, candidates: int = 16, **options: Unpack[StepOptions]) -> None:
        """Choose how much is wanted.

        Args:
            difficulty: one of `levels`.
            candidates: how many actions are listed at most; >= 6, or 0 for none.
            **options: see `StepOptions`; max_steps is that of the level unless given.

        Raises:
            OptionError: a value out of range.
        """
        require_difficulty(difficulty, self.levels)
        require_candidates(candidates, least=6)
        if options.get("max_steps") is None:
            options["max_steps"] = self.levels[difficulty]
        super().__init__(**options)
        self.difficulty, self.candidates = difficulty, candidates
        self._pursuit: Pursuit | None = None
        self._kept: tuple[int, Scenario] | None = None
        self.talk: dict[str, Any] = {}
        self.shown: dict[str, list[int]] = {}
        self._made: list[str] = []
        self._latest = ""
        self._material: tuple[int, list[str]] = (-1, [])  # the place in the script for which candidates were drawn, and what had been shown then

    # What a domain gives.

    @abstractmethod
    def scenario_of(self, entropy: int) -> Scenario:
        """The task that a number stands for."""

    @abstractmethod
    def rules(self, operation: Operation, arguments: Arguments) -> tuple[Rule, ...]:
        """The rules of the policy that apply to a call now, before it is made."""

    @abstractmethod
    def listen(self, text: str) -> Reply:
        """What the listener answers to a message; changes `self.talk` alone, and only where something was brought about."""

    @abstractmethod
    def distractors(self, rng: np.random.Generator, shown: Sequence[str], step: ScriptStep | None) -> list[str]:
        """Plausible actions for the list of candidates, of every form as many whatever the scripted step is.

        Args:
            rng: for the choice.
            shown: the identifiers that may be named.
            step: the scripted step that will be listed among them; None after the last.
        """

    @abstractmethod
    def policy_text(self) -> str:
        """The policy that the agent is given."""

    def first_talk(self) -> dict[str, Any]:
        """What the listener knows at the beginning, as JSON values."""
        return {}

    def table_of(self, identifier: str) -> str | None:
        """The table whose keys look like this, or a column of it as in `Operation.refers`; None for nothing that there is a table of."""
        return None

    def astray(self, table: str, name: str) -> bool:
        """Whether a thing that exists is nothing that a call may concern; a message may name it, if only to refuse."""
        return False

    def form_of(self, action: str) -> str:
        """The form of a listed action; a scripted step takes the place of a distractor of its form."""
        call = read_call(action)
        return self.operations[call.name].kind if isinstance(call, ToolCall) else "say"

    def lost(self) -> tuple[str, ...]:
        """What can no longer become as it is wanted, because whoever wanted it has given it up."""
        return ()

    def temptations(self) -> list[tuple[int, list[str]]]:
        """Steps that do what the policy forbids and somebody asks for, with the place in the solution where they would be taken."""
        return []

    # The engine.

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools of the service."""
        return tuple(operation.tool for operation in self.operations.values())

    @cached_property
    def _instructions(self) -> str:
        how = 'A call is written as {"name": ..., "arguments": {...}}, one a step; any other text is a message.'
        return f"{self.policy_text()}\n\n{how}\n{described(self.tools)}"

    @property
    def scenario(self) -> Scenario:
        """The current task, with its goal."""
        entropy = self.task.sealed["entropy"]
        if self._kept is None or self._kept[0] != entropy:
            self._kept = entropy, self.scenario_of(entropy)
        return self._kept[1]

    @property
    def pursuit(self) -> Pursuit:
        """The database as it stands, and how far it has come."""
        if self._pursuit is None:
            self._pursuit = self._pursue(self.scenario)
        return self._pursuit

    def _pursue(self, scenario: Scenario) -> Pursuit:
        return Pursuit(Database(self.tables, scenario.image), scenario.goal, scenario.rows)

    @property
    def rows(self) -> Database:
        """The database as it stands."""
        return self.pursuit.rows

    @property
    def reached(self) -> list[str]:
        """The milestones that were reached, in order."""
        return self.pursuit.reached

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a task."""
        if options:
            raise OptionError(f"reset of {self.name} takes no options, got {sorted(options)}")
        entropy = int(self.np_random.integers(1 << 62))
        scenario = self.scenario_of(entropy)
        self._kept = entropy, scenario
        task = Task(
            key=self._task_key(entropy),
            instructions=self._instructions,
            question=scenario.opening,
            sealed={"entropy": entropy, "goal": [[*cell, value] for cell, value in scenario.goal.items()], "required": sorted(scenario.required)},
            metadata={"difficulty": self.difficulty},
        )
        self._pursuit = self._pursue(scenario)
        self.talk, self._made = self.first_talk(), []
        self.shown = {name: [-1] for name in self.identified(scenario.opening)}
        self._latest = scenario.opening
        self._material = (-1, [])
        return task, self._situation_after(scenario.opening, task, scenario)

    def _task_key(self, entropy: int) -> str:
        return content_key(f"{self.name}-v0", str(self.difficulty), str(entropy))

    def identified(self, text: str) -> list[str]:
        """The identifiers that stand in a text, each once."""
        return list(dict.fromkeys(match.group() for match in self.identifiers.finditer(text)))

    def advance(self, action: str) -> Transition:
        """Call a tool or say something."""
        reading = understood(action, self.tools)
        if isinstance(reading, Unreadable):
            return self.malformed(reading.reason)
        if isinstance(reading, ToolCall):
            return self._call(self.operations[reading.name], reading)
        if not any(character.isalnum() for character in reading.text):
            return self.malformed("a step is a call of a tool or a message in words")
        return self._say(reading.text)

    def _call(self, operation: Operation, call: ToolCall) -> Transition:
        scenario, rows = self.scenario, self.rows
        references, rules = self._references(operation, call.arguments), self.rules(operation, call.arguments)
        gap, lacking = self.pursuit.gap(), self._lacking(scenario)
        refused, changes = "", tuple[RowChange, ...]()
        try:
            answer, changes = rows.transact(lambda database: operation.run(database, call.arguments))
        except RefusedError as error:
            refused = str(error)
            answer = f"Error: {refused}"
        over = operation.kind == "end" and not refused
        reached = list[str]()
        if not refused and all(rule.kept for rule in rules):
            reached += [scenario.reads[key] for key in self._read_keys(call, answer) if key in scenario.reads]
        ends_well = call.name == scenario.end
        if over and ends_well and not gap and not lacking:
            reached.append(scenario.ended)
        milestones = self.pursuit.reach(reached)
        repeated = self._is_repeated(call.key, all(rule.kept for rule in rules), answer) and not milestones and not changes
        claim = StateStep(
            kind=operation.kind,
            call=call.key,
            references=references,
            refused=refused,
            rules=rules,
            changes=tuple(change for change in changes if not rows.is_free(change.cell)),
            gap=gap,
            lacking=lacking,
            ends_well=ends_well,
            repeated=repeated,
            milestones=milestones,
            reached=self.pursuit.holding(),
            total=len(scenario.script),
            given_up=bool(self.lost()),
        )
        outcome = float(ends_well and not gap and not lacking) if over else None
        return Transition(situation=self._answered(answer, good=not refused), claims=(claim,), terminated=over, outcome=outcome)

    def _say(self, text: str) -> Transition:
        scenario = self.scenario
        gap, lacking = self.pursuit.gap(), self._lacking(scenario)
        named = self.identified(text)[:MOST_REFERENCES]
        references = tuple(msgspec.structs.replace(self._reference(table, name), astray=False) for name in named if (table := self.table_of(name)) is not None)
        reply = self.listen(text)
        milestones = self.pursuit.reach(reply.milestones)
        repeated = self._is_repeated(" ".join(text.split()).casefold(), all(rule.kept for rule in reply.rules), reply.text) and not milestones
        claim = StateStep(
            kind="say",
            call=text,
            references=references,
            rules=reply.rules,
            gap=gap,
            lacking=lacking,
            repeated=repeated,
            milestones=milestones,
            reached=self.pursuit.holding(),
            total=len(scenario.script),
            given_up=bool(self.lost()),
            mentions=tuple(named),
            acknowledges=_SORRY.search(text) is not None,
        )
        return Transition(situation=self._answered(reply.text, good=True), claims=(claim,))

    def _read_keys(self, call: ToolCall, answer: str) -> list[str]:
        """What a call is looked up by among the reads of a scenario."""
        return [read_key(call), *(f"{call.name}:{name}" for name in self.identified(answer))]

    def knows(self, milestone: str) -> bool:
        """Whether a milestone was reached."""
        return milestone in self.reached

    def save_state(self) -> Json:
        """The changed rows, what the listener knows, and what has been shown and done."""
        return {
            "changes": msgspec.to_builtins(self.rows.changes()),
            "talk": msgspec.to_builtins(self.talk),
            "pursuit": self.pursuit.save(),
            "shown": {name: list(steps) for name, steps in self.shown.items()},
            "made": list(self._made),
            "latest": self._latest,
            "material": {"from": self._material[0], "shown": list(self._material[1])},
        }

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave.

        Raises:
            ContractError: the task is one of other options.
        """
        if self.task.key != self._task_key(self.task.sealed["entropy"]):
            raise ContractError(f"a snapshot of {self.name} with other options cannot be restored here")
        self._pursuit = self._pursue(self.scenario)
        self.rows.apply(msgspec.convert(state["changes"], list[RowChange]))
        self.pursuit.load(state["pursuit"])
        self.talk, self._made = msgspec.to_builtins(state["talk"]), list(state["made"])
        self.shown = {name: list(steps) for name, steps in state["shown"].items()}
        self._latest = state["latest"]
        self._material = (state["material"]["from"], list(state["material"]["shown"]))

    def solution(self) -> list[str]:
        """The scripted steps."""
        return [step.action for step in self.scenario.script]

    def _answered(self, answer: str, good: bool) -> Situation:
        answer = _cut(answer)
        if good:
            self._latest = answer
            for name in self.identified(answer):
                self.shown.setdefault(name, []).append(len(self.past_steps))
        return self._situation_after(answer, self.task, self.scenario)

    def _situation_after(self, observation: str, task: Task, scenario: Scenario) -> Situation:
        start = self._ahead(scenario)
        if self._material[0] != start:
            self._material = start, sorted(self.shown)
        state = (sorted(self.rows.changed().items()), self.talk, sorted(self.reached), sorted(self.shown), self._latest, self._material[1])
        key = content_key(task.key, msgspec.json.encode(state).decode())
        return Situation(observation=observation, state_key=key, actions=self._listed(task, scenario, start) if self.candidates else ())

    def _ahead(self, scenario: Scenario) -> int:
        """The place of the next scripted step; what only leads to other steps is passed over where a later one of the same topic was taken."""
        for place, step in enumerate(scenario.script):
            counts = step.milestone in scenario.rows or step.milestone in scenario.required
            later = () if counts else (other for other in scenario.script[place + 1 :] if other.topic == step.topic >= 0)
            if not any(other.milestone in self.reached for other in (step, *later)):
                return place
        return len(scenario.script)

    def _listed(self, task: Task, scenario: Scenario, start: int) -> tuple[str, ...]:
        """Candidates in random order, the next scripted step among them.

        They are drawn anew when the script goes on, and at no other time: else what stays would be what is scripted.
        """
        rng = np.random.default_rng(int(content_key(task.key, str(start)), 16))
        step = scenario.script[start] if start < len(scenario.script) else None
        others = list(dict.fromkeys(self.distractors(rng, self._material[1], step)))
        scripted = () if step is None else (step.action,)
        if step is not None:
            wanted = self.form_of(step.action)
            away = step.action if step.action in others else next((other for other in reversed(others) if self.form_of(other) == wanted), None)
            if away is not None:
                others.remove(away)
        order: list[int] = rng.permutation(len(others)).tolist()
        listed = [*scripted, *(others[i] for i in order)][: self.candidates]
        order = rng.permutation(len(listed)).tolist()
        return tuple(listed[i] for i in order)

    def _references(self, operation: Operation, arguments: Arguments) -> tuple[Reference, ...]:
        named: list[tuple[str, str]] = []
        for argument, place in operation.refers.items():
            value: Any = arguments.get(argument)
            names: list[Any] = cast("list[Any]", value) if isinstance(value, list) else [value]
            named += [(place, name) for name in names if isinstance(name, str)]
        return tuple(self._reference(place, name) for place, name in dict.fromkeys(named[:MOST_REFERENCES]))

    def _reference(self, place: str, name: str) -> Reference:
        table, _, column = place.partition(".")
        column = column or self.rows.tables[table].key
        exists = self.rows.one(f"SELECT 1 AS found FROM {table} WHERE {column} = ?", name) is not None
        return Reference(name, table, exists, tuple(self.shown.get(name, ())), exists and self.astray(place, name))

    def _lacking(self, scenario: Scenario) -> tuple[str, ...]:
        return (*sorted(scenario.required.difference(self.reached)), *self.lost())

    def _is_repeated(self, call: str, allowed: bool, answer: str) -> bool:
        """Whether it was done before on the same rows and with the same answer; what broke a rule then and breaks none now is not."""
        key = content_key(call, str(allowed), answer, msgspec.json.encode(sorted(self.rows.changed().items())).decode())
        if key in self._made:
            return True
        self._made.append(key)
        return False


def _cut(text: str) -> str:
    return text if len(text) <= ANSWER_LENGTH else f"{text[:ANSWER_LENGTH]}\n[cut: {len(text) - ANSWER_LENGTH:,} characters more]"
