"""The agent of chat models against an endpoint on the loopback interface: whole episodes, what is sent, what is read, and what goes wrong."""

import json
import re
from itertools import pairwise

import pytest
from msgspec.structs import replace

import prm_gym
from prm_gym import Malformed, Situation, StepEnv, Task, Transition
from prm_gym.agent import Action, Prompt, make_agent
from prm_gym.agents.openai import OpenAIAgent
from prm_gym.agents.openai.choices import labels, question, read_choice
from prm_gym.chat import ChatClient, ChatSettings
from prm_gym.claims import Spoilt
from prm_gym.errors import OptionError, StoreError
from prm_gym.experience import Experience, ExperienceLibrary
from prm_gym.rollout import Episode, Rollouts, groups, make_envs
from prm_gym.testing.chat_server import ChatServer, Refusal, completion
from prm_gym.tools import Tool, ToolCall, read_call
from prm_gym.verifier import PastStep


class TowerEnv(StepEnv):
    """Climb "up" as many rungs as the seed says, 3 to 6; "slip" ends with the outcome 0."""

    default_max_steps = 12

    def begin(self, options):
        self.rungs, self.at = int(self.np_random.integers(3, 7)), 0
        return Task(key=f"tower {self.rungs}", instructions="Climb.", question="up", sealed={"rungs": self.rungs}), self.look()

    def look(self):
        return Situation(observation=f"at {self.at}", state_key=f"{self.at}", actions=("slip", "up"))

    def advance(self, action):
        if action not in ("up", "slip"):
            return Transition(situation=self.situation, claims=(Malformed("neither up nor slip"),))
        self.at += action == "up"
        over = self.at == self.rungs or action == "slip"
        return Transition(situation=self.look(), terminated=over, outcome=float(self.at == self.rungs) if over else None)

    def save_state(self):
        return [self.rungs, self.at]

    def load_state(self, state):
        self.rungs, self.at = state

    def solution(self):
        return ["up"] * self.rungs


prm_gym.register("test_openai/Tower-v0", f"{__name__}:TowerEnv")

ADD = Tool("add", "Adds.", {"a": {"type": "number"}, "b": {"type": "number"}})
SEEN = Prompt(instructions="Do it.", observation="now", actions=("go left", "go right"))
CALLING = Prompt(instructions=f"Call.\n{json.dumps(ADD.openai(), separators=(',', ':'))}", observation="now", tools=(ADD,))


def agent_of(server, **options):
    return OpenAIAgent(**{"model": "m", "base_url": server.url, "first_wait": 0.01, "attempts": 2} | options)


def said(body, role="user"):
    return [message["content"] for message in body["messages"] if message["role"] == role]


def wholly(body):
    return "\n".join(f"{message['role']}: {message['content']}" for message in body["messages"])


# Whole episodes.


def test_a_model_that_names_the_right_number_climbs_every_tower():
    with ChatServer(lambda body: "2", delay=0.02) as server:
        agent = agent_of(server)
        played = Rollouts("test_openai/Tower-v0", {}, num_envs=8).play(agent, groups(range(4), 2))
        assert [(t.outcome, t.valid, t.agent) for t in played] == [(1.0, True, "openai:m")] * 8
        steps = sum(len(t.steps) for t in played)
        assert len(server.received) == steps
        assert server.at_once > 1  # episodes are asked about at once
        report = agent.report()
        assert (report["requests"], report["failed"], report["unreadable"]) == (steps, 0, 0)
        assert report["prompt_tokens"] > 0
        last = max((one.body for one in server.received), key=lambda body: len(body["messages"]))
        assert said(last, "system") == ["Climb."]
        assert said(last, "assistant") == ["up"] * len(said(last, "assistant"))
        assert said(last)[0] == "at 0"  # what was listed then is not said again
        assert said(last)[-1].endswith("Actions:\n1. slip\n2. up\nChoose the next action. Answer with its number alone.")
        agent.close()


