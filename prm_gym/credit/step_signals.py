"""Step signals: what is said of every step, as a reward that is then backed up, centred and combined. The first of the five stages.

    signal                          [N] float64, per step                                 columns
    batch.rewards                   the environment's own reward
    prm_margins                     p1 - p0 of a process reward model                     score
    label_signs                     +1 right, -1 wrong                                    label
    log_ratio_rewards               beta (log pi - log pi_ref)                            logprob, ref_logprob
    potential_differences           gamma Phi_{t+1} - Phi_t                               potential, final_potential
    information_gain                what the step added to the probability of an answer   potential, final_potential
    key_step_rewards                what the step added to the farthest point             potential, final_potential
    monte_carlo_differences         r_t + gamma V_{t+1} - V_t, V by roll-outs             mc_value, bootstrap_mc_value
    renorm_rewards                  score + outcome - 1                                   score
    progress_rewards                the outcome, attributed by a progress estimator       progress

Where nothing is known of a step, a signal is NaN, never 0; `prm_gym.credit.stepwise` says what assigners make of that.
"""

from typing import Literal, get_args

import numpy as np

from prm_gym.credit.array_types import BoolArray, Column, FloatArray, IntArray
from prm_gym.credit.grouping import Grouping, group_maxima, rows_text
from prm_gym.credit.normalize import NOISE
from prm_gym.credit.options import require_between, require_choice, require_finite
from prm_gym.credit.returns import trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import CreditError

Residual = Literal["last", "none"]


def prm_margins(batch: StepBatch) -> FloatArray:
    """[N] float64 in [-1, 1], how much more likely right than wrong each step is: p1 - p0 = 2 score - 1; NaN where there is no score.

    Raises:
        CreditError: the column `score` is missing, or not in [0, 1]; names the rows.
    """
    return 2.0 * batch.numbers("score") - 1.0


def label_signs(batch: StepBatch) -> FloatArray:
    """[N] float64, +1 for a step that is right, -1 for a wrong one, NaN where no verifier could tell, or they differ.

    Raises:
        CreditError: the column `label` is missing, or holds something else than 0, 1 and NaN; names the rows.
    """
    return 2.0 * batch.numbers("label") - 1.0


def log_ratio_rewards(batch: StepBatch, beta: float = 0.05) -> FloatArray:
    """[N] float64, beta (log pi(a_t|s_t) - log pi_ref(a_t|s_t)); NaN where either is not known.

    Args:
        batch: with the columns `logprob` and `ref_logprob`, of whole actions.
        beta: finite.

    Raises:
        OptionError: beta is not finite.
        CreditError: a column is missing, or infinite.
    """
    require_finite("beta", beta)
    return beta * (batch.numbers("logprob") - batch.numbers("ref_logprob"))


def change(after: FloatArray, before: FloatArray) -> FloatArray:
    """[N] float64, after - before; exactly 0 where the two differ by rounding alone, so that it has no sign there. NaN where either is NaN.

    Args:
        after: [N] float64.
        before: [N] float64.

    >>> import numpy as np
    >>> change(np.array([0.1 + 0.2, 0.5]), np.array([0.3, 0.25])).tolist()
    [0.0, 0.25]
    """
    moved = after - before
    return np.where(np.abs(moved) <= NOISE * np.maximum(np.abs(after), np.abs(before)), 0.0, moved)


def potentials_after(batch: StepBatch) -> FloatArray:
    """[N] float64, potential of the state after each step: that before the next one, on the last row of a trajectory `final_potential`.

    NaN where it is not known, and on last rows of a batch without the column `final_potential`.
    """
    beyond = batch.numbers("final_potential") if "final_potential" in batch.columns else np.full(batch.rewards.size, np.nan)
    return _shifted(batch.numbers("potential"), beyond, batch.offsets)


def potential_differences(batch: StepBatch, gamma: float = 1.0) -> FloatArray:
    """[N] float64, what each step added to the potential of the state: gamma Phi_{t+1} - Phi_t; NaN where either is not known.

    Without discount they sum to the potential of the end less that of the beginning.

    Args:
        batch: with the column `potential`, and `final_potential` for the end.
        gamma: in [0, 1].
    """
    require_between("gamma", gamma, 0.0, 1.0)
    return change(gamma * potentials_after(batch), batch.numbers("potential"))


def information_gain(batch: StepBatch, *, log: bool = False, floor: float = 1e-8) -> FloatArray:
    """[N] float64, what each step added to the probability that the policy gives an answer; NaN where either probability is not known.

        p_{t+1} - p_t,    or with log    log(p_{t+1} + floor) - log(p_t + floor)

    Args:
        batch: with the column `potential`, the probability of the answer in the state before the step, in [0, 1], and `final_potential`, that at the end.
        log: whether to take logarithms.
        floor: added to probabilities before the logarithm, above 0.

    Raises:
        OptionError: the floor is not above 0.
        CreditError: a probability is not in [0, 1]; names the rows.
    """
    require_between("floor", floor, np.finfo(np.float64).tiny, 1.0)
    require_potentials(batch, 0.0, 1.0)
    before, after = batch.numbers("potential"), potentials_after(batch)
    gain = change(after, before)
    return np.where(gain == 0.0, 0.0, np.log(after + floor) - np.log(before + floor)) if log else gain


