"""Numbers as a reader of a report wants them."""

from prm_gym.report.statistics import Interval

MINUS = "\u2212"
MISSING = "-"


def share(value: float) -> str:
    """A share, probability or mean outcome with three decimals.

    >>> share(0.8125)
    '0.812'
    """
    return f"{value:.3f}"


def interval(value: Interval | None) -> str:
    """Mean and interval; the reason in their place where there is none.

    >>> interval(Interval(0.5, 0.25, 0.75, 5))
    '0.500 [0.250, 0.750]'
    """
    if value is None:
        return MISSING
    return share(value.mean) + " " + ends(value.low, value.high, value.reason)


def ends(low: float | None, high: float | None, reason: str) -> str:
    """The two ends in brackets, or the reason in parentheses."""
    return f"({reason})" if low is None or high is None else f"[{share(low)}, {share(high)}]"


def signed(value: float) -> str:
    """A difference with three decimals, its sign and a true minus.

    >>> signed(0.25)
    '+0.250'
    """
    return f"{value:+.3f}".replace("-", MINUS)


def signed_interval(value: Interval) -> str:
    """The two ends of a difference's interval, or the reason for having none."""
    return f"({value.reason})" if value.low is None or value.high is None else f"[{signed(value.low)}, {signed(value.high)}]"


def p_value(value: float) -> str:
    """A p-value with four decimals.

    >>> p_value(0.00001)
    '<0.0001'
    """
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"


def count(value: float) -> str:
    """A count, or the mean of counts, to the nearest whole, with thousands apart.

    >>> count(12480.2)
    '12,480'
    """
    return f"{value:,.0f}"


def percent(value: float | None) -> str:
    """A share as a percentage with one decimal.

    >>> percent(0.0412)
    '4.1%'
    """
    return MISSING if value is None else f"{100.0 * value:.1f}%"


def duration(seconds: float) -> str:
    """A duration in the two units that matter.

    >>> duration(7.26), duration(125), duration(7500)
    ('7.3 s', '2 min 05 s', '2 h 05 min')
    """
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if seconds < 3599.5:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest:02d} s"
    hours, rest = divmod(round(seconds / 60), 60)
    return f"{hours} h {rest:02d} min"


def compact(value: float) -> str:
    """A count for an axis.

    >>> compact(500), compact(2500), compact(2_000_000)
    ('500', '2.5k', '2M')
    """
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def listed(words: list[str]) -> str:
    """Words in a row.

    >>> listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])
    ('a', 'a and b', 'a, b and c')
    """
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


def counted(number: int, noun: str) -> str:
    """A number with its noun in the plural where it needs it.

    >>> counted(1, "seed"), counted(5, "seed")
    ('1 seed', '5 seeds')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")
