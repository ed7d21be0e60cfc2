import msgspec
import pytest

from prm_gym.report.comparison import Reference, contrasts, summarise
from prm_gym.report.findings import fewest_seeds, findings


def said(comparison):
    return " ".join(findings(comparison, summarise(comparison), contrasts(comparison)))


def even(value, seeds, step=0.001):
    return {seed: value + step * seed for seed in range(seeds)}


def test_overlap_is_not_called_a_difference(bare):
    text = said(bare({("a", "x"): {0: 0.5, 1: 0.7}, ("b", "x"): {0: 0.6, 1: 0.8}}))
    assert "The highest mean final success is 0.700 [0.600, 0.800], of b + x" in text
    assert "Its interval overlaps with that of a + x: this run does not separate them." in text
    assert "wholly above" not in text


def test_disjoint_intervals_are_said_to_be(bare):
    assert "Its interval lies wholly above that of the other." in said(bare({("a", "x"): even(0.2, 3), ("b", "x"): even(0.6, 3)}))
    three = said(bare({("a", "x"): even(0.2, 3), ("b", "x"): even(0.6, 3), ("c", "x"): even(0.1, 3)}))
    assert "Its interval lies wholly above those of all 2 others." in three


def test_many_overlaps_are_counted(bare):
    table = {(credit, "x"): {0: 0.5, 1: 0.7} for credit in "abcde"}
    assert "overlaps with those of all 4 others: this run does not separate them" in said(bare(table))
    assert "overlaps with those of 4 of the 5 others" in said(bare(table | {("f", "x"): {0: 0.0, 1: 0.1}}))


def test_too_few_seeds_for_a_test_are_told_however_large_the_difference(bare):
    # Five pairs: p is at least 2^-4 = 0.0625 for one comparison; below 0.05 takes 6.
    text = said(bare({("a", "x"): even(0.1, 5), ("b", "x"): even(0.9, 5)}))
    assert "5 seeds cannot give a corrected p-value below 0.0625, whatever the results" in text
    assert "needs 6 seeds or more" in text
    assert "higher" not in text


def test_enough_seeds_and_one_sign_make_a_difference(bare):
    # Six pairs of one sign: p = 2^-5 = 0.0312.
    text = said(bare({("a", "x"): even(0.1, 6), ("b", "x"): even(0.9, 6)}))
    assert "Against a + x, b + x is higher (sign-flip p corrected for 1 comparison: at most 0.0312)." in text


def test_a_difference_that_correction_takes_away_is_not_claimed(bare):
    # Six pairs and two comparisons: 2 x 0.0312 = 0.0625, whatever the results.
    text = said(bare({("a", "x"): even(0.1, 6), ("b", "x"): even(0.9, 6), ("c", "x"): even(0.8, 6)}))
    assert "6 seeds cannot give a corrected p-value below 0.0625" in text
    assert "higher" not in text


def test_both_directions_are_told(bare):
    text = said(bare({("a", "x"): even(0.5, 8), ("b", "x"): even(0.9, 8), ("c", "x"): even(0.1, 8)}))
    assert "Against a + x, b + x is higher; c + x is lower" in text


def test_enough_seeds_without_a_difference(bare):
    mixed = {seed: 0.5 + (0.1 if seed % 2 else -0.1) for seed in range(8)}
    assert "Against a + x, no difference has a corrected p-value below 0.05." in said(bare({("a", "x"): even(0.5, 8, 0), ("b", "x"): mixed}))


@pytest.mark.parametrize("tests", range(1, 40))
def test_fewest_seeds_is_the_first_that_can(tests):
    seeds = fewest_seeds(tests)
    assert tests * 2.0 ** (1 - seeds) < 0.05 <= tests * 2.0 ** (2 - seeds)


def test_one_seed_separates_nothing(synthetic):
    text = said(synthetic(seeds=(4,)))
    assert "One seed a combination gives no interval: this run does not separate the combinations." in text
    assert "p-value" not in text


def test_one_combination_is_not_compared(bare):
    text = said(bare({("a", "x"): {0: 0.5, 1: 0.7}}))
    assert "a + x ends at a success of 0.600 [0.500, 0.700]" in text
    assert "highest" not in text


def test_a_lone_seed_among_others_cannot_be_placed(bare):
    text = said(bare({("a", "x"): even(0.2, 3), ("b", "x"): even(0.6, 3), ("c", "x"): {0: 0.5}}))
    assert "1 combination with a single seed cannot be placed." in text
    assert "wholly above" not in text
    assert "2 of the 9 runs are missing" in text


def test_nothing_ran(bare):
    assert said(bare({})) == "No run has finished, so there is nothing to compare."


def test_what_reaches_down_to_the_floor_is_not_shown_to_have_learned(bare):
    floor = Reference(agent="random", role="floor", success=0.2, low=0.15, high=0.25, mean_steps=3.0)
    flat = bare({("a", "x"): {0: 0.2, 1: 0.3}, ("b", "x"): {0: 0.6, 1: 0.8}}, references=(floor,))
    assert "The interval of a + x reaches down to the random agent: it is not shown to do better." in said(flat)
    # Its mean lies above the floor's interval; it is its own interval that counts.
    above = bare({("a", "x"): {0: 0.2, 1: 0.6}, ("b", "x"): {0: 0.7, 1: 0.8}}, references=(floor,))
    assert "The interval of a + x reaches down to the random agent" in said(above)
    constant = msgspec.structs.replace(floor, agent="constant", role="baseline", success=0.7, low=None, high=None)
    both = said(msgspec.structs.replace(flat, references=(floor, constant)))
    assert "The interval of every combination reaches down to the constant agent: it is not shown to do better." in both
    ceiling = msgspec.structs.replace(floor, agent="scripted", role="ceiling", success=1.0, low=1.0, high=1.0)
    assert "scripted agent: " not in said(msgspec.structs.replace(flat, references=(ceiling,)))
