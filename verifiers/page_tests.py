"""Whether a page that was written does what is required of it, by testing it in a closed browser."""

from collections.abc import Sequence

import msgspec

from prm_gym.browser import BrowserFault
from prm_gym.claims import Claim, Malformed, PageTests, Refused
from prm_gym.errors import ContractError
from prm_gym.pages import PageOutcome, PageRunner, described_step, no_browser
from prm_gym.verdict import Verdict, abstained, failed, judged
from prm_gym.verifier import ClaimVerifier, StepContext, badness

MOST_TESTS, MOST_STEPS = 40, 200
LONGEST_PAGE = 1 << 18


class PageTestsVerifier(ClaimVerifier):
    """Judges `PageTests` claims by running every test on the page in a browser context of its own, all pages of a batch side by side.

    - `incorrect`, 0: the page fails a test that the page before it passed; or it is handed in and fails one at all.
    - `correct`, 1: it passes a test that no page of the episode has passed (`PageTests.known`), and loses none; or it is handed in and passes all.
    - `neutral`, 0.5: nothing new, and nothing lost.

    The evidence holds `progress` (the share of the tests that pass), what passes, what is new and lost, and of the first test that fails its requirement, the
    step at which it failed and the beginning of what was seen. `Refused` claims (an edit that fits nowhere, a deed that cannot be done): `incorrect`, 0.

    The page runs in a context without a network, with a bound on its heap, and a deadline for every step: a page that loops, crashes, leaves its address,
    opens windows or never comes to rest fails the test in which it does so. What is seen of it comes from a world that its scripts do not share. It abstains
    where there is no browser, and says how to get one; where the browser itself fails, twice, the status is `error`.
    """

    id = "page_tests"
    version = "1"
    claims = (PageTests, Refused)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one claim alone."""
        if not isinstance(claim, self.claims):
            raise ContractError(f"the verifier 'page_tests' judges PageTests and Refused claims, got {type(claim).__name__}")
        return self._judged([claim])[0]

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict per step: that of its worst claim."""
        owned = [(place, claim) for place, step in enumerate(steps) for claim in step.claims if isinstance(claim, self.claims)]
        found: list[list[Verdict]] = [[] for _ in steps]
        for (place, _), verdict in zip(owned, self._judged([claim for _, claim in owned]), strict=True):
            found[place].append(verdict)
        return [self._worst(step, verdicts) for step, verdicts in zip(steps, found, strict=True)]

    def _worst(self, step: StepContext, verdicts: list[Verdict]) -> Verdict:
        for claim in step.claims:
            if isinstance(claim, Malformed):
                return judged("malformed", 0.0, claim.reason)
        return max(verdicts, key=badness, default=abstained("the step makes no claim of a kind that this verifier understands"))

    def _judged(self, claims: Sequence[Claim]) -> list[Verdict]:
        found: dict[int, Verdict] = {}
        pages: dict[int, PageTests] = {}
        for place, claim in enumerate(claims):
            if isinstance(claim, Refused):
                found[place] = judged("incorrect", 0.0, claim.reason)
            elif not isinstance(claim, PageTests):
                found[place] = abstained("no claim of this kind")
            elif reason := _defect(claim):
                found[place] = abstained(reason)
            else:
                pages[place] = claim
        for place, verdict in zip(pages, self._tested(list(pages.values())), strict=True):
            found[place] = verdict
        return [found[place] for place in range(len(claims))]

    def _tested(self, claims: Sequence[PageTests]) -> list[Verdict]:
        reason = no_browser() if claims else ""
        if reason:
            return [abstained(reason)] * len(claims)
        try:
            outcomes = PageRunner().run([(claim.html, claim.tests) for claim in claims])
        except BrowserFault as fault:
            return [failed(f"the browser itself failed: {fault}")] * len(claims)
        return [_verdict(claim, found) for claim, found in zip(claims, outcomes, strict=True)]


def _verdict(claim: PageTests, outcomes: Sequence[PageOutcome | None]) -> Verdict:
    if any(outcome is None for outcome in outcomes):
        return failed("the browser itself failed")
    holding = [place for place, outcome in enumerate(outcomes) if outcome is not None and outcome.passed]
    lost = [place for place in claim.before if place not in holding]
    new = [place for place in holding if place not in {*claim.known, *claim.before}]
    names = [test.requirement for test in claim.tests]
    evidence: dict[str, object] = {"progress": len(holding) / len(claim.tests), "holding": [names[place] for place in holding]}
    evidence |= {"new": [names[place] for place in new]} if new else {}
    evidence |= {"lost": [names[place] for place in lost]} if lost else {}
    first = next((place for place, outcome in enumerate(outcomes) if outcome is not None and not outcome.passed), None)
    if first is not None and (outcome := outcomes[first]) is not None:
        steps = claim.tests[first].steps
        step = described_step(steps[outcome.place]) if outcome.place >= 0 else "open the page"
        evidence["failing"] = {"requirement": names[first], "step": step, "reason": outcome.reason, "seen": outcome.seen}
    share = f"{len(holding)} of {len(names)} requirements hold"
    if claim.final:
        return judged("incorrect" if first is not None else "correct", float(first is None), share, **evidence)
    if lost:
        return judged("incorrect", 0.0, f"{share}; lost: {', '.join(names[place] for place in lost)}", **evidence)
    if new:
        return judged("correct", 1.0, f"{share}; new: {', '.join(names[place] for place in new)}", **evidence)
    return judged("neutral", 0.5, f"{share}; none for the first time", **evidence)


def _defect(claim: PageTests) -> str:
    """Why a claim cannot be judged; empty where it can."""
    try:
        claim = msgspec.convert(msgspec.to_builtins(claim), PageTests)
        claim.html.encode()
    except (msgspec.ValidationError, TypeError, UnicodeEncodeError, RecursionError):
        return "no well-formed claim"
    if not 0 < len(claim.tests) <= MOST_TESTS or any(not 0 < len(test.steps) <= MOST_STEPS for test in claim.tests):
        return f"there are 1 to {MOST_TESTS} tests of 1 to {MOST_STEPS} steps"
    if any(not 0 <= place < len(claim.tests) for place in (*claim.before, *claim.known)):
        return "what passed before is no test of these"
    return "" if len(claim.html) <= LONGEST_PAGE else f"the page has more than {LONGEST_PAGE:,} characters"
