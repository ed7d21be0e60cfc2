"""Whole completions of a language model, split into steps and judged: by verifiers as they stand, or by being played in an environment.

    scorer = TextScorer("sequence(arithmetic, equivalence)", gold="answer", reward="dense")
    scored = scorer.score(prompts, completions, {"answer": answers})

Neither raises over what a model wrote, and where nothing can be told there is no trajectory, but a reason.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, cast

import msgspec

from prm_gym.agent import Action
from prm_gym.claims import Malformed
from prm_gym.env import ACTION_LENGTH, StepEnv
from prm_gym.errors import OptionError
from prm_gym.integrations.episodes import EnvironmentPool, PlayedEpisode, begin
from prm_gym.labelling.labeller import label_together
from prm_gym.labelling.solutions import gold_of, solution_of
from prm_gym.labelling.written import MAX_STEPS
from prm_gym.plugins import make
from prm_gym.rewards import JudgedStep, RewardScheme, RewardSpec, make_reward
from prm_gym.spaces import recordable
from prm_gym.step_splitting import Splitting, split_steps
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import judged
from prm_gym.verifier import VERIFIERS, Verifier, VerifierSpec, make_verifiers

Message: TypeAlias = Mapping[str, Any]
Text: TypeAlias = str | Sequence[Message]
"""A text, or messages in the format of OpenAI's chats."""
Columns: TypeAlias = Mapping[str, Sequence[Any]]

UNKNOWN = "(the problem is not given)"


class Scored(NamedTuple):
    """A completion as an episode.

    Attributes:
        trajectory: with verdicts and rewards; None where nothing can be told, which trains nobody.
        pieces: the text of each step as it stands in the completion; joined they are the completion.
        reason: why there is no trajectory; else empty.
    """

    trajectory: Trajectory | None
    pieces: tuple[str, ...]
    reason: str = ""


class CompletionScorer(ABC):
    """Turns completions into trajectories, a batch at a time."""

    @abstractmethod
    def score(self, prompts: Sequence[Text], completions: Sequence[Text], columns: Columns) -> list[Scored]:
        """One for each completion, in order.

        Args:
            prompts: [B] what each was asked.
            completions: [B] what each wrote.
            columns: [B] each, the other columns of the data set, by name.

        Raises:
            OptionError: a column is missing that it needs.
        """

    def close(self) -> None:  # noqa: B027 - some hold nothing
        """Free what it holds."""


