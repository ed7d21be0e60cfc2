"""Verifiers that judge whole chains with a model: all steps of an episode at once."""

import unicodedata
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from prm_gym.chains import Chain, gather
from prm_gym.claims import Malformed
from prm_gym.errors import ContractError
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import StepContext, Verifier

Status: TypeAlias = Literal["abstain", "timeout", "error"]
_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"  # letters and signs, by their category, that show nothing


class Judgement(msgspec.Struct, frozen=True):
    """What is said of the steps of one chain.

    Attributes:
        scores: [T] P(step is right) in [0, 1] of each step; None where it cannot be told.
        reasons: [T] one sentence for a person of each step.
        evidence: JSON values that hold for the chain: votes, critique, corrections, windows.
        step_evidence: [T] JSON values of each step (logits, dimensions), or empty.
        status: of the verdicts on steps without a score: `timeout` or `error` where a model or its server failed and asking again may help.
        statuses: [T] the same of each step by itself, or empty where `status` holds for all.
    """

    scores: tuple[float | None, ...]
    reasons: tuple[str, ...]
    evidence: dict[str, Any] = {}
    step_evidence: tuple[dict[str, Any], ...] = ()
    status: Status = "abstain"
    statuses: tuple[Status, ...] = ()


def unjudged(chain: Chain, reason: str, **evidence: Any) -> Judgement:
    """The judgement "cannot tell" of every step."""
    return Judgement((None,) * len(chain), (reason,) * len(chain), evidence)


class ChainVerifier(Verifier):
    """A verifier whose model judges chains.

    The steps of a batch are gathered in the fewest chains, so that an episode is judged once however many of its steps are asked about. That is right only
    where what is said of a step does not depend on later ones; a verifier whose model sees the whole chain says so by `looks_ahead`, and every step is
    then judged at the end of its own chain. A step that the environment could not read is malformed, and no model is asked; one without a visible character
    is abstained on.

    Attributes:
        threshold: a step is called correct from this score on. In (0, 1).
        looks_ahead: what is said of a step depends on the steps after it.
    """

    threshold: float = 0.5
    looks_ahead: bool = False

    @abstractmethod
    def judge(self, chains: Sequence[Chain]) -> list[Judgement]:
        """One judgement a chain, in order.

        Args:
            chains: of at least one step each.
        """

    def judge_some(self, chains: Sequence[Chain], wanted: Sequence[frozenset[int]]) -> list[Judgement]:
        """The judgements of which only some steps are looked at. Override it where a step costs something of its own; else all are judged.

        Args:
            chains: of at least one step each.
            wanted: indices of the steps of each chain whose verdicts are wanted.
        """
        return self.judge(chains)

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict per step: what the model says of it in its chain."""
        found: dict[int, Verdict] = {}
        for at, step in enumerate(steps):
            malformed = next((claim for claim in step.claims if isinstance(claim, Malformed)), None)
            if malformed is not None:
                found[at] = judged("malformed", 0.0, malformed.reason)
            elif not _shows(step.action):
                found[at] = abstained("the step is empty")
        asked = [at for at in range(len(steps)) if at not in found]
        gathered = gather([steps[at] for at in asked], ends_only=self.looks_ahead)
        wanted: list[set[int]] = [set() for _ in gathered.chains]
        for place in gathered.places:
            wanted[place.chain].add(place.index)
        judgements = self.judge_some(gathered.chains, [frozenset(places) for places in wanted]) if asked else []
        if len(judgements) != len(gathered.chains):
            raise ContractError(f"{len(judgements)} judgements came of {len(gathered.chains)} chains")
        for at, place in zip(asked, gathered.places, strict=True):
            found[at] = self._verdict(judgements[place.chain], place.index)
        return [found[at] for at in range(len(steps))]

    def _verdict(self, judgement: Judgement, index: int) -> Verdict:
        score, reason = judgement.scores[index], judgement.reasons[index]
        evidence = {**judgement.evidence, **(judgement.step_evidence[index] if judgement.step_evidence else {})}
        if score is None:
            return Verdict(status=judgement.statuses[index] if judgement.statuses else judgement.status, reason=reason, evidence=evidence)
        return judged("correct" if score >= self.threshold else "incorrect", score, reason, **evidence)


def _shows(text: str) -> bool:
    """Whether a text has a visible character: blanks, control and format characters, and marks on no letter are none."""
    return any(unicodedata.category(letter)[0] in "LNPS" and letter not in _BLANK_LETTERS for letter in text)
