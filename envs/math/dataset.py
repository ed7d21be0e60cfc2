r"""prm_gym/MathDataset-v0: problems with known answers, solved in free text, step by step.

    env = gym.make("prm_gym/MathDataset-v0", tasks="gsm8k/test.jsonl", reward="dense")

Janet's ducks lay 16 eggs per day. She eats three for breakfast ...

She sells 16 - 3 - 4 = 9 eggs a day.        a step: any text; the equations in it are checked
She makes 9 * $2 = $18.
#### 18                                     a step that states the answer ends the episode; so do \boxed{18} and "the answer is 18"
"""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias, Unpack, get_args

from prm_gym.answers import final_answer, grade
from prm_gym.claims import FinalAnswer, Json, Malformed
from prm_gym.env import ACTION_LENGTH, StepEnv
from prm_gym.envs.math.word_problem_generator import LEVELS, amount_text, generate, solution_lines
from prm_gym.errors import ContractError, EnvironmentFault, OptionError, UnknownNameError, WorkerError
from prm_gym.options import StepOptions, require_difficulty
from prm_gym.problem_files import BadRows, Fields, Problem, load_problems
from prm_gym.step_splitting import Splitting, split_steps
from prm_gym.task import Task, content_key
from prm_gym.text_claims import equalities
from prm_gym.transition import Situation, Transition

StepSplit: TypeAlias = Splitting | Literal["whole"]

WRITTEN_LIMIT = 1 << 19  # characters of a whole solution

_UNITS = {"auto": "step", "paragraph": "paragraph", "line": "line", "sentence": "sentence"}


class MathDatasetEnv(StepEnv):
    r"""Solve a problem in words and equations, one step of the solution at a time.

    Tasks come from `tasks` (see `prm_gym.problem_files`); without it, from the generator of WordProblems-v0, whose problems come with worked solutions:
    the environment then works without any file.

    Observation: the problem, and the solution as far as it has been written.

    Action: the next step, as text. It is one step of the episode whatever it holds, so that an agent that writes a whole solution at once is judged on it as
    on one step; `prm_gym.step_splitting.split_steps` splits a text into steps beforehand. A step that states a final answer (`#### 18`, `\boxed{18}`, "the
    answer is 18") ends the episode. A text without a visible character changes nothing and is claimed `Malformed`.

    Claims of a step: `Equality`, rounded, of each equation between plain numbers that `prm_gym.arithmetic.equations` reads surely, save those that say nothing
    (`9 = 9`) and true ones that were written before, which earn nothing again; `FinalAnswer` of a step that states one.

    Outcome: 1 when `prm_gym.answers.grade` finds the stated answer correct, else 0; also where it cannot tell. A false equation does not touch the
    outcome, unlike in WordProblems-v0: what is read out of free text is a best effort and tells of few errors (most are no errors of arithmetic), so that
    it informs the step's verdict and does not decide the task. A true equation that is of no use (`1 + 1 = 2`) is right, and under the reward "dense"
    worth what any right step is.

    state_key: the problem and the text written so far, blanks aside. Candidates: none.

    `reset(options={"task_index": i})` chooses task i of the file.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("sequence(arithmetic, equivalence)",)

    def __init__(
        self,
        *,
        tasks: str | Path | Sequence[str | Path] | None = None,
        split: StepSplit = "auto",
        fields: Mapping[str, str] | None = None,
        bad_rows: BadRows = "error",
        difficulty: int = 2,
        **options: Unpack[StepOptions],
    ) -> None:
        """Choose the problems.

        Args:
            tasks: a file or data set of problems, or a list of them; see `prm_gym.problem_files.load_problems`.
            split: what a step is meant to be: `line`, `paragraph`, `sentence` or `auto`, in which the gold solution is split (see `prm_gym.step_splitting`)
                and for which the instructions ask; or `whole`: the action is a whole solution, and every action ends the episode.
            fields: names of columns that are not the usual ones: {"question": ..., "answer": ..., "solution": ...}.
            bad_rows: "error", or "skip" to leave out rows without question or answer; `skipped_rows` then says which.
            difficulty: 1 to 5, of generated problems; without effect when there is a file.
            **options: see `StepOptions`.

        Raises:
            OptionError: a value out of range, or tasks that cannot be read; names the row.
            MissingExtraError: a kind of file whose package is not installed.
        """
        require_difficulty(difficulty, LEVELS)
        if split not in (*get_args(Splitting), "whole"):
            raise OptionError(f"split is one of {', '.join((*get_args(Splitting), 'whole'))}, got {split!r}")
        for name in fields or {}:
            if name not in Fields.__slots__:
                raise OptionError(str(UnknownNameError("field of a problem", name, Fields.__slots__)))
        super().__init__(**options)
        self.difficulty = difficulty
        self.split: StepSplit = split
        loaded = None if tasks is None else load_problems(tasks, Fields(**(fields or {})), bad_rows)
        self.problems = () if loaded is None else loaded.problems
        self.skipped_rows = () if loaded is None else loaded.skipped
        self._written: list[str] = []

    @property
    def task_count(self) -> int | None:
        """How many problems the files hold; None without one."""
        return len(self.problems) or None

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a problem, or take the one that `options["task_index"]` names."""
        index = self.choose_task(options)
        facts: dict[str, int]
        if index is None:
            problem, facts = _generated(int(self.np_random.integers(1 << 62)), self.difficulty), {"difficulty": self.difficulty}
        else:
            problem, facts = self.problems[index], {"task_index": index}
        task = Task(
            key=content_key("MathDataset-v0", problem.question),
            instructions=_instructions(self.split),
            question=problem.question,
            sealed={"gold": problem.gold, "solution": problem.solution},
            metadata={**problem.facts, **facts},
        )
        self._written = []
        return task, self._describe(task)

    def advance(self, action: str) -> Transition:
        """Write the step down, and end when it states an answer."""
        if not any(unicodedata.category(letter)[0] in "LNPS" for letter in action):
            return Transition(situation=self.situation, claims=(Malformed("a step is a text that can be seen"),))
        if sum(map(len, self._written)) + len(action) > WRITTEN_LIMIT:
            return Transition(situation=self.situation, claims=(Malformed(f"a solution has at most {WRITTEN_LIMIT:,} characters"),))
        claims = equalities(action, self._written, self.task.question)
        ends = self.split == "whole" or _states_an_answer(action)
        self._written.append(action)
        situation = self._describe(self.task)
        if not ends:
            return Transition(situation=situation, claims=claims)
        gold, question = self.task.sealed["gold"], self.task.question
        try:
            graded = grade(action, gold, question)
        except WorkerError as error:
            raise EnvironmentFault(str(error)) from error
        claim = FinalAnswer(action, gold, question)
        return Transition(situation=situation, claims=(*claims, claim), terminated=True, outcome=float(graded.verdict == "correct"))

    def save_state(self) -> Json:
        """What has been written."""
        return {"written": list(self._written)}

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        self._written = list(state["written"])

    def solution(self) -> list[str]:
        r"""The gold solution, split into steps, where the row has one that is graded correct; else the gold answer in a box.

        Raises:
            ContractError: the gold answer in a box is not graded correct.
        """
        gold, text = self.task.sealed["gold"], self.task.sealed["solution"]
        return list(_solution(gold, text, self.task.question, self.split, self.max_steps))

    def _describe(self, task: Task) -> Situation:
        written = "\n".join(self._written)
        observation = f"{task.question}\n\n{written}" if written else task.question
        return Situation(observation=observation, state_key=content_key(task.key, " ".join(written.split())))


