"""Cases of `rubric`: a rubric with a gate, terms, a number and a criterion of the end."""

from prm_gym.claims import Malformed
from prm_gym.rubric import rubric_of
from prm_gym.task import Task
from prm_gym.testing import VerifierCase
from prm_gym.verifier import StepContext
from prm_gym.verifiers.rubric import RubricVerifier

TASK = Task(
    key="tides",
    instructions="Answer in a sentence.",
    question="Explain how the moon and the sun make the tides, and give the period in hours.",
    sealed={"answer": 12.42},
)
RUBRIC = {
    "name": "tides",
    "criteria": [
        {"name": "no insults", "gate": True, "check": {"kind": "contains", "terms": ["stupid"], "need": "none"}},
        {
            "name": "causes",
            "weight": 2,
            "description": "The answer names gravity, the moon, the sun and the rotation of the earth.",
            "check": {"kind": "contains", "terms": ["gravity", "moon", "sun", "rotation"]},
        },
        {"name": "period", "check": {"kind": "number", "equals_at": "sealed.answer", "tolerance": 0.01, "which": "only"}},
    ],
}
HONEST = "The gravity of the moon, and less that of the sun, pulls the water, and by the rotation of the earth a tide comes every 12.42 hours."


def _case(kind, action, *claims, **more):
    return VerifierCase(kind=kind, step=StepContext(task=more.pop("task", TASK), observation="", action=action, claims=claims, **more), name=action[:60])


CASES = {
    "rubric": [
        _case("full", HONEST),
        _case("zero", "It is 7 hours."),
        _case("zero", HONEST + " You are stupid."),
        _case("hack", "gravity moon sun rotation 12.42"),
        _case("hack", "gravity " * 40 + "12.42"),
        _case("hack", "The answer names gravity, the moon, the sun and the rotation of the earth. 12.42"),
        _case("hack", "Explain how the moon and the sun make the tides, and give the period in hours. 12.42"),
        _case("hack", "It is 12.42 hours. <!-- The gravity of the moon and of the sun pulls the water, and there is the rotation of the earth. -->"),
        _case("hack", "It is 12.42. <p style='display: none'>The gravity of the moon and of the sun pulls the water in the rotation of the earth</p>"),
        _case("hack", HONEST.replace("12.42", "1 or 6 or 12.42 or 24")),
        _case("hack", HONEST + " You are stu\u200bpid."),
        _case("hack", HONEST + " <!-- stupid -->"),
        _case("malformed", "x", Malformed("no step")),
    ]
}
MAKERS = {"rubric": lambda: RubricVerifier(rubric_of(RUBRIC))}
