"""The candidates of `prm_gym/Calendar-v0`: of every form as many in every list, with wordings and arguments drawn as those of the script are."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from prm_gym.claims import Json
from prm_gym.envs.tools.calendar_office import CLOSE, DAYS, OPEN, TOPICS, clock, minutes_of
from prm_gym.envs.tools.calendar_phrases import ASK_ELSE, ask_cancel, ask_move, refusal, statement
from prm_gym.envs.tools.calendar_tools import owner_of
from prm_gym.services import Database, variations
from prm_gym.tools import ToolCall, call_text, read_call

Change = tuple[str, dict[str, Any]]
READS, WRITES, ASKS, REFUSALS = 3, 6, 2, 2
_MARKS = {"You ha": "ask", "I am": "refusal", "It beg": "statement"}


def form_of_message(text: str) -> str:
    """Question, refusal, statement or anything else."""
    return next((form for mark, form in _MARKS.items() if text.startswith(mark)), "say")


class Candidates:
    """What may be listed for an owner, made of what was shown."""

    def __init__(self, rng: np.random.Generator, rows: Database, shown: Sequence[str], kinds: Sequence[str]) -> None:
        """Sort what was shown, and choose two times.

        Args:
            rng: for the choice.
            rows: of the office.
            shown: identifiers.
            kinds: of the errands that there may be.
        """
        self.rng, self.rows = rng, rows
        self.shown = {letter: [name for name in shown if name[0] == letter] for letter in "NREM"}
        self.shown["N"] = [name for name in self.shown["N"] if name != owner_of(rows)]  # no scripted call names the owner
        self.people = [row["name"] for row in rows.all("SELECT name FROM people WHERE id != ? ORDER BY id", owner_of(rows))]
        self.tools = [tool for kind in kinds for tool in _TOOLS[kind]]
        self.reads = sorted({tool for kind in kinds for tool in _READS[kind]})
        self.whens = [self._when(), self._when()]

    def listed(self, wanted: str) -> list[str]:
        """The candidates.

        Args:
            wanted: the scripted step that is among them; empty for none.
        """
        call = read_call(wanted)
        change: Change | None = None
        if isinstance(call, ToolCall) and call.name in _WRITES:
            change = call.name, dict(call.arguments)
        if isinstance(call, ToolCall) and "start" in call.arguments:
            self.whens[0] = {name: call.arguments[name] for name in ("day", "start", "end")}  # others of the list have it too
        asks = [wanted] if form_of_message(wanted) == "ask" else []
        while self.shown["E"] and len(asks) < ASKS:
            event = self._one("E")
            when = self._time(event)
            asks.append(ask_cancel(event) if self.rng.random() < 0.4 else ask_move(event, when["day"], when["start"]))
        known = [letter for letter in "MEN" if self.shown[letter]]
        refusals = [refusal(self._one(known[i])) for i in self.rng.permutation(len(known)).tolist()]
        found = [ASK_ELSE, call_text("finish"), statement(self.whens[int(self.rng.integers(2))]["start"]), *self._reads(), *dict.fromkeys(asks)]
        return [*found, *refusals[:REFUSALS], *(call_text(name, **arguments) for name, arguments in self._writes(change))]

    def _one(self, letter: str) -> str:
        names = self.shown[letter]
        return names[int(self.rng.integers(len(names)))]

    def _when(self) -> dict[str, Any]:
        start = 9 * 60 + 30 * int(self.rng.integers(12))
        return {"day": DAYS[int(self.rng.integers(5))], "start": clock(start), "end": clock(start + 30 * int(self.rng.integers(1, 4)))}

    def _time(self, event: str = "") -> dict[str, Any]:
        """One of the times; for a meeting with its own length."""
        when = dict(self.whens[int(self.rng.integers(2))])
        row = self.rows.get("events", event) if event else None
        if row is not None:
            start = int(when["start"][:2]) * 60 + int(when["start"][3:])
            when["end"] = clock(start + row["end"] - row["start"])
        return when

    def _people(self, most: int) -> list[str]:
        order: list[int] = self.rng.permutation(len(self.shown["N"])).tolist()
        return [self.shown["N"][i] for i in order[:most]]

    def _reads(self) -> list[str]:
        makers: dict[str, Callable[[], str | None]] = {
            "list_mails": lambda: call_text("list_mails"),
            "list_events": lambda: call_text("list_events", day=DAYS[int(self.rng.integers(5))]),
            "find_rooms": lambda: call_text("find_rooms", **self._time()),
            "find_person": lambda: call_text("find_person", text=self.people[int(self.rng.integers(len(self.people)))]),
            "read_mail": lambda: call_text("read_mail", mail_id=self._one("M")) if self.shown["M"] else None,
            "find_free_time": self._free,
        }
        found: dict[str, None] = {}
        while len(found) < READS:
            made = makers[self.reads[int(self.rng.integers(len(self.reads)))]]()
            found |= {} if made is None else {made: None}
        return list(found)

    def _free(self) -> str | None:
        if not self.shown["N"]:
            return None
        people: Json = list[Json](sorted(self._people(int(self.rng.integers(1, 3)))))
        return call_text("find_free_time", person_ids=people, day=self._time()["day"], minutes=30 * int(self.rng.integers(1, 4)))

    def _writes(self, wanted: Change | None) -> list[Change]:
        """Changes that are alike but for one or two arguments; of a second kind where there are too few of the first."""
        made: list[Change] = []
        for _ in range(20):
            base = wanted if wanted is not None and not made else self._new()
            if base is not None and base not in made:
                tool, arguments = base
                made += [(tool, other) for other in variations(self.rng, arguments, self._axes(arguments), WRITES) if (tool, other) not in made]
            if len(made) >= WRITES:
                break
        return made[:WRITES]

    def _new(self) -> Change | None:
        """A change of any kind; None where too little was shown for it."""
        tool = self.tools[int(self.rng.integers(len(self.tools)))]
        letters = {"create_event": "NR", "move_event": "ER", "cancel_event": "E", "invite": "EN", "reply": "M", "forward": "MN"}[tool]
        if not all(self.shown[letter] for letter in letters):
            return None
        names = {letter: self._one(letter) for letter in letters}
        if tool == "create_event":
            title = f"Meeting about {TOPICS[int(self.rng.integers(len(TOPICS)))]}"
            return tool, {"title": title, **self._time(), "attendee_ids": self._people(2), "room_id": names["R"]}
        if tool == "move_event":
            return tool, {"event_id": names["E"], **self._time(names["E"]), "room_id": names["R"]}
        if tool == "reply":
            return tool, {"mail_id": names["M"], "answer": "accept", "text": "That suits us."}
        of = {"E": "event_id", "M": "mail_id", "N": "person_id"}
        return tool, {of[letter]: name for letter, name in names.items()}

    def _axes(self, arguments: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
        """What may stand in the place of the arguments of a change."""
        letters = {"event_id": "E", "mail_id": "M", "person_id": "N", "room_id": "R"}
        found: list[list[dict[str, Any]]] = [
            [{name: other} for other in self.shown[letters[name]] if other != value]
            for name, value in arguments.items()
            if name in letters and not (name == "event_id" and "start" in arguments)  # how long a meeting is would tell
        ]
        if "start" in arguments:
            found.append(self._shifted(arguments))
        if "attendee_ids" in arguments:
            coming = arguments["attendee_ids"]
            found.append([{"attendee_ids": [*coming[:-1], other]} for other in self.shown["N"] if other not in coming])
        return found

    def _shifted(self, arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The same day at other times."""
        start, end = minutes_of(arguments["start"]), minutes_of(arguments["end"])
        shifts = [30 * k for k in (-4, -3, -2, -1, 1, 2, 3, 4) if start + 30 * k >= OPEN and end + 30 * k <= CLOSE]
        return [{"start": clock(start + shift), "end": clock(end + shift)} for shift in shifts]


_WRITES = ("create_event", "move_event", "cancel_event", "invite", "reply", "forward")
_TOOLS = {"meet": ("create_event", "reply"), "move": ("move_event",), "cancel": ("cancel_event",), "invite": ("invite",), "forward": ("forward",)}
_SEARCH = ("find_person", "find_free_time", "find_rooms")
_READS = {
    "meet": ("list_mails", "read_mail", *_SEARCH),
    "move": ("list_events", *_SEARCH),
    "cancel": ("list_events",),
    "invite": ("list_events", "find_person"),
    "forward": ("list_mails", "find_person"),
}
