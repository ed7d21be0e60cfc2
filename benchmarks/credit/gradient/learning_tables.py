"""Tables and pictures of the trainings on small problems."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.report.statistics import Interval, PairedDifference, bootstrap_interval, holm, paired_difference

BASELINE = "rloo"
ERRING = {"accepts": "wrong steps accepted", "refuses": "right steps refused", "both": "both"}
DOSES = (0, 10, 20, 40)
DOSE_ENDS = ("-10", "-40")
"""Problems with such names are for the picture of the mistakes alone, and for the assigners that it shows."""
DOSED = ("rloo", "grpo", "gigpo", "gigpo?normalize=mean_std", "reward_flow", "pure")
Row: TypeAlias = dict[str, Any]


def area(row: Row) -> float:
    """Mean success over the training, in [0, 1]."""
    return float(np.mean(row["curve"]))


def final(row: Row) -> float:
    """Success after the last update, in [0, 1]."""
    return float(row["curve"][-1])


def by_seed(rows: Sequence[Row], problem: str, spec: str, measure: Callable[[Row], float]) -> dict[int, float]:
    """A measure of every reported run of an assigner on a problem."""
    return {row["seed"]: measure(row) for row in rows if row["problem"] == problem and row["spec"] == spec}


def difference(
    rows: Sequence[Row], problem: str, spec: str, measure: Callable[[Row], float], baseline: tuple[str, str] | None = None
) -> PairedDifference | None:
    """Mean difference from the baseline on the same seeds, with its bootstrap interval and p-value; None where there is nothing to compare.

    Args:
        rows: runs.
        problem: of the assigner.
        spec: of the assigner.
        measure: of a run.
        baseline: problem and assigner to compare with; the `BASELINE` on the same problem unless given.
    """
    own, base = by_seed(rows, problem, spec, measure), by_seed(rows, *(baseline or (problem, BASELINE)), measure)
    seeds = sorted(own.keys() & base.keys())
    if not seeds:
        return None
    pairs = [np.array([values[seed] for seed in seeds]) for values in (own, base)]
    return paired_difference(pairs[0], pairs[1], np.random.default_rng(0))


@dataclass(frozen=True, slots=True)
class Differences:
    """From the baseline, of every assigner on every problem.

    Attributes:
        specs: the assigners, best first by the mean: first those that ran on every problem (but those of unpaid scores), then the rest.
        found: by problem and assigner; the baseline and what was not run are left out.
        told: those whose p-value is below .05 after Holm's correction for all that were found.
    """

    specs: tuple[str, ...]
    found: dict[tuple[str, str], Interval]
    told: frozenset[tuple[str, str]]


def differences(rows: Sequence[Row], problems: Sequence[str]) -> Differences:
    """All differences of the mean success over the training."""
    names = sorted({row["spec"] for row in rows})
    pairs = {(problem, spec): each for problem in problems for spec in names if spec != BASELINE and (each := difference(rows, problem, spec, area))}
    corrected = holm(np.array([each.p_value for each in pairs.values()], dtype=np.float64))
    found = {place: each.interval for place, each in pairs.items()}

    def order(spec: str) -> tuple[bool, float]:
        own = {problem: each.mean for (problem, name), each in found.items() if name == spec}
        return spec != BASELINE and any(problem not in own for problem in problems if not problem.startswith("scored")), -float(
            np.mean(list(own.values()) or [0.0])
        )

    told = frozenset(place for place, p_value in zip(pairs, corrected, strict=True) if p_value < 0.05)
    return Differences(tuple(sorted(names, key=order)), found, told)


def tables(rows: Sequence[Row], problems: Sequence[str]) -> str:
    """All tables as Markdown; the doses of mistakes stand in one of their own."""
    plain = [problem for problem in problems if not problem.endswith(DOSE_ENDS)]
    known = differences(rows, plain)
    specs, doses = known.specs, [name for kind in ERRING for dose in DOSES if (name := _dosed(kind, dose)) in problems]
    parts: list[str] = []

    def table(title: str, columns: Sequence[str], lines: Sequence[str], cell: Callable[[str, str], str]) -> None:
        parts.extend(["", f"**{title}**", "", "| assigner | " + " | ".join(columns) + " |", "|---|" + "---|" * len(columns)])
        parts.extend(f"| `{spec.replace('|', chr(92) + '|')}` | " + " | ".join(cell(spec, problem) for problem in columns) + " |" for spec in lines)

    title = f"Mean success over the training, less that of `{BASELINE}` with the same seeds (bold: told from 0 after Holm's correction for the whole table)"
    table(title, plain, specs, lambda spec, problem: "=" if spec == BASELINE else _signed(known, (problem, spec)))
    table("Success after the last update", plain, specs, lambda spec, problem: _plain(by_seed(rows, problem, spec, final)))
    table("Learning rate that the tuning seeds chose", plain, specs, lambda spec, problem: _rate(rows, problem, spec))
    if len(doses) > len(ERRING):
        dosed = [spec for spec in DOSED if spec in specs]
        table("Success after the last update, by the share of mistakes", doses, dosed, lambda spec, problem: _plain(by_seed(rows, problem, spec, final)))
    return "\n".join(parts).strip()


def _signed(known: Differences, place: tuple[str, str]) -> str:
    found = known.found.get(place)
    if found is None:
        return "-"
    ends = "" if found.low is None or found.high is None else f" [{found.low:+.3f}, {found.high:+.3f}]"
    return f"**{found.mean:+.3f}**{ends}" if place in known.told else f"{found.mean:+.3f}{ends}"


def _plain(known: dict[int, float]) -> str:
    if not known:
        return "-"
    found = bootstrap_interval(np.array(list(known.values())), np.random.default_rng(0), resamples=2000)
    return f"{found.mean:.3f}" + ("" if found.low is None or found.high is None else f" [{found.low:.3f}, {found.high:.3f}]")


def _rate(rows: Sequence[Row], problem: str, spec: str) -> str:
    rates = {row["rate"] for row in rows if row["problem"] == problem and row["spec"] == spec}
    return ", ".join(f"{rate:g}" for rate in sorted(rates)) or "-"


def draw(rows: Sequence[Row], problems: Sequence[str], path: Path) -> None:
    """A map of the differences from the baseline, assigners by problems; and what a verifier's mistakes cost, where the problems of that are among them.

    Args:
        rows: the reported runs.
        problems: in order.
        path: file to write; its suffix names the format. The second picture goes beside it, as STEM-mistakes.
    """
    _draw_map(rows, [name for name in problems if not name.endswith(DOSE_ENDS)], path)
    if {"dense", "accepts-40"} <= set(problems):
        _draw_mistakes(rows, path.with_stem(f"{path.stem}-mistakes"))


def _draw_map(rows: Sequence[Row], problems: Sequence[str], path: Path) -> None:
    known = differences(rows, problems)
    specs = [spec for spec in known.specs if spec != BASELINE]
    found = [[known.found.get((problem, spec)) for problem in problems] for spec in specs]
    grid = np.array([[np.nan if each is None else each.mean for each in row] for row in found], dtype=np.float64)
    bound = float(np.nanquantile(np.abs(grid), 0.97))
    figure = _figure(3.6 + 0.95 * len(problems), 1.5 + 0.26 * len(specs))
    panel = figure.subplots()
    panel.imshow(np.ma.masked_invalid(grid), cmap="PuOr_r", vmin=-bound, vmax=bound, aspect="auto")
    for row, column in np.ndindex(grid.shape):
        each = found[row][column]
        text = "·" if each is None else f"{each.mean:+.2f}"
        strong = (problems[column], specs[row]) in known.told
        deep = each is not None and abs(each.mean) > 0.7 * bound
        panel.text(column, row, text, ha="center", va="center", fontsize=7.5, color="white" if deep else "#1d2127", weight="bold" if strong else "normal")
    levels = [np.mean(list(by_seed(rows, problem, BASELINE, area).values())) for problem in problems]
    panel.set_xticks(range(len(problems)), [f"{name}\n{level:.2f}" for name, level in zip(problems, levels, strict=True)], rotation=30, ha="right", fontsize=8)
    panel.set_yticks(range(len(specs)), specs, fontsize=8)
    panel.set_title(
        f"mean success over the training, less that of {BASELINE} (whose own stands under the problem); bold: told from 0, corrected for all",
        loc="left",
        fontsize=9,
    )
    _save(figure, panel, path)


def _draw_mistakes(rows: Sequence[Row], path: Path) -> None:
    figure = _figure(11.0, 3.6)
    panels: Any = figure.subplots(1, len(ERRING), sharey=True)
    colors = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
    marks = "os^Dvx"
    for panel, (kind, words) in zip(panels, ERRING.items(), strict=True):
        for spec, color, mark in zip(DOSED, colors, marks, strict=True):
            places = [(dose, by_seed(rows, _dosed(kind, dose), spec, final)) for dose in DOSES]
            known = [(dose, bootstrap_interval(np.array(list(values.values())), np.random.default_rng(0), resamples=2000)) for dose, values in places if values]
            if not known:
                continue
            doses: FloatArray = np.array([dose for dose, _ in known], dtype=np.float64)
            panel.plot(doses, [each.mean for _, each in known], color=color, marker=mark, markersize=4, linewidth=1.4, label=spec)
            low = [each.mean if each.low is None else each.low for _, each in known]
            high = [each.mean if each.high is None else each.high for _, each in known]
            panel.fill_between(doses, low, high, color=color, alpha=0.13, linewidth=0)
        alone = list(by_seed(rows, "proof", BASELINE, final).values())
        if alone:
            panel.axhline(float(np.mean(alone)), color="#1d2127", linestyle="--", linewidth=1, label=f"{BASELINE}, the outcome alone")
        panel.set_title(words, loc="left", fontsize=9.5)
        panel.set_xlabel("% of them, always the same ones", fontsize=8.5)
        panel.set_xticks(DOSES)
        panel.tick_params(labelsize=8)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    panels[0].set_ylabel("success after the last update", fontsize=8.5)
    panels[0].set_ylim(0.0, 1.0)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False, fontsize=8)
    figure.savefig(path, facecolor="white", metadata={"Software": None} if path.suffix == ".png" else None)


def _dosed(kind: str, dose: int) -> str:
    """The problem in which so many percent of the steps are judged wrongly."""
    return "dense" if dose == 0 else f"dense-{kind}" if dose == 20 else f"{kind}-{dose}"


def _figure(width: float, height: float) -> Any:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=160, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, panel: Any, path: Path) -> None:
    panel.tick_params(length=0)
    for side in panel.spines.values():
        side.set_visible(False)
    figure.savefig(path, facecolor="white", metadata={"Software": None} if path.suffix == ".png" else None)
