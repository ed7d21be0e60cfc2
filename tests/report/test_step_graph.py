import itertools
from dataclasses import replace

import numpy as np
import pytest

from prm_gym.credit import StepBatch, rloo
from prm_gym.credit.step_graph import StepGraph
from prm_gym.errors import OptionError
from prm_gym.report.step_graph import LABEL_SIZE, MOST_LABELS, draw_step_graph, graph_figure, layered
from prm_gym.report.theme import DARK_THEME, LIGHT_THEME, shortened


def tree_batch(branches, depth):
    """Attempts that part in the first state and never meet again."""
    states = [f"{branch}/{time}" if time else "start" for branch in range(branches) for time in range(depth)]
    following = [f"{branch}/{time + 1}" for branch in range(branches) for time in range(depth)]
    keys = {"state_key": states, "action_key": [f"to {name}" for name in following], "next_state_key": following}
    outcomes = [float(branch % 2) for branch in range(branches)]
    rewards = np.zeros(branches * depth)
    rewards[depth - 1 :: depth] = outcomes
    return StepBatch(rewards, np.arange(branches + 1) * depth, ["g"] * branches, outcomes, [False] * branches, keys)


def tree(branches, depth):
    batch = tree_batch(branches, depth)
    return StepGraph.of(batch, rloo(batch))


def test_columns_are_depths_and_nodes_of_a_column_stand_apart():
    graph = tree(branches=5, depth=3)
    layout = layered(graph)
    assert layout.left_out == ""
    assert {number: place[0] for number, place in layout.places.items()} == {node.number: float(node.depth) for node in graph.nodes}
    for depth in range(4):
        heights = sorted(place[1] for place in layout.places.values() if place[0] == depth)
        assert all(above - below >= 1.0 - 1e-9 for below, above in itertools.pairwise(heights))


def test_branches_that_never_meet_do_not_cross():
    # Each branch keeps its place in every column.
    graph = tree(branches=6, depth=4)
    places = layered(graph).places
    below_start = [edge.target for edge in graph.edges if edge.source == 0]
    following = {edge.source: edge.target for edge in graph.edges if edge.source != 0}
    order = sorted(below_start, key=lambda number: places[number][1])
    while all(number in following for number in order):
        order = [following[number] for number in order]
        assert order == sorted(order, key=lambda number: places[number][1])


def test_a_large_graph_is_cut_and_says_so():
    # 1 + 30 * 4 states and 30 ends in columns: 10 are kept, the start among them, which 30 attempts came by.
    graph = tree(branches=30, depth=5)
    layout = layered(graph, most_states=10)
    assert len(layout.places) == 10
    assert 0 in layout.places
    assert f"{len(graph.nodes) - 10} states" in layout.left_out
    assert all(edge.source in layout.places and edge.target in layout.places for edge in layout.edges)
    with pytest.raises(OptionError, match="at least one state"):
        layered(graph, most_states=0)


def test_long_texts_lose_their_middle():
    assert shortened("fact1  &\nfact2", 30) == "fact1 & fact2"
    assert shortened("abcdefghij", 7) == "abc\N{HORIZONTAL ELLIPSIS}hij"


def luminance(colour):
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[index : index + 2], 16) / 255.0 for index in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [LIGHT_THEME, DARK_THEME], ids=["light", "dark"])
def test_the_colours_are_seen_on_their_paper(theme):
    paper = luminance(theme.paper)
    for colour in (*theme.negative, theme.neutral, *theme.positive, theme.soft, theme.ink):
        lighter, darker = max(paper, luminance(colour)), min(paper, luminance(colour))
        assert (lighter + 0.05) / (darker + 0.05) >= 3.0


def boxes(figure):
    """Where the actions stand, in pixels."""
    renderer = figure.canvas.get_renderer()
    return [text.get_window_extent(renderer) for text in figure.axes[0].texts if text.get_fontsize() == LABEL_SIZE]


