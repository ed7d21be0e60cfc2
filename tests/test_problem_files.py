import json

import pytest

from prm_gym.errors import MissingExtraError, OptionError
from prm_gym.problem_files import Fields, Problem, load_problems

GSM = {"question": "How many eggs?", "answer": "16 - 3 - 4 = <<16-3-4=9>>9 eggs.\nShe makes 9 * 2 = $18.\n#### 18"}
MATH = {"problem": "What is $1+1$?", "solution": r"It is $1+1=\boxed{2}$.", "level": "Level 1", "subject": "Algebra"}
PLAIN = {"prompt": "2 * 3?", "target": 6, "id": "a7"}
READ = (
    Problem("How many eggs?", "18", GSM["answer"]),
    Problem("What is $1+1$?", "2", MATH["solution"], {"level": "Level 1", "subject": "Algebra"}),
    Problem("2 * 3?", "6", "", {"id": "a7"}),
)


def _file(tmp_path, rows, name="tasks.jsonl"):
    path = tmp_path / name
    path.write_text(json.dumps(rows) if path.suffix == ".json" else "\n".join(json.dumps(row) for row in rows) + "\n", encoding="utf-8")
    return path


def test_the_three_layouts(tmp_path):
    assert load_problems(_file(tmp_path, [GSM, MATH, PLAIN])).problems == READ


def test_an_array(tmp_path):
    assert load_problems(str(_file(tmp_path, [GSM, MATH, PLAIN], "tasks.json"))).problems == READ


def test_several_files(tmp_path):
    one, other = _file(tmp_path, [GSM]), _file(tmp_path, [MATH, PLAIN], "b.json")
    assert load_problems([one, str(other)]).problems == READ


def test_parquet(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.Table.from_pylist([MATH, {**MATH, "problem": "Again?"}]), tmp_path / "tasks.parquet")
    assert [problem.question for problem in load_problems(tmp_path / "tasks.parquet").problems] == ["What is $1+1$?", "Again?"]
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(OptionError, match=r"broken\.parquet"):
        load_problems(tmp_path / "broken.parquet")


def _saved(folder, rows):
    """What `datasets.DatasetDict({"test": ...}).save_to_disk(folder)` writes (the package's own pickling fails with some versions of pyarrow)."""
    arrow = pytest.importorskip("pyarrow")
    (folder / "test").mkdir(parents=True)
    table = arrow.Table.from_pylist(rows)
    with arrow.OSFile(str(folder / "test" / "data-00000-of-00001.arrow"), "wb") as file, arrow.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    features = {name: {"dtype": "string", "_type": "Value"} for name in table.column_names}
    state = {"_data_files": [{"filename": "data-00000-of-00001.arrow"}], "_fingerprint": "a", "_format_columns": None, "_format_kwargs": {}}
    state |= {"_format_type": None, "_output_all_columns": False, "_split": "test"}
    (folder / "test" / "dataset_info.json").write_text(json.dumps({"features": features}))
    (folder / "test" / "state.json").write_text(json.dumps(state))
    (folder / "dataset_dict.json").write_text(json.dumps({"splits": ["test"]}))
    return folder


@pytest.mark.filterwarnings("ignore")  # of the package
def test_a_data_set_on_disk(tmp_path):
    pytest.importorskip("datasets")
    folder = _saved(tmp_path / "gsm", [GSM])
    assert load_problems(folder).problems == READ[:1]
    assert load_problems(f"hf:{folder / 'test'}").problems == READ[:1]


def test_a_data_set_without_the_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"prm-gym\[datasets\]"):
        load_problems("hf:openai/gsm8k:main:test")


def test_parquet_without_the_package_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"prm-gym\[parquet\]"):
        load_problems(tmp_path / "tasks.parquet")


def test_the_answer_of_math_stands_before_its_box(tmp_path):
    row = {**MATH, "answer": "two"}
    assert load_problems(_file(tmp_path, [row])).problems[0].gold == "two"


def test_fields_of_other_names(tmp_path):
    row = {"question": "not this", "frage": "2 * 3?", "antwort": 6.0, "weg": "2 * 3 = 6"}
    fields = Fields(question="frage", answer="antwort", solution="weg")
    assert load_problems(_file(tmp_path, [row]), fields).problems == (Problem("2 * 3?", "6", "2 * 3 = 6"),)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"answer": "6"}, "line 2: no question: none of the fields question, problem, prompt holds a text; there are answer"),
        ({"question": "  ", "answer": "6"}, "line 2: no question"),
        ({"question": "2 * 3?"}, "line 2: no answer"),
        ({"question": "2 * 3?", "answer": None}, "line 2: no answer"),
        ({"question": "2 * 3?", "answer": ["6"]}, "line 2: no answer"),
        ({"problem": "2 * 3?", "solution": "It is six."}, "line 2: no answer"),
        ({"problem": "2 * 3?", "solution": r"\boxed{6} or \boxed{7}"}, "line 2: no answer"),
        ({"question": "x" * 200_000, "answer": "6"}, "line 2: the question has 200,000 characters"),
        ([1, 2], "line 2: a problem is an object"),
    ],
)
def test_a_bad_row_is_an_error_that_names_it_or_is_left_out_and_reported(tmp_path, row, says):
    path = _file(tmp_path, [GSM, row, PLAIN])
    with pytest.raises(OptionError, match=says):
        load_problems(path)
    read = load_problems(path, bad_rows="skip")
    assert [problem.gold for problem in read.problems] == ["18", "6"]
    assert len(read.skipped) == 1
    assert says.split(":")[0] in read.skipped[0]


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "broken.jsonl").write_text('{"question": "a", "answer": "1"}\n{"question": \n')
    (tmp_path / "deep.jsonl").write_text("[" * 100_000)
    (tmp_path / "object.json").write_text("{}")
    (tmp_path / "latin.jsonl").write_bytes(b'{"question": "\xe9"}')
    for name, says in {
        "broken.jsonl": "line 2",
        "object.json": "array",
        "latin.jsonl": "cannot be read",
        "deep.jsonl": "line 1",
        "missing.jsonl": "cannot be read",
        "tasks.txt": "is .jsonl, .json, .csv or .parquet",
    }.items():
        with pytest.raises(OptionError, match=says):
            load_problems(tmp_path / name)
    with pytest.raises(OptionError, match="no problem in it"):
        load_problems(_file(tmp_path, [], "empty.jsonl"))
    with pytest.raises(OptionError, match=r"no problem in it.*line 1"):
        load_problems(_file(tmp_path, [{}], "bad.jsonl"), bad_rows="skip")
    with pytest.raises(OptionError, match="bad_rows"):
        load_problems(_file(tmp_path, [GSM]), bad_rows="drop")
    for tasks in (5, [5], {"question": "1 + 1?"}):
        with pytest.raises(OptionError, match="tasks are a path"):
            load_problems(tasks)


def test_a_number_that_is_none_is_no_answer(tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [{"question": "2 * 3?", "answer": 6.0}, {"question": "And this?", "answer": float("nan")}]
    parquet.write_table(arrow.Table.from_pylist(rows), tmp_path / "tasks.parquet")
    with pytest.raises(OptionError, match="row 2: no answer"):
        load_problems(tmp_path / "tasks.parquet")
    with pytest.raises(OptionError, match="empty list"):
        load_problems([])
