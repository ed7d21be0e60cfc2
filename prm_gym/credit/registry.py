"""Credit assigners by name."""

from prm_gym.credit.assigner import Assigner
from prm_gym.credit.result import Credit
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import ContractError
from prm_gym.plugins import Registry

ASSIGNERS: Registry[Assigner[...]] = Registry("prm_gym.credit", "credit assigner")


def assign(name: str, batch: StepBatch, **options: object) -> Credit:
    """The credit of the batch by the assigner of that name.

    Args:
        name: as registered in the entry point group `prm_gym.credit`.
        batch: the steps.
        options: of the assigner; those left out have its defaults.

    Returns:
        One advantage a step.

    Raises:
        UnknownNameError: no assigner has the name; says the near miss.
        OptionError: an option is unknown or has an impossible value.
        CreditError: the batch lacks a column that the assigner needs.
    """
    chosen = _checked(name, ASSIGNERS.load(name))
    chosen.require_known(options)
    return chosen(batch, **options)


def _checked(name: str, entry: object) -> Assigner[...]:
    if not isinstance(entry, Assigner):
        raise ContractError(
            f"The entry point {name!r} of the group 'prm_gym.credit' must be an Assigner (decorate the function with "
            f"prm_gym.credit.assigner), got {type(entry).__name__}."
        )
    return entry
