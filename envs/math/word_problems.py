"""prm_gym/WordProblems-v0: word problems of several steps, worked out one line at a time.

Ada looks after a stationery shop. There are 12 red pens. There are 3 times as many blue pens as red pens. ... What is the number of spare pens?
Quantities: red_pens, blue_pens, spare_pens.
Find: spare_pens

blue_pens = 12 * 3 = 36              a line: a quantity, how it is computed, and what comes out
spare_pens = blue_pens - 6 = 30      a quantity that has an amount may stand by its name
answer 30                            the end

Source: the chains of computed quantities are those of school problems such as GSM8K (Cobbe et al. 2021, arXiv 2110.14168) and of the synthetic iGSM (Ye et
al. 2024, arXiv 2407.20311); the generator, the wordings and the notation are our own.
"""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any, ClassVar, NamedTuple, Unpack

from prm_gym.arithmetic import Expression, ExpressionError, parse_expression
from prm_gym.claims import Claim, Consequence, Equality, Json, Malformed
from prm_gym.env import StepEnv
from prm_gym.envs.math.word_mistakes import candidates as listed_candidates
from prm_gym.envs.math.word_problem_generator import LEVELS, Definition, WordProblem, amount_text, generate, operand_text, solution_lines
from prm_gym.errors import OptionError
from prm_gym.options import StepOptions, require_candidates, require_difficulty
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition

INSTRUCTIONS = """\
Work the problem out one line at a time. A line names a quantity of the list, says how it is computed and what comes out:
    blue_pens = 12 * 3 = 36
Use + - * / and parentheses, at most {most} operations a line, and exact numbers: 2.5 or 5/2. Every number must be told in the text or stand on an earlier
line; a quantity that has an amount may stand by its name: spare_pens = blue_pens - 6 = 30. Each quantity is computed once. When the quantity that is asked
for has been computed, end with
    answer 30
Nobody corrects a wrong line; the answer counts when it is right, its quantity has been computed, and every line was right."""

MOST_OPERATIONS = 4
MOST_CANDIDATES = 64
_MOST_SIDES = 6
_RESULT_LIMIT = 10**12  # numerator and denominator of a result
_LENGTH_LIMIT = 500
_NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_ANSWER = re.compile(r"answer\s*:?\s*(.+)", re.IGNORECASE)


class _Note(NamedTuple):
    """What was written down for a quantity, and whether the line was right."""

    value: Fraction
    right: bool


