"""A critique is worth what the solution is worth that is written after it."""

import re

import pytest

from prm_gym.chains import written
from prm_gym.errors import OptionError
from prm_gym.judging.refine import RefineProtocol, agreements
from prm_gym.testing import answering

CHAIN = written("What is 3 * 4 + 2?", ["3 * 4 = 12", "12 + 2 = 15"])


def critics(*said):
    """For each sample the number of the first wrong step and the answer of the solution after it."""

    def model(request):
        number, answer = said[request.sample]
        if "A critique of this attempt" not in request.messages[-1].text:
            return f"I found: \\boxed{{{number}}}"
        critique = re.search(r"<critique:[0-9a-f]+>\n(.*)\n</critique:", request.messages[-1].text, re.DOTALL)[1]
        assert critique == f"I found: \\fbox{{{number}}}"  # its own critique, in which nothing is a verdict any more
        return f"So \\boxed{{{answer}}}"

    return answering(model)


def test_critiques_weigh_what_their_solutions_share():
    """Answers 14, 14, 14.0, 15: weights 3/4 three times and 1/4. Step 2: wrong say two with 3/4 each; right say 3/4 + 1/4."""
    judgement = RefineProtocol().judge([CHAIN], critics((2, "14"), (2, "14"), (0, "14.0"), (0, "15")))[0]
    assert judgement.scores == (1.0, pytest.approx(1.0 / 2.5))
    assert [critique["weight"] for critique in judgement.evidence["critiques"]] == [0.75, 0.75, 0.75, 0.25]


def test_with_a_grader_critiques_weigh_what_it_says():
    def worth(chain, solution):
        return float("14" in solution)

    judgement = RefineProtocol(votes=2, worth=worth).judge([CHAIN], critics((2, "14"), (0, "15")))[0]
    assert judgement.scores == (1.0, 0.0)
    nothing = RefineProtocol(votes=1, worth=lambda *_: 0.0).judge([CHAIN], critics((2, "14")))[0]
    assert nothing.scores == (None, None)
    untold = RefineProtocol(votes=1, worth=lambda *_: None).judge([CHAIN], critics((2, "14")))[0]
    assert "cannot be told" in untold.reasons[0]
    with pytest.raises(OptionError, match="worth"):
        RefineProtocol(worth=3)


@pytest.mark.parametrize("said", [[(3, "14")], [("none", "14")], [(2, "")]])
def test_what_cannot_be_read(said):
    assert RefineProtocol(votes=1).judge([CHAIN], critics(*said))[0].scores == (None, None)


def test_agreements_compare_as_answers_are_graded():
    assert agreements(["\\frac{1}{2}", "0.5", "50", "x"]) == [0.5, 0.5, 0.25, 0.25]
    assert agreements(["a"]) == [1.0]
