"""What a comparison shows, in sentences computed from its numbers, and what it does not show."""

import math

from prm_gym.report.comparison import Cell, Comparison, Contrast, best
from prm_gym.report.formatting import counted, interval, listed, p_value, share
from prm_gym.report.transfer import options_in_words, same_in_words

ALPHA = 0.05
"""Below this corrected p-value a difference is called one."""


def findings(comparison: Comparison, cells: tuple[Cell, ...], against_first: tuple[Contrast, ...]) -> tuple[str, ...]:
    """Plain sentences: what was run, what came out on top, whether it is separated from the rest, and what learned nothing.

    A sentence claims a separation only where intervals are disjoint or a corrected p-value lies below `ALPHA`; where the number of seeds rules
    that out beforehand, it says so.

    Args:
        comparison: the results.
        cells: `summarise(comparison)`.
        against_first: `contrasts(comparison)`.

    Returns:
        One to about nine sentences, in reading order.
    """
    if not cells:
        return ("No run has finished, so there is nothing to compare.",)
    return (
        _what_was_run(comparison, cells),
        *_missing_runs(comparison, cells),
        *_leader(comparison, cells),
        *_tests(cells, against_first),
        *_not_above(comparison, cells, "floor"),
        *_not_above(comparison, cells, "baseline"),
        *_transfer(comparison, cells),
    )


def fewest_seeds(tests: int) -> int:
    """The fewest common seeds with which a sign-flip p-value can fall below `ALPHA` after Holm's correction over so many tests.

    The smallest p-value of n pairs is 2^(1-n), the correction multiplies the smallest of K by K: n > 1 + log2(K / ALPHA).

    >>> fewest_seeds(1), fewest_seeds(5)
    (6, 8)
    """
    return math.floor(1.0 + math.log2(tests / ALPHA)) + 1


def _what_was_run(comparison: Comparison, cells: tuple[Cell, ...]) -> str:
    """The size of the experiment."""
    most = max(len(cell.seeds) for cell in cells)
    sizes = f"{counted(len(comparison.credits), 'credit assigner')} and {counted(len(comparison.rewards), 'reward scheme')}"
    return (
        f"{sizes} were trained on {comparison.env_id}, {counted(most, 'seed')} a combination, "
        f"{counted(comparison.budget_env_steps, 'environment step')} a run, and evaluated on {counted(comparison.eval_tasks, 'task')}."
    )


def _missing_runs(comparison: Comparison, cells: tuple[Cell, ...]) -> tuple[str, ...]:
    """Says how many runs are missing from the full grid, if any are."""
    full = len(comparison.credits) * len(comparison.rewards) * max(len(cell.seeds) for cell in cells)
    missing = full - len(comparison.runs)
    if missing <= 0:
        return ()
    return (f"{missing} of the {full} runs {'is' if missing == 1 else 'are'} missing; the table says how many seeds each row has.",)


def _leader(comparison: Comparison, cells: tuple[Cell, ...]) -> tuple[str, ...]:
    """The highest mean, the references beside it, and whether its interval is clear of the others."""
    leader = best(cells)
    if leader is None:
        return ()
    own = leader.cell.final_success
    references = [f"the {reference.agent} agent reaches {share(reference.success)}" for reference in comparison.references]
    beside = f"; {listed(references)}" if references else ""
    if len(cells) == 1:
        return (f"{leader.cell.name} ends at a success of {interval(own)}{beside}.",)
    top = f"The highest mean final success is {interval(own)}, of {leader.cell.name}{beside}."
    if own.low is None:
        return (top, "One seed a combination gives no interval: this run does not separate the combinations.")
    unknown = [cell for cell in leader.overlapping if cell.final_success.low is None]
    overlapping = [cell.name for cell in leader.overlapping if cell.final_success.low is not None]
    others = len(cells) - 1
    sentences = [top]
    if overlapping:
        sentences.append(f"Its interval overlaps with {_which(overlapping, others)}: this run does not separate them.")
    if leader.below and not leader.overlapping:
        sentences.append("Its interval lies wholly above " + ("that of the other." if others == 1 else f"those of all {others} others."))
    if unknown:
        sentences.append(f"{counted(len(unknown), 'combination')} with a single seed cannot be placed.")
    return tuple(sentences)


