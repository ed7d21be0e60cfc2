import json

import pytest

from prm_gym import cli
from prm_gym.labelling import ratings
from prm_gym.store import read_trajectories

# By hand: 3 * 4 = 12 and 12 + 5 = 17; 12 + 5 = 18 is false. 2x + 3 = 7 has the solution 2.
SOLUTIONS = [
    {"question": "3 boxes of 4 and 5 more?", "solution": "3 * 4 = 12 in boxes.\n12 + 5 = 17 in all.\n#### 17", "answer": "17", "generator": "m"},
    {"question": "3 boxes of 4 and 5 more?", "steps": ["3 * 4 = 12.", "12 + 5 = 18.", "The answer is 18."], "answer": "17", "id": "wrong"},
    {"problem": "How many?", "completions": ["I think a lot.", "\\boxed{17}"], "gold": "17"},
]
PROOFS = [
    {"hypothesis_formula": "{B}", "facts_formula": "fact1: {A}\nfact2: {A} -> {B}", "proof": "fact1 & fact2 -> hypothesis; PROVED", "proof_label": "PROVED"},
    {"hypothesis_formula": "{B}", "facts_formula": "fact1: {A}\nfact2: {A} -> {B}", "proof": "fact1 -> int1: {B}; PROVED", "proof_label": "PROVED"},
]
EQUATIONS = [{"equation": "2x + 3 = 7", "steps": ["2x = 4", "x = 2"]}, {"equation": "2x + 3 = 7", "steps": "2x = 10\nx = 5"}]


def _file(tmp_path, rows, name="rows.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def _run(capsys, *arguments):
    cli.main(["label", *arguments])
    return capsys.readouterr().out


def _rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_solutions_are_labelled_and_written_in_three_layouts(capsys, tmp_path):
    out, trl, bench = tmp_path / "out.jsonl", tmp_path / "trl.jsonl", tmp_path / "bench.json"
    path = _file(tmp_path, SOLUTIONS)
    (summary,) = json.loads(_run(capsys, path, "--out", str(out), "--trl", str(trl), "--processbench", str(bench), "--split", "line", "--json"))
    assert summary["final answers"] == {"right": 2, "wrong": 1}
    assert [ratings(trajectory) for trajectory in read_trajectories(out)] == [(1, 1, 1), (1, -1, -1), (None, 1)]
    assert _rows(trl) == [
        {"id": "row-1", "prompt": SOLUTIONS[0]["question"], "completions": SOLUTIONS[0]["solution"].splitlines(), "labels": [True] * 3},
        {"id": "wrong", "prompt": SOLUTIONS[1]["question"], "completions": SOLUTIONS[1]["steps"], "labels": [True, False, False]},
    ]
    assert [(row["id"], row["generator"], row["final_answer_correct"], row["label"]) for row in json.loads(bench.read_text())] == [
        ("row-1", "m", True, -1),
        ("wrong", "unknown", False, 1),
    ]


def test_what_cannot_be_told_counts_as_right_only_when_asked(capsys, tmp_path):
    trl = tmp_path / "trl.jsonl"
    _run(capsys, _file(tmp_path, SOLUTIONS[2:]), "--trl", str(trl), "--undecided", "right")
    assert _rows(trl)[0]["labels"] == [True, True]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [(PROOFS, [[True, True], [False, False]]), (EQUATIONS, [[True, True], [False, True]])],  # an equation's line is held against the line before it
    ids=["proofs", "equations"],
)
def test_the_kind_of_the_rows_chooses_the_verifier(capsys, tmp_path, rows, expected):
    trl = tmp_path / "trl.jsonl"
    _run(capsys, _file(tmp_path, rows), "--trl", str(trl))
    assert [row["labels"] for row in _rows(trl)] == expected


def test_rows_of_several_kinds_are_judged_by_the_verifiers_of_each(capsys, tmp_path):
    trl = tmp_path / "trl.jsonl"
    _run(capsys, _file(tmp_path, [PROOFS[0], SOLUTIONS[0], EQUATIONS[0]]), "--trl", str(trl), "--split", "line")
    assert [row["labels"] for row in _rows(trl)] == [[True, True], [True] * 3, [True, True]]


