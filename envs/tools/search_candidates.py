"""Calls to choose from in a generated world: what an agent could sensibly do with what it has been shown, and among them the next call of the scripted way."""

import json
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import islice

import numpy as np

from prm_gym.envs.tools.world import ALIAS, KINDS, RELATIONS, Fact, World
from prm_gym.envs.tools.world_questions import ALIAS_QUERY, MOST, Question
from prm_gym.task import content_key
from prm_gym.tools import ToolCall, call_text

_ANSWERS, _READINGS = 8, 3
_LATE = 4  # answers that come into view last on the scripted way, and are listed then
_QUERIES = {kind: tuple(relation.query for relation in RELATIONS.values() if relation.query and relation.subject == kind) for kind in KINDS}
_ALL_QUERIES = tuple(dict.fromkeys([*(query for queries in _QUERIES.values() for query in queries), ALIAS_QUERY]))
_LONG_LISTS = 0.15  # share of the searches that ask for more documents


def listed(here: World, problem: Question, shown: Sequence[str], asked: Sequence[str], count: int, task_key: str, state_key: str) -> tuple[str, ...]:
    """That many calls in random order: always as many answers, and as many of the rest as fill the list.

    What is listed follows from the task and the passages in view: every possible call has a rank that the task's key decides, and the first ones are taken. So
    a useless call changes nothing, and what stays from one list to the next tells nothing. Of each sort of call, the one on the scripted way takes a place of
    its own sort when it would not be among them.

    Args:
        here: the world.
        problem: the question.
        shown: the passages in view.
        asked: what was searched for and read.
        count: how many.
        task_key: decides which.
        state_key: decides the order.
    """
    in_view = set(shown)
    named = _in_view(here, problem, shown)
    following = _following(problem, in_view, set(asked))
    name = json.loads(following)["name"]

    def first(options: Sequence[str], number: int, sort: str) -> list[str]:
        ranked = list(dict.fromkeys(options))[: max(number, 0)]
        if name == sort and following not in ranked and number > 0:
            place = _rank(task_key, following) % max(len(ranked), 1)
            ranked[place : place + 1 if len(ranked) == number else place] = [following]
        return ranked

    found = dict.fromkeys(passage.partition("#")[0] for passage in shown)
    readings = [call_text("read", document=document) for document in found if f"{document}#" not in in_view]
    chosen = [*first(_answers(here, problem, shown, task_key), _ANSWERS, "answer"), *first(_ranked(task_key, readings), _READINGS, "read")]
    chosen += first(_searches(named, task_key, count - len(chosen)), count - len(chosen), "search")
    rng = np.random.default_rng(int(state_key, 16))
    return tuple(chosen[i] for i in rng.permutation(len(chosen)).tolist())


@lru_cache(maxsize=1 << 14)
def _rank(task_key: str, option: str) -> int:
    return int(content_key(task_key, option), 16)


def _ranked(task_key: str, options: Iterable[str]) -> list[str]:
    return sorted(dict.fromkeys(options), key=lambda option: _rank(task_key, option))


def _searches(named: Sequence[tuple[str, str]], task_key: str, count: int) -> list[str]:
    """Searches for what can be asked of the things in view, and after them the same words with the other names."""
    texts = _ranked(task_key, (f"{name} {query}" for name, kind in named for query in (*_QUERIES[kind], ALIAS_QUERY)))
    if len(texts) < count:
        texts += _ranked(task_key, (f"{name} {query}" for name, _ in named for query in _ALL_QUERIES))
    return [_search(text, task_key) for text in islice(dict.fromkeys(texts), count)]


def _search(text: str, task_key: str) -> str:
    long = _rank(task_key, text) % 1_000 < 1_000 * _LONG_LISTS
    return call_text("search", query=text, **({"k": MOST} if long else {}))


