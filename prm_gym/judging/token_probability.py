"""One word asked, and its probability read: P(yes) / (P(yes) + P(no)) of the first token of the answer, from the log-probabilities that the server lists.

One token is written for each step, and a model that can say no more than a word is a judge. The score is graded where a word alone would be 0 or 1, so that
steps can be put in order by it even where the model says "Yes" to all of them.

Source: Liu et al. 2023, "G-Eval" (2303.16634), section 2.2: the scores that an answer can give, weighted by the probabilities of their tokens. Kadavath et al.
2022, "Language Models (Mostly) Know What They Know" (2207.05221): P(True), the probability of the one word that says that a proposed answer is true.
What differs: the probability of both words is normalised by their sum, and where that is small the model has answered something else, so nothing is said. A
word that is not listed counts nothing. Probabilities are those that the server reports, not calibrated against an empty step.
"""

import math
from collections.abc import Sequence

from prm_gym.chains import Chain
from prm_gym.chat import ChatReply, ChatResult, Message, TokenLogprob
from prm_gym.errors import OptionError
from prm_gym.judging.framing import framing
from prm_gym.judging.protocol import Ask
from prm_gym.judging.reading import Reading, answer_of, storable, unread
from prm_gym.judging.stepwise import StepRead, StepwiseProtocol, told, with_last

WORDS = ("yes", "no")
MOST_ALTERNATIVES = 20  # that OpenAI's interface lists at a token

_SYSTEM = "You check the steps of a solution. {notice}"
_ASKED = """{material}

Is this step right: does it follow from the problem and the steps before it, and do its calculations hold? Answer with one word, Yes or No."""


class TokenProbability(StepwiseProtocol):
    """The share of "Yes" in the probability of "Yes" and "No" at the first token of the answer. Needs a server that lists log-probabilities."""

    id = "token_probability"
    version = "1"

    def __init__(self, *, least: float = 0.5, alternatives: int = MOST_ALTERNATIVES) -> None:
        """Choose when an answer counts.

        Args:
            least: probability that both words must have together, else nothing is said. In (0, 1].
            alternatives: tokens that are asked for, from 2 to 20; some servers list fewer than 20.

        Raises:
            OptionError: one of them is out of range.
        """
        if type(least) not in (int, float) or not 0 < least <= 1:
            raise OptionError(f"least is a probability above 0, up to 1, got {least!r}")
        if type(alternatives) is not int or not 2 <= alternatives <= MOST_ALTERNATIVES:
            raise OptionError(f"alternatives is an integer from 2 to {MOST_ALTERNATIVES}, got {alternatives!r}")
        super().__init__(votes=1, temperature=0.0, max_tokens=1)
        self.least, self.alternatives = float(least), alternatives
        self.options = {"least": f"{self.least:g}", "alternatives": str(alternatives)}

    def judge_last(self, chains: Sequence[Chain], ask: Ask) -> list[StepRead]:
        """One verdict a chain, of one question each."""
        return self.voted(chains, _question, lambda _, result: told(self._weighed(result), _said), ask, self.alternatives)

    def _weighed(self, result: ChatResult) -> Reading[tuple[float, float]]:
        """The probabilities of "yes" and of "no" at the first token."""
        if not isinstance(result, ChatReply):
            return answer_of(result).then(lambda _: unread("no answer"))
        if result.thoughts:
            return unread("the judge thinks before it answers, so its first token is no verdict")
        if not result.logprobs:
            return unread("the server lists no log-probabilities")
        sums = probabilities(result.logprobs[0])
        if sums is None:
            return unread("the server's log-probabilities are none")
        if sum(sums) < self.least:
            begins = storable(result.logprobs[0].token)[:40]
            return unread(
                f"the judge's answer begins with {begins!r}; Yes and No have {sum(sums):.3f} of the probability together, of {self.least:g} that are needed"
            )
        return Reading(sums)


def probabilities(token: TokenLogprob) -> tuple[float, float] | None:
    """The probabilities of "yes" and of "no" at the place of a token, in any case and with blanks around it; None where they can be none.

    >>> yes, no = probabilities(TokenLogprob("Yes", -0.5, {"Yes": -0.5, " yes": -2.0, "NO": -3.0, "Not": -4.0}))
    >>> round(yes, 4), round(no, 4)
    (0.7419, 0.0498)

    Args:
        token: with its alternatives.
    """
    sums = dict.fromkeys(WORDS, 0.0)
    whole = 0.0
    for option, logprob in {**token.alternatives, token.token: token.logprob}.items():
        if math.isnan(logprob) or logprob > 1e-3:
            return None
        whole += math.exp(logprob)
        word = option.strip().lower()
        if word in sums:
            sums[word] += math.exp(logprob)
    return None if whole > 1.01 else (sums["yes"], sums["no"])


def _question(chain: Chain) -> tuple[Message, ...]:
    frame = framing(chain)
    return (Message("system", _SYSTEM.format(notice=frame.notice)), Message("user", _ASKED.format(material=with_last(chain, frame))))


def _said(sums: tuple[float, float]) -> StepRead:
    yes, no = sums
    reason = f"the judge would say Yes with a probability of {yes:.3f}, and No with {no:.3f}"
    return StepRead(yes / (yes + no), reason, {"yes": yes, "no": no})
