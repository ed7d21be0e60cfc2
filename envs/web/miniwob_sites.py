"""Scripts for tasks that look like sites: mail, shops, feeds, calendars."""

import re
from collections.abc import Iterator

from prm_gym.envs.web import miniwob_wanted as wanted
from prm_gym.envs.web.miniwob_view import Solver, View, click, enter, submit
from prm_gym.web import Action, Item
from prm_gym.web.actions import Click, Noop

MONTHS: list[str] = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
MOST_PAGES = 30


def mail(view: View) -> Iterator[Action]:
    """Delete, star, forward or answer the mail of somebody."""
    said, rows = view.said.casefold(), [place for place, item in enumerate(view.items) if item.role == "clickable" and " " in item.name and ".." in item.name]
    to = re.search(r"\bto ([A-Z]\w+)", view.said)
    people = {view.items[place].name.split()[0]: place for place in rows}
    named = [name for name in people if re.search(rf"\b{re.escape(name)}\b", view.said) and (to is None or name != to[1] or view.quoted)]
    if not named and to is not None:
        named = [to[1]]
    row = people[named[0]]
    if re.search(r"\b(delete|trash|remove|bin|rid)\b", said):
        yield from click(_after(view, row, "trash"))
    elif re.search(r"\b(star|important)\b", said):
        yield from click(_after(view, row, "star"))
    elif view.quoted:
        yield Click(view.items[row].ref)
        yield from click(view.named("Reply"))
        yield from enter(view.fields[-1], view.quoted[0])
        yield from click(view.named("send-reply"))
    elif to is not None:
        yield Click(view.items[row].ref)
        yield from click(view.named("Forward"))
        yield from enter(view.fields[0], to[1])
        yield from click(view.named("send-forward"))


def _after(view: View, place: int, name: str) -> Item | None:
    return next((item for item in view.items[place:] if item.ref and item.name == name), None)


def post(view: View) -> Iterator[Action]:
    """A button of one, some or all posts of a user."""
    user, button = view.said_after(r"(@\w+)"), view.quoted[0]
    most = int(view.said_after(r"on (\d+) posts?") or 99)
    names = {"Reply": "reply", "Retweet": "retweet", "Like": "like", "Share": "share"}
    done: set[int] = set()
    for _ in range(most if "posts" in view.said else 1):
        places = [place for place, item in enumerate(view.items) if not item.ref and re.search(rf"{user}\b", item.name) and place not in done]
        if not places:
            break
        done.add(places[0])
        if button not in names:
            yield from click(_after(view, places[0], "more"))
        yield from click(_after(view, places[0], names.get(button, button)) or _after(view, places[0], f"{button} {user}"))
    yield from submit(view)


def ticket(view: View) -> Iterator[Action]:
    """The cheapest, dearest, shortest or longest of what is offered."""
    offers: list[tuple[int, int, int]] = []
    minutes = 0
    for item in view.items:
        length = re.match(r"(\d+)h (\d+)m", item.name)
        minutes = int(length[1]) * 60 + int(length[2]) if length is not None and not item.ref else minutes
        price = re.match(r"Book .*\$(\d+)", item.name)
        if price is not None and item.ref:
            offers.append((int(price[1]), minutes, item.ref))
    by = 0 if re.search("cheap|expensive|cost", view.said) else 1
    ordered = sorted(offers, key=lambda offer: offer[by])
    yield Click(ordered[-1 if re.search("expensive|longest", view.said) else 0][2])


def food(view: View) -> Iterator[Action]:
    """Dishes by their names, or so many of a kind that a picture tells."""
    kind = re.search(r"Order (\d+) items? that (?:is|are|contains?) (.+)", view.said)
    names = [name.strip() for name in view.said.partition(":")[2].split(",")]
    places = [place for place, item in enumerate(view.items) if item.role == "text" and item.name in names]
    if kind is not None:
        places = [place for place, item in enumerate(view.items) if item.role == "image" and item.name == kind[2].rstrip(".")]
        places = (places * int(kind[1]))[: int(kind[1])]
    for item in [_after(view, place, "+") for place in places]:  # the page grows with each
        yield from click(item)
    yield from submit(view, "Order!")


