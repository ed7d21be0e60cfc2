"""Print the tables of this folder's README from the stored results of `prm-gym compare`.

    python benchmarks/credit_comparison/run.py

The comparisons themselves are made by the commands that the results carry (and that this prints); they take tens of minutes.
"""

import argparse
from pathlib import Path

from prm_gym.report.comparison import Comparison, bin_success, read_results, summarise
from prm_gym.report.statistics import Interval

HERE = Path(__file__).parent


def shown(interval: Interval | None) -> str:
    """A mean with its interval."""
    if interval is None:
        return "-"
    return f"{interval.mean:.3f}" + ("" if interval.low is None or interval.high is None else f" [{interval.low:.3f}, {interval.high:.3f}]")


def table(comparison: Comparison) -> list[str]:
    """The lines of a comparison's table."""
    lines = ["| credit | reward | seeds | final success | area under curve | verifier calls | wall time |", "|---|---|---|---|---|---|---|"]
    for cell in summarise(comparison):
        figures = f"{shown(cell.final_success)} | {shown(cell.auc)} | {cell.verifier_calls:,.0f} | {cell.wall_seconds:.0f} s"
        lines.append(f"| {cell.credit} | {cell.reward} | {len(cell.seeds)} | {figures} |")
    for reference in comparison.references:
        interval = Interval(reference.success, reference.low, reference.high, comparison.eval_tasks, "" if reference.low is not None else "one task")
        lines.append(f"| *{reference.agent}* | ({reference.role}) | - | {shown(interval)} | - | - | - |")
    return lines


def bins(comparison: Comparison) -> list[str]:
    """The lines of a comparison's table by difficulty, where it has one."""
    if not comparison.file_bins:
        return []
    lines = ["", "| agent | " + " | ".join(comparison.file_bins) + " |", "|---|" + "---|" * len(comparison.file_bins)]
    for credit, reward in comparison.combinations:
        row = bin_success(comparison, credit, reward)
        lines.append(f"| {credit} + {reward} | " + " | ".join(shown(value) for value in row or ()) + " |")
    for reference in comparison.references:
        lines.append(f"| *{reference.agent}* | " + " | ".join(f"{value:.3f}" for value in reference.file_success or ()) + " |")
    return lines


def main() -> None:
    """Print every stored comparison."""
    for path in sorted(HERE.glob("*/results.json")):
        comparison = read_results(path)
        print(
            f"\n## {path.parent.name}\n\n    {comparison.command}\n\n{comparison.machine}; "
            + ", ".join(f"{k} {v}" for k, v in comparison.versions.items())
            + "\n"
        )
        print("\n".join([*table(comparison), *bins(comparison)]))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()  # --help must not begin the work
    main()
