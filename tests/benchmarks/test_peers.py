"""What benchmarks/peers does with what it measures; the peers themselves are not run here."""

import importlib
import json
import os
import re
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks" / "peers"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the benchmarks are not part of the wheel")
MODULES = ("pairs", "roster", "tables", "run", "features")


@pytest.fixture(scope="module")
def peers():
    """The modules of the benchmark, whose names are not left behind."""
    before = {name: sys.modules.pop(name, None) for name in MODULES}
    sys.path.insert(0, str(FOLDER))
    try:
        yield SimpleNamespace(**{name: importlib.import_module(name) for name in MODULES})
    finally:
        sys.path.remove(str(FOLDER))
        for name, module in before.items():
            sys.modules.pop(name, None)
            if module is not None:
                sys.modules[name] = module


def test_the_pairs_are_even_distinct_and_the_same_again(peers):
    made = peers.pairs.pairs(7, 6)
    assert made == peers.pairs.pairs(7, 6) != peers.pairs.pairs(8, 6)
    assert sum(pair["right"] for pair in made) * 2 == len(made)
    assert len({(pair["gold"], pair["answer"]) for pair in made}) == len({(pair["gold"], pair["answer"], pair["right"]) for pair in made}) == len(made)
    assert {pair["family"] for pair in made} == set(peers.pairs.FAMILIES)


def _value(text):
    """A number written as an integer, a decimal, a quotient, a fraction of LaTeX or a root: its square, with its sign."""
    above, below = re.fullmatch(r"\\frac\{(-?\d+)\}\{(\d+)\}", text).groups() if "frac" in text else (None, None)
    if above is not None:
        value = Fraction(int(above), int(below))
    elif "sqrt" in text:
        factor, under = re.fullmatch(r"(\d*)\\sqrt\{(\d+)\}", text).groups()
        return Fraction(int(factor or 1) ** 2 * int(under))
    else:
        value = Fraction(text.replace(",", ""))
    return value * abs(value)


@pytest.mark.parametrize("family", ["integers", "decimals", "fractions", "roots", "close"])
def test_numbers_are_equal_exactly_where_the_pair_says_so(peers, family):
    made = [pair for pair in peers.pairs.pairs(3, 40) if pair["family"] == family]
    assert len(made) >= 40
    assert all((_value(pair["gold"]) == _value(pair["answer"])) == pair["right"] for pair in made)


def test_polynomials_agree_at_every_place_or_not_at_all(peers):
    # Gold (x+a)(x+b); a wrong answer is one more, everywhere.
    for pair in (pair for pair in peers.pairs.pairs(3, 10) if pair["family"] == "polynomials"):
        a, b = map(int, re.fullmatch(r"\(x\+(\d+)\)\(x\+(\d+)\)", pair["gold"]).groups())
        linear, constant = map(int, re.fullmatch(r"x\^2\+(\d+)x\+(\d+)", pair["answer"]).groups())
        assert [(x + a) * (x + b) - (x * x + linear * x + constant) for x in (-2, 0, 5)] == [0 if pair["right"] else -1] * 3


def _record(peer, measure, found, repeat=0, version="1.0"):
    names = {"prm_gym": "prm-gym"}
    return {"peer": peer, "measure": measure, "repeat": repeat, "found": found, "machine": "2 cores", "load": 0.5, "versions": {names.get(peer, peer): version}}


WORK = {
    "pairs": [
        {"family": "f", "gold": "1", "answer": "1", "right": True},
        {"family": "f", "gold": "1", "answer": "2", "right": False},
        {"family": "g", "gold": "3", "answer": "3.0", "right": True},
    ],
    "hostile": [{"gold": "1", "answer": "9" * 40}],
}


def test_errors_are_counted_in_both_directions_and_cannot_tell_apart(peers):
    records = [
        _record("prm_gym", "answers", {"per_second": 100.0, "said": [True, False, None]}),
        _record("verifiers", "answers", {"per_second": 50.0, "said": [True, True, False]}),
    ]
    text = peers.tables.report(records, WORK)
    # Ours: one right answer not paid (it cannot tell). Theirs: that one as well, and a wrong one paid; both agree on the first and the third.
    assert "| prm_gym | 100 | 1 | 1 of 2 | 0 of 1 | 1 | 100.0% |" in text
    assert "| verifiers | 50.0 | 2.00 | 1 of 2 | 1 of 1 | 0 | 66.7% |" in text
    assert "| verifiers | 0 + 1 | 1 + 0 |" in text
    assert "prm_gym 1.0, verifiers 1.0" in text


def test_ratios_are_taken_repeat_by_repeat_and_of_the_same_way(peers):
    def rates(verified, resets):
        return {"verified": {"per_second": verified}, "resets": {"per_second": resets}}

    records = [
        _record("prm_gym", "sudoku", rates(100.0, 10.0), 0),
        _record("gem-llm", "sudoku", rates(200.0, 1.0), 0),
        _record("prm_gym", "sudoku", rates(300.0, 10.0), 1),
        _record("gem-llm", "sudoku", rates(200.0, 1.0), 1),
    ]
    text = peers.tables.report(records, WORK)
    assert "| gem-llm | verified | 200 | 1.00 (0.500 to 1.50) |" in text  # 100/200 and 300/200
    assert "| gem-llm | resets | 1.00 | 10.0 |" in text


