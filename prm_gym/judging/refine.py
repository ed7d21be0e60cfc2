r"""RefCritic: several critiques, each worth what the solution is worth that is written after it.

Source: Tang et al. 2025, "RefCritic: Training Long Chain-of-Thought Critic Models with Refinement Feedback" (2507.15024). There a critic is trained on
whether its verdict is right and on whether the policy, given the critique, then solves the problem; no gold answer is at hand when it judges. Here each
critique names the first wrong step, a solution is written after it, and the critique weighs as much as the share of all these solutions that come to the
same answer; with `worth` (a grader, where there is a gold answer, as in training) it weighs what that says. For problems with a final answer. The prompts
are our own.
"""

from collections.abc import Callable, Sequence

import msgspec

from prm_gym.answers import grade_all
from prm_gym.chain_verifier import Judgement, unjudged
from prm_gym.chains import Chain
from prm_gym.chat import ChatResult, Message
from prm_gym.errors import OptionError
from prm_gym.judging.framing import framing, harmless, says_nothing
from prm_gym.judging.protocol import Ask
from prm_gym.judging.reading import Reading, answer_of, boxed_index, boxes, unread
from prm_gym.judging.stepwise import NOTHING, SampledProtocol, StepRead, judgement_of, note, nothing_said, survived, whole

_CRITIC = "You examine solutions, and say exactly what is wrong with them and how it is to be mended. {notice}"
_ASKED = """{material}

Examine the steps in order. Work out yourself what each states. Say which step is the first wrong one, why, and what the solver has to do instead; where no \
step is wrong, say what makes you sure. End your answer with the number of the first wrong step, or 0 where none is, in a box: \\boxed{{number}}."""
_SOLVER = "You solve problems with the help of a first attempt and of a critique of it, either of which may be wrong. {notice}"
_REFINE = """{material}

A critique of this attempt:

{critique}

Write a solution of the problem: keep of the attempt what is right, and mend what the critique is right about. End with the final answer in a box, \
\\boxed{{}}."""


class Critique(msgspec.Struct, frozen=True):
    """A critique and what came of it.

    Attributes:
        first_error: index of the first wrong step, -1 for none.
        text: of the critique.
        answer: final answer of the solution that was written after it.
        weight: what the critique is worth.
    """

    first_error: int
    text: str
    answer: str = ""
    weight: float = 0.0


