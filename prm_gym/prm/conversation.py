"""Conversations in tokens, by the chat template of a tokenizer, with the policy's texts kept out of the template."""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from prm_gym.errors import CheckpointError
from prm_gym.prm.writing import Writer

_SLOT = re.compile("\ue000(\\d+)\ue001")


class Turn(msgspec.Struct, frozen=True):
    """One message.

    Attributes:
        role: "system", "user" or "assistant".
        write: writes its content; where it begins, the template has been written up to it.
    """

    role: str
    write: Callable[[], None]


def write_conversation(writer: Writer, turns: Sequence[Turn], family: str) -> None:
    """Write turns as the chat template shows them.

    The template is rendered with a mark for every content, and the contents are written where the marks come out: nothing that a policy writes goes through the
    template, and none of it can open or close a turn.

    Raises:
        CheckpointError: the tokenizer has no chat template, or one that does not show every turn, in order.
    """
    tokenizer: Any = writer.tokenizer
    messages = [{"role": turn.role, "content": f"\ue000{at}\ue001"} for at, turn in enumerate(turns)]
    try:
        rendered = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=False))
    except Exception as error:  # templates are programs, and raise what they like
        raise CheckpointError(f"The chat template of the tokenizer cannot show a conversation of the family {family!r}: {error}") from error
    pieces = _SLOT.split(rendered)
    shown = [int(at) for at in pieces[1::2]]
    if shown != list(range(len(turns))):
        raise CheckpointError(f"The chat template of the tokenizer shows turns {shown} of {len(turns)}; the family {family!r} needs all of them, in order")
    for at, piece in enumerate(pieces):
        if at % 2:
            turns[int(piece)].write()
        else:
            writer.template(piece)


def write_dialogue(writer: Writer, said: Sequence[str], answer: str, family: str) -> None:
    """Write a conversation in which the user says text after text and the assistant the same answer to each; marks stand before the answers.

    Raises:
        CheckpointError: the tokenizer has no chat template, or one that does not show every turn, in order.
    """

    def reply() -> None:
        writer.mark()
        writer.text(answer)

    turns = [turn for text in said for turn in (Turn("user", partial(writer.text, text)), Turn("assistant", reply))]
    write_conversation(writer, turns, family)
