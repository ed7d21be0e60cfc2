"""Cases of `search`."""

from prm_gym.claims import Equality, Progress
from prm_gym.testing import claim_case


def _corridor(cells):
    return "#######\n#     #\n#" + cells + "#\n#######"


# Two rows, the boxes in the lower one: they move left and right, and one in a corner is lost. Two pushes, one push, none; and away from the goal.
TWO, ONE, NONE, AWAY, LOST = map(_corridor, ("@$ . ", " @$. ", "  @* ", " $@. ", "$@ . "))
SEARCH = [
    claim_case("full", Progress("sokoban", TWO, ONE), label="correct"),
    claim_case("full", Progress("sokoban", ONE, NONE, (TWO,)), label="correct"),
    claim_case("zero", Progress("sokoban", AWAY, LOST), label="incorrect"),
    claim_case("zero", Progress("sokoban", TWO, NONE), label="incorrect"),
    claim_case("hack", Progress("sokoban", TWO, TWO), label="incorrect"),
    claim_case("hack", Progress("sokoban", ONE, AWAY, (TWO,)), label="neutral"),
    claim_case("hack", Progress("sokoban", AWAY, ONE, (TWO, ONE)), label="trivial"),
    claim_case("hack", Progress("sokoban", _corridor("$@$.."), _corridor("$ @*.")), label="vacuous"),
    claim_case("abstain", Progress("hanoi", "", "")),
    claim_case("abstain", Progress("sokoban", "no board", "at all")),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"search": SEARCH}
