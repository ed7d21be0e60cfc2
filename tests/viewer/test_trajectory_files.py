"""Files of trajectories: what can be read is, and again by its place; the rest is counted and named."""

import msgspec
import pytest

from prm_gym import trajectory_files
from prm_gym.errors import StoreError
from prm_gym.trajectory_files import Found, JsonLines, ParquetRows, Unread, find_files
from prm_gym.viewer.collection import Collection


def test_every_line_is_found_and_read_again_by_its_place(store, proofs):
    file = JsonLines(store(proofs))
    found = list(file.scan())
    assert [each.trajectory for each in found] == proofs
    assert [each.line for each in found] == [1, 2, 3, 4, 5]
    assert [file.read(each.start, each.length) for each in reversed(found)] == proofs[::-1]


def test_what_is_broken_is_named_by_line_and_reason_and_the_rest_is_read(store, proofs, tmp_path):
    good = store(proofs[:1]).read_bytes()
    torn = good[:-40]  # the writer was killed
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + good + b"\nnonsense\n" + b'{"step": 1, "loss": 0.5}\n' + good.replace(b'"score":1.0', b'"score":7.0') + good + torn)
    found = list(JsonLines(path).scan())
    assert [type(each) for each in found] == [Found, Unread, Unread, Unread, Found, Unread]
    assert [each.line for each in found] == [1, 3, 4, 5, 6, 7]
    assert "missing required field" in found[2].reason
    assert "probability" in found[3].reason
    assert "the file ends within this line" in found[5].reason
    assert JsonLines(path).read(found[0].start, found[0].length) == proofs[0]  # the mark at the beginning belongs to no line


@pytest.mark.parametrize(("content", "reason"), [(b"", "is empty"), (b"\x00\xff\x13\n\x99", ""), (b"[1, 2]\n", "")])
def test_nothing_that_can_be_read_is_an_error_that_says_why(tmp_path, content, reason):
    path = tmp_path / "t.jsonl"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="no trajectory can be read") as caught:
        Collection([path])
    assert str(path) in str(caught.value)
    assert reason in str(caught.value)


def test_a_line_beyond_all_bounds_is_passed_over(store, proofs, monkeypatch, tmp_path):
    good = store(proofs[:1]).read_bytes()
    path = tmp_path / "long.jsonl"
    path.write_bytes(good + b"x" * (3 * len(good)) + b"\n" + good + b"y" * (2 * len(good)))
    monkeypatch.setattr(trajectory_files, "MOST_LINE", len(good))
    found = list(JsonLines(path).scan())
    assert [(type(each), each.line) for each in found] == [(Found, 1), (Unread, 2), (Found, 3), (Unread, 4)]
    assert JsonLines(path).read(found[2].start, found[2].length) == proofs[0]


def test_a_foreign_file_does_not_fill_memory_with_its_reasons(store, proofs, tmp_path):
    foreign, half = tmp_path / "metrics.jsonl", tmp_path / "half.jsonl"
    foreign.write_text('{"loss": 1}\n' * 500)
    half.write_bytes(store(proofs).read_bytes() + b"x\n" * 70)
    collection = Collection([foreign, half])
    assert [(file.read, file.unread, len(file.problems)) for file in collection.files] == [(0, 500, trajectory_files.NAMED), (5, 70, trajectory_files.NAMED)]
    first, *others, last = collection.problem_lines()
    assert first.startswith(f"{foreign}: none of its 500 lines is a trajectory; line 1: ")
    assert others[0].startswith(f"{half}, line 6: ")
    assert last == f"{half}: and {70 - trajectory_files.NAMED} more lines like these"
    assert collection.summary()["unread"] == 570


def test_a_folder_is_all_its_files_and_a_path_named_twice_is_one(store, proofs, tmp_path):
    first, second = store(proofs[:2], "a.jsonl"), store(proofs[2:], "b/c.ndjson")
    assert [file.path for file in find_files([tmp_path, first])] == [first, second]
    (tmp_path / "empty").mkdir()
    with pytest.raises(StoreError, match="holds no file of trajectories"):
        find_files([tmp_path / "empty"])
    with pytest.raises(StoreError, match="there is no trajectory file"):
        find_files([tmp_path / "gone.jsonl"])


def test_parquet_is_read_by_row_groups(proofs, tmp_path):
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    rows = [msgspec.to_builtins(each) for each in proofs]
    rows = [row | {name: msgspec.json.encode(row[name]).decode() for name in ("task", "steps", "env_options", "final")} for row in rows]
    path = tmp_path / "t.parquet"
    parquet.write_table(arrow.Table.from_pylist([*rows, {**rows[0], "steps": "no JSON"}]), path, row_group_size=2)
    file = ParquetRows(path)
    *found, broken = file.scan()
    assert [(each.line, each.start, each.length) for each in found] == [(1, 0, 0), (2, 0, 1), (3, 1, 0), (4, 1, 1), (5, 2, 0)]
    assert [each.trajectory for each in found] == proofs
    assert [file.read(each.start, each.length) for each in found[::-1]] == proofs[::-1]
    assert (broken.line, "malformed" in broken.reason) == (6, True)
    path.write_bytes(path.read_bytes()[:-30])
    (broken,) = ParquetRows(path).scan()
    assert "cannot be read" in broken.reason


def test_a_file_that_was_changed_since_is_noticed(store, proofs):
    path = store(proofs)
    collection = Collection([path])
    path.write_bytes(b"".join(reversed(path.read_bytes().splitlines(keepends=True))))
    with pytest.raises(StoreError, match=r"was changed|missing|malformed|truncated|trailing"):
        collection.trajectory(0)
    path.unlink()
    with pytest.raises(StoreError, match="cannot be read any longer"):
        collection.trajectory(0)


def test_other_versions_are_read_and_said(store, proofs):
    old = [msgspec.structs.replace(each, library_version="0.0.1") for each in proofs[:2]]
    (file,) = Collection([store([*old, proofs[3]])]).files
    assert file.read == 3
    assert file.notes == [note for note in file.notes if note.startswith("2 trajectories were written by prm_gym 0.0.1")]
    assert len(file.notes) == 1
