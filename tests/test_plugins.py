"""Registries over entry points, tried with packages that are really there: a module and a .dist-info folder on sys.path."""

import pickle
import sys

import pytest

from prm_gym.agent import AGENTS, make_agent
from prm_gym.credit import ASSIGNERS
from prm_gym.errors import ContractError, DuplicateNameError, MissingExtraError, OptionError, UnknownNameError
from prm_gym.plugins import Registry, make, split_options
from prm_gym.rewards import REWARDS
from prm_gym.verifier import VERIFIERS
from prm_gym.verifiers.arithmetic import ArithmeticVerifier

GROUP = "test_plugins.things"


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package: a module with a source, and the entry points of our group."""
    modules = []

    def install(package, source, **names):
        folder = tmp_path / package
        folder.mkdir()
        (folder / f"{package}.py").write_text(source)
        info = folder / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n" + "".join(f"{name} = {value}\n" for name, value in names.items()))
        monkeypatch.syspath_prepend(folder)
        modules.append(package)

    yield install
    for module in modules:
        sys.modules.pop(module, None)


def _registry():
    return Registry(GROUP, "thing")


def test_a_declared_name_is_loaded_once(install):
    install("plug_one", "class Thing: pass\n", thing="plug_one:Thing", other="plug_one:Thing")
    registry = _registry()
    assert registry.names() == ["other", "thing"]
    assert registry.load("thing") is sys.modules["plug_one"].Thing
    assert registry.load("thing") is registry.load("other")


def test_names_are_listed_without_loading_anything(install):
    install("plug_bomb", "raise RuntimeError('imported')\n", bomb="plug_bomb:Thing")
    assert _registry().names() == ["bomb"]
    assert "plug_bomb" not in sys.modules


def test_a_name_that_is_like_none_may_be_of_a_package_that_is_not_installed(install):
    install("plug_other", "Thing = 1\n", thing="plug_other:Thing")
    with pytest.raises(UnknownNameError, match=r"no thing named 'whole'\. One of your own is there once its package is installed .* Known: thing\.") as found:
        _registry().load("whole")
    assert str(pickle.loads(pickle.dumps(found.value))) == str(found.value)
    with pytest.raises(UnknownNameError, match=r"no thing named 'thng'\. Did you mean 'thing'\? Known"):
        _registry().load("thng")


@pytest.mark.parametrize(
    ("said", "meant"), [("Countdown", "prm_gym/Countdown-v0"), ("deduction-v0", "prm_gym/Deduction-v0"), ("Natural", "prm_gym/NaturalDeduction-v0")]
)
def test_an_environment_is_offered_to_who_leaves_its_namespace_away(said, meant):
    known = ["prm_gym/Countdown-v0", "prm_gym/Deduction-v0", "prm_gym/NaturalDeduction-v0"]
    assert f"Did you mean {meant!r}?" in str(UnknownNameError("environment", said, known))


def test_nothing_is_read_before_it_is_needed(install):
    registry = _registry()
    install("plug_late", "Thing = 1\n", late="plug_late:Thing")
    assert registry.load("late") == 1


def test_an_unknown_name_gets_the_near_miss_and_the_list(install):
    install("plug_one", "Thing = 1\n", alpha="plug_one:Thing", beta="plug_one:Thing")
    with pytest.raises(UnknownNameError, match=r"There is no thing named 'alhpa'. Did you mean 'alpha'\? Known: alpha, beta\.") as caught:
        _registry().load("alhpa")
    assert isinstance(caught.value, LookupError)
    with pytest.raises(UnknownNameError, match=r"There is no thing named 'x'\. One of your own is there once .* Known: none\."):
        Registry("test_plugins.empty", "thing").load("x")


@pytest.mark.parametrize(
    ("source", "value", "says"),
    [
        ("", "plug_bad:Thing", r"The thing 'bad' \(plug_bad:Thing, package plug_bad\) cannot be imported: .*Thing"),
        ("", "no_such_module_here:Thing", "cannot be imported: No module named 'no_such_module_here'"),
        ("import no_such_module_here", "plug_bad:Thing", "cannot be imported: No module named 'no_such_module_here'"),
        ("raise SystemExit(0)", "plug_bad:Thing", "cannot be imported: SystemExit: 0"),
        ("raise RuntimeError('no GPU')", "plug_bad:Thing", r"package plug_bad\) cannot be imported: no GPU"),
    ],
)
def test_a_plug_in_that_cannot_be_imported_is_named_with_the_cause(install, source, value, says):
    install("plug_bad", source, bad=value)
    with pytest.raises(ContractError, match=says) as caught:
        _registry().load("bad")
    assert caught.value.__cause__ is not None


def test_a_missing_extra_stays_what_it_is(install):
    # Its message says what to install; it is not the plug-in that is broken.
    source = "from prm_gym.errors import MissingExtraError\nraise MissingExtraError('torch', 'torch')\n"
    install("plug_extra", source, extra="plug_extra:Thing")
    with pytest.raises(MissingExtraError, match=r"pip install 'prm-gym\[torch\]'"):
        _registry().load("extra")


def test_the_candidate_policy_without_torch_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # what Python does for a package that is not there
    monkeypatch.delitem(sys.modules, "prm_gym.agents.candidate", raising=False)
    monkeypatch.setattr(AGENTS, "_loaded", {})
    with pytest.raises(MissingExtraError, match=r"pip install 'prm-gym\[torch\]'"):
        make_agent("candidate")


def test_two_packages_under_one_name_are_both_named(install):
    install("plug_one", "Thing = 1\n", thing="plug_one:Thing", fine="plug_one:Thing")
    install("plug_two", "Thing = 2\n", thing="plug_two:Thing")
    registry = _registry()
    says = r"Two packages declare the thing 'thing': plug_\w+:Thing \(package plug_\w+\) and plug_\w+:Thing \(package plug_\w+\)\. Rename"
    for _ in range(2):  # not only when it is first asked
        with pytest.raises(DuplicateNameError, match=says) as caught:
            registry.load("thing")
        assert all(package in str(caught.value) for package in ("package plug_one", "package plug_two"))
    # Who uses another name is not kept from it.
    assert registry.names() == ["fine", "thing"]
    assert registry.load("fine") == 1
    with pytest.raises(DuplicateNameError):
        registry.register("thing", 3)


def test_one_object_declared_twice_is_no_conflict(install):
    # An editable install beside a wheel declares everything a second time.
    install("plug_one", "Thing = 1\n", thing="plug_one:Thing")
    install("plug_copy", "", thing="plug_one:Thing")
    assert _registry().load("thing") == 1


def test_registering_in_this_process(install):
    install("plug_one", "Thing = 1\n", declared="plug_one:Thing")
    registry, mine = _registry(), object()
    registry.register("mine", mine)
    registry.register("mine", mine)
    assert registry.load("mine") is mine
    assert registry.names() == ["declared", "mine"]
    for name in ("mine", "declared"):
        with pytest.raises(DuplicateNameError, match=f"The thing '{name}' is registered already"):
            registry.register(name, object())


def test_ours_are_declared_like_anybodys():
    for registry, name in ((VERIFIERS, "arithmetic"), (REWARDS, "dense"), (ASSIGNERS, "gigpo"), (AGENTS, "random")):
        assert name in registry.names()
        assert registry.load(name).__module__.startswith("prm_gym.")
    assert VERIFIERS.load("arithmetic") is ArithmeticVerifier


def test_a_plug_in_is_called_with_options_that_it_takes_alone():
    def factory(size, *, colour="red"):
        return size, colour

    def anything(**options):
        return options

    assert make("thing", "mine", factory, 3, colour="blue") == (3, "blue")
    assert make("thing", "mine", anything, kind=1, name=2) == {"kind": 1, "name": 2}
    assert make("thing", "mine", dict) == {}
    with pytest.raises(OptionError, match=r"option of the thing 'mine' named 'color'\. Did you mean 'colour'"):
        make("thing", "mine", factory, 3, color="blue")
    with pytest.raises(OptionError, match=r"thing 'mine': .*size"):
        make("thing", "mine", factory)


def test_a_text_is_no_number_and_neither_is_a_switch():
    def factory(share: float = 0.5, many: int | None = 3, on: bool = False, name: str = "", other=None):
        return share, many, on, name, other

    assert make("thing", "mine", factory, share=1, many=None, on=True, name="x", other="y") == (1, None, True, "x", "y")
    for option, value, wanted in (
        ("share", "half", "a number"), ("share", True, "a number"), ("many", "x", "a whole number"), ("many", 2.5, "a whole number"),
        ("on", "maybe", "true or false"), ("on", 1, "true or false"),
    ):  # fmt: skip
        with pytest.raises(OptionError, match=rf"{option} of the thing 'mine' is {wanted}, got {value!r}"):
            make("thing", "mine", factory, **{option: value})


def test_a_plug_in_that_cannot_be_called():
    with pytest.raises(ContractError, match="the thing 'mine' is a int, which makes nothing"):
        make("thing", "mine", 3)


@pytest.mark.parametrize(
    ("text", "plain", "options"),
    [
        ("judge:model?votes=4&protocol=capo", "judge:model", {"votes": 4, "protocol": "capo"}),
        ("judge:model?base_url=http://127.0.0.1:80/v1&json=true", "judge:model", {"base_url": "http://127.0.0.1:80/v1", "json": True}),
        ("prm:/a/what?/b", "prm:/a/what?/b", {}),
        ("prm:/a?b=", "prm:/a", {"b": ""}),
        ("prm:x?threshold=0.5&dtype=null", "prm:x", {"threshold": 0.5, "dtype": None}),
        ("clip?limit=.5&low=-.25&file=.hidden", "clip", {"limit": 0.5, "low": -0.25, "file": ".hidden"}),
    ],
)
def test_options_are_told_from_arguments(text, plain, options):
    assert split_options(text) == (plain, options)
