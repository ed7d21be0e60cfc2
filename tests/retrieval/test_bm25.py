"""BM25 against a case by hand, a plain loop and two other implementations."""

import math
import time

import numpy as np
import pytest

from prm_gym.errors import OptionError
from prm_gym.retrieval import BM25, Document, Hit, Library, words

TEXTS = ["the cat sat", "the dog sat on the dog", "a bird"]


def _corpus(rng, documents=120, vocabulary=300):
    return [[f"w{int(i)}" for i in rng.zipf(1.3, size=int(rng.integers(1, 60))) % vocabulary] for _ in range(documents)]


def _plain(documents, query, k1=1.2, b=0.75):
    """The formula, read off the page: one loop over documents and words."""
    mean = sum(map(len, documents)) / len(documents)
    totals = []
    for document in documents:
        total = 0.0
        for word in query:
            holding = sum(word in other for other in documents)
            times = document.count(word)
            if times:
                rarity = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
                total += rarity * times / (times + k1 * (1 - b + b * len(document) / mean))
        totals.append(total)
    return totals


def test_a_case_by_hand():
    index = BM25([text.split() for text in TEXTS])
    # "dog" stands in one of 3 documents: idf = ln(1 + 2.5 / 1.5) = ln(8/3). There it stands twice among 6 words, the mean being 11/3:
    # 2 / (2 + 1.2 (0.25 + 0.75 * 6 / (11/3))) = 2 / (2 + 0.3 + 0.9 * 18/11) = 2 / (2.3 + 16.2/11).
    expected = math.log(8 / 3) * 2 / (2.3 + 16.2 / 11)
    assert index.scores(["dog"]).tolist() == pytest.approx([0.0, expected, 0.0], abs=1e-9)
    assert index.best(["dog", "cat"], 5) == [0, 1] if index.scores(["cat"])[0] > expected else [1, 0]
    assert index.best(["dog"], 5) == [1]
    assert index.best(["unicorn"], 5) == []
    assert index.best(["sat"], 0) == []


def test_against_a_plain_loop():
    rng = np.random.default_rng(0)
    documents = _corpus(rng)
    index = BM25(documents)
    for _ in range(30):
        query = [f"w{int(i)}" for i in rng.integers(300, size=int(rng.integers(1, 8)))]
        plain = _plain(documents, query)
        assert index.scores(query).tolist() == pytest.approx(plain, abs=1e-8)
        ranked = sorted((place for place, score in enumerate(plain) if score > 0), key=lambda place: (-round(plain[place], 9), place))
        assert index.best(query, 7) == ranked[:7]


def test_equal_scores_come_in_the_order_of_the_documents():
    index = BM25([["a", "b"]] * 50 + [["a"]] + [["a", "b"]] * 50)
    assert index.best(["a"], 4) == [50, 0, 1, 2]
    assert index.best(["b"], 3) == [0, 1, 2]


def test_a_word_that_few_of_many_documents_hold_is_found_at_once():
    # An index by word: the time of a query follows the documents that hold its words, not all of them. Each query below asks for words not asked for before.
    index = BM25([[f"w{i}", f"w{i + 1}", "common"] for i in range(20_000)])
    started = time.process_time()
    for i in range(100):
        assert index.best([f"w{150 * i + 1}"], 3) == [150 * i, 150 * i + 1]
    assert time.process_time() - started < 1.0


def test_the_order_of_the_words_changes_no_bit():
    rng = np.random.default_rng(1)
    index = BM25(_corpus(rng))
    query = [f"w{i}" for i in range(40)]
    first = index.scores(query)
    for _ in range(5):
        assert (index.scores([query[i] for i in rng.permutation(40)]) == first).all()


def test_against_bm25s():
    bm25s = pytest.importorskip("bm25s", reason="the package bm25s is not installed")
    rng = np.random.default_rng(2)
    documents = _corpus(rng)
    peer = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
    peer.index(documents, show_progress=False)
    index = BM25(documents)
    for _ in range(20):
        query = sorted({f"w{int(i)}" for i in rng.integers(60, size=5)} & {word for document in documents for word in document})
        scores = peer.get_scores(query)
        assert np.allclose(index.scores(query), scores, atol=1e-4)  # it computes in 32 bits
        ranked = scores[index.best(query, 20)]
        assert np.all(np.diff(ranked) < 1e-4)  # the same ranking, but for scores that it cannot tell apart
        assert np.allclose(ranked, np.sort(scores[scores > 0])[::-1][:20], atol=1e-4)


def test_against_rank_bm25():
    rank_bm25 = pytest.importorskip("rank_bm25", reason="the package rank_bm25 is not installed")
    rng = np.random.default_rng(3)
    # Each word in less than half of the documents: there its idf, ln((N - n + 1/2) / (n + 1/2)), is positive and no floor changes it.
    documents = [[f"w{int(i)}" for i in rng.integers(400, size=30)] for _ in range(80)]
    peer, index = rank_bm25.BM25Okapi(documents, k1=1.2, b=0.75), BM25(documents)
    for _ in range(20):
        word = f"w{int(rng.integers(400))}"
        holding = sum(word in document for document in documents)
        if not holding:
            continue
        # The two differ by the factor k1 + 1 and by the idf alone.
        odds = (80 - holding + 0.5) / (holding + 0.5)
        assert np.allclose(index.scores([word]) * 2.2 / math.log(1 + odds) * math.log(odds), peer.get_scores([word]), atol=1e-6)


def test_a_library_shows_the_sentence_that_fits_best():
    library = Library(
        (
            Document("a", "Tarnholt", ("It rains.", "The mayor of Tarnholt is Ivo.", "Tarnholt is old.")),
            Document("b", "Mayors", ("A mayor is chosen for four years.",)),
        )
    )
    assert library.search("mayor of Tarnholt", 2) == [Hit(0, 1), Hit(1, 0)]
    assert library.search("TARNHOLT'S MAYOR?", 1) == [Hit(0, 1)]
    assert library.search("", 3) == library.search("?!", 3) == []
    assert library.place("b") == 1
    assert library.place("c") is None


@pytest.mark.parametrize("documents", [(), (Document("a", "x", ("y",)), Document("a", "z", ("y",)))])
def test_no_library_of_nothing_or_of_two_documents_of_one_name(documents):
    with pytest.raises(OptionError, match=r"at least one document|'a' names two"):
        Library(documents)


def test_words_of_anything():
    assert words("Ünïcode №1 ٣ naïve's ½") == ["ünïcode", "no1", "٣", "naïve", "1", "2"]
    assert words("\0" * 1000 + "a" * 200_000) == ["a" * (100_000 - 1000)]
