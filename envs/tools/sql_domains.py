"""The worlds of SQL-v0: five databases of one shape, with names of their own, and rows drawn at random.

Every database has groups (publishers), items of a group (books), people (customers) and events (sales) that link an item with a person, who may be unknown.
Names of items and people may repeat, texts and numbers may be unknown, and some rows are linked to nothing: what a careless query trips over.
"""

import datetime
import re
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from prm_gym.claims import Json
from prm_gym.sql import literal

Rows: TypeAlias = Mapping[str, list[tuple[Json, ...]]]
Size: TypeAlias = Literal["least", "few", "usual", "many"]

FIRST_DAY, LAST_DAY = datetime.date(2021, 1, 1), datetime.date(2023, 12, 31)


class Column(NamedTuple):
    """A column; as text, its name with that of its table.

    Attributes:
        table: name of the table.
        name: of the column.
        phrase: what questions call it.
        kind: of the values, as SQL declares it.
    """

    table: str
    name: str
    phrase: str
    kind: str

    def __str__(self) -> str:
        """As queries write it."""
        return f"{self.table}.{self.name}"


class Table(NamedTuple):
    """A table; as text, its name.

    Attributes:
        name: of the table.
        one: what questions call a row.
        many: what they call several.
        columns: in order; the first is the key.
    """

    name: str
    one: str
    many: str
    columns: tuple[Column, ...]

    def __str__(self) -> str:
        """As queries write it."""
        return self.name

    @property
    def id(self) -> Column:
        """The key."""
        return self.columns[0]


class Domain(NamedTuple):
    """A database's tables.

    Attributes:
        groups: id, name, region.
        items: id, name, kind, group, size (whole number), note (text or NULL).
        people: id, name, town (text or NULL), since (day).
        events: id, item, person (or NULL), day, count (whole number), value (number or NULL).
        kinds: of items, as questions write them.
        words: what names of items are made of: first and second words.
        places: regions of groups.
        notes: of items.
    """

    groups: Table
    items: Table
    people: Table
    events: Table
    kinds: tuple[str, ...]
    words: tuple[tuple[str, ...], tuple[str, ...]]
    places: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def tables(self) -> tuple[Table, ...]:
        """All four, those that others refer to first."""
        return (self.groups, self.items, self.people, self.events)


def _table(words: str, *columns: str) -> Table:
    """A table from "name, one, many" and columns as "name KIND phrase"."""
    name, one, many = words.split(", ")
    parts = [column.split(" | ") for column in columns]
    return Table(name, one, many, tuple(Column(name, column, phrase, kind) for column, kind, phrase in parts))


_ID = "id | INT PRIMARY KEY | id"  # INTEGER would put the rows in the order of their ids

