"""Credit of whole trajectories, as they are stored, by any assigner; also by those of trees."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from prm_gym.credit.assigner import Assigner
from prm_gym.credit.grouping import rows_text
from prm_gym.credit.pipeline import Pipeline
from prm_gym.credit.registry import assign, find_assigner
from prm_gym.credit.result import Credit
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transform import BatchTransform
from prm_gym.credit.trees import branches
from prm_gym.errors import CreditError


def assign_whole(spec: str, batch: StepBatch, **options: object) -> Credit:
    """The credit of the batch; for an assigner of trees, over the tree that the attempts at a task make by what they began alike.

    In a pipeline only the assigner sees the tree: filters and transforms see whole attempts, of which a branch holds a part of the rewards and scores alone.

    Args:
        spec: of an assigner or a pipeline, with options where wanted.
        batch: whole trajectories. One that is a tree already (column `parent`) is taken as it is.
        **options: see `assign`.

    Returns:
        One advantage a step of the whole trajectories. A step that attempts share counts once: the others have `keep` False there.

    Raises:
        UnknownNameError: no assigner has the name.
        OptionError: an option is unknown or impossible.
        CreditError: the batch lacks a column that the assigner needs, or transforms pay attempts differently for the steps that they share in the tree.
    """
    chosen = find_assigner(spec)[0]
    if "parent" in batch.columns or "parent" not in chosen.needs:
        return assign(spec, batch, **options)
    if not isinstance(chosen, Pipeline):
        found = branches(batch)
        return found.spread(assign(spec, found.batch, **options))
    changing = [part.stage.name for part in chosen.parts if isinstance(part.stage, BatchTransform)]

    def over_tree(stage: Assigner[...], reached: StepBatch, own: Mapping[str, Any]) -> Credit:
        found = branches(reached)
        paid = found.batch.rewards[found.rows]
        apart = ~np.isclose(paid, reached.rewards, rtol=1e-9, atol=1e-9)
        if changing and apart.any():
            raise CreditError(
                f"After {', '.join(changing)} attempts are paid differently for steps that they share ({rows_text(apart)} of those that go on), and in a tree "
                f"such a step has one reward; take {stage.name!r} without it, or an assigner of independent attempts."
            )
        return found.spread(stage(found.batch, **own))

    return chosen.run(batch, options, over_tree)


def lacking(spec: str, batch: StepBatch) -> tuple[str, ...]:
    """Columns that the assigner needs, and that neither the batch has nor `assign_whole` makes; () where it can be used.

    Raises:
        UnknownNameError: no assigner has the name.
        OptionError: an option is unknown.
    """
    return tuple(name for name in find_assigner(spec)[0].needs if name not in batch.columns and name != "parent")