@pytest.mark.parametrize("calls", ["native", "text"])
def test_a_service_is_solved_by_calls_and_messages(calls):
    solution = _solution("prm_gym/Retail-v0", 0)

    def answer(body):
        action = solution[len(said(body, "assistant"))]
        reading = read_call(action)
        if calls == "text" or not isinstance(reading, ToolCall):
            assert ("tools" in body) is (calls == "native")
            return action
        function = {"name": reading.name, "arguments": json.dumps(reading.arguments)}
        return completion("", body, message={"role": "assistant", "content": None, "tool_calls": [{"id": "x", "type": "function", "function": function}]})

    with ChatServer(answer) as server:
        (played,) = Rollouts("prm_gym/Retail-v0", {}, num_envs=1).play(agent_of(server, calls=calls), groups([0], 1))
        assert (played.outcome, [step.action for step in played.steps]) == (1.0, solution)
        last = server.received[-1].body["messages"]
    # A result of a call stands behind its call, in the roles of the interface; as text it is what the user says.
    roles = {message["role"] for message in last}
    assert roles == ({"system", "user", "assistant", "tool"} if calls == "native" else {"system", "user", "assistant"})
    for before, message in pairwise(last):
        if message["role"] == "tool":
            assert before["tool_calls"][0]["id"] == message["tool_call_id"]
    assert '{"type":"function"' in last[0]["content"]  # for servers that drop the tools of a request without a word


def _solution(env_id, seed):
    env = make_envs(env_id, 1, {}).envs[0]
    env.reset(seed=seed)
    return env.solution()


# A server that fails.


def test_a_server_that_dies_spoils_the_episodes_that_ran_and_makes_up_nothing():
    # Each episode has at least 3 steps; once one stands at 2, nothing is answered in it any longer.
    def fault(body, nth):
        return "closed" if "at 2" in wholly(body) else ""

    with ChatServer(lambda body: "2", faults=fault) as server:
        played = Rollouts("test_openai/Tower-v0", {}, num_envs=2).play(agent_of(server), groups([0, 1], 1))
    for trajectory in played:
        assert (trajectory.valid, trajectory.outcome, trajectory.truncated) == (False, None, True)
        assert [step.action for step in trajectory.steps] == ["up", "up", ""]
        (claim,) = trajectory.steps[-1].claims
        assert isinstance(claim, Spoilt)
        assert "the agent failed: 2 attempts failed" in claim.reason


def test_no_server_no_key_and_no_money_are_failures_with_a_reason():
    nowhere = OpenAIAgent("m", base_url="http://127.0.0.1:9/v1", attempts=1, first_wait=0.01)
    assert "cannot be reached" in nowhere.act([SEEN])[0].failure
    with ChatServer(lambda body: Refusal(401, "no such key")) as server:
        assert "HTTP status 401: no such key" in agent_of(server).act([SEEN])[0].failure
    with ChatServer(lambda body: "1") as server:
        assert "tokens are spent" in agent_of(server, most_tokens=50).act([SEEN])[0].failure
        assert server.received == []


def test_what_fails_for_a_while_is_got_over():
    with ChatServer(lambda body: "2", faults={"500": 0.2, "half_json": 0.2}) as server:
        (played,) = Rollouts("test_openai/Tower-v0", {}, num_envs=1).play(agent_of(server, attempts=20), groups([3], 1))
    assert played.outcome == 1.0


# Listed actions.


@pytest.mark.parametrize(
    ("answer", "chosen"),
    [
        ("2", "go right"),
        (" (2) ", "go right"),
        ("[2].", "go right"),
        ("Action: 2", "go right"),
        ("The answer is 2.", "go right"),
        ("**2**", "go right"),
        ("02", "go right"),
        ("go right", "go right"),
        ('"go right"', "go right"),
        ("2. go right", "go right"),
        ("I look at the map.\n\n2", "go right"),
        ("2\nThe right is nearer.", "go right"),
        ("2. go left", None),  # label and text disagree
        ("1\n2", None),
        ("1 or 2", None),
        ("3", None),
        ("0", None),
        ("-2", None),
        ("2.5", None),
        ("right", None),
        ("I do not go right", None),
        ("", None),
    ],
)
def test_what_an_answer_names(answer, chosen):
    assert read_choice(answer, SEEN.actions) == chosen


