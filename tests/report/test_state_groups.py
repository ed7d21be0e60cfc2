"""What GiGPO compares, as a picture."""

import numpy as np
import pytest

from prm_gym.credit import StepBatch, gigpo
from prm_gym.credit.step_graph import StepGraph
from prm_gym.credit.step_term import step_term
from prm_gym.errors import OptionError
from prm_gym.report.state_groups import blocks, draw_state_groups, groups_figure, named_groups
from prm_gym.report.theme import DARK_THEME


def graph_of(batch, spec="gigpo?gamma=1"):
    return StepGraph.of(batch, gigpo(batch, gamma=1.0), compared=step_term(spec, batch))


def met():
    """Three attempts begin in s: two by a, to u, one by b, to v. From u one succeeds, one fails; in v the third goes round once and fails."""
    keys = {"state_key": list("su" + "su" + "svv"), "action_key": list("ac" + "ad" + "bef"), "next_state_key": list("ue" + "ue" + "vve")}
    return StepBatch([0, 1, 0, 0, 0, 0, 0], [0, 2, 4, 7], ["g"] * 3, [1, 0, 0], [False] * 3, keys)


def texts_of(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_groups_by_hand():
    # Returns 1 0 0 in s, 1 0 in u; in v 0 0, of one attempt that came back.
    graph = graph_of(met())
    named = named_groups(graph)
    assert {name: (graph.nodes[group.nodes[0]].key, group.returns, group.attempts) for name, group in named.items()} == {
        "A": ("s", (1.0, 0.0, 0.0), 3),
        "B": ("u", (1.0, 0.0), 2),
        "C": ("v", (0.0, 0.0), 1),  # nothing to tell apart: behind the others, though it is as near to the beginning
    }
    drawn, left_out = blocks(graph)
    assert left_out == 0
    # In s action a has 1 and 0 less 1/3, which is 1/6 in the mean, and b has -1/3: a stands first. C has no lines.
    assert [[(line.action, line.visits) for line in block.lines] for block in drawn] == [[("a", (0, 1)), ("b", (2,))], [("c", (0,)), ("d", (1,))], []]


def test_the_picture_says_who_is_compared_and_what_comes_of_it():
    pytest.importorskip("matplotlib")
    texts = texts_of(groups_figure(graph_of(met()), "a title"))
    minus = "\N{MINUS SIGN}"
    counts = ("3 visits of 3 attempts", "2 visits of 2 attempts", "2 visits, all of one attempt", "3 attempts; 7 visits in 3 groups.")
    figures = (f"{minus}0.333 to +0.667", f"{minus}0.333", "mean 0.333, sd 0.577", "+0.500", f"{minus}0.500")
    for said in (*counts, *figures, "a title", "the beginning", "visited again, always with the same return"):
        assert said in texts
    assert "1, 2" in texts  # the attempts that took a
    assert not any("visited once" in text for text in texts)


def test_what_was_visited_once_is_told_apart():
    pytest.importorskip("matplotlib")
    keys = {"state_key": list("stsu"), "action_key": list("abcd"), "next_state_key": list("teue")}
    batch = StepBatch([0, 1, 0, 0], [0, 2, 4], ["g", "g"], [1, 0], [False, False], keys)
    texts = texts_of(groups_figure(graph_of(batch), "a title"))
    assert "2 attempts; 2 visits in 1 group; 2 states visited once." in texts
    assert "nothing to compare with" in texts


def test_of_too_many_groups_those_with_the_most_visits_are_drawn():
    # State number i is visited by attempts 0..i+1, each with an action of its own, and its own return: i + 2 lines.
    states = [f"s{i}" for i in range(10) for _ in range(i + 2)]
    who = [attempt for i in range(10) for attempt in range(i + 2)]
    order = np.argsort(who, kind="stable")
    keys = {"state_key": [states[row] for row in order], "action_key": [f"a{who[row]}" for row in order], "next_state_key": ["n"] * len(who)}
    offsets = np.concatenate([[0], np.cumsum(np.bincount(who))])
    batch = StepBatch(np.array(who, dtype=float)[order], offsets, ["g"] * 11, [0] * 11, [False] * 11, keys)
    drawn, left_out = blocks(graph_of(batch), most_lines=37)  # 11 + 10 + 9 = 30, and 8 are too many
    assert [len(block.group.rows) for block in sorted(drawn, key=lambda block: -len(block.group.rows))] == [11, 10, 9]
    assert left_out == 7


@pytest.mark.parametrize("attempts", [1, 60])
def test_long_texts_and_many_attempts_stay_in_their_places(attempts):
    pytest.importorskip("matplotlib")
    keys = {"state_key": ["s", "a very long state of $mathematics$ " * 40] * attempts, "action_key": ["an action with <markup> & $x$ " * 30, "b"] * attempts}
    keys["next_state_key"] = keys["state_key"]
    outcomes = [float(attempt % 7 == 0) for attempt in range(attempts)]
    rewards = np.ravel(np.stack([np.zeros(attempts), outcomes], axis=1))
    batch = StepBatch(rewards, np.arange(attempts + 1) * 2, ["g"] * attempts, outcomes, [False] * attempts, keys)
    figure = groups_figure(graph_of(batch), "a long title " * 20)
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if len(text.get_text()) > 3]
    assert all(box.x0 >= 0.0 and box.x1 <= figure.bbox.x1 for box in boxes)
    assert not any(one.overlaps(other) for place, one in enumerate(boxes) for other in boxes[:place])


def test_files_are_the_same_for_the_same_graph_and_hold_text(tmp_path):
    pytest.importorskip("matplotlib")
    graph = graph_of(met())
    for name in ("one.svg", "two.svg"):
        draw_state_groups(graph, tmp_path / "in" / name, "a <title>")
    svg = (tmp_path / "in" / "one.svg").read_text(encoding="utf-8")
    assert svg == (tmp_path / "in" / "two.svg").read_text(encoding="utf-8")
    assert "a &lt;title&gt;" in svg
    draw_state_groups(graph, tmp_path / "dark", "a title", DARK_THEME)
    assert (tmp_path / "dark").read_bytes().startswith(b"\x89PNG")


def test_one_task_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    keys = {"state_key": ["s", "s"], "action_key": ["a", "a"], "next_state_key": ["t", "t"]}
    with pytest.raises(OptionError, match="shows one task, got 2"):
        draw_state_groups(graph_of(StepBatch([0, 1], [0, 1, 2], ["g", "h"], [0, 1], [False, False], keys)), tmp_path / "graph.png", "both")
