"""Questions of SQL-v0, levels 4 and 5: nested queries and set operations, windows."""

from prm_gym.envs.tools.sql_templates import Asked, Scene, Template, columns


def _without_events(s: Scene) -> Asked:
    first, _ = s.days()
    text = f"Every {s.items.one} that has no {s.events.one} on or after {first}. {columns('its id', f'its {s.item_name.phrase}')}"
    inner = f"SELECT 1 FROM {s.events} WHERE {s.event_item} = {s.items.id} AND {s.day} >= '{first}'"
    return Asked(text, f"SELECT {s.items.id}, {s.item_name} FROM {s.items} WHERE NOT EXISTS ({inner})")


def _above_the_mean(s: Scene) -> Asked:
    text = (
        f"Every {s.items.one} whose {s.size.phrase} is greater than the mean {s.size.phrase} of all {s.items.many} of its {s.kind.phrase} (itself included). "
        + columns("its id", f"its {s.kind.phrase}", f"its {s.size.phrase}")
    )
    mean = f"SELECT AVG(other.{s.size.name}) FROM {s.items} AS other WHERE other.{s.kind.name} = {s.kind}"
    return Asked(text, f"SELECT {s.items.id}, {s.kind}, {s.size} FROM {s.items} WHERE {s.size} > ({mean})")


def _both_kinds(s: Scene) -> Asked:
    (one, first), (other, second) = s.kinds(2)
    text = (
        f"Every {s.people.one} with a {s.events.one} of {s.items.many} whose {s.kind.phrase} is {one!r} and also one of {s.items.many} whose "
        f"{s.kind.phrase} is {other!r}. "
    )
    some = f"SELECT {s.people.id}, {s.person_name} FROM {s.events_of_people} JOIN {s.items} ON {s.items.id} = {s.event_item} WHERE {s.kind} ="
    return Asked(text + columns("the id", f"the {s.person_name.phrase}"), f"{some} '{first}' INTERSECT {some} '{second}'")


def _groups_without_a_kind(s: Scene) -> Asked:
    ((shown, kind),) = s.kinds(1)
    text = f"Every {s.groups.one} that has no {s.items.one} whose {s.kind.phrase} is {shown!r}; sorted by id, smallest first. "
    inner = f"SELECT {s.item_group} FROM {s.items} WHERE {s.kind} = '{kind}'"
    gold = f"SELECT {s.groups.id}, {s.group_name} FROM {s.groups} WHERE {s.groups.id} NOT IN ({inner}) ORDER BY {s.groups.id} ASC"
    return Asked(text + columns("the id", f"the {s.group_name.phrase}"), gold, True)


def _above_the_mean_total(s: Scene) -> Asked:
    text = (
        f"Take the sum of the {s.count.phrase} over the {s.events.many} of each {s.people.one} that has any. Which {s.people.many} have a sum greater "
        f"than the mean of these "
        f"sums? {columns('the id', f'the {s.person_name.phrase}', 'the sum')}"
    )
    totals = f"SELECT SUM({s.count}) AS total FROM {s.events} WHERE {s.event_person} IS NOT NULL GROUP BY {s.event_person}"
    gold = (
        f"SELECT {s.people.id}, {s.person_name}, SUM({s.count}) FROM {s.events_of_people} GROUP BY {s.each(s.people.id, s.person_name)} "
        f"HAVING SUM({s.count}) > (SELECT AVG(total) FROM ({totals}))"
    )
    return Asked(text, gold)


def _days_of_one_kind(s: Scene) -> Asked:
    (one, first), (other, second) = s.kinds(2)
    text = (
        f"The days with a {s.events.one} of an item of the {s.kind.phrase} {one!r} and none of the {s.kind.phrase} {other!r}, each once, latest first. "
        f"(Items are {s.items.many}.) {columns('the day')}"
    )
    some = f"SELECT {s.day} FROM {s.events_of_items} WHERE {s.kind} ="
    return Asked(text, f"{some} '{first}' EXCEPT {some} '{second}' ORDER BY {s.day.name} DESC", True)


def _largest_of_each_kind(s: Scene) -> Asked:
    text = (
        f"Of each {s.kind.phrase} the {s.items.many} with the greatest {s.size.phrase} among its {s.items.many}: all of them, if several have it. "
        + columns(s.kind.phrase, f"the {s.items.one}’s id", f"the {s.size.phrase}")
    )
    greatest = f"SELECT MAX(other.{s.size.name}) FROM {s.items} AS other WHERE other.{s.kind.name} = {s.kind}"
    return Asked(text, f"SELECT {s.kind}, {s.items.id}, {s.size} FROM {s.items} WHERE {s.size} = ({greatest})")


