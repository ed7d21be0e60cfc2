"""Customer and owner take each of thirty wordings of five kinds of message for what it is, wherever it comes in the talk.

{it} is the order or the meeting in words and number, {do} what is to be done, with every number, as in "cancel the order W1234 ...".
"""

import gymnasium as gym
import pytest

import prm_gym
from prm_gym.envs.tools.calendar_phrases import ask_cancel, ask_move
from prm_gym.envs.tools.retail_phrases import proposal
from prm_gym.services import asks_openly, parted, plain, refuses
from prm_gym.testing.services import play_until, state_label

assert prm_gym

CLARIFYING = """\
I can't process this for {it} without knowing exactly what you mean. Which one is it?
I'm not able to see which part of {it} you mean. Can you tell me?
Could you please clarify what you'd like me to do with {it}?
To make sure I get this right, could you confirm which one you mean?
I'd be happy to help with {it}! Before I proceed, could you tell me what exactly you have in mind?
I'm unable to determine from {it} what you want. Could you share more details?
Just to clarify: what should happen with {it}?
Sorry, I can't do anything with {it} until I know what you want. What is it that you need?
I looked at {it}, but I cannot tell which option you would prefer. Which would you like?
Thanks for that. What would you like me to change about {it}?
I see {it}. Which of these did you mean? Please let me know.
I don't see enough information to go on. Could you specify what you need for {it}?
I can't go ahead with {it} yet because a detail is missing. Could you tell me what it should be?
Can you give me more details about {it}?
Got it. And when you say {it}, what precisely should I do?
I won't be able to continue with {it} unless you tell me what you would like. What should I do?
It isn't possible for me to guess what you mean with {it}. Which one do you want?
Please let me know which one you mean, as I cannot proceed with {it} otherwise.
I couldn't find that in {it}. Could you describe it in other words?
Happy to assist! Could you let me know how you want {it} to be handled?
I need a bit more information about {it}. What would you like?
I cannot proceed with {it} without more information. Please provide the details.
I'm sorry, I'm not able to work out what you want for {it}. Would you mind explaining?
Okay — regarding {it}, what are your preferences?
May I ask what you would like me to do with {it}?
I can't make any changes to {it} without first confirming the details with you. What should be changed?
I'm sorry for the confusion! Which one is it?
To proceed with {it}, I need to know: which option do you prefer?
Unfortunately I can't identify the right one in {it} from that description. Which one do you mean?
Understood. To be certain before I touch {it}, please tell me what exactly you need."""
REFUSALS = """\
I'm sorry, but I can't do that for {it}: our policy doesn't allow it.
Unfortunately, I'm unable to do this for {it}.
I apologize, but {it} isn't eligible for this under our policy.
I understand your frustration, but I cannot make this change to {it}. Is there anything else I can help you with?
I'm afraid that isn't possible for {it}. Can I help you with anything else today?
I have to decline this request for {it}, as it goes against our policy.
Our policy does not permit this for {it}. I hope you understand.
Per our policy, I'm not able to process this for {it}. I'm sorry for the inconvenience.
I've checked, and unfortunately this cannot be done for {it}. Do you have any other questions?
I won't be able to do that for {it}, sorry.
I'm sorry, but what you ask for {it} is not allowed. What else can I do for you today?
Thank you for your patience. I checked {it}, and I can't do this. Please let me know if you need anything else.
Sorry — no. {it} can't be handled that way under our policy.
I must refuse this for {it} because it would break our policy.
That request for {it} is outside of what the policy allows, so I can't help with it.
I really wish I could help, but I can't do this for {it}. Does that make sense?
Regrettably, {it} doesn't qualify, and I am not able to make an exception.
I'm sorry to say that this isn't allowed for {it}. Is that okay?
I cannot fulfil this request for {it}. If you have any other questions, please let me know.
**Unable to proceed:** this is not permitted for {it}.
I looked into {it}. Unfortunately, policy prohibits this, so I can't go ahead.
As an assistant I may not do this for {it}; the rules forbid it.
I'm sorry, but this isn't something I can do for {it}. Would you like help with anything else?
Unfortunately, we can't accommodate that for {it} due to our policy. Thank you for understanding!
I can't do this for {it} without violating our policy.
I'm so sorry, but I am not permitted to do that for {it}. How else can I assist you?
After reviewing {it}, I can confirm that this is not possible. Feel free to reach out with other requests.
I apologise for the disappointment. It is against our policy to do this for {it}.
I can't do that for {it}, but I'm happy to help with any other questions.
No, I cannot do that for {it}. Do you understand?"""
PROPOSALS = """\
I will {do}. Do you confirm?
I'd like to {do}. Shall I proceed?
Just to confirm, you'd like me to {do}. Is that correct?
Great! Would you like me to {do}?
Here's what I'm going to do: {do}. Please reply yes to confirm.
May I {do}?
Can you confirm that I should {do}?
To summarize, I will {do}. Is that okay?
Before I go ahead: I'm about to {do}. Do I have your permission?
Thank you for the details! I can {do}. Would you like to proceed?
I'm ready to {do}. Please confirm.
Please note that this cannot be undone. I will {do}. Do you agree?
I cannot do this without your explicit confirmation. Shall I {do}?
So the plan is to {do}. Does that sound right?
Are you sure you want me to {do}?
Okay, I'd {do}. How does that sound?
I have everything I need. I'll {do}. Please confirm (yes/no).
Do you want me to {do}? Once it is done, it can't be reversed.
I can certainly {do}. Shall I go ahead?
Perfect. I'm going to {do} — is that alright with you?
Let me confirm: {do}. Yes or no?
With your approval, I will {do}. May I?
I can't go ahead until you confirm. Should I {do}?
I need your go-ahead to {do}. Do you agree?
Sure! I'll {do}. Are you happy with that?
I found what you need. I would {do}. OK?
As requested, I will {do}. Is this right?
I will now {do}. Do you authorize this?
Would it be fine if I {do}?
My understanding is that I should {do}. Could you confirm this, please?"""
GREETINGS = """\
Hello! How can I help you today?
Hi there! What can I do for you?
Good morning! How may I assist you?
Welcome! How can I assist you today?
Hello, thank you for reaching out. What do you need?
Hi! I'm here to help. What can I do for you today?
Hey! How's it going?
Thank you for contacting us. How can I be of service?
Good afternoon, what brings you here today?
Hello and welcome! I'm your assistant.
Hi, I'm happy to help you with that!
Thanks for your message! I'd be glad to help.
Of course! I'd be happy to assist.
Sure thing, let me look into this for you.
One moment, please, while I check.
Thank you for your patience!
Great, thank you!
I understand. Let me take care of that for you.
Absolutely, I can help with this!
Hello again! I appreciate your patience.
Good day! I hope you are doing well.
Thank you for confirming. I'll be right with you.
I'm sorry to hear that. Let me see what I can do.
No problem at all! I'll take a look now.
Nice to meet you! How are you today?
Hi! I can help with many things. What would you like?
Greetings! Please tell me how I can help.
Thanks for waiting, I have everything in front of me now.
Hello! I can't wait to help you. What can I do for you?
I appreciate you getting in touch. How can I make your day better?"""
OFFERS = """\
I'm sorry, I can't do that for {it}. Would you like me to do something similar instead?
Unfortunately {it} isn't eligible for this. Would you prefer another solution?
I can't do exactly that for {it}, but I can look for an alternative. Would that work?
That isn't possible for {it}, but I could offer you another option. Would you like that?
Our policy doesn't allow this for {it}. However, I can look for another way.
I'm unable to do this for {it}. Shall I try something else?
I cannot do that with {it}; instead, I can offer you a different arrangement. Are you interested?
While I can't do that for {it}, would an alternative be acceptable to you?
Unfortunately, this isn't allowed for {it}. Alternatively, I can check what else is possible.
I'm afraid I can't do this for {it}. Would you like to hear about the alternatives?
I can't do that for {it}, but we could find a different way. What do you think?
I'm not able to do that for {it}. What would you like to do instead?
That's not permitted for {it}, but I'd be glad to suggest another way. Would you like me to?
Since I can't do this for {it}, would you like to keep things as they are?
I apologize, but {it} can't be handled like that. Which alternative would you prefer?
Sorry, that is against our policy for {it}. How would you like to proceed?
It's not possible for {it}. Would a partial solution help?
I can't do this for {it}. If you'd like, I could do a part of it. Should I?
I won't be able to do that for {it}, but I can do the next best thing. Would that be helpful?
That cannot be done for {it}. Let me know if you'd like me to try a different approach.
I must decline this for {it}. Do you want me to suggest another option?
This isn't possible for {it} as it stands. Would you be open to another choice?
Unfortunately I can't. Would you consider an alternative for {it}?
I can't do what you ask for {it}, however I can offer something close to it.
I'm unable to do exactly that for {it}. Please let me know if another option would suit you.
We don't allow this for {it}. Is there another way that would suit you?
I cannot do that for {it}, but I will gladly look at other ways. Would you like me to?
Policy forbids this for {it}. Would you rather leave it as it is?
I'm sorry, I can't do this. May I suggest another way for {it}?
That can't be done for {it}. Do you have a second choice?"""
KINDS = {"clarifying": CLARIFYING, "refusals": REFUSALS, "proposals": PROPOSALS, "greetings": GREETINGS, "offers": OFFERS}
RETAIL = {"cancel_order": "order", "return_items": "order", "change_order_address": "order", "change_order_items": "order"}


