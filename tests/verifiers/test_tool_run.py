"""What the verifier of tool runs says, and how much can be earned from it."""

from prm_gym.claims import AnswerSupport, ToolRun
from prm_gym.rewards import DenseReward, JudgedStep
from prm_gym.testing import claim_case
from prm_gym.verifiers.tool_run import MOST_CREDITED, ToolRunVerifier

USES = ToolRun("ok", printed=True, used=("name total",))


def _verdict(claim):
    return ToolRunVerifier().verify([claim_case("full", claim).step])[0]


def test_the_evidence_says_where_an_answer_comes_from():
    for origin in ("computed", "typed", "none"):
        verdict = _verdict(AnswerSupport(origin, 3))
        assert (verdict.status, verdict.score, verdict.evidence) == ("abstain", None, {"origin": origin, "runs": 3})


def test_the_reason_names_what_is_used_and_what_went_wrong():
    assert _verdict(USES).reason == "it ran and uses name total of earlier calls"
    assert _verdict(ToolRun("timeout", error="it took more than 5 seconds")).reason == "the run failed: it took more than 5 seconds"
    assert _verdict(ToolRun("exception", error="KeyError: 1", repeated=True)).reason == "the run failed, as it did before: KeyError: 1"


def test_no_episode_earns_more_than_one_credit_however_long_it_is():
    # Under "dense" a correct step is worth 0.45 / horizon, neutral and trivial ones nothing: 1 of 30 makes 0.015, whatever the other 29 are.
    steps = [_verdict(ToolRun("ok", printed=True, used=("name x",), credited=place)) for place in range(30)]
    scheme = DenseReward(30)
    rewards = [scheme.reward(JudgedStep({"tool_run": verdict}), []) for verdict in steps]
    assert MOST_CREDITED == 1
    assert abs(sum(rewards) - 0.45 / 30) < 1e-12
    assert steps[29].evidence == {"used": ["name x"], "credited": 29}