# What people write around the answer and the equations; all of it is right.
@pytest.mark.parametrize(
    "row",
    [
        {"question": "?", "answer": "3 * 4 = 12 in boxes.\n12 + 5 = <<12+5=17>>17\n#### 17"},  # as GSM8K has it
        {"question": "?", "response": "3 * 4 = 12.\nThe answer is \\boxed{17}.\n[asy] draw(); [/asy]", "answer": "3 * 4 = 12, and 5 more.\n#### 17"},
        {"question": "?", "response": ["3 * 4 = 12", "The answer is 17.", "12 + 5 = 17", "I hope this helps!"], "solution": "It is \\boxed{17}."},
        {"equation": "2x + 3 = 7", "steps": ["Subtract 3: $2x = 4$", "So x = 2 (divide by 2)."]},
    ],
)
def test_right_solutions_are_right_whatever_is_written_around_them(capsys, tmp_path, row):
    out = tmp_path / "out.jsonl"
    (summary,) = json.loads(_run(capsys, _file(tmp_path, [row]), "--out", str(out), "--json"))
    assert "wrong" not in summary["steps"]
    assert summary["steps"]["right"] >= 2
    assert summary["final answers"] == ({"unknown": 1} if "equation" in row else {"right": 1})


def test_beside_what_a_model_wrote_a_solution_is_the_reference(capsys, tmp_path):
    out = tmp_path / "out.jsonl"
    row = {"question": "?", "response": ["3 * 4 = 13.", "The answer is 18."], "solution": "3 * 4 = 12. The answer is 17."}
    (summary,) = json.loads(_run(capsys, _file(tmp_path, [row]), "--out", str(out), "--json"))
    assert (summary["steps"], summary["final answers"]) == ({"wrong": 2}, {"wrong": 1})


def test_what_is_no_equation_is_not_called_wrong(capsys, tmp_path):
    (summary,) = json.loads(_run(capsys, _file(tmp_path, [{"equation": "2x = 4", "steps": ["Now we halve both sides of it!", "x = 2"]}]), "--json"))
    assert "wrong" not in summary["steps"]


def test_stored_trajectories_are_labelled_by_the_verdicts_they_have(capsys, tmp_path):
    played, trl = tmp_path / "played.jsonl", tmp_path / "trl.jsonl"
    cli.main(["rollout", "--agent", "scripted", "--tasks", "2", "--attempts", "1", "--env-option", "difficulty=1", "--out", str(played)])
    _run(capsys, str(played), "--trl", str(trl))
    for row, trajectory in zip(_rows(trl), read_trajectories(played), strict=True):
        assert row["completions"] == [step.action for step in trajectory.steps]
        assert all(row["labels"])


def test_spoilt_episodes_are_counted_and_left_out(capsys, tmp_path):
    cli.main(["rollout", "--env", "prm_gym/Countdown-v0", "--tasks", "3", "--attempts", "1", "--out", str(tmp_path / "played")])
    played = _rows(tmp_path / "played")
    path = _file(tmp_path, [played[0], {**played[1], "valid": False}, played[2]])
    capsys.readouterr()
    cli.main(["label", path, "--out", str(tmp_path / "out"), "--json"])
    shown = capsys.readouterr()
    (summary,) = json.loads(shown.out)
    assert (summary["solutions"], summary["rows left out"], summary["spoilt episodes left out"]) == (2, 0, 1)
    assert "1 of 3 episodes are left out, since the infrastructure spoilt them" in shown.err
    assert [row["id"] for row in _rows(tmp_path / "out")] == [played[0]["id"], played[2]["id"]]


def test_rows_of_an_episode_with_tools_hold_all_that_its_agent_had_seen(capsys, tmp_path):
    played, trl = tmp_path / "played.jsonl", tmp_path / "trl.jsonl"
    cli.main(["rollout", "--env", "prm_gym/Retail-v0", "--agent", "scripted", "--tasks", "2", "--attempts", "1", "--out", str(played)])
    _run(capsys, str(played), "--trl", str(trl))
    for row, trajectory in zip(_rows(trl), read_trajectories(played), strict=True):
        assert row["prompt"].startswith(trajectory.task.instructions)
        assert len(row["completions"]) == len(trajectory.steps) > 1
        whole = "\n".join([row["prompt"], *row["completions"]])
        assert all(step.observation in whole and step.action in whole for step in trajectory.steps)
        assert all(text.endswith(step.action) for text, step in zip(row["completions"], trajectory.steps, strict=True))


def test_an_interrupted_labelling_goes_on_where_it_was(capsys, tmp_path):
    path, out = _file(tmp_path, SOLUTIONS), tmp_path / "out.jsonl"
    command = (path, "--out", str(out), "--json")
    first = json.loads(_run(capsys, *command))
    whole = out.read_text().splitlines()
    out.write_text(whole[0] + "\n" + whole[1][:50])  # the crash tore the second line
    with pytest.warns(UserWarning, match="line 2"):
        assert json.loads(_run(capsys, *command)) == first
    # What was torn is gone, and the rows stand in their order.
    assert [trajectory.id for trajectory in read_trajectories(out)] == [json.loads(line)["id"] for line in whole]
    assert sorted(json.loads(line)["id"] for line in whole) == ["row-1", "row-3", "wrong"]


