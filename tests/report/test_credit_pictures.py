"""Credit, step by step: from trajectories to the page."""

import base64
import json
import re
import struct
from html.parser import HTMLParser

import pytest

from prm_gym import cli
from prm_gym.credit import StepBatch
from prm_gym.errors import CreditError
from prm_gym.report.comparison import write_results
from prm_gym.report.credit_pictures import credit_pictures, graphs_of
from prm_gym.report.page import render_page
from prm_gym.report.state_groups import named_groups

pytest.importorskip("matplotlib")


def pair():
    """Two attempts of one step in one state."""
    keys = {"state_key": ["s", "s"], "action_key": ["a", "b"], "next_state_key": ["t", "t"]}
    return StepBatch([0, 1], [0, 1, 2], ["g", "g"], [0, 1], [False, False], keys)


class Pictures(HTMLParser):
    """What a page's section on credit holds."""

    def __init__(self):
        super().__init__()
        self.images, self.sources, self.captions = [], [], []
        self.within = False

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        if tag == "img":
            self.images.append(given)
        if tag == "source":
            self.sources.append(given)
        self.within = tag == "p" and given.get("class") == "caption"
        if self.within:
            self.captions.append("")

    def handle_endtag(self, tag):
        self.within = False

    def handle_data(self, data):
        if self.within:
            self.captions[-1] += data


def read(page):
    found = Pictures()
    found.feed(page)
    return found


def size_of(data):
    """Width and height of a PNG in a data address: 4 bytes each, 16 bytes from the beginning (PNG specification, 11.2.1)."""
    raw = base64.b64decode(data.removeprefix("data:image/png;base64,"), validate=True)
    assert raw.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", raw[16:24])


def test_the_same_attempts_by_every_assigner_that_needs_nothing_more(synthetic):
    pictures = credit_pictures(pair(), ["salt", "gae", "gigpo?gamma=0.9", "tree_rl"])
    assert list(pictures.graphs) == ["salt", "gigpo?gamma=0.9", "tree_rl"]
    assert (dict(pictures.left_out), list(pictures.groups), pictures.attempts) == ({"gae": ("value",)}, ["gigpo?gamma=0.9"], 2)
    page = render_page(synthetic(), pictures)
    found = read(page)
    assert [image["alt"] for image in found.images] == [
        "Credit by salt, step by step.", "Credit by gigpo?gamma=0.9, step by step.", "Credit by tree_rl, step by step.",
        "What gigpo?gamma=0.9 compares: visits to the same state.",
    ]  # fmt: skip
    assert [source["media"] for source in found.sources] == ["screen and (prefers-color-scheme: dark)"] * 4
    assert any("gae is not shown: the trajectories lack value." in caption for caption in found.captions)
    assert "img-src data:" in page
    for image, source in zip(found.images, found.sources, strict=True):
        assert size_of(image["src"]) == size_of(source["srcset"])
        assert image["src"] != source["srcset"]


