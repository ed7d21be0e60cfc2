import numpy as np
import pytest

from prm_gym.agents.reading import BUCKETS, FEATURES, LENGTH, LONGEST, read


def _row(observation, action):
    return read(observation, (action,))[0].tolist()


def test_shape_and_range():
    rows = read("hypothesis: {A}\nfact1: {B} -> {A}", ("PROVED", "fact1 -> int1: {A}", ""))
    assert rows.shape == (3, FEATURES)
    assert rows.dtype == np.int16
    assert rows.min() >= 0
    assert rows.max() < BUCKETS


def test_n_grams_by_hand():
    # "go left" after an empty observation is read as three tokens, `go`, `left` and the bar before the (empty) context:
    # three 1-grams, two 2-grams, one 3-gram, nothing longer; each kind in its own part of the row, the rest 0.
    row = np.array(_row("", "go left")).reshape(LONGEST, LENGTH)
    assert (row != 0).sum(axis=1).tolist() == [3, 2, 1] + [0] * (LONGEST - 3)
    assert (row[0, :3] != 0).all()
    # An empty text is the bar alone.
    assert (np.array(_row("", "")) != 0).sum() == 1


def test_only_so_many_tokens_are_read():
    words = [f"w{letter}" for letter in "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefgh"]
    longer = " ".join(words[:LENGTH])
    assert _row("", longer) == _row("", f"{longer} and more")
    assert _row("", longer) != _row("", " ".join(["other", *words[1:LENGTH]]))
    assert (np.array(_row("", longer)).reshape(LONGEST, LENGTH) != 0).sum(axis=1).tolist() == [LENGTH - n for n in range(LONGEST)]


def test_a_candidate_is_read_alike_whatever_stands_beside_it():
    observation = "hypothesis: {A}\nfact1: {B} -> {A}\nfact2: {B}"
    actions = ("fact1 & fact2 -> int1: {A}", "PROVED", "fact2 -> int1: {B}")
    together = read(observation, actions)
    for place, action in enumerate(actions):
        assert together[place].tolist() == _row(observation, action)
    assert read(observation, actions[::-1])[::-1].tolist() == together.tolist()


def test_reading_twice_is_the_same():
    first = read("numbers: 1 2 3", ("1 + 2 = 3",)).copy()
    read.cache_clear()
    assert (read("numbers: 1 2 3", ("1 + 2 = 3",)) == first).all()


def test_names_are_only_names():
    # Renaming throughout changes nothing; mixing two names up does.
    observation, action = "hypothesis: {A}\nfact1: {B} -> {A}\nfact2: {B}", "fact1 & fact2 -> int1: {A}"
    renamed = [text.replace("A", "QX").replace("B", "M") for text in (observation, action)]
    assert _row(observation, action) == _row(*renamed)
    assert _row(observation, action) != _row(observation, "fact1 & fact2 -> int1: {B}")
    # Individuals are names of another kind.
    assert _row("", "{A}{a}") != _row("", "{A}{B}")
    assert _row("", "{A}{a} {A}{b}") == _row("", "{C}{d} {C}{e}")


def test_references_are_looked_up():
    # The same two statements under each other's labels: citing the one that says {A} -> {B} reads the same.
    end = "int1: {Z}"
    first = f"hypothesis: {{C}}\nfact1: {{A}} -> {{B}}\nfact2: {{A}} & {{D}}\n{end}"
    second = f"hypothesis: {{C}}\nfact1: {{A}} & {{D}}\nfact2: {{A}} -> {{B}}\n{end}"
    assert _row(first, "fact1 -> int2: {B}") == _row(second, "fact2 -> int2: {B}")
    assert _row(first, "fact1 -> int2: {B}") != _row(second, "fact1 -> int2: {B}")


def test_the_goal_and_the_latest_line_are_read_with_every_candidate():
    assert _row("hypothesis: {A}\nfact1: {B}\nfact2: {B}", "PROVED") != _row("hypothesis: ¬{A}\nfact1: {B}\nfact2: {B}", "PROVED")
    assert _row("hypothesis: {A}\nfact1: {B}\nfact2: {B}", "PROVED") != _row("hypothesis: {A}\nfact1: {B}\nfact2: ¬{B}", "PROVED")
    # A numbered line in the middle is read only where it is cited.
    assert _row("hypothesis: {A}\nfact1: never\nfact2: {B}", "PROVED") == _row("hypothesis: {A}\nfact1: always so\nfact2: {B}", "PROVED")


def test_what_stands_in_the_goal_is_marked():
    # "4" is in the first line of one observation and not of the other; the tokens read are the same.
    row, other = (np.array(_row(f"{goal}\nsome words", "take 4")).reshape(LONGEST, LENGTH) for goal in ("(get 4)", "(get 5)"))
    assert row[0, 1] != other[0, 1]
    assert (row[1:] == other[1:]).all()


def test_numbers_are_told_apart_up_to_a_bound():
    assert _row("", "take 1021") != _row("", "take 1022")
    assert _row("", "take 5000") == _row("", "take 123456789123456789")  # both beyond the table


ODD = ("²", "x² + ③", "٣ + ½", "四", "👩\u200d🔬", "\0\x1b", "\u202eabc", "->", ":", "fact1", "9" * 5_000, "fact99999999999999999: x", "a\r\nb", "\ud7ff")
BRACES = ("{", "{A", "{}", "}{", '{"tool": "search"}')


@pytest.mark.parametrize("text", [*ODD, *BRACES])
def test_any_text_can_be_read(text):
    for observation, action in ((text, "go"), ("goal: x", text), (f"{text}\nfact1: {text}\n{text}", f"fact1 {text}")):
        rows = read(observation, (action, "go"))
        assert rows.min() >= 0
        assert rows.max() < BUCKETS


def test_long_observations_are_read_quickly():
    read("\n".join(f"fact{number}: {{A}} -> {{B}}" for number in range(20_000)), ("fact7 -> int1: {B}",))