def _instructions(split: StepSplit) -> str:
    if split == "whole":
        return "Solve the problem. Write the whole solution, with every computation as an equation, such as 3 * 4 = 12, and end with the answer in \\boxed{}."
    return (
        f"Solve the problem. Write the next {_UNITS[split]} of the solution, and nothing more; write computations as equations, such as 3 * 4 = 12. "
        "When the solution is complete, write a last one that states the answer in \\boxed{}."
    )


def _states_an_answer(text: str) -> bool:
    return final_answer(text).source in ("boxed", "marked", "said")


@lru_cache(maxsize=1 << 10)
def _solution(gold: str, text: str, question: str, split: StepSplit, most: int) -> tuple[str, ...]:
    steps = [text] if split == "whole" else [step.strip() for step in split_steps(text, split)]
    ends = next((place for place, step in enumerate(steps) if _states_an_answer(step)), None)
    boxed = f"\\boxed{{{gold}}}"
    if split != "whole":
        steps = [*steps, boxed] if ends is None else [*steps[:ends], "\n".join(steps[ends:])]
        steps = [*steps[: most - 1], "\n".join(steps[most - 1 :])] if len(steps) > most else steps
    fits = bool(text) and all(len(step) <= ACTION_LENGTH and step.strip() for step in steps)
    if fits and grade(steps[-1], gold, question).verdict == "correct":
        return tuple(steps)
    if grade(boxed, gold, question).verdict != "correct":
        raise ContractError(f"the gold answer {gold[:80]!r} is not graded correct when it is given as {boxed[:80]!r}; take the row out, or mend its answer")
    return (boxed,)


def _generated(entropy: int, difficulty: int) -> Problem:
    """A generated problem with its worked solution in the manner of GSM8K."""
    problem = generate(entropy, difficulty)
    gold = amount_text(problem.values[problem.goal])
    lines = [f"{name.replace('_', ' ').capitalize()}: {line.partition(' = ')[2]}." for name, line in zip(problem.needed, solution_lines(problem), strict=True)]
    return Problem(problem.text.partition("\n")[0], gold, "\n".join([*lines, f"#### {gold}"]), {"story": problem.story})
