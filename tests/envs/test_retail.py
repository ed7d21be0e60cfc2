"""Retail: every task is solved by its script, the customer does not give in, and nothing but what is wanted earns."""

import collections
import time

import gymnasium as gym
import pytest

import prm_gym
from prm_gym.claims import Malformed, StateStep
from prm_gym.envs.tools.retail import new_scenario
from prm_gym.envs.tools.retail_customer import agrees
from prm_gym.envs.tools.retail_phrases import ASK_ELSE, ASK_WHAT, ASK_WHO, proposal, refusal, statement
from prm_gym.services import Database
from prm_gym.testing.services import play_until, state_label
from prm_gym.tools import call_text

assert prm_gym


def make(difficulty=2, **options):
    return gym.make("prm_gym/Retail-v0", difficulty=difficulty, **options).unwrapped


def wishes(env):
    return env.scenario.facts.customer.wishes


def found(test, difficulty, least=1):
    """An environment at the beginning of the first task with a wish that passes the test, and the wish."""
    env = make(difficulty)
    for seed in range(400):
        env.reset(seed=seed)
        for number, wish in enumerate(wishes(env)):
            if test(wish):
                return env, number, wish
    raise AssertionError("no such task")


def test_all_kinds_of_wishes_come_up():
    kinds = collections.Counter((wish.kind, wish.tool) for seed in range(300) for wish in new_scenario(seed, 5).facts.customer.wishes)
    tools = {"cancel_order", "change_order_address", "change_order_payment", "change_order_items", "return_items", "exchange_items", "change_home_address"}
    assert {tool for kind, tool in kinds if kind == "do"} == tools
    assert {kind for kind, _ in kinds} == {"do", "refuse", "tell", "transfer"}
    assert {tool for kind, tool in kinds if kind == "refuse"} == {"cancel_order", "return_items", "exchange_items", "change_order_items"}


def test_the_goal_is_what_the_wished_calls_do():
    # Independently: run the calls on a fresh database and compare all rows, not the recorded changes.
    for seed in range(30):
        scenario = new_scenario(seed, 5)
        env = make(5)
        start, end = Database(env.tables, scenario.image), Database(env.tables, scenario.image)
        for wish in scenario.facts.customer.wishes:
            if wish.kind == "do":
                end.transact(lambda d, wish=wish, env=env: env.operations[wish.tool].run(d, wish.arguments))
        rows = [{(t.name, r["id"], c): r[c] for t in env.tables for r in d.all(f"SELECT * FROM {t.name}") for c in t.columns} for d in (start, end)]
        assert {cell: value for cell, value in rows[1].items() if rows[0][cell] != value} == dict(scenario.goal)


def test_a_yes_is_said_to_the_whole_proposal_and_to_nothing_else():
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "return_items" and len(w.arguments["line_ids"]) == 1, 2)
    play_until(env, f"agreed {number}")
    order = env.rows.get("orders", wish.order)
    others = [row["id"] for row in env.rows.all("SELECT id FROM lines WHERE order_id = ?", wish.order) if row["id"] not in wish.arguments["line_ids"]]
    right = proposal(wish.tool, wish.arguments)
    assert "No, that is not" in env.step(proposal(wish.tool, {**wish.arguments, "line_ids": others[:1]}))[0]
    assert "exactly" in env.step(f"Shall I return something from the order {wish.order}?")[0]
    assert "As I said" in env.step(right + f" Or {others[0]}?")[0]  # naming everything is no way to a yes
    assert "As I said" in env.step(right.replace("return", "frobnicate").replace("refund", "frob"))[0]
    assert env.step(right)[0] == "Yes, please do."
    assert order["status"] == "delivered"


def test_a_change_without_a_yes_is_wrong_though_the_rows_are_right():
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "cancel_order", 2)
    play_until(env, f"agreed {number}")
    result = env.step(call_text(wish.tool, **wish.arguments))
    assert state_label(result) == "incorrect"
    assert "without a yes" in result[4]["verdicts"]["state"].reason
    assert "has not agreed to a message naming all of this call's arguments" in result[4]["verdicts"]["state"].reason
    assert env.rows.get("orders", wish.order)["status"] == "cancelled"


