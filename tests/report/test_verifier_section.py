"""What the page says of verifiers, from counts by hand."""

import msgspec
import pytest

from prm_gym.report.page import render_page
from prm_gym.report.verifier_section import agreement, verifiers_of
from prm_gym.verdict_ledger import VerifierPair, VerifierUse

Z3 = VerifierUse(verifier="z3", calls=100, timeout=4, error=1, seconds=2.0, remembered=25, solved=10, solved_refused=1, unsolved=20, unsolved_refused=16)
JUDGE = VerifierUse(verifier="judge", calls=100, abstain=50, seconds=30.0, queued_seconds=3.0)
APART = VerifierPair(first="judge", second="z3", both=40, apart=10)


def _judged(comparison):
    return msgspec.structs.replace(comparison, runs=tuple(msgspec.structs.replace(run, verifiers=(JUDGE, Z3), pairs=(APART,)) for run in comparison.runs))


def test_counts_are_summed_over_the_runs(bare):
    comparison = _judged(bare({("grpo", "dense"): {0: 0.5, 1: 0.6, 2: 0.7}}))
    (judge, z3), (apart,) = verifiers_of(comparison)
    assert (z3.calls, z3.timeout, z3.error, z3.remembered, z3.seconds) == (300, 12, 3, 75, 6.0)
    assert (judge.abstain, judge.queued_seconds, judge.remembered) == (150, 9.0, None)
    assert (apart.both, apart.apart) == (120, 30)


def test_what_one_run_does_not_know_is_not_known_of_all(bare):
    comparison = _judged(bare({("grpo", "dense"): {0: 0.5, 1: 0.6}}))
    one, other = comparison.runs
    other = msgspec.structs.replace(other, verifiers=(msgspec.structs.replace(Z3, remembered=None),))
    _, z3 = verifiers_of(msgspec.structs.replace(comparison, runs=(one, other)))[0]
    assert (z3.calls, z3.remembered) == (200, None)


def test_agreement_weighs_solved_and_failed_episodes_alike():
    # 9 of 10 solved episodes without a refused step, 16 of 20 failed ones with one.
    assert agreement(Z3) == pytest.approx((0.9 + 0.8) / 2)
    assert agreement(JUDGE) is None
    always = msgspec.structs.replace(Z3, solved_refused=10, unsolved_refused=20)
    assert agreement(always) == 0.5  # refusing everything knows nothing


def test_the_page_has_the_figures(bare):
    page = render_page(_judged(bare({("grpo", "dense"): {0: 0.5}})))
    for said in ("4 (4.0%)", "1 (1.0%)", "50 (50.0%)", "20 ms", "300 ms", "25.0%", "85.0%", "judge, z3"):
        assert said in page, said
    assert page.count('aria-label="Verifiers and each other"') == 1


def test_a_comparison_that_has_counted_nothing_has_no_section(bare):
    assert 'id="verifiers"' not in render_page(bare({("grpo", "outcome"): {0: 0.5}}))
