"""The customer of `prm_gym/Retail-v0`: rules from the agent's message and what was said before to an answer. Key words, numbers and nothing else.

What they have told and agreed to stands in `talk`: `identity` (they said who they are), `wish` (the number of the wish that they are at), `heard` (how much of
it they told: 0, 1 the opening, 2 the details), `mind` (they have changed their mind about it), `agreed` (the message to which they said yes), `wrong` (how many
proposals or amounts were wrong), `lost` (the wishes that they have given up), `over` (they have said that it is all).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from prm_gym.claims import Rule
from prm_gym.envs.tools.retail_tools import REASONS
from prm_gym.envs.tools.retail_wishes import Wish
from prm_gym.services import Reply, asked_in, asks_openly, leaves_open, negates, parted, plain, refuses

MOST_WRONG = 2
MESSAGE_LENGTH = 1_500

_WHO = re.compile(r"\bwho(?:m|'s)? (?:are you|you are|is (?:this|calling|speaking)|(?:am i|i am|i'm|do i)\b)|\b(?:your|the) (?:\w+ )?name\b", re.IGNORECASE)
_EMAIL = re.compile(r"\be-?mail\b", re.IGNORECASE)
_IDENTITY = re.compile(rf"{_WHO.pattern}|{_EMAIL.pattern}|\b(?:zip|identity|identify|verify|authenticate)\b", re.IGNORECASE)
_ASKING = re.compile(r"\?|\b(?:what|which|how|tell|details?|help|please|specify|provide|let me know)\b", re.IGNORECASE)
_CONFIRMING = re.compile(r"\?|\b(?:confirm\w*|proceed|shall i|go ahead|agree|is that (?:right|correct)|yes)\b", re.IGNORECASE)
_AMOUNT = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+\.\d{2}(?![\d])|(?<![\d.,])\d+\.\d{2}(?!\d)")
_PAYMENT = re.compile(r"\b[CG]\d{4}\b")
_KEYS = re.compile(r"\b[WLVCG]\d{4}\b")

VERBS: dict[str, re.Pattern[str]] = {
    "cancel_order": re.compile(r"\bcancel", re.IGNORECASE),
    "change_order_address": re.compile(r"\b(?:address|ship|send|sent|deliver)", re.IGNORECASE),
    "change_order_payment": re.compile(r"\b(?:pay|paid|charge)", re.IGNORECASE),
    "change_order_items": re.compile(r"\b(?:chang|modif|swap|replac|switch|exchang)", re.IGNORECASE),
    "exchange_items": re.compile(r"\b(?:exchang|swap|replac|switch)", re.IGNORECASE),
    "return_items": re.compile(r"\b(?:return|refund|send back)", re.IGNORECASE),
    "change_home_address": re.compile(r"\b(?:home|profile|address)", re.IGNORECASE),
}


class Customer(NamedTuple):
    """Who calls, and what they want.

    Attributes:
        name: first and last name.
        email: the address; told when `forgetful` is not set.
        zip: of their home.
        forgetful: they do not know which e-mail address it was.
        wishes: in their order.
        chatter: what they say beside it; empty for nothing.
    """

    name: str
    email: str
    zip: str
    forgetful: bool
    wishes: tuple[Wish, ...]
    chatter: str


class Turn(NamedTuple):
    """An answer, and how the talk goes on.

    Attributes:
        reply: the answer.
        talk: what changes in it.
    """

    reply: Reply
    talk: Mapping[str, Any] = MappingProxyType({})


def first_talk() -> dict[str, Any]:
    """What has been said before anything was said."""
    return {"identity": False, "wish": 0, "heard": 0, "mind": False, "agreed": "", "wrong": 0, "lost": [], "over": False}


def opening(customer: Customer) -> str:
    """The first message."""
    return f"Hello, I need some help with my purchases.{customer.chatter}"


def answer(customer: Customer, talk: Mapping[str, Any], text: str, done: Callable[[str], bool]) -> Turn:
    """What the customer says to a message.

    Args:
        customer: who they are.
        talk: what has been said.
        text: the message.
        done: whether a milestone was reached.
    """
    text = plain(text)
    if len(text) > MESSAGE_LENGTH:
        return Turn(Reply("That is too much for me to read. Please keep it short."))
    if not talk["identity"] and _IDENTITY.search(text):
        return Turn(Reply(_identity(customer, text), ("who calls",)), {"identity": True})
    if talk["over"]:
        return Turn(Reply("That is all, thank you."))
    number, wish = talk["wish"], customer.wishes[talk["wish"]]
    if done(closing(wish, number)) or number in talk["lost"]:
        return _next(customer, number)
    if talk["heard"] == 0:
        return Turn(Reply(f"{wish.opening}{customer.chatter}", (f"wish {number}",)), {"heard": 1}) if _ASKING.search(text) else _lost()
    if talk["identity"] and (_WHO.search(asked_in(text)) or _EMAIL.search(asked_in(text))) and not _KEYS.search(text):
        return Turn(Reply(f"As I said: {_identity(customer, text)}"))
    turn = _about(wish, number, talk, text)
    if turn is not None:
        return turn
    if talk["identity"] and _IDENTITY.search(text):
        return Turn(Reply(f"As I said: {_identity(customer, text)}"))
    return _again(wish, talk, text) if talk["heard"] == 2 and _ASKING.search(text) else _lost()


def _identity(customer: Customer, text: str) -> str:
    """Who calls, as far as it was asked; the e-mail address alone where that would do."""
    if customer.forgetful:
        return f"I do not know which e-mail address it was. I am {customer.name}, and my zip code is {customer.zip}."
    named = _WHO.search(text) or "zip" in text.casefold()
    if not named or (_EMAIL.search(text) and leaves_open(text)):
        return f"It is {customer.email}."
    return f"I am {customer.name}, and my zip code is {customer.zip}.{f' My e-mail address is {customer.email}.' if _EMAIL.search(text) else ''}"


def _again(wish: Wish, talk: Mapping[str, Any], text: str) -> Turn:
    """The wish once more; and to whoever says that something cannot be done and offers something else, that a plain refusal would do."""
    plainly = " If that cannot be done, please just say so." if parted(text)[1] else ""
    return Turn(Reply(f"As I said: {wish.opening} {wish.changed if talk['mind'] else wish.details}{plainly}"))


def closing(wish: Wish, number: int) -> str:
    """The milestone after which the customer has no more to say about a wish."""
    return {"do": f"done {number}", "refuse": f"refused {number}", "tell": f"told {number}", "transfer": "ended"}[wish.kind]


def agrees(talk: Mapping[str, Any], tool: str, arguments: Mapping[str, Any]) -> bool:
    """Whether the message to which the customer said yes speaks of this call: of what is done, and of every argument."""
    agreed = talk["agreed"]
    return bool(agreed and VERBS[tool].search(agreed)) and all(_holds(agreed, value) for value in _said(arguments))


def _holds(text: str, value: str) -> bool:
    """Whether a value stands in a text, as a word or words of its own."""
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text, re.IGNORECASE) is not None


def _said(arguments: Mapping[str, Any]) -> list[str]:
    """The texts among the arguments that a message has to hold; whose profile it is goes without saying."""
    found: list[str] = []
    for name, value in arguments.items():
        if name != "user_id":
            found += value if isinstance(value, list) else [str(value)]
    return found


def _next(customer: Customer, number: int) -> Turn:
    if number + 1 == len(customer.wishes):
        return Turn(Reply("That is all, thank you.", ("nothing else",)), {"over": True})
    wish = customer.wishes[number + 1]
    told = {"wish": number + 1, "heard": 1, "mind": False, "agreed": "", "wrong": 0}
    return Turn(Reply(f"Thank you. There is one more thing. {wish.opening}", (f"wish {number + 1}",)), told)


def _about(wish: Wish, number: int, talk: Mapping[str, Any], text: str) -> Turn | None:
    """What is said to a message while a wish has been told and not been settled; None where it says nothing that is understood."""
    if wish.kind == "tell" and _AMOUNT.search(text):
        return _told(wish, number, talk, text)
    if wish.kind == "transfer":
        return Turn(Reply("Is there nobody who could see to that? I would like to speak with somebody who can."))
    offered, declined = parted(text)
    wanted = _said(_meant(wish, talk))
    confirming = bool(talk["heard"] == 2 and wish.tool in VERBS and _CONFIRMING.search(offered) and VERBS[wish.tool].search(offered))
    whole = confirming and _is_whole(offered, wanted)
    if not whole and refuses(text):
        return _refused(wish, number, talk, text)
    if wish.kind == "tell":
        return Turn(Reply("I only want to know the amount, please."))
    if talk["heard"] == 1:
        return Turn(Reply(wish.details, (f"details {number}",)), {"heard": 2}) if _ASKING.search(text) else None
    if asks_openly(text) or any(_holds(declined, value) and not _holds(offered, value) for value in wanted):
        return _again(wish, talk, text)
    if whole or (confirming and _KEYS.search(offered)) or _is_of_another(wish, talk, offered):
        return _proposed(wish, number, talk, offered)
    return None


def _is_of_another(wish: Wish, talk: Mapping[str, Any], text: str) -> bool:
    """Whether something else is proposed, with things that nobody asked for."""
    proposing = _CONFIRMING.search(text) and any(verb.search(text) for verb in VERBS.values())
    return bool(proposing and _strange(wish, _said(_meant(wish, talk)), text))


def _is_whole(text: str, wanted: Sequence[str]) -> bool:
    return all(_holds(text, value) for value in wanted)


def _wrong(number: int, talk: Mapping[str, Any], text: str, rule: Rule) -> Turn:
    """What is said to a wrong proposal or amount; the second one about a wish is the last."""
    count = talk["wrong"] + 1
    if count < MOST_WRONG:
        return Turn(Reply(text, rules=(rule,)), {"wrong": count})
    return Turn(Reply("No. This leads nowhere, let us leave it at that.", rules=(rule,)), {"wrong": count, "lost": [*talk["lost"], number]})


def _meant(wish: Wish, talk: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments that fit what the customer has said so far."""
    return wish.first if wish.first and not talk["mind"] else wish.arguments