class WordProblemsEnv(StepEnv):
    """Compute the quantities of a told problem, line by line, until the one that is asked for.

    Observation: the problem, and what has been noted (`blue_pens = 36`), in the order of the list of quantities.

    Action: a line or the answer (see the module). A line names a quantity of the list that has no amount yet and ends in a number; between them stands at
    least one expression, and if one likes several (`= blue_pens - 6 = 36 - 6 = 30`). Every number is **grounded**: told in the text (in digits, by its
    words: 2 in "twice", 100 in a percentage; of p% also p/100, 1 + p/100 and 1 - p/100), noted before, or the result of a part of what stands before it on
    the line. What is no such line changes nothing and is claimed `Malformed`: a number from nowhere, a quantity that is given or computed already, too
    many operations, and an amount without a computation.

    **A wrong line is put down as written**, as on paper, and the problem can no longer be won. The observation and the candidates do not show it (they
    would be a verdict); `state_key` does.

    Claims of a line: `Equality` of each two neighbouring sides, with amounts in the place of names, and `Consequence`: that the quantity has this amount
    follows from what the text tells of it and of those that it comes from. A right line about a quantity that the question does not need claims nothing,
    so that it earns nothing; a wrong one is refuted like any other. Claim of the answer: `Consequence` from what the text tells of the quantities that
    were rightly computed, so that an answer without the computation of its quantity is refuted.

    The default verifier is one, `sequence(arithmetic, algebra)`: a line is right when both find it so. Asked side by side, each would pay for half of a
    wrong line (a true equation about the wrong quantity).

    Outcome: 1 when the answer is right, its quantity was computed, and every line was right; else 0.

    state_key: the problem and the noted amounts, with whether each line was right; the order of lines does not matter.

    Candidates: `info["actions"]` lists up to `candidates` actions in random order: about two quantities, of which one at least can be computed, the right
    line and mistakes (another operation, another number of the text, a slip), and two answers. A function of the problem and the noted amounts.

    Difficulty 1 to 5: 2, 3, 4, 6 and 8 lines; from 2 on with numbers and from 3 on with quantities that are of no use; fractions and rates from 3 on,
    decimals and percentages from 4 on.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("sequence(arithmetic, algebra)",)

    def __init__(self, *, difficulty: int = 2, candidates: int = 12, **options: Unpack[StepOptions]) -> None:
        """Choose how long the problems are.

        Args:
            difficulty: 1 to 5.
            candidates: how many actions are listed; 8 to 64, or 0 for none.
            **options: see `StepOptions`; max_steps is 4 plus twice the number of quantities to compute unless given.

        Raises:
            OptionError: a value out of range.
        """
        require_difficulty(difficulty, LEVELS)
        require_candidates(candidates, least=8)
        if candidates > MOST_CANDIDATES:
            raise OptionError(f"at most {MOST_CANDIDATES} candidates are listed, got {candidates}")
        if options.get("max_steps") is None:
            options["max_steps"] = 4 + 2 * LEVELS[difficulty].steps
        super().__init__(**options)
        self.difficulty, self.candidates = difficulty, candidates
        self._problem = WordProblem("", (), (), "", (), (), "")
        self._told = _Told({}, {}, frozenset(), frozenset())
        self._notes: dict[str, _Note] = {}

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a problem."""
        if options:
            raise OptionError(f"WordProblemsEnv takes no reset options, got {sorted(options)}")
        task = _task(generate(int(self.np_random.integers(1 << 62)), self.difficulty), self.difficulty)
        self._set_problem(task)
        self._notes = {}
        return task, self._describe(task)

    def advance(self, action: str) -> Transition:
        """Note a line as it is written, or end with the answer; change nothing when the text is neither."""
        text = action.strip()
        answer = _ANSWER.fullmatch(text)
        if answer is not None:
            return self._answer(answer[1])
        line = self._read(text)
        if isinstance(line, Malformed):
            return Transition(situation=self.situation, claims=(line,))
        name, sides = line
        value = sides[-1].value
        pairs = [(left, right) for left, right in pairwise(sides) if left.text != right.text] or [(sides[-2], sides[-1])]
        right = all(left.value == right.value for left, right in pairs) and value == self._told.values[name]
        claims: list[Claim] = []
        if not right or name in self._told.needed:
            claims += [Equality(_unwrapped(left.text), _unwrapped(right.text)) for left, right in pairs]
            claims.append(Consequence(self._equations((name,)), f"{name} = {amount_text(value)}"))
        self._notes[name] = _Note(value, right)
        return Transition(situation=self._describe(self.task), claims=tuple(claims))

    def save_state(self) -> Json:
        """The noted amounts, and whether each line was right."""
        return {name: [str(note.value), note.right] for name, note in self._notes.items()}

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        self._set_problem(self.task)
        self._notes = {name: _Note(Fraction(value), right) for name, (value, right) in state.items()}

    def solution(self) -> list[str]:
        """The lines of a solution and the answer."""
        problem = _problem_of(self.task)
        return [*solution_lines(problem), f"answer {amount_text(problem.values[problem.goal])}"]

    def _set_problem(self, task: Task) -> None:
        self._problem = _problem_of(task)
        self._told = _told(self._problem)

    def _equations(self, names: Sequence[str]) -> tuple[str, ...]:
        """What the text tells of some quantities and of those that they come from."""
        return tuple(self._told.equations[name] for name in self._problem.ancestors(names))

    def _answer(self, written: str) -> Transition:
        try:
            number = parse_expression(written.removeprefix("$").removesuffix("."))
        except ExpressionError as error:
            return Transition(situation=self.situation, claims=(Malformed(f"an answer is one number, as in `answer 30`: {error}"),))
        if not number.is_numeral or _too_great(number.value):
            return Transition(situation=self.situation, claims=(Malformed("an answer is one number, as in `answer 30`"),))
        goal = self._problem.goal
        computed = [name for name, note in self._notes.items() if note.right]
        right = goal in computed and number.value == self._told.values[goal] and all(note.right for note in self._notes.values())
        given = tuple(name for name, _ in self._problem.given)
        claim = Consequence(self._equations((*given, *computed)), f"{goal} = {amount_text(number.value)}")
        situation = Situation(observation=self.situation.observation, state_key=content_key(self.situation.state_key, "answered", str(right)))
        return Transition(situation=situation, claims=(claim,), terminated=True, outcome=float(right))

    def _read(self, text: str) -> tuple[str, list[Expression]] | Malformed:
        """The name and the sides of a line, with amounts in the place of names."""
        parts = [part.strip() for part in text.split("=")]
        if "\n" in text or len(text) > _LENGTH_LIMIT or not 3 <= len(parts) <= _MOST_SIDES:
            return Malformed("a line is a quantity, a computation and its result, as in `blue_pens = 12 * 3 = 36`; or `answer 30`")
        name = parts[0].casefold()
        if name not in self._problem.names:
            return Malformed(f"{parts[0][:40]!r} is none of the quantities")
        if name not in self._told.defined:
            return Malformed(f"{name} is given and need not be computed")
        if name in self._notes:
            return Malformed(f"{name} has been computed already")
        known = {**dict(self._problem.given), **{noted: note.value for noted, note in self._notes.items()}}
        allowed = set(self._told.grounded) | {abs(note.value) for note in self._notes.values()}
        sides: list[Expression] = []
        for place, part in enumerate(parts[1:]):
            side = _side(part, known, allowed, is_result=place == len(parts) - 2)
            if isinstance(side, Malformed):
                return side
            sides.append(side)
        if sides[0].symbol is None:
            return Malformed(f"the line does not say how {name} is computed")
        return (name, sides) if sides[-1].is_numeral and not _too_great(sides[-1].value) else Malformed("a line ends in its result, one number")

    def _describe(self, task: Task) -> Situation:
        seen = [(name, self._notes[name]) for name in self._problem.names if name in self._notes]
        lines = [task.question, *(["noted:"] if seen else []), *(f"{name} = {amount_text(note.value)}" for name, note in seen)]
        key = content_key(task.key, *(f"{name} {note.value} {note.right}" for name, note in seen))
        actions = _listed(self._problem, tuple((name, note.value) for name, note in seen), self.candidates, task.key) if self.candidates else ()
        return Situation(observation="\n".join(lines), state_key=key, actions=actions)


