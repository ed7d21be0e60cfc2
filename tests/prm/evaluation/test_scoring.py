import json
import pickle

import pytest

from prm_gym.chain_verifier import ChainVerifier, Judgement
from prm_gym.chains import Chain, ChainStep, chain_of, written
from prm_gym.claims import Equality, FinalAnswer
from prm_gym.errors import OptionError, StoreError
from prm_gym.prm.evaluation.contexts import contexts_of
from prm_gym.prm.evaluation.scoring import ChainRequest, ScoreFile, score_chains
from prm_gym.verdict import failed, judged
from prm_gym.verifier import Verifier, make_verifier


class Lengths(ChainVerifier):
    """Scores a step by its length; counts the chains it is asked about."""

    id, version = "lengths", "1"

    def __init__(self):
        self.asked = 0

    def judge(self, chains):
        self.asked += len(chains)
        return [Judgement(tuple(min(1.0, len(text) / 10) for text in chain.texts), ("",) * len(chain)) for chain in chains]


class Broken(Verifier):
    """A server that answers every other batch."""

    id, version = "broken", "1"

    def __init__(self, works=()):
        self.works, self.calls = works, 0

    def verify(self, steps):
        self.calls += 1
        return [judged("correct", 0.9, "") if self.calls in self.works else failed("429") for _ in steps]


CHAINS = [ChainRequest(written("P", ["aa", "bbbb"])), ChainRequest(written("P", ["aa"])), ChainRequest(written("Q", ["aa", "bbbb"]))]


@pytest.mark.parametrize(
    "chain", [written("How many?\n", ["a", "b  b", ""]), Chain("P", (ChainStep("a"), ChainStep("b", "seen <observation>"), ChainStep("c")))]
)
def test_contexts_give_the_chain_back(chain):
    found = contexts_of(chain, with_claims=False)
    assert chain_of(found[-1]) == chain
    assert [chain_of(step) for step in found] == [Chain(chain.problem, chain.steps[: at + 1]) for at in range(len(chain))]
    assert contexts_of(chain, with_claims=False, ends_only=True) == found[-1:]
    assert [step.terminated for step in found] == [False] * (len(chain) - 1) + [True]


def test_claims_are_what_is_written_and_the_answer_where_it_is_known():
    first, last = contexts_of(written("2 pens and 3?", ["2+3 = 5.", "The answer is 5."]), gold="5")
    assert first.claims == (Equality("2+3", "5", rounded=True),)
    assert last.claims == (FinalAnswer(answer="The answer is 5.", gold="5", question="2 pens and 3?"),)
    assert "5" not in first.observation.replace("2 pens and 3?", "")
    assert contexts_of(written("P", ["2+3 = 5."]))[0].claims == first.claims


def test_equal_chains_are_judged_once_and_kept_ones_not_again(tmp_path):
    verifier = Lengths()
    with ScoreFile(tmp_path / "s.jsonl") as scores:
        found = score_chains(verifier, [*CHAINS, CHAINS[0]], scores, batch=2)
        assert [[step.score for step in steps] for steps in found.steps] == [[0.2, 0.4], [0.2], [0.2, 0.4], [0.2, 0.4]]
        assert (found.judged, found.kept) == (5, 0)
    with ScoreFile(tmp_path / "s.jsonl") as scores:
        again = score_chains(verifier, [*CHAINS, ChainRequest(written("R", ["a"]))], scores)
        assert (again.judged, again.kept) == (1, 5)
        assert again.steps[:3] == found.steps[:3]
    (ends,) = score_chains(verifier, [ChainRequest(CHAINS[0].chain, ends_only=True)]).steps
    assert [step.score for step in ends] == [0.4]


def test_another_version_name_or_gold_answer_is_another_key(tmp_path):
    with ScoreFile(tmp_path / "s.jsonl") as scores:
        verifier = Lengths()
        score_chains(verifier, CHAINS[:1], scores)
        for change in ({"name": "lengths:other"}, {"gold": "7"}):
            request = ChainRequest(CHAINS[0].chain, gold=change.get("gold", ""))
            assert score_chains(verifier, [request], scores, change.get("name", "")).judged == 2
        verifier.version = "2"
        assert score_chains(verifier, CHAINS[:1], scores).judged == 2


def test_a_line_that_a_crash_has_cut_is_asked_again(tmp_path):
    path = tmp_path / "s.jsonl"
    with ScoreFile(path) as scores:
        score_chains(Lengths(), CHAINS, scores, batch=1)
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    with ScoreFile(path) as scores:
        assert score_chains(Lengths(), CHAINS, scores).judged == 2
    assert [json.loads(line)["key"] for line in path.read_text().splitlines() if line.endswith("}")]
    with ScoreFile(path) as scores:
        assert score_chains(Lengths(), CHAINS, scores).judged == 0


def test_what_fails_has_no_score_is_not_kept_and_is_asked_again(tmp_path):
    with ScoreFile(tmp_path / "s.jsonl") as scores:
        found = score_chains(Broken(works=(2,)), CHAINS, scores, batch=1)
        assert [[step.score for step in steps] for steps in found.steps] == [[None, None], [0.9], [None, None]]
        assert found.failures == {"429": 4}
        assert len(scores) == 1
        assert score_chains(Broken(works=(1, 2)), CHAINS, scores, batch=1).judged == 4


def test_a_verifier_that_raises_or_miscounts_never_scores():
    class Raises(Verifier):
        id, version, pure = "raises", "1", False

        def verify(self, steps):
            raise RuntimeError("no")

    class Miscounts(Raises):
        def verify(self, steps):
            return [judged("correct", 1.0, "")]

    for verifier in (Raises(), Miscounts()):
        found = score_chains(verifier, CHAINS[:1])
        assert [step.score for step in found.steps[0]] == [None, None]
        assert sum(found.failures.values()) == 2


def test_progress_and_bad_input(tmp_path):
    seen = []
    score_chains(Lengths(), CHAINS, batch=2, notice=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 3), (3, 3)]
    with pytest.raises(OptionError):
        score_chains(Lengths(), CHAINS, batch=0)
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError):
        ScoreFile(tmp_path / "folder")
    assert score_chains(Lengths(), [ChainRequest(Chain("P", ()))]).steps == ((),)


def test_which_verifiers_want_claims():
    assert make_verifier("arithmetic").wants_claims
    assert make_verifier("all(arithmetic, reachable)").wants_claims
    assert make_verifier("isolated(all(arithmetic, reachable))").wants_claims
    assert pickle.loads(pickle.dumps(make_verifier("isolated(all(arithmetic, reachable))"))).wants_claims
    assert not Lengths().wants_claims


def test_what_is_isolated_gets_the_claims_of_its_members():
    chain = ChainRequest(Chain("What is 2 + 2?", (ChainStep("2 + 2 = 4"), ChainStep("2 + 2 = 5"))))
    alone, isolated = (score_chains(make_verifier(spec), [chain]).steps for spec in ("all(arithmetic)", "isolated(all(arithmetic), deadline=60)"))
    assert [step.score for step in alone[0]] == [1.0, 0.0]
    assert isolated == alone
