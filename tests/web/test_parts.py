"""Tasks that are put together from parts: ways one after another, rows by weight, one goal of several works, and the kind when all is over."""

import contextlib
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parent))

from notes import NOTES, ROWS, TAG, WRITE, NotesEnv

from prm_gym.errors import ContractError, OptionError, RefusedError
from prm_gym.services import goal_of, new_image
from prm_gym.web import Beginning, Checkpoint, Do, Draw, Part, Row, Site, Way, asked, click, drawn, e, joined, row_of

IMAGE = new_image([NOTES], ROWS)
BEGINNING = Beginning([NOTES], IMAGE, "http://notes.test/", {"me": "K1"}, "2031-04-30")


def pin(key, value=1):
    return lambda database: database.do("UPDATE notes SET pinned = ? WHERE key = ?", value, key)


def part(kind, *works, **more):
    return Part(kind=kind, wish=f"{kind}.", works=works, **more)


def test_ways_follow_one_another_and_a_part_keeps_the_rest():
    first = Way(script=(click("link", "A"),), checkpoints=(Checkpoint("a", path="/a"),), phrases=("x",))
    second = Way(script=(click("link", "B"),), phrases=("y",))
    whole = part("k", script=(click("button", "C"),), phrases=("z",), touches=("t",)).after(first, second)
    assert [step.name for step in whole.script] == ["A", "B", "C"]
    assert (whole.phrases, whole.checkpoints, whole.kind, whole.touches) == (("x", "y", "z"), first.checkpoints, "k", ("t",))


def test_a_question_needs_the_last_page_of_its_ways_unless_another_is_named():
    ways = [Way(checkpoints=(Checkpoint(name, path=name),)) for name in ("/a", "/b")]
    assert asked("ask", "What?", ["1"], *ways).required == ("/b",)
    assert asked("ask", "What?", ["1"], *ways, required=["/a"]).required == ("/a",)


@pytest.mark.parametrize(("roll", "place"), [(0.0, 0), (0.29, 0), (0.3, 1), (0.99, 1)])
def test_a_roll_falls_on_the_row_of_its_share(roll, place):
    rows = (Row(3, ()), Row(7, ()))
    assert row_of(rows, roll) is rows[place]


def test_rows_are_drawn_as_often_as_their_weights_say():
    # 4,000 draws of a row that has a share of 0.3: a standard deviation of 29, so that 1,200 +- 150 is more than five of them.
    rows, draw = (Row(3, ((1,),)), Row(7, ((2,),))), Draw(np.random.default_rng(0))
    counted = Counter(row_of(rows, draw.roll()).pools[0][0] for _ in range(4_000))
    assert abs(counted[1] - 1_200) < 150


def test_parts_are_drawn_one_of_each_pool_and_tried_so_often():
    draw, calls = Draw(np.random.default_rng(0)), []

    def never(draw):
        calls.append("never")

    found = drawn(draw, [[lambda _: part("a")], [lambda _: part("b")]])
    assert [one.kind for one in found] == ["a", "b"]
    assert drawn(draw, [[never], [lambda _: part("b")]], tries=3) is None
    assert calls == ["never"] * 3
    assert drawn(draw, [[lambda _: part("a")]] * 2, fits=lambda one, before: one.kind not in {other.kind for other in before}) is None


def test_parts_make_one_task_with_a_goal_and_milestones_of_each_work():
    first, second = part("pin", pin("K1"), pin("K3")), part("pin", pin("K2", 0))
    task = joined(BEGINNING, [first, second, TAG], "Do it.")
    cells = [("notes", key, "pinned") for key in ("K1", "K3", "K2")]
    assert task.goal == dict(zip(cells, (1, 1, 0), strict=True))
    assert task.milestones == {"done pin": (cells[0],), "done pin 2": (cells[1],), "done pin 3": (cells[2],)}
    assert (task.kind, task.answers, task.required) == ("pin+pin+ask/tag", ("work",), {"read Taxes"})
    assert task.script[-1] == Do("answer", text="work")
    assert (task.image, task.memory, task.now) == (IMAGE, {"me": "K1"}, "2031-04-30")


