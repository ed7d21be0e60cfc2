"""BM25, exact, and the same on every machine."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

_PLACES = 9  # scores that agree to so many places are equal: the last bits of a logarithm differ among machines


class BM25:
    """Scores of documents for a query.

        score(d) = sum over the words w of the query of  idf(w) tf / (tf + k1 (1 - b + b |d| / mean |d|)),   idf(w) = ln(1 + (N - n + 1/2) / (n + 1/2))

    with tf the number of times that w stands in d, n the number of the N documents that hold w. A word that stands twice in the query counts twice.

    Why not a package: the order of equal scores must be the same on every machine, since a seed is to give the same episode, and that of `bm25s` follows
    numpy's partition of 32-bit floats. Here scores are 64-bit floats, and equal ones come in the order of the documents. The tests hold the scores
    against `bm25s` (method "lucene") and `rank_bm25`.

    Source: Robertson and Zaragoza 2009, The Probabilistic Relevance Framework; the variant is the accurate one of Lucene as written down by Kamphuis et al.
    2020 (Which BM25 Do You Mean?), without the factor k1 + 1, which changes no order.
    """

    def __init__(self, documents: Iterable[Sequence[str]], k1: float = 1.2, b: float = 0.75) -> None:
        """Index the documents.

        Args:
            documents: words of each.
            k1: how soon repetition stops counting, >= 0.
            b: how much long documents are held back, in [0, 1].
        """
        self._counts = [Counter(document) for document in documents]
        self.size = len(self._counts)
        lengths = np.array([count.total() for count in self._counts], dtype=np.float64)
        mean = float(lengths.mean()) if self.size and lengths.any() else 1.0
        self._dampings = k1 * (1.0 - b + b * lengths / mean)
        self._holding = Counter(chain.from_iterable(self._counts))  # by word: how many documents hold it
        self._postings: dict[str, tuple[NDArray[np.int64], NDArray[np.float64]]] = {}  # of the words that were asked for: places and parts of scores

    def rarity(self, word: str) -> float:
        """The idf of a word, >= 0; 0 for one that no document holds."""
        held = self._holding.get(word, 0)
        return math.log(1.0 + (self.size - held + 0.5) / (held + 0.5)) if held else 0.0

    def _posting(self, word: str) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
        found = self._postings.get(word)
        if found is None and word in self._holding:
            held = np.array([place for place, count in enumerate(self._counts) if word in count], dtype=np.int64)
            times = np.array([self._counts[place][word] for place in held], dtype=np.float64)
            found = self._postings[word] = (held, self.rarity(word) * times / (times + self._dampings[held]))
        return found

    def scores(self, query: Iterable[str]) -> NDArray[np.float64]:
        """The score of every document, [N] float64, >= 0.

        Args:
            query: words, in any order.
        """
        totals = np.zeros(self.size, dtype=np.float64)
        for word, times in sorted(Counter(query).items()):  # sorted, so that the order of the words changes no bit
            posting = self._posting(word)
            if posting is not None:
                totals[posting[0]] += times * posting[1]
        return np.round(totals, _PLACES)

    def best(self, query: Iterable[str], k: int) -> list[int]:
        """The k documents with the greatest scores, the best first, equal ones in their own order; none that holds no word of the query."""
        totals = self.scores(query)
        found = np.flatnonzero(totals > 0.0)
        if len(found) > k > 0:
            least = np.partition(totals[found], len(found) - k)[len(found) - k]
            found = found[totals[found] >= least]
        order = np.argsort(-totals[found], kind="stable")[: max(k, 0)]
        return [int(place) for place in found[order]]
