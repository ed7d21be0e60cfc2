"""prm_gym/KnightsAndKnaves-v0: find out who tells the truth, one deduction at a time.

Ann says: Bob is a knave.
Bob says: Ann and Cleo are of one kind.
Cleo says: at least 2 of us are knaves.

Ann is a knight because of Ann, Bob               a step: an islander, a kind, and whose statements it follows from
answer: Ann is a knight, Bob is a knave, Cleo ... the end: what everyone is

Source: the puzzle is Smullyan's; as a benchmark with public files: Xie et al. 2024 (arXiv 2410.23123). The step format and the generator are our own.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from prm_gym.claims import Assignment, Json, Malformed, Solution
from prm_gym.csp import Is, shared_solver
from prm_gym.env import StepEnv
from prm_gym.envs.logic.island import KINDS, LEVELS, OTHER, Deduction, Island, Kind, Tables, generate, load_islands
from prm_gym.options import StepOptions, require_candidates, require_difficulty
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition

INSTRUCTIONS = """\
Everyone here is a knight or a knave. Knights say what is true, knaves what is false. Find out who is what. Write one deduction at a time, in the form
    {example} because of {cited}
which says: from the statements of those named after "because of", and from what has been deduced before, it follows. A step may name up to {most}
of them. When everyone's kind has been deduced, end with
    answer: {answer}
