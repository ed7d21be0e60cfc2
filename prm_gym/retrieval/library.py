"""A library: documents that are searched and read sentence by sentence."""

from collections.abc import Iterable, Sequence
from itertools import chain

import msgspec

from prm_gym.errors import OptionError
from prm_gym.retrieval.bm25 import BM25
from prm_gym.retrieval.words import words


class Document(msgspec.Struct, frozen=True, gc=False):
    """A document.

    Attributes:
        id: its name in calls and claims.
        title: not empty.
        sentences: its text.
    """

    id: str
    title: str
    sentences: tuple[str, ...]


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A document that a search found.

    Attributes:
        document: its place in the library.
        sentence: place of the sentence that is most like the query: the one whose words of the query are rarest together; the first of equal ones.
    """

    document: int
    sentence: int


class Library:
    """Documents with an index over their titles and texts.

    Attributes:
        documents: in their own order.
    """

    def __init__(self, documents: Sequence[Document]) -> None:
        """Index the documents.

        Raises:
            OptionError: there is none, or two have one id.
        """
        self.documents = tuple(documents)
        self._places = {document.id: place for place, document in enumerate(self.documents)}
        if not self.documents:
            raise OptionError("a library holds at least one document")
        again = next((document.id for place, document in enumerate(self.documents) if self._places[document.id] != place), None)
        if again is not None:
            raise OptionError(f"the ids of documents differ, and {again[:60]!r} names two")
        read = [[words(sentence) for sentence in document.sentences] for document in self.documents]
        self._sentences = [[frozenset(sentence) for sentence in sentences] for sentences in read]
        texts = zip(self.documents, read, strict=True)
        self._index = BM25([*words(document.title), *chain.from_iterable(sentences)] for document, sentences in texts)

    def place(self, document_id: str) -> int | None:
        """The place of a document, None where there is none of that id."""
        return self._places.get(document_id)

    def search(self, query: str, k: int) -> list[Hit]:
        """The k documents that fit the query best, the best first; fewer where fewer hold a word of it."""
        asked = words(query)
        return [Hit(place, self._best_sentence(place, asked)) for place in self._index.best(asked, k)]

    def _best_sentence(self, place: int, asked: Iterable[str]) -> int:
        rarities = [(word, self._index.rarity(word)) for word in sorted(set(asked))]
        values = [round(sum(rarity for word, rarity in rarities if word in held), 9) for held in self._sentences[place]]
        return values.index(max(values)) if values else 0
