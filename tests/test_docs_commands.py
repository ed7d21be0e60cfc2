"""No command of README.md, CONTRIBUTING.md, docs/ and the benchmarks can rot: each is read by the parser that a reader's would meet, and nothing is run.

Of `prm-gym` the commands, options, choices and names (environments, verifiers, credit, rewards, agents, methods, signals, and their options) are those that
there are; of a script under benchmarks/ the options; of `make` the targets; and so are the options that comments and sentences name.
"""

import contextlib
import functools
import inspect
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from prm_gym.cli import COMMANDS, gathered
from prm_gym.errors import PrmGymError

sys.path.insert(0, str(Path(__file__).parent))
from docs_commands import lines_of, options_named

sys.path.pop(0)
tyro = pytest.importorskip("tyro")
ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("benchmarks/**/README.md"))]
PAGES = {str(path.relative_to(ROOT)): path for path in PAGES if path.is_file() and "runs" not in path.parts}
RUN = {name: command.run for group in COMMANDS.values() for name, command in group.items()}
NAMED = re.compile(r"^\s*(?:@register\(\"|def |class )?(\w+)(?: = \"[\w.]+:\w+\"|\()", re.MULTILINE)
PLACEHOLDERS = {"NAME", "mine", "brief"}  # stand for a name of the reader's
OF_OTHERS = {"--num-cpus", "--object-store-memory", "--logprobs-mode"}  # options of Ray and vLLM that pages name
pytestmark = pytest.mark.skipif("README.md" not in PAGES, reason="the tests run without the checkout around them")


def refusal(command, words):
    """What the parser of a command has against its arguments, and what was read of them."""
    run, read = RUN[command], {}

    @functools.wraps(run)
    def parsed(*given, **named):
        read.update(inspect.signature(run).bind(*given, **named).arguments)

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
            tyro.cli(parsed, args=gathered(words, run))
    except SystemExit:
        return said.getvalue() or "refused", {}
    return "", read


def require_named(kind, registry, spec, **further):
    """Raise unless a specification names something that there is, with options that it takes; nothing is made."""
    from prm_gym.plugins import make, split_options

    plain, options = split_options(spec)
    name, separator, argument = plain.partition(":")
    factory = registry.load(name)
    looked_at = functools.wraps(factory)(lambda *_, **__: None)
    make(kind, name, looked_at, *([argument] if separator else []), **options, **further)


def require_verifier(spec):
    from prm_gym.commands.records import read_names
    from prm_gym.compose import load_composition
    from prm_gym.verifier import VERIFIERS

    if spec.endswith(")") and "(" in spec:
        name, _, inside = spec.partition("(")
        load_composition(name)
        for member in read_names(inside[:-1]):
            if not re.fullmatch(r"\w+\s*=.*", member):
                require_verifier(member.strip())
    else:
        require_named("verifier", VERIFIERS, spec)


def require_env(env_id, options):
    from gymnasium.envs.registration import load_env_creator

    import prm_gym
    from prm_gym.commands.records import read_options
    from prm_gym.option_docs import options_of
    from prm_gym.options import StepOptions
    from prm_gym.registration import ENVIRONMENTS, OVER_YOURS

    assert prm_gym
    env_class = load_env_creator((ENVIRONMENTS | OVER_YOURS)[env_id])
    known = {option.name for option in options_of(env_class)} | StepOptions.__annotations__.keys()
    assert read_options(options).keys() <= known, f"{env_id} takes {sorted(known)}"


def require_values(command, read):
    """Raise unless every name among the arguments is that of something there is."""
    from prm_gym.agent import AGENTS
    from prm_gym.commands.records import read_names, read_options
    from prm_gym.credit import SIGNALS
    from prm_gym.credit.registry import find_assigner
    from prm_gym.rewards import REWARDS
    from prm_gym.search.method import METHODS
    from prm_gym.training.curricula import make_curriculum
    from prm_gym.training.methods import make_method

    envs = read.get("env", ())
    for env_id in [envs] if isinstance(envs, str) else envs:
        if ":" not in env_id:  # a module before the colon is the page's own
            require_env(env_id, (*read.get("env_option", ()), *read.get("transfer_option", ()), *read.get("domain", ())))
    for spec in read_names(read["credit"]) if "credit" in read else ():
        find_assigner(spec)
    for spec in read.get("name", ()) if command == "credit" else ():
        find_assigner(spec)
    for spec in read_names(read["reward"]) if "reward" in read else ():
        require_named("reward scheme", REWARDS, spec, horizon=1)
    verifiers = read.get("verifier", ())
    for spec in (*([verifiers] if isinstance(verifiers, str) else verifiers), read.get("guide", ""), read.get("helper", "")):
        if spec:
            require_verifier(spec)
    for spec in (read.get("agent", ""), read.get("rollouts", "")):
        if spec and "/agent" not in spec:  # a folder that an earlier command has made
            require_named("agent", AGENTS, spec, **read_options(read.get("agent_option", ())))
    for spec in read.get("signal", ()):
        require_named("learned signal", SIGNALS, spec)
    if "curriculum" in read:
        make_curriculum(read["curriculum"], 2)
    if "method" in read and command == "search":
        for spec in read_names(read["method"]):
            require_named("search method", METHODS, spec)
    elif "method" in read:
        make_method(read["method"])


