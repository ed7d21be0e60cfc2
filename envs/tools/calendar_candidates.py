"""The candidates of `prm_gym/Calendar-v0`: of every form as many in every list, with wordings and arguments drawn as those of the script are."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from prm_gym.claims import Json
from prm_gym.envs.tools.calendar_office import DAYS, TOPICS, clock
from prm_gym.envs.tools.calendar_phrases import ASK_ELSE, ask_cancel, ask_move, refusal, statement
from prm_gym.envs.tools.calendar_tools import owner_of
from prm_gym.services import Database
from prm_gym.tools import ToolCall, call_text, read_call

Change = tuple[str, dict[str, Any]]
READS, WRITES, ASKS, REFUSALS = 4, 5, 2, 2
_MARKS = {"You ha": "ask", "I am": "refusal", "It beg": "statement"}


def form_of_message(text: str) -> str:
    """Question, refusal, statement or anything else."""
    return next((form for mark, form in _MARKS.items() if text.startswith(mark)), "say")


class Candidates:
    """What may be listed for an owner, made of what was shown."""

    def __init__(self, rng: np.random.Generator, rows: Database, shown: Sequence[str]) -> None:
        """Sort what was shown, and choose two times.

        Args:
            rng: for the choice.
            rows: of the office.
            shown: identifiers.
        """
        self.rng, self.rows = rng, rows
        self.shown = {letter: [name for name in shown if name[0] == letter] for letter in "NREM"}
        self.shown["N"] = [name for name in self.shown["N"] if name != owner_of(rows)]  # no scripted call names the owner
        self.people = [row["name"] for row in rows.all("SELECT name FROM people WHERE id != ? ORDER BY id", owner_of(rows))]
        self.whens = [self._when(), self._when()]

    def listed(self, wanted: Sequence[str]) -> list[str]:
        """The candidates.

        Args:
            wanted: the scripted steps that are among them.
        """
        calls = [call for action in wanted if isinstance(call := read_call(action), ToolCall)]
        self._near(calls)
        writes = [(call.name, dict(call.arguments)) for call in calls if call.name in _WRITES]
        writes = self._writes(writes)
        asks = [action for action in wanted if form_of_message(action) == "ask"]
        for name, arguments in writes:
            if self.rng.random() < 0.5:
                asks += self._ask(name, arguments)
        while self.shown["E"] and len(asks) < ASKS:
            event = self._one("E")
            when = self._time(event)
            asks += [ask_cancel(event) if self.rng.random() < 0.4 else ask_move(event, when["day"], when["start"])]
        known = [letter for letter in "MEN" if self.shown[letter]]
        refusals = [refusal(self._one(known[i])) for i in self.rng.permutation(len(known)).tolist()]
        found = [ASK_ELSE, call_text("finish"), statement(self.whens[int(self.rng.integers(2))]["start"]), *self._reads(), *dict.fromkeys(asks[:ASKS])]
        return [*found, *refusals[:REFUSALS], *(call_text(name, **arguments) for name, arguments in writes)]

    def _one(self, letter: str) -> str:
        names = self.shown[letter]
        return names[int(self.rng.integers(len(names)))]

    def _when(self) -> dict[str, Any]:
        start = 9 * 60 + 30 * int(self.rng.integers(12))
        return {"day": DAYS[int(self.rng.integers(5))], "start": clock(start), "end": clock(start + 30 * int(self.rng.integers(1, 4)))}

    def _near(self, calls: Sequence[ToolCall]) -> None:
        """Take over a time of a call, so that others of the list have it too."""
        for call in calls:
            if "start" in call.arguments:
                self.whens[0] = {name: call.arguments[name] for name in ("day", "start", "end")}

    def _time(self, event: str = "") -> dict[str, Any]:
        """One of the times; for a meeting with its own length."""
        when = dict(self.whens[int(self.rng.integers(2))])
        row = self.rows.get("events", event) if event else None
        if row is not None:
            start = int(when["start"][:2]) * 60 + int(when["start"][3:])
            when["end"] = clock(start + row["end"] - row["start"])
        return when

    def _people(self) -> list[str]:
        most = int(self.rng.integers(1, 3))
        order: list[int] = self.rng.permutation(len(self.shown["N"])).tolist()
        return [self.shown["N"][i] for i in order[:most]]

    def _reads(self) -> list[str]:
        makers: list[Callable[[], str | None]] = [
            lambda: call_text("list_mails"),
            lambda: call_text("list_events", day=DAYS[int(self.rng.integers(5))]),
            lambda: call_text("find_rooms", **self._time()),
            lambda: call_text("find_person", text=self.people[int(self.rng.integers(len(self.people)))]),
            lambda: call_text("read_mail", mail_id=self._one("M")) if self.shown["M"] else None,
            self._free,
        ]
        found: dict[str, None] = {}
        while len(found) < READS:
            made = makers[int(self.rng.integers(len(makers)))]()
            found |= {} if made is None else {made: None}
        return list(found)

    def _free(self) -> str | None:
        if not self.shown["N"]:
            return None
        people: Json = list[Json](sorted(self._people()))
        return call_text("find_free_time", person_ids=people, day=self._time()["day"], minutes=30 * int(self.rng.integers(1, 4)))

    def _writes(self, wanted: list[Change]) -> list[Change]:
        """Changes; a meeting comes with an answer to a mail."""
        made = list(wanted)
        if not any(name == "create_event" for name, _ in made):
            made += self._meeting()
        for _ in range(60):
            if len(made) >= WRITES:
                break
            new = self._new()
            if new is not None and new not in made:
                made.append(new)
        return made

    def _meeting(self) -> list[Change]:
        found: list[Change] = []
        if len(self.shown["N"]) > 1 and self.shown["R"]:
            order: list[int] = self.rng.permutation(len(self.shown["N"])).tolist()
            people = [self.shown["N"][i] for i in order[:2]]
            title = f"Meeting about {TOPICS[int(self.rng.integers(len(TOPICS)))]}"
            found.append(("create_event", {"title": title, **self._time(), "attendee_ids": people, "room_id": self._one("R")}))
        if self.shown["M"]:
            found.append(("reply", {"mail_id": self._one("M"), "answer": "accept", "text": "That suits us."}))
        return found

    def _new(self) -> Change | None:
        way = int(self.rng.integers(4))
        if way == 0 and self.shown["E"] and self.shown["R"]:
            event = self._one("E")
            return "move_event", {"event_id": event, **self._time(event), "room_id": self._one("R")}
        if way == 1 and self.shown["E"]:
            return "cancel_event", {"event_id": self._one("E")}
        if way == 2 and self.shown["E"] and self.shown["N"]:
            return "invite", {"event_id": self._one("E"), "person_id": self._one("N")}
        if way == 3 and self.shown["M"] and self.shown["N"]:
            return "forward", {"mail_id": self._one("M"), "person_id": self._one("N")}
        return None

    def _ask(self, name: str, arguments: dict[str, Any]) -> list[str]:
        if name == "move_event":
            return [ask_move(arguments["event_id"], arguments["day"], arguments["start"])]
        return [ask_cancel(arguments["event_id"])] if name == "cancel_event" else []


_WRITES = ("create_event", "move_event", "cancel_event", "invite", "reply", "forward")
