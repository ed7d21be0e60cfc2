import pytest

from prm_gym.chains import Chain, ChainStep, written
from prm_gym.errors import UnknownNameError
from prm_gym.prm.probes import PROBES, Setting, apply, compare, probes_named

CHAIN = written("How many?", ["We have 3. Then 4.", "3 + 4 = 7.", "So it is 7."])
SETTING = Setting((True, False, True), written("Other?", ["1 + 1 = 2.", "It is 2."]).steps)


def _texts(name, chain=CHAIN, setting=SETTING):
    changed = apply(PROBES[name], chain, setting)
    return None if changed is None else list(changed.texts)


def test_every_probe_changes_the_solution_and_never_the_problem():
    for name, probe in PROBES.items():
        changed = apply(probe, CHAIN, SETTING)
        assert changed is not None, name
        assert changed.problem == CHAIN.problem
        assert changed != CHAIN
        assert all(step.text for step in changed.steps)
        assert apply(probe, CHAIN, SETTING) == changed


def test_what_they_do():
    first, second, last = CHAIN.texts
    assert _texts("repetition") == [first, first, first, first, second, last]
    assert _texts("repetition", setting=Setting((False, True, True))) == [first, second, second, second, second, last]
    assert _texts("another-problem") == [first, second, last, "1 + 1 = 2.", "It is 2."]
    assert _texts("merging") == [f"{first} {second} {last}"]
    assert _texts("splitting") == ["We have 3.", "Then 4.", second, last]
    assert _texts("stopping") == [first, second]
    assert _texts("padding")[-1] == last
    assert len(_texts("padding")) == len(_texts("padding-after")) == 8
    assert sorted(_texts("shuffling")) == sorted(CHAIN.texts)
    assert _texts("shuffling")[-1] == last
    assert _texts("restating")[0] == "We are asked: How many?"
    assert len(_texts("only-thanks")) == 1
    assert all(r"\boxed{-1}" in text and "</paragraph_0>" in text for text in _texts("verdicts"))
    assert all("<extra_0>" in text and "ки" in text for text in _texts("separators"))


def test_what_cannot_be_done_is_left_out():
    one = written("How many?", ["It is 7."])
    assert [name for name in PROBES if apply(PROBES[name], one, Setting((False,))) is None] == [
        "repetition", "another-problem", "merging", "splitting", "stopping", "shuffling"
    ]  # fmt: skip
    assert all(apply(probe, Chain("?", ()), SETTING) is None for probe in PROBES.values())
    seen = Chain("?", (ChainStep("a"), ChainStep("b", "tool said"), ChainStep("c", "x")))
    assert apply(PROBES["merging"], seen, SETTING) is None  # one step cannot have seen what came between
    assert apply(PROBES["verdicts"], seen, SETTING).steps[1].seen == "tool said"


def test_rises_and_flips_by_hand():
    # Up and over the threshold; up below it; the same; down; lost its score; got one; up by rounding.
    before = [0.4, 0.1, 0.5, 0.9, 0.7, None, 0.3]
    after = [0.6, 0.2, 0.5, 0.8, None, 0.9, 0.3 + 1e-9]
    found = compare("padding", "min", before, after, threshold=0.5)
    assert (found.tried, found.rises, found.flips, found.undecided, found.gained) == (5, 2, 1, 1, 1)
    assert found.mean_change == pytest.approx((0.2 + 0.1 + 0 - 0.1 + 1e-9) / 5)


def test_names():
    assert probes_named([]) == tuple(PROBES.values())
    with pytest.raises(UnknownNameError, match="padding"):
        probes_named(["paddin"])