def _refused(wish: Wish, number: int, talk: Mapping[str, Any], text: str) -> Turn:
    """A refusal is taken, right or wrong: what the policy allows cannot be told from what it forbids by trying."""
    if wish.order and wish.order not in text:
        return Turn(Reply("Which order do you mean by that, please? I need its number for my notes."))
    reply = "I see. That is a pity, but so be it."
    if wish.kind != "refuse":
        rule = Rule("refuse what the policy forbids and nothing else", False, "the customer wants what may be done")
        return Turn(Reply(reply, rules=(rule,)), {"lost": [*talk["lost"], number]})
    return Turn(Reply(reply, (f"refused {number}",), (Rule("refuse what the policy forbids and nothing else"),)))


def _told(wish: Wish, number: int, talk: Mapping[str, Any], text: str) -> Turn:
    """One amount, or the right one with the prices that it is the sum of."""
    amounts = {found.replace(",", "") for found in _AMOUNT.findall(text)}
    right = _decimal(wish.amount)
    if amounts == {right} or (right in amounts and amounts <= {right, *map(_decimal, wish.prices)} and not leaves_open(text)):
        return Turn(Reply("Thank you, that is what I wanted to know.", (f"told {number}",), (Rule("tell amounts as they are"),)))
    if len(amounts) > 1:
        return Turn(Reply("Those are too many figures for me. Which one is it?"))
    return _wrong(number, talk, "Hm. Are you sure?", Rule("tell amounts as they are", False, "this is not the amount that was asked for"))


