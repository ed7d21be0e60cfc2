"""How far do constants, an oracle and our formal verifiers come on public step labels, and can the verifiers be gamed?

    python benchmarks/prm/evaluation/run.py --data gsm8k.json logical_deduction.jsonl multistep_arithmetic.jsonl [--out DIR] [--json]

Any verifier can be put beside them: `--verifiers arithmetic "prm:PATH" "judge:MODEL?protocol=critic"`.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import msgspec

from prm_gym.prm.evaluation.data import Data, load
from prm_gym.prm.evaluation.evaluate import Settings, evaluate
from prm_gym.prm.evaluation.report import cell_text, write_reports
from prm_gym.prm.evaluation.result import Evaluation, Table
from prm_gym.prm.evaluation.scoring import ScoreFile
from prm_gym.report.statistics import Interval

VERIFIERS = ("arithmetic", "equivalence", "sequence(arithmetic, equivalence)")
METRICS = ("first-error", "steps", "calibration", "ranking", "coverage", "solutions", "best-of-n", "length", "probes")
REFERENCES = {  # of the oracle that names the second step where the final answer is wrong: F1 and the share of errors found, computed elsewhere from the data
    ("processbench", "gsm8k"): (0.444, 0.285),
    ("processbench", "math"): (0.359, 0.219),
    ("processbench", "olympiadbench"): (0.274, 0.159),
    ("processbench", "omnimath"): (0.267, 0.154),
}


def measured(verifier: str, data: Data, probe_limit: int, out: Path | None) -> tuple[Evaluation, float]:
    """One verifier on one data set, and the processor time in seconds."""
    name = f"{Path(data.sources[0].name).stem}-{''.join(each if each.isalnum() else '_' for each in verifier)}"
    began = time.process_time()
    with ScoreFile(None if out is None else out / name / "scores.jsonl") as scores:
        found = evaluate(
            verifier, data, Settings(metrics=METRICS, probe_limit=probe_limit), scores, command=f"prm-gym eval-prm '{verifier}' {data.sources[0].name}"
        )
    if out is not None:
        write_reports(found, out / name)
    return found, time.process_time() - began


def table_of(found: Evaluation, name: str, place: int = 0) -> Table | None:
    """A table of a metric; None where the data did not allow it."""
    tables = [table for table in found.tables if table.name == name]
    return tables[place] if place < len(tables) else None


def reference(data: Data, found: Evaluation) -> str:
    """The published reference point of the oracle beside the one that came out."""
    places = {(chain.source, chain.domain) for chain in data.chains}
    table = table_of(found, "first-error")
    if len(places) != 1 or table is None or (known := REFERENCES.get(places.pop())) is None:
        return ""
    row = next(row for row in table.rows if row.cells[0] == "outcome, second step wrong")
    return f"oracle, second step: F1 {cell_text(row.cells[5])} (known: {known[0]:.3f}), errors found {cell_text(row.cells[3])} (known: {known[1]:.3f})"


def printed(table: Table, skipped: frozenset[str] = frozenset()) -> str:
    """A table in Markdown."""
    kept = [place for place, heading in enumerate(table.columns) if heading not in skipped]
    lines = ["| " + " | ".join(table.columns[place] or " " for place in kept) + " |", "|" + "---|" * len(kept)]
    lines += ["| " + " | ".join(cell_text(row.cells[place]) for place in kept) + " |" for row in table.rows]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="+", required=True, help="files of any layout that prm-gym eval-prm reads")
    parser.add_argument("--verifiers", nargs="+", default=VERIFIERS)
    parser.add_argument("--limit", type=int, default=0, help="rows of each file; 0 for all")
    parser.add_argument("--probe-limit", type=int, default=100, help="solutions that probes are tried on; 0 for all")
    parser.add_argument("--out", type=Path, help="folder for scores and reports; a second run goes on there")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results: list[dict[str, Any]] = []
    for path in options.data:
        data = load([path], limit=options.limit)
        for verifier in options.verifiers:
            found, seconds = measured(verifier, data, options.probe_limit, options.out)
            results.append({"data": path, "verifier": verifier, "processor_seconds": seconds, "evaluation": msgspec.to_builtins(found)})
            if options.json:
                continue
            print(f"\n## {verifier} on {path}: {found.solutions} solutions, {found.steps} steps, {found.judged} judged in {seconds:.1f} s of processor time")
            print(reference(data, found))
            for name, place in (("first-error", 0), ("steps", 0), ("ranking", 0), ("solutions", 0), ("best-of-n", 0), ("probes", 0), ("probes", 1)):
                table = table_of(found, name, place)
                if table is not None:
                    print(f"\n**{table.title}**\n\n{printed(table, frozenset(('what is done',)))}")
            raised = [row for row in (table_of(found, "probes") or found.tables[0]).rows if isinstance(row.cells[3], Interval) and row.cells[3].mean > 0]
            print(f"\nprobes that raise some score: {', '.join(str(row.cells[0]) for row in raised) or 'none'}")
    if options.json:
        print(json.dumps(results, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
