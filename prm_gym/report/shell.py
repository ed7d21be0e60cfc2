"""What every page of ours stands in: one self-contained HTML file, with no network, no fonts and no libraries, in one set of colours and type."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib.resources import files

from prm_gym.report.markup import Html, element, join, trusted
from prm_gym.report.palette import DARK, LIGHT
from prm_gym.report.theme import DARK_THEME, LIGHT_THEME, Theme

TYPE = {
    "serif": 'Charter, "Bitstream Charter", "Iowan Old Style", "Sitka Text", Cambria, Georgia, "Liberation Serif", serif',
    "sans": 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif',
    "mono": 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
}


def page_of(title: str, main: Html, version: str) -> str:
    """A page's HTML.

    Its content policy allows only its own style sheet and script (by their hash), so that nothing in a name or a note can run and nothing is ever loaded.

    Args:
        title: of the page; text.
        main: what stands in it.
        version: of the library.
    """
    return document_of(title, join(main), version, style=f"{look()}\n{asset('page.css')}", script=asset("page.js"))


def document_of(
    title: str, body: Html, version: str, *, style: str, script: str, data: Sequence[Html] = (), connect: bool = False, marks: Mapping[str, str] | None = None
) -> str:
    """The HTML of a page with a style sheet and a script of its own; see `page_of`.

    Args:
        title: of the page; text.
        body: what stands in it before the script.
        version: of the library.
        style: the package's own style sheet.
        script: the package's own script, which runs before what follows is there.
        data: what follows.
        connect: whether the script may ask the server that the page came from.
        marks: attributes of the body, for the script.
    """
    policy = f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy + ("; connect-src 'self'" if connect else "")),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="generator", content=f"prm_gym {version}"),
        element("title", title),
        element("link", rel="icon", href="data:,"),
        element("style", trusted(style)),
    )
    whole = element("body", body, element("script", trusted(script)), *data, **(marks or {}))
    return "<!doctype html>\n" + element("html", head, whole, lang="en").text + "\n"


def look() -> str:
    """Colours of both schemes and type, as properties of the root.

    Dark where the reader's system says so, or where the root has `data-theme="dark"`; light with `data-theme="light"`, and always on paper.
    """
    light = _declared(_colours(LIGHT_THEME, LIGHT, strong=LIGHT_THEME.ink, wash="#f6f7f9"))
    dark = _declared(_colours(DARK_THEME, DARK, strong="#c9ced5", wash="#1d2025"))
    classes = "".join(f".series-{index}{{--series:var(--series-{index})}}" for index in range(len(LIGHT)))
    return (
        f":root{{{_declared(TYPE)}{light}}}@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}\n{classes}"
    )


def _colours(theme: Theme, series: Sequence[str], strong: str, wash: str) -> dict[str, str]:
    plain = {"paper": theme.paper, "ink": theme.ink, "soft": theme.soft, "rule": theme.rule, "strong-rule": strong, "wash": wash}
    signs = {"negative": theme.negative[0], "negative-soft": theme.negative[1], "neutral": theme.neutral}
    signs |= {"positive-soft": theme.positive[0], "positive": theme.positive[1]}
    return plain | signs | {f"series-{index}": colour for index, colour in enumerate(series)}


def _declared(properties: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in properties.items())


def asset(name: str, package: str = "prm_gym.report") -> str:
    """A data file that lies beside this module, or in another package."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def _digest(text: str) -> str:
    """The hash by which the content policy knows an inline style sheet or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
