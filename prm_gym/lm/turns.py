"""TurnFormat: how instructions, observations and actions become tokens, segment by segment.

A segment is tokenised by itself, and a context is the segments one after the other. So a context that grew by a step keeps its tokens, sampled tokens are
never tokenised again, and what is rebuilt for training is token for token what was sampled from:

    opening(instructions, observation) + action + later(observation) + action + later(observation) + action ...

The frame around an observation is taken from the tokenizer's chat template, by writing a conversation of marks with it; where there is no template, it is
a plain one. Text of environments never yields a special token, whatever it says.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from prm_gym.errors import CheckpointError
from prm_gym.lm.inert import forbidden_ids, inert, special_ids

THINKING_ENDS = "</think>"
_MARKS = ("Qz0mark", "Qz1mark", "Qz2mark")
_KEPT_TEXTS = 1 << 14  # tokenised segments that are remembered


class TurnFormat:
    """The segments of a model's conversations.

    Attributes:
        end: the token that ends an action.
        ends: all tokens that do.
    """

    def __init__(self, tokenizer: Any, *, thinking: bool = False, lines: bool = False, ends: Sequence[int] = ()) -> None:
        """Read the frame from the tokenizer's chat template.

        Args:
            tokenizer: of Hugging Face.
            thinking: the model writes its thoughts, an end marker (`</think>`), and then the action; told to templates that ask (`enable_thinking`).
            lines: an action also ends with its line, once something of it is visible.
            ends: further tokens that end what the model writes.

        Raises:
            CheckpointError: the tokenizer has no end token, or its template writes later turns in another way than the first.
        """
        self.tokenizer = tokenizer
        self.thinking, self.lines = thinking, lines
        self._special = {int(token): str(tokenizer.convert_ids_to_tokens(int(token))) for token in special_ids(tokenizer)}
        self._forbidden = forbidden_ids(tokenizer, ())
        head, ask, middle = self._frame()
        self._blank = "" if tokenizer.chat_template else " "  # between the plain frame and an action: words of most tokenizers begin with one
        end, middle = self._end(middle)
        if end is None:
            raise CheckpointError("the tokenizer has no token that ends a text (eos_token)")
        self.end: int = end
        self.ends = frozenset((end, *ends))
        self._head_ids, self._head_text = self._split_after(head)
        self._middle_ids, self._middle_text = self._split_after(middle)
        self._ask_text, self._ask_ids = self._split_before(ask)
        self._tokens = lru_cache(_KEPT_TEXTS)(self._tokenised)

    def opening(self, instructions: str, observation: str, left_out: int = 0) -> tuple[int, ...]:
        """The first segment of a context.

        Args:
            instructions: how an action is written.
            observation: the first one that is shown.
            left_out: earlier steps of the episode that are not; the text says so.
        """
        said = f"({left_out} earlier {'step is' if left_out == 1 else 'steps are'} left out.)" if left_out else ""
        text = "\n\n".join(part for part in (instructions, said, observation) if part)
        return self._head_ids + self._tokens(self._head_text + text + self._ask_text) + self._ask_ids

    def later(self, observation: str, before: Sequence[int]) -> tuple[int, ...]:
        """The segment of an observation after an action.

        Args:
            observation: what is seen.
            before: tokens of the action; where it did not come to its end, the segment begins with the end token.
        """
        closing = () if before and before[-1] in self.ends else (self.end,)
        return closing + self._middle_ids + self._tokens(self._middle_text + observation + self._ask_text) + self._ask_ids

    def action(self, text: str) -> tuple[int, ...]:
        """The tokens of an action that this model has not sampled, the end token included."""
        return (*self._tokens(self._blank + text), self.end)

    def ended(self, ids: Sequence[int]) -> bool:
        """Whether an action came to its end, rather than to the limit of tokens."""
        if not ids or ids[-1] in self.ends:
            return bool(ids)
        if not self.lines or not _breaks(self.tokenizer.convert_ids_to_tokens(ids[-1])):
            return False
        return "\n" in self._behind_thoughts(ids)[0].lstrip()

    def text(self, ids: Sequence[int]) -> str:
        """What tokens say as an action: without thoughts, special tokens and outer blanks. Thoughts that were cut off before their end are no action."""
        text, thought = self._behind_thoughts(ids)
        if self.thinking and not thought and not self.ended(ids):
            return ""
        text = text.strip()
        return text.partition("\n")[0].rstrip() if self.lines else text

    def _behind_thoughts(self, ids: Sequence[int]) -> tuple[str, bool]:
        """The text without special tokens after the thoughts, and whether these came to their end."""
        if not self.thinking:
            return str(self.tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)), True
        whole = str(self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))
        _, marker, text = whole.rpartition(THINKING_ENDS)
        for name in self._special.values():
            text = text.replace(name, "")
        return text, bool(marker)

    def _tokenised(self, text: str) -> tuple[int, ...]:
        return tuple(inert(self.tokenizer, text, forbidden=self._forbidden)) if text else ()

    def _frame(self) -> tuple[str, str, str]:
        """The texts before the first observation, between an observation and an action, and between an action and an observation."""
        if not self.tokenizer.chat_template:
            return self.tokenizer.bos_token or "", "\nAction:", "\n\n"
        first, action, second = _MARKS
        one = self._written([first])
        two = self._written([first, action, second])
        head, _, ask = one.partition(first)
        _, _, rest = two.partition(action)
        middle, _, again = rest.partition(second)
        if not one or ask != again:
            raise CheckpointError(f"the chat template ends a first turn with {ask!r} and a later one with {again!r}; one that writes all alike is needed")
        return head, ask, middle

    def _written(self, turns: Sequence[str]) -> str:
        messages = [{"role": "assistant" if at % 2 else "user", "content": text} for at, text in enumerate(turns)]
        try:
            found = self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, enable_thinking=self.thinking)
        except Exception as error:  # a template is a program of others, and raises what it likes
            raise CheckpointError(f"the chat template cannot write a conversation of user and assistant: {error}") from error
        if any(str(found).count(turn) != 1 for turn in turns):
            raise CheckpointError("the chat template does not write every turn once, as it is")
        return str(found)

    def _end(self, middle: str) -> tuple[int | None, str]:
        """The token that ends an action, and what stands between it and the next observation."""
        text = middle.lstrip()
        for token, name in sorted(self._special.items(), key=lambda each: -len(each[1])):
            if text.startswith(name):
                return token, text[len(name) :]
        return self.tokenizer.eos_token_id, middle

    def _split_after(self, text: str) -> tuple[tuple[int, ...], str]:
        """A frame's beginning up to its last special token, as tokens, and the text after it, which is tokenised with what follows."""
        cut = max((text.rfind(name) + len(name) for name in self._special.values() if name in text), default=0)
        return self._fixed(text[:cut]), text[cut:]

    def _split_before(self, text: str) -> tuple[str, tuple[int, ...]]:
        """A frame's end before its first special token, which is tokenised with what stands before it, and the rest as tokens."""
        cut = min((text.find(name) for name in self._special.values() if name in text), default=len(text))
        return text[:cut], self._fixed(text[cut:])

    def _fixed(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer.encode(text, add_special_tokens=False)) if text else ()


def _breaks(token: str | None) -> bool:
    """Whether a token has a line break in it: as a letter, as bytes are written in byte-level vocabularies, or as a byte of its own."""
    return token is not None and ("\n" in token or "Ċ" in token or token == "<0x0A>")