def key_step_rewards(batch: StepBatch) -> FloatArray:
    """[N] float64, at least 0: what each step added to the farthest point that its trajectory had reached, so that nothing is paid twice.

        r_t = max(0, Phi_{t+1} - max_{s <= t} Phi_s)

    With `potential` the share of key steps (milestones) that are reached. NaN where the potential after the step is not known, or none before it.

    Args:
        batch: with the column `potential`, in [0, 1], and `final_potential` for the end.

    Raises:
        CreditError: a potential is not in [0, 1]; names the rows.
    """
    require_potentials(batch, 0.0, 1.0)
    after = potentials_after(batch)
    farthest = running_maxima(batch.numbers("potential"), batch.offsets)
    return np.maximum(change(after, farthest), 0.0)  # numpy's maximum hands NaN on


def probe_potentials(accuracy: FloatArray, confidence: FloatArray) -> FloatArray:
    """The potential of SPAE, in [-1, 1], from probes that make the policy answer at once.

        Phi = 1.5 Acc Conf + 0.5 Acc - Conf

    1 for a sure right answer, 0 for an unsure wrong one, -1 for a sure wrong one.

    Args:
        accuracy: [K] float64 in [0, 1], mean probability of the right answer's tokens over the probes; NaN where not known.
        confidence: [K] float64 in [0, 1], mean of exp(-entropy of the next token) over the probes.

    Raises:
        CreditError: one is not in [0, 1]; names the rows.

    Source: SPAE (Wu et al. 2026), arXiv 2601.03823.
    """
    for name, values in (("accuracy", accuracy), ("confidence", confidence)):
        _require_within(name, values)
    return 1.5 * accuracy * confidence + 0.5 * accuracy - confidence


def monte_carlo_differences(batch: StepBatch, gamma: float = 1.0, bootstrap: bool = False) -> FloatArray:
    """[N] float64, r_t + gamma V_{t+1} - V_t with values by fresh roll-outs; NaN where either value is not known.

    After the last step of a trajectory V = 0: what it came to stands in its rewards.

    Args:
        batch: with the column `mc_value`, and `bootstrap_mc_value` where `bootstrap`.
        gamma: in [0, 1].
        bootstrap: whether a truncated trajectory goes on from `bootstrap_mc_value`, not known where that is not; False takes it for a finished one.
    """
    require_between("gamma", gamma, 0.0, 1.0)
    values = batch.numbers("mc_value")
    beyond = np.zeros_like(values)
    if bootstrap:
        last = batch.offsets[1:][batch.truncated] - 1
        beyond[last] = batch.numbers("bootstrap_mc_value")[last] if "bootstrap_mc_value" in batch.columns else np.nan
    return batch.rewards + gamma * _shifted(values, beyond, batch.offsets) - values


def renorm_rewards(batch: StepBatch) -> FloatArray:
    """[N] float64, PPR's rewards: not below 0 in a solved trajectory, not above 0 in a failed one; NaN where score or outcome is not known.

        r_t = score_t + outcome - 1

    Args:
        batch: with the column `score`, in [0, 1].

    Raises:
        CreditError: a score is not in [0, 1]; names the rows.
    """
    return batch.numbers("score") + batch.outcomes[batch.trajectory_of_step] - 1.0


def progress_rewards(batch: StepBatch, *, residual: Residual = "last", weight: float = 1.0, grounding: float = 0.0) -> FloatArray:
    """[N] float64, the reward of each step by what it added to the expected outcome.

        r_t = weight * c_t + grounding * r^env_t + [t last and residual "last"] weight * (R - sum_u c_u),    R = sum_t r^env_t

    With residual "last", weight 1 and grounding 0 the rewards of a trajectory sum to R, whatever the estimator says: c is the difference of a potential
    Phi_t = sum_{u<t} c_u, and the return-to-go is R - Phi_t without discount. Phi_t depends on what came before step t alone, so it is a baseline: the
    expected policy gradient is that of R, and a poor estimator costs variance and no bias, as long as it has not been fitted to these very episodes.

    A step without an estimate adds 0; the residual takes in what it may have added.

    Args:
        batch: with the column `progress`, c; NaN where not known.
        residual: "last", or "none" for the estimator's rewards alone, as published.
        weight: of the attributed outcome, finite.
        grounding: of the environment's own rewards (SPA: whether the environment accepted the action), finite.

    Raises:
        OptionError: an option is none of its choices, or not finite.
        CreditError: the column is missing, or a trajectory has no estimate at all; names the trajectories.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 0, 1], [0, 3], ["task"], [1], [False], {"progress": [0.25, 0.5, 0.125]})
    >>> progress_rewards(batch).tolist()
    [0.25, 0.5, 0.25]
    """
    require_choice("residual", residual, get_args(Residual))
    require_finite("weight", weight)
    require_finite("grounding", grounding)
    progress = batch.numbers("progress")
    unknown = np.isnan(progress)
    blind = np.bincount(batch.trajectory_of_step[~unknown], minlength=batch.lengths.size) == 0
    if blind.any():
        raise CreditError(f"progress is not known on any step of the trajectories in {rows_text(blind)}; leave them out, or look into the estimator.")
    attributed = np.where(unknown, 0.0, progress)
    if residual == "last":
        attributed[batch.offsets[1:] - 1] += trajectory_returns(batch.rewards, batch.offsets) - trajectory_returns(attributed, batch.offsets)
    return weight * attributed + grounding * batch.rewards


