"""What the pages of the site are made by: docstrings, links, episodes and the reference. Whether the whole builds without a broken link, `make docs` says."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(not (ROOT / "docs" / "site_pages").is_dir(), reason="the tests run without the checkout around them")
sys.path.append(str(ROOT / "docs"))


def test_markup_in_a_text_stays_text():
    from site_pages.writing import code, cut, docstring, fenced, line

    assert code("a|b <i> _x_\n`y`") == "<code>a&#124;b &#60;i&#62; &#95;x&#95; &#96;y&#96;</code>"
    assert line("x < y, 2 * 3, a[0] and `b[0] * c`") == r"x &lt; y, 2 \* 3, a&#91;0&#93; and `b[0] * c`"
    assert fenced("```python\nx\n```") == "````text\n```python\nx\n```\n````\n"
    assert cut("abcdef", 4) == "abcd\n... (2 more characters)"
    assert "<script>" not in docstring("Look: <script>alert(1)</script>.")


def test_a_docstring_becomes_paragraphs_lists_and_code():
    from site_pages.writing import docstring

    written = docstring(
        """Makes it.

        Claims: `Equality` of
        both sides.
        - one
          goes on
        - two

            a = b

        Args:
            x: of it,
                in metres.

        Source: ours.
        """,
        leave_out=["Args"],
    )
    assert written == "Makes it.\n\n**Claims:** `Equality` of both sides.\n\n- one goes on\n- two\n\n```text\na = b\n```\n\n\n**Source:** ours.\n"
    assert docstring("\nArgs:\n    x: of it,\n        in metres.") == "**Args**\n\n- <code>x</code>: of it, in metres.\n"


def test_links_lead_from_the_repository_into_the_site():
    from site_pages.included import places, relinked

    copied = []

    def led(text, source, place):
        return relinked(text, source, place, places(), copied.append)

    assert led("[w](../benchmarks/web/README.md#worlds)", "docs/credit.md", "credit.md") == "[w](benchmarks/web/README.md#worlds)"
    assert led("[c](docs/credit.md) [g](CONTRIBUTING.md)", "README.md", "index.md") == "[c](credit.md) [g](contributing.md)"
    assert led("[c](../../../docs/cluster.md)", "benchmarks/agents/scaling/README.md", "benchmarks/agents/scaling/README.md") == "[c](../../../cluster.md)"
    assert led("[a](https://a.example) [b](#here)\n```\n[c](docs/credit.md)\n```", "README.md", "index.md") == (
        "[a](https://a.example) [b](#here)\n```\n[c](docs/credit.md)\n```"
    )
    assert copied == []
    assert led("![p](docs/credit-graph.svg)", "README.md", "index.md") == "![p](credit-graph.svg)"
    assert copied == ["docs/credit-graph.svg"]


def test_the_page_of_an_environment_plays_an_episode():
    from site_pages import environments

    claims = {"Equality": "../reference/claims.md#equality"}
    page = environments.page_of("Countdown", environments.env_classes()["Countdown"], claims, ["arithmetic", "reachable"])
    # Every option of the class and of all environments, with its meaning; the claims and verifiers lead to their pages.
    assert all(f"| <code>{name}</code> |" in page for name in ("difficulty", "tasks", "candidates", "verifiers", "reward", "max&#95;steps"))
    assert "[<code>reachable</code>](../verifiers/reachable.md)" in page
    assert "](../reference/claims.md#equality)" in page
    # The scripted solver earns the outcome 1, after a step that a verifier calls wrong.
    assert "### A step that is not right" in page
    assert "<code>incorrect</code> | 0 |" in page
    assert "The outcome is 1;" in page


def test_the_page_of_an_assigner_has_its_equation_and_what_it_makes_of_an_example():
    from site_pages import credit

    page = credit.pages()["assigners/dr_grpo.md"]
    # Two of four attempts succeed: 1 - 1/2 for their steps, 0 - 1/2 for the others.
    cells = re.findall(r"^\| (\d) \| ([01]) \|.*\| ([+-][\d.]+) \| yes \|$", page, re.MULTILINE)
    assert [(attempt, outcome, float(advantage)) for attempt, outcome, advantage in cells] == [
        *[("1", "1", 0.5)] * 3,
        *[("2", "0", -0.5)] * 3,
        *[("3", "0", -0.5)] * 2,
        *[("4", "1", 0.5)] * 4,
    ]
    assert "**Source:**" in page


def test_the_reference_has_signatures_as_they_are_written():
    from site_pages import reference

    page = reference.pages()["reference/api/option_docs.md"]
    assert "def options_of(factory: Callable[..., Any]) -> list[OptionDoc]" in page
    assert "_of_structure" not in page


def test_every_page_that_people_write_has_a_place_in_the_navigation():
    pytest.importorskip("mkdocs")
    from site_pages.hook import navigation

    def leaves(entry):
        return [entry] if isinstance(entry, str) else [leaf for each in (entry.values() if isinstance(entry, dict) else entry) for leaf in leaves(each)]

    found = leaves(navigation(["loops", "brand_new", "integrations/trl"], ["environments/index.md", "environments/Shop.md"]))
    assert {"loops.md", "brand_new.md", "integrations/trl.md", "environments/Shop.md", "index.md"} <= set(found)


def test_what_markdown_cannot_say_is_amended():
    pytest.importorskip("mkdocs")
    from site_pages.hook import amended

    page = '<th style="text-align: left;"></th><th>a</th><p><img alt="A" src="a.png" /></p><code>None</code> <code>more than twenty letters</code>'
    assert amended(page) == (
        '<td style="text-align: left;"></td><th>a</th><p><a class="picture" href="a.png"><img alt="A" src="a.png" /></a></p>'
        '<code class="short">None</code> <code>more than twenty letters</code>'
    )
    assert amended('<a href="b"><img src="a.png"></a>') == '<a href="b"><img src="a.png"></a>'


def test_pages_that_would_overwrite_one_another_are_named():
    files = pytest.importorskip("mkdocs.structure.files")
    from site_pages.hook import shared_places

    made = [files.File(name, "docs", "site", use_directory_urls=True) for name in ("credit.md", "credit/index.md", "credit/gae.md")]
    assert shared_places(made) == ["credit.md and credit/index.md"]
    assert shared_places(made[1:]) == []
