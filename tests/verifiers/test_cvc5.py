import gymnasium
import numpy as np
import pytest

from prm_gym.claims import Entailment, Statement
from prm_gym.errors import OptionError
from prm_gym.task import Task
from prm_gym.verifier import StepContext, make_verifier
from prm_gym.verifiers.cvc5 import Cvc5Verifier


@pytest.mark.parametrize("difficulty", [1, 3, 5])
def test_two_solvers_give_the_same_labels(difficulty):
    env = gymnasium.make("prm_gym/Deduction-v0", difficulty=difficulty, verifiers=["z3", "cvc5", "consensus(z3, cvc5)"])
    rng = np.random.default_rng(difficulty)
    labels = []
    for seed in range(6):
        _, info = env.reset(seed=seed)
        ended = False
        while not ended:
            _, _, terminated, truncated, info = env.step(str(rng.choice([a for a in info["actions"] if "->" in a] or ["UNKNOWN"])))
            ended = terminated or truncated
            verdicts = list(info["verdicts"].values())
            assert len({(verdict.label, verdict.score, verdict.status) for verdict in verdicts}) == 1, verdicts
            labels.append(verdicts[0].label)
    assert {"correct", "incorrect"} <= set(labels)


def test_a_refuted_step_carries_a_counterexample():
    known = (
        Statement("fact1", "(x): {A}x -> {B}x"),
        Statement("fact2", "{B}{a}"),
        *(Statement(f"fact{i}", f"{{P{'ABCDEFGHIJ'[i]}}}{{a}}") for i in range(3, 10)),
    )
    claim = Entailment(statement=Statement("int1", "{A}{a}", tuple(f"fact{i}" for i in range(1, 10))), known=known)
    verdict = make_verifier("cvc5").verify([StepContext(task=Task(key="t", instructions="", question=""), observation="", action="", claims=(claim,))])[0]
    assert verdict.label == "incorrect"
    assert ["B", "e1"] in verdict.evidence["counterexample"]["true"]
    assert ["A", "e1"] not in verdict.evidence["counterexample"]["true"]


def test_a_mode_that_does_not_exist():
    with pytest.raises(OptionError, match="mode of cvc5"):
        Cvc5Verifier("global")
