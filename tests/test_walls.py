"""Who imports whom: the core imports only the core, a wing the core and itself; and `import prm_gym` stays light."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
WINGS = ("agents", "envs", "verifiers")
# What means the package of that name, which is another project's, and not our folder.
FOREIGN = {("prm_gym/integrations/verifiers_hub.py", "verifiers"), ("tests/integrations/verifiers/test_verifiers_hub.py", "verifiers")}
HEAVY = ("torch", "z3", "openai", "playwright", "matplotlib", "tyro", "rich", "starlette", "uvicorn", "transformers", "scipy", "pandas", "mcp", "ray")


def _sources(folder):
    """Python files of a folder; links, which the wings are inside the core, are not followed."""
    for path in sorted(folder.iterdir()):
        if path.is_dir() and not path.is_symlink() and path.name != "__pycache__":
            yield from _sources(path)
        elif path.suffix == ".py":
            yield path


@functools.cache
def _imported(path):
    """Every module that a file imports, inside functions too, with the line."""
    return list(_imports(path))


def _imports(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((name.name, node.lineno) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            # `from prm_gym import envs` imports a wing as well.
            yield from ((f"{node.module}.{name.name}", node.lineno) for name in node.names)


def _wing_of(module):
    return next((wing for wing in WINGS if f"{module}.".startswith(f"prm_gym.{wing}.")), None)


def _is_bare(path, module):
    """Whether a wing is imported under its bare name."""
    first = module.partition(".")[0]
    return first in WINGS and (path.relative_to(ROOT).as_posix(), first) not in FOREIGN


def _trespasses(folder, wing):
    found = []
    for path in _sources(folder):
        for module, line in _imported(path):
            reached = _wing_of(module)
            if _is_bare(path, module) or (reached is not None and reached != wing):
                found.append(f"{path.relative_to(ROOT)}:{line} imports {module}")
    return found


def test_the_core_imports_only_the_core():
    assert len(list(_sources(ROOT / "prm_gym"))) > 20
    assert _trespasses(ROOT / "prm_gym", None) == []


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_imports_the_core_and_itself(wing):
    assert any(_sources(ROOT / wing))
    assert _trespasses(ROOT / wing, wing) == []


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_is_never_imported_under_its_bare_name_anywhere(wing):
    folders = ("benchmarks", "tests", "docs")
    files = [path for folder in folders if (ROOT / folder).is_dir() for path in _sources(ROOT / folder)]
    assert [str(path) for path in files for module, _ in _imported(path) if module.partition(".")[0] == wing and _is_bare(path, module)] == []


def test_the_check_bites(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    lines = ["from prm_gym import envs", "import prm_gym.verifiers.z3", "def f():", "    import prm_gym.agents.random", "import verifiers"]
    (tmp_path / "a.py").write_text("\n".join([*lines, "import prm_gym.env"]))
    assert [trespass.split(" imports ")[1] for trespass in _trespasses(tmp_path, "agents")] == ["prm_gym.envs", "prm_gym.verifiers.z3", "verifiers"]
    assert len(_trespasses(tmp_path, None)) == 4


def _run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "module",
    ["prm_gym", "prm_gym.rollout", "prm_gym.credit", "prm_gym.search", "prm_gym.store", "prm_gym.engines", "prm_gym.viewer.page", "prm_gym.serving.client"],
)
def test_importing_brings_nothing_heavy(module):
    assert _run(f"import sys, {module}; print(sorted(set(sys.modules) & set({HEAVY!r})))") == "[]"


def test_making_an_environment_of_arithmetic_brings_no_solver_and_no_torch():
    program = "import sys, gymnasium as gym; gym.make('prm_gym:prm_gym/Countdown-v0').reset(seed=0); "
    program += "print(sorted(set(sys.modules) & {'torch', 'z3', 'openai'}))"
    assert _run(program) == "[]"


@pytest.mark.slow
def test_importing_takes_less_than_half_a_second():
    # Seconds of the processor, which a busy machine does not lengthen by making the process wait; on an idle one they are those of the clock, or more.
    program = "import time; start = time.process_time(); import prm_gym; print(time.process_time() - start)"
    # The best of three: the first run writes the byte code.
    assert min(float(_run(program)) for _ in range(3)) < 0.5
