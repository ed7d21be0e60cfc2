"""What an operator's words mean."""

import base64
import pickle
import tracemalloc

import msgspec
import pytest

from prm_gym.cli import main
from prm_gym.env import ACTION_LENGTH
from prm_gym.errors import ContractError, OptionError, UnknownNameError
from prm_gym.random_state import generator_of
from prm_gym.serving.offer import Choice, Limits, Offer
from prm_gym.serving.problems import CODES, Problem
from prm_gym.serving.wire import MOST_DEPTH, BatchStep, ResetRequest, StepRequest, packed, unpacked
from prm_gym.spaces import recordable

COUNTDOWN, DEDUCTION = "prm_gym/Countdown-v0", "prm_gym/Deduction-v0"


def test_options_go_to_the_environments_that_know_them():
    offer = Offer.of([COUNTDOWN, "prm_gym/PythonTool-v0"], env_options={"seconds": 1}, client_options=["difficulty"])
    assert offer.envs == {COUNTDOWN: {}, "prm_gym/PythonTool-v0": {"seconds": 1}}
    assert offer.options(COUNTDOWN, {"difficulty": 2}) == {"difficulty": 2}
    assert offer.options("prm_gym/PythonTool-v0", {"max_steps": 4}) == {"seconds": 1, "max_steps": 4}


def test_verifiers_are_named_by_the_operator():
    offer = Offer.of([DEDUCTION], verifiers=["z3?timeout=2", "strict=judge:MODEL?base_url=http://x.test"])
    assert offer.verifiers == {"z3?timeout=2": "z3?timeout=2", "strict": "judge:MODEL?base_url=http://x.test"}
    assert offer.options(DEDUCTION, {"verifiers": ["z3", "strict"]}) == {"verifiers": ["z3", "judge:MODEL?base_url=http://x.test"]}
    with pytest.raises(Problem, match="no verifier on this server"):
        offer.options(DEDUCTION, {"verifiers": ["judge:MODEL?base_url=http://x.test"]})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"envs": []}, "nothing to serve"),
        ({"envs": ["prm_gym/Countdwn-v0"]}, "Did you mean"),
        ({"envs": [COUNTDOWN], "env_options": {"dificulty": 1}}, "Did you mean 'difficulty'"),
        ({"envs": [COUNTDOWN], "client_options": ["dificulty"]}, "Did you mean 'difficulty'"),
        ({"envs": [COUNTDOWN], "client_options": ["verifiers"]}, "none of verifiers"),
        ({"envs": [COUNTDOWN], "client_options": ["difficulty="]}, "NAME=VALUE"),
        ({"envs": [COUNTDOWN], "verifiers": ["z3", "z3"]}, "each name once"),
        ({"envs": [COUNTDOWN], "verifiers": ["a=z3", "a=cvc5"]}, "each name once"),
    ],
)
def test_what_an_operator_may_not_say(arguments, said):
    with pytest.raises((OptionError, UnknownNameError), match=said):
        Offer.of(**arguments)


@pytest.mark.parametrize("limits", [{"sessions": 0}, {"idle_seconds": -1.0}, {"request_seconds": float("nan")}, {"body_bytes": float("inf")}])
def test_limits_are_above_zero(limits):
    with pytest.raises(OptionError):
        Limits(**limits)


def test_values_of_a_choice():
    choice = Choice.parse("mode=plain,3,true")
    assert choice.values == ("plain", 3, True)
    assert choice.taken(3) == 3
    for wrong in (1, 3.0, "true", None):  # 1 == True in Python, and is another value
        with pytest.raises(Problem):
            choice.taken(wrong)
    numbers = Choice.parse("level")
    assert [numbers.taken(value) for value in (1, 0.5, True, None)] == [1, 0.5, True, None]
    for wrong in ("1", [1], {"a": 1}, 1e300, float("nan")):
        with pytest.raises(Problem):
            numbers.taken(wrong)


def test_every_code_has_the_status_of_an_error():
    assert all(400 <= status < 600 for status in CODES.values())
    assert Problem("too_many_sessions", "", 0.2).headers() == {"retry-after": "1"}
    assert Problem("bad_request", "").headers() == {}


@pytest.mark.parametrize("action", ["", "plain", "∀x 🙂\0", "\ud800", "a" * 30, "\udfff" + "b" * 30, "é" * 20 + "\ud800"])
def test_an_action_is_what_it_was_as_far_as_it_is_read(action):
    again = unpacked(packed(action, 20))
    assert again[:20] == action[:20]
    assert len(again) == len(action)


@pytest.mark.parametrize("encoding", ["text", "base64"])
def test_telling_that_an_action_was_long_takes_no_memory(encoding):
    """3 KB of request: 32 slots, each with one character that takes four bytes, and says that it was cut from 2^24 of them (2 GB in all)."""
    action = "😀" if encoding == "text" else base64.b64encode("😀".encode()).decode()
    body = msgspec.json.encode(BatchStep([StepRequest(action=action, slot=slot, length=1 << 24, encoding=encoding) for slot in range(32)]))
    assert len(body) < 4096
    asked = msgspec.json.decode(body, type=BatchStep)
    tracemalloc.start()
    try:
        actions = [unpacked(request) for request in asked.steps]
        kept = [recordable(each, ACTION_LENGTH) for each in actions]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1 << 20
    assert kept == [("😀", f"the action has 16,777,216 characters; at most {ACTION_LENGTH:,} are read")] * 32
    again = pickle.loads(pickle.dumps(actions[0]))
    assert (len(again), again[:]) == (1 << 24, "😀")


def test_options_of_a_reset_are_not_nested_without_end():
    def nested(levels):
        return b'{"options":{"x":' + b"[" * levels + b"]" * levels + b"}}"

    assert msgspec.json.decode(nested(MOST_DEPTH - 1), type=ResetRequest).options["x"]
    for levels in (MOST_DEPTH, 300, 900):
        with pytest.raises(msgspec.ValidationError, match="levels"):
            msgspec.json.decode(nested(levels), type=ResetRequest)


def test_a_random_state_names_a_generator_and_nothing_else():
    # It may come with a step whose verdict is asked for; what it names is called.
    for name in ("seed", "test", "Generator", "default_rng", "__dict__"):
        with pytest.raises(ContractError):
            generator_of(f'{{"bit_generator": "{name}", "state": {{}}}}')


@pytest.mark.parametrize("again", [["--env", "prm_gym/Deduction-v0"], ["prm_gym/Deduction-v0"]])
def test_a_flag_that_is_given_twice_forgets_nothing(capsys, again):
    with pytest.raises(SystemExit):
        main(["serve", "--env", "prm_gym/Countdwn-v0", *again])
    assert "Did you mean 'prm_gym/Countdown-v0'" in capsys.readouterr().err
