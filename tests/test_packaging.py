"""What is shipped: the list of packages, the links and guards of the three wings, and what a built wheel holds."""

import email
import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from configparser import ConfigParser
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

import prm_gym
from prm_gym._version import VERSION

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]
WINGS = ("agents", "envs", "verifiers")


def _folders(top, package):
    """(package name, folder) of a tree; links are not followed."""
    yield package, top
    for path in sorted(top.iterdir()):
        if path.is_dir() and not path.is_symlink() and path.name != "__pycache__":
            yield from _folders(path, f"{package}.{path.name}")


TREE = {
    **dict(_folders(ROOT / "prm_gym", "prm_gym")),
    **{name: folder for wing in WINGS for name, folder in _folders(ROOT / wing, f"prm_gym.{wing}")},
}


def _files():
    """Every file that belongs into a wheel, by its name there."""
    for package, folder in TREE.items():
        for path in sorted(folder.iterdir()):
            if path.is_file():
                yield f"{package.replace('.', '/')}/{path.name}"


# The tree.


def test_the_list_of_packages_is_the_tree():
    # A package that is not listed works in an editable installation and is missing from the wheel, without a warning.
    assert sorted(SETUPTOOLS["packages"]) == sorted(TREE)
    assert SETUPTOOLS["packages"] == sorted(SETUPTOOLS["packages"])


@pytest.mark.parametrize("package", TREE)
def test_every_folder_is_a_package_with_a_docstring(package):
    source = (TREE[package] / "__init__.py").read_text(encoding="utf-8")
    assert source.startswith('"""')


def test_the_wings_are_mapped():
    assert SETUPTOOLS["package-dir"] == {f"prm_gym.{wing}": wing for wing in WINGS}


def test_data_files_are_declared():
    declared = {f"{package.replace('.', '/')}/{name}" for package, names in SETUPTOOLS["package-data"].items() for name in names}
    assert declared == {name for name in _files() if not name.endswith(".py")}
    assert "prm_gym/py.typed" in declared


@pytest.mark.skipif(os.name == "nt", reason="a checkout on Windows may have no links; everything but type checkers works without")
@pytest.mark.parametrize("wing", WINGS)
def test_the_links_for_editors_and_type_checkers(wing):
    link = ROOT / "prm_gym" / wing
    assert link.is_symlink()
    assert link.readlink() == Path("..") / wing
    listed = subprocess.run(["git", "ls-files", "--stage", f"prm_gym/{wing}"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        assert listed.stdout.startswith("120000 ")  # committed as a link, not as a copy


# The guards.


def _python(*arguments, cwd=ROOT, **environment):
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(("wing", "module"), [("agents", "random"), ("envs", "logic"), ("verifiers", "arithmetic")])
def test_the_bare_name_of_a_wing_is_refused_where_it_could_be_found(wing, module):
    # Without the guard this makes a second copy of every class, and isinstance is False between the two.
    for name in (wing, f"{wing}.{module}"):
        done = _python("-c", f"import {name}")
        assert done.returncode == 1
        assert f"ImportError: import prm_gym.{wing}: the bare name '{wing}' belongs to another package" in done.stderr
    assert _python("-c", f"import prm_gym.{wing}.{module}").returncode == 0


# Names.


def test_entry_points_lead_somewhere():
    groups = {**PROJECT["project"]["entry-points"], "console_scripts": PROJECT["project"]["scripts"]}
    for group, points in groups.items():
        assert list(points) == sorted(points)
        for name, value in points.items():
            if group == "inspect_ai":  # it takes modules, and has an environment of its own in which this one is tested
                assert find_spec(value) is not None
            else:
                assert callable(EntryPoint(name, value, group).load())


def test_what_is_installed_is_what_is_declared():
    for group, declared in PROJECT["project"]["entry-points"].items():
        ours = {point.name: point.value for point in entry_points(group=group) if point.dist is not None and point.dist.name == "prm-gym"}
        assert ours == declared, "run: pip install --no-deps -e ."


# Extras that "all" leaves out: large, wanted by few, or with dependencies that have no wheels. The last has a lock file of its own, which may fail to install.
NOT_IN_ALL = {"docs", "inspect", "miniwob", "openenv", "ray", "real-model", "reasoning-gym", "sb3", "tensorboard", "trl", "verifiers", "verl", "wandb"}


def test_the_extra_all_holds_the_others():
    extras = PROJECT["project"]["optional-dependencies"]
    named = extras["all"][0].removeprefix("prm-gym[").removesuffix("]").split(",")
    assert sorted(named) == sorted(set(extras) - {"all", "dev"} - NOT_IN_ALL)
    assert extras["dev"][0] == "prm-gym[all,miniwob,ray,sb3,trl]"


def test_the_version_is_said_once():
    assert prm_gym.__version__ == VERSION
    assert PROJECT["project"]["dynamic"] == ["version"]
    assert SETUPTOOLS["dynamic"]["version"] == {"attr": "prm_gym._version.VERSION"}


# The wheel.


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel, built from a copy of what it is built from, so that nothing is left in the tree and nothing old gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("prm_gym", *WINGS):
        shutil.copytree(ROOT / name, folder / "source" / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / "source" / name)
    done = _python("-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(folder / "source"), cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("*.whl"))


@pytest.mark.slow
def test_a_wheel_holds_every_module_and_data_file_and_nothing_else(wheel):
    assert wheel.name == f"prm_gym-{VERSION}-py3-none-any.whl"
    names = zipfile.ZipFile(wheel).namelist()
    information = f"prm_gym-{VERSION}.dist-info/"
    assert sorted(name for name in names if not name.startswith(information)) == sorted(_files())
    assert {f"{information}{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt")} == {
        name for name in names if name.startswith(information)
    }


@pytest.mark.slow
def test_a_wheel_says_what_the_project_says(wheel):
    with zipfile.ZipFile(wheel) as archive:
        metadata = email.message_from_bytes(archive.read(f"prm_gym-{VERSION}.dist-info/METADATA"))
        points = ConfigParser()
        points.read_string(archive.read(f"prm_gym-{VERSION}.dist-info/entry_points.txt").decode())
    assert (metadata["Name"], metadata["Version"], metadata["Requires-Python"]) == ("prm-gym", VERSION, PROJECT["project"]["requires-python"])
    required = [requirement for requirement in metadata.get_all("Requires-Dist") if "extra ==" not in requirement]
    assert sorted(required) == sorted(PROJECT["project"]["dependencies"])
    assert metadata.get_all("Provides-Extra") == list(PROJECT["project"]["optional-dependencies"])
    for group, declared in PROJECT["project"]["entry-points"].items():
        assert dict(points[group]) == declared


@pytest.mark.slow
def test_a_wheel_works_away_from_the_tree(wheel, tmp_path):
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    program = """
import gymnasium, importlib.util, pathlib, sys
import prm_gym, prm_gym.report.page, prm_gym.training.run
from prm_gym.registration import ENVIRONMENTS
from prm_gym.testing import check_step_env
check_step_env("prm_gym/Countdown-v0", seeds=[0])
for env_id in ENVIRONMENTS:
    gymnasium.make(env_id).reset(seed=0)
where = pathlib.Path(sys.argv[1])
modules = [module for name, module in sorted(sys.modules.items()) if name.split(".")[0] == "prm_gym"]
assert all(pathlib.Path(module.__file__).is_relative_to(where) for module in modules), modules
print(len(modules) > 30, prm_gym.__version__, *(name for name in ("envs", "verifiers", "agents") if (where / name).exists()))
"""
    done = _python("-c", program, str(tmp_path / "site"), cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["True", VERSION]
