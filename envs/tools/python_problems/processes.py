"""Simulations and texts."""

from random import Random

from prm_gym.envs.tools.python_problems.problem import Problem


def eliminations(rng: Random, difficulty: int) -> Problem:
    """A circle from which people leave by a changing step."""
    people, step, grows = rng.randrange(15, 25 * 2**difficulty), rng.randrange(2, 9), rng.randrange(1, 4)
    circle, place, stride = list(range(1, people + 1)), 0, step
    while len(circle) > 2:
        place = (place + stride - 1) % len(circle)
        circle.pop(place)
        stride += grows
    return Problem(
        f"People numbered 1 to {people} stand in a circle in this order. Counting begins with person 1 as one. The person at count {step} leaves; "
        "counting starts "
        f"again at one with the next person who is still there, and every time it goes on for {grows} more than the last time (so to {step + grows}, then to "
        f"{step + 2 * grows}, and so on). When two people are left, what is the product of their numbers?",
        str(circle[0] * circle[1]),
        (
            f"from collections import deque\ncircle, step = deque(range(1, {people} + 1)), {step}\nleft = []\nwhile len(circle) > 2:\n"
            "    circle.rotate(-(step - 1))\n"
            f"    left.append(circle.popleft())\n    step += {grows}\nleft[:5], len(circle)",
            "circle[0] * circle[1]",
        ),
    )


def generators(rng: Random, difficulty: int) -> Problem:
    """Counting over a linear congruential generator."""
    modulus = rng.choice([997, 1009, 4093, 10007, 65537])
    factor, shift, value = (rng.randrange(2, modulus) for _ in range(3))
    count = rng.randrange(100, 120 * 3**difficulty)
    below = rng.randrange(modulus // 4, modulus // 2)
    total, current = 0, value
    for _ in range(count):
        current = (factor * current + shift) % modulus
        total += current if current < below else 0
    return Problem(
        f"Let s_0 = {value} and s_(n+1) = ({factor} s_n + {shift}) mod {modulus}. Find the sum of those of the numbers s_1, s_2, ..., s_{count} that "
        f"are less than {below}.",
        str(total),
        (
            f"s = [{value}]\nfor _ in range({count}):\n    s.append(({factor} * s[-1] + {shift}) % {modulus})\ns[:5], len(s)",
            f"small = [v for v in s[1:] if v < {below}]\nlen(small), min(small)",
            "sum(small)",
        ),
    )


def ants(rng: Random, difficulty: int) -> Problem:
    """A walker that turns by the colour of its cell."""
    steps = rng.randrange(60, 100 * 3**difficulty)
    weight = rng.randrange(2, 10)
    x, y, dx, dy = 0, 0, 0, 1
    black: set[tuple[int, int]] = set()
    for _ in range(steps):
        dx, dy = (-dy, dx) if (x, y) in black else (dy, -dx)
        black ^= {(x, y)}
        x, y = x + dx, y + dy
    return Problem(
        "All cells of an infinite grid are white. An ant stands on the cell (0, 0) and looks in the direction (0, 1). In each step it turns right by "
        "90 degrees on a white "
        "cell and left by 90 degrees on a black one, changes the colour of the cell on which it stands, and then moves one cell forward. "
        f"After {steps} steps, let B be the number of black cells and (x, y) the cell of the ant. Find {weight} B + 100 |x| + |y|.",
        str(weight * len(black) + 100 * abs(x) + abs(y)),
        (
            f"grid, pos, d = {{}}, 0j, 1j\nfor _ in range({steps}):\n    d *= 1j if grid.get(pos, False) else -1j\n"
            "    grid[pos] = not grid.get(pos, False)\n    pos += d\n"
            "black = sum(grid.values())\nblack, pos",
            f"result = {weight} * black + 100 * abs(int(pos.real)) + abs(int(pos.imag))\nresult",
        ),
    )


def rewriting(rng: Random, difficulty: int) -> Problem:
    """Counting blocks in a word that grows by rules."""
    while True:
        rules = {"a": rng.choice(["ab", "ba", "ac"]), "b": rng.choice(["a", "ba", "c", "ac"]), "c": rng.choice(["a", "b", "ca", "bc"])}
        rounds = 4 + difficulty * 2 + rng.randrange(2)
        block = rng.choice(["aba", "ab", "ba", "bab", "aab", "ac", "ca", "acb"])
        first = "".join(rng.choice("abc") for _ in range(rng.randrange(1, 5)))
        word = first
        for _ in range(rounds):
            word = "".join(rules[letter] for letter in word)
        found = sum(word.startswith(block, place) for place in range(len(word)))
        if found > 3:
            break
    weight = rng.randrange(3, 30)
    weighted = weight * found + word.count("b")
    return Problem(
        f"A word begins as {first}. In every round all of its letters are replaced at the same time: a by {rules['a']}, b by {rules['b']} and c by "
        f"{rules['c']}. After {rounds} rounds, let "
        f"F be the number of places at which the block {block} stands in the word (places may overlap), and N the number of its letters b. Find "
        f"{weight} F + N.",
        str(weighted),
        (
            f"rules, word = {rules}, {first!r}\nfor _ in range({rounds}):\n    word = word.translate(str.maketrans(rules))\nlen(word), word[:20]",
            f"import re\nfound = len(re.findall('(?={block})', word))\nfound",
            f"{weight} * found + word.count('b')",
        ),
    )


def palindromes(rng: Random, difficulty: int) -> Problem:
    """Palindromes within a word."""
    letters = "abc"[: 2 + difficulty % 2]
    word = "".join(rng.choice(letters) for _ in range(20 + 15 * difficulty))
    total = 0
    for centre in range(2 * len(word) - 1):
        left, right = centre // 2, (centre + 1) // 2
        while left >= 0 and right < len(word) and word[left] == word[right]:
            total += right - left + 1
            left, right = left - 1, right + 1
    return Problem(
        f"Consider all pairs (i, j) with 1 <= i <= j <= {len(word)} for which the letters i to j of the word {word} read the same forwards and backwards. "
        "Find the sum of the lengths j - i + 1 over all of these pairs.",
        str(total),
        (
            f"word = {word!r}\nparts = [word[i:j] for i in range(len(word)) for j in range(i + 1, len(word) + 1)]\nlen(parts)",
            "same = [p for p in parts if p == p[::-1]]\nlen(same)",
            "sum(map(len, same))",
        ),
    )


def checksums(rng: Random, difficulty: int) -> Problem:
    """A rolling checksum of a text."""
    words = ["river", "stone", "cloud", "amber", "north", "quiet", "maple", "ember", "field", "harbor", "violet", "spark"]
    text = " ".join(rng.choice(words) for _ in range(2 + 2 * difficulty))
    base, modulus = rng.randrange(29, 300), rng.choice([10007, 65521, 99991, 1000003])
    value = 0
    for letter in text:
        value = (value * base + ord(letter)) % modulus
    return Problem(
        f'Take the text "{text}" (without the quotation marks). Begin with h = 0, and for each of its characters in order, spaces too, replace h by '
        f"(h * {base} + c) mod {modulus}, where c is the ASCII code of the character. What is h at the end?",
        str(value),
        (
            f"text = {text!r}\ncodes = [ord(c) for c in text]\nlen(codes), codes[:5]",
            f"h = sum(c * pow({base}, len(codes) - 1 - i, {modulus}) for i, c in enumerate(codes)) % {modulus}\nh",
        ),
    )