def test_what_is_compared_stands_in_a_table_too(synthetic):
    # Both visit s: returns 0 and 1, mean 1/2.
    page = render_page(synthetic(), credit_pictures(pair(), ["gigpo"]))
    table = page.split("The numbers behind what gigpo compares", 1)[1].split("</table>", 1)[0]
    cells = [re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[dh][ >].*?</t[dh]>", table.split("<tbody>", 1)[1])]
    assert cells == ["A", "the beginning", "b", "2", "1", "1", "0.5", "0.5", "A", "the beginning", "a", "1", "1", "0", "0.5", "\N{MINUS SIGN}0.5"]


@pytest.mark.parametrize("credits", [["grpo", "gigpo"], ["gigpo", "grpo"], ["grpo"], ["salt", "tree_rl"]])
def test_a_state_has_the_same_letter_in_all_pictures(credits):
    # Both begin in u and end by t; between they come by s and v, one in this order, one in the other. With gamma < 1 the returns of s differ, and those of v:
    # they come before u, in which all are the same. Without discount, as GRPO has it, nothing differs, and u would be the first.
    keys = {"state_key": list("usvt" + "uvst"), "action_key": list("abcd" + "efgd"), "next_state_key": list("svte" + "vste")}
    batch = StepBatch([0, 0, 0, 1, 0, 0, 0, 1], [0, 4, 8], ["g", "g"], [1, 1], [False, False], keys)
    shown, compared = graphs_of(batch, credits, "g")
    assert list(shown) == credits
    assert list(compared) == ["gigpo"]
    for graph in (*shown.values(), *compared.values()):
        assert [graph.nodes[group.nodes[0]].key for group in named_groups(graph).values()] == ["s", "v", "u", "t"]


def test_without_gigpo_what_it_would_compare_is_shown():
    assert list(credit_pictures(pair(), ["grpo"]).groups) == ["gigpo"]
    only = credit_pictures(pair(), ["gae"])
    assert (list(only.graphs), list(only.groups)) == ([], ["gigpo"])


def test_without_trajectories_there_is_no_section(synthetic):
    assert "Credit, step by step" not in render_page(synthetic())


def test_a_task_that_is_not_there_is_refused():
    with pytest.raises(CreditError, match=r"No task of the batch has the key 'h'. Its tasks: g\."):
        credit_pictures(pair(), ["grpo"], "h")


def test_from_attempts_to_the_page(synthetic, tmp_path, capsys):
    """Played, stored, drawn: what stands in the page is what was played."""
    played, results = tmp_path / "played.jsonl", tmp_path / "results.json"
    cli.main(
        [
            "rollout",
            "--env",
            "prm_gym/Countdown-v0",
            "--env-option",
            "difficulty=2",
            "--agent",
            "mixed",
            "--tasks",
            "3",
            "--attempts",
            "4",
            "--out",
            str(played),
        ]
    )
    write_results(synthetic(credits=("grpo", "gigpo?gamma=0.9", "spa"), rewards=("outcome",)), results)
    cli.main(["report", str(results), "--graph", str(played), "--task", "1"])
    found = read((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert len(found.images) == len(found.sources) == 3  # grpo and gigpo, and what gigpo compares; spa needs what nobody has stored
    assert any(caption.startswith("4 attempts at the task 1, the same in every picture; ") for caption in found.captions)
    assert any("spa is not shown: the trajectories lack progress and value." in caption for caption in found.captions)
    capsys.readouterr()
    # The widths are those of the graphs: 2.1 inches a column of states and 1 more, 7.5 at least, 79 pixels an inch; 160 in the file.
    cli.main(["credit-graph", str(played), "--task", "1", "--credit", "gigpo?gamma=0.9", "--json", "--out", str(tmp_path / "same.png")])
    graph = json.loads(capsys.readouterr().out)
    inches = max(2.1 * (1 + max(node["depth"] for node in graph["nodes"])) + 1.0, 7.5)
    wide = next(image for image in found.images if image["alt"].startswith("Credit by gigpo"))
    assert int(wide["width"]) == round(inches * 79)
    assert size_of(wide["src"])[0] == int(inches * 160)
    assert sum(len(group["rows"]) for group in graph["groups"]) == sum(node["visits"] for node in graph["nodes"] if not node["end"])
    assert "The numbers behind what gigpo?gamma=0.9 compares" in (tmp_path / "report.html").read_text(encoding="utf-8")
    for arguments, said in (
        (["report", str(results), "--task", "1"], "--task says which task of --graph is drawn"),
        (["report", str(results), "--graph", str(played), "--task", "7"], "No task of the batch has the key '7'. Its tasks: 0, 1, 2."),
        (["report", str(results), "--graph", str(tmp_path / "nowhere.jsonl")], "nowhere.jsonl"),
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        assert ended.value.code == 2
        assert said in capsys.readouterr().err
