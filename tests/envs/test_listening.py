"""Customer and owner understand ordinary English: a table of wordings for every kind of message, each played in whole episodes."""

import re
import time

import gymnasium as gym
import numpy as np
import pytest

import prm_gym
from prm_gym.services import asked_in, asks_openly, leaves_open, negates, plain, refuses, times_in

assert prm_gym

RETAIL = {
    "who": [
        "Hello! I'd be happy to help. Could you please provide your email address so I can look up your account?",
        "Hi there! To get started, may I have the email associated with your account, or your full name and zip code?",
        "Of course! Before we begin, I need to verify your identity. What's your email address?",
    ],
    "wish": [
        "Thank you! I've located your account. What can I help you with today?",
        "All done! Is there anything else I can help you with today?",
        "Great. Please let me know what you need help with.",
    ],
    "details": [
        "Sure, I can help with that. Could you give me the details?",
        "I'd be glad to help. What exactly would you like me to do, and do you have any preferences?",
        "I've found your order. Could you tell me more about what you'd like?",
    ],
    "nothing": ["Your request has been completed. Is there anything else you need?", "That has been taken care of. Anything else I can do for you?"],
    "refused": [
        "I'm sorry, but I can't do that for order {W}, because our policy doesn't allow it.",
        "I’m sorry, but I can’t process this request for order {W} — our policy doesn’t allow it.",
        "Unfortunately, I'm not able to do this for order {W} under our policy.",
        "I apologize, but order {W} isn't eligible for this under our policy.",
        "Unfortunately our policy does not permit this for order {W}, so I have to decline.",
        "I'm afraid I won't be able to help with that for order {W}; it is outside what our policy allows.",
        "I'm sorry, but order {W} has already shipped, so it isn't possible to cancel it.",
        "Unfortunately, order {W} was delivered more than 30 days ago, so it is no longer eligible for a return.",
        "I'm sorry, I'm not authorized to make changes to order {W} because it belongs to another customer.",
        "Unfortunately {W} is outside the 30-day return window, so the return isn't allowed. Is there anything else I can help you with?",
    ],
    "told": ["The total for order {W} was {m}.", "You paid {m} altogether. I cannot see discounts.", "Your order {W} cost {m} in total ({prices})."],
    "cancel_order": [
        'I\'ll cancel order {W} with the reason "{reason}". Do you want me to proceed?',
        "To cancel order {W}, I'll record the reason as: {reason}. Please note that this can't be undone. Please reply yes to confirm.",
    ],
    "change_order_address": [
        "I'll update the shipping address of order {W} to {place}. Shall I go ahead?",
        "Here is what I will do:\n- Order: {W}\n- New shipping address: {place}\n\nDo you confirm (yes/no)?",
    ],
    "change_order_payment": [
        "Order {W} will be charged to {C} instead. Would you like me to proceed?",
        "I will update {W} so that it is paid with {C}. Is that okay?",
    ],
    "change_order_items": [
        "I'll change item {L} in order {W} to variant {V}, with any price difference settled on {C}. Do you confirm?",
        "Here's the change:\n- Order {W}\n- Item {L} → {V}\n- Payment: {C}\n\nNote that items can only be changed once. Shall I modify it (yes or no)?",
    ],
    "exchange_items": [
        "To confirm: swap {L} for {V} in order {W}, difference on {C}. OK?",
        "I'll request an exchange of {L} in {W} for {V}, difference on {C}. Do you confirm?",
    ],
    "return_items": [
        "You'd like to return {L} from order {W} and get the money back on {C}. Is that correct?",
        "Return {L} of {W}, refund to {C}. Shall I proceed?",
    ],
    "change_home_address": ["I'll update your home address to {place}. Do you confirm?", "Please confirm your new home address: {place}."],
}
CALENDAR = {
    "errand": ["All done! Is there anything else I can help you with?", "Your request has been completed."],
    "nothing": ["Done. Can I help you with anything else?"],
    "refused": [
        "I'm sorry, but I can't do that ({n}), because our policy doesn't allow it.",
        "I’m sorry, I can’t do that for {n} — it would go against policy.",
        "I apologize, but {n} isn't something I may change that way under the policy.",
        "Unfortunately the policy does not permit this for {n}, so I have to decline.",
        "I'm afraid I won't be able to do that for {n}.",
    ],
    "told": ["Your meeting begins at {t}.", "It begins at {half}.", "The meeting runs from {t} to {end}."],
    "cancel": [
        "The meeting {n} was organized by someone else. Are you sure you want me to cancel it?",
        "Because {n} isn't organized by you, I can't cancel it without your approval. Do you confirm?",
    ],
    "move": [
        "The earliest slot that works for everyone is {d} at {t}. You aren't the organizer of {n}; may I move it there?",
        "Because {n} isn't organized by you, I can't move it without your approval. May I move it to {d} at {t}?",
        "May I move {n} to {d} at {half}?",
    ],
}


