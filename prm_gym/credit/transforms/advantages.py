"""Advantages within bounds, or of mean 0 and standard deviation 1 over the batch."""

from dataclasses import replace

import numpy as np

from prm_gym.credit.normalize import whitened
from prm_gym.credit.options import require_at_least
from prm_gym.credit.result import Credit
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transform import credit_transform


@credit_transform()
def clip(_batch: StepBatch, credit: Credit, *, limit: float = 5.0) -> Credit:
    """Cuts advantages off at a limit on either side.

        A <- min(limit, max(-limit, A))

    Args:
        _batch: of the credit; not looked at.
        credit: to be cut; returns and keep stay.
        limit: of the size of an advantage, >= 0.

    Returns:
        The credit with other advantages, and `clipped_share` among its diagnostics: share in [0, 1] of the steps that were cut.

    Source: usual practice. Confidence: high.
    """
    require_at_least("limit", limit, 0.0)
    cut = np.abs(credit.advantages) > limit
    share = {"clipped_share": float(cut.mean()) if cut.size else 0.0}
    return replace(credit, advantages=np.clip(credit.advantages, -limit, limit), diagnostics={**credit.diagnostics, **share})


@credit_transform()
def whiten(_batch: StepBatch, credit: Credit) -> Credit:
    """Centres the advantages over the batch and divides them by their standard deviation.

        A <- (A - mean A) / sqrt(var A + 1e-8)

    over the steps that are kept, each counting once; var with ddof 1. Advantages that are all equal become exactly 0. Steps that are not kept stay as they are.

    Args:
        _batch: of the credit; not looked at.
        credit: to be whitened; returns and keep stay.

    Returns:
        The credit with other advantages.

    Source: PPO as verl has it (`masked_whiten`, commit b178a3cd). Confidence: high.
    """
    advantages = credit.advantages.copy()
    advantages[credit.keep] = whitened(advantages[credit.keep])
    return replace(credit, advantages=advantages)