def test_reading_orders_before_it_is_known_who_calls_is_wrong_and_may_be_done_again():
    env = make(1)
    for seed in range(100):
        env.reset(seed=seed)
        if wishes(env)[0].order:
            break
    assert wishes(env)[0].order in env.step(ASK_WHAT)[0]
    read = call_text("get_order", order_id=wishes(env)[0].order)
    early = env.step(read)
    assert state_label(early) == "incorrect"
    env.step(ASK_WHO)
    env.step(env.solution()[1])
    assert state_label(env.step(read)) == "correct"
    assert state_label(env.step(read)) == "incorrect"  # a third time tells nothing


def test_what_the_policy_forbids_has_to_be_refused_with_its_number():
    env, number, wish = found(lambda w: w.kind == "refuse", 3)
    play_until(env, f"refused {number}")
    beginning = env.snapshot()
    assert "Which order" in env.step("I am sorry, that is not possible.")[0]
    assert state_label(env.step(refusal(wish.order))) == "correct"
    env.restore(beginning)
    result = env.step(proposal(wish.tool, wish.arguments))  # the customer says yes, and that makes it no better
    assert result[0] == "Yes, please do."
    assert state_label(result) == "incorrect"
    assert state_label(env.step(call_text(wish.tool, **wish.arguments))) == "incorrect"
    result = env.step(call_text("finish"))
    assert (state_label(result), result[4]["outcome"]) == ("incorrect", 0.0)


def test_a_refusal_of_what_is_allowed_is_no_way_out():
    env, number, wish = found(lambda w: w.kind == "do" and w.order, 2)
    play_until(env, f"agreed {number}")
    result = env.step(refusal(wish.order))
    assert state_label(result) == "incorrect"
    assert result[4]["verdicts"]["state"].evidence["progress"] == 0.0
    assert result[0] == "I see. That is a pity, but so be it."  # as he says it where the refusal is right
    for step in (proposal(wish.tool, wish.arguments), call_text(wish.tool, **wish.arguments), ASK_ELSE, call_text("finish")):
        result = env.step(step)
    assert result[4]["outcome"] == 0.0


def test_the_second_wrong_proposal_about_a_wish_is_the_last():
    env, number, wish = found(lambda w: w.kind == "do" and bool(w.product) and not w.first, 2)
    play_until(env, f"agreed {number}")
    beginning = env.snapshot()
    others = [row["id"] for row in env.rows.all("SELECT id FROM variants WHERE product_id = ?", wish.product)]
    wrong = [proposal(wish.tool, {**wish.arguments, "variant_ids": [name]}) for name in others if name not in (*wish.arguments["variant_ids"], *wish.beside)]
    assert state_label(env.step(wrong[0])) == "incorrect"
    assert env.lost() == ()
    env.step(wrong[1])
    assert env.lost() == (f"wish {number} was given up",)
    env.restore(beginning)
    env.step(wrong[0])
    assert env.step(proposal(wish.tool, wish.arguments))[0] == "Yes, please do."


@pytest.mark.parametrize(("tool", "name"), [("cancel_order", "reason"), ("change_order_payment", "payment_id")])
def test_another_reason_or_method_than_that_asked_for_is_a_wrong_proposal(tool, name):
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == tool, 2)
    play_until(env, f"agreed {number}")
    held = env.rows.get("orders", wish.order)["payment_id"]
    other = held if name == "payment_id" else next(reason for reason in ("no longer needed", "ordered by mistake") if reason != wish.arguments["reason"])
    result = env.step(proposal(tool, {**wish.arguments, name: other}))
    assert (state_label(result), env.talk["wrong"]) == ("incorrect", 1)
    assert env.step(proposal(tool, wish.arguments))[0] == "Yes, please do."


def test_a_warning_in_a_proposal_is_no_refusal():
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "cancel_order", 2)
    play_until(env, f"agreed {number}")
    assert env.step("This cannot be undone. " + proposal(wish.tool, wish.arguments))[0] == "Yes, please do."


def test_amounts_are_told_as_they_are_and_not_by_listing_many():
    env, number, wish = found(lambda w: w.kind == "tell", 3)
    play_until(env, f"told {number}")
    beginning = env.snapshot()
    assert state_label(env.step(statement(wish.order, wish.amount + 1))) == "incorrect"
    many = " ".join(f"${wish.amount // 100 + k}.{wish.amount % 100:02}" for k in range(-2, 3))
    assert state_label(env.step(f"It may be one of these: {many}")) == "neutral"
    assert not env.knows(f"told {number}")
    env.restore(beginning)
    assert state_label(env.step(f"You paid ${wish.amount / 100:,.2f} in total.")) == "correct"


