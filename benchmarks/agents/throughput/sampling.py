"""Ways to act in episodes whose context grows: the policy's generator, and what loops around `transformers.generate` do."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from prm_gym.lm.choices import ChoiceTrie, choose
from prm_gym.lm.generation import BATCH_TOKENS, Generator
from prm_gym.lm.sampling import Sampling

GREEDY = Sampling(greedy=True)
END = 1


@dataclass(frozen=True, slots=True)
class Episodes:
    """What environments say; the same for all ways.

    Attributes:
        openings: [B] tokens of instructions and first observation.
        observations: [T-1] of [B] tokens, after each action but the last.
        actions: [T] of [B] of [K] tokens, what is listed at each step.
    """

    openings: list[list[int]]
    observations: list[list[list[int]]]
    actions: list[list[list[list[int]]]]

    @property
    def steps(self) -> int:
        """T."""
        return len(self.observations) + 1


@dataclass(slots=True)
class Played:
    """What a way did.

    Attributes:
        actions: [T] of [B] tokens that were written or chosen.
        read: tokens that went through the model, padding included.
    """

    actions: list[list[list[int]]] = field(default_factory=list)
    read: int = 0


def episodes(batch: int, steps: int, vocabulary: int, listed: int, seed: int = 0) -> Episodes:
    """Openings of about 96 tokens, observations of about 24, lists of actions of 5 to 9 tokens of which four begin alike."""
    rng = np.random.default_rng(seed)

    def tokens(median: float) -> list[int]:
        return rng.integers(2, vocabulary, max(4, int(rng.lognormal(np.log(median), 0.4)))).tolist()

    def actions() -> list[list[int]]:
        verbs = rng.integers(2, vocabulary, (-(-listed // 4), 2)).tolist()
        return [verbs[at // 4] + rng.integers(2, vocabulary, int(rng.integers(2, 7))).tolist() + [END] for at in range(listed)]

    return Episodes(
        [tokens(96.0) for _ in range(batch)],
        [[tokens(24.0) for _ in range(batch)] for _ in range(steps - 1)],
        [[actions() for _ in range(batch)] for _ in range(steps)],
    )


class Writing:
    """Free text of a fixed number of tokens, the most probable ones, so that all ways have to write the same."""

    def __init__(self, model: Any, tokens: int, compiled: bool = False) -> None:
        """Take a model."""
        self.model, self.tokens = model, tokens
        self.generator = Generator(model)
        self.compiled = Generator(model, compiled=True) if compiled else None

    def ours(self, given: Episodes, compiled: bool = False) -> Played:
        """Keys and values kept between steps, all episodes in a batch."""
        generator = self.compiled if compiled and self.compiled else self.generator
        generator.forget()
        names = [str(row) for row in range(len(given.openings))]
        numbers = np.zeros((len(names), self.tokens))
        contexts, played, before = [list(opening) for opening in given.openings], Played(), generator.read
        for step in range(given.steps):
            found = generator.sample(contexts, names, numbers, GREEDY, lambda _: False)
            _go_on(contexts, played, [list(each.token_ids) for each in found], given, step)
        played.read = generator.read - before
        return played

    def generated(self, given: Episodes, rows: int) -> Played:
        """`transformers.generate` on so many contexts at a time, whole at every step, padded on the left."""
        contexts, played = [list(opening) for opening in given.openings], Played()
        for step in range(given.steps):
            written: list[list[int]] = []
            for start in range(0, len(contexts), rows):
                written += self._generate(contexts[start : start + rows], played)
            _go_on(contexts, played, written, given, step)
        return played

    def _generate(self, contexts: Sequence[list[int]], played: Played) -> list[list[int]]:
        width = max(map(len, contexts))
        ids = torch.zeros((len(contexts), width), dtype=torch.int64)
        mask = torch.zeros_like(ids)
        for row, context in enumerate(contexts):
            ids[row, width - len(context) :] = torch.tensor(context)
            mask[row, width - len(context) :] = 1
        device = self.generator.device
        with torch.no_grad():
            found = self.model.generate(input_ids=ids.to(device), attention_mask=mask.to(device), max_new_tokens=self.tokens, do_sample=False)
        played.read += ids.numel() + len(contexts) * (self.tokens - 1)
        return found[:, width:].tolist()


class Choosing:
    """The most probable of the listed actions, token by token among those that are listed."""

    def __init__(self, model: Any) -> None:
        """Take a model."""
        self.model = model
        self.generator = Generator(model)

    def ours(self, given: Episodes) -> Played:
        """One forward over what is new of the context and the tree of actions."""
        generator = self.generator
        generator.forget()
        names = [str(row) for row in range(len(given.openings))]
        contexts, played, before = [list(opening) for opening in given.openings], Played(), generator.read
        for step in range(given.steps):
            tries = [ChoiceTrie(actions) for actions in given.actions[step]]
            found = generator.choose(contexts, names, tries, [None] * len(names), 1.0)
            _go_on(contexts, played, [list(each.token_ids) for each in found], given, step)
        played.read = generator.read - before
        return played

    def scored(self, given: Episodes) -> Played:
        """Every candidate whole behind its context, in padded batches, with the logits of all tokens."""
        contexts, played = [list(opening) for opening in given.openings], Played()
        for step in range(given.steps):
            chosen: list[list[int]] = []
            for context, actions in zip(contexts, given.actions[step], strict=True):
                trie = ChoiceTrie(actions)
                logits = self._logits(context, actions, trie, played)
                chosen.append(list(choose(trie, trie.log_probabilities(logits, 1.0), None).token_ids))
            _go_on(contexts, played, chosen, given, step)
        return played

    def _logits(self, context: list[int], actions: Sequence[list[int]], trie: ChoiceTrie, played: Played) -> np.ndarray[Any, Any]:
        """The logits that the choice is made by, found in the rows of the candidates."""
        device = self.generator.device
        place = {node: (row, at) for row, leaf in reversed(list(enumerate(trie.leaves))) for at, node in enumerate(trie.path(leaf))}
        values: dict[int, float] = {}
        width = len(context) + max(map(len, actions)) - 1
        size = max(1, BATCH_TOKENS[device.type] // width)
        for start in range(0, len(actions), size):
            part = actions[start : start + size]
            ids = torch.zeros((len(part), width), dtype=torch.int64)
            mask = torch.zeros_like(ids)
            for row, action in enumerate(part):
                whole = context + action[:-1]
                ids[row, : len(whole)] = torch.tensor(whole)
                mask[row, : len(whole)] = 1
            with torch.no_grad():
                logits = self.model(input_ids=ids.to(device), attention_mask=mask.to(device), use_cache=False).logits
            here = [node for node in trie.asked if start <= place[node][0] < start + len(part)]
            rows, columns = [place[node][0] - start for node in here], [len(context) - 1 + place[node][1] for node in here]
            tokens = [int(trie.tokens[node]) for node in here]
            values |= dict(zip(here, logits[rows, columns, tokens].double().tolist(), strict=True))
            played.read += ids.numel()
        return np.array([values[node] for node in trie.asked])


def same_share(one: Played, other: Played) -> float:
    """The share of the tokens that two ways have in common, place by place, in [0, 1]."""
    pairs = [(a, b) for step, others in zip(one.actions, other.actions, strict=True) for a, b in zip(step, others, strict=True)]
    same = sum(sum(x == y for x, y in zip(a, b, strict=False)) for a, b in pairs)
    return same / max(1, sum(max(len(a), len(b)) for a, b in pairs))


def _go_on(contexts: list[list[int]], played: Played, written: list[list[int]], given: Episodes, step: int) -> None:
    """Take a step: what was written, and what is seen then, go behind the contexts."""
    played.actions.append(written)
    if step < len(given.observations):
        for context, action, observation in zip(contexts, written, given.observations[step], strict=True):
            context.extend([*action, *observation])
