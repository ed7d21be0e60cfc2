"""ChoiceTrie: the choice among listed actions, token by token, with exact probabilities from one forward over all of them.

Actions that begin alike share their tokens. At a token where they part, the model's probabilities are taken among the tokens that go on to a listed action:

    log pi(a) = sum_i [ l_i(a_i) / T - logsumexp_{v in C_i} l_i(v) / T ],     C_i: the tokens that follow a_1 ... a_{i-1} in a listed action

which sums to 1 over the list. It is what a policy samples and learns by; it is not the model's probability of each whole text over their sum, which would weigh
what stands after a fork as well. Where only one token follows, it costs nothing; so what stands after the last fork is never run through the model.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prm_gym.credit.array_types import FloatArray, IntArray


class ChoiceTrie:
    """The tree of listed actions; node 0 is the context, every other node a token after its parent.

    Attributes:
        tokens: [n] int64, of each node; -1 at the root.
        parents: [n] int64, before the node itself; -1 at the root.
        depths: [n] int64, tokens from the root.
        leaves: [K] the node of each action's last token.
        read: the nodes that the model must read, without the root, parents first: those with a fork at or below them.
    """

    def __init__(self, actions: Sequence[Sequence[int]]) -> None:
        """Build it.

        Args:
            actions: [K] the tokens of each action, the end token included; one that is listed twice has one leaf.
        """
        children: list[dict[int, int]] = [{}]
        tokens, parents, depths = [-1], [-1], [0]
        self.leaves: list[int] = []
        for action in actions:
            node = 0
            for token in action:
                if token not in children[node]:
                    children[node][token] = len(tokens)
                    tokens.append(token)
                    parents.append(node)
                    depths.append(depths[node] + 1)
                    children.append({})
                node = children[node][token]
            self.leaves.append(node)
        self._children = children
        self.tokens: IntArray = np.array(tokens, dtype=np.int64)
        self.parents: IntArray = np.array(parents, dtype=np.int64)
        self.depths: IntArray = np.array(depths, dtype=np.int64)
        forks = np.array([len(below) > 1 for below in children])
        for node in range(len(tokens) - 1, 0, -1):  # children stand behind their parents
            forks[parents[node]] |= forks[node]
        self.read: list[int] = [node for node in range(1, len(tokens)) if forks[node]]

    @property
    def asked(self) -> list[int]:
        """The nodes whose token's logit is needed: all that have siblings."""
        return [node for below in self._children if len(below) > 1 for node in below.values()]

    def sight(self) -> NDArray[np.bool_]:
        """[n, n] bool for n = len(read): which of the read nodes each sees, that is those before it on its way, and itself."""
        found = np.eye(len(self.read), dtype=np.bool_)
        at = {node: row for row, node in enumerate(self.read)}
        for row, node in enumerate(self.read):
            parent = int(self.parents[node])
            if parent:
                found[row] |= found[at[parent]]
        return found

    def log_probabilities(self, logits: FloatArray, temperature: float) -> FloatArray:
        """Of each token given those before it, among the listed ones.

        Args:
            logits: [len(asked)] float64, of the token of each asked node, after its parent.
            temperature: divides them, > 0.

        Returns:
            [n] float64 in nats; 0 for a token without siblings and for the root.
        """
        found = np.zeros(len(self.tokens))
        at = 0
        for below in self._children:
            if len(below) > 1:
                part = logits[at : at + len(below)] / temperature
                found[list(below.values())] = part - (part.max() + np.log(np.exp(part - part.max()).sum()))
                at += len(below)
        return found

    def path(self, leaf: int) -> list[int]:
        """The nodes from the first token to a leaf."""
        nodes: list[int] = []
        while leaf > 0:
            nodes.append(leaf)
            leaf = int(self.parents[leaf])
        return nodes[::-1]

    def allowed(self, leaf: int) -> tuple[tuple[int, ...], ...]:
        """For each token on the way to a leaf the tokens that it was chosen among, itself included."""
        return tuple(tuple(self._children[int(self.parents[node])]) for node in self.path(leaf))


class Choice(NamedTuple):
    """What was chosen.

    Attributes:
        place: in the list.
        token_ids: of the action.
        logprobs: of each token among the listed ones.
    """

    place: int
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]


def choose(trie: ChoiceTrie, token_logprobs: FloatArray, uniform: float | None) -> Choice:
    """Draw an action, or take the most probable one.

    Args:
        trie: of the list.
        token_logprobs: [n] as `ChoiceTrie.log_probabilities` gives them.
        uniform: in [0, 1); None for the most probable action, the first of equals.
    """
    whole = np.array([token_logprobs[trie.path(leaf)].sum() for leaf in trie.leaves])
    if uniform is None:
        place = int(whole.argmax())
    else:
        order: NDArray[np.int64] = np.sort(np.unique(np.array(trie.leaves), return_index=True)[1])  # listed twice is not twice as probable
        cumulated = np.exp(whole[order]).cumsum()
        wanted = min(uniform * cumulated[-1], np.nextafter(cumulated[-1], 0.0))
        place = int(order[np.searchsorted(cumulated, wanted, side="right")])
    nodes = trie.path(trie.leaves[place])
    return Choice(place, tuple(trie.tokens[nodes].tolist()), tuple(token_logprobs[nodes].tolist()))