class _Told(NamedTuple):
    """What a problem says, worked out: equations and amounts by name, the numbers of the text, what is needed and what can be computed at all."""

    equations: dict[str, str]
    values: dict[str, Fraction]
    grounded: frozenset[Fraction]
    needed: frozenset[str]
    defined: frozenset[str] = frozenset()


@lru_cache(maxsize=1 << 10)
def _told(problem: WordProblem) -> _Told:
    defined = frozenset(definition.name for definition in problem.definitions)
    return _Told(problem.equations, problem.values, problem.grounded, frozenset(problem.needed), defined)


@lru_cache(maxsize=1 << 13)
def _listed(problem: WordProblem, noted: tuple[tuple[str, Fraction], ...], count: int, task_key: str) -> tuple[str, ...]:
    entropy = int(content_key(task_key, str(count), *(f"{name} {value}" for name, value in noted)), 16)
    return listed_candidates(problem, dict(noted), count, entropy)


def _side(part: str, known: Mapping[str, Fraction], allowed: set[Fraction], is_result: bool) -> Expression | Malformed:
    """One side of a line; the results of its parts are allowed from then on."""
    for name in _NAME.findall(part):
        if name.casefold() not in known:
            return Malformed(f"{name[:40]} has no amount yet")
    try:
        side = parse_expression(_NAME.sub(lambda name: f"({operand_text(known[name[0].casefold()])})", part.replace("$", "")))
    except ExpressionError as error:
        return Malformed(f"the line cannot be read: {error}")
    if is_result:
        return side
    amounts = allowed | set(known.values())
    operations, pending, results = 0, [side], set[Fraction]()
    while pending:
        inner = pending.pop()
        if inner.is_numeral and abs(inner.value) in amounts:
            continue
        if inner.symbol is None:
            return Malformed(f"{inner.text} is neither given nor computed")
        operations += 1
        results.add(abs(inner.value))
        pending += inner.operands
    if operations > MOST_OPERATIONS:
        return Malformed(f"a line has at most {MOST_OPERATIONS} operations, got {operations}")
    allowed |= results
    return side


def _too_great(value: Fraction) -> bool:
    return abs(value.numerator) >= _RESULT_LIMIT or value.denominator >= _RESULT_LIMIT


def _unwrapped(text: str) -> str:
    """An expression without the parentheses around the whole of it."""
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def _task(problem: WordProblem, difficulty: int) -> Task:
    return Task(
        key=content_key("WordProblems-v0", problem.text),
        instructions=INSTRUCTIONS.format(most=MOST_OPERATIONS),
        question=problem.text,
        sealed={
            "given": [[name, str(value)] for name, value in problem.given],
            "definitions": [[definition.name, definition.form, list(definition.operands)] for definition in problem.definitions],
            "brought": list(problem.brought),
        },
        metadata={"difficulty": difficulty, "story": problem.story, "goal": problem.goal, "names": list(problem.names)},
    )


def _problem_of(task: Task) -> WordProblem:
    sealed, facts = task.sealed, task.metadata
    return WordProblem(
        text=task.question,
        given=tuple((name, Fraction(value)) for name, value in sealed["given"]),
        definitions=tuple(Definition(name, form, tuple(operands)) for name, form, operands in sealed["definitions"]),
        goal=facts["goal"],
        names=tuple(facts["names"]),
        brought=tuple(sealed["brought"]),
        story=facts["story"],
    )
