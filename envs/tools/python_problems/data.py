"""Graphs, statistics on given data, and dates."""

import heapq
from datetime import date, timedelta
from fractions import Fraction
from itertools import combinations
from random import Random

from prm_gym.envs.tools.python_problems.problem import Problem


def shortest_paths(rng: Random, difficulty: int) -> Problem:
    """Sums of distances in a weighted graph."""
    count = 6 + 2 * difficulty
    edges = _connected(rng, count, 3 + 3 * difficulty)
    neighbours: dict[int, list[tuple[int, int]]] = {node: [] for node in range(1, count + 1)}
    for one, other, length in edges:
        neighbours[one].append((other, length))
        neighbours[other].append((one, length))
    distances: dict[int, int] = {}
    queue = [(0, 1)]
    while queue:
        distance, node = heapq.heappop(queue)
        if node not in distances:
            distances[node] = distance
            for other, length in neighbours[node]:
                heapq.heappush(queue, (distance + length, other))
    return Problem(
        f"A road network joins {count} towns numbered 1 to {count} by these two-way roads: {_listed(edges)}. For every town from 2 to {count} take the "
        "length of a "
        "shortest way from town 1. Find the sum of these lengths.",
        str(sum(distances.values())),
        (
            f"edges = {edges}\nn = {count}\nd = {{(a, b): 0 if a == b else 10**9 for a in range(1, n + 1) for b in range(1, n + 1)}}\nfor a, b, w in edges:\n"
            "    d[a, b] = d[b, a] = min(d[a, b], w)\nlen(edges)",
            "for k in range(1, n + 1):\n    for a in range(1, n + 1):\n        for b in range(1, n + 1):\n"
            "            d[a, b] = min(d[a, b], d[a, k] + d[k, b])\n[d[1, b] for b in range(1, n + 1)]",
            "sum(d[1, b] for b in range(1, n + 1))",
        ),
    )


def spanning_trees(rng: Random, difficulty: int) -> Problem:
    """The least total length that joins everything."""
    count = 6 + 2 * difficulty
    edges = _connected(rng, count, 4 + 4 * difficulty)
    root = list(range(count + 1))

    def find(node: int) -> int:
        while root[node] != node:
            node = root[node]
        return node

    total = 0
    for one, other, length in sorted(edges, key=lambda edge: edge[2]):
        if find(one) != find(other):
            root[find(one)] = find(other)
            total += length
    return Problem(
        f"Cables can be laid between {count} houses numbered 1 to {count}, at these costs: {_listed(edges)}. What is the least total cost at which "
        "every house is "
        "joined to every other one, directly or by way of others?",
        str(total),
        (
            f"edges = {edges}\njoined, chosen = {{1}}, []\nwhile len(joined) < {count}:\n"
            "    edge = min((e for e in edges if (e[0] in joined) != (e[1] in joined)), key=lambda e: e[2])\n"
            "    chosen.append(edge)\n    joined |= set(edge[:2])\nchosen",
            "sum(w for _, _, w in chosen)",
        ),
    )


def variances(rng: Random, difficulty: int) -> Problem:
    """The sum of squared deviations from the mean, as a fraction."""
    values = [rng.randrange(10, 100 * difficulty + 50) for _ in range(6 + 4 * difficulty)]
    gold = Fraction(sum((one - other) ** 2 for one, other in combinations(values, 2)), len(values))
    return Problem(
        f"The data are {', '.join(map(str, values))}. Find the sum of the squared differences between the data and their arithmetic mean, as an integer "
        "or a fraction in "
        "lowest terms.",
        str(gold),
        (
            f"from fractions import Fraction\ndata = {values}\nmean = Fraction(sum(data), len(data))\nlen(data), str(mean)",
            "squares = sum((v - mean) ** 2 for v in data)\nprint(squares)",
        ),
    )


