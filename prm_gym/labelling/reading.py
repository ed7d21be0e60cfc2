"""Rows of files as trajectories to be labelled."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypeAlias, cast

import msgspec

from prm_gym.claims import decode_claims
from prm_gym.errors import FormulaError, OptionError
from prm_gym.labelling.equations import equation_trajectory, is_equations
from prm_gym.labelling.proofs import is_proof, proof_trajectory
from prm_gym.labelling.solutions import solution_trajectory
from prm_gym.step_splitting import Splitting
from prm_gym.trajectory import Trajectory

Kind: TypeAlias = Literal["auto", "solution", "proof", "equations", "trajectory"]

# What judges each kind unless something else is asked for. A stored trajectory has its verdicts already.
DEFAULT_VERIFIERS: dict[str, tuple[str, ...]] = {
    "solution": ("arithmetic", "equivalence"),
    "proof": ("z3",),
    "equations": ("algebra",),
    "trajectory": (),
}


class ReadRow(msgspec.Struct, frozen=True):
    """What a row came to.

    Attributes:
        number: of the row, from 1.
        trajectory: None where the row cannot be read.
        reason: why not.
    """

    number: int
    trajectory: Trajectory | None
    reason: str = ""


def kind_of(row: object) -> str:
    """What a row is, by its fields."""
    fields = _fields(row) or {}
    if {"env_id", "task", "steps"} <= fields.keys():
        return "trajectory"
    return "proof" if is_proof(fields) else "equations" if is_equations(fields) else "solution"


def _fields(row: object) -> Mapping[str, Any] | None:
    """The fields of a row; None if it is no object."""
    return cast("Mapping[str, Any]", row) if isinstance(row, Mapping) else None


def read_rows(rows: Iterable[object], kind: Kind = "auto", split: Splitting = "auto", notation: str = "fld") -> Iterator[ReadRow]:
    """The trajectories of rows, without verdicts (a stored trajectory keeps its own).

    Args:
        rows: of a file.
        kind: of every row; "auto" to tell by its fields.
        split: how the text of a solution is split into steps.
        notation: of the formulas of proofs.
    """
    seen: set[str] = set()
    for number, row in enumerate(rows, start=1):
        try:
            fields = _fields(row)
            if fields is None:
                raise OptionError(f"a row is an object with fields, got {type(row).__name__}")
            trajectory = _trajectory(fields, f"row-{number}", kind_of(fields) if kind == "auto" else kind, split, notation)
            if not trajectory.steps:
                raise OptionError("it has no steps")
            if trajectory.id in seen:
                trajectory = msgspec.structs.replace(trajectory, id=f"{trajectory.id}/row-{number}")
        except (OptionError, FormulaError, msgspec.ValidationError) as error:
            yield ReadRow(number, None, str(error))
            continue
        seen.add(trajectory.id)
        yield ReadRow(number, trajectory)


def _trajectory(row: Mapping[str, Any], number: str, kind: str, split: Splitting, notation: str) -> Trajectory:
    named = row.get("id")
    identity = named if isinstance(named, str) and named else number
    match kind:
        case "trajectory":
            return msgspec.convert(row, Trajectory, dec_hook=decode_claims)
        case "proof":
            return proof_trajectory(row, identity, notation)
        case "equations":
            return equation_trajectory(row, identity)
        case _:
            return solution_trajectory(row, identity, split)