DOMAINS: tuple[Domain, ...] = (
    Domain(
        _table("publishers, publisher, publishers", _ID, "name | TEXT NOT NULL | name", "seat | TEXT NOT NULL | seat"),
        _table(
            "books, book, books",
            _ID,
            "title | TEXT NOT NULL | title",
            "genre | TEXT NOT NULL | genre",
            "publisher_id | INTEGER NOT NULL REFERENCES publishers(id) | publisher",
            "pages | INTEGER NOT NULL | number of pages",
            "prize | TEXT | prize",
        ),
        _table("customers, customer, customers", _ID, "name | TEXT NOT NULL | name", "town | TEXT | home town", "joined | TEXT NOT NULL | day of joining"),
        _table(
            "sales, sale, sales",
            _ID,
            "book_id | INTEGER NOT NULL REFERENCES books(id) | book",
            "customer_id | INTEGER REFERENCES customers(id) | customer",
            "sold_on | TEXT NOT NULL | day",
            "copies | INTEGER NOT NULL | number of copies",
            "rebate | REAL | rebate",
        ),
        ("Science fiction", "Travel guide", "Crime novel", "Short stories"),
        (("Silent", "Golden", "Last", "Winter"), ("River", "Garden", "Letter", "Bridge")),
        ("Lindau", "Porto", "Turku", "Graz"),
        ("Silver Quill", "Reader's Choice", "Northern Star"),
    ),
    Domain(
        _table("departments, department, departments", _ID, "name | TEXT NOT NULL | name", "building | TEXT NOT NULL | building"),
        _table(
            "doctors, doctor, doctors",
            _ID,
            "full_name | TEXT NOT NULL | full name",
            "specialty | TEXT NOT NULL | specialty",
            "department_id | INTEGER NOT NULL REFERENCES departments(id) | department",
            "salary | INTEGER NOT NULL | salary",
            "second_language | TEXT | second language",
        ),
        _table("patients, patient, patients", _ID, "name | TEXT NOT NULL | name", "insurer | TEXT | insurer", "born | TEXT NOT NULL | day of birth"),
        _table(
            "visits, visit, visits",
            _ID,
            "doctor_id | INTEGER NOT NULL REFERENCES doctors(id) | doctor",
            "patient_id | INTEGER REFERENCES patients(id) | patient",
            "visited_on | TEXT NOT NULL | day",
            "minutes | INTEGER NOT NULL | number of minutes",
            "fee | REAL | fee",
        ),
        ("Heart surgery", "Eye care", "Sports medicine", "General practice"),
        (("Ines", "Pavel", "Noor", "Tomas"), ("Okafor", "Lindqvist", "Moreau", "Sato")),
        ("North wing", "Old mill", "Tower", "Annex"),
        ("French", "Polish", "Arabic"),
    ),
    Domain(
        _table("companies, company, companies", _ID, "name | TEXT NOT NULL | name", "home_port | TEXT NOT NULL | home port"),
        _table(
            "ships, ship, ships",
            _ID,
            "ship_name | TEXT NOT NULL | name",
            "ship_type | TEXT NOT NULL | type",
            "company_id | INTEGER NOT NULL REFERENCES companies(id) | company",
            "tonnage | INTEGER NOT NULL | tonnage",
            "former_name | TEXT | former name",
        ),
        _table(
            "captains, captain, captains", _ID, "name | TEXT NOT NULL | name", "birthplace | TEXT | birthplace", "licensed | TEXT NOT NULL | day of the licence"
        ),
        _table(
            "voyages, voyage, voyages",
            _ID,
            "ship_id | INTEGER NOT NULL REFERENCES ships(id) | ship",
            "captain_id | INTEGER REFERENCES captains(id) | captain",
            "sailed_on | TEXT NOT NULL | day",
            "containers | INTEGER NOT NULL | number of containers",
            "fuel_cost | REAL | cost of fuel",
        ),
        ("Bulk carrier", "Car ferry", "Oil tanker", "Research vessel"),
        (("Polar", "Blue", "Swift", "Iron"), ("Gull", "Horizon", "Pearl", "Anchor")),
        ("Bergen", "Gdansk", "Bilbao", "Cork"),
        ("Aurora", "Meridian", "Tern"),
    ),
    Domain(
        _table("cooperatives, cooperative, cooperatives", _ID, "name | TEXT NOT NULL | name", "valley | TEXT NOT NULL | valley"),
        _table(
            "fields, field, fields",
            _ID,
            "label | TEXT NOT NULL | label",
            "crop | TEXT NOT NULL | crop",
            "cooperative_id | INTEGER NOT NULL REFERENCES cooperatives(id) | cooperative",
            "area | INTEGER NOT NULL | area",
            "soil | TEXT | soil",
        ),
        _table("pickers, picker, pickers", _ID, "name | TEXT NOT NULL | name", "village | TEXT | village", "hired | TEXT NOT NULL | day of hiring"),
        _table(
            "harvests, harvest, harvests",
            _ID,
            "field_id | INTEGER NOT NULL REFERENCES fields(id) | field",
            "picker_id | INTEGER REFERENCES pickers(id) | picker",
            "picked_on | TEXT NOT NULL | day",
            "crates | INTEGER NOT NULL | number of crates",
            "sugar | REAL | sugar content",
        ),
        ("Sour cherry", "Table grape", "Sweet corn", "Red currant"),
        (("Upper", "Stony", "East", "Mill"), ("Acre", "Slope", "Meadow", "Corner")),
        ("Lower Valley", "Ash Valley", "Mill Valley", "High Valley"),
        ("clay", "loam", "gravel"),
    ),
    Domain(
        _table("studios, studio, studios", _ID, "name | TEXT NOT NULL | name", "country | TEXT NOT NULL | country"),
        _table(
            "films, film, films",
            _ID,
            "title | TEXT NOT NULL | title",
            "category | TEXT NOT NULL | category",
            "studio_id | INTEGER NOT NULL REFERENCES studios(id) | studio",
            "runtime | INTEGER NOT NULL | running time",
            "award | TEXT | award",
        ),
        _table(
            "critics, critic, critics", _ID, "name | TEXT NOT NULL | name", "newspaper | TEXT | newspaper", "active_since | TEXT NOT NULL | first day of work"
        ),
        _table(
            "reviews, review, reviews",
            _ID,
            "film_id | INTEGER NOT NULL REFERENCES films(id) | film",
            "critic_id | INTEGER REFERENCES critics(id) | critic",
            "published_on | TEXT NOT NULL | day",
            "stars | INTEGER NOT NULL | number of stars",
            "payment | REAL | payment",
        ),
        ("Silent comedy", "War drama", "Nature film", "Road movie"),
        (("Broken", "Distant", "Paper", "Midnight"), ("Harbour", "Train", "Crown", "Echo")),
        ("Chile", "Norway", "Ghana", "Japan"),
        ("Golden Reel", "Jury Prize", "Public Prize"),
    ),
)

