"""Rubrics: named, weighted, programmable criteria with reasons, and gates.

rubric = Rubric([
    Criterion(name="polite", check=Contains(terms=("please", "thank you"), need="any")),
    Criterion(name="short", check=lambda step: len(step.action) < 200, gate=True),
])
verifiers=[RubricVerifier(rubric)]        # or "rubric:FILE", TOML or JSON

The same as a file:

    name = "manners"

    [[criteria]]
    name = "polite"
    weight = 2.0
    check = { kind = "contains", terms = ["please", "thank you"], need = "any" }

    [[criteria]]
    name = "short"
    gate = true
    check = { kind = "length", most = 200 }

`kind` is contains, regex, length, number, json, tool, entities or waypoints; what each takes are the fields of the class.
"""

from prm_gym.rubric.checks import Contains, Entities, Finding, JsonPath, Length, Number, Regex, ToolUsed, Waypoints
from prm_gym.rubric.pattern import Pattern
from prm_gym.rubric.rubric import Assessment, Criterion, Rubric, read_rubric, rubric_of
from prm_gym.rubric.scene import Scene
from prm_gym.rubric.text import visible

__all__ = [
    "Assessment",
    "Contains",
    "Criterion",
    "Entities",
    "Finding",
    "JsonPath",
    "Length",
    "Number",
    "Pattern",
    "Regex",
    "Rubric",
    "Scene",
    "ToolUsed",
    "Waypoints",
    "read_rubric",
    "rubric_of",
    "visible",
]
