"""SPAE: steps that raise the potential of the solution are reinforced, those after it is found are damped."""

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics, unknown_share
from prm_gym.credit.normalize import NOISE, Singleton, normalized, whitened
from prm_gym.credit.options import require_between, require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.step_signals import potential_differences, require_potentials
from prm_gym.credit.stepwise import process_credit


@assigner(needs=("potential",), uses=("final_potential",))
def spae(
    batch: StepBatch,
    *,
    alpha: float = 0.5,
    xi: float = 0.5,
    saturation: float = 0.9,
    whiten: bool = True,
    singleton: Singleton = "raw",
) -> Credit:
    """Advantage of the trajectory, damped once the solution is found, plus what the step did to its potential.

        A_{i,t} = (R_i - mean_g R) (1 - alpha (1 - exp(-C_t))) + xi (g_t - mean g)
        C_t = number of states of the trajectory before this step, the first one apart, whose potential was above saturation
        g_t = exp((d_t - min d) / (max d - min d)),    d_t = Phi_{t+1} - Phi_t

    min, max and mean of g over all steps of the batch of which d is known. Then, with `whiten`, A is centred over the batch and divided by its standard
    deviation.

    Args:
        batch: N steps with the column `potential` (see `probe_potentials`), and `final_potential` for the last steps, in [-1, 1]; NaN where not known: the
            second term is then 0, and the state is not counted in C.
        alpha: greatest share of damping, in [0, 1].
        xi: of the second term, finite.
        saturation: potential above which the solution counts as found, finite.
        whiten: as in the source; a step of which nothing is known then still gets minus the mean.
        singleton: R_i - mean R of a trajectory that is alone in its task: "raw", R_i, or "zero".

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over trajectories; `unknown_share`; `saturated_share`, share in [0, 1] of the
        steps with C > 0.

    Source: SPAE (Wu et al. 2026), arXiv 2601.03823, from an account of it and the authors' code for Phi (commit ed529f8a). Confidence: medium. Readings: the
    threshold of saturation (.9 is that of their diagnostics), extremes over the batch, and the first step's difference, which their code sets to 0.
    """
    require_between("alpha", alpha, 0.0, 1.0)
    require_finite("xi", xi)
    require_finite("saturation", saturation)
    require_potentials(batch, -1.0, 1.0)
    tasks = batch.tasks
    outcome = normalized(trajectory_returns(batch.rewards, batch.offsets), tasks, singleton=singleton)
    differences = potential_differences(batch)
    known = ~np.isnan(differences)
    shaped = np.zeros_like(differences)
    shaped[known] = _shaped(differences[known], float(np.abs(batch.numbers("potential")[known]).max(initial=0.0)))
    saturated = _saturated_before(batch, saturation)
    advantages = outcome[batch.trajectory_of_step] * (1.0 - alpha * (1.0 - np.exp(-saturated))) + xi * shaped
    figures = group_diagnostics(tasks, outcome) | unknown_share(known) | {"saturated_share": float((saturated > 0).mean()) if saturated.size else 0.0}
    return process_credit(batch, whitened(advantages) if whiten else advantages, figures)


def _shaped(differences: FloatArray, size: float) -> FloatArray:
    """The exponential of the differences in [0, 1], less its mean; 0 where they are all equal, up to the rounding of potentials of that size."""
    if not differences.size or np.ptp(differences) <= NOISE * size:
        return np.zeros_like(differences)
    grown = np.exp((differences - differences.min()) / np.ptp(differences))
    return grown - grown.mean()


def _saturated_before(batch: StepBatch, saturation: float) -> FloatArray:
    """[N] float64, how many states of the trajectory between its first one and this step, that before it included, are above the threshold."""
    high = (batch.time_of_step > 0) & (batch.numbers("potential") > saturation)
    counted = np.cumsum(high)
    return (counted - np.repeat(counted[batch.offsets[:-1]], batch.lengths)).astype(np.float64)
