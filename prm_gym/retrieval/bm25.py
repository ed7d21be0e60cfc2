"""BM25, exact, and the same on every machine."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

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
        read = list(documents)
        lengths = np.array([len(document) for document in read], dtype=np.int64)
        self.size = len(read)
        self._numbers: dict[str, int] = {}  # of the words, in the order in which they first stand
        taken = self._numbers
        tokens = np.array([taken.setdefault(word, len(taken)) for document in read for word in document], dtype=np.int64)
        places = np.repeat(np.arange(self.size, dtype=np.int64), lengths)
        pairs, times = np.unique(tokens * max(self.size, 1) + places, return_counts=True)  # of a word and a document, by word
        self._times = times.astype(np.float64)
        held, self._places = np.divmod(pairs, max(self.size, 1))
        self._starts = np.searchsorted(held, np.arange(len(taken) + 1))  # word w has the entries from starts[w] to starts[w + 1]
        mean = float(lengths.mean()) if lengths.any() else 1.0
        self._dampings = k1 * (1.0 - b + b * lengths / mean)

    def rarity(self, word: str) -> float:
        """The idf of a word, >= 0; 0 for one that no document holds."""
        number = self._numbers.get(word)
        if number is None:
            return 0.0
        held = int(self._starts[number + 1] - self._starts[number])
        return math.log(1.0 + (self.size - held + 0.5) / (held + 0.5))

    def scores(self, query: Iterable[str]) -> NDArray[np.float64]:
        """The score of every document, [N] float64, >= 0.

        Args:
            query: words, in any order.
        """
        totals = np.zeros(self.size, dtype=np.float64)
        for word, asked in sorted(Counter(query).items()):  # sorted, so that the order of the words changes no bit
            number = self._numbers.get(word)
            if number is not None:
                entries = slice(self._starts[number], self._starts[number + 1])
                held, times = self._places[entries], self._times[entries]
                totals[held] += asked * (self.rarity(word) * times / (times + self._dampings[held]))
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
