"""ProntoQA read into first-order logic: sentences of its small grammar, and gold proofs as cited steps.

Source: Saparov and He 2023 (PrOntoQA), in the layout of the Logic-LLM repository.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

from prm_gym.claims import Statement
from prm_gym.logic.formula import Atom, Constant, ForAll, Formula, Implies, Not, Variable
from prm_gym.logic.notations.folio import write

_RULE = re.compile(r"(?:(?:Each|Every) (?P<one>\w+) is|(?P<many>\w+) are) (?P<not>not )?(?:an? )?(?P<is>\w+)")
_FACT = re.compile(r"(?P<name>[A-Z]\w+) is (?P<not>not )?(?:an? )?(?P<is>\w+)")


class Problem(NamedTuple):
    """One problem.

    Attributes:
        facts: the context, as statements `fact1`, ...
        hypothesis: what is asked about.
        answer: whether it is true.
        proof: the derived sentences of the gold proof, each citing the rule and the sentence before it.
    """

    facts: tuple[Statement, ...]
    hypothesis: str
    answer: bool
    proof: tuple[Statement, ...]


def singular(word: str) -> str:
    """`Jompuses` and `jompus` are one kind; adjectives stay as they are."""
    word = word.lower()
    return word[:-2] if word.endswith("puses") else word


def formula_of(sentence: str) -> Formula | None:
    """The formula of a sentence; None when it is of no known form."""
    text = sentence.strip().rstrip(".")
    fact = _FACT.fullmatch(text)
    if fact is not None and fact["name"] not in ("Each", "Every"):
        atom = Atom(singular(fact["is"]), (Constant(fact["name"].lower()),))
        return Not(atom) if fact["not"] else atom
    rule = _RULE.fullmatch(text)
    if rule is None:
        return None
    kind, quality = (Atom(singular(word), (Variable("x"),)) for word in (rule["one"] or rule["many"], rule["is"]))
    return ForAll("x", Implies(kind, Not(quality) if rule["not"] else quality))


def problems(path: Path) -> tuple[list[Problem], int, int]:
    """The problems of a file, how many sentences it has, and how many could not be read."""
    found: list[Problem] = []
    sentences = unread = 0
    for row in json.loads(path.read_text(encoding="utf-8")):
        context = [text for text in re.split(r"(?<=\.)\s+", row["context"].strip()) if text]
        question = row["question"].rsplit("? ", 1)[1]
        formulas = {text: formula_of(text) for text in [*context, question, *row["explanation"]]}
        sentences += len(formulas)
        unread += sum(formula is None for formula in formulas.values())
        if any(formula is None for formula in formulas.values()):
            continue
        written = {text: write(formula) for text, formula in formulas.items() if formula is not None}
        facts = tuple(Statement(f"fact{i}", written[text]) for i, text in enumerate(context, start=1))
        found.append(Problem(facts, written[question], row["answer"] == "A", _proof(facts, [written[text] for text in row["explanation"]])))
    return found, sentences, unread


def _proof(facts: tuple[Statement, ...], chain: list[str]) -> tuple[Statement, ...]:
    """The derived sentences of a chain `fact, rule, conclusion, rule, conclusion, ...`."""
    labels = {fact.formula: fact.label for fact in facts}
    steps: list[Statement] = []
    for place in range(2, len(chain), 2):
        cited = tuple(labels[text] for text in (chain[place - 2], chain[place - 1]))
        steps.append(Statement(f"int{len(steps) + 1}", chain[place], cited))
        labels[chain[place]] = steps[-1].label
    return tuple(steps)