def _top_two(s: Scene) -> Asked:
    text = (
        f"Add up the {s.count.phrase} of the {s.events.many} of each {s.items.one} that has any. For every {s.kind.phrase} the two {s.items.many} with "
        f"the greatest sums (one, "
        f"if there is only one); of equal sums the smaller id goes first. {columns(s.kind.phrase, f'the {s.items.one}’s id', 'the sum', 'the place, 1 or 2')}"
    )
    place = f"ROW_NUMBER() OVER (PARTITION BY {s.kind} ORDER BY SUM({s.count}) DESC, {s.items.id} ASC) AS place"
    inner = f"SELECT {s.kind} AS kind, {s.items.id} AS item, SUM({s.count}) AS total, {place} FROM {s.events_of_items} GROUP BY {s.each(s.items.id, s.kind)}"
    return Asked(text, f"SELECT kind, item, total, place FROM ({inner}) WHERE place <= 2")


def _running_total(s: Scene) -> Asked:
    region = s.pick(s.region)
    text = (
        f"The {s.events.many} of {s.items.many} of {s.groups.many} whose {s.region.phrase} is {region!r}, with the sum of the {s.count.phrase} "
        f"so far (by day and on one day by id, itself included); latest day first, and of one day the greatest id first. "
        f"{columns(f'the {s.events.one}’s id', 'the sum so far')}"
    )
    joined = f"{s.events_of_items} JOIN {s.groups} ON {s.groups.id} = {s.item_group}"
    so_far = f"SUM({s.count}) OVER (ORDER BY {s.day} ASC, {s.events.id} ASC)"
    return Asked(text, f"SELECT {s.events.id}, {so_far} FROM {joined} WHERE {s.region} = '{region}' ORDER BY {s.day} DESC, {s.events.id} DESC", True)


def _days_since_the_last(s: Scene) -> Asked:
    ((shown, kind),) = s.kinds(1)
    text = (
        f"For every {s.events.one} of a {s.items.one} whose {s.kind.phrase} is {shown!r}: the whole number of days since the {s.events.one} before it "
        f"of the same {s.items.one} (by "
        f"day, then id), and NULL for the first one. {columns(f'the {s.events.one}’s id', 'the number of days')}"
    )
    before = f"LAG({s.day}) OVER (PARTITION BY {s.event_item} ORDER BY {s.day} ASC, {s.events.id} ASC)"
    gold = f"SELECT {s.events.id}, {s.days_since(before)} FROM {s.events_of_items} WHERE {s.kind} = '{kind}'"
    return Asked(text, gold)


def _shares(s: Scene) -> Asked:
    first, _ = s.days()
    text = (
        f"The share of each {s.kind.phrase} in the sum of the {s.count.phrase} over all {s.events.many} from {first} on (that day included), in "
        f"percent, not rounded; leave out a "
        f"{s.kind.phrase} without such {s.events.many}. {columns(s.kind.phrase, 'the share')}"
    )
    share = f"SUM({s.count}) * 100.0 / SUM(SUM({s.count})) OVER ()"
    return Asked(text, f"SELECT {s.kind}, {share} FROM {s.events_of_items} WHERE {s.day} >= '{first}' GROUP BY {s.kind}")


def _favourite_kind(s: Scene) -> Asked:
    text = (
        f"For every {s.people.one} with {s.events.many}: the {s.kind.phrase} in which the sum of the {s.count.phrase} over the {s.people.one}'s "
        f"{s.events.many} is greatest; all of them, "
        f"if several are equal. {columns(f'the {s.people.one}’s id', s.kind.phrase, 'the sum')}"
    )
    rank = f"RANK() OVER (PARTITION BY {s.event_person} ORDER BY SUM({s.count}) DESC) AS place"
    inner = (
        f"SELECT {s.event_person} AS person, {s.kind} AS kind, SUM({s.count}) AS total, {rank} FROM {s.events_of_items} WHERE {s.event_person} IS NOT NULL "
        f"GROUP BY {s.event_person}, {s.kind}"
    )
    return Asked(text, f"SELECT person, kind, total FROM ({inner}) WHERE place = 1")


def _better_months(s: Scene) -> Asked:
    text = (
        f"Take the months with at least one {s.events.one}, and the sum of the {s.count.phrase} in each. Which months have a greater sum than the one "
        f"before them among these (the first "
        f"has none and does not count)? Latest first. {columns('the month as YYYY-MM', 'the sum', 'by how much it is greater')}"
    )
    earlier = f"LAG(SUM({s.count})) OVER (ORDER BY {s.month} ASC) AS earlier"
    inner = f"SELECT {s.month} AS month, SUM({s.count}) AS total, {earlier} FROM {s.events} GROUP BY {s.month}"
    return Asked(text, f"SELECT month, total, total - earlier FROM ({inner}) WHERE total > earlier ORDER BY month DESC", True)


HARD: dict[int, tuple[Template, ...]] = {
    4: (_without_events, _above_the_mean, _both_kinds, _groups_without_a_kind, _above_the_mean_total, _days_of_one_kind, _largest_of_each_kind),
    5: (_top_two, _running_total, _days_since_the_last, _shares, _favourite_kind, _better_months),
}
