"""Claims about web pages that were written: how they behave in a browser."""

from typing import Literal, TypeAlias

import msgspec

from prm_gym.claims.claim import Claim, Sparse

PageDeed: TypeAlias = Literal["click", "fill", "choose", "press", "reload", "shows", "hides", "reads", "has", "lacks", "holds", "is", "is_not", "orders"]


class PageTestStep(Sparse, msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A step of a test: something that is done on a page, or something that must be seen then. Elements are meant by role and name.

    Attributes:
        do: "click" an element; "fill" a field with `text`; "choose" the option `text` of a list; "press" the key `text`, in a field where one is named;
            "reload" the page. "shows" and "hides": the words `text` stand, or stand nowhere, on the page; "reads": wherever `name` and a colon stand, `text`
            follows; "has" and "lacks" an element; "holds": a field, or the choice of a list, is `text`; "is" and "is_not": an element has the state `text`
            ("checked", "disabled", "expanded", "selected" ...); "orders": the words `texts` stand on the page in this order.
        role: of the element: "button", "textbox", "checkbox", "radio", "combobox", "tab", "link", "slider".
        name: of the element, or of the reading.
        text: see `do`.
        texts: see `do`.
    """

    do: PageDeed
    role: str = ""
    name: str = ""
    text: str = ""
    texts: tuple[str, ...] = ()


class PageTest(msgspec.Struct, frozen=True, gc=False):
    """A requirement that a page must meet, as steps from a fresh load on.

    Attributes:
        requirement: what is required, in a few words.
        steps: from the freshly opened page on; the first that cannot be done, or is not seen, fails the test.
    """

    requirement: str
    steps: tuple[PageTestStep, ...]


class PageTests(Claim, msgspec.Struct, frozen=True, omit_defaults=True, tag="page_tests"):
    """A page meets more of what is required of it than before, and loses nothing.

    Attributes:
        html: the whole page.
        tests: one for each requirement.
        before: places of the tests, from 0 on, that the page before it passed.
        known: places of those that some page of the episode passed; what is passed again is nothing new.
        final: the page is handed in: it must meet all requirements.
    """

    html: str
    tests: tuple[PageTest, ...]
    before: tuple[int, ...] = ()
    known: tuple[int, ...] = ()
    final: bool = False
