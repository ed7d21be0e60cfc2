"""The comparison as one self-contained HTML page: no network, no fonts, no libraries; readable without its script, in the dark and on paper."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from prm_gym.report.comparison import Cell, Comparison, Contrast, contrasts, summarise
from prm_gym.report.credit_pictures import CreditPictures
from prm_gym.report.credit_section import credit_section
from prm_gym.report.figures import bin_panel, contrast_mark, curve_panel, strip_panel, swatch
from prm_gym.report.findings import fewest_seeds, findings
from prm_gym.report.formatting import MISSING, count, counted, duration, ends, interval, p_value, percent, share, signed, signed_interval
from prm_gym.report.learning_curve import LearningCurve, evaluation_names, learning_curves
from prm_gym.report.markup import Html, element, join
from prm_gym.report.shell import page_of
from prm_gym.report.tables import Column, Figure, section, table
from prm_gym.report.transfer import options_in_words, same_in_words
from prm_gym.report.verifier_section import verifier_section
from prm_gym.store import write_whole

NARROW_BELOW = 10
"""With fewer seeds than this the page says how much too narrow a percentile interval is."""


def write_page(comparison: Comparison, path: Path, pictures: CreditPictures | None = None) -> None:
    """Write the page; the old file stays whole until the new one is.

    Args:
        comparison: the results.
        path: of the HTML file.
        pictures: of the attempts at a task.
    """
    write_whole(path, render_page(comparison, pictures).encode())


def render_page(comparison: Comparison, pictures: CreditPictures | None = None) -> str:
    """The page's HTML.

    All text of the comparison is escaped, and the page's content policy allows only its own style sheet and script (by their hash), so that
    nothing in a name or a note can run and nothing is ever loaded.
    """
    cells, against_first, curves = summarise(comparison), contrasts(comparison), learning_curves(comparison)
    main = element(
        "main",
        _header(comparison),
        _summary(comparison, cells, against_first),
        _results(comparison, cells),
        _transfer(comparison, cells),
        _seed_by_seed(comparison, cells),
        _learning(comparison, curves),
        _differences(cells, against_first),
        _difficulty(comparison),
        credit_section(pictures),
        _costs(comparison, cells),
        verifier_section(comparison),
        _notes(comparison),
        _reproduction(comparison),
    )
    return page_of(comparison.title, main, comparison.library_version)


def _header(comparison: Comparison) -> Html:
    """Title and what it is about."""
    line = join(
        element("span", comparison.env_id), element("span", f"prm_gym {comparison.library_version}"),
        element("time", re.sub(r"^([-\d]+)T([:\d]+)Z$", r"\1 \2 UTC", comparison.created), datetime=comparison.created),
    )  # fmt: skip
    return element("header", element("h1", comparison.title), element("p", line, class_="byline"))


def _summary(comparison: Comparison, cells: tuple[Cell, ...], against_first: tuple[Contrast, ...]) -> Html:
    """The findings as one paragraph, in which no interval breaks over two lines."""
    said = re.sub(r"(\[[-+.\d]+), (?=[-+.\d]+\])", "\\1,\N{NO-BREAK SPACE}", " ".join(findings(comparison, cells, against_first)))
    return element("p", said, class_="summary")


def _results(comparison: Comparison, cells: tuple[Cell, ...]) -> Html:
    """The main table: a row a combination, the fixed agents below."""
    columns = (
        Column("Credit"), Column("Reward"), Column("Seeds", kind="number"), Column("Final success", kind="number"), Column("Area under curve", kind="number"),
        Column("Verifier calls", kind="number"), Column("Wall time", kind="number"),
    )  # fmt: skip
    rows = [
        (
            _named(comparison, cell.credit), cell.reward, Figure(str(len(cell.seeds)), len(cell.seeds)),
            Figure(interval(cell.final_success), cell.final_success.mean), Figure(interval(cell.auc), None if cell.auc is None else cell.auc.mean),
            Figure(count(cell.verifier_calls), cell.verifier_calls), Figure(duration(cell.wall_seconds), cell.wall_seconds),
        )
        for cell in cells
    ]  # fmt: skip
    fixed = [
        (
            reference.agent, reference.role, Figure(MISSING, None),
            Figure(share(reference.success) + ("" if reference.low is None else " " + ends(reference.low, reference.high, "")), reference.success),
            Figure(MISSING, None), Figure(MISSING, None), Figure(MISSING, None),
        )
        for reference in comparison.references
    ]  # fmt: skip
    return section("results", "Results", table("Every combination, with the fixed agents below", columns, rows, fixed), *_interval_notes(comparison, cells))


def _interval_notes(comparison: Comparison, cells: tuple[Cell, ...]) -> tuple[Html, ...]:
    """What the brackets mean, and how far they can be trusted."""
    fewest = min((len(cell.seeds) for cell in cells), default=0)
    said = "Mean over seeds, with its 95% percentile bootstrap interval in brackets."
    if 1 < fewest < NARROW_BELOW:
        said += (
            " With so few seeds the interval is narrower than its name says: of five normal values it covers the true mean about 83% of the time, of ten 90%."
        )
    if fewest == 1:
        said += " A combination with one seed has no interval."
    if comparison.references:
        said += " The fixed agents do not learn; their interval is over evaluation episodes."
    said += " The area under the curve is the mean success over the whole of training, in [0, 1]."
    return (element("p", said, class_="caption"),)


def _transfer(comparison: Comparison, cells: tuple[Cell, ...]) -> Html:
    """The trained and the fixed agents with other options of the environment."""
    there = options_in_words(comparison.transfer_options)
    columns = (
        Column("Credit"), Column("Reward"), Column("As in training", kind="number"), Column(there, kind="number"), Column("Difference", kind="number"),
        Column("95% interval", kind="number", sortable=False), Column("Same episodes", kind="number"), Column("Spoilt", kind="number"),
    )  # fmt: skip
    rows = [
        (
            _named(comparison, cell.credit), cell.reward, Figure(share(moved.before), moved.before), Figure(interval(moved.success), moved.success.mean),
            Figure(signed(moved.difference.mean), moved.difference.mean), Figure(signed_interval(moved.difference), None),
            Figure(same_in_words(moved.same), moved.same), Figure(count(moved.invalid), moved.invalid),
        )
        for cell in cells if (moved := cell.transfer) is not None
    ]  # fmt: skip
    fixed = [
        (
            reference.agent, reference.role, Figure(share(success - difference), None), Figure(share(success), None), Figure(signed(difference), None),
            Figure(MISSING, None), Figure(same_in_words(reference.transfer_same or 0.0), None), Figure(count(reference.transfer_invalid), None),
        )
        for reference in comparison.references
        if (success := reference.transfer_success) is not None and (difference := reference.transfer_difference) is not None
    ]  # fmt: skip
    if not rows and not fixed:
        return join()
    said = (
        f"Trained without, and evaluated on {counted(comparison.transfer_tasks, 'evaluation task')} with {there}, one attempt each. Same episodes: those with "
        "one outcome and, step by step, the same actions. Spoilt: pairs of episodes that infrastructure has ended; they are left out of the other figures."
    )
    made = table("Every combination with other options of the environment", columns, rows, fixed)
    return section("transfer", f"Evaluated with {there}", made, element("p", said, class_="caption"))


def _seed_by_seed(comparison: Comparison, cells: tuple[Cell, ...]) -> Html:
    """Every run's final success as a dot."""
    if not cells:
        return join()
    rewards = [reward for reward in comparison.rewards if any(cell.reward == reward for cell in cells)]
    panels = [_panel(f"reward: {reward}", strip_panel(comparison, cells, reward)) for reward in rewards]
    caption = element("p", "A dot is one seed; below the dots, the mean and its interval. Dashed: the fixed agents.", class_="caption")
    return section("seeds", "Final success, seed by seed", _panels(panels), caption)


