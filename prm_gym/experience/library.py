"""The library: stored good steps with an index over what was seen, bounded, and growing by score."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from prm_gym.errors import OptionError, StoreError
from prm_gym.retrieval.bm25 import BM25
from prm_gym.retrieval.words import words
from prm_gym.store import write_json_lines
from prm_gym.task import content_key
from prm_gym.trajectory import Step, Trajectory

_WIDER = 4  # times k experiences that are like what is seen are looked at, of which the best by value come first
_PRIOR = 2.0  # the score with which a step was let in counts as much as so many episodes that it was shown in


class PastPair(NamedTuple):
    """What was seen and done at a step beside that of an experience."""

    observation: str
    action: str


class Experience(msgspec.Struct, frozen=True, kw_only=True):
    """A good step.

    Attributes:
        observation: what was seen.
        action: what was done.
        score: how good the step was when it was let in, in [0, 1].
        task_key: of the task in which it was taken; empty where that is not known.
        before: the step before it, where there was one.
        after: the step after it, likewise.
        shown: in how many finished episodes it was shown.
        earned: sum of their outcomes.
    """

    observation: str
    action: str
    score: float
    task_key: str = ""
    before: PastPair | None = None
    after: PastPair | None = None
    shown: int = 0
    earned: float = 0.0

    @property
    def key(self) -> str:
        """The same for the same action in the same situation."""
        return content_key(self.observation, self.action)

    @property
    def value(self) -> float:
        """What it is worth, in [0, 1]: the score it came with, and the mean outcome of the episodes in which it was shown, the more of these the more.

        value = (2 score + earned) / (2 + shown)
        """
        return (_PRIOR * self.score + self.earned) / (_PRIOR + self.shown)


class ExperienceLibrary:
    """Good steps, each situation and action once.

    Looks up by BM25 over the words of what was seen: the similarity that needs no model. It may grow while it is used: `learn` lets in the good steps of new
    episodes, `credit` says what came of episodes in which some were shown, and beyond `capacity` those of the least value go.
    """

    def __init__(self, experiences: Iterable[Experience] = (), *, capacity: int = 10_000) -> None:
        """Take the experiences.

        Args:
            experiences: any number; of two with one situation and action the better stays.
            capacity: how many are kept, >= 1.

        Raises:
            OptionError: the capacity is none, or a score is not in [0, 1].
        """
        if type(capacity) is not int or capacity < 1:
            raise OptionError(f"capacity is an integer from 1 on, got {capacity!r}")
        self.capacity = capacity
        self._held: dict[str, Experience] = {}
        self._index: BM25 | None = None
        self._listed: list[Experience] = []
        self.add(experiences)

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Experience]:
        return iter(self._held.values())

    @classmethod
    def from_trajectories(
        cls, trajectories: Iterable[Trajectory], *, verifier: str = "", least: float = 1.0, least_outcome: float = 1.0, capacity: int = 10_000
    ) -> Self:
        """The good steps of stored episodes; see `learn`."""
        library = cls(capacity=capacity)
        library.learn(trajectories, verifier=verifier, least=least, least_outcome=least_outcome)
        return library

    def learn(self, trajectories: Iterable[Trajectory], *, verifier: str = "", least: float = 1.0, least_outcome: float = 1.0, most: int | None = None) -> int:
        """Let in the good steps of episodes.

        Args:
            trajectories: episodes; those that are not valid are left out.
            verifier: id of the verifier whose score is that of a step; a step that it cannot judge is left out. Empty: the outcome of the episode is.
            least: the least score of a step that is let in, in [0, 1].
            least_outcome: the least outcome of an episode whose steps are looked at, in [0, 1]; 0 for all, where a verifier tells the good steps of failures.
            most: how many are let in at most, those of the greatest score first, so that a library that grows while an agent learns keeps what is old; None for
                all.

        Returns:
            How many were new or better than what was there.
        """
        found: list[Experience] = []
        for trajectory in trajectories:
            if trajectory.valid and trajectory.outcome is not None and trajectory.outcome >= least_outcome:
                found += _good_steps(trajectory, verifier, least)
        found.sort(key=lambda experience: -experience.score)
        return self.add(found[:most])

    def add(self, experiences: Iterable[Experience]) -> int:
        """Let in experiences; of two with one situation and action the one of the greater score stays, with what both were shown for.

        Returns:
            How many were new or better.
        """
        changed = 0
        for experience in experiences:
            if not 0.0 <= experience.score <= 1.0:
                raise OptionError(f"the score of an experience lies in [0, 1], got {experience.score!r}")
            known = self._held.get(experience.key)
            if known is not None and known.score >= experience.score:
                continue
            shown, earned = (0, 0.0) if known is None else (known.shown, known.earned)
            self._held[experience.key] = msgspec.structs.replace(experience, shown=shown + experience.shown, earned=earned + experience.earned)
            changed += 1
        if changed:
            self._trim()
            self._index = None
        return changed

    def credit(self, keys: Iterable[str], outcome: float) -> None:
        """Note the outcome of an episode in which some experiences were shown.

        Args:
            keys: of the experiences; those that are gone meanwhile are left out.
            outcome: in [0, 1].
        """
        for key in set(keys):
            known = self._held.get(key)
            if known is not None:
                self._held[key] = msgspec.structs.replace(known, shown=known.shown + 1, earned=known.earned + outcome)

    def search(self, observation: str, k: int, task_key: str = "") -> list[Experience]:
        """The experiences that are most like what is seen, the best first.

        Of the 4 k most similar ones, the k with the greatest product of similarity and value.

        Args:
            observation: what is seen.
            k: how many, at most; >= 1.
            task_key: of the task that is to be solved: its own experiences are left out, or an agent would copy the solution. Empty to leave out none.
        """
        if self._index is None:
            self._listed = list(self._held.values())
            self._index = BM25(words(experience.observation) for experience in self._listed)
        scores = self._index.scores(words(observation))
        order = [place for place in scores.argsort(kind="stable")[::-1].tolist() if scores[place] > 0]
        like: list[tuple[float, int]] = []
        for place in order:
            if not task_key or self._listed[place].task_key != task_key:
                like.append((float(scores[place]), place))
            if len(like) == _WIDER * k:
                break
        current = [(similarity, self._held[self._listed[place].key]) for similarity, place in like]
        return [experience for _, experience in sorted(current, key=lambda pair: -pair[0] * pair[1].value)][:k]

    def save(self, path: Path | str) -> None:
        """Write the library as JSON lines, in one step."""
        write_json_lines(path, self)

    @classmethod
    def open(cls, path: Path | str, capacity: int = 10_000) -> Self:
        """The library of a file.

        Raises:
            StoreError: there is none, or a line of it is no experience; says which.
        """
        found: list[Experience] = []
        try:
            lines = Path(path).read_bytes().splitlines()
        except OSError as error:
            raise StoreError(f"there is no library of experiences {path}: {error}") from error
        for number, line in enumerate(lines, start=1):
            try:
                found.append(msgspec.json.decode(line, type=Experience))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise StoreError(f"line {number} of {path} is no experience: {error}") from error
        return cls(found, capacity=capacity)

    def _trim(self) -> None:
        """Let go of those of the least value; of equal ones the oldest."""
        surplus = len(self._held) - self.capacity
        if surplus > 0:
            worst = sorted(self._held.values(), key=lambda experience: experience.value)[:surplus]
            for experience in worst:
                del self._held[experience.key]


def _good_steps(trajectory: Trajectory, verifier: str, least: float) -> list[Experience]:
    steps: Sequence[Step] = trajectory.steps
    found: list[Experience] = []
    for place, step in enumerate(steps):
        score = trajectory.outcome
        if verifier:
            verdict = step.verdicts.get(verifier)
            score = None if verdict is None else verdict.score
        if score is None or score < least:
            continue
        beside = [PastPair(steps[at].observation, steps[at].action) if 0 <= at < len(steps) else None for at in (place - 1, place + 1)]
        found.append(Experience(observation=step.observation, action=step.action, score=score, task_key=trajectory.task_key, before=beside[0], after=beside[1]))
    return found