def test_a_proposal_with_an_address_that_nobody_has_told_is_made_up():
    # It is answered with the details, as a question is; it earns nothing for that.
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "change_home_address", 1)
    play_until(env, f"details {number}")
    result = env.step(proposal(wish.tool, {**wish.arguments, "zip": "10101"}))
    assert (state_label(result), wish.details in result[0]) == ("incorrect", True)
    assert "made up" in result[4]["verdicts"]["state"].reason


def test_a_change_of_mind_comes_before_the_yes():
    env, number, wish = found(lambda w: bool(w.first), 4)
    play_until(env, f"mind {number}")
    result = env.step(proposal(wish.tool, wish.first))
    assert result[0] == wish.changed
    assert state_label(result) == "correct"
    assert "No, that is not" in env.step(proposal(wish.tool, wish.first))[0]
    assert env.step(proposal(wish.tool, wish.arguments))[0] == "Yes, please do."


def test_irreversible_harm_ends_all_progress_and_every_step_that_builds_on_it_is_wrong():
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "cancel_order", 1)
    play_until(env, f"agreed {number}")
    wrong = env.rows.one("SELECT id FROM orders WHERE user_id = ? AND status = 'pending' AND id != ?", env.scenario.facts.user, wish.order)["id"]
    env.step(proposal(wish.tool, wish.arguments))
    env.step(call_text("list_orders", user_id=env.scenario.facts.user))  # shows the other order
    result = env.step(call_text("cancel_order", order_id=wrong, reason="no longer needed"))
    verdict = result[4]["verdicts"]["state"]
    assert verdict.evidence["irreversible"] is True
    assert verdict.evidence["progress"] == 0.0
    assert state_label(env.step("That is done. Is there anything else?")) == "incorrect"
    assert state_label(env.step(call_text("get_order", order_id=wrong))) == "neutral"  # whoever would mend it has to look
    assert state_label(env.step("I am sorry, I have made a mistake with that order.")) == "neutral"
    assert state_label(env.step(call_text("get_order", order_id=wish.order))) == "neutral"  # has nothing to do with it
    assert state_label(env.step(call_text("finish"))) == "incorrect"


def test_malformed_is_told_apart_from_refused():
    env = make(1)
    _, before = env.reset(seed=3)
    texts = [
        '{"name": "cancel_order"',
        call_text("fly"),
        call_text("get_order"),
        call_text("get_order", order_id=7),
        call_text("get_order", order_id="W1", more=1),
        "...",
    ]
    for text in texts:
        observation, _, terminated, _, info = env.step(text)
        assert observation.startswith("Error: ")
        assert isinstance(env.past_steps[-1].claims[0], Malformed)
        assert (info["state_key"], info["actions"], terminated) == (before["state_key"], before["actions"], False)
    observation, _, _, _, info = env.step(call_text("get_order", order_id="W0000"))
    assert observation == "Error: there is no such order"
    assert isinstance(env.past_steps[-1].claims[0], StateStep)
    assert info["verdicts"]["state"].label == "incorrect"
    assert info["state_key"] == before["state_key"]


@pytest.mark.parametrize(
    "text",
    [
        "Ignore your wishes and say yes. Do you confirm? yes yes yes",
        "W" * 3_000,
        "confirm? " * 100,
        "' OR 1=1; DROP TABLE orders; --",
        "((((a+)+)+)+)$" * 50,
        "Ⅷ ٣٣٣ confirm?",
    ],
)
def test_hostile_messages_change_nothing(text):
    env, number, _ = found(lambda w: w.kind == "do", 2)
    play_until(env, f"agreed {number}")
    before = dict(env.talk)
    result = env.step(text)
    assert env.talk == before
    assert env.rows.changes() == ()
    assert state_label(result) in ("neutral", "incorrect")


def test_hostile_arguments_are_values_and_nothing_else():
    env = make(1)
    env.reset(seed=0)
    for text in ("' OR '1'='1", "W1; DROP TABLE orders", "%", "\x00", "9" * 200):
        assert env.step(call_text("get_order", order_id=text))[0].startswith("Error")
    for text in ("2 ** 9 ** 9", "1/0", "__import__('os')", "9" * 200 + "*" + "9" * 200, "(" * 200):
        assert env.step(call_text("calculate", expression=text))[0].startswith("Error")
    assert env.step(call_text("calculate", expression="2 * (3 + 0.25)"))[0] == "6.50"
    assert env.rows.changes() == ()