def test_actions_that_are_numbers_get_letters():
    actions = ("1", "2", "B")
    assert labels(actions) == ["A", "C", "D"]  # B is an action
    assert "A. 1\nC. 2\nD. B" in question(actions)
    assert [read_choice(answer, actions) for answer in ("2", "C", "b", "d", "Answer: a", "B. 2")] == ["2", "2", None, "B", "1", None]
    assert len(set(labels([str(number) for number in range(1000)]))) == 1000


def test_an_unreadable_answer_is_asked_for_once_more():
    def answer(body):
        return "2" if "none of the listed actions" in said(body)[-1] else "hm, perhaps the right one"

    with ChatServer(answer) as server:
        agent = agent_of(server)
        assert agent.act([SEEN, SEEN]) == [Action(text="go right")] * 2
        assert agent.report()["unreadable"] == 0
        again = server.received[-1].body
    assert said(again, "assistant") == ["hm, perhaps the right one"]
    assert said(again)[-1] == "That is none of the listed actions. Answer with the number of one of them (1 to 2), and nothing else."


def test_an_answer_that_stays_unreadable_is_data():
    with ChatServer(lambda body: "no idea") as server:
        agent = agent_of(server)
        assert agent.act([SEEN]) == [Action(text="no idea")]
        assert (len(server.received), agent.report()["unreadable"]) == (2, 1)
        (played,) = Rollouts("test_openai/Tower-v0", {"max_steps": 2}, num_envs=1).play(agent, groups([0], 1))
    assert (played.valid, played.outcome) == (True, 0.0)
    assert [step.claims for step in played.steps] == [(Malformed("neither up nor slip"),)] * 2


def test_free_text_is_taken_as_it_is_written():
    with ChatServer(lambda body: "  go\nright ") as server:
        assert agent_of(server, choose="free").act([SEEN]) == [Action(text="go\nright")]
        assert "Actions:" not in wholly(server.received[0].body)
        assert "Answer with the next action alone" in said(server.received[0].body, "system")[0]


def test_tools_before_lists_unless_lists_are_wanted():
    both = Prompt(instructions="", observation="", actions=('{"name": "add", "arguments": {"a": 1, "b": 2}}',), tools=(ADD,))
    with ChatServer(lambda body: "1") as server:
        assert agent_of(server).act([both]) == [Action(text="1")]
        assert agent_of(server, choose="listed").act([both]) == [Action(text=both.actions[0])]
        assert ["tools" in one.body for one in server.received] == [True, False]


# Thoughts.


@pytest.mark.parametrize(
    ("written", "text"),
    [("<think>1? No.</think>\n2", "go right"), ("It was 1.</think>2", "go right"), ("<think>1, or", "")],
)
def test_thoughts_are_no_part_of_an_action(written, text):
    with ChatServer(lambda body: written) as server:
        assert agent_of(server).act([SEEN]) == [Action(text=text)]


def test_thinking_in_the_open():
    def answer(body):
        assert 'begins with "Action:"' in said(body, "system")[0]
        assert "number alone." not in said(body)[-1]
        return "Action: 1 would be wrong, so I take the other.\n\n**Action:** 2"

    with ChatServer(answer) as server:
        assert agent_of(server, reason=True).act([SEEN]) == [Action(text="go right")]
        free = agent_of(server, reason=True, choose="free")
        assert free.act([SEEN]) == [Action(text="2")]


# Calls.


def _calling(*functions, content=None):
    calls = [{"id": "x", "type": "function", "function": function} for function in functions]
    return lambda body: completion("", body, message={"role": "assistant", "content": content, "tool_calls": calls})


