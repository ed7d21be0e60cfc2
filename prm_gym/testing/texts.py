"""Texts that an environment has to bear: what is no step anywhere, and what breaks a careless reader."""

from collections.abc import Iterator

# Texts that are no step in any environment.
NO_STEPS: dict[str, str] = {
    "empty": "",
    "blank": " \t\n",
    "a NUL": "\0",
    "control characters": "".join(map(chr, range(32))) + "\x7f\x9b",
    "a megabyte": "a" * (1 << 20),
    "a lone surrogate": "\ud800",
    "right-to-left marks": "\u202e\u200f\u2067",
}

# Texts that may be steps somewhere, and break a careless reader everywhere.
STRANGE: tuple[str, ...] = (
    "(" * 5_000,
    "[{(" * 4_000,
    "¬" * 16_000,
    "9" * 16_000,
    "1+" * 8_000 + "1",
    "2 ** 9 ** 9 ** 9",
    "٣ + ² = ⑤",
    "{0}{a!r}%s%n$(id)`id`\\",
    "__import__('os')._exit(1)",
    "👩\u200d🔬\ufeff\u0301",
    "\r\n" * 4_000,
)


def disfigured(action: str) -> Iterator[str]:
    """Texts that are nearly the action."""
    middle = len(action) // 2
    for mark in ("\0", "\u202e", "\u200b", "\ud800", "\n", "²", "(" * 2_000):
        yield action + mark
        yield action[:middle] + mark + action[middle:]
    yield from (action[:middle], action * 2, action * 500, action.swapcase(), action[::-1], f"{action}\n{action}")
