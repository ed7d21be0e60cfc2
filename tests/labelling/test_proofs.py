import pytest

from prm_gym.claims import Decision, Entailment, Malformed
from prm_gym.errors import OptionError
from prm_gym.labelling.proofs import is_proof, proof_trajectory
from prm_gym.labelling.ratings import ratings
from prm_gym.rescore import rescore
from prm_gym.verifier import make_verifiers

# By hand: fact1 and fact2 give {B}; fact3 and {B} give {C}.
FACTS = "fact1: {A}\nfact2: {A} -> {B}\nfact3: {B} -> {C}\nfact4: {D}"
ROW = {"hypothesis_formula": "{C}", "facts_formula": FACTS}
HONEST = "$proof$:\nfact1 & fact2 -> int1: {B};\nint1 & fact3 -> int2: {C};\nint2 -> hypothesis;\n\n$proof_label$: PROVED"


def _rated(proof, verifier="z3", **fields):
    trajectory = proof_trajectory({**ROW, "proof": proof, **fields}, "p")
    (rescored,) = rescore([trajectory], make_verifiers([verifier]))
    return ratings(rescored.trajectory)


def test_a_proof_in_the_layout_of_fover_becomes_steps_that_claim_their_inferences():
    trajectory = proof_trajectory({**ROW, "proof": HONEST, "proof_label": "PROVED", "model": "m"}, "p")
    assert [step.action for step in trajectory.steps] == [
        "fact1 & fact2 -> int1: {B}",
        "int1 & fact3 -> int2: {C}",
        "int2 -> hypothesis",
        "$proof_label$: PROVED",
    ]
    assert [type(step.claims[0]) for step in trajectory.steps] == [Entailment, Entailment, Entailment, Decision]
    assert (trajectory.outcome, trajectory.agent, trajectory.steps[-1].terminated) == (1.0, "m", True)
    assert trajectory.steps[1].observation.endswith("fact4: {D}\nfact1 & fact2 -> int1: {B}")


def test_an_honest_proof_is_right_and_its_restatement_neutral():
    assert _rated(HONEST) == (1, 1, 0, 1)


# The proofs that FoVer's own verifier labels right throughout; here each is caught where it goes wrong.
@pytest.mark.parametrize(
    ("proof", "expected"),
    [
        pytest.param("({E} & {D}) -> int2: {E}", (-1,), id="invented premise"),
        pytest.param("hypothesis -> hypothesis", (-1,), id="petitio"),
        pytest.param("int2 -> int1: {E}; int1 -> int2: {E}", (-1, -1), id="circular"),
        pytest.param("{A} & ¬{A} -> int1: {E}", (-1,), id="own contradiction"),
        pytest.param("fact2 -> int1: {A}; int1 -> int1: {E}", (-1, -1), id="redefinition"),
        pytest.param("fact4 -> int1: {D}; int1 -> int2: {D}; int2 -> int3: ({D} v {E})", (0, 0, 0), id="padding"),
    ],
)
def test_what_upstream_labels_right_is_not_right_here(proof, expected):
    assert _rated(proof) == expected


def test_a_step_on_top_of_a_wrong_one_is_wrong_and_right_by_itself():
    proof = "fact4 -> int1: {B}; int1 & fact3 -> int2: {C}"  # {D} does not give {B}; {B} and {B} -> {C} do give {C}
    assert _rated(proof) == (-1, -1)
    assert _rated(proof, "z3:local") == (-1, 1)


def test_the_wrong_label_of_a_proof_is_a_wrong_step_and_a_wrong_outcome():
    proof = HONEST.replace("PROVED", "UNKNOWN")
    assert _rated(proof)[-1] == -1
    assert proof_trajectory({**ROW, "proof": proof, "proof_label": "__PROVED__"}, "p").outcome == 0.0


def test_a_disproof_ends_in_the_negation():
    row = {"hypothesis": "¬{C}", "context": "fact1: {A} fact2: {A} -> {B} fact3: {B} -> {C}"}  # FLD writes the facts on one line
    trajectory = proof_trajectory({**row, "proof": "fact1 & fact2 -> int1: {B}; int1 & fact3 -> hypothesis; __DISPROVED__"}, "p")
    (rescored,) = rescore([trajectory], make_verifiers(["z3"]))
    assert ratings(rescored.trajectory) == (1, 1, 1)


def test_assumptions_are_discharged_by_brackets():
    # {A} -> {C}: assume {A}, derive {C}, discharge.
    row = {"hypothesis": "{A} -> {C}", "facts": ["{A} -> {B}", "{B} -> {C}"], "proof_label": "PROVED"}
    proof = "void -> assump1: {A}; assump1 & fact1 -> int1: {B}; int1 & fact2 -> int2: {C}; [assump1] & int2 -> hypothesis; $proof_label$: PROVED"
    trajectory = proof_trajectory({**row, "proof": proof}, "p")
    (rescored,) = rescore([trajectory], make_verifiers(["z3"]))
    assert ratings(rescored.trajectory) == (0, 1, 1, 1, 1)
    still_open = proof.replace("[assump1] & int2 -> hypothesis; ", "")
    (rescored,) = rescore([proof_trajectory({**row, "proof": still_open}, "p")], make_verifiers(["z3"]))
    assert ratings(rescored.trajectory)[-1] == -1


def test_what_the_notation_cannot_say_is_not_judged_nor_what_rests_on_it():
    trajectory = proof_trajectory({**ROW, "proof": "fact1 & fact2 -> int1: #F#; int1 -> int2: {E}; fact1 & fact2 -> int3: {B}; UNKNOWN"}, "p")
    assert [len(step.claims) for step in trajectory.steps] == [0, 0, 1, 0]


@pytest.mark.parametrize("line", ["so {B} follows", "fact1 -> {B}", "-> int1: {B}", "fact1 -> assump1: {A}", "void -> int1: {B}", "x" * 10**5])
def test_a_line_that_is_no_step_is_malformed(line):
    (step,) = proof_trajectory({**ROW, "proof": [line]}, "p").steps
    assert isinstance(step.claims[0], Malformed)


@pytest.mark.parametrize(
    "row", [{"hypothesis": "{A}"}, {"hypothesis": "{A}", "facts": FACTS}, {"hypothesis": 1, "facts": FACTS, "proof": ""}, {**ROW, "proof": 3}]
)
def test_a_row_that_lacks_a_field_is_refused_with_its_name(row):
    with pytest.raises(OptionError, match=r"facts|proof|hypothesis"):
        proof_trajectory(row, "p")


@pytest.mark.parametrize(
    ("fields", "notation"), [({}, "folio"), ({"hypothesis_formula": "∀x Cat(x)"}, "fld"), ({"facts_formula": "fact1: all cats"}, "fld"), ({}, "foo")]
)
def test_a_row_in_another_notation_is_refused_and_not_labelled_wrong(fields, notation):
    with pytest.raises(OptionError, match="notation"):
        proof_trajectory({**ROW, "proof": HONEST, **fields}, "p", notation)


def test_rows_are_told_from_others_by_their_fields():
    assert is_proof(ROW)
    assert not is_proof({"question": "2 + 2?", "answer": "4"})


def test_other_notations_are_read():
    row = {"hypothesis": "Cat(tom)", "facts": ["∀x (Tabby(x) → Cat(x))", "Tabby(tom)"], "proof": "fact1 & fact2 -> hypothesis; PROVED", "proof_label": "PROVED"}
    trajectory = proof_trajectory(row, "p", "folio")
    (rescored,) = rescore([trajectory], make_verifiers(["z3"]))
    assert ratings(rescored.trajectory) == (1, 1)