def _decimal(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


def _proposed(wish: Wish, number: int, talk: Mapping[str, Any], text: str) -> Turn:
    wanted = _said(_meant(wish, talk))
    restated = wish.changed if talk["mind"] else wish.details
    strange = _strange(wish, wanted, text)
    asked = asked_in(text)
    if strange and _KEYS.search(asked) and VERBS[wish.tool].search(asked) and not _strange(wish, wanted, asked):
        text, strange = asked, ""  # other things are named, and this one is asked about
    if strange and leaves_open(asked or text):
        return Turn(Reply(f"As I said: {wish.opening} {restated}"))
    if strange:
        return _wrong(number, talk, f"No, that is not what I asked for. {restated}", Rule("propose what was asked for", False, f"nobody asked for {strange}"))
    other = _instead(wanted, text) if talk["heard"] == 2 else ""
    if other:
        return _wrong(number, talk, f"No, that is not what I asked for. {restated}", Rule("propose what was asked for", False, f"nobody asked for {other}"))
    reasons = sum(_holds(text, reason) for reason in REASONS)
    if not _is_whole(text, wanted) or reasons > 1 or negates(text, VERBS[wish.tool]):
        return Turn(Reply("Please tell me exactly what you will do, with every number, and I will say yes or no."))
    if wish.kind == "refuse":
        rule = Rule("refuse what the policy forbids and nothing else", False, wish.why)
        return Turn(Reply("Yes, please do.", rules=(rule,)), {"agreed": text})
    if wish.first and not talk["mind"]:
        return Turn(Reply(wish.changed, (f"mind {number}",)), {"mind": True})
    return Turn(Reply("Yes, please do.", (f"agreed {number}",)), {"agreed": text})


def _strange(wish: Wish, wanted: Sequence[str], text: str) -> str:
    """What a proposal names that was not asked for; empty where it names nothing of the kind."""
    keys = sorted(set(_KEYS.findall(text)).difference(wish.beside, wanted))
    if keys:
        return keys[0]
    zips = [found for found in re.findall(r"\b\d{5}\b", text) if found not in wanted and found not in wish.beside]
    return zips[0] if zips and any(re.fullmatch(r"\d{5}", value) for value in wanted) else ""


def _instead(wanted: Sequence[str], text: str) -> str:
    """The reason or payment method that a proposal names in the place of the one that was asked for; empty where it names none, or that one too."""
    for among in (REASONS, _PAYMENT.findall(text)):
        meant = [value for value in wanted if value in REASONS] if among is REASONS else [value for value in wanted if _PAYMENT.fullmatch(value)]
        named = [value for value in among if _holds(text, value)]
        if meant and named and not set(meant) & set(named):
            return named[0]
    return ""


def _lost() -> Turn:
    return Turn(Reply("I am not sure what you mean. What do you need from me?"))