class TextScorer(CompletionScorer):
    """Judges the steps of written solutions by their claims: the equations in them, and the answer.

    The outcome is 1 where the final answer is the gold one, 0 where it is not, None where `prm_gym.answers` cannot tell; rewards come from a reward scheme over
    verdicts and outcome, as in an environment. A completion that is too long to be judged (`prm_gym.labelling.written`) is what an action is that is too long:
    the writer's doing, one malformed step with the outcome 0.
    """

    def __init__(
        self,
        verifiers: VerifierSpec | Sequence[VerifierSpec],
        *,
        gold: str | None = "answer",
        problem: str | None = None,
        split: Splitting = "auto",
        reward: RewardSpec = "outcome",
        most_steps: int = 32,
    ) -> None:
        """Choose verifiers and columns.

        Args:
            verifiers: a specification or several, as environments take them.
            gold: column with the right answer, or with a worked solution that ends with it (`#### 12`, a box); None where there is none: there is no outcome
                then, and the reward comes from the verdicts alone.
            problem: column with the problem; None takes it from the prompt (of a chat, from the last message of the user).
            split: how a completion is split into steps; see `prm_gym.step_splitting.split_steps`.
            reward: scheme of the steps' rewards; `dense` shares its step_weight out over `most_steps`.
            most_steps: that a completion is split into, in [1, 512]; what follows belongs to the last one.

        Raises:
            OptionError: a reward of outcomes without a gold answer, or a number out of range.
            UnknownNameError: there is no such verifier or reward scheme.
        """
        if not 1 <= most_steps <= MAX_STEPS:
            raise OptionError(f"most_steps must be in [1, {MAX_STEPS}], got {most_steps}")
        self.gold, self.problem, self.most_steps = gold, problem, most_steps
        self.split: Splitting = split
        several = isinstance(verifiers, Sequence) and not isinstance(verifiers, str)
        specs = list(cast("Sequence[VerifierSpec]", verifiers)) if several else [cast("VerifierSpec", verifiers)]
        self.scheme: RewardScheme = make_reward(reward, most_steps)
        if gold is None and not self.scheme.needs_verdicts:
            raise OptionError(f"the reward {self.scheme.id!r} is made of outcomes, and gold=None gives none: name the column of right answers, or 'dense'")
        self.verifiers: tuple[Verifier, ...] = make_verifiers(specs)
        self._owned = tuple(made for made, spec in zip(self.verifiers, specs, strict=True) if made is not spec)

    def score(self, prompts: Sequence[Text], completions: Sequence[Text], columns: Columns) -> list[Scored]:
        """One for each completion; every verifier is called once on all their steps."""
        for name in (self.gold, self.problem):
            if name is not None and name not in columns:
                raise OptionError(f"the data set has no column {name!r}; it has {', '.join(sorted(columns)) or 'none'}")
        problems: Sequence[Text] = prompts if self.problem is None else columns[self.problem]
        golds: Sequence[Any] = [None] * len(completions) if self.gold is None else columns[self.gold]
        pieces = [pieces_of(text_of(completion), self.split, self.most_steps) for completion in completions]
        known = [row for row, gold in enumerate(golds) if self.gold is None or _stated(gold) is not None]
        asked = [text_of(problems[row], "user") for row in known]
        found = self.judge(asked, [pieces[row] for row in known], [golds[row] for row in known])
        told = (self._malformed(problem, *each[1:]) if each.trajectory is None else each for problem, each in zip(asked, found, strict=True))
        scored = dict(zip(known, map(self._scored, told), strict=True))
        reason = f"the column {self.gold!r} states no answer that can be compared"
        return [scored.get(row) or Scored(None, each, reason) for row, each in enumerate(pieces)]

    def judge(self, problems: Sequence[str], solutions: Sequence[str | Sequence[str]], golds: Sequence[Any]) -> list[Scored]:
        """Solutions with the verdicts on their steps, not paid; every verifier is called once on all of them.

        Args:
            problems: [B] what each solves; empty where that is not known.
            solutions: [B] texts, which are split into steps, or the steps themselves.
            golds: [B] right answers, or worked solutions that end with them; None where one is not known.

        Returns:
            [B], with the outcome 1 or 0, or None where the answer cannot be compared or no gold one is known; no trajectory where nothing is written, or more
            than is judged.
        """
        found: list[Scored] = []
        for row, (problem, solution, gold) in enumerate(zip(problems, solutions, golds, strict=True)):
            pieces = tuple(solution)
            if isinstance(solution, str):
                pieces = pieces_of(solution, self.split, self.most_steps) if solution.strip() else ()
            try:
                found.append(Scored(solution_of(str(row), problem if problem.strip() else UNKNOWN, pieces, _stated(gold), {}), pieces))
            except OptionError as error:
                found.append(Scored(None, pieces, str(error)))
        labelled = iter(label_together([each.trajectory for each in found if each.trajectory is not None], self.verifiers))
        return [each if each.trajectory is None else Scored(next(labelled), each.pieces) for each in found]

    def _malformed(self, problem: str, pieces: Sequence[str], reason: str) -> Scored:
        """What is too long to be judged as one malformed step, of which the beginning is kept."""
        whole = "".join(pieces)
        beginning = solution_of("malformed", problem if problem.strip() else UNKNOWN, [recordable(whole, ACTION_LENGTH)[0]], None, {})
        verdict = judged("malformed", 0.0, reason)
        verdicts = {each.id: msgspec.structs.replace(verdict, verifier=each.id, version=each.version) for each in self.verifiers}
        step = msgspec.structs.replace(beginning.steps[0], claims=(Malformed(reason),), verdicts=verdicts)
        return Scored(msgspec.structs.replace(beginning, steps=(step,), outcome=None if self.gold is None else 0.0), (whole,))

    def _scored(self, found: Scored) -> Scored:
        trajectory, pieces, _ = found
        if trajectory is None:
            return found
        if self.gold is not None and trajectory.outcome is None:
            return Scored(None, pieces, "whether the answer is right cannot be told")
        if self.gold is None and all(verdict.score is None for step in trajectory.steps for verdict in step.verdicts.values()):
            return Scored(None, pieces, "no verifier can tell anything of any step")
        return Scored(paid(trajectory, self.scheme), pieces)

    def close(self) -> None:
        """Close the verifiers that were made from specifications."""
        for verifier in self._owned:
            verifier.close()


