"""Study: labelled solutions, what a verifier says of their steps, and how that is read."""

from collections.abc import Callable, Sequence

import msgspec

from prm_gym.errors import OptionError
from prm_gym.prm.aggregation import Undecided, aggregate
from prm_gym.prm.evaluation.baselines import BASELINES
from prm_gym.prm.evaluation.result import Kind
from prm_gym.prm.evaluation.scoring import StepScore
from prm_gym.prm.labelled import LabelledChain


class Method(msgspec.Struct, frozen=True):
    """A verifier or a baseline on all solutions of a study.

    Attributes:
        name: as it stands in tables.
        kind: which of the two.
        scores: of each solution, of each step.
        threshold: a step that scores below it counts as wrong.
        ratings: of each solution, of each step: -1, 0, 1, or None.
    """

    name: str
    kind: Kind
    scores: tuple[tuple[float | None, ...], ...]
    threshold: float
    ratings: tuple[tuple[int | None, ...], ...]


class Study(msgspec.Struct, frozen=True, kw_only=True):
    """What is evaluated.

    Attributes:
        chains: the solutions.
        methods: the verifier first, then the baselines.
        undecided: what steps without a score come to.
        aggregation: by which the scores of steps become that of a solution.
        seed: of what is resampled.
    """

    chains: tuple[LabelledChain, ...]
    methods: tuple[Method, ...]
    undecided: Undecided = "miss"
    aggregation: str = "min"
    seed: int = 0

    @property
    def verifier(self) -> Method:
        """The first of the methods."""
        return self.methods[0]

    def solution_scores(self, method: Method, aggregation: str = "") -> list[float | None]:
        """[N] the score of every solution by a method."""
        return [aggregate(scores, aggregation or self.aggregation, self.undecided) for scores in method.scores]

    def part(self, wanted: Callable[[LabelledChain], bool]) -> "Study":
        """The study of the solutions that are wanted."""
        at = [index for index, chain in enumerate(self.chains) if wanted(chain)]
        methods = tuple(
            msgspec.structs.replace(method, scores=tuple(method.scores[i] for i in at), ratings=tuple(method.ratings[i] for i in at)) for method in self.methods
        )
        return msgspec.structs.replace(self, chains=tuple(self.chains[index] for index in at), methods=methods)


def study_of(
    chains: Sequence[LabelledChain],
    found: Sequence[Sequence[StepScore]],
    name: str,
    threshold: float = 0.5,
    undecided: Undecided = "miss",
    aggregation: str = "min",
    seed: int = 0,
) -> Study:
    """The study of a verifier, beside all baselines.

    Args:
        chains: the solutions.
        found: what the verifier says of the steps of each.
        name: of the verifier.
        threshold: a step that scores below it counts as wrong.
        undecided: what steps without a score come to.
        aggregation: by which the scores of steps become that of a solution.
        seed: of what is resampled.

    Raises:
        OptionError: a solution has more or fewer scores than steps.
    """
    if [len(chain.chain) for chain in chains] != [len(steps) for steps in found]:
        raise OptionError("every solution has one score a step")
    verifier = Method(
        name,
        "verifier",
        tuple(tuple(step.score for step in steps) for steps in found),
        threshold,
        tuple(tuple(rating_said(step, threshold) for step in steps) for steps in found),
    )
    methods = [verifier]
    for baseline, guess in BASELINES.items():
        scores = tuple(tuple(guess(chain)) for chain in chains)
        methods.append(Method(baseline, "baseline", scores, 0.5, tuple(tuple(1 if score >= 0.5 else -1 for score in own) for own in scores)))
    return Study(chains=tuple(chains), methods=tuple(methods), undecided=undecided, aggregation=aggregation, seed=seed)


def rating_said(step: StepScore, threshold: float) -> int | None:
    """The rating -1, 0 or +1 that a verdict comes to: by its label where that says more than right and wrong, else by its score and the threshold."""
    if step.score is None:
        return 0 if step.label == "neutral" and step.status == "ok" else None
    if step.label in ("neutral", "trivial"):
        return 0
    return 1 if step.score >= threshold else -1
