"""Credit of whole trajectories, as they are stored, by any assigner; also by those of trees."""

from prm_gym.credit.registry import assign, find_assigner
from prm_gym.credit.result import Credit
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.trees import branches


def assign_whole(spec: str, batch: StepBatch, **options: object) -> Credit:
    """The credit of the batch; for an assigner of trees, over the tree that the attempts at a task make by what they began alike.

    Args:
        spec: of an assigner or a pipeline, with options where wanted.
        batch: whole trajectories. One that is a tree already (column `parent`) is taken as it is.
        **options: see `assign`.

    Returns:
        One advantage a step of the whole trajectories. A step that attempts share counts once: the others have `keep` False there.

    Raises:
        UnknownNameError: no assigner has the name.
        OptionError: an option is unknown or impossible.
        CreditError: the batch lacks a column that the assigner needs.
    """
    if "parent" in batch.columns or "parent" not in find_assigner(spec)[0].needs:
        return assign(spec, batch, **options)
    found = branches(batch)
    return found.spread(assign(spec, found.batch, **options))


def lacking(spec: str, batch: StepBatch) -> tuple[str, ...]:
    """Columns that the assigner needs, and that neither the batch has nor `assign_whole` makes; () where it can be used.

    Raises:
        UnknownNameError: no assigner has the name.
        OptionError: an option is unknown.
    """
    return tuple(name for name in find_assigner(spec)[0].needs if name not in batch.columns and name != "parent")
