"""What the verifier of pages says where there is no browser, and beside its table of cases."""

from prm_gym.claims import PageTest, PageTests, PageTestStep, Refused
from prm_gym.verifier import verify_claims

CLAIM = PageTests("<p>Hello</p>", (PageTest("greets", (PageTestStep("shows", text="Hello"),)),))


def test_without_a_browser_it_abstains_and_says_how_to_get_one(monkeypatch):
    monkeypatch.setenv("PRM_GYM_CHROMIUM", "/nowhere/chromium")
    without, refused = verify_claims("page_tests", [CLAIM, Refused("no")])
    assert (without.status, without.score) == ("abstain", None)
    assert "chromium-headless-shell" in without.reason or "prm-gym[web]" in without.reason  # whichever is missing first
    assert refused.score == 0.0
