"""The judge that is asked for one word: its score by hand, what is no verdict, and the same over a real endpoint."""

import math

import pytest

from prm_gym.chains import Chain, written
from prm_gym.chat import ChatReply, TokenLogprob
from prm_gym.errors import OptionError
from prm_gym.judging.token_probability import TokenProbability
from prm_gym.task import Task
from prm_gym.testing import answering
from prm_gym.testing.chat_server import ChatServer, Refusal, completion
from prm_gym.verifier import StepContext, make_verifier

CHAIN = written("What is 3 * 4?", ["3 * 4 = 12"])


def listing(first, **more):
    """A model whose first token has these probabilities; the most probable one is written."""
    token = max(first, key=first.get)
    logprobs = {option: math.log(share) if share else -math.inf for option, share in first.items()}
    return answering(lambda _: ChatReply(text=token, finished=False, logprobs=(TokenLogprob(token, logprobs[token], logprobs),), **more))


def judged(ask, **options):
    judgement = TokenProbability(**options).judge([CHAIN], ask)[0]
    return judgement.scores[0], judgement.reasons[0]


@pytest.mark.parametrize(
    ("first", "score"),
    [
        ({"Yes": 0.6, "No": 0.2, "The": 0.2}, 0.75),  # .6 / (.6 + .2)
        ({"No": 0.6, "Yes": 0.2}, 0.25),
        ({"Yes": 0.3, " yes": 0.2, "YES": 0.1, "No": 0.1, "\nno": 0.1}, 0.75),  # (.3 + .2 + .1) / (.6 + .1 + .1)
        ({"Yes": 0.6}, 1.0),  # what is not listed counts nothing
        ({"No": 0.5, "Yes": 0.0}, 0.0),
        ({"The": 0.4, "Yes": 0.3, "No": 0.3}, 0.5),  # not the most probable token, but both words are more probable than anything else
    ],
)
def test_the_score_is_the_share_of_yes_in_both_words(first, score):
    assert judged(listing(first))[0] == pytest.approx(score)


def test_the_evidence_has_both_probabilities():
    judgement = TokenProbability().judge([CHAIN], listing({"Yes": 0.6, "No": 0.2}))[0]
    assert judgement.step_evidence[0] == {"yes": pytest.approx(0.6), "no": pytest.approx(0.2)}
    assert judgement.reasons[0] == "the judge would say Yes with a probability of 0.600, and No with 0.200"


@pytest.mark.parametrize("first", [{"The": 0.9, "Yes": 0.05}, {"Yes": 0.3, "No": 0.19, "The": 0.51}, {"Yesterday": 0.9, "Not": 0.1}, {"Y": 0.9, "N": 0.1}])
def test_another_answer_is_no_verdict(first):
    """Both words have less than one half: the model says something else. Words that only begin so are others."""
    score, reason = judged(listing(first))
    assert score is None
    assert "of 0.5 that are needed" in reason
    assert max(first, key=first.get) in reason


def test_how_probable_both_words_must_be_can_be_chosen():
    first = {"The": 0.7, "Yes": 0.2, "No": 0.1}
    assert judged(listing(first))[0] is None
    assert judged(listing(first), least=0.3 - 1e-9)[0] == pytest.approx(2 / 3)
    assert judged(listing(first), least=0.31)[0] is None


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (answering(lambda _: "Yes"), "lists no log-probabilities"),
        (listing({"Yes": 1.0}, thoughts="Is it? Yes"), "thinks before it answers"),
        (listing({"Yes": 0.9, "No": 0.9}), "log-probabilities are none"),  # 1.8 in all
        (listing({"Yes": 1.5}), "log-probabilities are none"),
        (answering(lambda _: ChatReply(text="Yes", logprobs=(TokenLogprob("Yes", math.nan),))), "log-probabilities are none"),
    ],
)
def test_what_holds_no_probabilities_is_no_verdict(ask, reason):
    score, said = judged(ask)
    assert score is None
    assert reason in said


def test_one_token_is_asked_for_and_only_the_steps_that_are_wanted():
    asked = []

    def model(request):
        asked.append(request)
        return ChatReply(text="Yes", logprobs=(TokenLogprob("Yes", 0.0),))

    chain = Chain(CHAIN.problem, written("", ["3 * 4 = 12", "12 + 1 = 13", "13 + 1 = 14"]).steps)
    found = TokenProbability(alternatives=5).judge_some([chain], [frozenset([1])], answering(model))[0]
    assert found.scores == (None, 1.0, None)
    assert [(request.max_tokens, request.temperature, request.logprobs) for request in asked] == [(1, 0.0, 5)]
    assert "13 + 1" not in asked[0].messages[-1].text  # later steps are not shown


@pytest.mark.parametrize("options", [{"least": 0}, {"least": 1.5}, {"least": True}, {"alternatives": 1}, {"alternatives": 21}, {"alternatives": 5.0}])
def test_options_are_checked(options):
    with pytest.raises((OptionError, TypeError)):
        TokenProbability(**options)


def verdict_of(answer, options=""):
    step = StepContext(task=Task(key="t", instructions="", question=CHAIN.problem), observation=CHAIN.problem, action="3 * 4 = 12")
    with ChatServer(answer) as server:
        verifier = make_verifier(f"judge:scripted?base_url={server.url}&protocol=token_probability{options}")
        try:
            return verifier.verify([step])[0]
        finally:
            verifier.close()


def test_it_is_a_verifier_over_the_wire():
    def answer(body):
        assert (body["max_tokens"], body["top_logprobs"], body["temperature"]) == (1, 20, 0.0)
        listed = [{"token": "Yes", "logprob": math.log(0.2), "bytes": None}, {"token": "No", "logprob": math.log(0.6), "bytes": None}]
        content = [{"token": "No", "logprob": math.log(0.6), "bytes": None, "top_logprobs": listed}]
        return completion("No", body, finish_reason="length", logprobs={"content": content, "refusal": None})

    verdict = verdict_of(answer)
    assert (verdict.status, verdict.label, verdict.score) == ("ok", "incorrect", pytest.approx(0.25))


def test_a_server_without_log_probabilities_gives_no_score():
    """Whether it leaves them out without a word or refuses to be asked for them."""

    def refusing(body):
        return Refusal(400, "logprobs is not supported by this model", "logprobs") if "logprobs" in body else completion("Yes", body, finish_reason="length")

    for answer in (lambda body: completion("Yes", body, finish_reason="length"), refusing):
        verdict = verdict_of(answer)
        assert (verdict.status, verdict.score) == ("abstain", None)
        assert "lists no log-probabilities" in verdict.reason
