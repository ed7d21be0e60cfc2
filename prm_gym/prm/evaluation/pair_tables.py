"""Tables about pairs: ToolComp and WebPRMBench."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from prm_gym.prm.evaluation.bootstrap import ratio_of_sums, sums_interval
from prm_gym.prm.evaluation.pairwise import ComparesSteps, Preference, by_scores, pairwise_score
from prm_gym.prm.evaluation.result import Row, Table
from prm_gym.prm.evaluation.scoring import ChainRequest, Scored, ScoreFile, score_chains
from prm_gym.prm.pairs import PreferencePair
from prm_gym.verifier import Verifier


def preferences_of(
    verifier: Verifier, pairs: Sequence[PreferencePair], scores: ScoreFile, name: str = "", notice: Callable[[int, int], None] | None = None
) -> tuple[list[Preference], Scored | None]:
    """What a verifier prefers: asked in both orders where it compares steps, else by the scores that it gives to each."""
    if isinstance(verifier, ComparesSteps):
        one = verifier.compare([(pair.chosen, pair.rejected) for pair in pairs])
        other = verifier.compare([(pair.rejected, pair.chosen) for pair in pairs])
        return [Preference(first, second) for first, second in zip(one, other, strict=True)], None
    requests = [ChainRequest(chain, ends_only=True) for pair in pairs for chain in (pair.chosen, pair.rejected)]
    found = score_chains(verifier, requests, scores, name, notice=notice)
    last = [steps[-1].score if steps else None for steps in found.steps]
    return [by_scores(last[2 * at], last[2 * at + 1]) for at in range(len(pairs))], found


def pair_tables(pairs: Sequence[PreferencePair], preferences: Sequence[Preference], name: str, seed: int = 0) -> Iterator[Table]:
    """The figures of all pairs and of each part, beside chance and the longer step."""
    if not pairs:
        return
    parts = sorted({_part(pair) for pair in pairs})
    rows: list[Row] = []
    longer = [by_scores(*(float(sum(map(len, texts))) for texts in pair.own_texts)) for pair in pairs]
    tied = [Preference("tie", "tie")] * len(pairs)
    for part in ["", *parts] if len(parts) > 1 else [""]:
        at = [index for index, pair in enumerate(pairs) if part in ("", _part(pair))]
        rows.append(_row(part or name, pairs, preferences, at, seed))
    for said, other in (("the longer step", longer), ("always a tie", tied)):
        rows.append(Row(_row(said, pairs, other, range(len(pairs)), seed).cells, "baseline"))
    yield Table(
        "pairwise",
        "Which of two steps is better",
        ("", "pairs", "states", "score", "PairwiseAcc", "BoNAcc", "undecided", "flipped"),
        tuple(rows),
        "Score: 1 where the better step is chosen in both orders, 0 where the worse one is, else 0.5 (ToolComp). PairwiseAcc: chosen in both; BoNAcc: in all "
        "pairs of its state (WebPRMBench). Flipped: the place decides; a verifier that scores each step by itself cannot be.",
    )


def _row(name: str, pairs: Sequence[PreferencePair], preferences: Sequence[Preference], at: Sequence[int], seed: int) -> Row:
    own, groups = [preferences[index] for index in at], [pairs[index].group_key for index in at]
    found = pairwise_score(own, groups)
    values = np.array([[preference.score, float(preference.won), 1.0] for preference in own])
    states: dict[str, bool] = {}
    for preference, group in zip(own, groups, strict=True):
        states[group] = states.get(group, True) and preference.won
    won = np.array([[float(value), 1.0] for value in states.values()])
    score = sums_interval(groups, values, lambda sums: sums[..., 0] / sums[..., 2], seed)
    accuracy = sums_interval(groups, values, lambda sums: sums[..., 1] / sums[..., 2], seed)
    best = sums_interval(list(states), won, ratio_of_sums, seed)
    return Row((name, found.pairs, found.groups, score, accuracy, best, found.undecided, found.flipped))


def _part(pair: PreferencePair) -> str:
    return " ".join(part for part in (pair.source, pair.domain) if part)
