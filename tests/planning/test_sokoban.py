from collections import deque

import numpy as np
import pytest

from prm_gym.errors import ProblemError
from prm_gym.planning import Sokoban
from prm_gym.planning.sokoban import DIRECTIONS, board_text, distances, parse_board, pushes

OFFSETS = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}


def slow_distance(text):
    """Forward breadth-first search over grids of characters, one step of the player at a time, counting pushes: 0-1 search."""
    lines = text.split("\n")
    cells = {(r, c): symbol for r, line in enumerate(lines) for c, symbol in enumerate(line)}
    goals = frozenset(place for place, symbol in cells.items() if symbol in ".*+")
    boxes = frozenset(place for place, symbol in cells.items() if symbol in "$*")
    player = next(place for place, symbol in cells.items() if symbol in "@+")
    best, queue = {(player, boxes): 0}, deque([(player, boxes)])
    while queue:
        player, boxes = queue.popleft()
        cost = best[player, boxes]
        if boxes == goals:
            return cost
        for dr, dc in OFFSETS.values():
            target, beyond = (player[0] + dr, player[1] + dc), (player[0] + 2 * dr, player[1] + 2 * dc)
            if cells[target] == "#" or (target in boxes and (cells[beyond] == "#" or beyond in boxes)):
                continue
            pushed = target in boxes
            state = (target, boxes - {target} | {beyond} if pushed else boxes)
            if cost + pushed < best.get(state, 10**9):
                best[state] = cost + pushed
                (queue.append if pushed else queue.appendleft)(state)
    return None


def random_board(rng):
    rows, columns, boxes = int(rng.integers(3, 6)), int(rng.integers(3, 6)), int(rng.integers(1, 4))
    cells = [[" "] * columns for _ in range(rows)]
    places = [divmod(int(place), columns) for place in rng.permutation(rows * columns)]
    if len(places) < 2 * boxes + 1:
        boxes = 1
    for place, symbol in zip(places, "." * boxes + "$" * boxes + "@" + "#" * int(rng.integers(0, 4)), strict=False):
        cells[place[0]][place[1]] = symbol
    if rng.random() < 0.5:  # a box on a goal
        (r, c), (r2, c2) = places[0], places[boxes]
        cells[r][c], cells[r2][c2] = "*", " "
    wall = "#" * (columns + 2)
    return "\n".join([wall, *(f"#{''.join(row)}#" for row in cells), wall])


def test_distances_are_those_of_a_slow_search():
    rng, seen = np.random.default_rng(0), []
    for _ in range(150):
        text = random_board(rng)
        assert board_text(parse_board(text)) == text
        seen.append(slow_distance(text))
        assert Sokoban().distance(text) == seen[-1], text
    assert sum(distance is None for distance in seen) > 20
    assert len(set(seen)) > 6


def test_every_push_changes_the_distance_by_what_a_distance_may():
    rng = np.random.default_rng(1)
    for _ in range(40):
        board = parse_board(random_board(rng))
        table = distances(board.level)
        here = table.get(board.state)
        after = [table.get(board.push(push).state) for push in pushes(board)]
        if here is None:
            assert all(distance is None for distance in after)
        elif here > 0:
            assert min(distance for distance in after if distance is not None) == here - 1


def test_steps():
    before = "#####\n#@$.#\n#####"
    puzzle = Sokoban()
    assert puzzle.distance(before) == 1
    assert puzzle.is_step(before, "#####\n# @*#\n#####")
    assert not puzzle.is_step(before, before)
    assert not puzzle.is_step(before, "#####\n#+$ #\n#####")
    assert pushes(parse_board("#####\n#$@.#\n#####")) == []
    assert len(DIRECTIONS) == 4


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one player"),
        ("#####\n#@$x#\n#####", "got 'x'"),
        ("#####\n# $.#\n#####", "one player"),
        ("#####\n#@$+#\n#####", "one player"),
        ("####\n#@.#\n####", "at least one box"),
        ("######\n#@$$.#\n######", "as many boxes as goals"),
        ("#####\n@ $.#\n#####", "border"),
        ("#####\n#@$.#", "border"),
        ("#" * 500, "at most 400 cells"),
    ],
)
def test_what_is_no_board_says_why(text, says):
    with pytest.raises(ProblemError, match=says):
        parse_board(text)


def test_a_level_too_large_to_search_is_not_decided():
    room = "\n".join(["#" * 12, "#@$$$$$$$ .#", *["#          #"] * 8, "# ......   #", "#" * 12])
    with pytest.raises(ProblemError, match="more than 60,000 states"):
        Sokoban().distance(room)