def _learning(comparison: Comparison, curves: tuple[LearningCurve, ...]) -> Html:
    """Learning curves, with the same numbers as a table for whoever cannot see them or wants to copy them."""
    if not curves:
        return section("curves", "Learning curves", element("p", "No run was evaluated on the way, so there is no curve to draw.", class_="caption"))
    rewards = [reward for reward in comparison.rewards if any(curve.reward == reward for curve in curves)]
    panels = [_panel(f"reward: {reward}", curve_panel(comparison, curves, reward)) for reward in rewards]
    caption = element(
        "p", "Mean success on the evaluation tasks against environment steps of training; the band is the pointwise 95% interval.", class_="caption"
    )
    numbers = element("details", element("summary", "The numbers behind the curves"), *(_curve_table(curves, reward) for reward in rewards))
    return section("curves", "Learning curves", _legend(comparison, [curve.credit for curve in curves]), _panels(panels), caption, numbers)


def _curve_table(curves: tuple[LearningCurve, ...], reward: str) -> Html:
    """One panel's numbers: a row an evaluation, a column a credit assigner."""
    own = [curve for curve in curves if curve.reward == reward]
    values: list[dict[str, str]] = []
    places: dict[str, float] = {}
    for curve, names in zip(own, evaluation_names(own), strict=True):
        values.append({name: _at(curve, index) for index, name in enumerate(names)})
        places |= dict(zip(names, curve.env_steps.tolist(), strict=True))
    columns = (Column("Evaluated after", sortable=False), *(Column(curve.credit, kind="number", sortable=False) for curve in own))
    rows = [(name, *(value.get(name, MISSING) for value in values)) for name in sorted(places, key=places.__getitem__)]
    return table(f"Success with reward {reward}", columns, rows, show_caption=True)


