"""Whether a step is on a shortest path to the goal of a puzzle."""

from prm_gym.claims import Claim, Progress
from prm_gym.errors import ContractError, ProblemError
from prm_gym.planning import PUZZLES
from prm_gym.verdict import Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, StepContext


class SearchVerifier(ClaimVerifier):
    """Judges `Progress` claims by exact distances to the goal.

    - `correct`, 1: one step nearer, and nearer than the episode has been before.
    - `trivial`, 0: one step nearer, but only making up for a detour. Without this, going back and forth would earn for every step forth.
    - `neutral`, 0.5: the goal stays in reach, and the step comes no nearer.
    - `incorrect`, 0: a deadlock, from which the goal cannot be reached any more; or no step of the puzzle at all.
    - `vacuous`, 0: the goal was out of reach before.

    The evidence holds the distances before and after, None for out of reach. It abstains on puzzles and states that it cannot read, and on those too large
    to search.

    Source: the search oracle of Verifiable Process Rewards (arXiv 2605.10325), there for Sokoban, which asks only whether the step is on a shortest path.
    """

    id = "search"
    version = "1"
    claims = (Progress,)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one step."""
        if not isinstance(claim, Progress):
            raise ContractError(f"the verifier 'search' judges Progress claims, got {type(claim).__name__}")
        puzzle = PUZZLES.get(claim.puzzle)
        if puzzle is None:
            return abstained(f"no puzzle {claim.puzzle!r} is known")
        try:
            if not puzzle.is_step(claim.before, claim.after):
                return judged("incorrect", 0.0, "the rules allow no such step")
            before, after = puzzle.distance(claim.before), puzzle.distance(claim.after)
            reached = [distance for state in claim.earlier if (distance := puzzle.distance(state)) is not None]
        except ProblemError as error:
            return abstained(str(error))
        evidence = {"before": before, "after": after}
        if before is None:
            return judged("vacuous", 0.0, "the goal was out of reach before this step", **evidence)
        if after is None:
            return judged("incorrect", 0.0, f"a deadlock: the goal was {before} steps away and is out of reach now", **evidence)
        if after >= before:
            return judged("neutral", 0.5, f"the goal was {before} steps away and is {after} now", **evidence)
        if after >= min([before, *reached]):
            return judged("trivial", 0.0, f"the goal is {after} steps away, as it was before a detour", **evidence)
        return judged("correct", 1.0, f"the goal was {before} steps away and is {after} now", **evidence)
