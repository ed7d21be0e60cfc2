"""Questions of SQL-v0, levels 1 to 3: one table, aggregates and joins, groups."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias, cast

import numpy as np

from prm_gym.claims import Json
from prm_gym.envs.tools.sql_domains import Column, Domain, Rows, stored
from prm_gym.sandbox.sandbox import Dialect


class Asked(NamedTuple):
    """A question with its answer.

    Attributes:
        text: says everything that the answer depends on.
        gold: the query.
        ordered: the order of the rows is asked for.
    """

    text: str
    gold: str
    ordered: bool = False


class Scene:
    """A domain and its rows, from which the constants of a question are drawn."""

    def __init__(self, domain: Domain, rows: Rows, style: int, rng: np.random.Generator, dialect: Dialect) -> None:
        """Name the columns by what they are for."""
        self.domain, self.rows, self.style, self.rng, self.dialect = domain, rows, style, rng, dialect
        self.groups, self.items, self.people, self.events = domain.tables
        self.group_name, self.region = domain.groups.columns[1:]
        self.item_name, self.kind, self.item_group, self.size, self.note = domain.items.columns[1:]
        self.person_name, self.town, self.since = domain.people.columns[1:]
        self.event_item, self.event_person, self.day, self.count, self.value = domain.events.columns[1:]

    @property
    def items_in_groups(self) -> str:
        """A join."""
        return f"{self.items} JOIN {self.groups} ON {self.groups.id} = {self.item_group}"

    @property
    def events_of_items(self) -> str:
        """A join."""
        return f"{self.events} JOIN {self.items} ON {self.items.id} = {self.event_item}"

    @property
    def events_of_people(self) -> str:
        """A join."""
        return f"{self.events} JOIN {self.people} ON {self.people.id} = {self.event_person}"

    @property
    def month(self) -> str:
        """That of an event, as YYYY-MM."""
        return f"strftime('%Y-%m', {self.day})" if self.dialect == "sqlite" else f"substr({self.day}, 1, 7)"

    def days_since(self, earlier: str) -> str:
        """From a day to that of an event, as a whole number."""
        if self.dialect == "sqlite":
            return f"CAST(julianday({self.day}) - julianday({earlier}) AS INTEGER)"
        return f"date_diff('day', CAST({earlier} AS DATE), CAST({self.day} AS DATE))"

    def each(self, key: Column, *shown: Column) -> str:
        """What is grouped by a key, of which other columns are shown; SQLite alone does not want them named."""
        return ", ".join(map(str, (key, *shown) if self.dialect == "duckdb" else (key,)))

    def values(self, column: Column) -> list[Json]:
        """What stands in a column, NULLs left out, sorted."""
        table = next(table for table in self.domain.tables if table.name == column.table)
        place = table.columns.index(column)
        return sorted((row[place] for row in self.rows[table.name] if row[place] is not None), key=str)

    def pick(self, column: Column) -> str:
        """A text that stands in a column."""
        found = sorted(set(map(str, self.values(column))))
        return found[int(self.rng.integers(len(found)))]

    def number(self, column: Column, low: float, high: float) -> int:
        """A number between two quantiles of a column that stands there itself, so that its being included matters."""
        found = sorted(cast("Sequence[float]", self.values(column)))
        return int(found[int(float(self.rng.uniform(low, high)) * (len(found) - 1))])

    def kinds(self, count: int) -> list[tuple[str, str]]:
        """Different kinds that items have, as questions write them and as the database does."""
        there = set(self.values(self.kind))
        pairs = [(kind, stored(kind, self.style)) for kind in self.domain.kinds]
        found = [pair for pair in pairs if pair[1] in there]
        return [found[i] for i in self.rng.permutation(len(found))[:count].tolist()]

    def days(self) -> tuple[str, str]:
        """Two days on which something happened, about a year apart."""
        found = cast("Sequence[str]", self.values(self.day))
        first = int(self.rng.integers(len(found) // 3))
        return found[first], found[min(first + len(found) // 2, len(found) - 1)]


Template: TypeAlias = Callable[[Scene], Asked]


def columns(*phrases: str) -> str:
    """The sentence that names the columns."""
    if len(phrases) == 1:
        return f"One column: {phrases[0]}."
    return f"Columns, in this order: {', '.join(phrases[:-1])} and {phrases[-1]}."


def _items_of_a_kind(s: Scene) -> Asked:
    ((shown, kind),) = s.kinds(1)
    text = f"Every {s.items.one} whose {s.kind.phrase} is {shown!r}, one row each. {columns(f'its {s.item_name.phrase}', f'its {s.size.phrase}')}"
    return Asked(text, f"SELECT {s.item_name}, {s.size} FROM {s.items} WHERE {s.kind} = '{kind}'")


def _items_by_size(s: Scene) -> Asked:
    low, high = s.number(s.size, 0.15, 0.4), s.number(s.size, 0.6, 0.85)
    text = (
        f"Every {s.items.one} whose {s.size.phrase} is at least {low} and less than {high}, the greatest {s.size.phrase} first; of equal ones the one "
        f"with the smaller id "
        f"first. {columns(f'its {s.item_name.phrase}', f'its {s.size.phrase}')}"
    )
    where = f"{s.size} >= {low} AND {s.size} < {high}"
    return Asked(text, f"SELECT {s.item_name}, {s.size} FROM {s.items} WHERE {where} ORDER BY {s.size} DESC, {s.items.id} ASC", True)


def _people_unknown(s: Scene) -> Asked:
    first = s.pick(s.since)
    text = f"Every {s.people.one} whose {s.town.phrase} is unknown or whose {s.since.phrase} is after {first}, one row each. "
    gold = f"SELECT {s.people.id}, {s.person_name} FROM {s.people} WHERE {s.town} IS NULL OR {s.since} > '{first}'"
    return Asked(text + columns("the id", f"the {s.person_name.phrase}"), gold)


def _events_between(s: Scene) -> Asked:
    first, last = s.days()
    text = f"Every {s.events.one} from {first} to {last}, both days included, whose {s.value.phrase} is known. "
    gold = f"SELECT {s.events.id}, {s.count} FROM {s.events} WHERE {s.day} BETWEEN '{first}' AND '{last}' AND {s.value} IS NOT NULL"
    return Asked(text + columns("its id", f"its {s.count.phrase}"), gold)


def _distinct_towns(s: Scene) -> Asked:
    first = s.pick(s.since)
    text = f"The known {s.town.phrase}s of all {s.people.many} whose {s.since.phrase} is not before {first}, each once. {columns(s.town.phrase)}"
    return Asked(text, f"SELECT DISTINCT {s.town} FROM {s.people} WHERE {s.town} IS NOT NULL AND {s.since} >= '{first}'")


def _noted_items(s: Scene) -> Asked:
    ((shown, kind),) = s.kinds(1)
    most = s.number(s.size, 0.5, 0.9)
    text = (
        f"Every {s.items.one} with a known {s.note.phrase} whose {s.kind.phrase} is not {shown!r} and whose {s.size.phrase} is at most {most}, one row each. "
    )
    gold = f"SELECT {s.item_name}, {s.note} FROM {s.items} WHERE {s.note} IS NOT NULL AND {s.kind} <> '{kind}' AND {s.size} <= {most}"
    return Asked(text + columns(f"its {s.item_name.phrase}", f"its {s.note.phrase}"), gold)


def _mean_value(s: Scene) -> Asked:
    first, _ = s.days()
    text = (
        f"The number of {s.events.many} from {first} on (that day included), and the mean {s.value.phrase} of those of them whose {s.value.phrase} is "
        f"known. One row. " + columns("the number", f"the mean {s.value.phrase}, not rounded")
    )
    return Asked(text, f"SELECT COUNT(*), AVG({s.value}) FROM {s.events} WHERE {s.day} >= '{first}'")


def _different_people(s: Scene) -> Asked:
    ((shown, kind),) = s.kinds(1)
    text = f"How many different {s.people.many} are linked to at least one {s.events.one} of {s.items.many} whose {s.kind.phrase} is {shown!r}? One row. "
    gold = f"SELECT COUNT(DISTINCT {s.event_person}) FROM {s.events_of_items} WHERE {s.kind} = '{kind}'"
    return Asked(text + columns("the number"), gold)


def _items_of_a_region(s: Scene) -> Asked:
    region, least = s.pick(s.region), s.number(s.size, 0.1, 0.4)
    text = (
        f"Every {s.items.one} of a {s.groups.one} whose {s.region.phrase} is {region!r}, if the {s.items.one}'s {s.size.phrase} is greater than "
        f"{least}; sorted by the "
        f"{s.items.one}'s id, smallest first. {columns(f'the {s.items.one}’s {s.item_name.phrase}', f'the {s.groups.one}’s {s.group_name.phrase}')}"
    )
    gold = f"SELECT {s.item_name}, {s.group_name} FROM {s.items_in_groups} WHERE {s.region} = '{region}' AND {s.size} > {least} ORDER BY {s.items.id}"
    return Asked(text, gold, True)


def _greatest_events(s: Scene) -> Asked:
    count = int(s.rng.integers(4, 8))
    text = (
        f"The {count} {s.events.many} with the greatest {s.value.phrase}, greatest first; unknown ones do not count, and of equal ones the one with the "
        f"smaller id comes first. " + columns("the id", f"the {s.value.phrase}")
    )
    return Asked(
        text, f"SELECT {s.events.id}, {s.value} FROM {s.events} WHERE {s.value} IS NOT NULL ORDER BY {s.value} DESC, {s.events.id} ASC LIMIT {count}", True
    )


def _total_of_a_kind(s: Scene) -> Asked:
    ((shown, kind),) = s.kinds(1)
    first, _ = s.days()
    text = (
        f"The sum of the {s.count.phrase} over all {s.events.many} after {first} of {s.items.many} whose {s.kind.phrase} is {shown!r}; 0 if there are none. "
        "One row. "
    )
    gold = f"SELECT COALESCE(SUM({s.count}), 0) FROM {s.events_of_items} WHERE {s.kind} = '{kind}' AND {s.day} > '{first}'"
    return Asked(text + columns("the sum"), gold)


def _range_of_sizes(s: Scene) -> Asked:
    region = s.pick(s.region)
    text = f"The least and the greatest {s.size.phrase} among the {s.items.many} of {s.groups.many} whose {s.region.phrase} is {region!r}. One row. "
    gold = f"SELECT MIN({s.size}), MAX({s.size}) FROM {s.items_in_groups} WHERE {s.region} = '{region}'"
    return Asked(text + columns("the least", "the greatest"), gold)


def _events_of_groups(s: Scene) -> Asked:
    text = (
        f"For every {s.groups.one} the number of {s.events.many} of its {s.items.many}, also where it is 0. The most first; of equal numbers the "
        f"greater id of the "
        f"{s.groups.one} first. {columns(f'the {s.groups.one}’s {s.group_name.phrase}', 'the number')}"
    )
    joined = f"{s.groups} LEFT JOIN {s.items} ON {s.item_group} = {s.groups.id} LEFT JOIN {s.events} ON {s.event_item} = {s.items.id}"
    each = s.each(s.groups.id, s.group_name)
    gold = f"SELECT {s.group_name}, COUNT({s.events.id}) AS number FROM {joined} GROUP BY {each} ORDER BY number DESC, {s.groups.id} DESC"
    return Asked(text, gold, True)


def _kinds_with_many(s: Scene) -> Asked:
    least = int(s.rng.integers(2, 4))
    text = f"For every {s.kind.phrase} with at least {least} {s.items.many}: the number of those {s.items.many} and their mean {s.size.phrase}, not rounded. "
    gold = f"SELECT {s.kind}, COUNT(*), AVG({s.size}) FROM {s.items} GROUP BY {s.kind} HAVING COUNT(*) >= {least}"
    return Asked(text + columns(s.kind.phrase, "the number", "the mean"), gold)


def _busy_people(s: Scene) -> Asked:
    least = int(s.rng.integers(8, 16))
    text = (
        f"Every {s.people.one} whose {s.events.many} have a {s.count.phrase} of more than {least} in all; the greatest sum first, of equal sums the "
        f"smaller id of the "
        f"{s.people.one} first. {columns(f'the {s.people.one}’s id', f'the {s.people.one}’s {s.person_name.phrase}', 'the sum')}"
    )
    gold = (
        f"SELECT {s.people.id}, {s.person_name}, SUM({s.count}) AS total FROM {s.events_of_people} "
        f"GROUP BY {s.each(s.people.id, s.person_name)} HAVING SUM({s.count}) > {least} ORDER BY total DESC, {s.people.id} ASC"
    )
    return Asked(text, gold, True)


def _months(s: Scene) -> Asked:
    year = s.pick(s.day)[:4]
    text = (
        f"For every month of the year {year} in which there was at least one {s.events.one}: the number of {s.events.many}, and how many of them are "
        f"linked to no known "
        f"{s.people.one}. {columns('the month as YYYY-MM', f'the number of {s.events.many}', f'how many have no known {s.people.one}')}"
    )
    gold = (
        f"SELECT {s.month}, COUNT(*), COUNT(*) - COUNT({s.event_person}) FROM {s.events} WHERE {s.day} >= '{year}-01-01' AND {s.day} <= '{year}-12-31' "
        f"GROUP BY {s.month}"
    )
    return Asked(text, gold)


def _different_items(s: Scene) -> Asked:
    first, last = s.days()
    text = (
        f"For every {s.region.phrase} of {s.groups.many}: how many different {s.items.many} of {s.groups.many} there had at least one {s.events.one} "
        f"from {first} to {last}, "
        f"both days included? Leave out each {s.region.phrase} where the number is 0. {columns(s.region.phrase, 'the number')}"
    )
    joined = f"{s.events_of_items} JOIN {s.groups} ON {s.groups.id} = {s.item_group}"
    gold = f"SELECT {s.region}, COUNT(DISTINCT {s.items.id}) FROM {joined} WHERE {s.day} BETWEEN '{first}' AND '{last}' GROUP BY {s.region}"
    return Asked(text, gold)


def _unknown_values(s: Scene) -> Asked:
    text = (
        f"For every {s.items.one} that has a {s.events.one} with an unknown {s.value.phrase}: the number of such {s.events.many}. "
        f"{columns(f'the {s.items.one}’s id', f'the {s.items.one}’s {s.item_name.phrase}', 'the number')}"
    )
    gold = f"SELECT {s.items.id}, {s.item_name}, COUNT(*) FROM {s.events_of_items} WHERE {s.value} IS NULL GROUP BY {s.each(s.items.id, s.item_name)}"
    return Asked(text, gold)


TEMPLATES: dict[int, tuple[Template, ...]] = {
    1: (_items_of_a_kind, _items_by_size, _people_unknown, _events_between, _distinct_towns, _noted_items),
    2: (_mean_value, _different_people, _items_of_a_region, _greatest_events, _total_of_a_kind, _range_of_sizes),
    3: (_events_of_groups, _kinds_with_many, _busy_people, _months, _different_items, _unknown_values),
}
