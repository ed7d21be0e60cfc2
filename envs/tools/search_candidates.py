"""Calls to choose from in a generated world: what an agent could sensibly do with what it has been shown, and among them the next call of the scripted way."""

from collections.abc import Sequence

import numpy as np

from prm_gym.envs.tools.world import ALIAS, RELATIONS, Fact, World
from prm_gym.envs.tools.world_questions import ALIAS_QUERY, MOST, Question
from prm_gym.tools import ToolCall, call_text

_ANSWERS, _READINGS = 6, 3
_QUERIES = tuple(dict.fromkeys([*(relation.query for relation in RELATIONS.values() if relation.query), ALIAS_QUERY]))
_LONG_LISTS = 0.15  # share of the searches that ask for more documents


def listed(here: World, problem: Question, shown: Sequence[str], asked: Sequence[str], count: int, state_key: str) -> tuple[str, ...]:
    """Up to `count` calls in random order.

    Args:
        here: the world.
        problem: the question.
        shown: the passages in view.
        asked: what was searched for and read.
        count: how many.
        state_key: decides the rest.
    """
    rng = np.random.default_rng(int(state_key, 16))
    in_view = set(shown)
    named = _in_view(here, problem, shown)
    following = _following(problem, in_view, set(asked))
    answers = _answers(rng, here, problem, shown, named)
    chosen = [following, *answers[:_ANSWERS]] if following not in answers[:_ANSWERS] else list(answers[:_ANSWERS])
    found = dict.fromkeys(passage.partition("#")[0] for passage in shown)
    documents = [document for document in found if f"{document}#" not in in_view]
    chosen += [call_text("read", document=documents[i]) for i in rng.permutation(len(documents))[:_READINGS].tolist()]
    while len(set(chosen)) < count:
        name, query = named[int(rng.integers(len(named)))][0], _QUERIES[int(rng.integers(len(_QUERIES)))]
        chosen.append(call_text("search", query=f"{name} {query}", **({"k": MOST} if rng.random() < _LONG_LISTS else {})))
    chosen = list(dict.fromkeys(chosen))
    return tuple(chosen[i] for i in rng.permutation(len(chosen)).tolist())


def asked_text(call: ToolCall) -> str:
    """What the environment notes of a call of the plan."""
    if call.name == "read":
        return f"read {call.arguments['document']} 1"
    return f"{call.arguments['query']} ({call.arguments['k']})" if "k" in call.arguments else str(call.arguments["query"])


def _following(problem: Question, in_view: set[str], asked: set[str]) -> str:
    """The next call of the scripted way: the first of the plan that was not made and may still be needed, else the answer."""
    if any(hop.evidence[0] not in in_view for hop in problem.hops):
        for call in problem.plan:
            if asked_text(call) not in asked:
                return call_text(call.name, **call.arguments)
    return call_text("answer", text=problem.golds[0])


def _in_view(here: World, problem: Question, shown: Sequence[str]) -> list[tuple[str, str]]:
    """Names that the question or a passage in view holds, with the kind of what they name."""
    found = [(here.things[place].name, here.things[place].kind) for place in problem.start]
    for passage in shown:
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


def _answers(rng: np.random.Generator, here: World, problem: Question, shown: Sequence[str], named: Sequence[tuple[str, str]]) -> list[str]:
    """Answers of the right kind: names and years in view first, filled up with others of the world; numbers at random where a number is asked for."""
    if problem.answer == "number":
        greatest = 8 if problem.form == "count" else 900
        options = [str(number) for number in rng.integers(1, greatest + 1, size=2 * _ANSWERS).tolist() if str(number) not in problem.golds]
        return [call_text("answer", text=option) for option in dict.fromkeys(options)]
    if problem.answer == "year":
        stated = [here.facts[place] for passage in shown if (place := here.stated.get(passage)) is not None]
        in_view = [str(fact.target) for fact in stated if _has_year(fact)]
        others = [str(fact.target) for fact in here.facts if _has_year(fact)]
    else:
        in_view = [name for name, kind in named if kind == problem.answer]
        others = [thing.name for thing in here.things if thing.kind == problem.answer]
    mixed = [*_mixed(rng, list(dict.fromkeys(in_view))), *_mixed(rng, others)]
    return [call_text("answer", text=option) for option in dict.fromkeys(mixed[: 4 * _ANSWERS])]


def _has_year(fact: Fact) -> bool:
    return fact.relation != ALIAS and RELATIONS[fact.relation].target == "year"


def _mixed(rng: np.random.Generator, options: list[str]) -> list[str]:
    return [options[i] for i in rng.permutation(len(options)).tolist()]
