"""What the host makes of a job's report: how it ended is what was seen, its records are what it claims."""

import json
import os
import signal
from typing import Any, Literal, cast

from prm_gym.sandbox.inside.encoding import MAX_DEPTH
from prm_gym.sandbox.inside.exits import END, EXIT_EXCEPTION, EXIT_MEMORY, EXIT_UNFIT, REACHED
from prm_gym.sandbox.result import CallResult, Limits, Rows, Run, Status, Tier
from prm_gym.sandbox.zygotes import Job, Report

SESSION_ENDED = "an earlier cell of the session ended the process"  # so begins the error of a run that was not reached
MAX_NESTING = 3 * MAX_DEPTH + 3  # a dictionary in a dictionary is three levels of JSON


def run_of(job: Job, report: Report | None, tier: Tier) -> Run:
    """How the job ended."""
    if report is None:
        return Run(status="fault", error="the sandbox itself failed: its process died, and another one too", tier=tier)
    status, error = _ending(report, job.limits)
    nonce, said = job.task.get("nonce"), records(report) if "nonce" in job.task else []
    if job.task.get("before") and status in ("ok", "exception") and [REACHED, nonce] not in said:
        status, error = "crash", f"{SESSION_ENDED} before the program began"
    return Run(
        status=status,
        stdout=report.stdout.decode("utf-8", "replace"),
        stderr=report.stderr.decode("utf-8", "replace"),
        error=error,
        truncated=max(report.sizes[:2]) > job.limits.kept_bytes,
        wall_seconds=report.seconds,
        cpu_seconds=report.cpu_seconds,
        peak_mb=report.peak_kib / 1024,
        tier=tier,
        finished=[END, nonce] in said,
    )


def _ending(report: Report, limits: Limits) -> tuple[Status, str]:
    """How a job ended, from what the host and the zygote saw."""
    last = report.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2][:300]
    if report.timed_out or report.status is None:
        return "timeout", f"it took more than {limits.wall_seconds:g} seconds"
    if max(report.sizes) >= limits.output_bytes:
        return "output", f"it wrote more than {limits.output_bytes:,} bytes"
    code = os.waitstatus_to_exitcode(report.status)
    if code < 0:
        if -code == signal.SIGXCPU or (-code == signal.SIGKILL and report.cpu_seconds >= limits.cpu_limit):
            return "timeout", f"it used more than {limits.cpu_limit} seconds of CPU time"
        try:
            return "crash", f"it was killed by {signal.Signals(-code).name}"
        except ValueError:
            return "crash", f"it was killed by signal {-code}"
    if code == EXIT_MEMORY:
        return "memory", f"it wanted more than {limits.memory_mb} MiB of memory"
    if code == EXIT_UNFIT:
        return "crash", "it ended before the program began"
    if code == EXIT_EXCEPTION:
        return "exception", last or "it left with an exit code"
    return ("ok", "") if code == 0 else ("exception", last or f"it left with the exit code {code}")


def records(report: Report | None) -> list[list[Any]]:
    """The records of a job: lists, as far as they can be read; they are claims. Half of a surrogate pair, which no text in UTF-8 can hold, is replaced."""
    found: list[list[Any]] = []
    for line in (b"" if report is None else report.channel).splitlines():
        try:
            text = line.decode("utf-8", "replace")
            record: Any = json.loads(text)
        except (ValueError, RecursionError):
            break
        if not isinstance(record, list) or _too_deep(record, line):
            break
        found.append(cast("list[Any]", _mended(record) if "\\ud" in text.lower() else record))
    return found


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mended(part) for part in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {_mended(key): _mended(part) for key, part in cast("dict[str, Any]", value).items()}
    return value


def _too_deep(record: Any, line: bytes) -> bool:
    """Whether a record is nested more deeply than an encoded value can be; later readers are recursive."""
    if line.count(b"[") + line.count(b"{") <= MAX_NESTING:
        return False
    level: list[Any] = [record]
    for _ in range(MAX_NESTING):
        level = [part for parts in level if isinstance(parts, list | dict) for part in _parts(parts)]
        if not level:
            return False
    return True


def _parts(value: Any) -> list[Any]:
    return list(cast("dict[str, Any]", value).values()) if isinstance(value, dict) else cast("list[Any]", value)


def call_results(report: Report | None, count: int) -> tuple[CallResult, ...]:
    """What came of each of the calls."""
    found = records(report)
    if len(found) > count:  # more than were asked for: none of them can be trusted to be the answer to its case
        found = []
    results: list[CallResult] = []
    for record in found:
        if len(record) == 2 and record[0] == "returned":
            results.append(CallResult(status="returned", value=record[1]))
        elif len(record) == 3 and record[0] == "raised" and isinstance(record[1], str) and isinstance(record[2], str):
            name, _, nearest = record[1].partition("<")
            results.append(CallResult(status="raised", error=f"{name}: {record[2]}" if record[2] else name, nearest=nearest or name))
        else:
            break
    return (*results, *[CallResult(status="missing")] * (count - len(results)))


def rows_of(report: Report | None, run: Run) -> Rows:
    """What came of a query."""
    found = records(report)
    if found and found[0][:1] == ["database"]:
        return Rows(status="error", error=f"the database cannot be made: {found[0][1]}", run=run)
    if run.status != "ok":
        status: Literal["error", "timeout", "memory", "crash", "fault"] = run.status if run.status in ("timeout", "memory", "crash", "fault") else "error"
        return Rows(status=status, error=run.error, run=run)
    last = found[-1] if found else ["error", "the query gave no answer"]
    if last[0] == "error":
        message = str(last[1])
        return Rows(status="timeout" if message == "OperationalError: interrupted" else "error", error=message, run=run)
    columns = tuple(str(name) for name in found[0][1])
    return Rows(status="ok", columns=columns, rows=tuple(tuple(record[1]) for record in found[1:-1]), truncated=bool(last[1]), run=run)