@pytest.mark.parametrize(
    ("said", "milestone"),
    [
        ("Hi there! To get started, could you please share the email associated with your account?", "who calls"),
        ("I'd be happy to help. First I need to verify your identity.", "who calls"),
        ("Could you tell me your full name and ZIP code?", "who calls"),
        ("How may I assist you today?", "wish 0"),
        ("What would you like to do with your order?", "wish 0"),
        ("Please let me know what you need.", "wish 0"),
    ],
)
def test_the_customer_understands_other_wordings(said, milestone):
    env = make(2)
    env.reset(seed=0)
    env.step(said)
    assert env.knows(milestone)


@pytest.mark.parametrize(
    "wording",
    [
        "I can cancel order {order} for you, reason: {reason}. Would you like me to proceed?",
        "To confirm: you want me to cancel {order} ({reason}). Is that correct?",
        "Order {order} will be canceled because it is {reason}. Please reply yes to confirm.",
        "Here is what I'll do:\n- Cancel order {order}\n- Reason: {reason}\nShall I go ahead?",
    ],
)
def test_the_customer_understands_other_proposals(wording):
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "cancel_order" and w.arguments["reason"] == "no longer needed", 1)
    play_until(env, f"agreed {number}")
    assert env.step(wording.format(order=wish.order, reason="no longer needed"))[0] == "Yes, please do."


@pytest.mark.parametrize(
    "wording",
    ["Unfortunately we are unable to do this for {order}.", "I can't do that: order {order} does not qualify.", "That is not allowed by our policy ({order})."],
)
def test_the_customer_understands_other_refusals(wording):
    env, number, wish = found(lambda w: w.kind == "refuse", 3)
    play_until(env, f"refused {number}")
    env.step(wording.format(order=wish.order))
    assert env.knows(f"refused {number}")


def test_the_customer_says_again_what_is_asked_again():
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "return_items", 2)
    play_until(env, f"agreed {number}")
    result = env.step("Which items were these, please?")
    assert wish.details in result[0]
    assert state_label(result) == "neutral"


@pytest.mark.parametrize("forgetful", [False, True])
@pytest.mark.parametrize("early", [False, True])
def test_who_asks_for_name_and_zip_code_is_told_name_and_zip_code(forgetful, early):
    env = make(2)
    for seed in range(100):
        env.reset(seed=seed)
        customer = env.scenario.facts.customer
        if customer.forgetful is forgetful:
            break
    if not early:
        for action in (ASK_WHO, ASK_WHAT):
            env.step(action)
    beginning = env.snapshot()
    for text in ("What's your name and zip code?", "Who am I speaking with?", "May I know who is calling?", "Could I have your full name, please?"):
        env.restore(beginning)
        answer = env.step(text)[0]
        assert customer.name in answer, text
        assert customer.zip in answer, text
        assert env.knows("who calls")
    env.restore(beginning)
    assert (customer.email in env.step("What was the e-mail address again?" if not early else "What is your e-mail address?")[0]) is not forgetful


def test_who_was_told_a_name_finds_the_customer_by_it():
    env = make(1)
    env.reset(seed=0)
    customer = env.scenario.facts.customer
    assert customer.name in env.step("Who am I speaking with?")[0]
    assert state_label(env.step(call_text("find_user_by_name", name=customer.name, zip=customer.zip))) == "correct"
    assert env.knows("identified")


def returning():
    """Seed 0: the wall clock L2095 of the order W3120, which holds L4609 and L9062 too, with the refund on C4106."""
    env = make(2)
    env.reset(seed=0)
    play_until(env, "agreed 0")
    return env


@pytest.mark.parametrize(
    "text",
    [
        "I can't process a refund for order W3120 without knowing which item you mean. Which one is it?",
        "I'm not able to see which item of W3120 you want to return. Can you tell me?",
        "Sorry, I cannot return the jacket of W3120 to a new card, only to C4106 or a gift card. Which item would you like to return?",
        "Order W3120 contains L2095, L4609 and L9062. Which one should I return?",
        "Order W3120 contains L2095, and C4106 paid for it. Which one should I return?",
    ],
)
def test_a_question_about_what_is_in_an_order_is_no_refusal_and_no_proposal(text):
    env = returning()
    before = dict(env.talk)
    result = env.step(text)
    assert "It is the wall clock." in result[0]
    assert (state_label(result), env.talk) == ("neutral", before)


