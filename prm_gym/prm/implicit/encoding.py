"""How a chain becomes tokens for a causal language model, with the span of each step remembered.

Every piece is tokenised on its own, and text of the policy or of the world yields no special token (`prm_gym.prm.writing`). The tokens of a prefix are a prefix
of the tokens, so what is said of a step does not depend on later ones.
"""

from itertools import pairwise
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from prm_gym.chains import Chain, ChainStep
from prm_gym.errors import CheckpointError, OptionError
from prm_gym.lm.inert import inert, plain_ids

Template: TypeAlias = Literal["auto", "chat", "plain"]

SEPARATOR = "\n\n"
_MARKS = ("q7QkZ0vUser", "q7QkZ1vAssistant", "q7QkZ2vUser")  # stand for the contents while a chat template is rendered


class Span(msgspec.Struct, frozen=True, gc=False):
    """The tokens of a step, from `start` up to and without `end`; at least one token stands before `start`."""

    start: int
    end: int

    @property
    def size(self) -> int:
        """How many there are."""
        return self.end - self.start


class Spanned(msgspec.Struct, frozen=True):
    """A chain in tokens.

    Attributes:
        token_ids: [L] of the whole chain.
        spans: [T] one a step, in order, without overlap. What was seen, and what the template adds, lies in none.
    """

    token_ids: list[int]
    spans: tuple[Span, ...]


class _Glue(msgspec.Struct, frozen=True):
    """What a chat template writes before the problem, between it and the answer, and between an answer and the next thing seen."""

    head: list[int]
    answer: list[int]
    turn: list[int]


class ChainEncoder:
    """Writes chains for one tokenizer.

    With a chat template: the problem is the user's turn, the steps are the assistant's, and what was seen before a step is another turn of the user. Without:
    problem, blank line, steps; what was seen stands between tags. A step is its text and the separator after it, so that the rewards of the steps add up to
    that of the whole answer.
    """

    def __init__(self, tokenizer: Any, template: Template = "auto", separator: str = SEPARATOR) -> None:
        """Read what the tokenizer adds.

        Args:
            tokenizer: a Hugging Face tokenizer.
            template: "chat" (the tokenizer's), "plain", or "auto" (chat where the tokenizer has a template).
            separator: stands after every step.

        Raises:
            CheckpointError: there is no chat template, or it cannot be used.
            OptionError: an option has a value that cannot be honoured.
        """
        if template not in get_args(Template):
            raise OptionError(f"template is one of {', '.join(get_args(Template))}, got {template!r}")
        self.tokenizer = tokenizer
        has_one = bool(getattr(tokenizer, "chat_template", None))
        if template == "chat" and not has_one:
            raise CheckpointError("The tokenizer has no chat template; use template=plain.")
        self.template: Literal["chat", "plain"] = "chat" if has_one and template != "plain" else "plain"
        self.separator = plain_ids(tokenizer, separator)
        if not self.separator:
            raise OptionError("separator is a text of at least one token")
        self._glue = self._chat_glue() if self.template == "chat" else None

    def encode(self, chain: Chain) -> Spanned:
        """The tokens of a chain and the span of each step."""
        ids = self._opening(chain)
        spans: list[Span] = []
        for at, step in enumerate(chain.steps):
            if step.seen and at:
                ids += self._seen(step)
            start = len(ids)
            text = step.text if self.template == "chat" else ChainStep(step.text).plain
            ids += [*inert(self.tokenizer, text), *self.separator]
            spans.append(Span(start, len(ids)))
        return Spanned(ids, tuple(spans))

    def _opening(self, chain: Chain) -> list[int]:
        """The tokens before the first step: the problem, and what was seen before it."""
        first = chain.steps[0] if chain.steps else ChainStep("")
        if self._glue is not None:
            problem = f"{chain.problem}{SEPARATOR}{first.seen}" if first.seen else chain.problem
            return [*self._glue.head, *inert(self.tokenizer, problem), *self._glue.answer]
        start = [self.tokenizer.bos_token_id] if self._adds_bos() else []
        seen = self._seen(first) if first.seen else []
        return [*start, *inert(self.tokenizer, chain.problem), *plain_ids(self.tokenizer, SEPARATOR), *seen]

    def _seen(self, step: ChainStep) -> list[int]:
        """The tokens of what was seen before a step: a turn of the user, or a text in tags."""
        if self._glue is not None:
            return [*self._glue.turn, *inert(self.tokenizer, step.seen), *self._glue.answer]
        return inert(self.tokenizer, ChainStep("", step.seen).plain)

    def _adds_bos(self) -> bool:
        bos = self.tokenizer.bos_token_id
        return bos is not None and bos in self.tokenizer("").input_ids

    def _chat_glue(self) -> _Glue:
        """What stands around the contents, from a conversation of three turns whose contents are marks."""
        turns = [{"role": role, "content": mark} for role, mark in zip(("user", "assistant", "user"), _MARKS, strict=True)]
        try:
            first = str(self.tokenizer.apply_chat_template(turns[:1], tokenize=False, add_generation_prompt=True))
            whole = str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        except Exception as error:  # a template is a program of others
            raise CheckpointError(f"The chat template of the tokenizer cannot be rendered ({type(error).__name__}: {error}); use template=plain.") from error
        places = [whole.find(mark) for mark in _MARKS]
        if -1 in places or any(before >= after for before, after in pairwise(places)) or first.count(_MARKS[0]) != 1:
            raise CheckpointError("The chat template of the tokenizer leaves out a turn or changes it; use template=plain.")
        head, answer = first.split(_MARKS[0])
        turn = whole[places[1] + len(_MARKS[1]) : places[2]]
        return _Glue(self._with_specials(head), self._with_specials(answer), self._with_specials(turn))

    def _with_specials(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))