def min_form_weights(rewards: FloatArray, offsets: IntArray, temperature: float) -> FloatArray:
    """[N] float64 in [0, 1], softmin weights of the steps of each trajectory: they sum to 1, and sum_t w_t r_t is nearly the least reward.

        w_t = exp(-r_t / T) / sum_u exp(-r_u / T)

    Args:
        rewards: [N] float64; a step that is NaN has the weight 0, and the others share.
        offsets: [M+1] int64.
        temperature: T, at least 0; with 0 the steps of the least reward, rounding aside, share the weight evenly.

    Raises:
        OptionError: the temperature is below 0, or not a number.

    Source: PURE (Cheng et al. 2025), arXiv 2504.15275.
    """
    require_between("temperature", temperature, 0.0, np.inf)
    owners = _owners(offsets)
    known = ~np.isnan(rewards)
    lowest = -group_maxima(np.where(known, -rewards, -np.inf), owners)[owners.codes]
    largest = group_maxima(np.where(known, np.abs(rewards), 0.0), owners)[owners.codes]
    above = np.where(known, rewards, 0.0) - np.where(known, lowest, 0.0)
    above[above <= NOISE * largest] = 0.0  # near T = 0 rounding would choose among equally bad steps
    with np.errstate(over="ignore"):  # so far above the least that it is infinitely many T: the weight is exp(-inf) = 0
        raw = np.where(known, np.exp(-above / temperature) if temperature > 0.0 else above == 0.0, 0.0)
    totals = np.bincount(owners.codes, weights=raw, minlength=owners.count)[owners.codes]
    return raw / np.where(totals > 0.0, totals, 1.0)


def running_maxima(values: FloatArray, offsets: IntArray) -> FloatArray:
    """[N] float64, the greatest known value of the trajectory up to each step, itself included; NaN where none is known yet. O(N log T), exact.

    Args:
        values: [N] float64; NaN where not known.
        offsets: [M+1] int64.
    """
    lengths = np.diff(offsets)
    place = np.arange(values.size) - np.repeat(offsets[:-1], lengths)
    reach, longest = 1, int(lengths.max(initial=0))
    maxima = values.copy()
    while reach < longest:
        earlier = np.where(place[reach:] >= reach, maxima[:-reach], np.nan)
        maxima[reach:] = np.fmax(maxima[reach:], earlier)  # fmax ignores NaN
        reach *= 2
    return maxima


def require_potentials(batch: StepBatch, low: float, high: float) -> None:
    """Refuse potentials outside [low, high], those of the ends included; what a potential is differs from assigner to assigner.

    Raises:
        CreditError: one is outside, or the column `potential` is missing; names the rows.
    """
    for name in ("potential", *(("final_potential",) if "final_potential" in batch.columns else ())):
        _require_within(f"the column {name!r}", batch.numbers(name), low, high)


def final_answers(batch: StepBatch) -> Column:
    """[M] keys, what each trajectory answered in the end; None for one without an answer.

    Args:
        batch: with the column `answer_key`, the same on all steps of a trajectory.

    Raises:
        CreditError: the column is missing, or differs within a trajectory; names the rows.
    """
    keys = batch.column("answer_key")
    answers = keys[batch.offsets[:-1]]
    wrong: BoolArray = np.not_equal(keys, answers[batch.trajectory_of_step]).astype(np.bool_)
    if wrong.any():
        raise CreditError(f"the column 'answer_key' must be the same on all steps of a trajectory, which it is not in {rows_text(wrong)}.")
    return answers


def _shifted(before: FloatArray, beyond: FloatArray, offsets: IntArray) -> FloatArray:
    """[N] float64, the value before the next step of the trajectory; that of `beyond` on its last row."""
    last = offsets[1:] - 1
    after = np.empty_like(before)
    after[:-1] = before[1:]
    after[last] = beyond[last]
    return after


def _owners(offsets: IntArray) -> Grouping:
    lengths = np.diff(offsets)
    return Grouping(np.repeat(np.arange(lengths.size, dtype=np.int64), lengths), lengths.size)


def _require_within(name: str, values: FloatArray, low: float = 0.0, high: float = 1.0) -> None:
    wrong = (values < low) | (values > high)
    if wrong.any():
        raise CreditError(f"{name} must be in [{low:g}, {high:g}], or NaN where not known, got something else in {rows_text(wrong)}.")
