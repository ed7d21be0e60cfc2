"""Pairs of steps, one of them better, for preference losses: which two rows of a batch, and by how much.

batch = StepBatch.from_trajectories(trajectories)                     # with verdicts, or with the column mc_value
pairs = step_dpo_pairs(batch, standing(batch.numbers("score")))       # the first wrong step of an attempt against a right one in the same situation
agent.prefer(preferences(batch, pairs))                               # prm_gym.training.pairs
"""

from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np

from prm_gym.credit.array_types import FloatArray, IntArray
from prm_gym.credit.grouping import Grouping
from prm_gym.credit.keys import by_state
from prm_gym.credit.options import require_between, require_finite
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.trees import step_tree
from prm_gym.errors import OptionError


class StepPair(NamedTuple):
    """Two steps that were taken in the same situation.

    Attributes:
        chosen: row of the better one.
        rejected: row of the worse one.
        margin: by how much, in the units of what they were told apart by; NaN where it has none.
    """

    chosen: int
    rejected: int
    margin: float


def standing(quality: FloatArray, threshold: float = 0.5) -> FloatArray:
    """[N] float64, 1 for a step that is right, 0 for one that is wrong, NaN where that is not known.

    Args:
        quality: [N] float64: labels, scores, or what the steps led to (`prm_gym.credit.monte_carlo.values_after`: right is a step after which some roll-out
            succeeds, with a threshold just above 0); NaN where not known.
        threshold: from which on a step is right, finite.

    Raises:
        OptionError: the threshold is not finite; nothing would be right.
    """
    require_finite("threshold", threshold)
    return np.where(np.isnan(quality), np.nan, (quality >= threshold).astype(np.float64))


def situations(batch: StepBatch) -> Grouping:
    """Which steps were taken in the same situation: at the same node of a tree (the column `parent`), else in the same state of the same task.

    Args:
        batch: with the column `parent` or `state_key`.

    Raises:
        CreditError: it has neither.
    """
    if "parent" in batch.columns:
        return step_tree(batch).siblings
    return by_state(batch)


def wrong_so_far(batch: StepBatch, right: FloatArray) -> FloatArray:
    """[N] float64, number of steps that are known to be wrong up to each step, itself included; along the tree where the batch is one.

    Args:
        batch: N steps.
        right: [N] of `standing`.
    """
    wrong = (right == 0.0).astype(np.float64)
    if "parent" in batch.columns:
        return step_tree(batch).path_sums(wrong)
    earlier = np.cumsum(wrong)
    return earlier - (earlier - wrong)[batch.offsets[:-1]][batch.trajectory_of_step]


def step_dpo_pairs(batch: StepBatch, right: FloatArray, *, success: float = 1.0, per_situation: int = 4, among: Grouping | None = None) -> list[StepPair]:
    """The first wrong step of an attempt, and a right step of another one in the same situation.

    The rejected step is the first wrong one of its attempt, so that what came before it stands. The chosen one is right, no step before it is wrong, and its
    attempt succeeded. An action stands in a situation once: as chosen with the best outcome that it had, as rejected where it first was; no action is
    preferred to itself, whatever was said of it. Where each of two actions was found better than the other (the verifier contradicts itself, or what came
    before makes the difference), neither pair stands.

    Args:
        batch: N steps, with the column `action_key`.
        right: [N] 1 right, 0 wrong, NaN not known (see `standing`).
        success: the least outcome of an attempt whose steps are chosen, in [0, 1].
        per_situation: pairs of one situation at the most, >= 1: those whose chosen step had the better outcome come first.
        among: of the N rows, which were taken in the same situation; None for `situations`.

    Returns:
        Pairs, situation by situation in the order of the rejected rows; the margin is the difference of the outcomes, NaN where the rejected one's is not
        known.

    Source: Step-DPO (Lai et al. 2024), arXiv 2406.18629. Confidence: high for the rejected step; there the chosen one is sampled anew from the right beginning
    (`prm_gym.training.splicing` does that), here it is one that another attempt took.
    """
    require_between("success", success, 0.0, 1.0)
    if per_situation < 1:
        raise OptionError(f"per_situation must be 1 or more, got {per_situation!r}.")
    codes = (situations(batch) if among is None else among).codes
    done: list[Any] = batch.column("action_key").tolist()
    outcomes = batch.outcomes[batch.trajectory_of_step]
    wrong = wrong_so_far(batch, right)
    rejected = _first_of_each(codes, done, np.flatnonzero((right == 0.0) & (wrong == 1.0)))
    chosen = _first_of_each(codes, done, _by_outcome(np.flatnonzero((right == 1.0) & (wrong == 0.0) & (outcomes >= success)), outcomes))
    pairs: list[StepPair] = []
    for situation, losers in rejected.items():
        found = [StepPair(good, bad, float(outcomes[good] - outcomes[bad])) for good in chosen.get(situation, []) for bad in losers if done[good] != done[bad]]
        pairs += _uncontradicted(found, codes, done)[:per_situation]
    return pairs


