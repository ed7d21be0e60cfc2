"""What every page of ours stands in: one self-contained HTML file, with no network, no fonts and no libraries."""

import base64
import hashlib
from importlib.resources import files

from prm_gym.report.markup import Html, element, trusted
from prm_gym.report.palette import DARK, LIGHT


def page_of(title: str, main: Html, version: str) -> str:
    """A page's HTML.

    Its content policy allows only its own style sheet and script (by their hash), so that nothing in a name or a note can run and nothing is ever loaded.

    Args:
        title: of the page; text.
        main: what stands in it.
        version: of the library.
    """
    style, script = _style(), asset("page.js")
    policy = f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content=f"prm_gym {version}"),
        element("title", title),
        element("link", rel="icon", href="data:,"),
        element("style", trusted(style)),
    )
    body = element("body", main, element("script", trusted(script)))
    return "<!doctype html>\n" + element("html", head, body, lang="en").text + "\n"


def _style() -> str:
    """The style sheet, with the palette's colours for both schemes."""
    light = "".join(f"--series-{index}:{colour};" for index, colour in enumerate(LIGHT))
    dark = "".join(f"--series-{index}:{colour};" for index, colour in enumerate(DARK))
    classes = "".join(f".series-{index}{{--series:var(--series-{index})}}" for index in range(len(LIGHT)))
    schemes = f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}"
    return f"{schemes}\n{classes}\n{asset('page.css')}"


def asset(name: str) -> str:
    """A data file that lies beside this module."""
    return files("prm_gym.report").joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """The hash by which the content policy knows an inline style sheet or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
