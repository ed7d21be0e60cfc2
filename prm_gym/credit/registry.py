"""Credit assigners by name."""

from typing import Any

from prm_gym.credit.assigner import Assigner
from prm_gym.credit.result import Credit
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import ContractError, OptionError
from prm_gym.plugins import Registry, split_options

ASSIGNERS: Registry[Assigner[...]] = Registry("prm_gym.credit", "credit assigner")


def assign(spec: str, batch: StepBatch, **options: object) -> Credit:
    """The credit of the batch by an assigner.

    Args:
        spec: a name as registered in the entry point group `prm_gym.credit`, with options where wanted: "reinforce?gamma=0.5&baseline=batch".
        batch: the steps.
        **options: of the assigner; those left out have its defaults.

    Returns:
        One advantage a step.

    Raises:
        UnknownNameError: no assigner has the name; says the near miss.
        OptionError: an option is unknown, has an impossible value, or is given twice.
        CreditError: the batch lacks a column that the assigner needs.
    """
    chosen, given = find_assigner(spec)
    if twice := sorted(given.keys() & options.keys()):
        raise OptionError(f"{', '.join(twice)} of the credit assigner {spec!r} stands in the specification and beside it")
    chosen.require_known(options)
    return chosen(batch, **given, **options)


def find_assigner(spec: str) -> tuple[Assigner[...], dict[str, Any]]:
    """The assigner of a specification, and the options that it holds.

    Raises:
        UnknownNameError: no assigner has the name; says the near miss.
        OptionError: an option is unknown.
    """
    name, options = split_options(spec)
    chosen = _checked(name, ASSIGNERS.load(name))
    chosen.require_known(options)
    return chosen, options


def _checked(name: str, entry: object) -> Assigner[...]:
    if not isinstance(entry, Assigner):
        raise ContractError(
            f"The entry point {name!r} of the group 'prm_gym.credit' must be an Assigner (decorate the function with "
            f"prm_gym.credit.assigner), got {type(entry).__name__}."
        )
    return entry
