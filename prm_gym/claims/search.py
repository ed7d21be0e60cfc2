"""Claims about looking things up: what came into view, and whether an answer rests on it."""

import msgspec

from prm_gym.claims.claim import Claim, Sparse


class Hop(Sparse, msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A fact that the answer rests on.

    Attributes:
        evidence: the passages that state it, any one of which will do ("d12#0": sentence 0 of document d12; "d12#": the whole document).
        after: places of the hops that have to be known before this one can be looked for.
        name: what it says, for a person.
    """

    evidence: tuple[str, ...]
    after: tuple[int, ...] = ()
    name: str = ""


class Retrieval(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="retrieval"):
    """A search or a reading brought the next facts of the path into view.

    Attributes:
        query: what was asked for.
        hops: the path; empty where none is known.
        shown: the passages that the step shows.
        seen: those that were shown before.
        earlier: what was asked for before.
        error: why nothing was done, where the call was refused.
    """

    query: str
    hops: tuple[Hop, ...]
    shown: tuple[str, ...]
    seen: tuple[str, ...] = ()
    earlier: tuple[str, ...] = ()
    error: str = ""


class SupportedAnswer(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="supported_answer"):
    """An answer is right, and rests on facts that were seen.

    Attributes:
        answer: what was written.
        golds: the right answers, any one of which will do.
        hops: the facts that it rests on; empty where they are not known.
        seen: the passages that were shown.
    """

    answer: str
    golds: tuple[str, ...]
    hops: tuple[Hop, ...]
    seen: tuple[str, ...] = ()
