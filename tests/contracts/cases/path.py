"""Cases of `path`."""

from prm_gym.claims import Equality, Hop, Retrieval, SupportedAnswer
from prm_gym.testing import claim_case

# Two facts, the second of which can be looked for when the first is known; a third beside them.
HOPS = (Hop(("d1#0", "d9#3")), Hop(("d2#1",), (0,)), Hop(("d3#0",)))
# Two that wait for each other are never reached.
KNOT = (Hop(("d1#0",), (1,)), Hop(("d2#0",), (0,)))


def _found(shown, seen=(), query="x", earlier=(), error="", hops=HOPS):
    return Retrieval(query, hops, tuple(shown), tuple(seen), tuple(earlier), error)


ALL = ("d1#0", "d2#1", "d3#0")
PATH = [
    claim_case("full", _found(["d1#0", "d5#0"]), label="correct"),
    claim_case("full", _found(["d9#3"]), label="correct"),
    claim_case("full", _found(["d2#1"], ["d1#0"]), label="correct"),
    claim_case("full", _found(["d1#0"], ["d2#1"]), label="correct"),
    claim_case("full", _found(["d3#0"]), label="correct"),
    claim_case("full", SupportedAnswer("the Ada Brandahl.", ("Ada Brandahl",), HOPS, ALL), label="correct"),
    claim_case("full", SupportedAnswer("2", ("two", "2"), HOPS, ALL), label="correct"),
    claim_case("zero", SupportedAnswer("Ivo", ("Ada",), HOPS, ALL), label="incorrect"),
    claim_case("zero", _found([], query="w " * 40, error="a query has at most 32 words"), label="incorrect"),
    claim_case("hack", _found(["d2#1"]), label="neutral"),  # before its turn
    claim_case("hack", _found(["d5#0"]), label="neutral"),
    claim_case("hack", _found(["d1#0"], ["d1#0"], "a b", ["b a"]), label="trivial"),
    claim_case("hack", _found(["d1#0"], ["d1#0"], "in other words", ["a b"]), label="trivial"),
    claim_case("hack", _found(["d9#3"], ["d1#0"]), label="neutral"),  # the same fact in another place
    claim_case("hack", _found([]), label="trivial"),
    claim_case("hack", _found(["d1#0", "d2#0"], hops=KNOT), label="neutral"),
    claim_case("hack", SupportedAnswer("Ada", ("Ada",), HOPS), label="trivial"),
    claim_case("hack", SupportedAnswer("Ada", ("Ada",), HOPS, ALL[:2]), label="trivial"),
    claim_case("hack", SupportedAnswer("Ada or Ivo", ("Ada", "Ivo"), HOPS, ALL), label="incorrect"),
    claim_case("hack", SupportedAnswer("Ada Ivo", ("Ada", "Ivo"), HOPS, ALL), label="incorrect"),
    claim_case("hack", SupportedAnswer("", ("",), HOPS, ALL), label="incorrect"),
    claim_case("hack", SupportedAnswer("the", ("a",), HOPS, ALL), label="incorrect"),
    claim_case("abstain", _found(["d5#0"], hops=())),
    claim_case("abstain", SupportedAnswer("Ada", ("Ada",), ())),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"path": PATH}