@pytest.mark.parametrize(("rows", "options"), [(PROOFS, ()), (SOLUTIONS, ("--verifier", "algebra"))])
def test_labels_of_other_solutions_or_verifiers_are_not_mixed(capsys, tmp_path, rows, options):
    out = tmp_path / "out.jsonl"
    _run(capsys, _file(tmp_path, SOLUTIONS), "--out", str(out))
    with pytest.raises(SystemExit) as ended:
        cli.main(["label", _file(tmp_path, rows, "other.jsonl"), "--out", str(out), *options])
    assert ended.value.code == 2
    assert "choose another file" in capsys.readouterr().err


def test_a_solution_beyond_the_bounds_is_left_out(capsys, tmp_path):
    long = {"question": "?", "steps": ["3 * 4 = 12"] * 513}
    wide = {"question": "?", "steps": ["x" * 2**17, "y"]}
    (summary,) = json.loads(_run(capsys, _file(tmp_path, [long, wide, SOLUTIONS[0]]), "--json"))
    assert (summary["solutions"], summary["rows left out"]) == (1, 2)


def test_bad_rows_are_named_and_left_out(capsys, tmp_path):
    cli.main(["label", _file(tmp_path, [*SOLUTIONS, {"question": "?"}, 3, {"question": "?", "solution": "  "}]), "--json"])
    shown = capsys.readouterr()
    assert json.loads(shown.out)[0]["rows left out"] == 3
    assert all(f"row {number} is left out" in shown.err for number in (4, 5, 6))


def test_a_broken_proof_does_not_spoil_its_neighbours(capsys, tmp_path):
    broken = {"hypothesis": "{A", "facts": ["{A}"], "proof": ["fact1 -> hypothesis", "DISPROVED"]}
    (summary,) = json.loads(_run(capsys, _file(tmp_path, [broken, PROOFS[0]]), "--json"))
    assert (summary["solutions"], summary["rows left out"]) == (1, 1)


def test_a_citation_of_nothing_makes_no_fact(capsys, tmp_path):
    proof = ["[fact1] -> int1: {D}", "[fact1] -> int2: {D} -> {G}", "int1 & int2 -> int3: {G}", "PROVED"]
    trl = tmp_path / "trl.jsonl"
    _run(capsys, _file(tmp_path, [{"hypothesis": "{G}", "facts": ["{A} -> {B}", "{C}"], "proof": proof}]), "--trl", str(trl))
    assert _rows(trl)[0]["labels"] == [False] * 4


def test_a_stored_claim_is_never_evaluated(capsys, tmp_path):
    pytest.importorskip("reasoning_gym")
    marker = tmp_path / "evaluated"
    cli.main(["rollout", "--env", "prm_gym/Countdown-v0", "--tasks", "1", "--attempts", "1", "--out", str(tmp_path / "t.jsonl")])
    (trajectory,) = _rows(tmp_path / "t.jsonl")
    evil = {
        "type": "reasoning_gym_answer",
        "dataset": "puzzle24",
        "entry": '{"answer": "24", "metadata": {}}',
        "answer": f"__import__('os').mkfifo({str(marker)!r})",
    }
    trajectory["steps"][0]["claims"] = [evil]
    capsys.readouterr()
    (summary,) = json.loads(_run(capsys, _file(tmp_path, [trajectory]), "--verifier", "reasoning_gym", "--json"))
    assert summary["verdicts"]["reasoning_gym: error"] == 1
    assert not marker.exists()


@pytest.mark.parametrize(("rows", "says"), [([], "no rows"), ([{"question": "?"}], "no row"), ([3], "no row")])
def test_a_file_without_a_solution_is_refused(capsys, tmp_path, rows, says):
    with pytest.raises(SystemExit) as ended:
        cli.main(["label", _file(tmp_path, rows)])
    assert ended.value.code == 2
    assert says in capsys.readouterr().err


def test_the_rows_for_trl_have_the_types_of_stepwise_supervision(capsys, tmp_path):
    datasets = pytest.importorskip("datasets", reason="the layout is not held against the data sets package here")
    trl = tmp_path / "trl.jsonl"
    _run(capsys, _file(tmp_path, SOLUTIONS), "--trl", str(trl))
    data = datasets.Dataset.from_list(_rows(trl))
    assert {name: str(data.features[name]) for name in ("prompt", "completions", "labels")} == {
        "prompt": "Value('string')",
        "completions": "List(Value('string'))",
        "labels": "List(Value('bool'))",
    }
