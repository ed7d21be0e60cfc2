"""Combinatorics and dynamic programming."""

from functools import cache
from random import Random

from prm_gym.envs.tools.python_problems.problem import Problem


def lattice_paths(rng: Random, difficulty: int) -> Problem:
    """Paths on a grid with blocked cells."""
    width, height = (rng.randrange(5 + difficulty, 7 + 2 * difficulty) for _ in range(2))
    blocked: list[tuple[int, int]] = []
    paths = 0
    while paths < 40:  # about half of the drawings leave so many
        inner = [(x, y) for x in range(width + 1) for y in range(height + 1) if (x, y) not in ((0, 0), (width, height))]
        blocked = sorted(rng.sample(inner, 3 + 2 * difficulty))
        row = [0] * (width + 1)
        row[0] = 1
        for y in range(height + 1):
            for x in range(width + 1):
                row[x] = 0 if (x, y) in blocked else row[x] + (row[x - 1] if x else 0)
        paths = row[width]
    return Problem(
        f"A path goes from the point (0, 0) to the point ({width}, {height}). Each of its steps adds 1 to one of the two coordinates. "
        f"It must not pass through any of the points {', '.join(map(str, blocked))}. How many such paths are there?",
        str(paths),
        (
            f"from functools import cache\nblocked = {set(blocked)}\n@cache\ndef paths(x, y):\n"
            "    if x < 0 or y < 0 or (x, y) in blocked:\n        return 0\n    return 1 if (x, y) == (0, 0) else paths(x - 1, y) + paths(x, y - 1)\n"
            "[paths(k, k) for k in range(4)]",
            f"paths({width}, {height})",
        ),
    )


def coin_changes(rng: Random, difficulty: int) -> Problem:
    """Ways to pay an amount."""
    coins = sorted(rng.sample(range(2, 12 + 2 * difficulty), 5 + difficulty // 2))
    most = rng.randrange(6, 8 + 2 * difficulty)
    amount = rng.randrange(sum(coins) * 2, sum(coins) * most // 2)
    ways = [1] + [0] * amount
    for coin in coins:
        before = ways.copy()
        for total in range(amount + 1):
            ways[total] = sum(before[total - coin * k] for k in range(min(most, total // coin) + 1))
    names = ", ".join(map(str, coins))
    return Problem(
        f"There are coins of the values {names}, and {most} of each value. In how many ways can the amount {amount} be paid exactly? Two ways are the "
        "same when they "
        "use the same number of coins of each value.",
        str(ways[amount]),
        (
            f"coins, most, amount = {coins}, {most}, {amount}\nways = {{0: 1}}\nfor coin in coins:\n    new = {{}}\n    for total, count in ways.items():\n"
            "        for k in range(most + 1):\n            new[total + k * coin] = new.get(total + k * coin, 0) + count\n    ways = new\n"
            "len(ways), max(ways)",
            "ways.get(amount, 0)",
        ),
    )


def pattern_free_words(rng: Random, difficulty: int) -> Problem:
    """Words without a forbidden part."""
    letters = "abcd"[: rng.randrange(2, 5)]
    length = rng.randrange(6 + 2 * difficulty, 14 + 4 * difficulty)
    pattern = "".join(rng.choice(letters) for _ in range(rng.randrange(3, 5 + difficulty // 3)))

    @cache
    def count(left: int, matched: int) -> int:
        """Words of so many letters more, where the last `matched` letters are the beginning of the pattern."""
        if matched == len(pattern):
            return 0
        if left == 0:
            return 1
        total = 0
        for letter in letters:
            seen = pattern[:matched] + letter
            total += count(left - 1, max(k for k in range(len(seen) + 1) if seen.endswith(pattern[:k]) and k <= len(pattern)))
        return total

    return Problem(
        f"How many words of exactly {length} letters over the alphabet {{{', '.join(letters)}}} do not contain {pattern} as a block of consecutive letters?",
        str(count(length, 0)),
        (
            f"letters, pattern, length = {letters!r}, {pattern!r}, {length}\nfrom itertools import product\n"
            "brute = {n: sum(pattern not in ''.join(w) for w in product(letters, repeat=n)) for n in range(1, 7)}\nbrute",
            "ends = {'': 1}\ncounts = []\nfor _ in range(length):\n    new = {}\n    for tail, count in ends.items():\n        for letter in letters:\n"
            "            word = tail + letter\n            if not word.endswith(pattern):\n                tail2 = word[-(len(pattern) - 1):]\n"
            "                new[tail2] = new.get(tail2, 0) + count\n    ends = new\n    counts.append(sum(ends.values()))\n"
            "all(counts[n - 1] == c for n, c in brute.items()), counts[:6]",
            "counts[-1]",
        ),
    )


def knapsacks(rng: Random, difficulty: int) -> Problem:
    """The best choice of items under a limit."""
    count = 6 + 2 * difficulty
    items = [(rng.randrange(5, 30 + 10 * difficulty), rng.randrange(20, 100 * difficulty + 100)) for _ in range(count)]
    limit = sum(weight for weight, _ in items) * rng.randrange(35, 60) // 100
    best = [0] * (limit + 1)
    for weight, value in items:
        for room in range(limit, weight - 1, -1):
            best[room] = max(best[room], best[room - weight] + value)
    listed = ", ".join(f"{weight} kg worth {value}" for weight, value in items)
    return Problem(
        f"Each of these items can be taken at most once: {listed}. What is the greatest total worth of items whose total weight is at most {limit} kg?",
        str(best[limit]),
        (
            f"items, limit = {items}, {limit}\nreachable = {{0: 0}}\nfor w, v in items:\n    for weight, value in list(reachable.items()):\n"
            "        if weight + w <= limit:\n            reachable[weight + w] = max(reachable.get(weight + w, 0), value + v)\nlen(reachable)",
            "max(reachable.values())",
        ),
    )


def dice_sums(rng: Random, difficulty: int) -> Problem:
    """Outcomes of dice with a great sum."""
    sides = [rng.choice([4, 6, 8, 10, 12]) for _ in range(2 + difficulty)]
    lowest = sum(sides) * rng.randrange(50, 70) // 100
    counts = {0: 1}
    for side in sides:
        step: dict[int, int] = {}
        for total, ways in counts.items():
            for face in range(1, side + 1):
                step[total + face] = step.get(total + face, 0) + ways
        counts = step
    favourable = sum(ways for total, ways in counts.items() if total >= lowest)
    return Problem(
        f"Fair dice with {', '.join(map(str, sides[:-1]))} and {sides[-1]} sides are thrown once, each numbered from 1 on. How many of the equally "
        "probable outcomes "
        f"(one number for each die, the dice told apart) have a sum of at least {lowest}?",
        str(favourable),
        (
            f"from collections import Counter\nsides, lowest = {sides}, {lowest}\nsums = Counter({{0: 1}})\nfor s in sides:\n    step = Counter()\n"
            "    for t, c in sums.items():\n"
            "        for face in range(1, s + 1):\n            step[t + face] += c\n    sums = step\nsum(sums.values())",
            "sum(c for t, c in sums.items() if t >= lowest)",
        ),
    )
