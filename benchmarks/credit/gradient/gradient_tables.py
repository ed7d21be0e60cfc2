"""Tables and a picture of the gradient check, from its results."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from prm_gym.report.statistics import Interval, bootstrap_interval

BASELINE = "rloo"
Row: TypeAlias = dict[str, Any]


def values(rows: Sequence[Row], spec: str, problem: str, name: str, weighting: str = "attempt") -> dict[int, float]:
    """A measure by policy, where it is known."""
    own = [row for row in rows if row["spec"] == spec and row["problem"] == problem and not row["reason"]]
    return {row["policy"]: row["measures"][weighting][name] for row in own if row["measures"][weighting][name] is not None}


def ratios(rows: Sequence[Row], spec: str, problem: str) -> dict[int, float]:
    """Logarithm of the signal-to-noise ratio over that of the baseline on the same batches, by policy."""
    own, base = values(rows, spec, problem, "signal_to_noise"), values(rows, BASELINE, problem, "signal_to_noise")
    return {policy: float(np.log(own[policy] / base[policy])) for policy in own.keys() & base.keys()}


def interval(known: dict[int, float]) -> Interval | None:
    """The mean over the policies with its bootstrap interval; None without values."""
    return bootstrap_interval(np.array(list(known.values())), np.random.default_rng(0), resamples=2000) if known else None


def shown(known: dict[int, float], policies: int, back: Callable[[float], float] = float) -> str:
    """A cell: mean, interval, and of how many policies where not of all."""
    found = interval(known)
    if found is None:
        return "-"
    ends = "" if found.low is None or found.high is None else f" [{back(found.low):.2f}, {back(found.high):.2f}]"
    return f"{back(found.mean):.2f}{ends}" + ("" if len(known) == policies else f" ({len(known)} of {policies})")


def tables(rows: Sequence[Row], problems: Sequence[str]) -> str:
    """All tables as Markdown."""
    policies = len({row["policy"] for row in rows})
    ran = sorted({row["spec"] for row in rows if not row["reason"]})
    given = _given_more(rows)
    plain = [spec for spec in ran if spec not in given]
    ordered = [*plain, *(spec for spec in ran if spec not in plain)]
    parts: list[str] = []

    def table(title: str, cell: Callable[[str, str], str]) -> None:
        parts.extend(["", f"**{title}**", "", "| assigner | " + " | ".join(problems) + " |", "|---|" + "---|" * len(problems)])
        parts.extend(f"| `{spec}`{'' if spec in plain else ' *'} | " + " | ".join(cell(spec, problem) for problem in problems) + " |" for spec in ordered)

    table("Cosine of one batch with the true gradient", lambda spec, problem: shown(values(rows, spec, problem, "batch_cosine"), policies))
    table("Cosine of the mean estimate (bias)", lambda spec, problem: shown(values(rows, spec, problem, "cosine"), policies))
    table(
        f"Signal-to-noise ratio of one batch, times that of `{BASELINE}`",
        lambda spec, problem: shown(ratios(rows, spec, problem), policies, lambda value: float(np.exp(value))),
    )
    table("Length along the true gradient", lambda spec, problem: shown(values(rows, spec, problem, "scale"), policies))
    if "loop" in problems:
        parts.extend(["", "**`loop`, cosine of the mean estimate by weighting**", "", "| assigner | attempt | step | own length |", "|---|---|---|---|"])
        for spec in ordered:
            cells = [shown(values(rows, spec, "loop", "cosine", weighting), policies) for weighting in ("attempt", "step", "own length")]
            parts.append(f"| `{spec}`{'' if spec in plain else ' *'} | " + " | ".join(cells) + " |")
    unable = sorted({(row["spec"], row["reason"]) for row in rows if row["reason"]})
    parts.extend(["", *(f"- `{spec}` not run everywhere: {reason}" for spec, reason in unable)])
    return "\n".join(parts).strip()


def draw(rows: Sequence[Row], problems: Sequence[str], path: Path) -> None:
    """Two maps, assigners by problems: how well the mean points, and how well one batch does.

    Args:
        rows: the results.
        problems: columns, in order.
        path: file to write; its suffix names the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ran = {row["spec"] for row in rows if not row["reason"]}
    extra = _given_more(rows)
    maps = {name: {spec: [_mean(values(rows, spec, problem, name)) for problem in problems] for spec in ran} for name in ("cosine", "batch_cosine")}
    specs = sorted(ran, key=lambda spec: (spec in extra, -float(np.nanmean(maps["batch_cosine"][spec])), spec))
    figure = Figure(figsize=(4.2 + 1.1 * len(problems), 1.6 + 0.24 * len(specs)), dpi=160, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2, sharey=True)
    for panel, (name, title, lowest) in zip(
        axes, (("cosine", "mean estimate: cosine with the true gradient", 0.5), ("batch_cosine", "one batch: cosine with the true gradient", 0.0)), strict=True
    ):
        grid = np.array([maps[name][spec] for spec in specs], dtype=np.float64)
        top = 1.0 if name == "cosine" else float(np.nanmax(grid))
        panel.imshow(np.ma.masked_invalid(grid), cmap="cividis", vmin=lowest, vmax=top, aspect="auto")
        for row, column in np.ndindex(grid.shape):
            value = grid[row, column]
            dark = not np.isnan(value) and value < lowest + 0.55 * (top - lowest)
            panel.text(column, row, "·" if np.isnan(value) else f"{value:.2f}", ha="center", va="center", fontsize=7, color="white" if dark else "#1d2127")
        panel.set_xticks(range(len(problems)), problems, rotation=35, ha="right", fontsize=8)
        panel.set_yticks(range(len(specs)), [spec + (" *" if spec in extra else "") for spec in specs], fontsize=8)
        panel.set_title(title, loc="left", fontsize=9.5)
        panel.tick_params(length=0)
        for side in panel.spines.values():
            side.set_visible(False)
    figure.savefig(path, facecolor="white", metadata={"Software": None} if path.suffix == ".png" else None)


def _given_more(rows: Sequence[Row]) -> set[str]:
    """Assigners that were given columns that rollouts alone do not fill."""
    return {row["spec"] for row in rows if row["extra"] and not row["reason"]}


def _mean(known: dict[int, float]) -> float:
    return float(np.mean(list(known.values()))) if known else float("nan")