with everyone in it. Nobody corrects a deduction that does not follow; the answer counts when it is right and every kind in it was soundly deduced."""

_STEP = re.compile(r"(\S+) is a (knight|knave),? because of (.+)", re.IGNORECASE | re.DOTALL)
_KIND = re.compile(r"(\S+) is a (knight|knave)", re.IGNORECASE)
_BETWEEN = re.compile(r"\s*(?:,\s*and\b|,|&|\band\b)\s*", re.IGNORECASE)

_Note = tuple[str, Kind, bool]
"""An islander, a kind, and whether that was soundly deduced."""

_Reason = tuple[str, tuple[str, ...]]
"""An islander, and whose statements something about them is said to follow from."""


class KnightsAndKnavesEnv(StepEnv):
    """Islanders, what each of them says, and the question who is a knight and who a knave; generated with exactly one solution.

    Observation: who says what, and what has been noted, sorted; whether a note is sound is not shown.
    Action: a deduction or the answer, as text (see the module; case does not matter). A deduction is noted whether it follows or not, but only sound
    ones are premises of later steps, so nothing is built on a mistake. A text that is neither, or names someone who is not there or too many, changes
    nothing. A step may cite as few statements as the puzzle can be solved with, so that citing everyone is no step.
    Claims: `Assignment` for a deduction, with the cited statements as constraints and the sound deductions as what is assigned, and `follows` set;
    `Solution` for the answer; `Malformed` for anything else.
    Outcome: 1 for the right answer after a sound deduction of everyone's kind, else 0: a right guess is worth nothing.
    Every islander's kind is deduced once and what is repeated is `trivial`, so under the reward "dense" nothing earns more than the deductions and the answer.
    state_key: the puzzle and the notes, with whether each is sound.
    Candidates: deductions in pairs, knight and knave for one reason; of some pairs one follows, of others neither; and two answers. In random
    order, a function of the state alone.
    Difficulty 1 to 5: 3 to 8 islanders, and steps that need 2 to 4 statements.

    `reset(options={"task_index": i})` chooses task i of the task file.
    """

    default_verifiers = ("constraint",)

    def __init__(self, *, difficulty: int = 2, tasks: str | Path | None = None, candidates: int = 12, **options: Unpack[StepOptions]) -> None:
        """Choose where puzzles come from.

        Args:
            difficulty: 1 to 5; without effect when there is a task file.
            tasks: a file in the layout of the public K&K benchmark (`prm_gym.envs.logic.island.load_islands`).
            candidates: how many actions are listed; >= 4, or 0 for none.
            **options: see `StepOptions`; max_steps is 4 plus twice the number of islanders unless given.
        """
        require_difficulty(difficulty, LEVELS)
        require_candidates(candidates, least=4)
        self.islands = () if tasks is None else load_islands(tasks)
        if options.get("max_steps") is None:
            options["max_steps"] = 4 + 2 * max((len(island.names) for island in self.islands), default=LEVELS[difficulty].size)
        super().__init__(**options)
        self.difficulty, self.candidates = difficulty, candidates
        self._source: dict[str, int] = {}
        self._island = Island((), (), (), (), 0)
        self._notes: frozenset[_Note] = frozenset()

    @property
    def task_count(self) -> int | None:
        """How many puzzles the task file holds; None without one."""
        return len(self.islands) or None

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a puzzle, or take the one that `options["task_index"]` names."""
        index = self.choose_task(options)
        self._source = {"entropy": int(self.np_random.integers(1 << 62)), "difficulty": self.difficulty} if index is None else {"task_index": index}
        self._notes = frozenset()
        self._island = self._sourced()
        task = _task(self._island, self._source.get("difficulty"))
        return task, self._describe(task)

    def advance(self, action: str) -> Transition:
        """Note a deduction, or end with the answer."""
        text = " ".join(action.split()).removesuffix(".")
        if text[:7].casefold() == "answer:":
            return self._answer(text[7:].strip())
        step = self._read_deduction(text)
        if isinstance(step, Malformed):
            return Transition(situation=self.situation, claims=(step,))
        island, atom = self._island, Is(step.name, step.kind)
        derived = self._derived()
        problem = island.problem(step.cited)
        sound = atom in derived or shared_solver(problem).examine(derived, atom).status == "forced"
        note = (step.name, step.kind, sound)
        if note not in self._notes:
            # What has been found sound is no longer also a guess.
            self._notes = self._notes - {(step.name, step.kind, False)} | {note}
        claim = Assignment(problem, derived, step.name, step.kind, follows=True)
        return Transition(situation=self._describe(self.task), claims=(claim,))

    def save_state(self) -> Json:
        """Where the puzzle comes from, and the notes."""
        return {"source": dict(self._source), "notes": [list(note) for note in sorted(self._notes)]}

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        self._source = state["source"]
        self._island = self._sourced()
        self._notes = frozenset((name, kind, sound) for name, kind, sound in state["notes"])

    def solution(self) -> list[str]:
        """Deductions that find out what everyone is, and the answer."""
        return [step.text for step in self._island.deductions] + [_answer_text(dict(zip(self._island.names, self._island.kinds, strict=True)))]

    def _sourced(self) -> Island:
        source = self._source
        return self.islands[source["task_index"]] if "task_index" in source else generate(source["entropy"], LEVELS[source["difficulty"]])

    def _derived(self) -> tuple[Is, ...]:
        return tuple(sorted((Is(name, kind) for name, kind, sound in self._notes if sound), key=lambda atom: atom.variable))

    def _read_deduction(self, text: str) -> Deduction | Malformed:
        match = _STEP.fullmatch(text)
        if match is None:
            return Malformed("not of the form `Ann is a knight because of Bob, Cleo`, nor `answer: Ann is a knight, Bob is a knave`")
        spelled = {name.casefold(): name for name in self._island.names}
        written = [match[1], *_BETWEEN.split(match[3])]
        for word in written:
            if word.casefold() not in spelled:
                return Malformed(f"there is no islander {word[:40]!r}")
        name, *cited = (spelled[word.casefold()] for word in written)
        cited = tuple(dict.fromkeys(cited))
        if len(cited) > self._island.most_cited:
            return Malformed(f"the step cites {len(cited)} statements; at most {self._island.most_cited} are taken")
        return Deduction(name, KINDS[match[2].casefold() == "knave"], cited)

    def _answer(self, text: str) -> Transition:
        island = self._island
        spelled = {name.casefold(): name for name in island.names}
        given: dict[str, Kind] = {}
        for part in _BETWEEN.split(text):
            match = _KIND.fullmatch(part)
            name = None if match is None else spelled.get(match[1].casefold())
            if match is None or name is None or name in given:
                return Transition(situation=self.situation, claims=(Malformed("an answer names everyone once: `answer: Ann is a knight, Bob is a knave`"),))
            given[name] = KINDS[match[2].casefold() == "knave"]
        if len(given) < len(island.names):
            return Transition(situation=self.situation, claims=(Malformed("an answer says of everyone what they are"),))
        values, derived = tuple(Is(name, given[name]) for name in island.names), self._derived()
        claim = Solution(island.problem(island.names), values, derived)
        right = all(atom in derived for atom in values)
        situation = Situation(observation=self.situation.observation, state_key=content_key(self.situation.state_key, "answered", str(right)))
        return Transition(situation=situation, claims=(claim,), terminated=True, outcome=float(right))

    def _describe(self, task: Task) -> Situation:
        notes = tuple(sorted(self._notes))
        lines = [task.question, *(["noted:"] if notes else []), *dict.fromkeys(f"{name} is a {kind}" for name, kind, _ in notes)]
        state_key = content_key(task.key, *(f"{name} {kind} {sound}" for name, kind, sound in notes))
        actions = _candidates(self._island, notes, self.candidates, state_key) if self.candidates else ()
        return Situation(observation="\n".join(lines), state_key=state_key, actions=actions)