def test_a_cell_belongs_to_the_first_work_that_changes_it_and_has_the_last_value():
    task = joined(BEGINNING, [part("a", pin("K1", 1)), part("b", pin("K1", 2)), part("c", pin("K2", 1))], "Do it.")
    assert task.goal == {("notes", "K1", "pinned"): 2}
    assert task.milestones == {"done a": (("notes", "K1", "pinned"),)}  # what changes nothing of its own is no milestone


def test_what_was_done_to_find_out_a_goal_is_taken_back():
    def refuse(database):
        pin("K3")(database)
        raise RefusedError("no")

    for _ in range(2):
        with pytest.raises(RefusedError):
            joined(BEGINNING, [part("a", pin("K1")), part("b", refuse)], "Do it.")
    works = [pin("K2", 5), *WRITE.works]
    fresh = goal_of([NOTES], IMAGE, works)  # on a database of its own
    task = joined(BEGINNING, [part("a", works[0]), WRITE], "Do it.")
    assert [tuple(cells) for cells in fresh] == list(task.milestones.values())
    assert task.goal == {cell: value for cells in fresh for cell, value in cells.items()}


def test_the_kind_is_told_when_all_is_over_and_not_before():
    env = NotesEnv(difficulty=1)
    for seed in range(4):
        _, info = env.reset(seed=seed)
        told = [info["kind"]]
        for action in env.solution():
            observation, *_, info = env.step(action)
            told.append(info["kind"])
        assert told[:-1] == [""] * (len(told) - 1)
        assert told[-1] == env.task.kind == env.scenario.kind != ""
        assert "kind" not in env.task.metadata
        assert told[-1] not in observation


def test_a_question_needs_a_page_that_tells_its_answer():
    with pytest.raises(ContractError, match="needs a checkpoint"):
        asked("ask/tag", "Which tag?", ["work"], Way(script=(click("link", "Taxes"),)))


def test_rows_of_an_unknown_table_are_refused():
    with pytest.raises(ContractError, match="rows of note, and no such table; the tables are notes"):
        new_image([NOTES], {"note": ROWS["notes"]})


BROKEN = Site("notes.test", "Broken")


@BROKEN.get("/")
def nothing(visit, request):
    return None


@BROKEN.get("/error")
def failing(visit, request):
    return e.p(1 // 0)


class BrokenEnv(NotesEnv):
    sites = (BROKEN,)
    path = "/"

    def scenario_of(self, entropy):
        return joined(BEGINNING._replace(start=f"http://notes.test{self.path}"), [WRITE], WRITE.wish)


class FailingEnv(BrokenEnv):
    path = "/error"


MISTAKES = [(BrokenEnv, ContractError, "page of GET / gave None"), (FailingEnv, ZeroDivisionError, "by zero")]


def raised_in_reset(env, error, says):
    try:
        with pytest.raises(error, match=says):
            env.reset(seed=0)
    finally:
        env.close()


@pytest.mark.parametrize(("broken", "error", "says"), MISTAKES)
def test_a_first_page_with_a_mistake_in_it_raises_in_reset(broken, error, says):
    raised_in_reset(broken(), error, says)


@pytest.mark.usefixtures("chromium")
@pytest.mark.parametrize(("broken", "error", "says"), MISTAKES)
def test_so_it_does_in_a_browser(broken, error, says):
    raised_in_reset(broken(mode="browser"), error, says)


@pytest.mark.parametrize("options", [{"browser": {"viewport": 1}}, {"browser": {"width": "wide"}}, {"browser": {"keep": True}}, {"show": "screenshot"}])
def test_options_of_the_browser_are_looked_at_when_the_environment_is_made(options):
    with pytest.raises(OptionError):
        NotesEnv(mode="browser", **options)


class OtherEnv(NotesEnv):
    sites = (Site("notes.test", "Other notes"),)


@OtherEnv.sites[0].get("/")
def other(visit, request):
    return e.html(e.head(e.title("Other")), e.body(e.p("Other notes.")))


@pytest.mark.usefixtures("chromium")
def test_two_worlds_of_one_host_do_not_answer_for_one_another():
    with contextlib.closing(NotesEnv(mode="browser")) as one, contextlib.closing(OtherEnv(mode="browser")) as two:
        assert ["title: All notes - Notes" in one.reset(seed=seed)[0] for seed in (0, 1)] == [True, True]
        assert ["title: Other\n" in two.reset(seed=seed)[0] for seed in (0, 1)] == [True, True]
        assert "title: All notes - Notes" in one.reset(seed=0)[0]
