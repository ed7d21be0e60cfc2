r"""prm_gym/CodeSteps-v0: write a function in steps: its signature, cases, the program, and what the cases show.

    Write the Python function `compute`. It takes `numbers`, a list of whole numbers, and does this: ...

    {"name": "signature", "arguments": {"source": "def compute(numbers: list[int]) -> int:"}}
    {"name": "case", "arguments": {"arguments": [[3, 1]], "expected": 4}}
    {"name": "program", "arguments": {"source": "def compute(numbers):\n    return sum(numbers)"}}
    {"name": "submit", "arguments": {}}

Source: the shape of the task is that of HumanEval and MBPP; that cases are judged by the wrong programs that they tell is mutation testing; the problems are
our own.
"""

import json
from collections.abc import Mapping
from typing import Any, Unpack

import msgspec

from prm_gym.claims import Case, Claim, Json, Probe, Program, Refused
from prm_gym.env import StepEnv
from prm_gym.envs.tools.code_problems import LEVELS, call_shown, generate
from prm_gym.errors import EnvironmentFault, OptionError
from prm_gym.options import StepOptions, require_difficulty
from prm_gym.programs import CaseOutcome, Trial, brief, encoded_json, is_encoding, run_trials
from prm_gym.sandbox import Sandbox
from prm_gym.task import Task, content_key
from prm_gym.tools import Tool, Unreadable, call_text, described, required_call
from prm_gym.transition import Situation, Transition

MOST_CASES = 4
MOST_PROGRAMS = 6
WALL_SECONDS = 0.5
MOST_SHOWN = 2_000
MOST_VALUE = 2_000
MOST_DEPTH = 10

# Run in the sandbox, where the line is parsed and never run.
CHECK_SIGNATURE = """
import ast

def fits(source, name, parameters):
    body = ast.parse(source.strip().rstrip(":") + ":\\n    pass").body
    made = body[0]
    arguments = made.args
    plain = not (arguments.vararg or arguments.kwarg or arguments.kwonlyargs)
    names = [argument.arg for argument in arguments.posonlyargs + arguments.args]
    return len(body) == 1 and len(made.body) == 1 and type(made) is ast.FunctionDef and made.name == name and plain and len(names) == parameters
"""

TOOLS = (
    Tool("signature", "Write the line that begins the function, once.", {"source": {"type": "string", "maxLength": 500}}),
    Tool(
        "case",
        f"Write a test case of your own, at most {MOST_CASES}: the arguments of a call, and the expected result, which must not be an argument, empty or 0.",
        {"arguments": {"type": "array", "maxItems": 4}, "expected": {}},
    ),
    Tool("program", f"Write the whole program, at most {MOST_PROGRAMS} times; the examples and your cases are run.", {"source": {"type": "string"}}),
    Tool("run", "Call the function of your last program and see what it returns.", {"arguments": {"type": "array", "maxItems": 4}}),
    Tool("submit", "Hand your last program in. That ends the task."),
)
INSTRUCTIONS = """\
Write a Python function. Go about it in steps, each a call of one tool: first the signature, then cases of your own that a wrong program would fail, then the
program, and other versions of it where a case fails. When you are done, submit: the function is then called with arguments that you have not seen, and all
results must be right. Only the standard library can be used; there are no files and no network, and all calls together may take half a second.
A call is written as JSON, {"name": ..., "arguments": {...}}, alone or between <tool_call> and </tool_call>. The tools:
"""


class _State(msgspec.Struct):
    """What has been done so far.

    Attributes:
        signature: as written; empty before it was.
        cases: [arguments, expected] of the agent's own.
        program: the last one; empty before the first.
        programs: how many were written.
        known: places of the hidden cases that some program passed.
        solved: the last program passes all of them.
        seen: what the agent was shown last.
    """

    signature: str = ""
    cases: list[tuple[list[Json], Json]] = []
    program: str = ""
    programs: int = 0
    known: list[int] = []
    solved: bool = False
    seen: str = ""