def _task(island: Island, difficulty: int | None) -> Task:
    names = island.names
    facts = {} if difficulty is None else {"difficulty": difficulty}
    example = ", ".join(f"{name} is a {'knave' if place % 2 else 'knight'}" for place, name in enumerate(names))
    return Task(
        key=content_key("KnightsAndKnaves-v0", island.question, str(island.most_cited)),
        instructions=INSTRUCTIONS.format(example=f"{names[0]} is a knight", cited=", ".join(names[1:3]), most=island.most_cited, answer=example),
        question=island.question,
        sealed={"kinds": dict(zip(names, island.kinds, strict=True)), "deductions": [step.text for step in island.deductions]},
        metadata={**facts, "islanders": list(names), "most_cited": island.most_cited},
    )


def _answer_text(kinds: Mapping[str, Kind]) -> str:
    return f"answer: {', '.join(f'{name} is a {kind}' for name, kind in kinds.items())}"


@lru_cache(maxsize=1 << 10)
def _tables(island: Island) -> Tables:
    return Tables(island.names, island.statements)


@lru_cache(maxsize=1 << 13)
def _candidates(island: Island, notes: tuple[_Note, ...], count: int, state_key: str) -> tuple[str, ...]:
    """Pairs of deductions and two answers in random order; they depend on the state alone.

    Both kinds are listed for each reason, and reasons that decide nothing are as long as one that does: neither the kind nor the number of citations tells
    them apart.
    """
    rng = np.random.default_rng(int(state_key, 16))
    tables, names = _tables(island), island.names
    known: dict[str, Kind] = {name: kind for name, kind, sound in notes if sound}
    forced = list(tables.deductions(known, island.most_cited))
    pairs = (count - 2) // 2
    reasons: dict[_Reason, None] = {}
    minimal = [step for step in forced if not any(other.name == step.name and set(other.cited) < set(step.cited) for other in forced)]
    for place in rng.permutation(len(minimal)).tolist()[: max(1, pairs // 3)]:
        reasons[minimal[place].name, minimal[place].cited] = None
    sound = list(reasons)
    for _ in range(16 * count):
        if len(reasons) >= pairs:
            break
        name, cited = _reason_like(sound, names, rng)
        if name in known or tables.forced(name, tables.left(known, cited)) is None or rng.random() < 0.1:
            reasons[name, cited] = None
    texts = [Deduction(name, kind, cited).text for name, cited in reasons for kind in KINDS]
    # The answers agree with the notes as they are seen: what is not sound must not show here.
    seen: dict[str, set[Kind]] = {name: {kind for noted, kind, _ in notes if noted == name} for name in names}
    guess: dict[str, Kind] = {name: KINDS[int(rng.integers(2))] if len(seen[name]) != 1 else next(iter(seen[name])) for name in names}
    spoilt = names[int(rng.integers(len(names)))]
    texts += [_answer_text(guess), _answer_text({**guess, spoilt: OTHER[guess[spoilt]]})]
    return tuple(texts[place] for place in rng.permutation(len(texts)).tolist())


def _reason_like(sound: list[_Reason], names: tuple[str, ...], rng: np.random.Generator) -> _Reason:
    """A reason drawn at random, as long as a sound one, and citing its own islander when that does; any, when there is none."""
    name = names[int(rng.integers(len(names)))]
    others = [other for other in names if other != name]
    size, own = int(rng.integers(1, 3)), bool(rng.random() < 0.5)
    if sound:
        subject, cited = sound[int(rng.integers(len(sound)))]
        size, own = len(cited), subject in cited
    drawn = [others[i] for i in rng.permutation(len(others)).tolist()[: size - own]]
    return name, tuple(sorted([*drawn, name] if own else drawn))
