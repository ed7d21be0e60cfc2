"""Questions about a corpus of one's own, from files.

The corpus: rows of a JSON-lines, JSON or Parquet file, each a document:

    {"id": "d1", "title": "Ada Lovelace", "sentences": ["Ada was born in London.", "..."]}
    {"title": "London", "text": "London is a city. It lies on the Thames."}

`id` is the title where it is left out; `text` is split into sentences at `.`, `!` and `?` before a space. The questions, likewise:

    {"question": "...", "answer": "London", "waypoints": [{"document": "d1", "sentence": 0}, {"document": "d2", "after": [0]}]}

`answer` may be a list of texts any of which is right, or `answers` beside it. A waypoint is a fact that the answer rests on: a sentence of a document (from 0
on), or the whole document; it comes after the waypoints that `after` names by place (the one before it, unless given; [] for none). In the place of `waypoints`
stands `supporting_facts` as HotpotQA writes them, [[title, sentence], ...] or {"title": [...], "sent_id": [...]}, without an order. A question with
neither, or with supporting facts beyond the end of a document, is asked without a path: then `path` cannot tell what brings it forward.

`text` is split after 。！？ too, and sentences of more than 1,000 characters into parts; one in `sentences` has 5,000 at most.
"""

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, cast

from prm_gym.claims import Hop
from prm_gym.errors import OptionError
from prm_gym.retrieval import Document, Library, normalized_answer
from prm_gym.rows import rows_of
from prm_gym.tools import call_text

_ENDS = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])")
_MOST_SENTENCES = 10_000
PAGE_LENGTH = 6_000  # characters of a reading
SENTENCE_LENGTH = 1_000  # characters of a sentence in the list of a search
_LONGEST_SENTENCE = 5_000  # characters that are read at once
ANSWER_LENGTH, ID_LENGTH = 1_000, 200  # characters that an agent can write


class Asked(NamedTuple):
    """A question of a file.

    Attributes:
        text: the question.
        golds: the right answers.
        hops: the path, empty where none is given.
        plan: readings that bring it into view.
    """

    text: str
    golds: tuple[str, ...]
    hops: tuple[Hop, ...]
    plan: tuple[str, ...]


def load_library(path: str) -> Library:
    """The documents of a file, indexed; read once a process unless the file changes.

    Raises:
        OptionError: it cannot be read, or a row is no document.
    """
    return _library(path, _stamp(path))


def load_questions(path: str, corpus: str) -> tuple[Asked, ...]:
    """The questions of a file about the documents of another one.

    Raises:
        OptionError: one of them cannot be read, or a row is no question about that corpus; names the row.
    """
    return _questions(path, _stamp(path), corpus, _stamp(corpus))


def _stamp(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError as error:
        raise OptionError(f"the file {path!r} cannot be read: {error}") from error
    return (found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=4)
def _library(path: str, _stamp: tuple[int, int]) -> Library:
    documents: list[Document] = []
    for where, row in rows_of(path):
        try:
            documents.append(_document(_fields(row)))
        except ValueError as error:
            raise OptionError(f"{path}, {where}: {error}") from error
    try:
        return Library(documents)
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from error


@lru_cache(maxsize=4)
def _questions(path: str, _stamp: tuple[int, int], corpus: str, corpus_stamp: tuple[int, int]) -> tuple[Asked, ...]:
    library = _library(corpus, corpus_stamp)
    titles = {document.title: document.id for document in reversed(library.documents)}
    found: list[Asked] = []
    for where, row in rows_of(path):
        try:
            found.append(_question(_fields(row), library, titles))
        except ValueError as error:
            raise OptionError(f"{path}, {where}: {error}") from error
    if not found:
        raise OptionError(f"{path}: there is no question in it")
    return tuple(found)


def _fields(row: object) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise ValueError(f"a row is an object, got {str(row)[:60]!r}")
    return {str(name): value for name, value in cast("Mapping[object, object]", row).items()}


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name!r} is a text that is not empty, got {str(value)[:60]!r}")
    return value.strip()


def _document(row: Mapping[str, Any]) -> Document:
    title = _text(row, "title")
    given = row.get("sentences")
    if given is None:
        sentences = [piece for part in _ENDS.split(_text(row, "text")) if part for piece in _pieces(part)]
    elif isinstance(given, Sequence) and not isinstance(given, str) and all(isinstance(part, str) for part in given):
        sentences = [str(part).strip() for part in given]
    else:
        raise ValueError(f"'sentences' is a list of texts, got {str(given)[:60]!r}")
    if not any(sentences):
        raise ValueError("a document has at least one sentence")
    if len(sentences) > _MOST_SENTENCES:
        raise ValueError(f"a document has at most {_MOST_SENTENCES:,} sentences, got {len(sentences):,}")
    if any(len(sentence) > _LONGEST_SENTENCE for sentence in sentences):
        raise ValueError(f"a sentence has at most {_LONGEST_SENTENCE:,} characters; 'text' in the place of 'sentences' is split")
    given_id = row.get("id")
    if isinstance(given_id, bool) or not isinstance(given_id, str | int | None):
        raise ValueError(f"'id' is a text or a whole number, got {str(given_id)[:60]!r}")
    name = title if given_id in (None, "") else str(given_id)
    if len(name) > ID_LENGTH:
        raise ValueError(f"an id (the title where there is none) has at most {ID_LENGTH} characters, got {len(name)}: {name[:60]!r}")
    return Document(name, title, tuple(sentences))