@pytest.mark.parametrize(("branches", "depth"), [(3, 2), (14, 5)])
def test_no_action_covers_another_nor_a_state(branches, depth):
    pytest.importorskip("matplotlib")
    graph = tree(branches, depth)
    figure = graph_figure(graph, "a title")
    labels = boxes(figure)
    assert len(labels) >= min(len(graph.edges), MOST_LABELS) * 0.9  # there is room for nearly all here
    assert not any(one.overlaps(other) for one, other in itertools.combinations(labels, 2))
    places = figure.axes[0].transData.transform(list(layered(graph).places.values()))
    assert not any(label.contains(x, y) for label in labels for x, y in places)


def test_several_actions_that_lead_nowhere_are_named_by_one():
    pytest.importorskip("matplotlib")
    # In s one goes on by a, three steps by two actions stay: the more frequent one stands for both.
    keys = {"state_key": list("sss" + "ss"), "action_key": list("xya" + "xa"), "next_state_key": list("ssu" + "su")}
    batch = StepBatch(np.zeros(5), [0, 3, 5], ["g", "g"], [0, 0], [False, False], keys)
    figure = graph_figure(StepGraph.of(batch, rloo(batch)), "a title")
    assert {text.get_text() for text in figure.axes[0].texts} >= {"x  and 1 more", "a"}
    assert figure.axes[0].get_title("left").startswith("2 attempts; 1 state, 1 met in by several; 3 different steps, 2 taken by several.")
    assert "For want of room" not in figure.axes[0].get_title("left")


def test_of_a_crowd_of_steps_it_says_how_many_bear_no_action():
    pytest.importorskip("matplotlib")
    graph = tree(branches=28, depth=5)  # 1 + 28 * 4 states and 28 ends, all of which are drawn
    figure = graph_figure(graph, "a title")
    left = len(graph.edges) - len(boxes(figure))
    assert left >= len(graph.edges) - MOST_LABELS > 0
    assert f"For want of room {left} of these are drawn without their action." in figure.axes[0].get_title("left")


def test_states_that_were_visited_again_bear_the_letter_of_their_group():
    pytest.importorskip("matplotlib")
    texts = [text.get_text() for text in graph_figure(tree(3, 2), "a title").axes[0].texts]
    assert texts.count("A") == 1  # the start; all other states were visited once


def test_pictures_in_both_formats(tmp_path):
    pytest.importorskip("matplotlib")
    keys = {"state_key": list("sus"), "action_key": ["$go$ <here>", "stay", "go back"], "next_state_key": list("uus")}
    batch = StepBatch([0, 1, 0], [0, 2, 3], ["g", "g"], [1, 0], [False, True], keys)  # a loop, an end, a cut, and a text that looks like mathematics and markup
    graph = StepGraph.of(batch, rloo(batch))
    draw_step_graph(graph, tmp_path / "in" / "graph.png", "a title")
    assert (tmp_path / "in" / "graph.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    draw_step_graph(graph, tmp_path / "graph.svg", "a <title>")
    svg = (tmp_path / "graph.svg").read_text(encoding="utf-8")
    assert "$go$ &lt;here&gt;" in svg
    assert "a &lt;title&gt;" in svg
    draw_step_graph(graph, tmp_path / "again.svg", "a <title>")
    assert (tmp_path / "again.svg").read_text(encoding="utf-8") == svg


def test_one_task_a_picture(tmp_path):
    pytest.importorskip("matplotlib")
    keys = {"state_key": ["s", "s"], "action_key": ["a", "a"], "next_state_key": ["t", "t"]}
    batch = StepBatch([0, 1], [0, 1, 2], ["g", "h"], [0, 1], [False, False], keys)
    with pytest.raises(OptionError, match="shows one task, got 2"):
        draw_step_graph(StepGraph.of(batch, rloo(batch)), tmp_path / "graph.png", "both")


def test_a_step_that_is_taken_out_is_dotted_and_explained():
    pytest.importorskip("matplotlib")
    batch = tree_batch(branches=2, depth=2)
    credit = rloo(batch)
    for kept, dotted in ((4, 0), (3, 1)):
        figure = graph_figure(StepGraph.of(batch, replace(credit, keep=np.arange(4) < kept)), "two attempts")
        assert [patch.get_linestyle() for patch in figure.axes[0].patches].count(":") == dotted
        said = [text.get_text() for text in figure.legends[0].get_texts()]
        assert ("taken out by the credit" in said) == (dotted > 0)
