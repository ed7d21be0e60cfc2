"""A page for every environment: what it says of itself, its options, its levels, and an episode with the verdicts."""

import inspect
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import gymnasium
import msgspec
from gymnasium.envs.registration import load_env_creator

from prm_gym.claims import Claim
from prm_gym.env import StepEnv
from prm_gym.errors import MissingExtraError
from prm_gym.option_docs import meanings_in, options_of
from prm_gym.options import StepOptions
from prm_gym.registration import ENVIRONMENTS, OVER_YOURS
from prm_gym.verdict import Verdict
from site_pages.writing import code, cut, docstring, fenced, folded, line, link, link_names, option_table, summary, table

SEED = 0
MOST_STEPS = 8
IN_A_BROWSER = {"MiniWoB", "PageBuilding"}  # no form without one: no episode is played when the site is built
INTRODUCTION = """# Environments

Each is made by `gym.make("prm_gym/NAME-v0", ...)` after `import prm_gym`, or in a batch by `gym.make_vec(..., vectorization_mode="vector_entry_point")`.
"""
SPLITS = """
**Splits.** A task is a function of the seed. `prm-gym train` and `compare` draw training tasks from seeds below 2^31, evaluate on seeds from 2^31 on (`dev`),
and with `--split test` from 2^31 + 2^30 on, so that no task of one is a task of another but by chance. Where an environment reads files (`tasks`), keep files
apart.

The episodes on the pages were played when this site was built, with seed 0 and `reward="dense"`.
"""
FAMILIES = {"logic": "Logic", "math": "Mathematics", "tools": "Tools", "web": "The web", "adapters": "Of others"}


class Taken(NamedTuple):
    """A step as it was taken: what was seen before it, what it claimed, what was said of it."""

    observation: str
    action: str
    claims: tuple[Claim, ...]
    verdicts: Mapping[str, Verdict]
    reward: float
    outcome: float | None


def env_classes() -> dict[str, type[StepEnv]]:
    """All environments by their names without the namespace."""
    return {env_id.removeprefix("prm_gym/").removesuffix("-v0"): load_env_creator(point) for env_id, point in (ENVIRONMENTS | OVER_YOURS).items()}  # type: ignore[misc]


def pages(claims: Mapping[str, str], verifiers: Sequence[str]) -> dict[str, str]:
    """The pages by their places in the site.

    Args:
        claims: where each claim is described, from a page beside these.
        verifiers: names that have a page.
    """
    classes = env_classes()
    found = {f"environments/{name}.md": page_of(name, env_class, claims, verifiers) for name, env_class in classes.items()}
    return {"environments/index.md": _index(classes), **found}


def family_of(env_class: type[StepEnv]) -> str:
    """The heading under which an environment stands."""
    return FAMILIES.get(env_class.__module__.split(".")[2], FAMILIES["adapters"])


def default_names(env_class: type[StepEnv], verifiers: Sequence[str]) -> list[str]:
    """The verifiers in an environment's default specifications, members of compositions too."""
    text = " ".join(env_class.default_verifiers)
    return [name for name in verifiers if name in text.replace("(", " ").replace(")", " ").replace(",", " ").replace(":", " ").replace("?", " ").split()]


def _index(classes: Mapping[str, type[StepEnv]]) -> str:
    text = INTRODUCTION
    for family in FAMILIES.values():
        rows = [
            (link(name, f"{name}.md"), summary(env_class.__doc__), ", ".join(code(each) for each in env_class.default_verifiers))
            for name, env_class in classes.items()
            if family_of(env_class) == family
        ]
        text += f"\n## {family}\n\n{table(('name', 'what is to be done', 'verifiers'), rows)}"
    shared = [
        "\n## What all of them share\n",
        docstring(StepEnv.__doc__),
        "\nOptions of all of them:\n",
        option_table((name, "", meaning) for name, meaning in meanings_in(inspect.getdoc(StepOptions) or "").items()),
        SPLITS,
    ]
    return text + "\n".join(shared)


