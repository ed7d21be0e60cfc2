"""A causal language model begins actions and finishes them later, as if it had written them in one go."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

from prm_gym.agent import Action, Prompt  # noqa: E402
from prm_gym.agents.causal_lm import CausalLMPolicy  # noqa: E402
from prm_gym.drafting import Draft  # noqa: E402
from prm_gym.errors import ContractError  # noqa: E402
from prm_gym.search import Budget, Searcher  # noqa: E402
from prm_gym.verifier import PastStep  # noqa: E402

LIMIT = 9


def policy(**options):
    return CausalLMPolicy(width=16, layers=1, heads=2, device="cpu", **{"max_new_tokens": LIMIT, **options})


def prompts(**options):
    return [Prompt(instructions="go", observation=f"where? {seed % 3}", seed=seed, episode=f"e{seed}", **options) for seed in range(12)]


def assert_alike(found, expected):
    assert [(action.text, action.token_ids) for action in found] == [(action.text, action.token_ids) for action in expected]
    for one, other in zip(found, expected, strict=True):
        assert one.logprobs == pytest.approx(other.logprobs, abs=1e-5)  # a batch of another shape adds up in another order


@pytest.mark.parametrize(
    "options",
    [{}, {"temperature": 1.4, "top_k": 40}, {"thinking": True}, {"stop": "line"}],
    ids=["plain", "of the forty most probable tokens", "thinking", "lines"],
)
@pytest.mark.parametrize("most", [1, 4, LIMIT, 50])
def test_what_is_begun_and_finished_is_what_is_written_in_one_go(options, most):
    agent = policy(choose="free", **options)
    history = (PastStep("before", "left"),)
    asked = prompts(actions=("left", "right"), history=history)
    expected = policy(choose="free", **options).act(asked)
    drafts = agent.draft(asked, most)
    for draft, action in zip(drafts, expected, strict=True):
        assert draft.token_ids == action.token_ids[:most]
        assert draft.whole == (len(action.token_ids) <= most)
        assert draft.logprobs == pytest.approx(action.logprobs[:most], abs=1e-5)
    if most == 1:
        assert any(not draft.whole for draft in drafts)
    assert agent.counters.actions == 0  # nothing has been done yet
    assert_alike(agent.complete(asked, drafts), expected)
    assert agent.counters.actions == len(asked)


def test_finishing_reads_nothing_again():
    agent = policy(choose="free")
    asked = prompts()
    drafts = agent.draft(asked, 4)
    before = agent.generator.read - agent.generator.written
    agent.complete(asked, drafts)
    # Of each that goes on only the token that was written last and had not been read.
    assert agent.generator.read - agent.generator.written - before == sum(not draft.whole for draft in drafts)


def test_in_any_order_and_company():
    agent = policy(choose="free")
    asked = prompts()
    drafts = agent.draft(asked[::-1], 4)[::-1]
    some = [0, 7, 3]
    agent.generator.forget()
    found = agent.complete([asked[at] for at in some], [drafts[at] for at in some])
    assert_alike(found, [policy(choose="free").act([asked[at]])[0] for at in some])


def test_a_choice_is_whole_at_once():
    agent = policy()
    asked = prompts(actions=("left", "right", "up"))
    drafts = agent.draft(asked, 1)
    assert all(draft.whole for draft in drafts)
    assert_alike(agent.complete(asked, drafts), policy().act(asked))
    assert len({draft.text for draft in drafts}) > 1


def test_beginnings_of_others_are_gone_on_from():
    agent = policy(choose="free", max_new_tokens=30)
    action = agent.complete([Prompt(instructions="", observation="x", seed=1)], [Draft("go ")])[0]
    assert action.text.startswith("go ")
    assert action.token_ids[:3] == agent.turns.action("go ")[:3]
    assert action.logprobs is None  # of what it did not write nobody has asked it
    with pytest.raises(ContractError, match="at least one token"):
        agent.draft(prompts(), 0)


def test_a_beginning_beyond_an_end_or_the_limit_is_the_action():
    agent = policy(choose="free", context=40)
    asked = [Prompt(instructions="", observation="x", seed=1)]
    letters = agent.turns.action("g" * 100)[:-1]  # more than the context holds
    found = agent.complete(
        asked * 3, [Draft("g" * 100), Draft("g" * LIMIT, letters[:LIMIT], logprobs=(-1.0,) * LIMIT), Draft("g", (letters[1], agent.turns.end, 5))]
    )
    assert [action.token_ids for action in found] == [letters[:LIMIT], letters[:LIMIT], (letters[1], agent.turns.end)]
    assert [action.logprobs for action in found] == [None, (-1.0,) * LIMIT, None]
    assert [action.text for action in found] == [agent.turns.text(letters[:LIMIT])] * 2 + ["g"]
    assert agent.counters.cut_off == 2


def test_what_does_not_fit_has_no_beginning():
    agent = policy(context=60)
    prompt = Prompt(instructions="", observation="y" * 100)
    drafts = agent.draft([prompt], 3)
    assert drafts == [Draft("", whole=True)]
    assert agent.counters.overflowed == 0
    assert agent.complete([prompt], drafts) == [Action(text="")]
    assert agent.counters.overflowed == 1


def test_a_beam_gives_up_bad_beginnings_of_a_language_model():
    agent = policy(choose="free", max_new_tokens=8)
    budget = Budget(agent_steps=8, tokens=400, action_tokens=8)
    with Searcher(agent, "prm_gym/Countdown-v0", {"difficulty": 1, "max_steps": 2}, verifier="arithmetic") as searcher:
        results = searcher.search("beam?width=2&expand=2&draft_tokens=3", range(3), budget)
    assert all(result.candidates and result.spent.agent_steps == 8 and result.spent.tokens <= 400 for result in results)
    assert agent.counters.actions == 3 * 4  # two steps of a beam, four beginnings in each, of which the better two are finished