def half(time):
    hour, minutes = int(time[:2]), time[3:]
    return f"{(hour - 1) % 12 + 1}:{minutes} {'PM' if hour >= 12 else 'AM'}"


def retail_wording(env, step, rng):
    kind, wish = step.milestone.split(" ")[0], env.scenario.facts.customer.wishes[step.topic]
    a = (wish.first if kind == "mind" else wish.arguments) or {}
    texts = RETAIL[wish.tool if kind in ("mind", "agreed") else kind]
    return texts[int(rng.integers(len(texts)))].format(
        W=wish.order,
        m=f"${wish.amount / 100:,.2f}",
        prices=", ".join(f"${price / 100:.2f}" for price in wish.prices),
        reason=a.get("reason"),
        place=f"{a.get('street')}, {a.get('city')}, {a.get('zip')}",
        L=", ".join(a.get("line_ids", [])),
        V=", ".join(a.get("variant_ids", [])),
        C=a.get("payment_id"),
    )


def calendar_wording(env, step, rng):
    kind, errand = step.milestone.split(" ")[0], env.scenario.facts.errands[step.topic]
    texts = CALENDAR[errand.kind if kind == "agreed" else kind]
    number, day, time = (*errand.must, "", "", "")[:3] if kind == "agreed" else (errand.number, "", errand.answer)
    return texts[int(rng.integers(len(texts)))].format(n=number, d=day, t=time, half=half(time) if time else "", end=(*errand.beside, "")[-1])


@pytest.mark.parametrize(("name", "wording"), [("Retail", retail_wording), ("Calendar", calendar_wording)])
@pytest.mark.parametrize("difficulty", [2, 4, 5])
def test_every_wording_is_understood(name, wording, difficulty):
    env = gym.make(f"prm_gym/{name}-v0", difficulty=difficulty, candidates=0).unwrapped
    for seed in range(25):
        rng = np.random.default_rng(seed)
        env.reset(seed=seed)
        for step in env.scenario.script:
            action = step.action if step.action.startswith("{") else wording(env, step, rng)
            _, _, _, _, info = env.step(action)
            assert info["verdicts"]["state"].label == "correct", (seed, action)
        assert info["outcome"] == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "Because E1234 isn't organized by you, I can't move it without your approval. May I move E1234?",
        "I can't offer your first choice because it is out of stock. Would you like V7857?",
        "I'm unable to do that myself, so I will transfer you to a colleague.",
        "I cannot cancel W1234 until you confirm.",
        "This cannot be undone.",
        "I cannot find E1234.",
        "Would it not be possible?",
    ],
)
def test_what_offers_or_sets_a_condition_is_no_refusal(text):
    assert not refuses(plain(text))


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("It begins at 3:30 PM.", ["15:30"]),
        ("at 9:30 AM, 12 p.m. or 12:15am", ["09:30", "12:00", "00:15"]),
        ("from 9:00 to 10:00 and 9:00 again", ["09:00", "10:00"]),
        ("$9.30, 25:00, 9:75, 13 pm, 5 amazing people, 1:23:45", []),
    ],
)
def test_times_are_read_in_either_form(text, times):
    assert times_in(text) == times


def test_questions_alternatives_and_negations():
    assert asked_in("There are W1234 and W5678; cancel W1234? Fine.") == "cancel W1234?"
    assert leaves_open("C1234 or C5678?")
    assert not leaves_open("You have not organized it. Do you confirm, yes or no?")
    cancel = re.compile("cancel")
    assert negates("I will not cancel W1234. Yes?", cancel)
    assert not negates("I will cancel W1234. I do not see others.", cancel)


def test_reading_is_quick():
    for text in (
        "or " * 700,
        "I can't " * 300,
        "9:30 " * 400,
        "not " * 500,
        "wrong i used " * 150,
        "without your " * 150,
        "a" * 2_000,
        "outside of what the " * 100,
        " " * 1_500,
        "? " * 750,
        "I can't but " * 125,
    ):
        begin = time.perf_counter()
        refuses(text)
        times_in(text)
        asks_openly(text)
        assert time.perf_counter() - begin < 0.1, text[:20]