def test_a_call_with_a_thought_keeps_it():
    with ChatServer(_calling({"name": "add", "arguments": '{"a": 1, "b": 2}'}, content="<think>hm</think>I add.")) as server:
        (action,) = agent_of(server).act([CALLING])
        assert read_call(action.text) == ToolCall("add", {"a": 1, "b": 2}, "I add.")
        past = replace(CALLING, history=(PastStep("before", action.text),))
        agent_of(server).act([past])
        body = server.received[-1].body
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert body["messages"][2]["content"] == "I add."
    assert json.loads(body["messages"][2]["tool_calls"][0]["function"]["arguments"]) == {"a": 1, "b": 2}
    assert body["messages"][3] == {"role": "tool", "content": "now", "tool_call_id": "call00000"}


@pytest.mark.parametrize(
    ("functions", "reason"),
    [
        ([{"name": "add", "arguments": '{"a": 1'}], "the arguments cannot be read"),
        ([{"name": "add", "arguments": "[1, 2]"}], '"arguments" is an object'),
        ([{"name": "add", "arguments": "{}"}] * 2, "a step is one call, got 2"),
    ],
)
def test_bad_calls_are_bad_actions(functions, reason):
    with ChatServer(_calling(*functions)) as server:
        (action,) = agent_of(server).act([CALLING])
    assert not action.failure
    assert reason in read_call(action.text).reason


# Contexts.


def _history(count):
    return tuple(PastStep(f"seen {at}", f"did {at}") for at in range(count))


def test_a_conversation_that_is_too_long_loses_its_older_half():
    def answer(body):
        return "1" if len(body["messages"]) <= 5 else Refusal(400, "maximum context length is 5 messages")

    with ChatServer(answer) as server:
        agent = agent_of(server)
        (action,) = agent.act([replace(SEEN, history=_history(8))])
        # 8 steps are 18 messages, 4 are 10, 2 are 6, 1 is 4.
        assert [len(one.body["messages"]) for one in server.received] == [18, 10, 6, 4]
        assert action == Action(text="go left")
        assert agent.report()["overflowed"] == 0
        shown = said(server.received[-1].body)
    assert shown[0] == "seen 0\n\n[7 steps are left out here.]\n\nseen 7"
    assert said(server.received[-1].body, "assistant") == ["did 7"]


def test_what_does_not_fit_at_all_is_no_action_and_no_failure():
    with ChatServer(lambda body: Refusal(400, "maximum context length is 0 tokens")) as server:
        agent = agent_of(server, choose="free")
        assert agent.act([replace(SEEN, history=_history(1))]) == [Action(text="")]
        assert (len(server.received), agent.report()["overflowed"]) == (2, 1)


@pytest.mark.parametrize(("history", "first", "messages"), [(None, "seen 0", 8), (1, "seen 0\n\n[2 steps are left out here.]\n\nseen 2", 4), (0, "now", 2)])
def test_how_much_of_the_past_is_shown(history, first, messages):
    with ChatServer(lambda body: "1") as server:
        agent_of(server, history=history, choose="free").act([replace(SEEN, history=_history(3))])
        body = server.received[0].body
    assert (said(body)[0], len(body["messages"])) == (first, messages)


def test_an_empty_action_of_the_past_is_said_in_words():
    with ChatServer(lambda body: "1") as server:
        agent_of(server).act([replace(SEEN, history=(PastStep("seen", " "),))])
        assert said(server.received[0].body, "assistant") == ["(no action)"]


def test_an_answer_that_is_cut_is_counted():
    with ChatServer(lambda body: completion("2", body, finish_reason="length")) as server:
        agent = agent_of(server)
        assert agent.act([SEEN]) == [Action(text="go right")]
        assert agent.report()["cut"] == 1


# Draws.


def test_attempts_are_drawn_apart_and_a_rerun_asks_for_nothing(tmp_path):
    def play():
        agent = agent_of(server, cache=str(tmp_path / "answers"))
        played = Rollouts("test_openai/Tower-v0", {}, num_envs=3).play(agent, groups([0], 3))
        agent.close()
        return played

    with ChatServer(lambda body: "2") as server:
        first = play()
        sent = len(server.received)
        assert sent == sum(len(t.steps) for t in first)  # no attempt shares an answer with another
        assert len({one.body["seed"] for one in server.received}) == sent
        assert play() == first
        assert len(server.received) == sent


