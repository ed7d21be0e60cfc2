"""The tasks of Tables-v0: small tables with traps, and plans whose every intermediate table is known.

Nothing in these traps raises an error: units are mixed, numbers stand as texts, names differ in spaces and capital letters, rows stand there twice, a place
is listed twice, values are unknown, times hide in days. Each step of a plan can be written with mistakes that fall into them.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple, TypeAlias

import numpy as np

from prm_gym.claims import Json
from prm_gym.envs.tools.own_database import OwnDatabase
from prm_gym.sql import literal, same_conclusion, table_script

VARIANTS = 2
LEAST_MOVE = 1e-3  # by which a flaw changes the answer, of the answer

Flaws: TypeAlias = frozenset[str]


class Skin(NamedTuple):
    """What a story is about.

    Attributes:
        records: name of the table of records.
        place: the column that names the place, in both tables.
        day: the column with day and time.
        amount: the column with the amount, as text.
        units: the greater unit and the one that is a thousandth of it.
        quantity: what the amount is called in the greater unit.
        places: name of the table of places.
        region: its column.
        names: of places.
        regions: of regions.
        one: what a record is called.
    """

    records: str
    place: str
    day: str
    amount: str
    units: tuple[str, str]
    quantity: str
    places: str
    region: str
    names: tuple[str, ...]
    regions: tuple[str, ...]
    one: str


SKINS = (
    Skin(
        "deliveries",
        "shop",
        "arrived",
        "weight",
        ("kg", "g"),
        "kilos",
        "shops",
        "district",
        ("mill lane", "old port", "station", "west end", "hilltop", "green square"),
        ("north", "south", "harbour"),
        "delivery",
    ),
    Skin(
        "samples",
        "well",
        "drawn",
        "lead",
        ("mg", "ug"),
        "milligrams",
        "wells",
        "valley",
        ("oak well", "mine", "chapel", "upper farm", "spring", "north gate"),
        ("ash", "birch", "cedar"),
        "sample",
    ),
    Skin(
        "rides",
        "station",
        "started",
        "distance",
        ("km", "m"),
        "kilometres",
        "stations",
        "zone",
        ("castle", "zoo", "main street", "river park", "campus", "new town"),
        ("inner", "middle", "outer"),
        "ride",
    ),
)


class Step(NamedTuple):
    """A step of a plan.

    Attributes:
        name: of the intermediate table.
        columns: their names, in order.
        text: what it must hold.
        write: its query with some flaws; without any it is right.
        flaws: the names of those that change the result.
    """

    name: str
    columns: tuple[str, ...]
    text: str
    write: Callable[[Flaws], str]
    flaws: tuple[str, ...]

    @property
    def gold(self) -> str:
        """The right query."""
        return self.write(frozenset())


class Plan(NamedTuple):
    """A task.

    Attributes:
        skin: what it is about.
        database: script of the tables.
        variants: scripts of tables with other rows.
        steps: in order; each reads the table of the one before.
        question: what is asked in the end.
        final: the query over the last table that answers it.
        tables: how the tables are made and what is in them, in words.
    """

    skin: Skin
    database: str
    variants: tuple[str, ...]
    steps: tuple[Step, ...]
    question: str
    final: str
    tables: str


LEVELS: dict[int, tuple[str, ...]] = {
    1: ("cleaned", "per_place"),
    2: ("cleaned", "located", "per_region"),
    3: ("cleaned", "chosen", "per_place"),
    4: ("cleaned", "located", "chosen", "per_region"),
    5: ("cleaned", "located", "chosen", "per_region", "shares"),
}


@lru_cache(maxsize=256)
def plan(entropy: int, level: int) -> Plan:
    """The plan that a number draws: in every step at least two flaws show, in these rows.

    Args:
        entropy: same number, same plan.
        level: 1 to 5.
    """
    rng = np.random.default_rng(entropy)
    while True:
        skin = SKINS[int(rng.integers(len(SKINS)))]
        month = int(rng.integers(2, 12))
        scripts = [_script(skin, month, rng) for _ in range(1 + VARIANTS)]
        steps = _steps(skin, month, LEVELS[level], rng)
        final, question = _question(steps[-1], skin, rng)
        found = _checked(scripts, steps, final)
        if found is not None:
            return Plan(skin, scripts[0], tuple(scripts[1:]), found, question, final, _described(skin))


def made(database: str, queries: Sequence[tuple[str, str]]) -> OwnDatabase:
    """The database with intermediate tables made by queries of our own, one after the other.

    Args:
        database: script.
        queries: name and query of each.
    """
    own = OwnDatabase(database)
    for name, query in queries:
        rows = own.rows(query)
        if rows is not None:
            own.add(table_script(name, rows.columns, rows.rows))
    return own


def answer(database: str, steps: Sequence[Step], final: str, flaws: Mapping[int, Flaws]) -> float | None:
    """The number to which the steps lead; None where there is none.

    Args:
        database: script of the tables, and of those that earlier steps made.
        steps: those that are left.
        final: the query for the number.
        flaws: of steps, by their places among these.
    """
    own = made(database, [(step.name, step.write(flaws.get(place, frozenset()))) for place, step in enumerate(steps)])
    rows = own.rows(final)
    value = rows.rows[0][0] if rows is not None and rows.rows else None
    return float(value) if isinstance(value, int | float) else None


def _checked(scripts: Sequence[str], steps: Sequence[Step], final: str) -> tuple[Step, ...] | None:
    """The steps with the flaws that show in the first database and move the answer, alone and in every mixture; None where a step has fewer than two."""
    owns = [OwnDatabase(script) for script in scripts]
    gold = answer(scripts[0], steps, final, {})
    if not gold:
        return None
    found: list[Step] = []
    for place, step in enumerate(steps):
        database, rest = owns[0].script, steps[place:]

        def moves(some: Flaws, database: str = database, rest: Sequence[Step] = rest) -> bool:
            value = answer(database, rest, final, {0: some})
            return value is not None and not same_conclusion((value,), (gold,), LEAST_MOVE)

        shows = [flaw for flaw in step.flaws if owns[0].tells(step.write(frozenset((flaw,))), step.gold) and moves(frozenset((flaw,)))]
        good = next((some for count in (3, 2) for some in combinations(shows, count) if all(map(moves, mixtures(some))) and _all_show(owns[0], step, some)), ())
        if len(good) < 2 or not all(own.filled(step.gold) for own in owns):
            return None
        found.append(step._replace(flaws=good))
        for own in owns:
            rows = own.rows(step.gold)
            if rows is not None:
                own.add(table_script(step.name, rows.columns, rows.rows))
    everything = answer(scripts[0], found, final, {place: frozenset(step.flaws) for place, step in enumerate(found)})
    return None if everything is not None and same_conclusion((everything,), (gold,), LEAST_MOVE) else tuple(found)


def mixtures(flaws: Sequence[str]) -> list[Flaws]:
    """Every set of flaws but the empty one."""
    return [frozenset(some) for count in range(1, len(flaws) + 1) for some in combinations(flaws, count)]


def _all_show(own: OwnDatabase, step: Step, flaws: Sequence[str]) -> bool:
    return all(own.tells(step.write(some), step.gold) for some in mixtures(flaws))


def _steps(skin: Skin, month: int, names: Sequence[str], rng: np.random.Generator) -> list[Step]:
    first, last = f"2024-{month:02}-04", f"2024-{month:02}-22"
    writers: dict[str, Callable[[str], Step]] = {
        "cleaned": lambda _: _cleaned(skin),
        "located": lambda before: _located(skin, before),
        "chosen": lambda before: _chosen(skin, before, (first, last), "located" in names),
        "per_place": lambda before: _grouped(skin, before, skin.place),
        "per_region": lambda before: _grouped(skin, before, skin.region),
        "shares": lambda before: _shares(skin, before),
    }
    found: list[Step] = []
    for name in names:
        step = writers[name](found[-1].name if found else skin.records)
        found.append(step._replace(flaws=tuple(step.flaws[i] for i in rng.permutation(len(step.flaws)).tolist())))
    return found


def _cleaned(s: Skin) -> Step:
    def write(flaws: Flaws) -> str:
        place = s.place if "spaces" in flaws else f"TRIM({s.place})"
        place = place if "capitals" in flaws else f"LOWER({place})"
        kind = "INTEGER" if "whole" in flaws else "REAL"
        small = f"CAST({s.amount} AS {kind})" if "units" in flaws else f"CAST({s.amount} AS {kind}) / 1000"
        amount = f"CASE unit WHEN '{s.units[1]}' THEN {small} ELSE CAST({s.amount} AS {kind}) END"
        amount = f"COALESCE({amount}, 0)" if "unknown" in flaws else amount
        rows = "SELECT" if "twice" in flaws else "SELECT DISTINCT"
        return f"{rows} id, {place} AS {s.place}, {s.day}, {amount} AS {s.quantity} FROM {s.records}"

    text = (
        f"every {s.one} once (some rows of {s.records} stand there twice); {s.place} without outer spaces and in small letters; {s.quantity} is the "
        f"amount as a number in "
        f"{s.units[0]} (1 {s.units[0]} is 1000 {s.units[1]}), NULL where it is unknown"
    )
    return Step("cleaned", ("id", s.place, s.day, s.quantity), text, write, ("spaces", "capitals", "whole", "units", "unknown", "twice"))


def _located(s: Skin, before: str) -> Step:
    def write(flaws: Flaws) -> str:
        name = s.place if "key" in flaws else f"LOWER(TRIM({s.place}))"
        rows = "SELECT" if "twice" in flaws else "SELECT DISTINCT"
        join = "LEFT JOIN" if "nowhere" in flaws else "JOIN"
        known = f"({rows} {name} AS name, {s.region} FROM {s.places})"
        kept = f"{before}.id, known.{s.region}, {before}.{s.day}, {before}.{s.quantity}"
        return f"SELECT {kept} FROM {before} {join} {known} AS known ON known.name = {before}.{s.place}"

    text = (
        f"the rows of {before} with the {s.region} of their {s.place}; each once, though some are listed twice in {s.places}; those whose {s.place} is "
        f"not listed there are left out (names are compared without outer spaces and capital letters)"
    )
    return Step("located", ("id", s.region, s.day, s.quantity), text, write, ("key", "twice", "nowhere"))


def _chosen(s: Skin, before: str, days: tuple[str, str], located: bool) -> Step:
    first, last = days
    column = s.region if located else s.place

    def write(flaws: Flaws) -> str:
        end = s.day if "times" in flaws else f"DATE({s.day})"
        more, less = (">" if "first" in flaws else ">="), ("<" if "last" in flaws else "<=")
        return f"SELECT id, {column}, {s.day}, {s.quantity} FROM {before} WHERE DATE({s.day}) {more} '{first}' AND {end} {less} '{last}'"

    text = f"the rows of {before} from {first} to {last}, the whole of both days included"
    return Step("chosen", ("id", column, s.day, s.quantity), text, write, ("first", "last", "times"))


def _grouped(s: Skin, before: str, column: str) -> Step:
    def write(flaws: Flaws) -> str:
        number = f"COUNT({s.quantity})" if "counted" in flaws else "COUNT(*)"
        mean = f"AVG(COALESCE({s.quantity}, 0))" if "unknown" in flaws else f"AVG({s.quantity})"
        having = " HAVING COUNT(*) > 2" if "small" in flaws else ""
        return f"SELECT {column}, {number} AS records, {mean} AS mean FROM {before} GROUP BY {column}{having}"

    text = (
        f"for every {column} in {before}: records, the number of rows (also those whose {s.quantity} are unknown), and mean, the mean of the known {s.quantity}"
    )
    return Step(f"per_{column}", (column, "records", "mean"), text, write, ("counted", "unknown", "small"))


def _shares(s: Skin, before: str) -> Step:
    def write(flaws: Flaws) -> str:
        part = "mean" if "means" in flaws else "records * mean"
        total = f"SELECT {'MAX' if 'total' in flaws else 'SUM'}({part}) FROM {before}"
        value = f"{part} * 100.0 / ({total})"
        return f"SELECT {s.region}, {f'ROUND({value})' if 'rounded' in flaws else value} AS percent FROM {before}"

    text = f"for every {s.region} the share of records times mean in the sum of records times mean over all rows of {before}, in percent, not rounded"
    return Step("shares", (s.region, "percent"), text, write, ("means", "total", "rounded"))


def _question(last: Step, skin: Skin, rng: np.random.Generator) -> tuple[str, str]:
    """The query that answers the question, and the question: a number that every step before it has a part in."""
    value = last.columns[-1]
    if value == "percent":
        name = skin.regions[int(rng.integers(len(skin.regions)))]
        return f"SELECT {value} FROM {last.name} WHERE {last.columns[0]} = {literal(name)}", f"What is {value} of {name!r} in {last.name}?"
    return (
        f"SELECT AVG(records * mean) FROM {last.name}",
        f"Take records times mean in each row of {last.name} whose mean is known. What is the mean of these numbers?",
    )


def _described(s: Skin) -> str:
    return (
        f"{s.records}(id, {s.place}, {s.day}, {s.amount}, unit): one row a {s.one}; {s.amount} is a text, NULL where it is unknown; unit is "
        f"{s.units[0]!r} or {s.units[1]!r}; {s.day} is day and "
        f"time, as in '2024-05-01 17:30'\n{s.places}({s.place}, {s.region}): where each {s.place} lies"
    )


def _script(s: Skin, month: int, rng: np.random.Generator) -> str:
    """Tables with every trap in them."""
    names = [s.names[i] for i in rng.permutation(len(s.names)).tolist()]
    unlisted, listed = names[0], names[1:]
    places: list[tuple[Json, ...]] = [(_written(name, rng), s.regions[int(rng.integers(len(s.regions)))]) for name in listed]
    places += [(_written(str(name), rng), region) for name, region in zip(listed[:2], [row[1] for row in places[:2]], strict=True)]
    edges = ("03 21:15", "04 00:00", "04 08:30", "22 00:00", "22 16:40", "23 00:00")
    records: list[tuple[Json, ...]] = []
    count = int(rng.integers(26, 36))
    keys = sorted((100 + rng.permutation(900)[:count]).tolist())
    for number in rng.permutation(count).tolist():  # the edges are anywhere
        place = unlisted if rng.random() < 0.12 else listed[int(rng.integers(len(listed)))]
        when = edges[number] if number < len(edges) else f"{int(rng.integers(1, 28)):02} {int(rng.integers(6, 22)):02}:{int(rng.integers(6)) * 10:02}"
        unit = s.units[int(rng.random() < 0.35)]
        size = float(rng.integers(40, 400)) / 8
        amount = None if rng.random() < 0.15 else f"{size:g}" if unit == s.units[0] else f"{size * 1000:.0f}"
        records.append((keys[len(records)], _written(place, rng), f"2024-{month:02}-{when}", amount, unit))
    records += [records[i] for i in sorted(rng.permutation(len(records))[:3].tolist())]
    return "\n".join([table_script(s.records, ("id", s.place, s.day, s.amount, "unit"), records), table_script(s.places, (s.place, s.region), places)])


def _written(name: str, rng: np.random.Generator) -> str:
    """A name with spaces around it, capital letters, or as it is."""
    return (name, name, f" {name}", f"{name} ", name.title(), name.upper())[int(rng.integers(6))]