_HOUSES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir")
_FIRST, _LAST = ("Ada", "Bo", "Cleo", "Dag", "Eva", "Finn"), ("Berg", "Costa", "Dahl", "Egger")
_TOWNS = ("Aston", "Brede", "Calder", "Dover")


def stored(kind: str, style: int) -> str:
    """How a kind is written in the database: "science-fiction", "SCIENCE_FICTION" or as it is."""
    return (kind.lower().replace(" ", "-"), kind.upper().replace(" ", "_"), kind)[style]


class Pools(NamedTuple):
    """Values that rows share, so that the limits which a question names are met in other databases too.

    Attributes:
        sizes: of items.
        since: days of people.
        days: of events; fewer than events, so that there are several on one day.
    """

    sizes: tuple[int, ...]
    since: tuple[str, ...]
    days: tuple[str, ...]


def draw_pools(rng: np.random.Generator) -> Pools:
    """Values for the databases of one question."""

    def days(first: datetime.date, last: datetime.date, count: int) -> list[str]:
        return [(first + datetime.timedelta(days=place)).isoformat() for place in rng.integers((last - first).days + 1, size=count).tolist()]

    unit = int(rng.choice([5, 10, 20]))
    limits = [f"{year}-{day}" for year in range(FIRST_DAY.year, LAST_DAY.year + 1) for day in ("01-01", "12-31")]
    edges = [limits[place] for place in rng.permutation(len(limits))[:4].tolist()]
    sizes = tuple(unit * size for size in rng.integers(6, 30, size=10).tolist())
    return Pools(sizes, tuple(days(datetime.date(2015, 1, 1), datetime.date(2020, 12, 31), 8)), (*days(FIRST_DAY, LAST_DAY, 22), *edges))