def page_of(name: str, env_class: type[StepEnv], claims: Mapping[str, str], verifiers: Sequence[str]) -> str:
    """The page of one environment; see `pages`."""
    said = [docstring(env_class.__doc__), *(f"## {base.__name__}\n\n{docstring(base.__doc__)}" for base in _bases(env_class))]
    named = {claim: where for claim, where in claims.items() if any(f"`{claim}`" in text for text in said)}
    checked = [link(each, f"../verifiers/{each}.md") for each in default_names(env_class, verifiers)]
    parts = [
        f"# {name}\n",
        fenced(f'import gymnasium as gym\nimport prm_gym\n\nenv = gym.make("prm_gym/{name}-v0")', "python"),
        *(link_names(text, claims) for text in said),
        f"## Its module\n\n{docstring(sys.modules[env_class.__module__].__doc__)}",
        "## Options\n",
        option_table(_options(env_class)),
        "## Spaces and info\n",
        f"Observation and action are texts: {code('TextSpace(1048576)')} and {code('TextSpace(16384)')}, any Unicode, at most so many characters. "
        "`info` has the keys `task_key`, `state_key`, `actions`, `verdicts`, `outcome` and `valid` of [every environment](index.md).\n",
        "## Claims and verifiers\n",
        f"It claims {', '.join(link(each, where) for each, where in sorted(named.items())) or 'nothing that is named here'}. "
        f"By default its steps are judged by {', '.join(checked) or 'nobody'}: {', '.join(map(code, env_class.default_verifiers)) or 'no verifier is set'}.\n",
        _played(name, env_class),
    ]
    return "\n\n".join(parts)


def _bases(env_class: type[StepEnv]) -> list[type[StepEnv]]:
    """The classes between it and StepEnv that say something of themselves."""
    return [base for base in env_class.__mro__[1:] if issubclass(base, StepEnv) and base is not StepEnv and base.__doc__]


def _options(env_class: type[StepEnv]) -> list[tuple[str, str, str]]:
    found: dict[str, tuple[str, str, str]] = {}
    for base in (env_class, *_bases(env_class)):
        for option in options_of(base):
            if option.name != "..." and (option.name not in found or not found[option.name][2]):
                found[option.name] = (option.name, "its own file" if option.default.startswith("'/") else option.default, option.meaning)
    for name, meaning in meanings_in(inspect.getdoc(StepOptions) or "").items():
        found[name] = (name, {"reward": "'outcome'"}.get(name, ""), meaning)
    return list(found.values())


def _played(name: str, env_class: type[StepEnv]) -> str:
    """The levels, and an episode; why there is none where it cannot be played."""
    if f"prm_gym/{name}-v0" in OVER_YOURS:
        return "## An episode\n\nIt is made of what you bring, so none is played here.\n"
    if name in IN_A_BROWSER:
        return "## An episode\n\nIts steps are taken in a browser, which this site is built without; none is played here.\n"
    try:
        env = gymnasium.make(f"prm_gym/{name}-v0")
    except MissingExtraError as missing:
        return f"## An episode\n\nNone is played here: where this site was built, {line(str(missing))}\n"
    env.close()
    return _levels(name, env_class) + _episode(name, env_class)


def _made(name: str, env_class: type[StepEnv], difficulty: int = 1) -> StepEnv:
    options: dict[str, Any] = {"difficulty": difficulty} if _has_levels(env_class) else {}
    env = gymnasium.make(f"prm_gym/{name}-v0", reward="dense", **options).unwrapped
    assert isinstance(env, StepEnv)
    return env


def _has_levels(env_class: type[StepEnv]) -> bool:
    return any(option[0] == "difficulty" for option in _options(env_class))


