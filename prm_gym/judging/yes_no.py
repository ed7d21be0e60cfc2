r"""Answers of Yes or No in a box, with the probability that the model gave to each, where the server tells."""

import math
import re

import msgspec

from prm_gym.chat import ChatReply, ChatResult
from prm_gym.judging.reading import Reading, answer_of, boxed_word, boxes

WORDS = {"yes": 1.0, "no": 0.0}
ALTERNATIVES = 10  # log-probabilities that are asked for at each token
_INTO_BOX = re.compile(r"\\boxed\s*\{[\s$*`\"']*(?:\\(?:text|textbf|textit|mathrm|mathbf|texttt|mbox)\s*\{)?[\s*`\"']*")


class YesNo(msgspec.Struct, frozen=True):
    """A verdict.

    Attributes:
        share: P(yes) in [0, 1]: the softmax over both words where log-probabilities were given, else 1 or 0 for the word.
        answer: without thoughts.
        weighed: log-probabilities were given.
    """

    share: float
    answer: str
    weighed: bool


def yes_no(result: ChatResult, after: int = 0) -> Reading[YesNo]:
    r"""What stands in the last box of an answer.

    Args:
        result: of the question.
        after: characters of the answer that are passed over: a box there is no verdict.
    """
    answer = answer_of(result)

    def said(word: float) -> Reading[YesNo]:
        share = share_of_yes(result, word) if isinstance(result, ChatReply) else None
        return Reading(YesNo(word if share is None else share, answer.value or "", share is not None))

    return answer.then(lambda text: boxed_word(text[after:], WORDS)).then(said)


def share_of_yes(reply: ChatReply, said: float) -> float | None:
    """P(yes) / (P(yes) + P(no)) where the word in the last box begins; None where the tokens do not tell.

    A word that is not among the listed alternatives counts nothing.

    Args:
        reply: with the log-probabilities of its tokens, thoughts among them or not.
        said: what the word in the last box of the text stands for; the tokens have to say the same.
    """
    text = "".join(token.token for token in reply.logprobs)
    found = boxes(text)
    if not found or WORDS.get(found[-1].content.lower()) != said:
        return None
    opening = _INTO_BOX.match(text, found[-1].start)
    at = opening.end() if opening is not None else len(text)
    start = 0
    for token in reply.logprobs:
        if start <= at < start + len(token.token):
            before = token.token[: at - start]
            sums = {"yes": 0.0, "no": 0.0}
            for option, logprob in {**token.alternatives, token.token: token.logprob}.items():
                word = _word(option[len(before) :]) if option.startswith(before) else ""
                if word and math.isfinite(logprob) and logprob <= 1e-3:
                    sums[word] += math.exp(logprob)
            whole = sums["yes"] + sums["no"]
            return sums["yes"] / whole if whole > 0 else None
        start += len(token.token)
    return None


def _word(piece: str) -> str:
    """Which of both words a token begins, or is; empty for neither."""
    letters = re.match(r"[A-Za-z]*", piece.strip())
    start = letters[0].lower() if letters is not None else ""
    return next((word for word in WORDS if start and word.startswith(start)), "")
