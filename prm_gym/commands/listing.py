"""What there is, and what works here: `envs`, `verifiers`, `doctor`."""

import re
from importlib.util import find_spec
from typing import Annotated, Any

import msgspec
import tyro

from prm_gym.commands.records import print_records
from prm_gym.machine import gpu_name


def envs(json: bool = False) -> None:
    """List the environments.

    Args:
        json: print JSON.
    """
    from gymnasium.envs.registration import load_env_creator

    from prm_gym.env import StepEnv, option_names
    from prm_gym.registration import ENVIRONMENTS, OVER_YOURS

    rows: list[dict[str, Any]] = []
    entry_points = ENVIRONMENTS | OVER_YOURS
    for env_id in sorted(entry_points):
        env_class = load_env_creator(entry_points[env_id])  # not made: one may need an extra that is not installed
        if isinstance(env_class, type) and issubclass(env_class, StepEnv):
            options = [name for name in option_names(env_class) if name != "render_mode"]
            rows.append({"id": env_id, "summary": _summary(env_class), "verifiers": list(env_class.default_verifiers), "options": options})
    print_records(rows, json)


def verifiers(name: Annotated[tuple[str, ...], tyro.conf.Positional] = (), json: bool = False) -> None:
    """List the verifiers, with the claims that they understand and the options that stand after a question mark: `prm:DIR?threshold=0.7`.

    Args:
        name: which; all of them unless given.
        json: print JSON.
    """
    from prm_gym.compose import composition_names, load_composition
    from prm_gym.errors import ContractError, DuplicateNameError, MissingExtraError, UnknownNameError
    from prm_gym.option_docs import options_of
    from prm_gym.plugins import NOT_INSTALLED
    from prm_gym.verifier import VERIFIERS

    compositions = composition_names()
    known = [*VERIFIERS.names(), *compositions]
    for each in name:
        if each not in known:
            raise UnknownNameError("verifier", each, known, NOT_INSTALLED)
    rows: list[dict[str, Any]] = []
    for each in name or known:
        composed = each in compositions
        try:
            factory: Any = load_composition(each) if composed else VERIFIERS.load(each)
        except (ContractError, DuplicateNameError, MissingExtraError) as error:
            if name:
                raise
            rows.append({"name": each, "summary": str(error), "claims": [], "options": []})  # one that cannot be imported hides no other
            continue
        claims = ["those of its members"] if composed else [claim.__name__ for claim in getattr(factory, "claims", ())] or ["the step's text"]
        options = [] if composed else [msgspec.to_builtins(option) for option in options_of(factory)]
        rows.append({"name": f"{each}(...)" if composed else each, "summary": _summary(factory), "claims": claims, "options": options})
    print_records(rows, json)


def doctor(json: bool = False) -> None:
    """Say what works here, and how to get the rest.

    Args:
        json: print JSON.
    """
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, requires, version

    rows: list[dict[str, Any]] = [
        {"part": "python", "state": platform.python_version(), "to get it": ""},
        {"part": "cores", "state": str(os.cpu_count()), "to get it": ""},
    ]
    for requirement in requires("prm-gym") or []:
        package = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        marked = re.search(r"extra == ['\"]([^'\"]+)", requirement)
        extra = marked[1] if marked else ""
        if extra in ("all", "dev") or any(row["part"] == package for row in rows):
            continue
        try:
            rows.append({"part": package, "state": version(package), "to get it": ""})
        except PackageNotFoundError:
            rows.append({"part": package, "state": "missing", "to get it": f"pip install 'prm-gym[{extra}]'" if extra else "pip install prm-gym"})
    gpu = gpu_name() or ("none: agents learn on the CPU" if find_spec("torch") else "unknown without torch")
    rows.append({"part": "GPU", "state": gpu, "to get it": ""})
    rows += [_endpoint(), _sandbox(), *_browsers(), *_pages()]
    print_records(rows, json)


def _endpoint() -> dict[str, Any]:
    """Where judges ask when their specification does not say; no question is sent."""
    import os

    where = os.environ.get("OPENAI_BASE_URL") or "that of the openai package"
    ready = bool(os.environ.get("OPENAI_API_KEY"))
    missing = "set OPENAI_API_KEY, and OPENAI_BASE_URL for a server of your own; or judge:MODEL?base_url=..."
    return {"part": "chat models", "state": f"{where}, key {'set' if ready else 'missing'}", "to get it": "" if ready else missing}


def _sandbox() -> dict[str, Any]:
    """The tier of the sandbox, found out by trying; and why it is no better one."""
    from prm_gym.sandbox import examine

    found = examine()
    state = "none: untrusted code cannot be run" if found.tier is None else f"tier {found.tier}: {found.details[found.tier]}"
    return {"part": "sandbox", "state": state, "to get it": "; ".join(found.reasons.values())}


def _pages() -> list[dict[str, Any]]:
    """What is written or served for a reader, and what of it is missing."""
    rows: list[dict[str, Any]] = [{"part": "reports and viewer", "state": "pages of one file, which need nothing", "to get it": ""}]
    for part, modules, remedy in (
        ("servers", ("starlette", "uvicorn"), "pip install 'prm-gym[web]'"),
        ("curves as pictures", ("matplotlib",), "pip install 'prm-gym[report]'"),
        ("documentation site", ("mkdocs",), "make docs, in a checkout"),
    ):
        missing = [module for module in modules if find_spec(module) is None]
        rows.append({"part": part, "state": f"missing: {', '.join(missing)}" if missing else "works", "to get it": remedy if missing else ""})
    return rows


def _browsers() -> list[dict[str, Any]]:
    """The browser of the worlds on the web, and the one that has windows for people."""
    from prm_gym.browser import find_browser
    from prm_gym.commands.headed import has_display

    rows: list[dict[str, Any]] = []
    for part, headed in (("browser", False), ("browser with windows", True)):
        found = find_browser(headed=headed)
        state = f"Chromium {found.version}: {found.path}" if found.path else "missing"
        blind = headed and bool(found.path) and not has_display()
        rows.append({"part": part, "state": state, "to get it": "no display here: set DISPLAY, or use xvfb-run" if blind else found.reason})
    return rows


def _summary(thing: Any) -> str:
    lines = (getattr(thing, "__doc__", None) or "").strip().splitlines()
    return lines[0] if lines else ""
