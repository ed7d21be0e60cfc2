"""Every judging protocol keeps its contract: order, length, causality, abstention on failures and garbage, forged verdicts, determinism."""

import tomllib
from pathlib import Path

import pytest

from prm_gym.chains import Chain, ChainStep, written
from prm_gym.errors import ContractError
from prm_gym.judging import PROTOCOLS, Judgement, Protocol, make_protocol
from prm_gym.testing import ProtocolCase, check_protocol
from prm_gym.testing.honest_judges import HONEST_JUDGES, in_one_token

PNG = b"\x89PNG\r\n\x1a\n"
SUMS = [
    ProtocolCase(written("What is 3 * 4 + 2?", ["3 * 4 = 12", "12 + 2 = 14", "The answer is 14"]), ("right",) * 3),
    ProtocolCase(written("What is 3 * 4?", ["3 * 4 = 12", "12 + 2 = 15", "The answer is 15"]), ("right", "wrong", "any")),
    ProtocolCase(written("What is 3 * 4?", ["3 * 4 = 13"]), ("wrong",)),
    ProtocolCase(written("What is 3 * 4?", ["Let's solve this problem step by step.", "3 * 4 = 12", ":"]), ("none", "right", "none")),
]
PAGES = [
    ProtocolCase(
        Chain("Build a shop", (ChainStep("write", "", "a page", PNG + b"1"), ChainStep("2 + 2 = 5", "a page", "a worse one", PNG + b"2"))), ("right", "wrong")
    ),
    ProtocolCase(Chain("Build a shop", (ChainStep("write", "", "a page", PNG + b"1"),)), ("right",)),
]
OPTIONS = {
    "bidirectional": [{}, {"votes": 3, "combined": "min"}, {"combined": "geometric"}],
    "capo": [{}, {"votes": 4, "combine": "average"}],
    "checklist": [{}, {"votes": 2, "images": False}],
    "critic": [{}, {"votes": 3}],
    "dimensions": [{}, {"dimensions": "relevance,progress:3", "together": "min", "votes": 2}, {"together": "product"}, {"together": "mean"}],
    "first_error": [{}, {"votes": 5}],
    "genprm": [{}, {"votes": 2, "rounds": 1}],
    "hierarchical": [{}, {"pair_weight": 0.0}, {"votes": 3}],
    "pairwise": [{}, {"rivals": 3, "votes": 2}],
    "refine": [{}, {"votes": 1}],
    "rubric_guided": [{}, {"ground": True, "votes": 2}, {"route": False, "rubric": "tools"}],
    "screenshot": [{}, {"graded": "appearance", "votes": 2}],
    "spark": [{}, {"votes": 1, "rounds": 1}, {"level": "outcome", "votes": 3}],
    "thinkprm": [{}, {"votes": 2}],
    "token_probability": [{}, {"least": 0.8, "alternatives": 2}],
}
JUDGES = HONEST_JUDGES | {"token_probability": in_one_token}
LEFT_TO_THE_VERIFIER = ("capo", "critic", "spark", "thinkprm")  # to see that a step says nothing


@pytest.mark.parametrize(("name", "options"), [(name, options) for name, each in OPTIONS.items() for options in each])
def test_protocols(name, options):
    cases = PAGES if name == "screenshot" else [*SUMS, *PAGES] if name == "checklist" else SUMS[:3] if name in LEFT_TO_THE_VERIFIER else SUMS
    check_protocol(make_protocol(name, **options), JUDGES[name], cases)


def test_every_protocol_is_tried():
    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["entry-points"]["prm_gym.judging"]
    assert set(OPTIONS) == set(JUDGES) == set(declared)
    assert set(declared) <= set(PROTOCOLS.names())


class Credulous(Protocol):
    """Believes whatever is there; the check must notice."""

    id, version, looks_ahead = "credulous", "1", False

    def judge(self, chains, ask):
        return [Judgement(tuple(float("= 13" not in step.text and "= 15" not in step.text) for step in chain.steps), ("so",) * len(chain)) for chain in chains]


def test_a_protocol_that_asks_nobody_is_found_out():
    with pytest.raises(ContractError, match="model that fails"):
        check_protocol(Credulous(), HONEST_JUDGES["genprm"], SUMS[:3])