def asked_text(call: ToolCall) -> str:
    """What the environment notes of a call of the plan."""
    if call.name == "read":
        return f"read {call.arguments['document']} 1"
    return f"{call.arguments['query']} ({call.arguments['k']})" if "k" in call.arguments else str(call.arguments["query"])


def _following(problem: Question, in_view: set[str], asked: set[str]) -> str:
    """The next call of the scripted way: the first of the plan that was not made and may still be needed, else the answer."""
    if any(not in_view.intersection(hop.evidence) for hop in problem.hops):
        for call in problem.plan:
            if asked_text(call) not in asked:
                return call_text(call.name, **call.arguments)
    return call_text("answer", text=problem.golds[0])


def _in_view(here: World, problem: Question, shown: Sequence[str]) -> list[tuple[str, str]]:
    """Names that the question, or a passage in view or the title above it holds, with the kind of what they name."""
    found = [(here.things[place].name, here.things[place].kind) for place in problem.start]
    kinds = {thing.name: thing.kind for thing in here.things}
    for passage in shown:
        titled = here.library.place(passage.partition("#")[0])
        title = "" if titled is None else here.library.documents[titled].title
        if title in kinds:
            found.append((title, kinds[title]))
        place = here.stated.get(passage)
        if place is None:
            continue
        fact = here.facts[place]
        subject = here.things[fact.subject]
        found.append((subject.name, subject.kind))
        if fact.relation == ALIAS:
            found.append((subject.alias, subject.kind))
        elif RELATIONS[fact.relation].target != "year":
            target = here.things[fact.target]
            found.append((target.alias if here.named[place] else target.name, target.kind))
    return list(dict.fromkeys(found))


def _answers(here: World, problem: Question, shown: Sequence[str], task_key: str) -> list[str]:
    """Answers of the right kind, as many of them in view as there are.

    The right one is listed as soon as it is in view. So are a few others that come into view last on the scripted way, and some that may come at any time: what
    is new in the list, or new last, is not the right one for that.
    """
    possible, anywhere = _possible(here, problem, shown), _ranked(task_key, _anywhere(here, problem, task_key))
    late = list(dict.fromkeys(reversed(_possible(here, problem, problem.shown))))
    others = [option for option in dict.fromkeys([*late[:_LATE], *anywhere]) if option not in problem.golds]
    first = [option for option in [problem.golds[0], *others[: _ANSWERS - 1]] if option in possible]
    options = dict.fromkeys([*first, *_ranked(task_key, possible), *anywhere])
    return [call_text("answer", text=option) for option in islice(options, _ANSWERS)]


def _possible(here: World, problem: Question, shown: Sequence[str]) -> list[str]:
    """The answers that passages in view make possible, in the order in which they came: names, years, or the differences of years."""
    if problem.answer not in ("year", "number"):
        return [name for name, kind in _in_view(here, problem, shown) if kind == problem.answer]
    stated = (here.facts[place] for passage in shown if (place := here.stated.get(passage)) is not None)
    years = list(dict.fromkeys(fact.target for fact in stated if _has_year(fact)))
    if problem.answer == "year":
        return [str(year) for year in years]
    return list(dict.fromkeys(str(abs(years[later] - earlier)) for later in range(len(years)) for earlier in years[:later]))


def _anywhere(here: World, problem: Question, task_key: str) -> list[str]:
    """Answers that any passages make possible."""
    if problem.answer not in ("year", "number"):
        return [thing.name for thing in here.things if thing.kind == problem.answer]
    years = [fact.target for fact in here.facts if _has_year(fact)]
    if problem.answer == "year":
        return [str(year) for year in years]
    rng = np.random.default_rng(_rank(task_key, "numbers"))
    return [str(abs(one - other)) for one, other in rng.choice(years, size=(2 * _ANSWERS, 2)).tolist()]


def _has_year(fact: Fact) -> bool:
    return fact.relation != ALIAS and RELATIONS[fact.relation].target == "year"