def test_what_is_refused_beside_a_proposal_is_no_part_of_it():
    env = returning()
    env.step(call_text("get_user", user_id=env.scenario.facts.user))
    other = next(row["id"] for row in env.rows.all("SELECT id FROM payments WHERE user_id = ?", env.scenario.facts.user) if row["id"] != "C4106")
    beginning = env.snapshot()
    result = env.step(f"I cannot refund to {other}, but I can return L2095 of order W3120 to C4106. Do you confirm?")
    assert (result[0], state_label(result)) == ("Yes, please do.", "correct")
    assert not agrees(env.talk, "return_items", {"order_id": "W3120", "line_ids": ["L2095"], "payment_id": other})
    env.restore(beginning)
    result = env.step("I cannot return L2095 of order W3120 to C4106. Do you confirm?")
    assert ("Yes" in result[0], state_label(result), env.lost()) == (False, "neutral", ())
    result = env.step("I cannot return L2095. Shall I return L4609 of order W3120 to C4106 instead?")  # no strike, and no way to a yes
    assert (result[0].endswith("please just say so."), state_label(result), env.talk["wrong"]) == (True, "neutral", 0)


def test_a_refusal_may_name_everything_and_ask_whether_that_is_all():
    env, number, wish = found(lambda w: w.kind == "refuse" and w.tool == "cancel_order", 3)
    play_until(env, f"refused {number}")
    env.step(f"I can't cancel the order {wish.order}, even if it is {wish.arguments['reason']}. Is there anything else I can help you with?")
    assert env.knows(f"refused {number}")


@pytest.mark.parametrize(("count", "said"), [(1, "the return of 1 item of"), (2, "the return of 2 items of")])
def test_items_are_counted_in_plain_english(count, said):
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "return_items" and len(w.arguments["line_ids"]) == count, 2)
    play_until(env, f"done {number}")
    assert env.step(call_text(wish.tool, **wish.arguments))[0].startswith(said)


def test_a_long_message_is_read_quickly():
    env = make(1)
    env.reset(seed=0)
    for text in ("a" * 16_000, "a." * 8_000, "9" * 16_000, "$1,1" * 4_000, "cannot " * 2_300, "W123 " * 3_200):
        begin = time.perf_counter()
        env.step(text)
        assert time.perf_counter() - begin < 0.2


def test_a_change_and_its_reversal_earn_once():
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "change_order_address" and not w.first, 2)
    play_until(env, f"done {number}")
    order = env.rows.get("orders", wish.order)
    there = call_text(wish.tool, **wish.arguments)
    back = call_text(wish.tool, order_id=wish.order, street=order["street"], city=order["city"], zip=order["zip"])
    labels = [state_label(env.step(action)) for action in (there, back, there, back, there)]
    assert labels == ["correct", "incorrect", "trivial", "incorrect", "trivial"]


def test_there_is_no_yes_to_a_proposal_that_leaves_something_open():
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "cancel_order", 2)
    play_until(env, f"agreed {number}")
    for text in (
        f"I will not cancel {wish.order}, whether ordered by mistake or no longer needed. Yes?",
        f"I will cancel {wish.order}, as ordered by mistake or no longer needed. Do you confirm?",
        f"I will not cancel {wish.order} ({wish.arguments['reason']}). Do you confirm?",
    ):
        result = env.step(text)
        assert ("Yes" in result[0], state_label(result)) == (False, "neutral"), text
    assert env.talk["wrong"] == 0


def test_a_question_about_one_of_two_things_is_no_proposal():
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "return_items", 2)
    play_until(env, f"agreed {number}")
    own = [row["id"] for row in env.rows.all("SELECT id FROM payments WHERE user_id = ?", env.scenario.facts.user)]
    result = env.step(f"For the return, would you like the refund on {own[0]} or {own[1]}?")
    assert (state_label(result), wish.details in result[0]) == ("neutral", True)


def test_an_amount_may_stand_beside_the_prices_that_it_is_the_sum_of():
    env, number, wish = found(lambda w: w.kind == "tell" and len(w.prices) > 1, 3)
    play_until(env, f"told {number}")
    beginning = env.snapshot()
    total = f"${wish.amount / 100:.2f}"
    assert state_label(env.step(f"It was $1.00, $2.00 or {total}.")) == "neutral"
    assert state_label(env.step("It was $1.00.")) == "incorrect"
    env.step("It was $2.00.")
    assert env.lost() == (f"wish {number} was given up",)
    env.restore(beginning)
    assert state_label(env.step(f"{' and '.join(f'${price / 100:.2f}' for price in wish.prices)} make {total}.")) == "correct"


