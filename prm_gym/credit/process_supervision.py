"""GRPO with process supervision, and with rewards for key steps."""

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics, unknown_share
from prm_gym.credit.grouping import Grouping, group_maxima
from prm_gym.credit.keys import by_task
from prm_gym.credit.normalize import Singleton
from prm_gym.credit.options import require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.step_signals import final_answers, key_step_rewards, label_signs, potentials_after, require_potentials
from prm_gym.credit.stepwise import normalized_known, outcome_and_steps, process_credit


@assigner(needs=("score",))
def grpo_ps(batch: StepBatch, *, eps: float = 1e-6, ddof: int = 1) -> Credit:
    """Scores of a process reward model, normalised among all steps of the task, summed over this step and those that follow.

        A_{i,t} = sum_{u >= t} (p_{i,u} - mean_g p) / (std_g p + eps)

    over the steps of all attempts at the task, so that a long attempt counts more. The outcome has no part in it. A task whose scores are all equal, or
    with one step, gets exactly 0.

    Args:
        batch: N steps with the column `score`; NaN where not known: such a step has no part in mean and std, and adds 0.
        eps: added to the standard deviation, outside the root.
        ddof: of the standard deviation; 1 as torch.std has it.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over the steps that are known with the prefix `step_`, and `unknown_share`.

    Source: GRPO (Shao et al. 2024), arXiv 2402.03300, section 4.1.3, process supervision (GRPO+PS). Confidence: high; eps and ddof are those of GRPO's
    outcome supervision in verl.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 1, 0], [0, 2, 3], ["task", "task"], [1, 0], [False, False], {"score": [1.0, 1.0, 0.25]})
    >>> (grpo_ps(batch).advantages * 3**0.5).round(3).tolist()
    [2.0, 1.0, -2.0]
    """
    relative = normalized_known(batch.numbers("score"), by_task(batch), scale="std", eps=eps, ddof=ddof)
    return process_credit(
        batch,
        discounted_returns(relative.values, batch.offsets, gamma=1.0),
        group_diagnostics(relative.members, relative.values[relative.known], prefix="step_") | unknown_share(relative.known),
    )


@assigner(needs=("potential",), uses=("final_potential",))
def key_steps(batch: StepBatch, *, step_weight: float = 1.0, eps: float = 1e-6, ddof: int = 1, singleton: Singleton = "raw") -> Credit:
    """Group-relative advantage of the trajectory, plus that of the key steps which the step reached for the first time, among all steps of the task.

        A_{i,t} = A^E_i + step_weight * (k_{i,t} - mean_g k) / (std_g k + eps),    k_t = max(0, Phi_{t+1} - max_{s <= t} Phi_s)

    A^E is GRPO's advantage; Phi the share of the task's key steps (milestones) that are reached, see `key_step_rewards`.

    Args:
        batch: N steps with the column `potential`, and `final_potential` for the last steps, in [0, 1]; NaN where not known.
        step_weight: of the step term, finite.
        eps: added to standard deviations, outside the root.
        ddof: of standard deviations.
        singleton: A^E of a trajectory that is alone in its task: "raw" or "zero"; the step term of a lone step is 0.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`: over trajectories, and over the steps that are known with the prefix `step_`;
        `unknown_share`.

    Source: ours, a reading: rewards for key steps that a reference solution names, as in R1-VL (Zhang et al. 2025), arXiv 2503.12937, but paid where they are
    reached. Confidence: low.
    """
    return outcome_and_steps(batch, key_step_rewards(batch), step_weight=step_weight, eps=eps, ddof=ddof, singleton=singleton)


@assigner(needs=("potential",), uses=("final_potential", "label", "answer_key"))
def step_grpo(
    batch: StepBatch,
    *,
    key_weight: float = 0.1,
    validity_weight: float = 1.0,
    eps: float = 1e-6,
    ddof: int = 1,
    singleton: Singleton = "raw",
) -> Credit:
    """GRPO over the outcome, the share of key steps that the trajectory reached, and whether all its steps hold.

        r_i = [answered] (R_i + key_weight * k_i) + validity_weight * [no step is wrong],    A_{i,t} = (r_i - mean_g r) / (std_g r + eps)

    k_i is the farthest that the potential (share of the key steps that are reached) came to. Despite its name the credit is one of trajectories. At a task
    at which no attempt answered, and without the column `answer_key`, every trajectory counts as answered: nothing says that there is an answer to give.
    Without `label` the last term is left out; a step that is not known to be wrong is not wrong.

    Args:
        batch: N steps with the column `potential`, in [0, 1]; with `final_potential`, `label` and `answer_key` where there are any.
        key_weight: alpha, finite.
        validity_weight: finite.
        eps: added to the standard deviation, outside the root.
        ddof: of the standard deviation.
        singleton: advantage of a trajectory that is alone in its group: "raw" or "zero".

    Returns:
        advantages [N] float64, per step; keep False for trajectories of which no potential is known: they are no part of any group, and have the advantage 0;
        diagnostics as in `group_diagnostics`, over the others, and `unknown_share`, share in [0, 1] of the steps of those.

    Source: R1-VL (Zhang et al. 2025), arXiv 2503.12937, StepGRPO: alpha .1; from an account of the paper. Confidence: medium. There the last term asks for
    format and order of the solution; that no verifier finds a wrong step stands for it: a reading.
    """
    require_finite("key_weight", key_weight)
    require_finite("validity_weight", validity_weight)
    tasks = batch.tasks
    owner = batch.trajectory_of_step
    totals = trajectory_returns(batch.rewards, batch.offsets) + key_weight * _farthest(batch)
    if "answer_key" in batch.columns:
        answered = np.array([answer is not None for answer in final_answers(batch).tolist()], dtype=np.bool_)
        with_answers = np.bincount(tasks.codes[answered], minlength=tasks.count) > 0
        totals = np.where(answered | np.isnan(totals) | ~with_answers[tasks.codes], totals, 0.0)
    if "label" in batch.columns:
        totals = totals + validity_weight * (np.bincount(owner[label_signs(batch) < 0.0], minlength=totals.size) == 0)
    relative = normalized_known(totals, tasks, scale="std", eps=eps, ddof=ddof, singleton=singleton)
    known = relative.known[owner]
    figures = group_diagnostics(relative.members, relative.values[relative.known]) | unknown_share(known)
    return Credit(relative.values[owner], discounted_returns(batch.rewards, batch.offsets, gamma=1.0), known, figures)


def _farthest(batch: StepBatch) -> FloatArray:
    """[M] float64, the greatest known potential of each trajectory, its end included; NaN where none is known."""
    require_potentials(batch, 0.0, 1.0)
    reached = np.fmax(batch.numbers("potential"), potentials_after(batch))
    owners = Grouping(batch.trajectory_of_step, batch.lengths.size)
    farthest = group_maxima(np.where(np.isnan(reached), -np.inf, reached), owners)
    return np.where(np.isinf(farthest), np.nan, farthest)