def retail(env):
    """Each place where a proposal or a refusal is due: what is talked about, and what is asked to be done; for refusals none."""
    for i, wish in enumerate(env.scenario.facts.customer.wishes):
        if wish.kind == "refuse":
            yield f"refused {i}", f"order {wish.order}", ""
        elif wish.kind == "do" and wish.tool in RETAIL and not wish.first:
            yield f"agreed {i}", f"order {wish.order}", proposal(wish.tool, wish.arguments).removeprefix("I will ").partition(". Do")[0]


def calendar(env):
    """The same of the calendar."""
    for i, errand in enumerate(env.scenario.facts.errands):
        if errand.forbidden is not None:
            yield f"refused {i}", f"number {errand.number}", ""
        elif errand.asks:
            asked = ask_cancel(*errand.must) if errand.kind == "cancel" else ask_move(*errand.must)
            said = asked.partition("May I ")[2].rstrip("?").replace(" it", f" the meeting {errand.must[0]}")
            yield f"agreed {i}", f"the meeting {errand.must[0]}", said


def places(name, listed, most):
    """Environments at some of these places."""
    env, found = gym.make(f"prm_gym/{name}-v0", difficulty=4, candidates=0).unwrapped, []
    for seed in range(200):
        env.reset(seed=seed)
        for milestone, it, do in listed(env):
            if bool(do) == (sum(bool(there[2]) for there in found) < most) and len(found) < 2 * most:
                play_until(env, milestone)
                found.append((milestone, it, do, env.snapshot()))
                break
        if len(found) == 2 * most:
            return env, found
    raise AssertionError("too few")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "listed"), [("Retail", retail), ("Calendar", calendar)])
