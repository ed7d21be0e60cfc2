"""Stored trajectories in the files of others: `export`."""

import signal
import sys
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import tyro

from prm_gym.commands.records import print_records
from prm_gym.errors import OptionError
from prm_gym.progress import progress

SHOWN_PROBLEMS = 12


def export(
    path: Annotated[tuple[str, ...], tyro.conf.Positional],
    to: Literal["parquet", "hf", "jsonl", "trl", "processbench", "math-shepherd", "prm800k"],
    out: str,
    unlabelled: Literal["drop", "keep"] = "drop",
    undecided: Literal["leave-out", "right"] = "leave-out",
    neutral: Literal["right", "wrong"] = "right",
    stop_at_error: bool = False,
    replace: bool = False,
    json: bool = False,
) -> None:
    """Write stored trajectories, or their step labels, in the format of another project; and back.

    parquet         a row a trajectory, of columns; `prm-gym view` shows it

    hf              a folder of Hugging Face datasets (`load_from_disk`, `push_to_hub`), a row a trajectory

    jsonl           as `rollout` stores them: the way back from Parquet and from a folder of datasets

    trl             step labels by the verdicts: prompt, completions, labels (JSON lines, as the three that follow)

    processbench    problem, steps, index of the first wrong one

    math-shepherd   input with a tag behind each step, label with + and - in its place

    prm800k         question and steps with ratings -1, 0 and 1

    What cannot be read is counted and named; the exit status is 2 where nothing can be read or written. What is written has another name until it is whole: an
    export that is interrupted, or told to end by SIGTERM, leaves nothing behind.

    Args:
        path: files of trajectories (JSON lines or Parquet), folders of them, or folders of datasets that this has written.
        to: the format.
        out: file to write; of hf a folder.
        unlabelled: steps that no verifier can judge: "drop", a row ends before the first of them; "keep", they are null (trl, prm800k).
        undecided: steps that no verifier can judge, in layouts that know right and wrong alone: leave them out, or take them as right.
        neutral: whether steps rated neutral count as right or wrong there.
        stop_at_error: leave out what comes after the first wrong step.
        replace: replace what stands there already, once the new one is whole.
        json: print the figures as JSON.
    """
    if not path:
        raise OptionError("name a file of trajectories, or a folder: prm-gym export runs/proofs.jsonl --to parquet --out proofs.parquet")
    from prm_gym.integrations.exporting import export as run
    from prm_gym.integrations.exporting import size_of
    from prm_gym.labelling.layouts import LabelPolicy

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    policy = LabelPolicy(undecided=undecided, neutral_is_right=neutral == "right", stop_at_error=stop_at_error)
    total = (size_of(path) >> 20) + 1
    with progress("MiB", quiet=json) as show:

        def told(count: int, done: int) -> None:
            show("reading", done >> 20, total, f", {count:,} trajectories")

        found = run(path, to, Path(out), policy=policy, keep_unlabelled=unlabelled == "keep", replace=replace, told=told)
        show("reading", total, total, f", {found.trajectories:,} trajectories")
    for line in found.problems[:SHOWN_PROBLEMS]:
        print(f"prm-gym: {line}", file=sys.stderr)
    if len(found.problems) > SHOWN_PROBLEMS:
        print(f"prm-gym: and {len(found.problems) - SHOWN_PROBLEMS} more; --json has them", file=sys.stderr)
    record = msgspec.to_builtins(found)
    if json:
        print_records([record], True)
    else:
        shown = {name: value for name, value in record.items() if name not in ("out", "problems", "unread")}
        print_records([{"out": found.out, **shown, "not read": found.unread or None}], False)
