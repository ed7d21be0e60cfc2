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
        sentences: two ways to state it, with {s} and {t}.
        share: of the subjects that have it.
    """

    subject: str
    target: str
    phrase: str
    query: str
    sentences: tuple[str, str]
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
    "stayed": Relation("person", "town", "", "", ("{s} lived in {t} for a while.", "{s} was not born in {t}, whatever people say."), 0.7),
    "left": Relation("person", "company", "", "", ("{s} once worked for {t}, and left.", "{s} refused to work for {t}."), 0.7),
    "expelled": Relation("person", "school", "", "", ("{s} never went to {t}, which sent a refusal.", "{t} is the school that turned {s} away."), 0.5),
    "rival": Relation("person", "person", "", "", ("{s} would not have {t} for a teacher.", "{s} learned nothing from {t}, and said so."), 0.5),
    "branch": Relation("company", "town", "", "", ("{s} has a branch in {t}.", "{s} gave up its seat in {t} long ago."), 0.6),
    "translator": Relation("book", "person", "", "", ("{s} was translated by {t}.", "{t} wrote the preface of {s}."), 0.6),
}
ASKED = tuple(name for name, relation in RELATIONS.items() if relation.phrase)
ALIAS = "alias"
_MISTAKEN_FOR = {"stayed": "birthplace", "left": "employer", "expelled": "school", "rival": "teacher"}
ALIAS_SENTENCES = {
    "person": ("{s} is also known as {t}.", "{t} is the name under which {s} is known."),
    "town": ("{s} is called {t} on old maps.", "{t} is the old name of {s}."),
    "company": ("{s} trades under the name of {t}.", "{t} is a brand name of {s}."),
}
FILLERS = (
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
    named = tuple(RELATIONS[fact.relation].target in ALIAS_SENTENCES and bool(things[fact.target].alias) if fact.relation != ALIAS else False for fact in facts)
    ways: list[int] = rng.integers(2, size=len(facts)).tolist()
    sentences = [_sentence(things, *said) for said in zip(facts, named, ways, strict=True)]
    documents, passages = _documents(rng, things, facts, sentences)
    stated = {passage: place for place, passage in enumerate(passages)}
    places = {(fact.subject, fact.relation): place for place, fact in enumerate(facts)}
    return World(things, facts, Library(documents), passages, stated, places, named)


def _things(rng: np.random.Generator, size: Size) -> tuple[Thing, ...]:
    names = Names(rng)
    things: list[Thing] = []
    for kind, count in zip(KINDS, size, strict=False):
        for _ in range(int(count)):
            alias = names.second(kind) if kind in ALIAS_SENTENCES and rng.random() < size.aliases else ""
            things.append(Thing(kind, names.first(kind), alias))
    return tuple(things)


def _facts(rng: np.random.Generator, things: Sequence[Thing]) -> tuple[Fact, ...]:
    of_kind = {kind: [place for place, thing in enumerate(things) if thing.kind == kind] for kind in KINDS}
    held: dict[str, dict[int, int]] = {}  # by relation and subject: the target
    told: set[tuple[int, int]] = set()  # no two facts about one pair
    for name, relation in RELATIONS.items():
        subjects = [place for place in of_kind[relation.subject] if relation.share == 1.0 or rng.random() < relation.share]
        if relation.target == "year":
            held[name] = dict(zip(subjects, rng.integers(*_YEARS[name], size=len(subjects)).tolist(), strict=True))
            continue
        others = of_kind[relation.target]
        if name == "author":  # a third of the people write all the books
            others = others[: max(4, len(others) // 3)]
        targets = held[name] = {}
        for subject in subjects:
            if name == "capital":
                target = _capital(rng, held, subject, others)
            else:
                target = _mistaken(rng, held, name, subject) if name in _MISTAKEN_FOR else None
                while target is None or target == subject or (subject, target) in told:
                    target = others[int(rng.integers(len(others)))]
            targets[subject] = target
            told.add((subject, target))
    facts = [Fact(subject, name, target) for name, targets in held.items() for subject, target in targets.items()]
    facts += [Fact(place, ALIAS, place) for place, thing in enumerate(things) if thing.alias]
    return tuple(facts)


def _mistaken(rng: np.random.Generator, held: dict[str, dict[int, int]], name: str, person: int) -> int | None:
    """What is true of somebody with whom the person has something else in common: who looks for the two names alone finds both people."""
    relation = _MISTAKEN_FOR[name]
    others = [other for other in _MISTAKEN_FOR.values() if other != relation]
    common = held[others[int(rng.integers(len(others)))]]
    alike = [other for other, target in common.items() if target == common[person] and other != person]
    return held[relation][alike[int(rng.integers(len(alike)))]] if alike else None


def _capital(rng: np.random.Generator, held: dict[str, dict[int, int]], region: int, towns: Sequence[int]) -> int:
    """A town of the region; where it has none, another one that is no capital is moved there."""
    inside = [town for town, target in held["region"].items() if target == region]
    options = inside or [town for town in towns if town not in held["capital"].values()]
    town = options[int(rng.integers(len(options)))]
    held["region"][town] = region
    return town


def _sentence(things: Sequence[Thing], fact: Fact, by_alias: bool, way: int) -> str:
    subject = things[fact.subject]
    if fact.relation == ALIAS:
        text = ALIAS_SENTENCES[subject.kind][way].format(s=subject.name, t=subject.alias)
    else:
        relation = RELATIONS[fact.relation]
        target = str(fact.target) if relation.target == "year" else things[fact.target].alias if by_alias else things[fact.target].name
        text = relation.sentences[way].format(s=subject.name, t=target)
    return text[0].upper() + text[1:]


def _documents(rng: np.random.Generator, things: Sequence[Thing], facts: Sequence[Fact], sentences: list[str]) -> tuple[list[Document], tuple[str, ...]]:
    """Every fact into one document: an article about its subject, one about its target, or a page of a chronicle where it stands among others."""
    articles: list[list[int]] = [[] for _ in things]
    loose: list[int] = []
    lots = rng.random(len(facts)).tolist()
    for place in rng.permutation(len(facts)).tolist():
        fact, lot = facts[place], lots[place]
        about = fact.subject if lot < 0.5 else fact.target if lot < 0.7 and fact.relation != ALIAS and RELATIONS[fact.relation].target != "year" else None
        if about is not None and len(articles[about]) < _LONGEST_ARTICLE:
            articles[about].append(place)
        else:
            loose.append(place)
    pages = [(things[place].name, held) for place, held in enumerate(articles)]
    cuts = list(range(0, len(loose), 4))
    pages += [(f"Chronicle, page {number}", loose[cut : cut + 4]) for number, cut in enumerate(cuts, start=1)]
    order: list[int] = rng.permutation(len(pages)).tolist()
    fillers: list[int] = rng.integers(len(FILLERS), size=len(pages)).tolist()
    spots: list[float] = rng.random(len(pages)).tolist()  # where the filler stands
    documents: list[Document] = []
    passages = [""] * len(facts)
    for number, which in enumerate(order, start=1):
        title, held = pages[which]
        texts = [sentences[fact] for fact in held]
        spot = int(spots[which] * (len(held) + 1))
        texts.insert(spot, FILLERS[fillers[which]])
        for place, fact in enumerate(held):
            passages[fact] = f"d{number}#{place + (place >= spot)}"
        documents.append(Document(f"d{number}", title, tuple(texts)))
    return documents, tuple(passages)
