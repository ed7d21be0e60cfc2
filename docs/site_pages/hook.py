"""The hook of MkDocs: adds the generated pages to those that people have written, leads links to their places, and makes the navigation."""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

sys.path.insert(0, str(Path(__file__).parents[1]))

from prm_gym.verifier import VERIFIERS
from site_pages import credit, environments, included, others, reference, verifiers

_EMPTY_HEADER = re.compile(r"<th( [^>]*)?></th>")
_PICTURE = re.compile(r"""(?<!">)(<img\b[^>]*\bsrc=(["'])([^"']+)\2[^>]*>)(?!</a>)""")
_SHORT = re.compile(r"<code>([^<\n]{1,20})</code>")
_MARK = re.compile(r"^<!-- (?:needs|long|not run): .*? -->\n", re.MULTILINE)
# The order of the pages that people have written; one that is not named stands at the end of "Guides", or under "Integrations" where it lies in that folder.
LEARN = ("tutorial_environment", "tutorial_training_loop", "tutorial_verifier", "concepts")
GUIDES = ("loops", "verifying", "tools_and_web", "endpoints", "process_rewards", "search", "training", "credit", "cluster", "language_models", "other_trainers")
WRITE = ("write_an_environment", "write_a_verifier", "write_an_assigner")
ABOUT = ("inventory", "results", "comparison", "peers", "limits")
PLACES = included.places()


def generated() -> dict[str, str]:
    """All pages that are made from the code, by their places in the site."""
    claim_text, claims = verifiers.claim_page()
    names, classes = VERIFIERS.names(), environments.env_classes()
    defaults = {name: environments.default_names(env_class, names) for name, env_class in classes.items()}
    judged_by = {verifier: [name for name, judges in defaults.items() if verifier in judges] for verifier in names}
    return {
        **environments.pages(claims, names),
        **verifiers.pages(claims, judged_by),
        **credit.pages(),
        **others.pages(),
        **reference.pages(),
        "reference/claims.md": claim_text,
    }


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is generated and what stands elsewhere, and say where everything stands in the navigation."""
    written = [file.src_uri.removesuffix(".md") for file in files.documentation_pages()]
    made = generated()
    copies: set[str] = set()
    for place, text in made.items():
        files.append(File.generated(config, place, content=text))
    for place, path in included.pages().items():
        source = path.relative_to(included.ROOT).as_posix()
        text = included.relinked(path.read_text(encoding="utf-8"), source, place, PLACES, copies.add)
        files.append(File.generated(config, place, content=_MARK.sub("", text)))
    for name in written:
        source = f"docs/{name}.md"
        included.relinked((included.ROOT / source).read_text(encoding="utf-8"), source, f"{name}.md", PLACES, copies.add)
    for copy in sorted(copies):
        if not copy.startswith("docs/"):
            files.append(File.generated(config, copy, content=(included.ROOT / copy).read_bytes()))
    overwritten = shared_places(files)
    if overwritten:
        raise PluginError(f"pages that overwrite one another: {'; '.join(overwritten)}")
    config.nav = navigation(written, list(made))
    return files


def shared_places(files: Iterable[File]) -> list[str]:
    """Sources that become the same file of the site (`credit.md` and `credit/index.md`), of which MkDocs would show one and say nothing."""
    by_place: dict[str, list[str]] = {}
    for file in files:
        by_place.setdefault(file.dest_uri, []).append(file.src_uri)
    return [" and ".join(sources) for sources in by_place.values() if len(sources) > 1]


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - MkDocs passes them by name
    """What Markdown cannot say, see `amended`."""
    return amended(html)


def amended(html: str) -> str:
    """A page whose table cells without words are no headers, whose pictures open in full size, and whose short code is not broken in two."""
    html = _EMPTY_HEADER.sub(r"<td\1></td>", html)
    html = _PICTURE.sub(r'<a class="picture" href="\3">\1</a>', html)
    return _SHORT.sub(r'<code class="short">\1</code>', html)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - MkDocs passes them by name
    """Lead the links of the pages in `docs/` to their places, and leave out what tells the tests how to run a block."""
    if page.file.generated_by is not None:
        return markdown
    text = included.relinked(markdown, f"docs/{page.file.src_uri}", page.file.src_uri, PLACES, lambda _: None)
    return _MARK.sub("", text)


def navigation(written: list[str], made: list[str]) -> list[Any]:
    """Where the pages stand.

    Args:
        written: pages that people have written, without their ending.
        made: places of those that are generated.
    """
    named = {*LEARN, *GUIDES, *WRITE, *ABOUT}
    integrations = [name for name in written if name.startswith("integrations/")]
    further = [name for name in written if name not in named and name not in integrations]
    benchmarks = [place for place in included.pages() if place.startswith("benchmarks/")]
    return [
        {"Home": "index.md"},
        {"Learn": _of(LEARN, written)},
        {"Guides": [*_of([*GUIDES, *sorted(further)], written), *([{"Integrations": _of(integrations, written)}] if integrations else [])]},
        {"Write your own": [*_of(WRITE, written), {"Contributing": "contributing.md"}]},
        {"Environments": _under("environments", made)},
        {"Verifiers": _under("verifiers", made)},
        {"Credit": _under("assigners", made)},
        {
            "Reference": [
                "reference/commands.md",
                "reference/claims.md",
                *(f"reference/{place}.md" for place, *_ in others.REGISTRIES),
                {"Python": [place for place in made if place.startswith("reference/api/")]},
            ]
        },
        {"Benchmarks": benchmarks},
        {"About": [*_of(ABOUT, written), {"Changelog": "changelog.md"}]},
    ]


def _of(names: Any, written: list[str]) -> list[str]:
    return [f"{name}.md" for name in names if name in written]


def _under(folder: str, made: list[str]) -> list[Any]:
    """The pages of a folder, by their names: the index first."""
    places = sorted((place for place in made if place.startswith(f"{folder}/") and not place.endswith("/index.md")), key=str.lower)
    return [f"{folder}/index.md", *({place.removeprefix(f"{folder}/").removesuffix(".md"): place} for place in places)]
