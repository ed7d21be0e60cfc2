"""Stored trajectories in the files of others, and back.

    found = export(["runs/proofs.jsonl"], "prm800k", Path("labels.jsonl"))
    found.rows, found.left_out, found.unread

parquet         a trajectory a row, its columns the fields of `Trajectory`; of which all but texts, `outcome` and `valid` are JSON. `prm-gym view` reads it.
hf              a folder of `datasets` (`save_to_disk`), a trajectory a row, see `hf_datasets.to_dataset`
jsonl           trajectories as `rollout` stores them: the way back from Parquet and from a folder of `datasets`
trl, processbench, math-shepherd, prm800k
                step labels from the verdicts as JSON lines, see `hf_datasets.step_labels`

What is written has another name until it is whole. All formats but hf are written as they are read; that one has all rows in memory.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args
from uuid import uuid4

import msgspec

from prm_gym.errors import OptionError, StoreError
from prm_gym.integrations.hf_datasets import Layout, from_row, label_row, labels_in, to_dataset
from prm_gym.integrations.packages import package
from prm_gym.labelling.layouts import DEFAULT_POLICY, LabelPolicy
from prm_gym.store import encode_trajectory
from prm_gym.trajectory import Trajectory
from prm_gym.trajectory_files import FileReport, Found, Unread, find_files, problem_lines

Format: TypeAlias = Literal["parquet", "hf", "jsonl", "trl", "processbench", "math-shepherd", "prm800k"]
LABELS: tuple[str, ...] = get_args(Layout)
ROWS = 256
"""Trajectories of a row group of Parquet: so many are in memory at once, here and where they are read."""
_PLAIN = ("id", "group_id", "env_id", "agent", "library_version", "outcome", "valid")
"""Fields that are columns of their own kind; the others are JSON text."""


class Exported(msgspec.Struct):
    """What became of an export.

    Attributes:
        format: of what was written.
        out: where.
        trajectories: that were read.
        rows: that were written.
        left_out: trajectories of which step labels say nothing: spoilt, or without a verdict that labels a step; None where steps are not labelled.
        labelled_steps: of the rows that were written; likewise.
        unlabelled_steps: of the rows that were written; likewise.
        unread: lines or rows that hold no trajectory.
        problems: the first of these, a line each: path, line, reason.
    """

    format: str
    out: str
    trajectories: int = 0
    rows: int = 0
    left_out: int | None = None
    labelled_steps: int | None = None
    unlabelled_steps: int | None = None
    unread: int = 0
    problems: list[str] = []


def export(
    sources: Sequence[str | Path],
    to: Format,
    out: Path,
    *,
    policy: LabelPolicy = DEFAULT_POLICY,
    keep_unlabelled: bool = False,
    replace: bool = False,
    told: Callable[[int, int], None] | None = None,
) -> Exported:
    """Write trajectories in another format.

    Args:
        sources: files of trajectories (JSON lines, Parquet), folders of them, or folders of `datasets` that this has written.
        to: the format, see the module.
        out: file; of hf a folder.
        policy: how ratings become labels.
        keep_unlabelled: steps that no verifier can judge are null (trl, prm800k); else a row ends before the first of them.
        replace: what is there already is replaced, once the new one is whole.
        told: is called with the trajectories so far and the bytes of files that are read.

    Raises:
        OptionError: no such format, or one that cannot keep steps without a label.
        StoreError: nothing can be read, or something stands where this would write.
        MissingExtraError: a package is not installed.
    """
    if to not in get_args(Format):
        raise OptionError(f"a format is one of {', '.join(get_args(Format))}, got {to!r}")
    if keep_unlabelled and to not in ("trl", "prm800k"):
        raise OptionError(f"the format {to!r} has no place for steps without a label; trl and prm800k have")
    source = _Source(sources, told or (lambda _count, _bytes: None))
    _require_room(out, to, source, replace)
    found = Exported(to, str(out))
    found.left_out = found.labelled_steps = found.unlabelled_steps = 0 if to in LABELS else None
    part = out.with_name(f"{out.name}.{uuid4().hex}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _write(to, source, part, found, policy, keep_unlabelled)
        found.trajectories, found.unread, found.problems = source.count, sum(file.unread for file in source.files), problem_lines(source.files)
        if not source.count:
            raise StoreError("no trajectory can be read:\n" + "\n".join(f"  {line}" for line in found.problems))
        if not found.rows:
            raise StoreError(f"no verdict of the {source.count:,} trajectories labels a step, so there is nothing to write; `prm-gym rescore` has them judged")
        _put(part, out)
    except OSError as error:
        raise StoreError(f"{out} cannot be written: {error}") from error
    finally:
        if part.is_dir():
            shutil.rmtree(part)
        with suppress(OSError):
            part.unlink(missing_ok=True)
    return found


def _put(part: Path, out: Path) -> None:
    """Give what is whole its name; what was there goes when that is done."""
    old = out.with_name(f"{part.name}.old") if out.is_dir() else None
    if old is not None:
        out.rename(old)
    try:
        part.replace(out)
    except BaseException:
        if old is not None:
            old.rename(out)
        raise
    if old is not None:
        shutil.rmtree(old, ignore_errors=True)


class _Source:
    """Trajectories as they are read; what cannot be is counted.

    Attributes:
        files: with what became of each.
        count: trajectories so far.
    """

    def __init__(self, paths: Sequence[str | Path], told: Callable[[int, int], None]) -> None:
        self._named = [Path(path).resolve() for path in paths]
        self._folders = [Path(path) for path in paths if _is_dataset(Path(path))]
        self._files = find_files([path for path in paths if not _is_dataset(Path(path))])
        self._told = told
        self.files: list[FileReport] = []
        self.count = 0

    def __iter__(self) -> Iterator[Trajectory]:
        done = 0
        for file in self._files:
            report = self._report(file.path)
            for each in file.scan():
                if isinstance(each, Unread):
                    report.add(each)
                    continue
                yield self._read(report, each.trajectory, done + _end(each) if file.path.suffix.lower() != ".parquet" else done)
            done += file.path.stat().st_size
            self._told(self.count, done)
        for folder in self._folders:
            report = self._report(folder)
            for number, row in _rows(folder, report):
                try:
                    trajectory = from_row(row)
                except StoreError as error:
                    report.add(Unread(number, str(error)))
                else:
                    yield self._read(report, trajectory, done)

    def holds(self, path: Path) -> bool:
        """Whether a path is read, or a part of what is, or a folder with something that is."""
        target, folders = path.resolve(), [folder.resolve() for folder in self._folders]
        read = {*self._named, *folders, *(file.path.resolve() for file in self._files)}
        return target in read or any(target in each.parents for each in read) or any(folder in target.parents for folder in folders)

    def _report(self, path: Path) -> FileReport:
        self.files.append(FileReport(str(path)))
        return self.files[-1]

    def _read(self, report: FileReport, trajectory: Trajectory, done: int) -> Trajectory:
        report.read += 1
        self.count += 1
        self._told(self.count, done)
        return trajectory


def _rows(folder: Path, report: FileReport) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a folder of `datasets`, as far as they can be read, from 1 on."""
    number = 0
    try:
        for number, row in enumerate(package("datasets", "datasets").load_from_disk(str(folder)), start=1):
            yield number, row
    except (OSError, ValueError, KeyError) as error:  # those of JSON and of Arrow are ValueErrors
        report.add(Unread(number + 1, f"nothing can be read from here on: {error}"))