def _at(curve: LearningCurve, index: int) -> str:
    """A curve's value and interval at one of its points."""
    if curve.low is None or curve.high is None:
        return share(float(curve.mean[index]))
    return f"{share(float(curve.mean[index]))} {ends(float(curve.low[index]), float(curve.high[index]), '')}"


def _differences(cells: tuple[Cell, ...], against_first: tuple[Contrast, ...]) -> Html:
    """Every combination against the first-named one."""
    if not against_first:
        return join()
    baseline = cells[0].name
    widths = [abs(end) for item in against_first for end in _reach(item)]
    extent = max([*widths, 0.05])
    columns = (
        Column("Combination"), Column("Pairs", kind="number"), Column("Difference", kind="number"), Column("95% interval", kind="number", sortable=False),
        Column("lower\N{EM SPACE}|\N{EM SPACE}higher", kind="drawn", sortable=False), Column("p", kind="number"), Column("p, corrected", kind="number"),
    )  # fmt: skip
    rows = [
        (
            item.name, Figure(str(len(item.seeds)), len(item.seeds)), Figure(signed(item.difference.interval.mean), item.difference.interval.mean),
            Figure(signed_interval(item.difference.interval), None), contrast_mark(item.difference.interval, extent),
            Figure(p_value(item.difference.p_value), item.difference.p_value), Figure(p_value(item.adjusted_p), item.adjusted_p),
        )
        for item in against_first
    ]  # fmt: skip
    smallest = min(item.difference.smallest_p for item in against_first)
    pairs, tests = max(len(item.seeds) for item in against_first), len(against_first)
    said = (
        f"Final success minus that of {baseline}, the first combination named, over the seeds that both have. p: exact two-sided sign-flip permutation "
        f"test; corrected by Holm's method for {counted(tests, 'comparison')}. {counted(pairs, 'pair')} cannot give a p below {p_value(smallest)}"
        f"; after correction, p < 0.05 takes {fewest_seeds(tests)} seeds or more."
    )
    return section("differences", f"Differences from {baseline}", table("Differences in final success", columns, rows), element("p", said, class_="caption"))


def _reach(contrast: Contrast) -> tuple[float, ...]:
    """The values that a contrast's mark has to show."""
    value = contrast.difference.interval
    return (value.mean,) if value.low is None or value.high is None else (value.mean, value.low, value.high)


def _difficulty(comparison: Comparison) -> Html:
    """Success on the task file, by difficulty."""
    panels = [(reward, bin_panel(comparison, reward)) for reward in comparison.rewards]
    drawn = [_panel(f"reward: {reward}", panel) for reward, panel in panels if panel is not None]
    if not drawn:
        return join()
    measured = [run.credit for run in comparison.runs if run.file_success is not None]
    said = (
        f"Success on the tasks of {comparison.file_name}, in bins by the difficulty rank that the file gives, easiest on the left; mean over seeds "
        "and its 95% interval. Dashed: the fixed agents."
    )
    return section("difficulty", "Success by difficulty", _legend(comparison, measured), _panels(drawn), element("p", said, class_="caption"))


