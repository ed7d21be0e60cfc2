"""What `credit` says of assigners, transforms, pipelines and learned signals, as records."""

import inspect
from collections.abc import Mapping
from typing import Any

from prm_gym.commands.records import seen
from prm_gym.credit import ASSIGNERS, SIGNALS, TRANSFORMS, Pipeline, find_assigner, find_transform
from prm_gym.credit.columns import SOURCES
from prm_gym.credit.stage import Stage
from prm_gym.errors import ContractError, DuplicateNameError, MissingExtraError, OptionError, UnknownNameError
from prm_gym.option_docs import meanings_in, options_of
from prm_gym.plugins import Registry, misfit, split_options

SIGNAL = "learned signal"


def known() -> list[str]:
    """All names, those of assigners first."""
    return [*ASSIGNERS.names(), *TRANSFORMS.names(), *SIGNALS.names()]


def row_of(spec: str) -> dict[str, Any]:
    """The record of a name, of one with options, or of a pipeline. Loads no more than is asked for: a plug-in may be broken.

    Raises:
        UnknownNameError: nothing has the name; says the near miss.
        OptionError: an option is unknown (says the near miss) or of another type, or the parts are no pipeline.
        MissingExtraError: a learned signal needs a package that is not installed.
    """
    chosen = find_assigner(spec)[0] if "|" in spec else None
    if isinstance(chosen, Pipeline):
        return _pipeline(chosen)
    plain, given = split_options(spec)
    name, _, argument = plain.partition(":")
    if plain in ASSIGNERS.names():
        find_assigner(spec)  # refuses what is no option
        return _stage(plain, ASSIGNERS.load(plain), given)
    if plain in TRANSFORMS.names():
        stage = find_transform(plain)
        stage.require_known(given)
        return _stage(plain, stage, given)
    if name in SIGNALS.names():
        return _signal(name, argument, given)
    raise UnknownNameError("credit assigner, transform or learned signal", plain, known())


def listed_rows(load_signals: bool) -> list[dict[str, Any]]:
    """The records of all.

    Args:
        load_signals: whether those of learned signals say their options, for which packages as large as torch are imported; one that is missing is named.
    """
    rows = [_stage_or_fault(registry, name) for registry in _stages() for name in registry.names()]
    return rows + [_signal(name, "", {}) if load_signals else _unloaded(name, rows) for name in SIGNALS.names()]


def _stages() -> tuple[Registry[Any], ...]:
    return ASSIGNERS, TRANSFORMS


def _stage_or_fault(registry: Registry[Any], name: str) -> dict[str, Any]:
    """The record of a name; of a plug-in that is broken, why it is, so that it hides no other."""
    try:
        return _stage(name, registry.load(name), {})
    except (ContractError, DuplicateNameError, MissingExtraError) as error:
        kind = "credit assigner" if registry is ASSIGNERS else "credit transform"
        return {"name": name, "kind": kind, "summary": seen(str(error)), "needs": [], "uses": [], "makes": [], "from": [], "options": [], "doc": ""}


def _stage(name: str, stage: Stage, given: Mapping[str, Any]) -> dict[str, Any]:
    meanings = meanings_in(inspect.getdoc(stage) or "")
    return {
        "name": name,
        "kind": stage.kind,
        "summary": stage.summary,
        "confidence": stage.confidence,
        "reading": stage.is_reading,
        "needs": list(stage.needs),
        "uses": list(stage.uses),
        "makes": list(stage.makes),
        "from": _sources(stage.needs),
        "options": [_option(option, repr(default), meanings.get(option, ""), given) for option, default in stage.options.items()],
        "doc": inspect.getdoc(stage) or "",
    }


def _pipeline(pipeline: Pipeline) -> dict[str, Any]:
    return {
        "name": pipeline.name,
        "kind": "pipeline",
        "summary": f"{len(pipeline.parts)} parts, one after the other.",
        "needs": list(pipeline.needs),
        "uses": list(pipeline.uses),
        "from": _sources(pipeline.needs),
        "parts": [_stage(part.stage.name, part.stage, part.given) for part in pipeline.parts],
    }


def _signal(name: str, argument: str, given: Mapping[str, Any]) -> dict[str, Any]:
    row = {"name": name, "kind": SIGNAL, "summary": _fills(name), "makes": [name], "from": _sources([name]), "doc": ""}
    try:
        factory: Any = SIGNALS.load(name)
    except MissingExtraError as error:
        if given or argument:
            raise
        return {**row, "options": None, "reason": str(error)}
    docs = options_of(factory)
    parameters = inspect.signature(factory).parameters
    for option, value in given.items():
        if option not in parameters:
            raise OptionError(str(UnknownNameError(f"option of the learned signal {name!r}", option, [doc.name for doc in docs])))
        wanted = misfit(parameters[option].annotation, value)
        if wanted:
            raise OptionError(f"{option} of the learned signal {name!r} is {wanted}, got {value!r}.")
    positional = [parameter.name for parameter in parameters.values() if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    if argument and not positional:
        raise OptionError(f"the learned signal {name!r} takes no argument, got {argument!r}")
    said = {**given, **({positional[0]: argument} if argument else {})}
    doc = inspect.getdoc(factory) or ""
    return {
        **row,
        "summary": doc.partition("\n")[0],
        "learns_first": bool(getattr(factory, "learns_first", True)),
        "rewards": list(getattr(factory, "rewards", ())),
        "options": [_option(each.name, each.default, each.meaning, said) for each in docs],
        "doc": doc,
    }


def _fills(name: str) -> str:
    return f"Fills the column {name}."


def _unloaded(name: str, stages: list[dict[str, Any]]) -> dict[str, Any]:
    """What is known of a signal without loading it: whence, and for whom."""
    needed = [row["name"] for row in stages if name in (*row["needs"], *row["uses"])]
    return {"name": name, "kind": SIGNAL, "summary": _fills(name), "needed by": needed, "from": _sources([name])}


def _option(name: str, default: str, meaning: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """An option: with `set` where the specification sets it."""
    return {"name": name, "default": default, "meaning": meaning, **({"set": given[name]} if name in given else {})}


def _sources(columns: "list[str] | tuple[str, ...]") -> list[str]:
    return [f"{column}: {SOURCES[column]}" for column in columns if column in SOURCES]
