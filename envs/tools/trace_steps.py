"""prm_gym/TraceSteps-v0: say what happens when a program is run, step by step.

     1  def compute(numbers):
     2      first = 0
     3      for item in numbers:
     4          first += item
     5      return first
    compute([3, 1])
    Question 2 of 3: When line 4 has run 2 times, what is the value of `first`?

    {"name": "answer", "arguments": {"answer": "4"}}

Source: the kinds of questions are those of ExecVerify; programs, questions and tracer are our own.
"""

import random
from collections.abc import Mapping
from typing import Any, NamedTuple, Unpack

import msgspec
import numpy as np

from prm_gym.claims import Json
from prm_gym.env import StepEnv
from prm_gym.envs.tools.code_problems import Problem, call_shown, generate
from prm_gym.envs.tools.trace_questions import Question, is_sound, questions
from prm_gym.errors import EnvironmentFault, OptionError
from prm_gym.options import StepOptions, require_candidates, require_difficulty
from prm_gym.programs import AnswerError, Trace, TraceRequest, Untraceable, encoded_json, is_right, traced
from prm_gym.sandbox import Sandbox
from prm_gym.task import Task, content_key
from prm_gym.tools import Tool, Unreadable, call_text, described, required_call
from prm_gym.transition import Situation, Transition

TOOLS = (Tool("answer", "Answer the question.", {"answer": {"type": "string", "maxLength": 2000, "description": "a number, a Python literal, yes or no"}}),)
INSTRUCTIONS = """\
Say what happens when the program is run, one question after the other. Lines are counted from 1. A line with `for` runs once for each item, and once more at
the end; a comprehension runs as part of its line. Values are written as Python writes them: 7, 'ab', [1, 2], {'a': 1}. All answers must be right.
An answer is a call, written as JSON, {"name": ..., "arguments": {...}}, alone or between <tool_call> and </tool_call>. The tool:
"""
MOST_EVENTS = 90


class Level(NamedTuple):
    """What the tasks of one difficulty are like.

    Attributes:
        stages: of the program.
        questions: how many.
    """

    stages: int
    questions: int


LEVELS: dict[int, Level] = {1: Level(1, 3), 2: Level(2, 4), 3: Level(3, 5), 4: Level(4, 6), 5: Level(5, 7)}


