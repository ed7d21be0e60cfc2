"""Whether a search comes forward on the path of facts that an answer rests on, and whether the answer rests on what was seen."""

from collections.abc import Collection, Sequence

from prm_gym.claims import Claim, Hop, Retrieval, SupportedAnswer
from prm_gym.errors import ContractError
from prm_gym.retrieval import normalized_answer, words
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext


class PathVerifier(ClaimVerifier):
    """Judges `Retrieval` and `SupportedAnswer` claims by the hops of the path.

    A hop is **in view** when a passage that states it has been shown, and **reached** when it is in view and so are all hops that it comes after, up to the
    beginning of the path. Only what is newly reached pays, so an episode is paid for each hop once at most, whatever it asks and however often.

    A retrieval is

    - `correct`, 1: a hop is newly reached.
    - `neutral`, 0.5: passages that are new, and none that brings the path forward. A hop in view before its turn is one: it counts when its turn comes.
    - `trivial`, 0: nothing new was shown; the same was asked before, in whatever order of words, or other words found what had been seen.
    - `incorrect`, 0: the call was refused.

    An answer is

    - `correct`, 1: right, and every hop was in view.
    - `trivial`, 0: right, and a guess: some of what it rests on was never seen.
    - `incorrect`, 0: wrong.

    Answers are equal after `prm_gym.retrieval.normalized_answer`, as a whole: "A or B" is neither A nor B.

    The evidence of a retrieval holds `progress` (share of the hops that are reached, in [0, 1]: a potential), `coverage` (share that is in view), `gained`
    (names of the hops newly in view), `new` (share of what was shown that is new). Where no path is known, it abstains on new passages and right answers.

    What it cannot see: a passage that is in view need not have been understood; and a fact that the corpus states in a passage that the path does not list.

    Source: waypoint coverage and rewards along the path of a knowledge graph, as in the search environments that reward intermediate entities; information gain
    here is counted in facts, where IGPO (arXiv 2510.14967) measures it as the change of a policy's own probability of the answer.
    """

    id = "path"
    version = "2"
    claims = (Retrieval, SupportedAnswer)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one step."""
        if isinstance(claim, Retrieval):
            return _retrieval(claim)
        if isinstance(claim, SupportedAnswer):
            return _answer(claim)
        raise ContractError(f"the verifier 'path' judges Retrieval and SupportedAnswer claims, got {type(claim).__name__}")


def _retrieval(claim: Retrieval) -> Verdict:
    seen, shown = set(claim.seen), set(claim.shown)
    before, after = _in_view(claim.hops, seen), _in_view(claim.hops, seen | shown)
    reached_before, reached = _reached(claim.hops, before), _reached(claim.hops, after)
    new = shown - seen
    total = len(claim.hops)
    evidence = {
        "progress": len(reached) / total if total else None,
        "coverage": len(after) / total if total else None,
        "gained": [claim.hops[place].name for place in sorted(after - before)],
        "new": len(new) / len(shown) if shown else 0.0,
    }
    if claim.error:
        return judged("incorrect", 0.0, f"the call was refused: {claim.error}", **evidence)
    if not new:
        asked = sorted(words(claim.query))
        again = any(sorted(words(query)) == asked for query in claim.earlier)
        return judged(
            "trivial", 0.0, "the same was asked before" if again else "it shows nothing that was not seen before" if shown else "it found nothing", **evidence
        )
    if not total:
        return abstained("no path to the answer is known", new=evidence["new"])
    if len(reached) > len(reached_before):
        return judged("correct", 1.0, f"{len(reached)} of {total} facts of the path are reached, {len(reached_before)} before", **evidence)
    early = after - before
    reason = "a fact of the path came into view before those that lead to it" if early else "what is new is not on the path"
    return judged("neutral", 0.5, reason, **evidence)


def _answer(claim: SupportedAnswer) -> Verdict:
    written = normalized_answer(claim.answer)
    right = bool(written) and written in {normalized_answer(gold) for gold in claim.golds}
    held = _in_view(claim.hops, set(claim.seen))
    evidence = {"support": len(held) / len(claim.hops) if claim.hops else None}
    if not right:
        return judged("incorrect", 0.0, "the answer is wrong", **evidence)
    if not claim.hops:
        return abstained("the answer is right; what it has to rest on is not known")
    if len(held) < len(claim.hops):
        missing = next(hop.name or str(place) for place, hop in enumerate(claim.hops) if place not in held)
        reason = f"right, but a guess: {len(held)} of the {len(claim.hops)} facts that it rests on were seen; not seen: {missing}"
        return judged("trivial", 0.0, reason, **evidence)
    return judged("correct", 1.0, "right, and every fact that it rests on was seen", **evidence)


def _in_view(hops: Sequence[Hop], seen: Collection[str]) -> set[int]:
    """Places of the hops of which a passage was shown."""
    return {place for place, hop in enumerate(hops) if any(passage in seen for passage in hop.evidence)}


def _reached(hops: Sequence[Hop], in_view: Collection[int]) -> set[int]:
    """Places of the hops in view whose predecessors are reached; hops that wait for one another, or for a place that there is not, never are."""
    reached: set[int] = set()
    while True:
        more = {place for place in in_view if place not in reached and all(earlier in reached for earlier in hops[place].after)}
        if not more:
            return reached
        reached |= more
