"""Questions about a world whose answer takes several facts, each with its path, and a way to find them with searches.

chain          Who is the mayor of the town where Ada Brandahl was born?
shared         Who is the one person who was born in Tarnholt and works for Elmeck Mills?
comparison     Of the author of The Silent Quay, the mayor of Tarnholt and the head of Elmwald Academy, who was born first?
difference     How many years lie between the year in which ... and the year in which ...?
span           How many years lie between the first and the last book that the mayor of Tarnholt wrote?

No question is asked whose answer can be guessed well without its facts: of two things that are compared one is right in half of the cases, and a number of
books is small, so three are compared at least, and years are told apart in the place of counting.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np

from prm_gym.claims import Hop
from prm_gym.envs.tools.world import ALIAS, ASKED, RELATIONS, Size, World, world
from prm_gym.errors import EnvironmentFault
from prm_gym.retrieval import Library
from prm_gym.tools import ToolCall

USUAL, MOST = 5, 8  # hits of a search: unless said otherwise, and at most

_YEAR_OF = {"person": "born", "town": "founded", "company": "opened", "book": "published"}
_FIRST = {"person": "who was born first", "town": "which was founded first", "company": "which was set up first"}
_SHARED = {
    "birthplace": "was born in {}",
    "employer": "works for {}",
    "school": "went to {}",
    "teacher": "learned the trade from {}",
}
_ATTEMPTS = 2_000
_DESCRIBED = ("person", "town", "company")
_LEAST_YEARS = 6  # in a question for a number of years
ALIAS_QUERY = "name known"
_T = TypeVar("_T")


class Level(NamedTuple):
    """What the tasks of one difficulty are like.

    Attributes:
        size: of the world.
        forms: kinds of question with what they take (facts of a chain, facts that lead to each thing that is asked about, and how many things); one is drawn.
        most_calls: that a solution may have.
    """

    size: Size
    forms: tuple[tuple[str, int, int], ...]
    most_calls: int


LEVELS: dict[int, Level] = {
    1: Level(Size(26, 18, 16, 14, 8, 5, 0.0), (("chain", 1, 1),), 3),
    2: Level(Size(30, 18, 16, 18, 8, 5, 0.0), (("chain", 2, 1), ("chain", 2, 1), ("shared", 0, 2)), 4),
    3: Level(Size(40, 24, 16, 26, 10, 6, 0.2), (("chain", 3, 1), ("chain", 3, 1), ("shared", 1, 2), ("comparison", 1, 3)), 8),
    4: Level(Size(50, 28, 20, 44, 12, 7, 0.3), (("chain", 3, 1), ("chain", 4, 1), ("comparison", 1, 4), ("span", 1, 1), ("difference", 1, 2)), 11),
    5: Level(Size(60, 32, 24, 60, 14, 8, 0.4), (("chain", 4, 1), ("chain", 4, 1), ("comparison", 2, 3), ("span", 2, 1), ("difference", 2, 2)), 14),
}


class Path(NamedTuple):
    """The facts that an answer rests on, in an order in which they can be found.

    Attributes:
        facts: places of facts in the world.
        after: for each, which of them come before it.
        queries: for each, what to search for.
    """

    facts: tuple[int, ...] = ()
    after: tuple[tuple[int, ...], ...] = ()
    queries: tuple[str, ...] = ()

    def then(self, fact: int, query: str, after: tuple[int, ...]) -> "Path":
        """The path with one more fact."""
        return Path((*self.facts, fact), (*self.after, after), (*self.queries, query))

    def beside(self, other: "Path") -> "Path":
        """This path, and after it another one."""
        shift = len(self.facts)
        after = tuple(tuple(place + shift for place in places) for places in other.after)
        return Path(self.facts + other.facts, self.after + after, self.queries + other.queries)


class Question(NamedTuple):
    """A question about a world.

    Attributes:
        text: the question.
        form: its kind.
        golds: the right answers; the first one is written by the solution.
        hops: what it rests on.
        start: the things that it names.
        answer: kind of the thing that answers it, "year" or "number".
        plan: calls of `search` and `read` that bring all hops into view, one after another.
        shown: the passages that the plan brings into view, in order.
    """

    text: str
    form: str
    golds: tuple[str, ...]
    hops: tuple[Hop, ...]
    start: tuple[int, ...]
    answer: str
    plan: tuple[ToolCall, ...]
    shown: tuple[str, ...]


class _Draft(NamedTuple):
    text: str
    golds: tuple[str, ...]
    answer: str
    path: Path
    start: tuple[int, ...]


class _Part(NamedTuple):
    """A thing as a question describes it: the words, its place, the thing that the words name, and the path that leads to it."""

    words: str
    thing: int
    start: int
    path: Path = Path()


class _Unfit(Exception):  # noqa: N818 - no error: another question is drawn
    """The world does not hold what was drawn."""


@lru_cache(maxsize=1 << 6)
def question(entropy: int, level: int) -> tuple[World, Question]:
    """The world and the question of a seed.

    Raises:
        EnvironmentFault: the world holds no question of the form that was drawn; it has not been seen to happen.
    """
    here = world(entropy, LEVELS[level].size)
    rng = np.random.default_rng([entropy, level])
    forms = LEVELS[level].forms
    form, length, count = forms[int(rng.integers(len(forms)))]
    for _ in range(_ATTEMPTS):
        try:
            draft = _DRAFTS[form](rng, here, length, count)
            plan, shown = _plan(here, draft.path, LEVELS[level].most_calls)
        except _Unfit:
            continue
        hops = tuple(Hop(_evidence(here, fact), after, _sentence(here, fact)) for fact, after in zip(draft.path.facts, draft.path.after, strict=True))
        return here, Question(draft.text, form, draft.golds, hops, draft.start, draft.answer, plan, shown)
    raise EnvironmentFault(f"no question of the form {form} was found in {_ATTEMPTS} attempts")


def passages(here: World, call: ToolCall) -> list[str]:
    """What a call of `search` or `read` shows."""
    documents = here.library.documents
    if call.name == "read":
        place = here.library.place(str(call.arguments["document"]))
        return [] if place is None else [f"{documents[place].id}#{number}" for number in range(len(documents[place].sentences))]
    k = call.arguments.get("k", USUAL)
    hits = here.library.search(str(call.arguments["query"]), k if isinstance(k, int) else USUAL)
    return [f"{documents[hit.document].id}#{hit.sentence}" for hit in hits]


def _plan(here: World, path: Path, most: int) -> tuple[tuple[ToolCall, ...], tuple[str, ...]]:
    """Calls that bring the path into view in order: for each fact a search, a longer list, or a search and the document that it lists. And what is shown."""
    calls: list[ToolCall] = []
    seen: dict[str, None] = {}
    for fact, query in zip(path.facts, path.queries, strict=True):
        wanted = here.passages[fact]
        if any(passage in seen for passage in _evidence(here, fact)):
            continue
        searches = [ToolCall("search", {"query": query}), ToolCall("search", {"query": query, "k": MOST})]
        found = [passages(here, search) for search in searches]
        document = wanted.partition("#")[0]
        if wanted in found[0] or wanted in found[1]:
            following = [searches[wanted not in found[0]]]
        elif any(passage.partition("#")[0] == document for passage in found[0]):
            following = [searches[0], ToolCall("read", {"document": document})]
        else:
            raise _Unfit
        calls += [call for call in following if call not in calls]
        seen.update(dict.fromkeys(passage for call in following for passage in passages(here, call)))
    _require(len(calls) < most)
    return tuple(calls), tuple(seen)


def _told_by_titles(library: Library, name: str, alias: str) -> tuple[str, ...]:
    """Passages that have the second name, under a title that is the first one: who reads both knows that they are one."""
    called = re.compile(rf"\b{re.escape(alias)}\b", re.IGNORECASE)
    titled = (document for document in library.documents if document.title == name)
    return tuple(f"{document.id}#{number}" for document in titled for number, sentence in enumerate(document.sentences) if called.search(sentence))


def _evidence(here: World, fact: int) -> tuple[str, ...]:
    """The passages that state a fact, the one that says it in so many words first."""
    said = here.facts[fact]
    if said.relation != ALIAS:
        return (here.passages[fact],)
    thing = here.things[said.subject]
    return tuple(dict.fromkeys([here.passages[fact], *_told_by_titles(here.library, thing.name, thing.alias)]))


def _require(holds: bool) -> None:
    if not holds:
        raise _Unfit


def _sentence(here: World, fact: int) -> str:
    document, _, number = here.passages[fact].partition("#")
    place = here.library.place(document)
    return "" if place is None else here.library.documents[place].sentences[int(number)]


def _drawn(rng: np.random.Generator, options: Sequence[_T]) -> _T:
    _require(bool(options))
    return options[int(rng.integers(len(options)))]


def _golds(here: World, thing: int) -> tuple[str, ...]:
    name, alias = here.things[thing].name, here.things[thing].alias
    return (name, alias) if alias else (name,)


def _further(here: World, part: _Part, relation: str, words: str) -> _Part:
    """The part with one more fact: what the relation of its thing is; for a year, the thing stays."""
    path, after = _by_name(here, part)
    fact = here.places.get((part.thing, relation), -1)
    _require(fact >= 0 and fact not in path.facts)
    path = path.then(fact, f"{here.things[part.thing].name} {RELATIONS[relation].query}", after)
    target = part.thing if RELATIONS[relation].target == "year" else here.facts[fact].target
    return _Part(words, target, part.start, path)


def _by_name(here: World, part: _Part) -> tuple[Path, tuple[int, ...]]:
    """The path up to where the thing is known by its first name, and the place of the last fact of it, if there is one."""
    path = part.path
    if not path.facts:
        return path, ()
    last = len(path.facts) - 1
    if not here.named[path.facts[last]]:
        return path, (last,)
    return path.then(here.places[part.thing, ALIAS], f"{here.things[part.thing].alias} {ALIAS_QUERY}", (last,)), (last + 1,)


def _described(rng: np.random.Generator, here: World, length: int, kinds: Sequence[str] = _DESCRIBED) -> _Part:
    """A thing of one of the kinds, described by so many facts."""
    start = _drawn(rng, range(len(here.things)))
    part = _Part(here.things[start].name, start, start)
    visited = {start}
    for left in range(length, 0, -1):
        options = [name for name in ASKED if RELATIONS[name].subject == here.things[part.thing].kind and RELATIONS[name].target != "year"]
        options = [name for name in options if left > 1 or RELATIONS[name].target in kinds]
        relation = _drawn(rng, options)
        part = _further(here, part, relation, RELATIONS[relation].phrase.format(part.words))
        _require(part.thing not in visited)
        visited.add(part.thing)
    _require(here.things[part.thing].kind in kinds)
    return part


def _several(rng: np.random.Generator, here: World, length: int, count: int, kinds: Sequence[str] = _DESCRIBED) -> list[_Part]:
    """Different things described by so many facts each, from different ones on and by different facts."""
    parts = [_described(rng, here, length, kinds) for _ in range(count)]
    facts = [fact for part in parts for fact in part.path.facts]
    _require(len({part.thing for part in parts}) == len({part.start for part in parts}) == count and len(set(facts)) == len(facts))
    return parts


def _dated(here: World, part: _Part) -> tuple[_Part, int]:
    """The part with the year of its thing."""
    relation = _YEAR_OF[here.things[part.thing].kind]
    dated = _further(here, part, relation, RELATIONS[relation].phrase.format(part.words))
    return dated, here.facts[dated.path.facts[-1]].target


def _chain(rng: np.random.Generator, here: World, length: int, _count: int) -> _Draft:
    if rng.random() < 0.2:
        part, year = _dated(here, _described(rng, here, length - 1))
        return _Draft(f"What is {part.words}?", (str(year),), "year", part.path, (part.start,))
    part = _described(rng, here, length)
    if length > 1:  # no sentence states the whole of it
        _require(not any({fact.subject, fact.target} == {part.start, part.thing} for fact in here.facts))
    kind = here.things[part.thing].kind
    return _Draft(f"{'Who' if kind == 'person' else 'What'} is {part.words}?", _golds(here, part.thing), kind, part.path, (part.start,))


def _shared(rng: np.random.Generator, here: World, length: int, _count: int) -> _Draft:
    names = list(_SHARED)
    one, other = (names[i] for i in rng.permutation(len(names))[:2].tolist())
    part = _described(rng, here, length, (RELATIONS[one].target,))
    having = [fact.subject for fact in here.facts if fact.relation == one and fact.target == part.thing]
    person = _drawn(rng, having)
    second = here.facts[here.places[person, other]].target
    _require([p for p in having if here.facts[here.places[p, other]].target == second] == [person])
    _require(person not in (part.start, part.thing, second) and second not in (part.start, part.thing))
    path, after = _by_name(here, part)
    path, after = _by_second_name(here, path, after, part.thing, here.places[person, one])
    known_as = here.things[part.thing].alias if here.named[here.places[person, one]] else here.things[part.thing].name
    path = path.then(here.places[person, one], f"{known_as} {RELATIONS[one].query}", after)
    path = path.then(here.places[person, other], f"{here.things[person].name} {RELATIONS[other].query}", ())
    if here.named[path.facts[-1]]:
        path = path.then(here.places[second, ALIAS], f"{here.things[second].alias} {ALIAS_QUERY}", ())
    _require(len(set(path.facts)) == len(path.facts))
    text = f"Who is the one person who {_SHARED[one].format(part.words)} and {_SHARED[other].format(here.things[second].name)}?"
    return _Draft(text, _golds(here, person), "person", path, (part.start, second))


def _by_second_name(here: World, path: Path, after: tuple[int, ...], thing: int, fact: int) -> tuple[Path, tuple[int, ...]]:
    """The path up to where a thing is known by the name that a fact about it uses."""
    if not here.named[fact]:
        return path, after
    alias = here.places[thing, ALIAS]
    if alias in path.facts:
        return path, (path.facts.index(alias),)
    return path.then(alias, f"{here.things[thing].name} {ALIAS_QUERY}", after), (len(path.facts),)


def _comparison(rng: np.random.Generator, here: World, length: int, count: int) -> _Draft:
    kind = _drawn(rng, list(_FIRST))
    parts = _several(rng, here, length, count, (kind,))
    dated = [_dated(here, part) for part in parts]
    (least, first), (following, _), *_ = sorted((year, part.thing) for part, (_, year) in zip(parts, dated, strict=True))
    _require(least != following and first not in {part.start for part in parts})
    *words, last = (part.words for part in parts)
    text = f"Of {', '.join(words)} and {last}, {_FIRST[kind]}?"
    return _Draft(text, _golds(here, first), kind, _beside(dated), tuple(part.start for part in parts))


def _difference(rng: np.random.Generator, here: World, length: int, count: int) -> _Draft:
    dated = [_dated(here, part) for part in _several(rng, here, length, count)]
    (first, year), (second, other_year) = dated
    _require(abs(year - other_year) >= _LEAST_YEARS)
    text = f"How many years lie between {first.words} and {second.words}?"
    return _Draft(text, (str(abs(year - other_year)),), "number", _beside(dated), (first.start, second.start))


def _beside(dated: Sequence[tuple[_Part, int]]) -> Path:
    path = Path()
    for part, _ in dated:
        path = path.beside(part.path)
    return path


def _span(rng: np.random.Generator, here: World, length: int, _count: int) -> _Draft:
    part = _described(rng, here, length, ("person",))
    written = [place for place, fact in enumerate(here.facts) if fact.relation == "author" and fact.target == part.thing]
    _require(2 <= len(written) <= 4 and not set(written) & set(part.path.facts))
    path, after = _by_name(here, part)
    path, after = _by_second_name(here, path, after, part.thing, written[0])
    author = here.things[part.thing].alias or here.things[part.thing].name
    years: list[int] = []
    for fact in written:
        path = path.then(fact, f"{author} {RELATIONS['author'].query}", after)
        book = here.facts[fact].subject
        published = here.places[book, "published"]
        path = path.then(published, f"{here.things[book].name} {RELATIONS['published'].query}", (len(path.facts) - 1,))
        years.append(here.facts[published].target)
    _require(max(years) - min(years) >= _LEAST_YEARS)
    text = f"How many years lie between the first and the last book that {part.words} wrote?"
    return _Draft(text, (str(max(years) - min(years)),), "number", path, (part.start,))


_DRAFTS = {"chain": _chain, "shared": _shared, "comparison": _comparison, "difference": _difference, "span": _span}
