"""Worlds of people, towns, companies, books, schools and regions: a graph of typed facts, and a library in which each fact stands once.

A world is a function of its seed and size. All names are made up, so that nothing about them can be known beforehand.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from prm_gym.envs.tools.world_names import Names
from prm_gym.retrieval import Document, Library

KINDS = ("person", "town", "company", "book", "school", "region")


class Relation(NamedTuple):
    """What holds between a thing of one kind and one of another, or a year.

    Attributes:
        subject: kind of the thing that it is said of.
        target: kind of the other one, or "year".
        phrase: names the target by the subject: "the mayor of {}"; empty where it is never asked for.
        query: words to search for.
        sentences: ways to state it, with {s} and {t}.
        share: of the subjects that have it.
    """

    subject: str
    target: str
    phrase: str
    query: str
    sentences: tuple[str, ...]
    share: float = 1.0


RELATIONS: dict[str, Relation] = {
    "mayor": Relation("town", "person", "the mayor of {}", "mayor", ("The mayor of {s} is {t}.", "{t} is the mayor of {s}.")),
    "region": Relation(
        "town", "region", "the region that {} lies in", "lies region", ("{s} lies in the region of {t}.", "The region of {t} reaches as far as {s}.")
    ),
    "founded": Relation("town", "year", "the year in which {} was founded", "founded", ("{s} was founded in {t}.", "The founding of {s} goes back to {t}.")),
    "birthplace": Relation("person", "town", "the town where {} was born", "born town", ("{s} was born in {t}.", "{t} is where {s} was born.")),
    "born": Relation("person", "year", "the year in which {} was born", "born year", ("{s} was born in the year {t}.", "The year {t} is when {s} was born.")),
    "employer": Relation("person", "company", "the company that {} works for", "works company", ("{s} works for {t}.", "At {t} works, among others, {s}.")),
    "school": Relation("person", "school", "the school that {} went to", "went school", ("{s} went to {t}.", "{t} is the school that {s} went to.")),
    "teacher": Relation(
        "person", "person", "the teacher of {}", "teacher learned", ("The teacher of {s} was {t}.", "{s} learned the trade from {t}, a strict teacher.")
    ),
    "founder": Relation("company", "person", "the founder of {}", "founder", ("The founder of {s} is {t}.", "{s} has {t} for its founder.")),
    "seat": Relation("company", "town", "the town where {} has its seat", "seat", ("{s} has its seat in {t}.", "The seat of {s} is in {t}.")),
    "opened": Relation("company", "year", "the year in which {} was set up", "set up", ("{s} was set up in {t}.", "It was in {t} that {s} was set up.")),
    "author": Relation("book", "person", "the author of {}", "author written", ("{s} was written by {t}.", "The author of {s} is {t}.")),
    "publisher": Relation("book", "company", "the publisher of {}", "publisher", ("The publisher of {s} is {t}.", "{t} is the publisher of {s}.")),
    "setting": Relation("book", "town", "the town in which {} is set", "set plot", ("The plot of {s} is set in {t}.", "{t} is the town in which {s} is set.")),
    "published": Relation(
        "book", "year", "the year in which {} was published", "published", ("{s} was published in {t}.", "In {t} came {s}, published at last.")
    ),
    "stands": Relation("school", "town", "the town where {} stands", "stands", ("{s} stands in {t}.", "On a hill of {t} stands {s}.")),
    "head": Relation("school", "person", "the head of {}", "head", ("The head of {s} is {t}.", "{t} is the head of {s}.")),
    "capital": Relation("region", "town", "the capital of {}", "capital", ("The capital of {s} is {t}.", "{t} is the capital of {s}.")),
    "governor": Relation("region", "person", "the governor of {}", "governor", ("The governor of {s} is {t}.", "{s} has {t} for its governor.")),
    # Never asked for: they say something else with the words of those above.
    "deputy": Relation("town", "person", "", "", ("The deputy mayor of {s} is {t}.", "Before the flood {t} was the mayor of {s}."), 0.7),
    "stayed": Relation("person", "town", "", "", ("{s} lived in {t} for a while.", "{s} was not born in {t}, whatever people say."), 0.4),
    "left": Relation("person", "company", "", "", ("{s} once worked for {t}, and left.", "{s} refused to work for {t}."), 0.4),
    "branch": Relation("company", "town", "", "", ("{s} has a branch in {t}.", "{s} gave up its seat in {t} long ago."), 0.6),
    "translator": Relation("book", "person", "", "", ("{s} was translated by {t}.", "{t} wrote the preface of {s}."), 0.6),
}
ASKED = tuple(name for name, relation in RELATIONS.items() if relation.phrase)
ALIAS = "alias"
_ALIAS_SENTENCES = {
    "person": ("{s} is also known as {t}.", "{t} is the name under which {s} is known."),
    "town": ("{s} is called {t} on old maps.", "{t} is the old name of {s}."),
    "company": ("{s} trades under the name of {t}.", "{t} is a brand name of {s}."),
}
_FILLERS = (
    "A market is held there every week.",
    "Little else is written down.",
    "The records of earlier years are lost.",
    "The winter of that year was long.",
    "Visitors are shown around on request.",
    "More is told in the taverns than in the books.",
    "The photographs of it are few.",
    "A brass plate by the door recalls it.",
    "Opinions about this differ.",
    "The weather spoiled the anniversary.",
)
_YEARS = {"born": (1880, 1985), "founded": (1050, 1790), "opened": (1820, 1999), "published": (1900, 2015)}
_LONGEST_ARTICLE = 6  # sentences


class Size(NamedTuple):
    """How large a world is: things of each kind, in the order of `KINDS`, and the share of people, towns and companies that have a second name."""

    people: int
    towns: int
    companies: int
    books: int
    schools: int
    regions: int
    aliases: float


class Thing(NamedTuple):
    """A person, town, company, book, school or region; `alias` is its second name, or empty."""

    kind: str
    name: str
    alias: str = ""


class Fact(NamedTuple):
    """What holds: places of two things, or of a thing and the year; for `ALIAS` the target is the subject itself."""

    subject: int
    relation: str
    target: int


class World(NamedTuple):
    """A world.

    Attributes:
        things: by place.
        facts: what holds.
        library: where it is written.
        passages: for each fact, the passage that states it ("d12#0").
        stated: for each passage, the place of the fact that it states.
        places: for each subject and relation, the place of the fact.
        named: for each fact, whether its sentence calls the target by its second name.
    """

    things: tuple[Thing, ...]
    facts: tuple[Fact, ...]
    library: Library
    passages: tuple[str, ...]
    stated: dict[str, int]
    places: dict[tuple[int, str], int]
    named: tuple[bool, ...]


def world(entropy: int, size: Size) -> World:
    """The world of a seed."""
    rng = np.random.default_rng(entropy)
    things = _things(rng, size)
    facts = _facts(rng, things)
    named = tuple(
        RELATIONS[fact.relation].target in _ALIAS_SENTENCES and bool(things[fact.target].alias) if fact.relation != ALIAS else False for fact in facts
    )
    sentences = [_sentence(rng, things, fact, by_alias) for fact, by_alias in zip(facts, named, strict=True)]
    documents, passages = _documents(rng, things, facts, sentences)
    stated = {passage: place for place, passage in enumerate(passages)}
    places = {(fact.subject, fact.relation): place for place, fact in enumerate(facts)}
    return World(things, facts, Library(documents), passages, stated, places, named)


def _things(rng: np.random.Generator, size: Size) -> tuple[Thing, ...]:
    names = Names(rng)
    things: list[Thing] = []
    for kind, count in zip(KINDS, size, strict=False):
        for _ in range(int(count)):
            alias = names.second(kind) if kind in _ALIAS_SENTENCES and rng.random() < size.aliases else ""
            things.append(Thing(kind, names.first(kind), alias))
    return tuple(things)


def _facts(rng: np.random.Generator, things: Sequence[Thing]) -> tuple[Fact, ...]:
    places = {kind: [place for place, thing in enumerate(things) if thing.kind == kind] for kind in KINDS}
    facts: list[Fact] = []
    told: list[set[int]] = [set() for _ in things]  # no two facts about one pair
    for name, relation in RELATIONS.items():
        for subject in places[relation.subject]:
            if rng.random() >= relation.share:
                continue
            if relation.target == "year":
                target = int(rng.integers(*_YEARS[name]))
            else:
                others = [place for place in places[relation.target] if place != subject and place not in told[subject]]
                if name == "author":  # a third of the people write all the books
                    others = others[: max(4, len(places["person"]) // 3)]
                target = _capital(rng, facts, subject, others) if name == "capital" else others[int(rng.integers(len(others)))]
                told[subject].add(target)
            facts.append(Fact(subject, name, target))
    facts += [Fact(place, ALIAS, place) for place, thing in enumerate(things) if thing.alias]
    return tuple(facts)


def _capital(rng: np.random.Generator, facts: list[Fact], region: int, towns: Sequence[int]) -> int:
    """A town of the region; where it has none, another one that is no capital is moved there."""
    inside = [fact.subject for fact in facts if fact.relation == "region" and fact.target == region]
    taken = {fact.target for fact in facts if fact.relation == "capital"}
    options = inside or [town for town in towns if town not in taken]
    town = options[int(rng.integers(len(options)))]
    for place, fact in enumerate(facts):
        if fact.relation == "region" and fact.subject == town:
            facts[place] = Fact(town, "region", region)
    return town


def _sentence(rng: np.random.Generator, things: Sequence[Thing], fact: Fact, by_alias: bool) -> str:
    subject = things[fact.subject]
    if fact.relation == ALIAS:
        ways, target = _ALIAS_SENTENCES[subject.kind], subject.alias
    else:
        ways = RELATIONS[fact.relation].sentences
        target = str(fact.target) if RELATIONS[fact.relation].target == "year" else things[fact.target].alias if by_alias else things[fact.target].name
    text = ways[int(rng.integers(len(ways)))].format(s=subject.name, t=target)
    return text[0].upper() + text[1:]


def _documents(rng: np.random.Generator, things: Sequence[Thing], facts: Sequence[Fact], sentences: list[str]) -> tuple[list[Document], tuple[str, ...]]:
    """Every fact into one document: an article about its subject, one about its target, or a page of a chronicle where it stands among others."""
    articles: list[list[int]] = [[] for _ in things]
    loose: list[int] = []
    for place in rng.permutation(len(facts)).tolist():
        fact, lot = facts[place], rng.random()
        about = fact.subject if lot < 0.5 else fact.target if lot < 0.7 and fact.relation != ALIAS and RELATIONS[fact.relation].target != "year" else None
        if about is not None and len(articles[about]) < _LONGEST_ARTICLE:
            articles[about].append(place)
        else:
            loose.append(place)
    pages = [(things[place].name, held) for place, held in enumerate(articles)]
    cuts = list(range(0, len(loose), 4))
    pages += [(f"Chronicle, page {number}", loose[cut : cut + 4]) for number, cut in enumerate(cuts, start=1)]
    order: list[int] = rng.permutation(len(pages)).tolist()
    documents: list[Document] = []
    passages = [""] * len(facts)
    for number, which in enumerate(order, start=1):
        title, held = pages[which]
        filler = _FILLERS[int(rng.integers(len(_FILLERS)))]
        mixed = [held[i] if i < len(held) else None for i in rng.permutation(len(held) + 1).tolist()]
        for place, fact in enumerate(mixed):
            if fact is not None:
                passages[fact] = f"d{number}#{place}"
        documents.append(Document(f"d{number}", title, tuple(filler if fact is None else sentences[fact] for fact in mixed)))
    return documents, tuple(passages)