def test_draws_of_one_question():
    with ChatServer(lambda body: "1") as server:
        agent = agent_of(server)
        in_episode = replace(SEEN, episode="a/0")
        for prompt in (in_episode, in_episode, SEEN, replace(SEEN, seed=5), replace(SEEN, seed=5)):
            agent.act([prompt])
        seeds = [one.body["seed"] for one in server.received]
        assert len(set(seeds[:3])) == 3
        assert seeds[3] == seeds[4]  # of the prompt's own seed alone
        agent_of(server).act([in_episode])
        assert server.received[-1].body["seed"] == seeds[0]
        agent_of(server, temperature=0).act([in_episode])
        assert "seed" not in server.received[-1].body


# Examples.


def test_examples_of_a_library_stand_in_the_instructions(tmp_path):
    library = ExperienceLibrary([Experience(observation="now a fork in the road", action="go right", score=1.0)])
    library.save(tmp_path / "library.jsonl")
    with ChatServer(lambda body: "1") as server:
        agent_of(server, experience=str(tmp_path / "library.jsonl"), examples=1).act([SEEN])
        assert re.search(r"Example 1\nThen, seen:\nnow a fork in the road\ndone: go right", said(server.received[0].body, "system")[0])
        empty = ExperienceLibrary()
        growing = agent_of(server, experience=empty)
        growing.act([SEEN])
        assert "Example" not in wholly(server.received[-1].body)
        empty.add(library)
        growing.act([SEEN])
        assert "Example 1" in wholly(server.received[-1].body)


# Options.


def test_the_agent_of_a_specification():
    agent = make_agent("openai:some/model:7b?base_url=http://localhost:1/v1&temperature=0.2&choose=free&most_cost=3&prompt_price=1&history=2&reason=true")
    assert agent.id == "openai:some/model:7b"
    assert (agent.style.temperature, agent.style.choose, agent.style.history, agent.style.reason) == (0.2, "free", 2, True)
    assert agent.client.settings == ChatSettings(model="some/model:7b", base_url="http://localhost:1/v1", most_cost=3, prompt_price=1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": ""}, "needs a model"),
        ({"temperature": 3}, "temperature is a number from 0 to 2"),
        ({"max_tokens": 0}, "max_tokens is an integer from 1 on"),
        ({"choose": "best"}, "choose is 'auto', 'listed' or 'free'"),
        ({"calls": "xml"}, "calls is 'native' or 'text'"),
        ({"history": -1}, "history is a number of steps from 0 on"),
        ({"reason": "yes"}, "reason is true or false"),
        ({"seed": 1.5}, "seed is an integer"),
        ({"examples": 0}, "examples is an integer from 1 on"),
        ({"temprature": 1}, "named 'temprature'. Did you mean 'temperature'"),
        ({"concurrency": 0}, "concurrency is an integer from 1 on"),
        ({"client": ChatSettings(model="m", base_url="http://localhost:1/v1")}, "a client or its settings, not both"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(OptionError, match=re.escape(message)):
        OpenAIAgent(**{"model": "m", "base_url": "http://localhost:1/v1"} | options)


def test_a_library_that_is_not_there():
    with pytest.raises(StoreError, match="no library of experiences"):
        OpenAIAgent("m", base_url="http://localhost:1/v1", experience="nowhere.jsonl")


def test_a_client_may_be_given():
    with ChatServer(lambda body: "1") as server, ChatClient(ChatSettings(model="m", base_url=server.url)) as client:
        agent = OpenAIAgent(client=client)
        assert agent.act([SEEN]) == [Action(text="go left")]
        assert client.counters.asked == 1
        assert agent.act([]) == []
        assert Rollouts("test_openai/Tower-v0", {}, num_envs=1).play(agent, [Episode(0, "g")])[0].outcome == 0.0