def _stated(gold: Any) -> str | None:
    """The right answer that a value states."""
    return gold_of({"gold": gold})


def paid(trajectory: Trajectory, scheme: RewardScheme) -> Trajectory:
    """The trajectory of a solution with the rewards of a scheme over its verdicts and outcome."""
    past: list[JudgedStep] = []
    steps: list[Step] = []
    for step in trajectory.steps:
        judged = JudgedStep(step.verdicts, trajectory.outcome if step.terminated else None, step.terminated)
        steps.append(msgspec.structs.replace(step, reward=scheme.reward(judged, past)))
        past.append(judged)
    return msgspec.structs.replace(trajectory, steps=tuple(steps))


class EnvironmentScorer(CompletionScorer):
    """Plays completions in an environment, one action a line.

    The row says which task it was about: column `seed`, or `task_index` of environments over a file. A completion that ends before the episode does was cut:
    its outcome is what the environment gives for running out of steps (0, mostly). What is written after the end belongs to the last step and changes nothing.
    """

    def __init__(self, env_id: str, env_options: Mapping[str, Any] | None = None, *, split: Splitting = "line") -> None:
        """Name the environment.

        Args:
            env_id: a registered id.
            env_options: keyword options; `reward` says what a step is paid.
            split: how a completion is split into actions.

        Raises:
            UnknownNameError: there is no such environment.
        """
        self.env_id, self.env_options = env_id, dict(env_options or {})
        self.split: Splitting = split
        self._pool = EnvironmentPool(env_id, self.env_options)

    def score(self, prompts: Sequence[Text], completions: Sequence[Text], columns: Columns) -> list[Scored]:
        """One for each completion; all are played at once, and each verifier is called once for their first actions, once for their second ones, and so on."""
        if not completions:
            return []
        options = reset_options(columns, len(completions))
        envs = self._pool.take(len(completions))
        seeds = [seed for seed, _ in options]
        faults = begin(envs, seeds, [given for _, given in options])
        pieces = [pieces_of(text_of(text), self.split, env.max_steps) for text, env in zip(completions, envs, strict=True)]
        played = [PlayedEpisode(env, self.env_id, self.env_options, seed, "completion") for env, seed in zip(envs, seeds, strict=True)]
        for at in range(max(map(len, pieces))):
            running = [row for row, episode in enumerate(played) if not faults[row] and not episode.ended and at < len(pieces[row])]
            before = [envs[row].situation for row in running]
            actions = [pieces[row][at].strip() for row in running]
            results = StepEnv.step_batch([envs[row] for row in running], actions, self._pool.verifiers)
            for row, situation, action, result in zip(running, before, actions, results, strict=True):
                played[row].record(situation, Action(text=action), result)
        return [
            Scored(None, texts, fault) if fault else _scored(episode, texts, str(row))
            for row, (episode, texts, fault) in enumerate(zip(played, pieces, faults, strict=True))
        ]

    def close(self) -> None:
        """Close the environments."""
        self._pool.close()