def _costs(comparison: Comparison, cells: tuple[Cell, ...]) -> Html:
    """What each combination cost."""
    if not cells:
        return join()
    columns = (
        Column("Credit"), Column("Reward"), Column("Verifier calls a run", kind="number"), Column("Abstained", kind="number"),
        Column("Wall time a run", kind="number"), Column("Wall time, all seeds", kind="number"), Column("Trajectories stored", kind="number"),
    )  # fmt: skip
    rows: list[Sequence[Html | Figure | str]] = []
    for cell in cells:
        stored = sum(run.trajectories for run in comparison.runs_of(cell.credit, cell.reward))
        total = cell.wall_seconds * len(cell.seeds)
        rows.append(
            (
                _named(comparison, cell.credit), cell.reward, Figure(count(cell.verifier_calls), cell.verifier_calls),
                Figure(percent(cell.abstention_share), cell.abstention_share), Figure(duration(cell.wall_seconds), cell.wall_seconds),
                Figure(duration(total), total), Figure(count(stored), stored),
            )
        )  # fmt: skip
    said = (
        "A verifier call is one verdict asked for on one step in training. Abstained: the share of them that came without a score "
        f"(the verifier could not tell, ran out of time or failed). Wall time was measured on: {comparison.machine}."
    )
    return section("costs", "Costs", table("Costs of every combination", columns, rows), element("p", said, class_="caption"))


def _notes(comparison: Comparison) -> Html:
    """The comparison's own notes."""
    if not comparison.notes:
        return join()
    return section("notes", "Notes", element("ul", *(element("li", note) for note in comparison.notes)))


def _reproduction(comparison: Comparison) -> Html:
    """What is needed to measure it again."""
    facts = (
        ("Environment", comparison.env_id),
        ("Options", json.dumps(comparison.env_options, ensure_ascii=False)),
        ("Trained agent", comparison.agent),
        ("Budget", f"{counted(comparison.budget_env_steps, 'environment step')} a run"),
        ("Training groups", f"{counted(comparison.attempts, 'attempt')} at each task"),
        ("Evaluation", f"{counted(comparison.eval_tasks, 'task')}"),
        *((("Transfer", options_in_words(comparison.transfer_options)),) if comparison.transfer_options else ()),
        ("Seeds", ", ".join(str(seed) for seed in comparison.seeds) or "none"),
        ("Machine", comparison.machine),
        ("Versions", ", ".join([f"prm_gym {comparison.library_version}", *(f"{name} {version}" for name, version in comparison.versions.items())])),
        *((("Commit", comparison.commit),) if comparison.commit else ()),
        ("Written", comparison.created),
    )
    terms = [element("div", element("dt", term), element("dd", text)) for term, text in facts]
    command = element("pre", element("code", comparison.command), tabindex=0, role="region", aria_label="Command", data_copy="command")
    said = "The same command with these versions makes the same runs: seeds and tasks are fixed, times are not. results.json holds every number of this page."
    return section("reproduce", "How to reproduce", command, element("dl", *terms), element("p", said, class_="caption"))


def _panels(panels: list[Html]) -> Html:
    """Figures side by side where there is room."""
    return element("div", *panels, class_="panels")


def _panel(heading: str, drawing: Html) -> Html:
    """A figure with its heading."""
    return element("figure", element("figcaption", heading), drawing)


def _legend(comparison: Comparison, credits: list[str]) -> Html:
    """Colour, marker and name of every credit assigner among those given."""
    present = [(index, credit) for index, credit in enumerate(comparison.credits) if credit in credits]
    return element("ul", *(element("li", swatch(index), credit) for index, credit in present), class_="legend", aria_label="Credit assigners")


def _named(comparison: Comparison, credit: str) -> Html:
    """A credit assigner's swatch and name."""
    return join(swatch(comparison.credits.index(credit)), element("span", credit))