def critical_step_pairs(batch: StepBatch, *, low: float = 0.45, high: float = 0.65, success: float = 1.0) -> list[StepPair]:
    """Verified critical steps: a doubtful step of a failed attempt, and an alternative to it that was played on and succeeded.

    A step of a failed attempt is critical where its score lies below `low` and that of some alternative above `high`. Its pairs are with those alternatives
    above `high` whose own attempt succeeded: the score alone is not believed.

    Args:
        batch: N steps with the columns `score` and `action_key`, and the alternatives as branches (the column `parent`), or as other attempts that came by the
            same `state_key`.
        low: of the score of a step, in [0, 1].
        high: of the score of an alternative, in [low, 1].
        success: the least outcome of a success, in (0, 1].

    Returns:
        Pairs by rejected row, then by chosen row; the margin is the difference of the scores. Each chosen action stands once beside a rejected row. Where in
        one situation each of two actions was found better than the other, neither pair stands.

    Source: CSO (2026), arXiv 2602.03412, and its README (kiaia/CSO 55e10b4b): K = 5 alternatives of an expert a step, .45 and .65 in the paper, .5 and .6 in a
    script, then DPO with beta .5. Confidence: medium; that the alternative that is kept must itself lie above `high` is our reading.
    """
    require_between("low", low, 0.0, 1.0)
    require_between("high", high, low, 1.0)
    if not 0.0 < success <= 1.0:
        raise OptionError(f"success must be in (0, 1], got {success!r}.")
    scores = batch.numbers("score")
    outcomes = batch.outcomes[batch.trajectory_of_step]
    codes = situations(batch).codes
    verified = defaultdict[int, list[int]](list)
    for row in np.flatnonzero((scores > high) & (outcomes >= success)).tolist():
        verified[int(codes[row])].append(row)
    done: list[Any] = batch.column("action_key").tolist()
    pairs: list[StepPair] = []
    for row in np.flatnonzero((scores < low) & (outcomes < success)).tolist():
        alternatives = {done[other]: other for other in reversed(verified.get(int(codes[row]), [])) if done[other] != done[row]}
        pairs += [StepPair(other, row, float(scores[other] - scores[row])) for other in sorted(alternatives.values())]
    return _uncontradicted(pairs, codes, done)


def _uncontradicted(pairs: list[StepPair], codes: IntArray, actions: list[Any]) -> list[StepPair]:
    """The pairs whose reverse does not stand among them, in their order: a loss over both would pull either way and teach nothing."""
    said = {(int(codes[pair.chosen]), actions[pair.chosen], actions[pair.rejected]) for pair in pairs}
    return [pair for pair in pairs if (int(codes[pair.chosen]), actions[pair.rejected], actions[pair.chosen]) not in said]


def _by_outcome(rows: IntArray, outcomes: FloatArray) -> IntArray:
    return rows[np.argsort(-outcomes[rows], kind="stable")]


def _first_of_each(codes: IntArray, actions: list[Any], rows: IntArray) -> dict[int, list[int]]:
    """Rows by situation, each action once, in the order given."""
    found: dict[int, dict[Any, int]] = {}
    for row in rows.tolist():
        found.setdefault(int(codes[row]), {}).setdefault(actions[row], row)
    return {situation: list(once.values()) for situation, once in found.items()}
