"""The tables of the README, from records of measures."""

import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from roster import BASELINE

Record = dict[str, Any]
HOSTILE_WRONG = ("hung", "died")


def report(records: Sequence[Record], work: dict[str, Any]) -> str:
    """All tables that there are records for, as Markdown."""
    parts = [_machine(records), _start(records), _space(records), *(_rates(records, *each) for each in RATES), _answers(records, work), _hostile(records, work)]
    return "\n\n".join(part for part in (*parts, _advantages(records), _failed(records)) if part)


def latest(records: Iterable[Record], measure: str) -> dict[str, list[Any]]:
    """What was found of a measure, by peer: the last that did not fail of every repeat."""
    found: dict[str, dict[int, Any]] = {}
    for record in records:
        if record["measure"] == measure and "failed" not in record["found"]:
            found.setdefault(record["peer"], {})[record["repeat"]] = record["found"]
    return {peer: [by_repeat[repeat] for repeat in sorted(by_repeat)] for peer, by_repeat in found.items()}


def spread(values: Sequence[float]) -> str:
    """The median, with the least and the greatest in brackets where they are told apart.

    >>> spread([1200.0, 1000.0, 1100.0]), spread([0.25])
    ('1,100 (1,000 to 1,200)', '0.250')
    """
    middle, low, high = (number(value) for value in (statistics.median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low} to {high})"


def number(value: float) -> str:
    """Three digits, or all before the point.

    >>> number(12345.6), number(12.345), number(0.01234)
    ('12,346', '12.3', '0.012')
    """
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}"


def ratio(values: Sequence[float], baseline: Sequence[float]) -> str:
    """Baseline over values, repeat by repeat: how many times as much the baseline is.

    >>> ratio([100.0, 50.0], [200.0, 150.0])
    '2.50 (2.00 to 3.00)'
    """
    return spread([base / value for base, value in zip(baseline, values, strict=False)])


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; a bar in a cell is written out."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines)


def _machine(records: Sequence[Record]) -> str:
    machines = sorted({record["machine"] for record in records})
    names = {"gem-llm": "gem-llm", "browsergym": "browsergym-core", BASELINE: "prm-gym"}
    shown = {record["peer"]: record["versions"].get(names.get(record["peer"], record["peer"]), "?") for record in records}
    loads = [record["load"] for record in records]
    load = f"; load of the machine before a measure {min(loads):.1f} to {max(loads):.1f}" if loads else ""
    return f"Machine: {', '.join(machines)}{load}. Versions: {', '.join(f'{peer} {version}' for peer, version in shown.items())}."


def _start(records: Sequence[Record]) -> str:
    found = latest(records, "start")
    rows = [
        (
            peer,
            *(spread([each[key] for each in values]) for key in ("import_seconds", "first_step_seconds", "import_mib", "first_step_mib")),
        )
        for peer, values in found.items()
    ]  # fmt: skip
    heads = ("", "import, s", "from nothing to the first step, s", "memory after the import, MiB", "after the first step, MiB")
    return table(heads, rows) if rows else ""


def _space(records: Sequence[Record]) -> str:
    rows = [(peer, number(values[-1]["kib"]), str(values[-1]["count"])) for peer, values in latest(records, "space").items()]
    return table(("an environment of Sudoku", "KiB each", "over"), rows) if rows else ""


RATES = (
    ("sums", "a sum asked and answered", "episodes/s", "outcome only"),
    ("sudoku", "9x9 Sudoku, right digits", "steps/s", "verified"),
    ("miniwob", "a click on a page of MiniWoB++ in Chromium", "per second", "steps"),
)
"""Measure, what it is of, its unit, and the way of the baseline that the others are compared with."""


def _rates(records: Sequence[Record], measure: str, what: str, unit: str, against: str) -> str:
    found = latest(records, measure)
    baseline = [each[against]["per_second"] for each in found.get(BASELINE, [])]
    rows: list[tuple[str, ...]] = []
    for peer, values in found.items():
        for way in values[0]:
            if not isinstance(values[0][way], dict):
                continue
            rates = [each[way]["per_second"] for each in values]
            base = [each[way]["per_second"] for each in found.get(BASELINE, []) if way in each] or baseline
            rows.append((peer, way, spread(rates), ratio(rates, base) if base and peer != BASELINE else "1" if peer == BASELINE else ""))
    return table((what, "", unit, f"{BASELINE} over it"), rows) if rows else ""


