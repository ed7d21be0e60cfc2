"""The part of the page on verifiers: what they cost, how often they could not tell, and how they go with outcomes and with each other."""

from collections.abc import Iterable
from typing import TypeVar

import msgspec

from prm_gym.report.comparison import Comparison
from prm_gym.report.formatting import MISSING, count, duration, percent
from prm_gym.report.markup import Html, element, join
from prm_gym.report.tables import Column, Figure, section, table
from prm_gym.verdict_ledger import VerifierPair, VerifierUse

Counts = TypeVar("Counts", VerifierUse, VerifierPair)


def verifier_section(comparison: Comparison) -> Html:
    """The section; nothing where no run has asked a verifier, or where the runs are of a version that did not count this."""
    used, apart = verifiers_of(comparison)
    if not used:
        return join()
    counted_over = f"Over the training of all {len(comparison.runs)} runs, evaluations aside. "
    said = (
        "Cannot tell, too late, failed: verdicts without a score, each for its reason; they count neither as right nor as wrong. Remembered: verdicts "
        "taken from memory; a dash where the verifier keeps none, or where that cannot be seen."
    )
    parts = [table("What every verifier cost", _COST, [_cost(use) for use in used]), element("p", counted_over + said, class_="caption")]
    if any(use.solved + use.unsolved for use in used):
        parts += [
            table("Verdicts and outcomes", _FIDELITY, [_fidelity(use) for use in used], show_caption=True),
            element("p", _FIDELITY_SAID, class_="caption"),
        ]
    if apart:
        said = "Steps that both have scored; apart where one accepts (a score of at least one half) and the other refuses."
        parts += [table("Verifiers and each other", _PAIRS, [_pair(pair) for pair in apart], show_caption=True), element("p", said, class_="caption")]
    return section("verifiers", "Verifiers", *parts)


def verifiers_of(comparison: Comparison) -> tuple[tuple[VerifierUse, ...], tuple[VerifierPair, ...]]:
    """What every verifier, and every two of them, have done over all runs, by their ids."""
    uses: dict[str, VerifierUse] = {}
    pairs: dict[tuple[str, str], VerifierPair] = {}
    for run in comparison.runs:
        for use in run.verifiers:
            uses[use.verifier] = _sum(uses[use.verifier], use) if use.verifier in uses else use
        for pair in run.pairs:
            key = (pair.first, pair.second)
            pairs[key] = _sum(pairs[key], pair) if key in pairs else pair
    return _sorted(uses.values()), tuple(pairs[key] for key in sorted(pairs))


def _sorted(uses: Iterable[VerifierUse]) -> tuple[VerifierUse, ...]:
    return tuple(sorted(uses, key=lambda use: use.verifier))


def _sum(one: Counts, other: Counts) -> Counts:
    """The numbers of both added; a number that one of them does not know is not known."""
    data, more = msgspec.structs.asdict(one), msgspec.structs.asdict(other)
    added = {
        name: None if value is None or more[name] is None else value + more[name]
        for name, value in data.items()
        if not isinstance(value, str)
    }  # fmt: skip
    return msgspec.structs.replace(one, **added)


_COST = (
    Column("Verifier"), Column("Calls", kind="number"), Column("Time", kind="number"), Column("Time a call", kind="number"),
    Column("Waiting", kind="number"), Column("Remembered", kind="number"), Column("Cannot tell", kind="number"), Column("Too late", kind="number"),
    Column("Failed", kind="number"),
)  # fmt: skip
_FIDELITY = (
    Column("Verifier"), Column("Solved episodes", kind="number"), Column("with a refused step", kind="number"),
    Column("Failed episodes", kind="number"), Column("with a refused step", kind="number"), Column("Agreement", kind="number"),
)  # fmt: skip
_PAIRS = (Column("Verifiers"), Column("Steps", kind="number"), Column("Apart", kind="number"), Column("Share", kind="number"))
_FIDELITY_SAID = (
    "Episodes in which the verifier has scored a step. The outcome is what is known for certain of an episode; of a step it says nothing: a solved episode may "
    "hold a wrong step, and a failed one right steps alone. Agreement: the share of solved episodes without a refused step, averaged with the share of failed "
    "ones with one; 50% is what verdicts that know nothing of the outcome come to. How often verdicts on single steps are right is measured against labels: "
    "prm-gym eval-prm."
)


def _cost(use: VerifierUse) -> list[Html | Figure | str]:
    each = use.seconds / use.calls if use.calls else None
    share = None if use.remembered is None or not use.calls else use.remembered / use.calls
    unscored = [
        Figure(f"{count(lost)} ({percent(lost / use.calls if use.calls else None)})" if lost else "0", lost) for lost in (use.abstain, use.timeout, use.error)
    ]
    return [
        use.verifier, Figure(count(use.calls), use.calls), Figure(duration(use.seconds), use.seconds),
        Figure(MISSING if each is None else f"{1000 * each:.3g} ms", each), Figure(duration(use.queued_seconds), use.queued_seconds),
        Figure(percent(share), share),
        *unscored,
    ]  # fmt: skip


def agreement(use: VerifierUse) -> float | None:
    """How far refused steps and failed episodes go together, in [0, 1], each kind of episode with half the weight; None where one kind is missing."""
    if not (use.solved and use.unsolved):
        return None
    return 0.5 * (1.0 - use.solved_refused / use.solved) + 0.5 * use.unsolved_refused / use.unsolved


def _fidelity(use: VerifierUse) -> list[Html | Figure | str]:
    cells: list[Html | Figure | str] = [use.verifier]
    for episodes, refused in ((use.solved, use.solved_refused), (use.unsolved, use.unsolved_refused)):
        share = refused / episodes if episodes else None
        cells += [Figure(count(episodes), episodes), Figure(percent(share), share)]
    found = agreement(use)
    return [*cells, Figure(percent(found), found)]


def _pair(pair: VerifierPair) -> list[Html | Figure | str]:
    share = pair.apart / pair.both if pair.both else None
    return [f"{pair.first}, {pair.second}", Figure(count(pair.both), pair.both), Figure(count(pair.apart), pair.apart), Figure(percent(share), share)]