def arguments_of(words):
    """The command of ours in a line and its arguments; none where it is not one of `prm-gym`."""
    if words[0] == "prm-gym":
        return list(words[1:])
    return list(words[words.index("prm_gym") + 1 :]) if "-m" in words and "prm_gym" in words else []


def faults(text):
    """What is wrong with the `prm-gym` commands of a page."""
    found, own = [], set(NAMED.findall(text)) | PLACEHOLDERS
    for line in lines_of(text):
        words = arguments_of(line.words)
        several = bool(words) and words[0].endswith(",")  # a list of commands, not one with arguments
        unknown = [name for name in (word.rstrip(",") for word in (words if several else words[:1])) if name not in RUN]
        if unknown:
            found.append(f"line {line.line}: there is no command {', '.join(unknown)}")
        if unknown or several or not words:
            continue
        options = {"--help", *(f"--{name.replace('_', '-')}" for name in inspect.signature(RUN[words[0]]).parameters)}
        named = {word.partition("=")[0] for word in words if word.startswith("--")} | set(line.mentioned)
        if named - options:
            found.append(f"line {line.line}: {words[0]} has no option {', '.join(sorted(named - options))}")
        elif line.whole:
            wrong, read = refusal(words[0], words[1:])
            try:
                require_values(words[0], read)
            except (PrmGymError, AssertionError, KeyError) as error:
                name = re.search(r"['\"](\w+)['\"]", str(error))
                wrong = wrong or ("" if name and name[1] in own else f"{type(error).__name__}: {error}")
            found += [f"line {line.line}: {' '.join(words)}\n{wrong}"] if wrong else []
    return found


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_is_one_that_there_is(page):
    assert faults(PAGES[page].read_text(encoding="utf-8")) == []


def test_what_is_wrong_with_a_command_is_found():
    def found(command):
        (fault,) = faults(f"```console\n$ {command}\n```\n")
        return fault

    assert "no command trian" in found("prm-gym trian --env prm_gym/Countdown-v0")
    assert "no option --bugdet" in found("prm-gym train --bugdet 3")
    assert "no option --attempt" in found("prm-gym train  # --attempt 3 for a look")
    assert "agent_steps" in found("prm-gym search --unit seconds")  # names the choices
    assert "Countdwn" in found("prm-gym train --env prm_gym/Countdwn-v0")
    assert faults("```sh\nprm-gym train --env-option difficulty=1 max_steps=3\n```\n") == []
    assert "takes" in found("prm-gym train --env-option difficultly=1")
    assert "gamm" in found("prm-gym train --credit 'zero_variance|gigpo?gamm=0.9'")
    assert "dens" in found("prm-gym compare --reward 'outcome,dens'")
    assert "z4" in found("prm-gym rollout --verifier 'all(z4, arithmetic)'")
    assert "aray" in found("PRM=1 torchrun --nproc-per-node 2 -m prm_gym train --signal aray > here.txt")
    assert "beem" in found("prm-gym search --method best-of-n,beem | head")
    assert faults("Sentences may leave out what is required: `prm-gym rescore`, `prm-gym envs, verifiers`.\n") == []
    assert faults("`prm-gym envs, credits`\n") == ["line 1: there is no command credits"]


def test_options_named_in_sentences_are_options_of_a_command():
    known = {f"--{name.replace('_', '-')}" for run in RUN.values() for name in inspect.signature(run).parameters}
    for page, path in PAGES.items():
        if page.startswith("docs/") or page == "README.md":
            wrong = [(name, line) for name, line in options_named(path.read_text(encoding="utf-8")) if name not in known | OF_OTHERS]
            assert wrong == [], page


def test_every_target_of_make_is_there():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {word for path in PAGES.values() for line in lines_of(path.read_text(encoding="utf-8")) if line.words[0] == "make" for word in line.words[1:]}
    assert {"demo", "test", "docs"} <= named <= targets


@pytest.mark.slow
def test_every_script_of_the_benchmarks_takes_the_options_that_its_page_shows(tmp_path):
    pytest.importorskip("torch")
    lines = [
        (page, line, place)
        for page, path in PAGES.items()
        for line in lines_of(path.read_text(encoding="utf-8"))
        for place, word in enumerate(line.words)
        if re.fullmatch(r"benchmarks/\S+\.py", word)
    ]
    assert len(lines) >= 70  # as many as when this was last looked at
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("docs_scripts.py")), str(tmp_path / "results.json")],
        input=json.dumps([line.words[place:] for _, line, place in lines]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    for (page, line, _), result in zip(lines, results, strict=True):
        assert "error" not in result, f"{page}, line {line.line}: {' '.join(line.words)}\n{result['error']}"
        assert set(line.mentioned) <= set(result["options"]), f"{page}, line {line.line}: # {line.comment}"