class TraceStepsEnv(StepEnv):
    """A program and a call of it, and three to seven questions about what happens: lines, values, loops, branches, and at last the result.

    Observation: the program with numbered lines, the call, and the question. It never tells whether an answer was right. Action: a call of the tool `answer`,
    native or tagged; any other text changes nothing, and neither does an answer that cannot be read (no number, no Python literal): the question stays open.
    Claims: `TraceAnswer`, for the verifier `trace`; `Malformed` for anything else.
    Outcome: 1 when all answers are right, 0 otherwise and at the step limit.
    state_key: the task, and the answers so far.
    Candidates: answers, the right one among values that occur elsewhere in the run and values near them, in random order; a function of the state alone.
    Difficulty 1 to 5: one to five stages in the program, three to seven questions.
    """

    default_verifiers = ("trace",)
    constant_action = call_text("answer", answer="1")

    def __init__(self, *, difficulty: int = 2, candidates: int = 8, **options: Unpack[StepOptions]) -> None:
        """Set the difficulty.

        Args:
            difficulty: 1 to 5, see `LEVELS`.
            candidates: how many answers are listed at most; >= 4, or 0 for none.
            **options: see `StepOptions`; max_steps is twice the number of questions, and 4, unless given.
        """
        require_difficulty(difficulty, LEVELS)
        require_candidates(candidates, least=4)
        if options.get("max_steps") is None:
            options["max_steps"] = 4 + 2 * LEVELS[difficulty].questions
        super().__init__(**options)
        self.difficulty, self.candidates = difficulty, candidates
        self._sandbox = Sandbox()
        self._answers: list[str] = []

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The one tool."""
        return TOOLS

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a program, a call and questions.

        Raises:
            EnvironmentFault: the sandbox failed.
        """
        if options:
            raise OptionError(f"reset of TraceSteps takes no options, got {sorted(options)}")
        level = LEVELS[self.difficulty]
        while True:
            problem = generate(int(self.np_random.integers(1 << 62)), level.stages)
            arguments, _ = problem.hidden[-1 - int(self.np_random.integers(6))]
            rng = random.Random(int(self.np_random.integers(1 << 62)))
            request = TraceRequest(problem.code, problem.function, tuple(encoded_json(one) for one in arguments))
            trace = self._trace(request)
            asked = _asked(rng, trace, request, level.questions, problem)
            if asked:
                break
        self._answers = []
        call = call_shown(problem.function, arguments)
        task = Task(
            key=content_key("TraceSteps-v0", problem.code, call, *(question.words for question in asked)),
            instructions=INSTRUCTIONS + described(TOOLS),
            question=f"{numbered(problem.code)}\n\n{call}",
            sealed={"questions": msgspec.json.decode(msgspec.json.encode(asked)), "arguments": list(request.arguments)},
            metadata={"difficulty": self.difficulty, "code": problem.code, "function": problem.function},
        )
        return task, self._describe(task)

    def advance(self, action: str) -> Transition:
        """Answer the question."""
        call = required_call(action, TOOLS)
        if isinstance(call, Unreadable):
            return self.malformed(call.reason)
        answer = str(call.arguments["answer"])
        request, asked = self._request(), self._questions(self.task)
        claim = asked[len(self._answers)].claim(request.code, request.function, request.arguments, answer)
        trace = self._trace(request)
        try:
            is_right(trace, claim)
        except AnswerError as error:
            return self.malformed(str(error))
        over = len(self._answers) + 1 == len(asked)
        every = zip(asked, [*self._answers, answer], strict=False)
        outcome = float(all(is_right(trace, one.claim(request.code, request.function, request.arguments, said)) for one, said in every)) if over else None
        self._answers.append(answer)
        return Transition(situation=self._describe(self.task), claims=(claim,), terminated=over, outcome=outcome)

    def save_state(self) -> Json:
        """The answers so far."""
        return list(self._answers)

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        self._answers = list(state)

    def solution(self) -> list[str]:
        """The right answers."""
        return [call_text("answer", answer=question.truth) for question in self._questions(self.task)]

    def _trace(self, request: TraceRequest) -> Trace:
        """The trace of a call; the one place where code is run.

        Raises:
            EnvironmentFault: the sandbox failed.
        """
        found = traced(self._sandbox, [request])[0]
        if isinstance(found, Untraceable):
            raise EnvironmentFault(found.reason)
        return found

    def _request(self) -> TraceRequest:
        metadata = self.task.metadata
        return TraceRequest(metadata["code"], metadata["function"], tuple(self.task.sealed["arguments"]))

    def _questions(self, task: Task) -> list[Question]:
        return msgspec.convert(task.sealed["questions"], list[Question])

    def malformed(self, reason: str) -> Transition:
        """What is wrong with the text, and the question again."""
        transition = super().malformed(reason)
        observation = f"{transition.situation.observation}\n\n{self._describe(self.task).observation}"
        return msgspec.structs.replace(transition, situation=msgspec.structs.replace(transition.situation, observation=observation))

    def _describe(self, task: Task) -> Situation:
        asked, place = self._questions(task), len(self._answers)
        state_key = content_key("TraceSteps", task.key, *self._answers)
        if place == len(asked):
            return Situation(observation="All questions are answered.", state_key=state_key)
        text = f"{task.question}\n\nQuestion {place + 1} of {len(asked)}: {asked[place].words}"
        actions = _candidates(asked[place], self.candidates, state_key) if self.candidates else ()
        return Situation(observation=text, state_key=state_key, actions=actions)


def numbered(code: str) -> str:
    """The program with the numbers of its lines."""
    return "\n".join(f"{place:3}  {line}" for place, line in enumerate(code.splitlines(), start=1))


def _asked(rng: random.Random, trace: Trace, request: TraceRequest, count: int, problem: Problem) -> list[Question]:
    """The questions; none where the run is too long or gives too few."""
    if not trace.whole or len(trace.events) > MOST_EVENTS:
        return []
    found = questions(rng, trace, request.code, count, [encoded_json(result) for _, result in (*problem.public, *problem.hidden)])
    return found if all(is_sound(question, trace, request.code, request.function, request.arguments) for question in found) else []


def _candidates(question: Question, count: int, state_key: str) -> tuple[str, ...]:
    """The right answer and others, in random order."""
    rng = np.random.default_rng(int(state_key, 16))
    others = [option for option in question.options if option != question.truth]
    chosen = [question.truth, *(others[i] for i in rng.permutation(len(others)).tolist()[: count - 1])]
    return tuple(call_text("answer", answer=chosen[i]) for i in rng.permutation(len(chosen)).tolist())