def test_what_failed_is_named_until_it_has_been_measured(peers):
    failed = _record("trl", "start", {"failed": "Traceback ...\nImportError: no torch"})
    assert "- trl, start: ImportError: no torch" in peers.tables.report([failed], WORK)
    mended = dict.fromkeys(("import_seconds", "first_step_seconds", "import_mib", "first_step_mib"), 1.0)
    assert "Failed" not in peers.tables.report([failed, _record("trl", "start", mended)], WORK)


def test_repeats_are_interleaved_and_begin_with_another_peer(peers):
    order = list(peers.run.plan(["prm_gym", "math-verify", "trl"], ["answers", "hostile"], 2))
    answers = [(name, repeat) for name, measure, repeat in order if measure == "answers"]
    assert answers == [("prm_gym", 0), ("math-verify", 0), ("trl", 0), ("math-verify", 1), ("trl", 1), ("prm_gym", 1)]
    assert {repeat for _, measure, repeat in order if measure == "hostile"} == {0}


def test_a_line_that_was_cut_off_is_left_out(peers, tmp_path):
    path = tmp_path / "records.jsonl"
    whole = json.dumps(_record("trl", "start", {}))
    path.write_text(f"{whole}\n{whole[:20]}", encoding="utf-8")
    assert peers.run.records(path) == [json.loads(whole)]
    assert peers.run.records(tmp_path / "none") == []


HANGING = """
import json, os, sys, time
work = json.load(open(sys.argv[2]))
print(json.dumps({"ready": True}), flush=True)
for place in range(work["first"], len(work["hostile"])):
    what = work["hostile"][place]["answer"]
    if what == "hang":
        time.sleep(60)
    if what == "die":
        os._exit(3)
    print("noise", flush=True)
    print(json.dumps({"place": place, "said": False, "seconds": 0.5}), flush=True)
print(json.dumps({"done": True}), flush=True)
"""


def test_a_hanging_and_a_dying_grader_are_told_apart_and_gone_on_after(peers, tmp_path, monkeypatch):
    part = tmp_path / "hanging_part.py"
    part.write_text(HANGING, encoding="utf-8")
    monkeypatch.setattr(peers.run, "ROSTER", {"prm_gym": peers.roster.Peer(str(part), ("hostile",))})
    monkeypatch.setattr(peers.run, "HANGS_AFTER", 1.0)
    given = {"hostile": [{"answer": what} for what in ("fine", "hang", "die", "fine")]}
    found = peers.run.measured("prm_gym", "hostile", given)
    assert found == {"said": [[False, 0.5], ["hung", None], ["died", None], [False, 0.5]]}


def test_a_part_that_fails_says_why(peers, tmp_path, monkeypatch):
    part = tmp_path / "failing_part.py"
    part.write_text("raise SystemExit('no such page')", encoding="utf-8")
    monkeypatch.setattr(peers.run, "ROSTER", {"prm_gym": peers.roster.Peer(str(part), ("start",))})
    assert peers.run.measured("prm_gym", "start", {}) == {"failed": "no such page"}


def test_tables_go_between_the_marks_of_the_readme_and_nowhere_else(peers, tmp_path, monkeypatch):
    monkeypatch.setattr(peers.run, "HERE", tmp_path)
    (tmp_path / "README.md").write_text("before\n<!-- measured -->\nold\n<!-- end -->\nafter\n", encoding="utf-8")
    for text in ("first", "second"):
        peers.run.into_readme(text)
        assert (tmp_path / "README.md").read_text(encoding="utf-8") == f"before\n<!-- measured -->\n\n{text}\n\n<!-- end -->\nafter\n"
    marks = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert marks.count("<!-- measured -->\n") == marks.count("<!-- end -->") == 1


def test_every_peer_has_its_part_and_its_lock(peers):
    for name, peer in peers.roster.ROSTER.items():
        assert (FOLDER / "parts" / peer.part).is_file()
        assert set(peer.measures) <= set(peers.run.MEASURES)
        if name != peers.roster.BASELINE:
            pins = peers.roster.lock_of(name).read_text(encoding="utf-8").splitlines()
            assert pins == sorted(pins)
            assert all(re.fullmatch(r"[\w.-]+==[\w.!+-]+", pin) for pin in pins)


def test_evidence_is_a_line_that_is_there(peers, tmp_path):
    (tmp_path / "a.py").write_text("one\ntwo\n", encoding="utf-8")
    assert peers.features.evidence(tmp_path, ("a.py", "two")) == "`a.py:2`"
    with pytest.raises(LookupError, match="no line with 'three'"):
        peers.features.evidence(tmp_path, ("a.py", "three"))
    ours = [lines["prm_gym"] for lines in peers.features.FEATURES.values() if "prm_gym" in lines]
    assert all(peers.features.evidence(peers.features.package("prm_gym"), line) for line in ours)


def test_the_parts_measure_memory_of_what_they_have_started(peers, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER / "parts"))
    measuring = importlib.import_module("measuring")
    try:
        before = measuring.memory()
        held = bytearray(os.urandom(1 << 20)) * 32  # 32 MiB that are really there
        assert 28 < measuring.memory() - before < 40
        assert len(held) == 32 << 20
        assert measuring.rate(lambda: 3, 0.02)["units"] % 3 == 0
    finally:
        del sys.modules["measuring"]
