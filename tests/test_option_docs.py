from typing import TypedDict, Unpack

import msgspec
import pytest

from prm_gym.option_docs import OptionDoc, meanings_in, options_of


class Limits(TypedDict, total=False):
    """Limits.

    Attributes:
        depth: how deep.
    """

    depth: int


class Client(msgspec.Struct):
    """A client.

    Attributes:
        url: where it asks,
            on two lines.
        tags: names.
    """

    url: str
    tags: list[str] = []


class Thing:
    also_options = (Client,)

    def __init__(self, name: str, *rest: str, size: int = 3, odd: bool = False, **options: object) -> None:
        """Make it.

        Args:
            name: of it; a colon: stays.
            *rest: more names.
            size: in metres,
                roughly: not to the inch.
            **options: of the client.

        Returns:
            Nothing: this is no option.
        """


def test_options_are_those_of_signature_and_docstring():
    assert options_of(Thing) == [
        OptionDoc("name", "required", "of it; a colon: stays."),
        OptionDoc("size", "3", "in metres, roughly: not to the inch."),
        OptionDoc("odd", "False", ""),
        OptionDoc("url", "required", "where it asks, on two lines."),
        OptionDoc("tags", "[]", "names."),
        OptionDoc("...", "", "of the client."),
    ]


def test_options_of_a_typed_dict_have_no_defaults_of_their_own():
    def make(name: str, **options: Unpack[Limits]) -> None:
        """Make it."""

    assert options_of(make) == [OptionDoc("name", "required", ""), OptionDoc("depth", "", "how deep.")]


@pytest.mark.parametrize("doc", ["", "One line.", "No section.\n\nRaises:\n    ValueError: never.", "Args:"])
def test_a_docstring_without_options_says_nothing(doc):
    assert meanings_in(doc) == {}


def test_what_says_nothing_about_itself_has_no_options():
    assert options_of(dict) == []
    assert options_of(type("Bare", (), {})) == []