class RefineProtocol(SampledProtocol):
    """Critiques vote on the first wrong step, each weighed by the solution that it leads to."""

    id = "refine"
    version = "1"
    default_votes = 4

    def __init__(
        self,
        *,
        votes: int | None = None,
        temperature: float | None = None,
        max_tokens: int = 4096,
        quorum: float = 0.5,
        worth: Callable[[Chain, str], float | None] | None = None,
    ) -> None:
        """Choose how many critiques are written, and what a solution is worth.

        Args:
            votes: critiques, with a solution after each; None for 4.
            temperature: see `SampledProtocol`.
            max_tokens: see `SampledProtocol`.
            quorum: see `SampledProtocol`.
            worth: of a refined solution (the chain and the text) in [0, 1], None where it cannot be told; None for its agreement with the others.

        Raises:
            OptionError: one of them is out of range.
        """
        super().__init__(votes=votes, temperature=temperature, max_tokens=max_tokens, quorum=quorum)
        if worth is not None and not callable(worth):
            raise OptionError(f"worth is a function of a chain and a solution, or None, got {worth!r}")
        self.worth = worth
        self.options = {"worth": getattr(worth, "__qualname__", type(worth).__name__)} if worth is not None else {}

    def judge(self, chains: Sequence[Chain], ask: Ask) -> list[Judgement]:
        """One judgement a chain, in two rounds: the critiques, and the solutions after them."""
        results = self.sampled([_question(chain) for chain in chains], ask)
        readings = [[_first_error(result, chain) for result in answers] for chain, answers in zip(chains, results, strict=True)]
        asked = [(at, place, reading.value) for at, found in enumerate(readings) for place, reading in enumerate(found) if reading.value is not None]
        requests = [self.request(_refinement(chains[at], critique), place) for at, place, critique in asked]
        solutions = [answer_of(result) for result in (ask(requests) if requests else [])]
        found: list[Judgement] = []
        for at, chain in enumerate(chains):
            mine = [(critique, solution) for (owner, _, critique), solution in zip(asked, solutions, strict=True) if owner == at]
            found.append(self._judged(chain, mine, [reading for reading in readings[at] if reading.value is None]))
        return found

    def _judged(self, chain: Chain, refined: Sequence[tuple[Critique, Reading[str]]], failed: list[Reading[Critique]]) -> Judgement:
        worths: list[tuple[Critique, float]] = []
        stated: list[Critique] = []
        for critique, solution in refined:
            there = boxes(solution.value) if solution.value is not None else []
            worth = self.worth(chain, solution.value) if self.worth is not None and solution.value is not None else None
            if solution.value is None:
                failed.append(Reading(None, f"of a refined solution: {solution.reason}", solution.status))
            elif worth is not None:
                worths.append((critique, min(1.0, max(0.0, float(worth)))))
            elif self.worth is not None:
                failed.append(unread("what a refined solution is worth cannot be told"))
            elif there:
                stated.append(msgspec.structs.replace(critique, answer=there[-1].content))
            else:
                failed.append(unread("of a refined solution: it states no final answer in a box"))
        if self.worth is None:
            worths = list(zip(stated, agreements([critique.answer for critique in stated]), strict=True))
        if not self.drawing.quorate(len(worths)):
            return nothing_said(chain, [*(Reading(critique) for critique, _ in worths), *failed])
        if sum(weight for _, weight in worths) <= 0:
            return unjudged(chain, "no critique leads to a solution that is worth anything")
        critiques = [msgspec.structs.replace(critique, weight=weight) for critique, weight in worths]
        least = self.drawing.quorum * sum(weight for _, weight in worths)
        scores = survived([(critique.first_error, critique.weight) for critique in critiques], len(chain), least)
        reads = [
            StepRead(None, NOTHING)
            if says_nothing(step.text)
            else StepRead(
                score,
                "it stands after the first wrong step, where too little is said of it"
                if score is None
                else f"critiques of the weight {score:.2f} find it right",
            )
            for step, score in zip(chain.steps, scores, strict=True)
        ]
        return judgement_of(reads, critiques=[msgspec.to_builtins(critique) for critique in critiques])


def agreements(answers: Sequence[str]) -> list[float]:
    """[N] for each answer the share of all answers that are the same, itself among them; compared as final answers are graded.

    >>> agreements(["1/2", "0.5", "3"])
    [0.6666666666666666, 0.6666666666666666, 0.3333333333333333]
    """
    distinct = list(dict.fromkeys(answers))
    pairs = [(f"\\boxed{{{one}}}", other) for one in distinct for other in distinct if one != other]
    grades = iter(grade_all(pairs)) if pairs else iter(())
    same = {(one, other): one == other or next(grades).verdict == "correct" for one in distinct for other in distinct}
    return [sum(same[one, other] or same[other, one] for other in answers) / len(answers) for one in answers]


def _question(chain: Chain) -> tuple[Message, ...]:
    frame = framing(chain)
    return (Message("system", _CRITIC.format(notice=frame.notice)), Message("user", _ASKED.format(material=whole(chain, frame))))


def _first_error(result: ChatResult, chain: Chain) -> Reading[Critique]:
    answer = answer_of(result)
    number = answer.then(lambda text: boxed_index(text, 0, len(chain)))
    return number.then(lambda first: Reading(Critique(first - 1, note(answer.value or ""))))


def _refinement(chain: Chain, critique: Critique) -> tuple[Message, ...]:
    frame = framing(chain)
    asked = _REFINE.format(material=whole(chain, frame), critique=frame.framed("critique", harmless(critique.text)))
    return (Message("system", _SOLVER.format(notice=frame.notice)), Message("user", asked))
