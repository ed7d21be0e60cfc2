"""Where names may be broken."""

from prm_gym.report.name_lines import lines, name_widths


def test_the_best_place_that_does_is_taken():
    name = "prof|gigpo?gamma=0.9&step_weight=0.5|clip"
    assert lines(name, 41) == name
    assert lines(name, 40) == "prof|gigpo?gamma=0.9&step_weight=0.5\n|clip"  # the middle part has 32 characters: a bar is enough
    assert lines(name, 20) == "prof|gigpo?gamma=0.9\n&step_weight=0.5\n|clip"
    assert lines(name, 10) == "prof|gigpo\n?gamma=0.9\n&step_\nweight=0.5\n|clip"
    assert lines("ab", 1) == "a\nb"


def test_widths_by_hand():
    # 4 and 8 characters whole; 12 do. In 10 the pipeline is broken at its bar: 4 and 5.
    assert name_widths(["grpo"], ["a|bcdefg"], 12) == (4, 8)
    assert name_widths(["grpo"], ["abc|defg"], 10) == (4, 6)
    assert name_widths(["grpo"], ["abcdefgh"], 10) is None
    assert name_widths(["a_b"], ["a"], 3) == (2, 1)
    assert name_widths(["a_b"], ["a"], 3, worst=2) is None
