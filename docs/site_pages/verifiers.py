"""A page for every verifier: what it understands, its options, and the cases that its contract is tested with, judged when the site is built."""

import importlib.util
import inspect
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prm_gym.compose import composition_names, load_composition
from prm_gym.errors import MissingExtraError
from prm_gym.option_docs import options_of
from prm_gym.testing import VerifierCase
from prm_gym.verifier import VERIFIERS, make_verifier, verify_batch
from site_pages.writing import code, cut, docstring, line, link, link_names, option_table, record, summary, table

CASES = Path(__file__).parents[2] / "tests" / "contracts" / "cases"
MOST_CASES = 24
IN_A_BROWSER = {"page_tests"}
KINDS = {
    "full": "right",
    "zero": "wrong",
    "hack": "looks right and is not: it must score less than every right one, or nothing",
    "abstain": "cannot be told: no score",
}


def pages(claims: Mapping[str, str], judged_by: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The pages by their places in the site.

    Args:
        claims: where each claim is described, from a page beside these.
        judged_by: of every verifier the environments that it judges by default.
    """
    cases, made = _cases()
    found = {f"verifiers/{name}.md": _page(name, claims, judged_by.get(name, ()), cases.get(name, []), name in made) for name in VERIFIERS.names()}
    return {"verifiers/index.md": _index(claims), "verifiers/compositions.md": _compositions(), **found}


def _index(claims: Mapping[str, str]) -> str:
    rows = [(link(name, f"{name}.md"), summary(VERIFIERS.load(name).__doc__), _understood(VERIFIERS.load(name), claims)) for name in VERIFIERS.names()]
    return (
        '# Verifiers\n\nA verifier is named wherever an environment is made (`verifiers=["z3"]`, `--verifier z3`), with options behind a question mark: '
        "`prm:FOLDER?threshold=0.7`. Several make one by [compositions](compositions.md). Each environment says which it has by default.\n\n"
        f"{table(('name', 'what it does', 'understands'), rows)}"
    )


def _compositions() -> str:
    text = "# Compositions\n\nVerifiers made of verifiers, written as `all(arithmetic, reachable)`; they nest.\n"
    for name in composition_names():
        factory: Any = load_composition(name)
        about = factory if isinstance(factory, type) or (factory.__doc__ or "").strip() else type(factory)
        text += f"\n## {name}\n\n{docstring(about.__doc__)}"
    return text


def _understood(factory: Any, claims: Mapping[str, str]) -> str:
    names = [claim.__name__ for claim in getattr(factory, "claims", ())]
    return ", ".join(link(name, claims[name]) if name in claims else code(name) for name in names) or "the step's text"


def _page(name: str, claims: Mapping[str, str], environments: Sequence[str], cases: Sequence[VerifierCase], is_made: bool) -> str:
    factory: Any = VERIFIERS.load(name)
    module = sys.modules[factory.__module__]
    judges = ", ".join(link(each, f"../environments/{each}.md") for each in environments)
    parts = [
        f"# {name}\n",
        link_names(docstring(factory.__doc__), claims),
        f"Understands {_understood(factory, claims)}. "
        + (
            "Pure: the same step gets the same verdict, so that it may be cached, and run again over stored trajectories. "
            if factory.pure is True
            else "Whether it is pure depends on how it is made. "
            if not isinstance(factory.pure, bool)
            else "Not pure: it may say something else the next time. "
        )
        + (f"By default it judges {judges}." if judges else "No environment has it by default."),
        "## Options\n",
        option_table((option.name, option.default, option.meaning) for option in options_of(factory)),
        "## Its module\n",
        link_names(docstring(module.__doc__), claims),
        _judged(name, cases, is_made),
    ]
    return "\n\n".join(parts)


def _judged(name: str, cases: Sequence[VerifierCase], is_made: bool) -> str:
    """The cases of its contract with the verdicts on them."""
    if not cases:
        return ""
    begin = "## Cases\n\nThese are among the cases that the tests hold it to"
    if is_made or name in IN_A_BROWSER:
        why = "in a browser, which this site is built without" if name in IN_A_BROWSER else "with a model that the tests make"
        rows = [(code(case.kind), code(cut(_claimed(case), 240))) for case in cases[:MOST_CASES]]
        return f"{begin}, {why}.\n\n{table(('kind', 'step'), rows)}"
    try:
        verifier = make_verifier(name)
    except MissingExtraError as missing:
        return f"{begin}. They are not judged here: where this site was built, {line(str(missing))}\n"
    verdicts = verify_batch([verifier], [case.step for case in cases[:MOST_CASES]])
    verifier.close()
    rows = [
        (
            code(case.kind),
            code(cut(_claimed(case), 240)),
            code(verdict.label or verdict.status),
            "none" if verdict.score is None else f"{verdict.score:g}",
            line(cut(verdict.reason, 200)),
        )
        for case, verdict in zip(cases[:MOST_CASES], (each[name] for each in verdicts), strict=True)
    ]
    kinds = "; ".join(f"{code(kind)}: {meaning}" for kind, meaning in KINDS.items())
    return f"{begin}, judged when this site was built. {kinds}.\n\n{table(('kind', 'step', 'label', 'score', 'reason'), rows)}"


def _claimed(case: VerifierCase) -> str:
    return ", ".join(map(record, case.step.claims)) or repr(case.step.action)


def _cases() -> tuple[dict[str, list[VerifierCase]], set[str]]:
    """The cases of all verifiers, and the names of those that are made with more than their name."""
    cases: dict[str, list[VerifierCase]] = {}
    made: set[str] = set()
    for path in sorted(CASES.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"site_cases_of_{path.stem}", path)
        assert spec is not None
        assert spec.loader is not None
        module: Any = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except (ImportError, MissingExtraError):  # of a package that is not installed here
            continue
        cases |= module.CASES
        made |= set(getattr(module, "MAKERS", {}))
    return cases, made


def claim_page() -> tuple[str, dict[str, str]]:
    """The page about claims, and where on it each of them stands."""
    import prm_gym.claims as module

    found = {name: getattr(module, name) for name in module.__all__ if inspect.isclass(getattr(module, name)) and getattr(module, name).__doc__}
    text = f"# Claims\n\n{docstring(module.__doc__)}"
    for name, claim in found.items():
        text += f"\n## {name}\n\n{docstring(claim.__doc__)}"
    return text, {name: f"../reference/claims.md#{name.lower()}" for name in found}
