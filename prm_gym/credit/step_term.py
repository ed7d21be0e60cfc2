"""StepTerm: which visits GiGPO's step term compares with which, and what comes of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from prm_gym.credit.array_types import FloatArray, IntArray
from prm_gym.credit.assigner import Assigner
from prm_gym.credit.episode_term import scale_of
from prm_gym.credit.gigpo import gigpo
from prm_gym.credit.grouping import Grouping
from prm_gym.credit.keys import by_similarity, by_state
from prm_gym.credit.normalize import deviations, normalized
from prm_gym.credit.pipeline import Pipeline, selected
from prm_gym.credit.registry import find_assigner
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transform import BatchTransform, TrajectoryFilter


@dataclass(frozen=True, slots=True, eq=False)
class StepTerm:
    """Visits, grouped by what they are compared with.

    Attributes:
        rows: [K] int64, steps of the batch that are compared at all; a filter of the pipeline may have taken others out.
        visits: of the K steps.
        returns: [K] float64, G of each.
        advantages: [K] float64, A^S of each, before its weight.
    """

    rows: IntArray
    visits: Grouping
    returns: FloatArray
    advantages: FloatArray


def step_term(spec: str, batch: StepBatch) -> StepTerm | None:
    """The step term of the `gigpo` in a specification, with its options; None where there is none in it.

        A^S_{i,t} = (G_{i,t} - mean_S G) / F          (see `gigpo`)

    In a pipeline it is that of the batch which reaches `gigpo`: of the rewards that transforms have made, and the trajectories that filters have left.

    Args:
        spec: of an assigner or a pipeline: "gigpo?similarity=0.9", "zero_variance|gigpo|clip".
        batch: N steps with the columns that it needs.

    Raises:
        UnknownNameError: no assigner has the name.
        OptionError: an option is unknown or impossible.
        CreditError: the batch lacks a column.
    """
    chosen, given = find_assigner(spec)
    rows = np.arange(batch.rewards.size, dtype=np.int64)
    if isinstance(chosen, Pipeline):
        for part in chosen.parts:
            match part.stage:
                case BatchTransform() as stage:
                    batch = stage(batch, **part.given)
                case TrajectoryFilter() as stage:
                    batch, taken = selected(batch, np.flatnonzero(stage(batch, **part.given)))
                    rows = rows[taken]
                case Assigner() as stage:
                    return _of_gigpo(stage, part.given, batch, rows)
                case _:
                    pass
    return _of_gigpo(chosen, given, batch, rows)


def state_term(batch: StepBatch, credit: Credit) -> StepTerm:
    """The returns of any credit, compared among visits to the same state: A^S = G - mean_S G.

    Args:
        batch: N steps with the column `state_key`.
        credit: of this batch; steps that it does not keep are compared with nothing.
    """
    rows = np.flatnonzero(credit.keep)
    visits = by_state(batch)
    _, codes = np.unique(visits.codes[rows], return_inverse=True)
    own = Grouping(codes.astype(np.int64), int(codes.max(initial=-1)) + 1)
    return StepTerm(rows, own, credit.returns[rows], deviations(credit.returns[rows], own))


def _of_gigpo(chosen: object, given: Any, batch: StepBatch, rows: IntArray) -> StepTerm | None:
    if chosen is not gigpo:
        return None
    options: dict[str, Any] = {**gigpo.options, **given}
    visits = by_state(batch) if options["similarity"] is None else by_similarity(batch, options["similarity"])
    returns = discounted_returns(batch.rewards, batch.offsets, options["gamma"])
    advantages = normalized(returns, visits, scale=scale_of(options["normalize"]), eps=options["eps"], ddof=options["ddof"], singleton="zero")
    return StepTerm(rows, visits, returns, advantages)