def moving_windows(rng: Random, difficulty: int) -> Problem:
    """The best stretch of a series."""
    values = [rng.randrange(-60, 90) for _ in range(14 + 8 * difficulty)]
    width = rng.randrange(4, 5 + difficulty)
    sums = [sum(values[start : start + width]) for start in range(len(values) - width + 1)]
    gold = max(sums) * 3 - min(sums)
    return Problem(
        f"A series of measurements is {', '.join(map(str, values))}. For every block of {width} consecutive measurements take their sum. Let M be the "
        "greatest of these sums and "
        f"m the smallest. Find 3 M - m.",
        str(gold),
        (
            f"data, width = {values}, {width}\nfrom itertools import accumulate\nprefix = [0, *accumulate(data)]\n"
            "sums = [b - a for a, b in zip(prefix, prefix[width:])]\nlen(sums)",
            "M, m = max(sums), min(sums)\nM, m",
            "3 * M - m",
        ),
    )


def working_days(rng: Random, difficulty: int) -> Problem:
    """The date after a number of working days."""
    start = date(rng.randrange(1990, 2040), rng.randrange(1, 13), rng.randrange(1, 29))
    count = rng.randrange(10, 40 * 2**difficulty)
    day, left = start, count
    while left:
        day += timedelta(days=1)
        left -= day.weekday() < 5 and day.day != 1
    return Problem(
        f"Working days are Monday to Friday, except the first day of every month. Count the working days after {start.isoformat()} (that day itself "
        f"is not counted). What is the date of number {count}? Give it as YYYY-MM-DD, by the Gregorian calendar.",
        day.isoformat(),
        (
            f"from datetime import date, timedelta\nstart = date.fromisoformat({start.isoformat()!r})\n"
            "days = (start + timedelta(days=k) for k in range(1, 10**5))\n"
            "start.strftime('%A')",
            f"working = [d for d, _ in zip((d for d in days if d.isoweekday() <= 5 and d.day != 1), range({count}))]\nlen(working)",
            "working[-1].isoformat()",
        ),
    )


def day_sums(rng: Random, difficulty: int) -> Problem:
    """The sum of the days of the month of all Fridays, or another day, of a span."""
    start = date(rng.randrange(1950, 2050), rng.randrange(1, 13), rng.randrange(1, 29))
    end = start + timedelta(days=rng.randrange(60, 150 * 2**difficulty))
    weekday = rng.randrange(7)
    name = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")[weekday]
    total, day = 0, start + timedelta(days=(weekday - start.weekday()) % 7)
    while day <= end:
        total += day.day
        day += timedelta(days=7)
    return Problem(
        f"Take every {name} from {start.isoformat()} to {end.isoformat()}, both days included (YYYY-MM-DD, Gregorian calendar). Find the sum of their "
        "days of the month (3 for the "
        "3rd of March).",
        str(total),
        (
            f"from datetime import date, timedelta\nstart, end = date.fromisoformat({start.isoformat()!r}), date.fromisoformat({end.isoformat()!r})\n"
            "span = [start + timedelta(days=k) for k in range((end - start).days + 1)]\nlen(span)",
            f"found = [d for d in span if d.strftime('%A') == {name!r}]\nlen(found)",
            "sum(d.day for d in found)",
        ),
    )


def _connected(rng: Random, count: int, more: int) -> list[tuple[int, int, int]]:
    """Edges of distinct lengths that join all nodes from 1 on, in random order."""
    order = rng.sample(range(1, count + 1), count)
    pairs = {(min(pair), max(pair)) for pair in ((order[place], order[rng.randrange(place)]) for place in range(1, count))}
    rest = [pair for pair in combinations(range(1, count + 1), 2) if pair not in pairs]
    chosen = [*sorted(pairs), *rng.sample(rest, min(more, len(rest)))]
    lengths = rng.sample(range(5, 20 + 4 * len(chosen)), len(chosen))
    edges = [(*pair, length) for pair, length in zip(chosen, lengths, strict=True)]
    rng.shuffle(edges)
    return edges


def _listed(edges: list[tuple[int, int, int]]) -> str:
    return ", ".join(f"{one}-{other} ({length})" for one, other, length in edges)
