"""Credit assigners and transforms by name."""

from typing import Any

from prm_gym.credit.assigner import Assigner
from prm_gym.credit.pipeline import Part, Pipeline
from prm_gym.credit.result import Credit
from prm_gym.credit.stage import Stage
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import ContractError, DuplicateNameError, OptionError, UnknownNameError
from prm_gym.plugins import Registry, split_options

ASSIGNERS: Registry[Assigner[...]] = Registry("prm_gym.credit", "credit assigner")
TRANSFORMS: Registry[Stage] = Registry("prm_gym.credit_transforms", "credit transform")


def assign(spec: str | Assigner[...], batch: StepBatch, **options: object) -> Credit:
    """The credit of the batch by an assigner or a pipeline.

    Args:
        spec: a name as registered in the entry point group `prm_gym.credit`, with options where wanted: "reinforce?gamma=0.5&baseline=batch"; or a pipeline
            of it and transforms (`prm_gym.credit.pipeline`): "posterior_gate|grpo|aem?strength=0.5". Or an assigner itself, registered or not.
        batch: the steps.
        **options: of the assigner, or of any part of the pipeline; those left out have its defaults.

    Returns:
        One advantage a step.

    Raises:
        UnknownNameError: no assigner has the name; says the near miss.
        OptionError: an option is unknown, has an impossible value, or is given twice.
        CreditError: the batch lacks a column that the assigner needs.
    """
    chosen, given = (spec, dict[str, Any]()) if isinstance(spec, Assigner) else find_assigner(spec)
    if twice := sorted(given.keys() & options.keys()):
        raise OptionError(f"{', '.join(twice)} of the credit assigner {spec!r} stands in the specification and beside it")
    chosen.require_known(options)
    return chosen(batch, **given, **options)


def find_assigner(spec: str) -> tuple[Assigner[...] | Pipeline, dict[str, Any]]:
    """The assigner of a specification, and the options that it holds; a pipeline holds its options itself, and there are none beside it.

    Raises:
        UnknownNameError: no assigner has the name; says the near miss.
        OptionError: an option is unknown, or the parts are no pipeline.
    """
    if "|" in spec:
        return Pipeline(spec, [_part(text.strip(), spec) for text in spec.split("|")]), {}
    name, options = split_options(spec)
    if name not in ASSIGNERS.names() and name in TRANSFORMS.names():
        stage = find_transform(name)
        example = f"grpo|{spec}" if stage.leading > 1 else f"{spec}|grpo"
        raise OptionError(f"{name!r} is a {stage.kind}, which assigns nothing by itself; put it into a pipeline with an assigner: {example!r}.")
    chosen = _assigner(name)
    chosen.require_known(options)
    return chosen, options


def find_transform(name: str) -> Stage:
    """The batch transform, trajectory filter or credit transform of that name.

    Raises:
        UnknownNameError: there is none; says the near miss.
        ContractError: it is something else.
    """
    entry: object = TRANSFORMS.load(name)
    if not isinstance(entry, Stage) or isinstance(entry, Assigner):
        raise ContractError(
            f"The entry point {name!r} of the group 'prm_gym.credit_transforms' must be decorated with batch_transform, trajectory_filter or credit_transform "
            f"of prm_gym.credit, got {type(entry).__name__}."
        )
    return entry


def _part(text: str, spec: str) -> Part:
    name, options = split_options(text)
    assigner, transform = name in ASSIGNERS.names(), name in TRANSFORMS.names()
    if not name:
        raise OptionError(f"The pipeline {spec!r} has a part without a name.")
    if assigner and transform:
        raise DuplicateNameError(f"{name!r} is registered as a credit assigner and as a credit transform; rename one of them.")
    if not assigner and not transform:
        raise UnknownNameError("credit assigner or transform", name, [*ASSIGNERS.names(), *TRANSFORMS.names()])
    stage = _assigner(name) if assigner else find_transform(name)
    stage.require_known(options)
    return Part(stage, options)


def _assigner(name: str) -> Assigner[...]:
    entry: object = ASSIGNERS.load(name)
    if not isinstance(entry, Assigner):
        raise ContractError(
            f"The entry point {name!r} of the group 'prm_gym.credit' must be an Assigner (decorate the function with "
            f"prm_gym.credit.assigner), got {type(entry).__name__}."
        )
    return entry
