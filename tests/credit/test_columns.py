"""What a column may hold, wherever it is read."""

import math

import numpy as np
import pytest

from prm_gym.credit import ASSIGNERS, StepBatch, assign, key_array, key_steps, spae, turning_points
from prm_gym.credit.columns import RANGES, require_meaning
from prm_gym.credit.pairs import critical_step_pairs
from prm_gym.errors import CreditError

NAN = float("nan")


def batch_of(**columns):
    """Three attempts at a task, of one, two and one steps."""
    keys = {name: key_array(["s", "t", "s", "s"]) for name in ("state_key", "action_key")}
    given = {name: np.array(column) for name, column in columns.items()}
    return StepBatch([1.0, 0.0, 0.0, 1.0], [0, 1, 3, 4], ["g"] * 3, [1, 0, 1], [False] * 3, {**keys, **given})


@pytest.mark.parametrize(
    ("name", "column", "message"),
    [
        ("score", [0.5, 7.0, -0.1, 1.0], r"the column 'score' must be in \[0, 1\], or NaN where not known, got something else in rows 1 and 2"),
        ("label", [1.0, 0.5, 0.0, NAN], "the column 'label' must be 1, 0, or NaN where not known, got something else in row 1"),
        ("entropy", [0.0, 3.0, -1e-3, NAN], "the column 'entropy' must be 0 or more, or NaN where not known, got something else in row 2"),
        ("n_tokens", [0, 3, -1, -2], "the column 'n_tokens' must be 0 or more, or NaN where not known, got something else in rows 2 and 3"),
        ("score", [0.5, math.inf, 0.5, NAN], "the column 'score' must be numbers, or NaN where not known, got infinity in row 1"),
        ("my_own", [0.5, 1e300, -math.inf, NAN], "the column 'my_own' must be numbers, or NaN where not known, got infinity in row 2"),
    ],
)
def test_a_column_holds_what_it_means(name, column, message):
    with pytest.raises(CreditError, match=message):
        batch_of(**{name: column}).numbers(name)


def test_the_ends_of_a_range_and_what_is_not_known_pass():
    for name, (low, high) in RANGES.items():
        require_meaning(name, np.array([low, min(high, 1e300), NAN]))
        require_meaning(name, np.zeros(0))
    require_meaning("value", np.array([-1e300, 1e300]))


SCORED = ["grpo_ps", "p_grpo", "prof_grpo", "pure", "trust_grpo", "posterior_gate|grpo", "prof|grpo", "trust_weights|dr_grpo"]


@pytest.mark.parametrize("spec", SCORED)
def test_a_score_of_seven_is_refused_whoever_reads_it(spec):
    # Means of step scores are read by filters and gates, too.
    with pytest.raises(CreditError, match=r"'score' must be in \[0, 1\].* in row 2"):
        assign(spec, batch_of(score=[0.5, 0.5, 7.0, 0.5]))


def test_every_assigner_that_needs_scores_is_among_them():
    # renorm needs the column value as well; see its own tests.
    assert {name for name in ASSIGNERS.names() if "score" in ASSIGNERS.load(name).needs} <= {*SCORED, "renorm"}


def test_pairs_and_entropies():
    with pytest.raises(CreditError, match="'score' must be in"):
        critical_step_pairs(batch_of(score=[0.5, 0.5, 7.0, 0.5]))
    with pytest.raises(CreditError, match="'entropy' must be 0 or more"):
        assign("grpo|aem", batch_of(entropy=[0.5, 0.5, -7.0, 0.5]))


def test_each_assigner_has_its_own_range_of_potentials():
    # SPAE's potential is one of [-1, 1], key steps are shares, and that of TP-GRPO stands on the scale of the rewards.
    low = batch_of(potential=[0.5, -1.0, 1.0, NAN], final_potential=[1.0, NAN, 0.0, -0.5])
    assert np.isfinite(spae(low).advantages).all()
    with pytest.raises(CreditError, match=r"'potential' must be in \[0, 1\].* row 1"):
        key_steps(low)
    with pytest.raises(CreditError, match=r"'final_potential' must be in \[-1, 1\].* row 3"):
        spae(batch_of(potential=[0.5, -1.0, 1.0, NAN], final_potential=[1.0, NAN, 0.0, -1.5]))
    assert np.isfinite(turning_points(batch_of(potential=[50.0, -10.0, 7.0, NAN])).advantages).all()