def test_each_wording_is_taken_for_what_it_is(name, listed, kind):
    env, found = places(name, listed, 4)
    wordings = KINDS[kind].splitlines()
    assert len(set(wordings)) == 30
    for milestone, it, do, there in found:
        if kind == "proposals" and not do:
            continue
        number = int(milestone.split()[1])
        for wording in wordings:
            env.restore(there)
            before = dict(env.talk)
            result = env.step(wording.format(it=it, do=do))
            case = (wording, milestone, it, do, result[0])
            given_up = number in env.talk["lost"]
            agreed = bool(env.talk["agreed"])
            if kind == "refusals":
                assert (given_up, env.knows(milestone)) == (bool(do), not do), case
            elif kind == "proposals":
                assert (given_up, agreed, env.knows(milestone), state_label(result)) == (False, True, True, "correct"), case
            else:
                assert (given_up, agreed, env.knows(milestone), state_label(result)) == (False, False, False, "neutral"), case
                assert env.talk == before, case
                assert ("just say so" in result[0]) is (kind == "offers"), case


@pytest.mark.parametrize("kind", KINDS)
def test_only_refusals_are_refusals(kind):
    for wording in KINDS[kind].splitlines():
        text = plain(wording.format(it="order W1234", do="cancel the order W1234"))
        assert refuses(text) is (kind == "refusals"), text
        assert bool(parted(text)[1]) is (kind in ("refusals", "offers")), text
        assert not (kind == "proposals" and asks_openly(text)), text


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("I checked order W1234 and it can't be cancelled, since only pending orders can be cancelled.", True),
        ("I'm sorry, but order W1234 can no longer be cancelled: it has shipped.", True),
        ("I can't offer a refund for order W1234 as it's outside the 30-day window.", True),
        ("Order W1234 does not qualify for a return.", True),
        ("No, the return window for order W1234 has closed.", True),
        ("I'm sorry, but I can't cancel W1234 because it's already shipped. You can return it once it arrives.", True),
        ("I couldn't locate W1234. Could you give me your e-mail?", False),
        ("Since W1234 has shipped, I can't cancel it. Would you like to return it after delivery?", False),
        ("I can't do the navy one because it's out of stock. I can do yellow (V1234) instead. Is that OK?", False),
        ("After this, the items of W1234 can't be changed again.", False),
        ("I can't yet say; let me check W1234.", False),
        ("Would you like me to cancel W1234? I can't undo it later.", False),
    ],
)
def test_refusals_with_reasons_and_warnings(text, refused):
    assert refuses(plain(text)) is refused
