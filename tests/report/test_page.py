import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from prm_gym.report.markup import Html, element, join
from prm_gym.report.page import render_page, write_page
from prm_gym.report.palette import DARK_PAPER, LIGHT_PAPER
from prm_gym.report.shell import asset, look

VOID = {"meta", "link", "br", "hr", "col", "img", "input"}
ODD = [
    {}, {"seeds": (1,)}, {"credits": ("gigpo",), "rewards": ("dense",)}, {"points": 0}, {"points": 1}, {"runs": ()}, {"references": ()}, {"bins": ()},
    {"notes": ()}, {"credits": tuple("abcdefgh"), "points": 41}, {"jitter": 90}, {"budget_env_steps": 0, "points": 1}, {"bins": ("all",)},
]  # fmt: skip


class Reader(HTMLParser):
    """Reads a page strictly: every element must be closed in order."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.elements, self.text = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice in {tag}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        raise AssertionError(f"self-closing {tag}")

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> with nothing open"
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append((self.open[-1] if self.open else "", data))

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    def words(self, *within):
        return " ".join(data for tag, data in self.text if (tag in within if within else tag not in ("script", "style")))


@pytest.mark.parametrize("odd", ODD)
def test_every_page_is_well_formed(synthetic, odd):
    page = Reader(render_page(synthetic(**odd)))
    assert page.all("html") == [{"lang": "en"}]
    assert len(page.all("h1")) == 1
    for word in ("nan", "None", "inf"):
        assert not re.search(rf"\b{word}\b", page.words())
    identities = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(set(identities)) == len(identities)
    assert {attrs["aria-labelledby"] for attrs in page.all("section")} <= set(identities)


def test_assigners_that_differ_in_an_option_alone_are_told_apart(synthetic):
    # Twenty characters have room beside the dots, and the first twenty are the same.
    credits = ("reinforce?gamma=0.3&baseline=batch", "reinforce?gamma=0.3&whiten=1")
    page = Reader(render_page(synthetic(credits=credits, rewards=("dense",))))
    assert {"reinforce", "gamma=0.3&baseline=…", "gamma=0.3&whiten=1"} <= {data for tag, data in page.text if tag == "text"}


@pytest.mark.parametrize("odd", ODD)
def test_no_coordinate_is_lost(synthetic, odd):
    for tag, attrs in Reader(render_page(synthetic(**odd))).elements:
        for name in ("x", "y", "x1", "x2", "y1", "y2", "cx", "cy", "d", "data-x", "data-y", "viewbox"):
            assert "nan" not in attrs.get(name, ""), (tag, attrs)
            assert "inf" not in attrs.get(name, ""), (tag, attrs)


def test_the_page_loads_nothing(synthetic):
    text = render_page(synthetic())
    page = Reader(text)
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
    for tag, attrs in page.elements:
        assert not {"src", "srcset", "action", "background", "poster", "data"} & attrs.keys(), tag
        if "href" in attrs:
            assert (tag, attrs["href"]) == ("link", "data:,")
    styles = "".join(data for tag, data in page.text if tag == "style")
    assert "url(" not in styles
    assert "@import" not in styles


def test_the_policy_allows_this_style_and_script_alone(synthetic):
    text = render_page(synthetic())
    page = Reader(text)
    (policy,) = [attrs["content"] for attrs in page.all("meta") if attrs.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        (content,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        assert f"{tag}-src 'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'" in policy
    # The policy would block inline style attributes and handlers without a word.
    assert not any(name == "style" or name.startswith("on") for _, attrs in page.elements for name in attrs)


def test_hostile_text_stays_text(synthetic, hostile):
    tame = Reader(render_page(synthetic(credits=("a", "b"), rewards=("x",), bins=("bin one", "two"))))
    page = Reader(
        render_page(
            synthetic(
                credits=(hostile, "b"), rewards=(hostile + "x",), bins=(hostile, "two"), title=hostile, env_id=hostile, env_options={hostile: hostile},
                agent=hostile, command=hostile, library_version=hostile, versions={hostile: hostile}, machine=hostile, created=hostile,
                file_name=hostile, notes=(hostile,),
            )
        )
    )  # fmt: skip
    # Not one element more, and no attribute of a new name: the text opened nothing.
    assert sorted(tag for tag, _ in page.elements) == sorted(tag for tag, _ in tame.elements)
    assert {name for _, attrs in page.elements for name in attrs} == {name for _, attrs in tame.elements for name in attrs}
    for place in ("title", "h1", "li", "code", "dd", "figcaption", "th"):
        assert hostile in page.words(place)


def test_markup_comes_from_elements_alone():
    assert element("p", "<b>", element("b", "&"), title='"quoted"', data_x=None).text == '<p title="&quot;quoted&quot;">&lt;b&gt;<b>&amp;</b></p>'
    assert element("meta", charset="utf-8").text == '<meta charset="utf-8">'
    assert join("<", Html("<br>")).text == "&lt;<br>"
    assert element("td", data_value=123456.5, data_y=0.00001).text == '<td data-value="123456.5" data-y="0"></td>'


def test_the_numbers_are_on_the_page(synthetic):
    comparison = synthetic()
    words = Reader(render_page(comparison)).words()
    assert "The highest mean final success is" in words
    assert "0.060 [0.030, 0.090]" in words
    assert "2025-11-20 16:30:00 UTC" in words
    assert "ranks" in words
    assert "1091-1362" in words
    assert comparison.command in words
    assert "2 cores, no GPU" in words
    assert "numpy 2.4.6" in words
    assert "0, 1, 2, 3, 4" in words
    assert "5 pairs cannot give a p below 0.0625; after correction, p < 0.05 takes 8 seeds or more." in words


def test_every_seed_is_a_dot(synthetic):
    page = Reader(render_page(synthetic()))
    dots = [attrs for attrs in page.all("circle") if attrs.get("class") == "seed"]
    assert len(dots) == 30
    assert "seed 3: " in page.words("title")


def test_figures_say_what_they_show_without_sight_or_script(synthetic):
    page = Reader(render_page(synthetic()))
    figures = [attrs for attrs in page.all("svg") if "aria-hidden" not in attrs]
    # Two rewards: seed by seed, learning curves and difficulty.
    assert len(figures) == 6
    for attrs in figures:
        assert attrs["role"] == "img"
        assert "reward" in attrs["aria-label"]
    assert "gigpo, 20,000 environment steps: 0." in page.words("title")
    # And the curves as a table: nine evaluations under each of two rewards.
    assert page.words("th", "span").count("20,000 environment steps") == 2


def test_table_headers_have_their_scope(synthetic):
    page = Reader(render_page(synthetic()))
    assert {attrs.get("scope") for attrs in page.all("th")} == {"col", "row"}
    assert len(page.all("caption")) == len(page.all("table"))


def test_sections_without_data_are_left_out(synthetic):
    def headings(**changes):
        return Reader(render_page(synthetic(**changes))).words("h2")

    assert "Success by difficulty" in headings()
    assert "Success by difficulty" not in headings(bins=())
    assert "Differences from grpo + outcome" in headings()
    assert "Differences" not in headings(credits=("grpo",), rewards=("dense",))
    assert "Notes" not in headings(notes=())
    assert "no curve to draw" in Reader(render_page(synthetic(points=0))).words()


def test_a_too_narrow_interval_is_owned_up_to(synthetic):
    assert "narrower than its name says" in render_page(synthetic())
    assert "narrower than its name says" not in render_page(synthetic(seeds=range(12)))
    assert "one seed has no interval" in render_page(synthetic(seeds=(1,)))


def test_light_dark_and_paper_are_served():
    style = look()
    assert f"--paper:{LIGHT_PAPER};" in style
    assert style.count(f"--paper:{DARK_PAPER};") == 2  # where the system says so, and where the reader does
    assert "prefers-color-scheme:dark" in style
    assert "@media print" in asset("page.css")


def test_same_results_same_page(synthetic, tmp_path):
    for name in ("a.html", "b.html"):
        write_page(synthetic(), tmp_path / name)
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]