def _pieces(sentence: str) -> list[str]:
    """A sentence that is too long to be listed, in parts; at a space where there is one."""
    pieces: list[str] = []
    start = 0
    while len(sentence) - start > SENTENCE_LENGTH:
        cut = sentence.rfind(" ", start + SENTENCE_LENGTH // 2, start + SENTENCE_LENGTH) + 1 or start + SENTENCE_LENGTH
        pieces.append(sentence[start:cut].rstrip())
        start = cut
    return [*pieces, sentence[start:]]


def _question(row: Mapping[str, Any], library: Library, titles: Mapping[str, str]) -> Asked:
    given = [row.get("answer"), row.get("answers")]
    golds = [text for value in given for text in (value if isinstance(value, list | tuple) else [value]) if text is not None]
    if not golds or not all(isinstance(gold, str | int | float) and not isinstance(gold, bool) and str(gold).strip() for gold in golds):
        raise ValueError(f"'answer' is a text or a list of texts, got {given[0] if isinstance(given[0], bool) else str(given[0])[:60]!r}")
    for gold in map(str, golds):
        if len(gold) > ANSWER_LENGTH or not normalized_answer(gold):
            raise ValueError(f"no agent can give the answer {gold[:60]!r}: it has 1 to {ANSWER_LENGTH:,} characters, and not punctuation alone")
    hops = _waypoints(row, library, titles)
    plan = tuple(dict.fromkeys(call for hop in hops for call in _readings(hop.evidence[0], library)))
    return Asked(_text(row, "question"), tuple(str(gold) for gold in golds), hops, plan)


def _pairs(facts: object) -> list[tuple[object, object]]:
    """The supporting facts in either of the two layouts of HotpotQA: pairs, or a list of titles beside one of sentences."""
    if isinstance(facts, Mapping):
        columns = [_fields(cast("object", facts)).get(name) for name in ("title", "sent_id")]
        if not all(isinstance(column, list | tuple) for column in columns) or len({len(cast("list[Any]", column)) for column in columns}) != 1:
            raise ValueError(f"'supporting_facts' has two lists of one length, 'title' and 'sent_id', got {str(cast('object', facts))[:60]!r}")
        return list(zip(*cast("list[list[object]]", columns), strict=True))
    pairs: list[Any] = [*cast("list[Any]", facts)] if isinstance(facts, list | tuple) else [facts]
    if not all(isinstance(pair, list | tuple) and len(cast("list[Any]", pair)) == 2 for pair in pairs):
        raise ValueError(f"'supporting_facts' is a list of pairs of a title and a sentence, got {str(facts)[:60]!r}")
    return [(pair[0], pair[1]) for pair in pairs]


def _readings(passage: str, library: Library) -> list[str]:
    name, _, number = passage.rpartition("#")
    document = library.documents[library.place(name) or 0]
    starts = [int(number)] if number else [0]
    while not number and (following := starts[-1] + len(page(document, starts[-1]))) < len(document.sentences):
        starts.append(following)
    return [call_text("read", document=name, **({"start": start + 1} if start else {})) for start in starts]


def page(document: Document, start: int) -> list[str]:
    """The sentences of a document from a place on, numbered from 1, as many as are shown at once: one at least."""
    lines: list[str] = []
    length = 0
    for number in range(start, len(document.sentences)):
        line = f"{number + 1}. {document.sentences[number]}"
        length += len(line) + 1
        if lines and length > PAGE_LENGTH:
            break
        lines.append(line)
    return lines


def shortened(text: str) -> str:
    """A sentence or title as it is shown."""
    return text if len(text) <= SENTENCE_LENGTH else f"{text[:SENTENCE_LENGTH]} ... (cut)"


def _is_place(value: object, count: int) -> bool:
    """Whether a value is the place of one of so many things."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count


def _is_beyond(fact: tuple[object, object], library: Library, titles: Mapping[str, str]) -> bool:
    """Whether a supporting fact names a sentence that its document does not have, as some of HotpotQA do."""
    where = library.place(titles.get(str(fact[0]), ""))
    return where is not None and isinstance(fact[1], int) and not isinstance(fact[1], bool) and fact[1] >= len(library.documents[where].sentences)


def _waypoints(row: Mapping[str, Any], library: Library, titles: Mapping[str, str]) -> tuple[Hop, ...]:
    given, facts = row.get("waypoints"), row.get("supporting_facts")
    if given is None and facts is None:
        return ()
    if given is None:
        pairs = _pairs(facts)
        if any(_is_beyond(pair, library, titles) for pair in pairs):
            return ()
        given = [{"document": pair[0], "sentence": pair[1], "after": []} for pair in pairs]
    if not isinstance(given, list | tuple):
        raise ValueError(f"'waypoints' is a list, got {str(given)[:60]!r}")
    hops: list[Hop] = []
    for place, item in enumerate(given):
        waypoint = {"document": item} if isinstance(item, str) else _fields(item)
        name = str(waypoint.get("document"))
        where = library.place(name) if library.place(name) is not None else library.place(titles.get(name, ""))
        if where is None:
            raise ValueError(f"the waypoint {place} names the document {name[:60]!r}, which the corpus does not hold")
        document = library.documents[where]
        sentence = waypoint.get("sentence")
        if sentence is not None and not _is_place(sentence, len(document.sentences)):
            raise ValueError(f"the waypoint {place} names the sentence {sentence!r} of {name[:60]!r}, which has {len(document.sentences)}")
        after = waypoint.get("after", [place - 1] if place else [])
        if not isinstance(after, list | tuple) or not all(_is_place(other, place) for other in after):
            raise ValueError(f"the waypoint {place} comes after earlier ones, named by their places, got {after!r}")
        passage = f"{document.id}#{'' if sentence is None else sentence}"
        hops.append(Hop((passage,), tuple(after), document.title))
    return tuple(hops)
