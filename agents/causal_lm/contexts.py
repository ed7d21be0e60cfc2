"""Contexts: what the policy reads before it acts, and the same again, token for token, when it learns.

A context is the opening segment (instructions and an observation) and then action and observation in turn, each tokenised by itself. How much of an episode
is shown follows from its segments and lists alone, so that it can be found again from a stored trajectory.

Where an episode is longer than the context, its oldest steps are left out. Where even what is seen now does not fit, the step has no context: the policy
cannot read it, writes nothing there, and learns nothing from it.
"""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from prm_gym.agent import Action, Prompt
from prm_gym.credit import StepBatch
from prm_gym.env import ACTION_LENGTH
from prm_gym.lm.choices import ChoiceTrie
from prm_gym.lm.sequences import ActionSpan, TokenSequence
from prm_gym.lm.turns import TurnFormat
from prm_gym.trajectory import Step, Trajectory

_REMEMBERED = 1 << 17  # actions whose sampled tokens are remembered


class _Taken(NamedTuple):
    """The tokens of an action that was taken."""

    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...] | None
    choices: tuple[tuple[int, ...], ...] | None


class Contexts:
    """Makes contexts of prompts, and sequences of trajectories.

    Attributes:
        turns: how segments become tokens.
        size: tokens of context and action together, at the most.
        reserve: of these, tokens that are kept free for an action.
        history: how many earlier steps are shown; None for all, and then the text says how many had no room.
        shortened: contexts of prompts so far whose oldest steps were left out, since there was no room for them.
    """

    def __init__(self, turns: TurnFormat, size: int, reserve: int, history: int | None, *, instructions: bool = True, listed: bool = True) -> None:
        """Set how much is shown.

        Args:
            turns: how segments become tokens.
            size: tokens of context and action together, at the most. Where an episode has more, its oldest steps are left out until half of the room is free
                (so that this is not done again at every step), and where all are to be shown the text says how many.
            reserve: of these, tokens that are kept free for an action.
            history: earlier steps that are shown; None for all.
            instructions: whether they are shown.
            listed: actions are chosen from lists, where there are any; a step whose longest listed action does not fit is not read.
        """
        self.turns, self.size, self.reserve, self.history = turns, size, reserve, history
        self.shortened = 0
        self._instructed, self._listed = instructions, listed
        self._sampled: OrderedDict[tuple[str, int, str], tuple[int, ...]] = OrderedDict()

    def remember(self, prompt: Prompt, text: str, token_ids: tuple[int, ...]) -> None:
        """Keep the tokens of an action, which the next prompts of its episode tell as text alone."""
        if prompt.episode:
            key = (prompt.episode, len(prompt.history), text[:ACTION_LENGTH])
            self._sampled[key] = token_ids
            self._sampled.move_to_end(key)
            if len(self._sampled) > _REMEMBERED:
                self._sampled.popitem(last=False)

    def remembered(self) -> list[tuple[tuple[str, int, str], tuple[int, ...]]]:
        """What `remember` has kept, the oldest first: for a copy that is to go on with running episodes token for token."""
        return list(self._sampled.items())

    def recall(self, remembered: Iterable[tuple[tuple[str, int, str], tuple[int, ...]]]) -> None:
        """Know what another one's `remembered` says, and nothing else."""
        self._sampled = OrderedDict(remembered)

    def context(self, prompt: Prompt) -> list[int] | None:
        """The tokens before the action; None where instructions and observation alone leave no room for it.

        An earlier action has the tokens that were sampled, where they are remembered, else those of its text.
        """
        observations = [*(past.observation for past in prompt.history), prompt.observation]
        taken = [self._sampled.get((prompt.episode, at, past.action)) or self.turns.action(past.action) for at, past in enumerate(prompt.history)]
        instructions = prompt.instructions if self._instructed else ""
        segments = self._segments(observations, taken)
        first = self._firsts(instructions, observations, segments)[-1]
        if first is None:
            return None
        found = self._joined(instructions, observations, segments, first, len(prompt.history))[0]
        if not self._fits(len(found), prompt.actions):
            return None
        self.shortened += first > (0 if self.history is None else max(0, len(prompt.history) - self.history))
        return found

    def sequences(self, batch: StepBatch, listed: bool) -> list[TokenSequence]:
        """The steps of a batch as they were read and sampled; every row that the policy can read is in one of them.

        Args:
            batch: made from trajectories.
            listed: an action that stands in its step's list was chosen from it.

        Raises:
            CreditError: the batch was made from arrays.
        """
        _ = batch.steps  # says what is wrong with a batch of arrays
        found: list[TokenSequence] = []
        for start, trajectory in zip(batch.offsets.tolist(), batch.trajectories or (), strict=False):
            found += self._of_trajectory(trajectory, start, listed)
        return found

    def endings(self, batch: StepBatch) -> list[TokenSequence]:
        """What the policy would read next where a trajectory was cut, with an empty action behind it, as the row of its last step.

        Left out where nothing is known of that situation, or it does not fit into a context.

        Raises:
            CreditError: the batch was made from arrays.
        """
        _ = batch.steps  # says what is wrong with a batch of arrays
        found: list[TokenSequence] = []
        for end, trajectory in zip(batch.offsets[1:].tolist(), batch.trajectories or (), strict=False):
            if trajectory.final is not None:
                step = Step(index=len(trajectory.steps), observation=trajectory.final.observation, action="", state_key="", next_state_key="", reward=0.0)
                read = self._of_trajectory(msgspec.structs.replace(trajectory, steps=(*trajectory.steps, step)), 0, listed=False)
                if read and read[-1].actions[-1].row == step.index:
                    found.append(TokenSequence(read[-1].ids, (read[-1].actions[-1]._replace(row=end - 1),), (None,)))
        return found

    def sequence(self, prompt: Prompt, action: Action) -> TokenSequence | None:
        """A single action in its situation, as row 0; None where the situation has no context."""
        context = self.context(prompt)
        if context is None:
            return None
        ids = action.token_ids
        if not ids or (ids != self.turns.action(action.text) and self.turns.text(ids) != action.text):
            ids = self.turns.action(action.text)
        return TokenSequence((*context, *ids), (ActionSpan(0, len(context), len(context) + len(ids)),), (None,))

    def _of_trajectory(self, trajectory: Trajectory, row: int, listed: bool) -> list[TokenSequence]:
        observations = [step.observation for step in trajectory.steps]
        taken = [self._taken(step, listed) for step in trajectory.steps]
        instructions = trajectory.task.instructions if self._instructed else ""
        segments = self._segments(observations, [each.token_ids for each in taken[:-1]])
        firsts = self._firsts(instructions, observations, segments)
        found: list[TokenSequence] = []
        begin = 0
        for end in range(1, len(firsts) + 1):
            # Steps that begin at the same observation are read in one: a later context goes on where an earlier one ended.
            if end == len(firsts) or firsts[end] != firsts[begin]:
                first = firsts[begin]
                if first is not None:
                    found += self._read_together(trajectory, taken, row, range(begin, end), *self._joined(instructions, observations, segments, first, end - 1))
                begin = end
        return found

    def _read_together(self, trajectory: Trajectory, taken: Sequence[_Taken], row: int, steps: range, ids: list[int], ends: list[int]) -> list[TokenSequence]:
        """The sequence of steps whose contexts begin alike, without those whose actions do not fit; none where none does."""
        places = dict(zip(steps, ends[len(ends) - len(steps) :], strict=True))
        fits = self._fits
        kept = [at for at, end in places.items() if end + len(taken[at].token_ids) <= self.size and fits(end, trajectory.steps[at].actions)]
        if not kept:
            return []
        spans = tuple(ActionSpan(row + at, places[at], places[at] + len(taken[at].token_ids)) for at in kept)
        whole = (*ids, *taken[steps[-1]].token_ids)
        choices = tuple(taken[at].choices for at in kept)
        free = all(each is None for each in choices)
        return [TokenSequence(whole[: spans[-1].stop], spans, tuple(taken[at].logprobs for at in kept), () if free else choices)]

    def _taken(self, step: Step, listed: bool) -> _Taken:
        """The tokens of a step's action: those that were sampled, if they are of this vocabulary, that is if they say what was done."""
        written = self.turns.action(step.action)
        ids, logprobs = step.token_ids, step.logprobs
        if not ids or (ids != written and self.turns.text(ids)[:ACTION_LENGTH] != step.action):
            ids, logprobs = written, None
        if logprobs is not None and len(logprobs) != len(ids):
            logprobs = None
        choices = None
        if listed and ids == written and step.action in step.actions:
            trie = ChoiceTrie([self.turns.action(text) for text in step.actions])
            choices = trie.allowed(trie.leaves[step.actions.index(step.action)])
        return _Taken(ids, logprobs, choices)

    def _segments(self, observations: Sequence[str], taken: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """[t] the tokens between the observation of step t and that of step t + 1: the action, and that observation."""
        return [ids + self.turns.later(observation, ids) for ids, observation in zip(taken, observations[1:], strict=False)]

    def _firsts(self, instructions: str, observations: Sequence[str], segments: Sequence[tuple[int, ...]]) -> list[int | None]:
        """For each step the first one that its context shows; None where it is too long with nothing before it."""
        first, length = 0, len(self.turns.opening(instructions, observations[0]))
        limit = self.size - self.reserve
        found: list[int | None] = []
        for at in range(len(observations)):
            if at:
                length += len(segments[at - 1])
            wanted = first if self.history is None else max(first, at - self.history)
            if wanted > first:
                first, length = wanted, self._length(instructions, observations, segments, wanted, at)
            if length > limit:
                first, length = self._shortened(instructions, observations, segments, first, at)
            found.append(first if length <= limit else None)
        return found

    def _shortened(self, instructions: str, observations: Sequence[str], segments: Sequence[tuple[int, ...]], first: int, at: int) -> tuple[int, int]:
        while first < at:
            first += 1
            length = self._length(instructions, observations, segments, first, at)
            if 2 * length <= self.size - self.reserve:
                return first, length
        return at, self._length(instructions, observations, segments, at, at)

    def _fits(self, length: int, actions: Sequence[str]) -> bool:
        """Whether an action of a list fits behind a context of some length."""
        return not (self._listed and actions) or length + max(len(self.turns.action(text)) for text in actions) <= self.size

    def _length(self, instructions: str, observations: Sequence[str], segments: Sequence[tuple[int, ...]], first: int, at: int) -> int:
        return len(self._opening(instructions, observations[first], first)) + sum(map(len, segments[first:at]))

    def _opening(self, instructions: str, observation: str, first: int) -> tuple[int, ...]:
        """The opening at step `first`. With a set history it says nothing of earlier steps: that some are missing is the rule there."""
        return self.turns.opening(instructions, observation, first if self.history is None else 0)

    def _joined(self, instructions: str, observations: Sequence[str], segments: Sequence[tuple[int, ...]], first: int, at: int) -> tuple[list[int], list[int]]:
        """The context of step `at` from step `first` on, and where in it the context of each step from `first` on ends."""
        ids = list(self._opening(instructions, observations[first], first))
        ends = [len(ids)]
        for segment in segments[first:at]:
            ids += segment
            ends.append(len(ids))
        return ids, ends