class CodeStepsEnv(StepEnv):
    """A function to be written, of one to five stages, out of some ten thousands of chains.

    Observation: the problem with three examples, then what the last tool answered. Action: a call of one of five tools (`signature`, `case`, `program`, `run`,
    `submit`), native or tagged. A text that is no such call changes nothing. A call that is refused (no program yet, the same once more, too many) changes
    nothing either, and the observation begins with "Error: ".
    Claims, for the verifier `execution`:
    - signature: a `Program` that checks, in the sandbox, that the line names the function and takes as many arguments;
    - case: a `Probe`, true where the case is right and some near mutant of the reference fails it that passes all earlier cases; one that a function that
      does nothing passes is refused, and trivial where it is right;
    - program: a `Program` with the hidden cases; one that passes no hidden case for the first time in the episode is trivial;
    - submit: a `Program` with the hidden cases;
    - any other refused call: `Refused`; `run` claims nothing, for it says nothing; `Malformed` for anything else.
    Outcome: 1 when the program that is handed in passes all hidden cases; 0 otherwise, and at the step limit.
    The default verifier is `execution:all`: a program that passes some of the cases earns nothing, so that no wrong version pays before the right one.
    state_key: the task, what has been written, and the last answer.
    Candidates: none; programs cannot be listed.
    Difficulty 1 to 5: the number of stages.
    """

    default_verifiers = ("execution:all",)
    default_max_steps = 16
    constant_action = call_text("submit")

    def __init__(self, *, difficulty: int = 2, **options: Unpack[StepOptions]) -> None:
        """Set the difficulty.

        Args:
            difficulty: 1 to 5, the number of stages.
            **options: see `StepOptions`.
        """
        require_difficulty(difficulty, LEVELS)
        super().__init__(**options)
        self.difficulty = difficulty
        self._sandbox = Sandbox()
        self._state = _State()

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The five tools."""
        return TOOLS

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a problem."""
        if options:
            raise OptionError(f"reset of CodeSteps takes no options, got {sorted(options)}")
        problem = generate(int(self.np_random.integers(1 << 62)), LEVELS[self.difficulty])
        examples = "\n".join(f"    {call_shown(problem.function, arguments)} == {result!r}" for arguments, result in problem.public)
        question = f"{problem.statement}\n\n{problem.signature}\n\nExamples:\n{examples}"
        self._state = _State(seen=question)
        task = Task(
            key=content_key("CodeSteps-v0", problem.code, examples),
            instructions=INSTRUCTIONS + described(TOOLS),
            question=question,
            sealed={"code": problem.code, "hidden": [[arguments, result] for arguments, result in problem.hidden]},
            metadata={
                "difficulty": self.difficulty,
                "function": problem.function,
                "signature": problem.signature,
                "examples": [[arguments, result] for arguments, result in problem.public],
            },
        )
        return task, _situation(task, self._state)

    def advance(self, action: str) -> Transition:
        """Call a tool."""
        call = required_call(action, TOOLS)
        if isinstance(call, Unreadable):
            return self.malformed(call.reason)
        arguments: Any = call.arguments
        if call.name == "signature":
            return self._signature(arguments["source"])
        if call.name == "case":
            return self._case(arguments["arguments"], arguments["expected"])
        if call.name == "program":
            return self._program(arguments["source"])
        return self._run(arguments["arguments"]) if call.name == "run" else self._submit()

    def save_state(self) -> Json:
        """What has been done so far."""
        saved: Json = msgspec.to_builtins(self._state)
        return saved

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        self._state = msgspec.convert(state, _State)

    def solution(self) -> list[str]:
        """The signature, two cases, the reference, and its submission."""
        sealed = self.task.sealed
        fit = [(arguments, expected) for arguments, expected in sealed["hidden"] if not _is_idle(arguments, expected)]
        cases = [call_text("case", arguments=arguments, expected=expected) for arguments, expected in fit[-2:]]
        return [call_text("signature", source=self.task.metadata["signature"]), *cases, call_text("program", source=sealed["code"]), call_text("submit")]

    # The tools.

    def _signature(self, source: str) -> Transition:
        if self._state.signature:
            return self._refused("there is a signature already")
        claim = Program(CHECK_SIGNATURE, "fits", (Case((source, self._function, self._arity), True),), wall_seconds=WALL_SECONDS)
        fits = self._outcomes(Trial(claim.code, claim.function, claim.cases, wall_seconds=WALL_SECONDS))[0][0].passed
        if not fits:
            return self._answered(f"Error: that does not begin a function `{self._function}` with {self._arity} argument(s).", claim)
        self._state.signature = source
        return self._answered("The signature is noted.", claim)

    def _case(self, arguments: list[Json], expected: Json) -> Transition:
        if len(self._state.cases) == MOST_CASES:
            return self._refused(f"there are {MOST_CASES} cases already")
        if len(arguments) != self._arity:
            return self._refused(f"`{self._function}` takes {self._arity} argument(s), and the case has {len(arguments)}")
        earlier = [*self._examples, *self._state.cases]
        if any(json.dumps(arguments) == json.dumps(known) for known, _ in earlier):
            return self._refused("there is an example or a case with these arguments already")
        if not _is_small([arguments, expected]) or not all(_fits(one, like) for one, like in zip(arguments, earlier[0][0], strict=True)):
            return self._refused("the arguments are not of the kinds that the function takes, or too large")
        new, idle = _case_of(arguments, expected), _is_idle(arguments, expected)
        claim = Probe(self.task.sealed["code"], self._function, new.arguments, new.expected, tuple(_case_of(*one) for one in self._state.cases), idle)
        if idle:
            return self._answered("Error: a function that does nothing gives that too: take a case whose result is no argument, not empty and not 0.", claim)
        self._state.cases.append((arguments, expected))
        return self._answered(f"The case is noted; it is number {len(self._state.cases)}.", claim)

    def _program(self, source: str) -> Transition:
        if self._state.programs == MOST_PROGRAMS:
            return self._refused(f"{MOST_PROGRAMS} programs have been written already; submit the last one")
        if source == self._state.program or not source.strip():
            return self._refused("that is the program that there is" if source.strip() else "the program is empty")
        shown = [*self._examples, *self._state.cases]
        visible = Trial(source, self._function, tuple(_case_of(*case) for case in shown), wall_seconds=WALL_SECONDS, patient=False, shuffled=False)
        seen = self._outcomes(visible)[0]
        # In a process of its own: what a program returns for an example is shown, and should not be what it found out about the hidden ones.
        fine = all(outcome.passed for outcome in seen[: len(self._examples)])
        decisive = self._outcomes(Trial(source, self._function, self._hidden, wall_seconds=WALL_SECONDS, patient=fine))[0]
        claim = Program(source, self._function, self._hidden, wall_seconds=WALL_SECONDS, known=tuple(self._state.known))
        state = self._state
        passed = [place for place, outcome in enumerate(decisive) if outcome.passed]
        state.program, state.programs, state.solved = source, state.programs + 1, len(passed) == len(decisive)
        state.known = sorted({*state.known, *passed})
        return self._answered(_told(self._function, shown, len(self._examples), seen), claim)

    def _run(self, arguments: list[Json]) -> Transition:
        if not self._state.program:
            return self._refused("there is no program yet")
        if not _is_small(arguments):
            return self._refused("the arguments are too large")
        trial = Trial(self._state.program, self._function, (_case_of(arguments, None),), wall_seconds=WALL_SECONDS, patient=False)
        outcome = self._outcomes(trial)[0][0]
        return self._answered(f"{call_shown(self._function, arguments)} {_came(outcome)}" if outcome.ending == "returned" else f"Error: it {_came(outcome)}")

    def _submit(self) -> Transition:
        if not self._state.program:
            return self._refused("there is no program yet")
        claim = Program(self._state.program, self._function, self._hidden, wall_seconds=WALL_SECONDS)
        self._state.seen = "The program is handed in."
        return Transition(situation=_situation(self.task, self._state), claims=(claim,), terminated=True, outcome=1.0 if self._state.solved else 0.0)

    def _outcomes(self, *trials: Trial) -> list[list[CaseOutcome]]:
        """What came of every case of every trial; the one place where code is run.

        Raises:
            EnvironmentFault: the sandbox failed.
        """
        found = [outcomes for outcomes in run_trials(self._sandbox, trials) if outcomes is not None]
        if len(found) != len(trials):
            raise EnvironmentFault("the sandbox failed")
        return found

    # What the task says.

    @property
    def _function(self) -> str:
        return self.task.metadata["function"]

    @property
    def _examples(self) -> list[tuple[list[Json], Json]]:
        return [(arguments, result) for arguments, result in self.task.metadata["examples"]]

    @property
    def _hidden(self) -> tuple[Case, ...]:
        return tuple(_case_of(arguments, result) for arguments, result in self.task.sealed["hidden"])

    @property
    def _arity(self) -> int:
        return len(self._examples[0][0])

    # What comes of a call.

    def _refused(self, reason: str) -> Transition:
        return self._answered(f"Error: {reason}.", Refused(reason))

    def _answered(self, text: str, *claims: Claim) -> Transition:
        self._state.seen = text if len(text) <= MOST_SHOWN else text[:MOST_SHOWN] + " ... (cut)"
        return Transition(situation=_situation(self.task, self._state), claims=claims)