def _answers(records: Sequence[Record], work: dict[str, Any]) -> str:
    found = latest(records, "answers")
    baseline = [each["per_second"] for each in found.get(BASELINE, [])]
    truth: list[bool] = [pair["right"] for pair in work["pairs"]]
    rows: list[tuple[str, ...]] = []
    for peer, values in found.items():
        said, rates = values[-1]["said"], [each["per_second"] for each in values]
        refused = sum(right and told is not True for told, right in zip(said, truth, strict=True))
        paid = sum(not right and told is True for told, right in zip(said, truth, strict=True))
        unsure = sum(told is None for told in said)
        same = sum((one is True) == (other is True) for one, other in zip(said, found[BASELINE][-1]["said"], strict=True)) if BASELINE in found else 0
        rows.append((peer, spread(rates), ratio(rates, baseline) if peer != BASELINE and baseline else "1", f"{refused} of {sum(truth)}",
                     f"{paid} of {len(truth) - sum(truth)}", str(unsure), f"{same / len(truth):.1%}"))  # fmt: skip
    heads = ("final answers", "answers/s", f"{BASELINE} over it", "right, not paid", "wrong, paid", "cannot tell", f"agrees with {BASELINE}")
    return "\n\n".join([table(heads, rows), _families(found, work)]) if rows else ""


def _families(found: dict[str, list[Any]], work: dict[str, Any]) -> str:
    """Where the errors are: right answers not paid, and wrong ones paid, by family."""
    families = list(dict.fromkeys(sorted(pair["family"] for pair in work["pairs"])))
    counts = {peer: [_errors(values[-1]["said"], work["pairs"], family) for family in families] for peer, values in found.items()}
    rows = [(peer, *(f"{missed} + {paid}" if missed or paid else "0" for missed, paid in each)) for peer, each in counts.items()]
    return table(("right not paid + wrong paid", *families), rows)


def _errors(said: Sequence[bool | None], asked: Sequence[dict[str, Any]], family: str) -> tuple[int, int]:
    own = [(told is True, pair["right"]) for told, pair in zip(said, asked, strict=True) if pair["family"] == family]
    return sum(right and not told for told, right in own), sum(told and not right for told, right in own)


def _hostile(records: Sequence[Record], work: dict[str, Any]) -> str:
    texts = [pair["answer"] if len(pair["answer"]) <= 30 else pair["answer"][:27] + "..." for pair in work["hostile"]]
    rows = [(peer, *(_told(*each) for each in values[-1]["said"])) for peer, values in latest(records, "hostile").items()]
    return table(("hostile answer: what is said, and after how many seconds", *(f"`{text}`" for text in texts)), rows) if rows else ""


def _told(said: bool | str | None, seconds: float | None) -> str:
    """What was said of a hostile answer, in words."""
    words: dict[str, str] = {"true": "right", "false": "wrong", "null": "cannot tell"}
    word = words.get(json.dumps(said), str(said))
    return word if seconds is None else f"{word}, {seconds:.1f}"


def _advantages(records: Sequence[Record]) -> str:
    found = latest(records, "advantages")
    rows: list[tuple[str, ...]] = []
    for peer, values in found.items():
        for way in values[0]:
            size = f"{way.partition(',')[0]}, batch made anew"  # as the other projects take them: rewards and the groups they are of
            rates, base = [each[way]["per_second"] for each in values], [each[size]["per_second"] for each in found.get(BASELINE, [])]
            apart = _apart(values[0][way]["first"], found[BASELINE][0][size]["first"]) if BASELINE in found else ""
            rows.append((peer, way, spread(rates), ratio(rates, base) if base and peer != BASELINE else "1", apart))
    heads = ("GRPO, groups x attempts", "", "advantages/s", f"{BASELINE} over it", f"largest difference from {BASELINE}")
    return table(heads, rows) if rows else ""


def _apart(values: Sequence[float], others: Sequence[float]) -> str:
    return f"{max(abs(value - other) for value, other in zip(values, others, strict=True)):.0e}"


def _failed(records: Sequence[Record]) -> str:
    """What could not be measured, and has not been since."""
    latest_of: Callable[[Record], tuple[str, str, int]] = lambda record: (record["peer"], record["measure"], record["repeat"])  # noqa: E731
    last = {latest_of(record): record for record in records}
    lines = [f"- {peer}, {measure}: {record['found']['failed'].splitlines()[-1]}" for (peer, measure, _), record in last.items() if "failed" in record["found"]]
    return "Failed:\n\n" + "\n".join(dict.fromkeys(lines)) if lines else ""