def _which(names: list[str], others: int) -> str:
    """Whose intervals, by name while there are few."""
    if len(names) <= 2:
        return ("that of " if len(names) == 1 else "those of ") + listed(names)
    return f"those of all {others} others" if len(names) == others else f"those of {len(names)} of the {others} others"


def _tests(cells: tuple[Cell, ...], against_first: tuple[Contrast, ...]) -> tuple[str, ...]:
    """Which differences from the first combination hold up after correction, or why none could."""
    if not against_first:
        return ()
    baseline, tests = cells[0].name, len(against_first)
    held = [contrast for contrast in against_first if contrast.adjusted_p < ALPHA]
    if held:
        sides = [(word, [item.name for item in held if (item.difference.interval.mean > 0.0) == (word == "higher")]) for word in ("higher", "lower")]
        said = "; ".join(f"{listed(names)} {'is' if len(names) == 1 else 'are'} {word}" for word, names in sides if names)
        largest = p_value(max(contrast.adjusted_p for contrast in held))
        return (f"Against {baseline}, {said} (sign-flip p corrected for {counted(tests, 'comparison')}: at most {largest}).",)
    attainable = min(1.0, tests * min(contrast.difference.smallest_p for contrast in against_first))
    most = max(len(contrast.seeds) for contrast in against_first)
    if most == 1:
        return ()
    if attainable >= ALPHA:
        return (
            f"Against {baseline}, {counted(most, 'seed')} cannot give a corrected p-value below {p_value(attainable)}, whatever the results: "
            f"a test at {ALPHA} over {counted(tests, 'comparison')} needs {fewest_seeds(tests)} seeds or more.",
        )
    return (f"Against {baseline}, no difference has a corrected p-value below {ALPHA}.",)


def _not_above(comparison: Comparison, cells: tuple[Cell, ...], role: str) -> tuple[str, ...]:
    """Names what is not shown to do better than the references of a role."""
    sentences: list[str] = []
    for reference in comparison.references:
        if reference.role != role:
            continue
        mark = reference.success if reference.high is None else reference.high
        level = [cell for cell in cells if cell.final_success.low is not None and cell.final_success.low <= mark]
        if not level:
            continue
        which = "every combination" if len(level) == len(cells) and len(cells) > 1 else listed([cell.name for cell in level])
        plural = len(level) > 1 and which != "every combination"
        sentences.append(
            f"The {'intervals' if plural else 'interval'} of {which} {'reach' if plural else 'reaches'} down to the {reference.agent} agent: "
            f"{'they are' if plural else 'it is'} not shown to do better."
        )
    return tuple(sentences)


def _transfer(comparison: Comparison, cells: tuple[Cell, ...]) -> tuple[str, ...]:
    """What became of the trained agents with other options of the environment."""
    measured = [moved for cell in cells if (moved := cell.transfer) is not None]
    if not measured:
        return ()
    differences = [moved.difference.mean for moved in measured]
    same = sum(run.transfer_same for run in comparison.runs if run.transfer_same is not None)
    runs = sum(run.transfer_same is not None for run in comparison.runs)
    spoilt = sum(moved.invalid for moved in measured)
    lowest, highest = _change(min(differences)), _change(max(differences))
    change = f"changes by {lowest}" if lowest == highest else f"changes by {lowest} to {highest}, by combination"
    return (
        f"With {options_in_words(comparison.transfer_options)} the mean success of the trained agents {change}; {same_in_words(same / runs)} of their episodes "
        "are the same step by step"
        + (f", and {counted(spoilt, 'pair')} spoilt by infrastructure {'is' if spoilt == 1 else 'are'} left out." if spoilt else "."),
    )


def _change(value: float) -> str:
    """A difference with three decimals and its sign, in ASCII; a difference of nothing has none."""
    return share(0.0) if abs(value) < 0.0005 else f"{value:+.3f}"