def _end(found: Found) -> int:
    return found.start + found.length


def size_of(sources: Sequence[str | Path]) -> int:
    """Bytes of the files that will be read, those of folders of `datasets` aside.

    Raises:
        StoreError: a path leads nowhere, or a folder holds no file of trajectories.
    """
    return sum(file.path.stat().st_size for file in find_files([path for path in sources if not _is_dataset(Path(path))]))


def _is_dataset(path: Path) -> bool:
    return (path / "dataset_info.json").is_file() and (path / "state.json").is_file()


def _require_room(out: Path, to: Format, source: _Source, replace: bool) -> None:
    """Refuse to write over what is read, or over what is there unless that is asked for."""
    if source.holds(out):
        raise StoreError(f"{out} is what is read, or a part of it; name another file")
    if not out.exists():
        return
    if not replace:
        raise StoreError(f"{out} is there already; name another one, or say that it is to be replaced")
    if out.is_dir() and not _is_dataset(out):
        raise StoreError(f"{out} is a folder that no export has written, and is not replaced")
    if not out.is_dir() and (to == "hf" or not out.is_file()):
        raise StoreError(f"{out} is no {'folder' if to == 'hf' else 'file'}, and is not replaced")


def _write(to: Format, source: _Source, part: Path, found: Exported, policy: LabelPolicy, keep: bool) -> None:
    if to == "parquet":
        found.rows = _write_parquet(source, part)
    elif to == "hf":
        data = to_dataset(source)
        found.rows = len(data)
        if found.rows:
            data.save_to_disk(str(part))
    elif to == "jsonl":
        found.rows = _write_lines(part, map(encode_trajectory, source))
    else:
        found.rows = _write_lines(part, (msgspec.json.encode(row) for row in _labels(source, to, found, policy, keep)))


def _write_lines(part: Path, lines: Iterable[bytes]) -> int:
    rows = 0
    with part.open("wb") as file:
        for line in lines:
            file.write(line + b"\n")
            rows += 1
    return rows


def _labels(source: _Source, layout: Layout, found: Exported, policy: LabelPolicy, keep: bool) -> Iterator[dict[str, Any]]:
    for trajectory in source:
        row = label_row(trajectory, layout, keep, policy) if trajectory.valid else None
        if row is None:
            found.left_out = (found.left_out or 0) + 1
            continue
        labelled = labels_in(row, layout, len(trajectory.steps))
        found.labelled_steps = (found.labelled_steps or 0) + labelled
        found.unlabelled_steps = (found.unlabelled_steps or 0) + len(trajectory.steps) - labelled
        yield row


def _write_parquet(source: Iterable[Trajectory], part: Path) -> int:
    arrow, parquet = package("pyarrow", "parquet"), package("pyarrow.parquet", "parquet")
    numbers = {"outcome": arrow.float64(), "valid": arrow.bool_()}
    schema = arrow.schema([arrow.field(name, numbers.get(name, arrow.string())) for name in Trajectory.__struct_fields__])
    rows, waiting = 0, list[dict[str, Any]]()
    with parquet.ParquetWriter(part, schema, compression="zstd") as writer:
        for trajectory in source:
            waiting.append(_parquet_row(trajectory))
            rows += 1
            if len(waiting) == ROWS:
                writer.write_table(arrow.Table.from_pylist(waiting, schema=schema))
                waiting.clear()
        if waiting:
            writer.write_table(arrow.Table.from_pylist(waiting, schema=schema))
    return rows


def _parquet_row(trajectory: Trajectory) -> dict[str, Any]:
    """The fields; structured ones, and integers of any size, as JSON text.

    Raises:
        StoreError: one holds what is no JSON.
    """
    fields = msgspec.json.decode(encode_trajectory(trajectory), type=dict[str, msgspec.Raw])
    return {name: msgspec.json.decode(value) if name in _PLAIN or value == b"null" else bytes(value).decode() for name, value in fields.items()}
