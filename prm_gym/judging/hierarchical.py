r"""HRM: each step is judged by itself and together with the one before it, so that a mistake that is noticed and mended is told from one that stands.

Source: Wang et al. 2025, "Towards Hierarchical Multi-Step Reward Models for Enhanced Reasoning in Large Language Models" (2503.13551). There a reward model is
trained on steps and on pairs of consecutive steps that are merged; here a chat model is asked about both. The pair ends with the step that is judged,
so that nothing depends on what comes later.
"""

from collections.abc import Sequence

from prm_gym.chains import Chain
from prm_gym.chat import ChatResult, Message
from prm_gym.errors import OptionError
from prm_gym.judging.framing import framing
from prm_gym.judging.protocol import Ask
from prm_gym.judging.stepwise import StepRead, StepwiseProtocol, note, shortened, told, with_last
from prm_gym.judging.yes_no import ALTERNATIVES, YesNo, yes_no

_SYSTEM = "You check the steps of a solution. {notice}"
_SINGLE = """{material}

Is step {number} right by itself: does it follow from the problem and what was rightly found before, do its calculations hold, and does it lead towards what \
is asked? Examine it in a few sentences, then end with one word in a box: \\boxed{{Yes|No}}."""
_PAIR = """{problem}

{earlier}The stretch to be judged, two steps that count as one:

{stretch}

Where does this stretch leave the solution? It is right when what holds at its end is right: a mistake in step {before} that step {number} notices and mends \
is no mistake of the stretch; one that step {number} repeats, builds on or hides is. Examine it in a few sentences, then end with one word in a box: \
\\boxed{{Yes|No}}."""


class HierarchicalProtocol(StepwiseProtocol):
    """(1 - w) P(step is right) + w P(it is right together with the one before it); of a first step the former alone."""

    id = "hierarchical"
    version = "1"

    def __init__(
        self, *, votes: int | None = None, temperature: float | None = None, max_tokens: int = 4096, quorum: float = 0.5, pair_weight: float = 0.5
    ) -> None:
        """Choose how often to ask, and what the pair counts.

        Args:
            votes: see `SampledProtocol`.
            temperature: see `SampledProtocol`.
            max_tokens: see `SampledProtocol`.
            quorum: see `SampledProtocol`.
            pair_weight: w, in [0, 1].

        Raises:
            OptionError: one of them is out of range.
        """
        super().__init__(votes=votes, temperature=temperature, max_tokens=max_tokens, quorum=quorum)
        if isinstance(pair_weight, bool) or not isinstance(pair_weight, int | float) or not 0 <= pair_weight <= 1:
            raise OptionError(f"pair_weight is a number from 0 to 1, got {pair_weight!r}")
        self.pair_weight = float(pair_weight)
        self.options = {"pair_weight": f"{self.pair_weight:g}"}

    def judge_last(self, chains: Sequence[Chain], ask: Ask) -> list[StepRead]:
        """One verdict a chain, of one or two questions."""
        paired = [chain for chain in chains if len(chain) > 1 and self.pair_weight > 0]
        asked = [*map(_single, chains), *map(_pair, paired)]
        reads = self.voted(asked, lambda question: question, lambda _, result: _read(result), ask, ALTERNATIVES)
        pairs = iter(reads[len(chains) :])
        return [self._joined(read, next(pairs)) if len(chain) > 1 and self.pair_weight > 0 else read for chain, read in zip(chains, reads, strict=False)]

    def _joined(self, single: StepRead, pair: StepRead) -> StepRead:
        for read, name in ((single, "the step"), (pair, "the pair")):
            if read.score is None:
                return StepRead(None, f"of {name}: {read.reason}", status=read.status)
        alone, together = single.score or 0.0, pair.score or 0.0
        score = (1 - self.pair_weight) * alone + self.pair_weight * together
        words = ["wrong", "right"]
        reason = f"the step is {words[alone >= 0.5]} by itself and {words[together >= 0.5]} together with the one before it"
        return StepRead(score, reason, {**single.evidence, "single": alone, "pair": together, "pair_critique": pair.evidence.get("critique", "")})


def _single(chain: Chain) -> tuple[Message, ...]:
    frame = framing(chain)
    asked = _SINGLE.format(material=with_last(chain, frame), number=len(chain))
    return (Message("system", _SYSTEM.format(notice=frame.notice)), Message("user", asked))


def _pair(chain: Chain) -> tuple[Message, ...]:
    frame, count = framing(chain), len(chain)
    steps = shortened(chain.steps)
    earlier = steps[:-2]
    asked = _PAIR.format(
        problem=frame.framed("problem", chain.problem),
        earlier=f"The steps so far:\n\n{frame.steps(earlier)}\n\n" if earlier else "",
        stretch=frame.steps(steps[-2:], first=count - 1),
        before=count - 1,
        number=count,
    )
    return (Message("system", _SYSTEM.format(notice=frame.notice)), Message("user", asked))


def _read(result: ChatResult) -> StepRead:
    return told(yes_no(result), _said)


def _said(verdict: YesNo) -> StepRead:
    reason = f"the step is {'right' if verdict.share >= 0.5 else 'wrong'} by itself"
    return StepRead(verdict.share, reason, {"critique": note(verdict.answer), "from_logprobs": verdict.weighed})