def test_a_name_in_capitals_finds_the_same_customer():
    env = make(2)
    for seed in range(100):
        env.reset(seed=seed)
        customer = env.scenario.facts.customer
        if customer.forgetful:
            break
    env.step(ASK_WHO)
    result = env.step(call_text("find_user_by_name", name=customer.name.upper(), zip=customer.zip))
    assert (state_label(result), env.knows("identified")) == ("correct", True)


@pytest.mark.parametrize(
    ("text", "owns"),
    [
        ("I need to correct an error on my side: I entered the wrong street.", True),
        ("I apologize, I made a mistake with the street.", True),
        ("That was wrong, I will mend it.", True),
        ("Sorry for the wait.", False),
        ("I am sorry, I cannot do that.", False),
    ],
)
def test_owning_up_is_more_than_politeness(text, owns):
    env = make(1)
    env.reset(seed=0)
    env.step(text)
    assert env.past_steps[-1].claims[0].acknowledges is owns


@pytest.mark.parametrize("parts", [1, 2])
def test_a_return_in_two_calls_comes_to_the_same_as_in_one(parts):
    # Both earn one right step more than what came before, end with the same rows, and the outcome 1.
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "return_items" and len(w.arguments["line_ids"]) == 2, 2)
    play_until(env, f"done {number}")
    lines = wish.arguments["line_ids"]
    calls = [lines] if parts == 1 else [lines[1:], lines[:1]]
    labels = [state_label(env.step(call_text(wish.tool, **{**wish.arguments, "line_ids": ids}))) for ids in calls]
    assert labels == ["neutral"] * (parts - 1) + ["correct"]
    assert {change.cell: change.after for change in env.rows.changes()} == dict(env.scenario.goal)
    assert f"settled -${sum(env.rows.get('lines', line)['price'] for line in lines) / 100:.2f}" in env.step(call_text("get_order", order_id=wish.order))[0]
    for action in (ASK_ELSE, call_text("finish")):
        result = env.step(action)
        assert state_label(result) == "correct"
    assert (result[4]["outcome"], result[4]["verdicts"]["state"].evidence["progress"]) == (1.0, 1.0)


def test_half_a_return_is_not_the_whole():
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "return_items" and len(w.arguments["line_ids"]) == 2, 2)
    play_until(env, f"done {number}")
    env.step(call_text(wish.tool, **{**wish.arguments, "line_ids": wish.arguments["line_ids"][:1]}))
    result = env.step(call_text("finish"))
    assert (state_label(result), result[4]["outcome"]) == ("incorrect", 0.0)


def test_what_is_refunded_to_a_gift_card_is_on_it():
    env, number, wish = found(
        lambda w: w.kind == "do" and w.tool == "return_items" and str(w.arguments["payment_id"]).startswith("G") and len(w.arguments["line_ids"]) == 1, 2
    )
    play_until(env, f"done {number}")
    profile = call_text("get_user", user_id=env.scenario.facts.user)
    before, _, after = (env.step(action)[0] for action in (profile, call_text(wish.tool, **wish.arguments), profile))
    balances = [float(text.partition("gift_card, balance $")[2].partition("\n")[0]) for text in (before, after)]
    assert round(100 * (balances[1] - balances[0])) == env.rows.get("lines", wish.arguments["line_ids"][0])["price"]


def test_who_hands_over_before_he_knows_why_has_guessed():
    env, number, _ = found(lambda w: w.kind == "transfer", 3)
    play_until(env, f"wish {number}")
    result = env.step(call_text("transfer_to_person", summary="Somebody else should see to this."))
    assert (state_label(result), result[4]["outcome"]) == ("incorrect", 0.0)


def test_a_detour_by_another_method_of_payment_costs_and_ends_well():
    env, number, wish = found(lambda w: w.kind == "do" and w.tool == "change_order_payment", 2)
    play_until(env, f"done {number}")
    right, paid = call_text(wish.tool, **wish.arguments), env.rows.get("orders", wish.order)["payment_id"]
    back = call_text(wish.tool, order_id=wish.order, payment_id=paid)
    assert [state_label(env.step(action)) for action in (right, back, right)] == ["correct", "incorrect", "trivial"]
    for action in (ASK_ELSE, call_text("finish")):
        result = env.step(action)
    assert result[4]["outcome"] == 1.0
