"""TextSpace: the space of every Unicode text up to a length.

`gymnasium.spaces.Text` holds a fixed character set (alphanumeric by default) and walks over every character of a text to test it; observations and
actions of reasoning agents are any Unicode.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import utils

from prm_gym.errors import OptionError

# What samples are made of: letters of several scripts, the notation of our environments, control characters.
_ALPHABET = tuple("abcXYZ019 .,:;&->v{}()=+*/\n\t\0éß中ℕ∀¬🙂")


class TextSpace(gymnasium.Space[str]):
    """All `str` of at most `max_length` characters. The empty text belongs to it."""

    def __init__(self, max_length: int, seed: int | np.random.Generator | None = None) -> None:
        """Set the bound.

        Args:
            max_length: greatest number of characters, >= 1.
            seed: for `sample`.
        """
        if max_length < 1:
            raise OptionError(f"TextSpace needs max_length >= 1, got {max_length}")
        self.max_length = int(max_length)
        super().__init__(dtype=str, seed=seed)

    @property
    def is_np_flattenable(self) -> bool:
        """Texts are no arrays."""
        return False

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """A short random text (0 to 32 characters).

        Raises:
            OptionError: a mask was given; texts have none.
        """
        if mask is not None or probability is not None:
            raise OptionError("TextSpace has no masks; choose among info['actions'] instead")
        length = int(self.np_random.integers(0, min(32, self.max_length) + 1))
        return "".join(_ALPHABET[int(i)] for i in self.np_random.integers(0, len(_ALPHABET), size=length))

    def contains(self, x: Any) -> bool:
        """Whether x is a text within the bound; O(1)."""
        return isinstance(x, str) and len(x) <= self.max_length

    def __repr__(self) -> str:
        return f"TextSpace({self.max_length})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextSpace) and other.max_length == self.max_length

    def __hash__(self) -> int:
        return hash(("TextSpace", self.max_length))


@utils.create_shared_memory.register(TextSpace)
def _no_shared_memory(_space: TextSpace, **_memory: object) -> Any:
    """Gymnasium reads shared memory once, as arrays that change; texts cannot be read so.

    Raises:
        OptionError: always; says what to do.
    """
    raise OptionError('texts are not kept in shared memory; with vectorization_mode="async", give vector_kwargs={"shared_memory": False} (it is no slower)')


def recordable(text: str, length: int) -> tuple[str, str | None]:
    """A text as it can be recorded, and why it is no text of the space, if so.

    Args:
        text: any.
        length: of the longest that is recorded whole, in characters.
    """
    defect = None
    if len(text) > length:
        defect = f"the action has {len(text):,} characters; at most {length:,} are read"
        text = text[:length]
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        text = text.encode("utf-8", "replace").decode("utf-8")
        defect = defect or "the action holds surrogates that no encoding can write"
    return text, defect
