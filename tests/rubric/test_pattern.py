"""The linear engine against Python's `re`, and in time on what `re` cannot stand."""

import pickle
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.errors import OptionError
from prm_gym.rubric.pattern import Pattern

PLAIN = ["", "a", "a|b", "(?:ab)*c", "a{2,3}b", "a{0,2}?b", "^a$", r"\bab\b", r"\Bb", ".b", "[^ab]c", r"\w+\s\d", r"\Aa|b\Z", "(a+)+b", "(?i:A)b"]
PLAIN += ["(a|ab)(c|bcd)", "(a|)*b", "(?:a?){3}a{3}", "[a-c]{2}$"]
FLAGGED = [("^a$", "m"), (".b", "s"), ("É", "i"), (r"\w\b", "a"), ("a b # c", "x"), (r"^\s*$", "m"), ("ſ", "i")]
PATTERNS = [*((source, "") for source in PLAIN), *FLAGGED]
TEXT = st.text(alphabet="aAbcd é\nÉ1_s", max_size=12)


@pytest.mark.parametrize(("source", "flags"), PATTERNS)
@settings(max_examples=60, deadline=None)
@given(text=TEXT)
def test_it_finds_what_python_finds(source, flags, text):
    value = sum(getattr(re, flag.upper()) for flag in flags)
    pattern = Pattern(source, flags)
    assert (pattern.ends(text) is None) == (re.search(source, text, value) is None)
    assert pattern.matches(text) == (re.fullmatch(source, text, value) is not None)
    end = pattern.ends(text)
    if end is not None and not set(source) & set("^$\\"):  # a match ends there, and none before
        assert any(re.compile(source, value).fullmatch(text, start, end) for start in range(end + 1))
        assert not any(re.compile(source, value).fullmatch(text, start, stop) for stop in range(end) for start in range(stop + 1))


@settings(max_examples=150, deadline=None)
@given(source=st.text(alphabet="ab()|*+?^$.{2}", max_size=10), text=st.text(alphabet="ab\n", max_size=8))
def test_random_patterns(source, text):
    try:
        expected = re.compile(source)
    except re.error:
        with pytest.raises(OptionError):
            Pattern(source)
        return
    try:
        pattern = Pattern(source)
    except OptionError:  # a possessive form
        assert re.search(r"[+*?}]\+", source)
        return
    assert (pattern.ends(text) is not None) == (expected.search(text) is not None)
    assert pattern.matches(text) == (expected.fullmatch(text) is not None)


LEAVES = [
    "a",
    "b",
    "A",
    "1",
    "_",
    " ",
    "\\n",
    "é",
    "É",
    "ß",
    "ſ",
    "K",
    "İ",
    "ı",
    ".",
    r"\d",
    r"\w",
    r"\s",
    r"\D",
    r"\W",
    r"\S",
    "[ab]",
    "[^a]",
    "[a-c1]",
    r"[\w-]",
]
LEAVES += [r"[^\s\d]", "[A-Z]", r"\.", r"\x61", "[é-ü]", r"[^\W\d_]", "#", "[]a]", "[^]]", "^", "$", r"\A", r"\Z", r"\b", r"\B"]
TIMES = ["*", "+", "?", "{2}", "{0,2}", "{1,}", "{,2}", "*?", "+?", "??", "{1,2}?", "{0}", "{2,}?"]
SYNTAX = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(st.one_of(inner, st.just("")), min_size=1, max_size=3).map(lambda ways: f"(?:{'|'.join(ways)})"),
        st.tuples(st.sampled_from(["(", "(?:", "(?i:", "(?s:", "(?-i:", "(?a:", "(?u:", "(?x:", "(?is:", "(?P<n>"]), inner).map(
            lambda parts: f"{parts[0]}{parts[1]})"
        ),
        st.tuples(inner, st.sampled_from(TIMES)).map(lambda parts: f"(?:{parts[0]}){parts[1]}"),
    ),
    max_leaves=8,
)


@settings(max_examples=600, deadline=None)
@given(source=SYNTAX, flags=st.sets(st.sampled_from("imsxa")).map("".join), text=st.text(alphabet="aAbBc1_ \néÉßſKkiİıI.-#]²٣", max_size=8))
def test_patterns_of_the_whole_syntax(source, flags, text):
    try:
        expected = re.compile(source, sum(getattr(re, flag.upper()) for flag in flags))
    except re.error:
        with pytest.raises(OptionError):
            Pattern(source, flags)
        return
    try:
        pattern = Pattern(source, flags)
    except OptionError:  # it switches the flag a around an anchor
        assert re.search(r"\(\?[au]:", source)
        assert re.search(r"\\[bB]", source)
        return
    if text or r"\B" not in source:  # which holds in an empty text from Python 3.14 on
        # Not `search`: of r"(?a:\W)" it finds nothing in "é", which `match` does.
        assert (pattern.ends(text) is not None) == any(expected.match(text, start) for start in range(len(text) + 1))
        assert pattern.matches(text) == (expected.fullmatch(text) is not None)


def test_flags_that_hold_for_a_part():
    assert Pattern("(?-i:a)b", "i").matches("aB")
    assert not Pattern("(?-i:a)b", "i").matches("AB")
    assert Pattern(r"(?a:\w)\w").matches("aé")
    assert not Pattern(r"(?a:\w)\w").matches("éa")
    for source in (r"(?a:\bx)", r"(?a:\B)"):
        with pytest.raises(OptionError, match="set it for the whole"):
            Pattern(source)
    assert Pattern(r"(?a:\bx)", "a").matches("x")


@settings(max_examples=40, deadline=None)
@given(source=SYNTAX.map(lambda inner: f"(?:(?:{inner})*)*="), piece=st.text(alphabet="aAb1 é\n", min_size=1, max_size=6))
def test_nested_repetitions_take_linear_time(source, piece):
    try:
        pattern = Pattern(source)
    except OptionError:
        return
    text = piece * (20_000 // len(piece))
    begun = time.process_time()
    assert pattern.ends(text) is None
    assert time.process_time() - begun < 5.0


@pytest.mark.parametrize(
    ("source", "text"),
    [("(a+)+b", "a" * 16_000), ("(a|a)*b", "a" * 16_000), (".*.*.*=", "x" * 16_000), ("(?:a?){100}a{100}", "a" * 99), ("(a|b)*a(a|b){14}c", "abba" * 4_000)],
)
def test_hostile_texts_take_linear_time(source, text):
    begun = time.process_time()
    assert Pattern(source).ends(text) is None
    assert time.process_time() - begun < 5.0


def test_what_cannot_be_matched_so_is_refused():
    for source in (r"(a)\1", "a(?=b)", "(?<!a)b", "a++", "(?>a)", "(", "a{1000}", "(a{50}){50}", "(?m:^a)", "a**"):
        with pytest.raises(OptionError):
            Pattern(source)
    with pytest.raises(OptionError, match="flags"):
        Pattern("a", "q")


def test_a_pattern_can_be_pickled():
    assert pickle.loads(pickle.dumps(Pattern("^a+$", "i"))).matches("AAA")