def _levels(name: str, env_class: type[StepEnv]) -> str:
    if not _has_levels(env_class):
        return ""
    rows: list[tuple[str, ...]] = []
    for level in range(1, 6):
        env = _made(name, env_class, level)
        observation, info = env.reset(seed=SEED)
        rows.append((str(level), str(env.max_steps), str(len(env.solution())), str(len(info["actions"]) or "none"), f"{len(observation):,}"))
        env.close()
    heads = ("difficulty", "step limit", "steps of the scripted solver", "listed actions", "characters of the first observation")
    return f"## Levels\n\nOf the task of seed {SEED}:\n\n{table(heads, rows)}\n"


def _episode(name: str, env_class: type[StepEnv]) -> str:
    env = _made(name, env_class)
    observation, info = env.reset(seed=SEED)
    own = {key: value for key, value in info.items() if key not in ("task_key", "state_key", "actions", "verdicts", "outcome", "valid")}
    wrong = _wrong_step(env)
    env.reset(seed=SEED)
    steps: list[Taken] = []
    while not steps or steps[-1].outcome is None:
        steps.append(_take(env, env.solution()[len(steps)]))
    env.close()
    made = f'{"difficulty=1, " if _has_levels(env_class) else ""}reward="dense"'
    parts = [f'## An episode\n\n`gym.make("prm_gym/{name}-v0", {made})`, `reset(seed={SEED})`. First it shows:\n', fenced(cut(observation, 3_000, 40))]
    if own:
        parts.append(
            f"Beside the keys of every environment, `info` has {', '.join(f'{code(key)} ({code(cut(repr(value), 60))})' for key, value in own.items())}.\n"
        )
    if wrong is not None:
        parts.append(f"### A step that is not right\n\n{_shown(wrong, after='')}")
    parts.append("### The scripted solver\n")
    kept = [*range(min(MOST_STEPS, len(steps) - 1)), len(steps) - 1]
    for place in kept:
        if place == len(steps) - 1 and len(steps) > MOST_STEPS + 1:
            parts.append(f"... {len(steps) - 1 - MOST_STEPS} more steps\n")
        parts.append(f"**Step {place + 1}**\n\n{_shown(steps[place], steps[place + 1].observation if place + 1 < len(steps) else '')}")
    parts.append(f"The outcome is {steps[-1].outcome:g}; the rewards add up to {sum(step.reward for step in steps):.3f}.\n")
    return "\n\n".join(parts)


def _take(env: StepEnv, action: str) -> Taken:
    observation = env.situation.observation
    _, reward, _, _, info = env.step(action)
    return Taken(observation, env.past_steps[-1].action, env.past_steps[-1].claims, info["verdicts"], reward, info["outcome"])


def _wrong_step(env: StepEnv) -> Taken | None:
    """A listed action that a verifier calls wrong, else a text that is no step."""
    saved, right = env.snapshot(), env.solution()[0]
    for action in [*env.situation.actions[:24], "no step at all"]:
        if action != right:
            taken = _take(env, action)
            env.restore(saved)
            if any(verdict.label == "incorrect" for verdict in taken.verdicts.values()) or action == "no step at all":
                return taken
    return None


def _shown(step: Taken, after: str) -> str:
    rows = [
        (code(name), code(verdict.label or verdict.status), "none" if verdict.score is None else f"{verdict.score:g}", line(cut(verdict.reason, 300)))
        for name, verdict in step.verdicts.items()
    ]
    claims = ", ".join(code(type(claim).__name__) for claim in step.claims) or "nothing"
    parts = [fenced(cut(step.action, 1_500, 30)), f"Claims {claims}; reward {step.reward:+.3f}.\n", table(("verifier", "label", "score", "reason"), rows)]
    evidence = {name: verdict.evidence for name, verdict in step.verdicts.items() if verdict.evidence}
    if evidence:
        text = msgspec.json.format(msgspec.json.encode(evidence), indent=2).decode()
        parts.append(folded("evidence", fenced(cut(text, 1_500), "json" if len(text) <= 1_500 and json.loads(text) else "text")))
    if after:
        parts.append(folded("what is seen then", fenced(cut(after, 1_500, 24))))
    return "\n\n".join(parts)