def _situation(task: Task, state: _State) -> Situation:
    return Situation(observation=state.seen, state_key=content_key(task.key, msgspec.json.encode(state).decode()))


def _case_of(arguments: list[Json], expected: Json) -> Case:
    return Case(tuple(encoded_json(argument) for argument in arguments), encoded_json(expected))


def _is_idle(arguments: list[Json], expected: Json) -> bool:
    """Whether a function that does nothing gives that too: an argument, an empty value, or 0."""
    return not expected or expected in arguments


def _is_small(value: Json) -> bool:
    return len(json.dumps(value)) <= MOST_VALUE and is_encoding(encoded_json(value, MOST_DEPTH))


def _fits(value: Json, like: Json) -> bool:
    """Whether a value is of the kind of another one; an empty list is of the kind of any list."""
    if isinstance(value, list) and isinstance(like, list):
        sample = next(iter(like), None)
        return all(_fits(part, sample) for part in value) if sample is not None else not value
    return type(value) is type(like) and isinstance(value, int | str)


def _told(function: str, cases: list[tuple[list[Json], Json]], examples: int, outcomes: list[CaseOutcome]) -> str:
    """What the agent is told of the examples and of its own cases."""
    marks = [outcome.passed for outcome in outcomes]
    own = f" and {sum(marks[examples:])} of your {len(marks) - examples} case(s)" if len(marks) > examples else ""
    said = f"{sum(marks[:examples])} of {examples} examples pass{own}."
    first = next((place for place, passed in enumerate(marks) if not passed), None)
    if first is None:
        return said
    arguments, expected = cases[first]
    whose = "the examples" if first < examples else "your cases"
    return f"{said} The first of {whose} that fails: {call_shown(function, arguments)} should return {expected!r}; it {_came(outcomes[first])}"


def _came(outcome: CaseOutcome) -> str:
    if outcome.ending == "returned":
        return f"returned {brief(outcome.value)}"
    return f"raised {outcome.error}" if outcome.ending == "raised" else f"ended: {outcome.error}"
