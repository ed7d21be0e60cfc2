"""Any data set of reasoning-gym as a step environment: thoughts, then an answer that the data set's own scorer judges.

Source: Stojanovski et al. 2025, Reasoning Gym (arXiv 2505.24760), https://github.com/open-thought/reasoning-gym; its data sets, scorers and curricula are used
as they are, but for the wall that `prm_gym.procedural` puts before them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, ClassVar, cast

from gymnasium.utils.seeding import np_random

from prm_gym.claims import Json, Malformed, ReasoningGymAnswer
from prm_gym.env import ACTION_LENGTH, StepEnv
from prm_gym.errors import EnvironmentFault, OptionError, WorkerError
from prm_gym.procedural import Entry, ReasoningGymService, Source, refuse
from prm_gym.procedural.catalogue import COMPOSITE
from prm_gym.procedural.foresight import Begun, Foresight, drawn_next
from prm_gym.procedural.service import AHEAD
from prm_gym.spaces import recordable
from prm_gym.task import Task, content_key
from prm_gym.text_claims import equalities
from prm_gym.transition import Situation, Transition

NOTES_LENGTH = 1 << 19  # characters of all thoughts of an episode
MOST_ENTRIES = 1_000_000
MOST_ENTRIES_AT_ONCE = 10_000  # of `acre`, which makes them all when it is made

INSTRUCTIONS = (
    "Write one step of your reasoning at a time. When you know the answer, write a line that begins with 'answer:' and the answer after it, "
    "or the answer between <answer> and </answer>."
)

_TAG = re.compile(r"<(/?)answer>", re.IGNORECASE | re.ASCII)
_ANSWER_LINE = re.compile(r"^[ \t]*(?:final[ \t]+)?answer[ \t]*:", re.MULTILINE | re.IGNORECASE | re.ASCII)


class ReasoningGymEnv(StepEnv):
    """Answer a question of a data set of reasoning-gym, after as many thoughts as one likes.

    An action is a thought (any text that holds a letter or a digit), or the final answer: `answer: 24`, or `<answer>24</answer>` as the package's prompts ask,
    alone or after a last thought. What follows `answer:` up to the end is the answer, so it may have several lines; of several tagged answers the last one
    counts, as in the package. A text without a letter or digit that is no answer changes nothing and is claimed `Malformed`.

    Claims of a step: an `Equality` for every equation between plain numbers in the text that says something (`prm_gym.text_claims`); and of the final
    answer a `ReasoningGymAnswer`. Equations that lead nowhere are true as well, and `arithmetic` cannot tell: with a dense reward they earn up to
    `step_weight` an episode, which is less than a right answer.

    Outcome: what the data set's scorer gives for the answer, in [0, 1]; up to 0.1 counts as 0, because that is what scorers pay for form alone. With
    `exact=True` everything below 1 counts as 0. An answer on which the scorer hangs or fails, and one that the wall refuses, earns 0 in a valid episode:
    no answer gets out of being wrong. The step limit gives 0 as well.

    A question is an entry of the data set that `dataset`, `config`, `difficulty`, `data_seed` and `size` describe, drawn evenly or chosen with
    `reset(options={"task_index": i})`. Entry i of seed s is entry i - 1 of seed s + 1 in most data sets: keep the seeds of a training and a test set at least
    `size` apart. An entry whose known answer does not earn 1 from its own scorer is passed over for the next one.

    The package runs in worker processes with a fixed hash seed, so that a seed gives the same episode in any process; six of its data sets depend on that.
    Entries that the next episodes will probably ask for are made ahead; which entry an episode gets does not depend on it.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("sequence(arithmetic, reasoning_gym)",)
    default_max_steps: ClassVar[int] = 16

    def __init__(
        self,
        *,
        dataset: str = "leg_counting",
        config: Mapping[str, Any] | None = None,
        difficulty: int | None = None,
        data_seed: int = 0,
        size: int = 10_000,
        exact: bool = False,
        **options: Any,
    ) -> None:
        """Choose the data set.

        Args:
            dataset: name of a data set (`prm_gym.procedural.SERVED`), or "composite" with `config={"datasets": [{"name": ..., "weight": ..., "config": {}}]}`.
            config: options of the data set, as its configuration class takes them; JSON values.
            difficulty: level of the data set's curriculum, from 1 on; None for its own defaults.
            data_seed: seed of the data set.
            size: number of its entries, 1 to 1,000,000.
            exact: whether a partial score counts as 0.
            **options: see `StepOptions`.

        Raises:
            OptionError: the data set is not served, or cannot be made with these options.
            MissingExtraError: reasoning-gym is not installed (`pip install 'prm-gym[reasoning-gym]'`).
        """
        service = ReasoningGymService()
        super().__init__(**options)
        names = _parts(dataset, config or {})
        _require_whole("difficulty", 1 if difficulty is None else difficulty, 1, 1000)
        _require_whole("data_seed", data_seed, 0, 2**31)
        _require_whole("size", size, 1, MOST_ENTRIES_AT_ONCE if "acre" in names else MOST_ENTRIES)
        if difficulty is not None and dataset == COMPOSITE:
            raise OptionError("a composite has no curriculum of its own: give its parts their configurations instead of a difficulty")
        self.source = Source(dataset, _as_json(config or {}), difficulty or 0, data_seed, size)
        self.exact = exact
        self._service = service
        self._service.try_out(self.source)
        self._foresight = Foresight()
        self._thoughts: list[str] = []
        self._answer: str | None = None

    @property
    def task_count(self) -> int | None:
        """The number of entries."""
        return self.source.size

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw an entry, or take the one that `options["task_index"]` names."""
        index = self.choose_task(options) or 0
        self._foresight.note(Begun(index, "task_index" in options, self.np_random, self.np_random_seed))
        entry = self._service.entry(self.source, index, lambda: self._foresight.next(self.source.size, AHEAD))
        task = _task(entry, self.source.dataset)
        self._thoughts, self._answer = [], None
        return task, self._describe(task)

    @classmethod
    def prepare_resets(cls, envs: Sequence[StepEnv], seeds: Sequence[int | None], options: Sequence[Mapping[str, Any]]) -> None:
        """Have the entries of all episodes made side by side."""
        own = cast("Sequence[ReasoningGymEnv]", envs)
        indices = [env._expected(seed, given) for env, seed, given in zip(own, seeds, options, strict=True)]
        wanted = [(env.source, index) for env, index in zip(own, indices, strict=True) if index is not None]
        if len(wanted) > 1:
            with suppress(WorkerError):  # the resets meet it themselves
                own[0]._service.prefetch(wanted)

    def _expected(self, seed: int | None, options: Mapping[str, Any]) -> int | None:
        """The entry that a reset will take; None where it will be refused."""
        if "task_index" in options:
            given = options["task_index"]
            return given if type(given) is int and 0 <= given < self.source.size else None
        if seed is not None and (type(seed) is not int or seed < 0):
            return None
        return drawn_next(self.np_random if seed is None else np_random(seed)[0], self.source.size, 1)[0]

    @classmethod
    def prepare(cls, envs: Sequence[StepEnv], actions: Sequence[str]) -> None:
        """Have the answers of all environments scored side by side."""
        own = cast("Sequence[ReasoningGymEnv]", envs)
        claims: list[ReasoningGymAnswer] = []
        for env, action in zip(own, actions, strict=True):
            text, defect = recordable(action, ACTION_LENGTH)
            answer = read_action(text)[1] if defect is None else None
            if answer is not None:
                claims.append(_claim(env.task, answer))
        if len(claims) > 1:
            with suppress(WorkerError):  # the steps meet it themselves
                own[0]._service.score(claims)

    def advance(self, action: str) -> Transition:
        """Note a thought, or score the answer and end."""
        thought, answer = read_action(action)
        if answer is None and not re.search(r"\w", thought):
            return self._malformed("a step is a thought in words or numbers, or the answer after 'answer:'")
        if sum(map(len, self._thoughts)) + len(thought) > NOTES_LENGTH:
            return self._malformed(f"all thoughts together hold at most {NOTES_LENGTH:,} characters")
        claims = equalities(thought, self._thoughts, self.task.question)
        if thought:
            self._thoughts.append(thought)
        if answer is None:
            return Transition(situation=self._describe(self.task), claims=claims)
        self._answer = answer
        claim = _claim(self.task, answer)
        return Transition(situation=self._describe(self.task), claims=(*claims, claim), terminated=True, outcome=self._outcome(claim))

    def save_state(self) -> Json:
        """The thoughts and the answer."""
        return {"thoughts": list(self._thoughts), "answer": self._answer}

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        self._thoughts, self._answer = list(state["thoughts"]), state["answer"]

    def solution(self) -> list[str]:
        """The known answer."""
        return [f"answer: {self.task.sealed['answer']}"]

    def close(self) -> None:
        """Let go of the workers and the verifiers."""
        super().close()
        self._service.close()

    def _outcome(self, claim: ReasoningGymAnswer) -> float:
        try:
            score = self._service.score([claim])[0].score or 0.0
        except WorkerError as error:
            raise EnvironmentFault(str(error)) from error
        return float(score >= 1.0) if self.exact else score

    def _malformed(self, reason: str) -> Transition:
        return Transition(situation=self.situation, claims=(Malformed(reason),))

    def _describe(self, task: Task) -> Situation:
        notes = "".join(f"\n{number}. {thought}" for number, thought in enumerate(self._thoughts, start=1))
        answered = "" if self._answer is None else f"\nanswer: {self._answer}"
        state_key = content_key("reasoning_gym", task.key, str(self._answer is None), self._answer or "", *self._thoughts)
        return Situation(observation=f"{task.question}\n{notes}{answered}", state_key=state_key)


def read_action(action: str) -> tuple[str, str | None]:
    r"""The thought that an action holds, and the final answer, None where it gives none; both without white space around them.

    >>> read_action("3 dogs have 12 legs.\nanswer: 12")
    ('3 dogs have 12 legs.', '12')
    """
    opened: re.Match[str] | None = None
    tagged: tuple[str, str] | None = None
    for tag in _TAG.finditer(action):
        if not tag[1]:
            opened = opened or tag
        elif opened is not None:
            tagged, opened = (action[: opened.start()].strip(), action[opened.end() : tag.start()].strip()), None
    if tagged is not None:
        return tagged
    line = _ANSWER_LINE.search(action)
    if line is not None:
        return action[: line.start()].strip(), action[line.end() :].strip()
    return action.strip(), None


def _claim(task: Task, answer: str) -> ReasoningGymAnswer:
    origin = task.sealed["origin"]
    return ReasoningGymAnswer(origin["dataset"], task.sealed["entry"], answer, origin["config"], origin["difficulty"])


def _task(entry: Entry, dataset: str) -> Task:
    origin = {"dataset": entry.dataset, "config": entry.config, "difficulty": entry.difficulty}
    return Task(
        key=content_key("reasoning_gym", entry.dataset, entry.config, str(entry.difficulty), str(entry.index), entry.question),
        instructions=INSTRUCTIONS,
        question=entry.question,
        sealed={"answer": entry.gold.strip(), "entry": entry.entry, "origin": origin},
        metadata={"dataset": entry.dataset, "difficulty": entry.difficulty or None, "index": entry.index, "composite": dataset == COMPOSITE},
    )


def _parts(dataset: str, config: Mapping[str, Any]) -> list[str]:
    """The data sets that are served together; refuses what is not."""
    refuse(dataset)
    if dataset != COMPOSITE:
        _refuse_ours(dataset, config)
        return [dataset]
    parts = config.get("datasets")
    if not isinstance(parts, list | tuple) or not parts or not all(isinstance(part, Mapping) and isinstance(part.get("name"), str) for part in parts):
        raise OptionError('a composite needs config={"datasets": [{"name": "chain_sum", "weight": 1.0, "config": {}}, ...]}')
    for part in parts:
        if part["name"] == COMPOSITE:
            raise OptionError("a composite holds no composite")
        refuse(part["name"])
        _refuse_ours(part["name"], part.get("config", {}))
    return [part["name"] for part in parts]


def _refuse_ours(dataset: str, config: Mapping[str, Any]) -> None:
    for name in ("seed", "size"):
        if name in config:
            raise OptionError(f"the {name} of {dataset} is an option of the environment: {'data_seed' if name == 'seed' else 'size'}")


def _require_whole(name: str, value: object, least: int, most: int) -> None:
    if type(value) is not int or not least <= value <= most:
        raise OptionError(f"{name} must be an integer from {least:,} to {most:,}, got {value!r}")


def _as_json(config: Mapping[str, Any]) -> str:
    try:
        return json.dumps(config, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise OptionError(f"the config of a data set holds JSON values: {error}") from error
