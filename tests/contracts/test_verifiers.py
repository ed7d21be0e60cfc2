"""Every verifier of ours keeps its contract, on cases whose verdicts are known beforehand: `cases/*.py`, a table of verifiers each.

`MAKERS` there makes a verifier that needs an argument (a model): a function without arguments that returns a specification or a verifier.
"""

import importlib.util
import tomllib
from pathlib import Path

import pytest

from prm_gym.claims import Equality, Malformed, Reachable
from prm_gym.testing import check_verifier, claim_case
from prm_gym.verifier import VERIFIERS

ROOT = Path(__file__).parents[2]
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["prm_gym.verifiers"]
MALFORMED = claim_case("malformed", Malformed("no step"), label="malformed")


def _tables():
    """The cases of all verifiers, and how to make those that need an argument."""
    found, makers = {}, {}
    for path in sorted((Path(__file__).parent / "cases").glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"cases_of_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert not set(found) & set(module.CASES), f"{path.name} repeats the cases of a verifier"
        found |= {name: [*cases, MALFORMED] for name, cases in module.CASES.items()}
        makers |= getattr(module, "MAKERS", {})
    return found, makers


CASES, MAKERS = _tables()
BOTH = [
    claim_case("full", Equality("2 * 3", "6"), Reachable(("4", "6"), "24")),
    claim_case("zero", Equality("2 * 3", "7"), Reachable((), "24")),
]


@pytest.mark.parametrize("name", sorted(DECLARED))
def test_verifiers(name):
    assert name in CASES, "give the new verifier its cases in tests/contracts/cases: full, zero, abstain, hack"
    check_verifier(MAKERS[name]() if name in MAKERS else name, CASES[name])


def test_names_declared_here_are_the_names_there_are():
    assert set(DECLARED) <= set(VERIFIERS.names())
    assert set(CASES) <= set(DECLARED)


@pytest.mark.parametrize(
    ("spec", "cases"),
    [
        ("cached(arithmetic)", CASES["arithmetic"]),
        ("isolated(arithmetic)", CASES["arithmetic"]),
        ("sequence(arithmetic, reachable)", BOTH),
        ("all(arithmetic, reachable)", BOTH),
        ("any(arithmetic, reachable)", BOTH),
        ("consensus(arithmetic, reachable)", BOTH),
        ("all(cached(arithmetic), sequence(reachable, z3))", BOTH),
    ],
)
def test_compositions(spec, cases):
    check_verifier(spec, cases)