def pools_around(pools: Pools, query: str) -> Pools:
    """The pools with the limits that a query names, and the next number or day on either side of each: where > and >= differ.

    Args:
        pools: what values are drawn from.
        query: the right one.
    """
    near = [number + step for number in map(int, re.findall(r"[<>]=? (\d+)", query)) for step in (-1, 0, 1)]
    limits = [datetime.date.fromisoformat(day) for day in re.findall(r"'(\d{4}-\d\d-\d\d)'", query)]
    days = [(day + datetime.timedelta(days=step)).isoformat() for day in limits for step in (-1, 0, 1)]
    return Pools((*pools.sizes, *(size for size in near if size >= min(pools.sizes) - 1)), (*pools.since, *days), (*pools.days, *days))


def draw_rows(domain: Domain, style: int, pools: Pools, rng: np.random.Generator, size: Size = "usual") -> Rows:
    """Rows for every table, by its name.

    Args:
        domain: the tables.
        style: how kinds are written, see `stored`.
        pools: what values are drawn from.
        rng: draws everything.
        size: how many rows there are; where there are few, what a question asks for may be missing.
    """

    def pick(choices: tuple[str, ...]) -> str:
        return choices[int(rng.integers(len(choices)))]

    def most(few: int, usual: int, many: int) -> range:
        greatest = {"least": few // 2, "few": few, "usual": usual, "many": many}[size]
        return range(1, max(1, int(rng.integers(greatest * 2 // 3, greatest + 1))) + 1)

    houses = [_HOUSES[i] for i in rng.permutation(len(_HOUSES)).tolist()]
    groups: list[tuple[Json, ...]] = [(i, houses[i - 1], pick(domain.places)) for i in most(3, 6, 6)]
    items: list[tuple[Json, ...]] = [
        (
            i,
            f"{pick(domain.words[0])} {pick(domain.words[1])}",
            stored(pick(domain.kinds), style),
            int(rng.integers(1, len(groups) + 1)),
            int(rng.choice(pools.sizes)),
            pick(domain.notes) if rng.random() < 0.6 else None,
        )
        for i in most(5, 16, 28)
    ]
    for place in range(1, len(items)):
        if rng.random() < 0.1:  # another one of the same name, kind, group and size
            items[place] = (items[place][0], *items[int(rng.integers(place))][1:5], items[place][5])
    people: list[tuple[Json, ...]] = [
        (i, f"{pick(_FIRST)} {pick(_LAST)}", pick(_TOWNS) if rng.random() < 0.75 else None, pick(pools.since)) for i in most(4, 12, 20)
    ]
    keys = most(12, 51, 90)
    count = len(keys)
    linked = [(1 + rng.beta(1.2, 1.6, size=count) * len(rows)).astype(int).tolist() for rows in (items, people)]  # some have many, some none
    known = (rng.random((2, count)) < [[0.85], [0.8]]).tolist()
    days = rng.integers(len(pools.days), size=count).tolist()
    counts, values = rng.integers(1, 9, size=count).tolist(), (rng.integers(4, 60, size=count) / 4).tolist()
    events: list[tuple[Json, ...]] = [
        (i, item, person if is_linked else None, pools.days[day], number, value if is_valued else None)
        for i, item, person, is_linked, day, number, value, is_valued in zip(keys, *linked, known[0], days, counts, values, known[1], strict=True)
    ]
    drawn = {domain.groups.name: groups, domain.items.name: items, domain.people.name: people, domain.events.name: events}
    return {name: [rows[i] for i in rng.permutation(len(rows)).tolist()] for name, rows in drawn.items()}  # an order by id is not that in which they stand


def script(domain: Domain, rows: Rows) -> str:
    """The statements that make the database."""
    parts: list[str] = []
    for table in domain.tables:
        declared = ", ".join(f"{column.name} {column.kind}" for column in table.columns)
        values = ",\n".join(f"({', '.join(map(literal, row))})" for row in rows[table.name])
        parts.append(f"CREATE TABLE {table.name} ({declared});\nINSERT INTO {table.name} VALUES\n{values};")
    return "\n".join(parts)