def phone_book(view: View) -> Iterator[Action]:
    """A line of somebody's card, which may be on another page."""
    name = view.said_after(r"Find (.+?) in the contact book")
    line = {"phone number": "Phone:", "email": "Email:", "address": "Address:"}[view.said_after(r"click on their (.+?)\.")]
    for _ in range(MOST_PAGES):
        if any(item.role == "heading" and item.name == name for item in view.items):
            break
        yield from click(view.named(">"))
    place = next(place for place, item in enumerate(view.items) if item.name == line)
    yield Click(view.items[place + 1].ref)


def search(view: View) -> Iterator[Action]:
    """A result by its place, which may be on another page."""
    place = wanted.places_in(view.said)[0]
    yield from enter(view.fields[0], view.quoted[0])
    yield from submit(view, "Search")
    for _ in range(place // 3):
        yield from click(view.named(">"))
    results = [item for item in view.all("link") if not re.fullmatch(r"\d+|[<>]", item.name)]
    yield Click(results[place % 3].ref)


def tree(view: View) -> Iterator[Action]:
    """A file or folder, wherever it lies: all folders before it are opened."""
    name, opened = view.quoted[0], set[int]()
    for _ in range(MOST_PAGES):
        found = view.named(name)
        if found is not None:
            yield Click(found.ref)
            return
        closed = [place for place, item in enumerate(view.items) if "expandable-hitarea" in item.name and item.ref not in opened]
        if not closed:
            return
        opened.add(view.items[closed[0]].ref)
        yield Click(view.items[closed[0] + 1].ref)


def film(view: View) -> Iterator[Action]:
    """What is known of a film, in the fields of its labels."""
    fields = wanted.labelled_fields(view.sight)
    for word, text in wanted.film_wanted(view.said).items():
        yield from enter(wanted.field_of(fields, word), text)
    yield from click(view.all("button", "clickable")[-1])


def day(view: View) -> Iterator[Action]:
    """A day of a calendar that opens with its field."""
    date = wanted.date_to_enter(view.said)
    yield from click(next(item for item in view.fields if "readonly" in item.states))
    yield from turn_to_day(view, date)
    yield from submit(view)


def turn_to_day(view: View, date: str) -> Iterator[Action]:
    """Turn the pages of a calendar to a date (YYYY-MM-DD), and click its day."""
    year, month, number = (int(part) for part in date.split("-"))
    for _ in range(MOST_PAGES):
        shown = next((found for line in view.lines if (found := re.fullmatch(rf"({'|'.join(MONTHS)}) (\d{{4}})", line))), None)
        if shown is None:
            return
        far = (year - int(shown[2])) * 12 + month - 1 - MONTHS.index(str(shown[1]))
        if not far:
            break
        yield from click(view.named("Next" if far > 0 else "Prev"))
    yield from click(view.find("link", str(number)))


def flight(view: View) -> Iterator[Action]:
    """The cheapest or shortest flight between two towns on a day."""
    towns = view.said_after(r"from: (.+?) to:"), view.said_after(r"to: (.+?) on \d")
    for place, town in enumerate(towns):
        yield from enter(view.fields[place], town)
        yield Noop()
        offered = [item for item in view.items if item.ref and item.role not in ("textbox", "button") and town in item.name]
        yield from click(offered[-1] if offered else None)
    yield from click(next(item for item in view.fields if "readonly" in item.states))
    yield from turn_to_day(view, wanted.date_to_enter(view.said))
    yield from submit(view, "Search")
    yield from ticket(view)


SOLVERS: dict[str, Solver] = {
    **dict.fromkeys(
        ("email-inbox", "email-inbox-delete", "email-inbox-important", "email-inbox-noscroll", "email-inbox-reply", "email-inbox-star-reply"), mail
    ),
    **dict.fromkeys(("email-inbox-forward", "email-inbox-nl-turk"), mail),
    **dict.fromkeys(("social-media", "social-media-all", "social-media-some"), post),
    "buy-ticket": ticket,
    "order-food": food,
    "phone-book": phone_book,
    "search-engine": search,
    "navigate-tree": tree,
    **dict.fromkeys(("multi-layouts", "multi-orderings"), film),
    **dict.fromkeys(("choose-date", "choose-date-easy", "choose-date-medium", "choose-date-nodelay"), day),
    **dict.fromkeys(("book-flight", "book-flight-nodelay"), flight),
}