def make_scorer(what: "VerifierSpec | Sequence[VerifierSpec] | CompletionScorer", **options: Any) -> CompletionScorer:
    """A scorer: of an environment where `what` is the id of one ("prm_gym/Countdown-v0"), else of verifiers; one that is a scorer already is itself.

    Args:
        what: a registered id, a verifier or several, or a scorer.
        **options: of `EnvironmentScorer` or `TextScorer`.

    Raises:
        OptionError: options beside a scorer that is made already, or ones that do not fit.
        UnknownNameError: there is no such verifier or environment.
    """
    if isinstance(what, CompletionScorer):
        if options:
            raise OptionError(f"the scorer is made already; its options ({', '.join(options)}) belong to where it is made")
        return what
    kind = EnvironmentScorer if isinstance(what, str) and _names_environment(what) else TextScorer
    return make("completion scorer", kind.__name__, kind, what, **options)


def _names_environment(spec: str) -> bool:
    """Ids of environments have a slash, and so may the argument of a verifier ("prm:some/model")."""
    return "/" in spec and "(" not in spec and spec.partition(":")[0].partition("?")[0] not in VERIFIERS.names()


def text_of(written: Text, role: str = "assistant") -> str:
    """The text of a completion or prompt; of messages, those of a role, of the user the last one.

    Args:
        written: a text or messages, whose content may be blocks.
        role: "assistant" or "user".

    Raises:
        OptionError: it is neither a text nor messages.
    """
    if isinstance(written, str):
        return written
    if not isinstance(written, Sequence) or not all(isinstance(message, Mapping) for message in written):  # pyright: ignore[reportUnnecessaryIsInstance] - what a data set holds
        raise OptionError(f"a prompt or completion is a text, or messages with a role and content; got {str(written)[:200]!r}, a {type(written).__name__}")
    texts = [_content(message.get("content")) for message in written if message.get("role") == role]
    return "\n".join(texts[-1:] if role == "user" else texts)


def pieces_of(text: str, split: Splitting, most: int) -> tuple[str, ...]:
    r"""A text in at most so many steps, at least one; joined they are the text.

    >>> pieces_of("a = 1\nb = 2\nc = 3", "line", 2)
    ('a = 1\n', 'b = 2\nc = 3')
    """
    pieces = split_steps(text, split) or [text]
    return (*pieces[: most - 1], "".join(pieces[most - 1 :])) if len(pieces) > most else tuple(pieces)


def reset_options(columns: Columns, count: int) -> list[tuple[int | None, dict[str, Any]]]:
    """Seed and reset options of the episodes that rows are about.

    Args:
        columns: [count] each; `seed`, `task_index` or both.
        count: of rows.

    Raises:
        OptionError: neither is there, or a value is no integer.
    """
    if "seed" not in columns and "task_index" not in columns:
        raise OptionError("the data set says by a column 'seed' (or 'task_index', of tasks in a file) which task a row is about; it has neither")
    found: list[tuple[int | None, dict[str, Any]]] = []
    for row in range(count):
        given = {name: columns[name][row] for name in ("seed", "task_index") if name in columns}
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise OptionError(f"the column {name!r} holds integers from 0 on, got {value!r} in row {row}")
        found.append((given.get("seed", 0), {"task_index": given["task_index"]} if "task_index" in given else {}))
    return found


def _scored(episode: PlayedEpisode, pieces: tuple[str, ...], identity: str) -> Scored:
    trajectory = episode.trajectory(identity, identity)
    if trajectory is None:
        return Scored(None, pieces, "the infrastructure spoilt the episode")
    taken = len(trajectory.steps)
    return Scored(trajectory, (*pieces[: taken - 1], "".join(pieces[taken - 1 :])))


def _content(content: Any) -> str:
    if isinstance(content, str) or content is None:
        return content or ""
    if not isinstance(content, Sequence):
        raise OptionError(f"the content of a message is a text, or blocks of it; got {str(content)[:200]!r}, a {type(content).__name__}")
    blocks = cast("Sequence[Any]", content)
    return "".join(str(cast("Message", block).get("text", "")) for block in blocks if isinstance(block, Mapping))
