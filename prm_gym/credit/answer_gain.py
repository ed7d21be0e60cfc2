"""IGPO and SIOP: what each step added to the probability of an answer."""

from typing import Literal, get_args

import numpy as np

from prm_gym.credit.array_types import BoolArray, FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics, unknown_share
from prm_gym.credit.grouping import Grouping, factorise, group_sums, intersection
from prm_gym.credit.keys import by_task
from prm_gym.credit.normalize import normalized
from prm_gym.credit.options import require_between, require_choice
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.step_signals import final_answers, information_gain
from prm_gym.credit.stepwise import normalized_known, process_credit, trajectory_means

Gain = Literal["difference", "log"]
Pooling = Literal["joint", "separate"]


@assigner(needs=("potential",))
def igpo(
    batch: StepBatch,
    *,
    gain: Gain = "difference",
    normalize: Pooling = "joint",
    gamma: float = 1.0,
    eps: float = 1e-6,
    ddof: int = 1,
) -> Credit:
    """What each step added to the probability of the right answer, and the outcome on the last; normalised, and summed over the steps that follow.

        r_{i,t} = p_{t+1} - p_t for t < T,    r_{i,T} = R_i,    A_{i,t} = sum_{u >= t} gamma^(u-t) (r_{i,u} - mean r) / (std r + eps)

    p_t is the probability that the policy gives the right answer in the state before step t, if it answered at once. "joint": mean and std over all steps of
    the task; "separate": over the gains of the task's steps, and over the outcomes of its trajectories. Trajectories of one step get GRPO's advantage.

    In the source p is exp of the mean log-probability of the answer's tokens after what was written so far.

    Args:
        batch: N steps with the column `potential`, p, in [0, 1]; NaN where not known: a step without gain adds 0.
        gain: "difference" as in the paper, or "log", the difference of logarithms, which their code also has.
        normalize: "joint" as in the paper, or "separate".
        gamma: discount, in [0, 1].
        eps: added to standard deviations, outside the root.
        ddof: of standard deviations.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over the steps that are known with the prefix `step_`; `unknown_share`.

    Source: IGPO (Wang et al. 2025), arXiv 2510.14967, and the options of its code. Confidence: medium; ddof, eps and the outcome of a lone trajectory (raw) are
    those of GRPO in verl.
    """
    require_choice("gain", gain, get_args(Gain))
    require_choice("normalize", normalize, get_args(Pooling))
    last = batch.offsets[1:] - 1
    totals = trajectory_returns(batch.rewards, batch.offsets)
    rewards = information_gain(batch, log=gain == "log")
    rewards[last] = totals if normalize == "joint" else np.nan
    relative = normalized_known(rewards, by_task(batch), scale="std", eps=eps, ddof=ddof, singleton="raw" if normalize == "joint" else "zero")
    values, known = relative.values.copy(), relative.known.copy()
    if normalize == "separate":
        values[last] = normalized(totals, batch.tasks, scale="std", eps=eps, ddof=ddof, singleton="raw")
        known[last] = True
    figures = group_diagnostics(relative.members, relative.values[relative.known], prefix="step_") | unknown_share(known)
    return process_credit(batch, discounted_returns(values, batch.offsets, gamma), figures)


@assigner(needs=("answer_key", "potential"), uses=("final_potential", "score"))
def siop(batch: StepBatch, *, damping: float = 0.5, support_weight: float = 0.0, gamma: float = 1.0, eps: float = 1e-6, ddof: int = 0) -> Credit:
    """What each step added to the probability of the answer that the attempt came to, weighted by how many attempts agree on it. Needs no right answer.

        q_c = m_c/K exp(eta S_c) / sum_c' m_c'/K exp(eta S_c'),    r_t = q_c (log p_{t+1} - log p_t) + [t last] (1 - damping) q_c
        A_{i,t} = sum_{u >= t} gamma^(u-t) (r_{i,u} - mean_g r) / (std_g r + eps)

    m_c of the K attempts at the task that answered came to the answer c; p_t is the probability of c in the state before step t, S_c its mean support. mean
    and std over all steps of the task. An attempt of one step, or the last step where p is not known, has (1 - damping) q_c alone.

        answers = key_array(...)                                                   # one of each attempt, None without
        batch.with_columns({"answer_key": answers[batch.trajectory_of_step], "potential": p})

    In the source p is exp of the mean log-probability of the answer's tokens after what was written so far, a weighted mean over up to three ways to write it.

    Args:
        batch: N steps with the columns `answer_key` (None on the steps of an attempt without an answer: nothing is known of those) and `potential`, p of the
            attempt's own answer, in [0, 1]; `final_potential`, p after the last step; NaN where not known: such a step adds 0.
        damping: lambda, in [0, 1].
        support_weight: eta, in [0, 100]; above 0 the column `score` is needed: the support of an attempt is the mean of its known scores;
            an attempt without any has no part in S_c, which is 0 where no attempt at c has one.
        gamma: discount, in [0, 1].
        eps: added to the standard deviation, outside the root.
        ddof: of the standard deviation.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`: over the steps that are known with the prefix `step_`, over the answers with
        the prefix `answer_` (zero_std_share aside); `unknown_share`.

    Source: SIOP (2026), arXiv 2605.04984, and its code (commit a871ef90). Confidence: medium; ddof and eps are ours. There answers are clustered by entailment,
    and support is what the tool's outputs entail: readings are a key of the answer, and scores of verifiers.
    """
    require_between("damping", damping, 0.0, 1.0)
    require_between("support_weight", support_weight, 0.0, 100.0)
    last = batch.offsets[1:] - 1
    weights, answers = _answer_weights(batch, support_weight)
    gains = information_gain(batch, log=True)
    gains[last] = np.where(np.isnan(gains[last]) | (batch.lengths == 1), 0.0, gains[last])
    rewards = gains * weights[batch.trajectory_of_step]
    rewards[last] += (1.0 - damping) * weights
    relative = normalized_known(rewards, by_task(batch), scale="std", eps=eps, ddof=ddof)
    figures = group_diagnostics(relative.members, relative.values[relative.known], prefix="step_") | unknown_share(relative.known)
    sizes = {f"answer_{name}": value for name, value in group_diagnostics(answers, np.ones(answers.codes.size)).items() if name != "zero_std_share"}
    return process_credit(batch, discounted_returns(relative.values, batch.offsets, gamma), figures | sizes)


def _answer_weights(batch: StepBatch, support_weight: float) -> tuple[FloatArray, Grouping]:
    """[M] float64, q of each trajectory's answer, NaN without one; and which of those with one agree."""
    keys = final_answers(batch)
    answered: BoolArray = np.array([key is not None for key in keys.tolist()], dtype=np.bool_)
    tasks = factorise(batch.tasks.codes[answered])
    answers = intersection(tasks, factorise(keys[answered], "answer_key"))
    support = _support(batch)[answered] if support_weight > 0.0 else np.zeros(answers.codes.size)
    told = ~np.isnan(support)
    means = group_sums(np.where(told, support, 0.0), answers) / np.maximum(group_sums(told.astype(np.float64), answers), 1.0)
    mass = np.exp(support_weight * means)[answers.codes]  # summed over the attempts of c it is m_c exp(eta S_c)
    weights = np.full(answered.size, np.nan)
    weights[answered] = group_sums(mass, answers)[answers.codes] / group_sums(mass, tasks)[tasks.codes]
    return weights, answers


def _support(batch: StepBatch) -> FloatArray:
    """[M] float64 in [0, 1], mean of the known scores of each trajectory; NaN without any."""
    return trajectory_means(batch.numbers("score"), batch)
