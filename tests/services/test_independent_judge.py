"""The labels of `state` against a second judge from another hand: how many steps it still takes.

The judge uses no verifier, no claim and no goal. It knows the environment (as a thing that answers), the outcome at the end, and what an honest agent may do:
name what it has read, act after a yes, make a meeting once. Of each state it finds by search, over the steps of the script in any order, how many steps it
takes at least to end with the outcome 1. A step that is not honest, or after which it takes more steps or no number of them is enough, is wrong; one after
which it takes fewer is right; of the others the judge says nothing.
"""

import collections
import itertools
import re

import gymnasium as gym
import msgspec
import numpy as np
import pytest

import prm_gym
from prm_gym.tools import ToolCall, read_call

assert prm_gym

NAMED = re.compile(r"\b[A-Z]\d{4,5}\b|\b[\w.]+@[\w.]+\w|\b\d{5}\b")
CHANGES = {"cancel_order", "change_order_address", "change_order_payment", "change_order_items", "return_items", "exchange_items", "change_home_address"}
YES = "Yes, please do."


def values_of(call):
    return [text for value in call.arguments.values() for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


class Judge:
    """Distances to a good end, for one task."""

    def __init__(self, name, difficulty, seed):
        self.env = gym.make(f"prm_gym/{name}-v0", difficulty=difficulty, verifiers=(), candidates=0, max_steps=10_000).unwrapped
        self.opening, _ = self.env.reset(seed=seed)
        self.script = self.env.solution()
        self.calls = {action: call for action in self.script if isinstance(call := read_call(action), ToolCall)}
        self.values = {text for call in self.calls.values() for text in values_of(call) if call.name != "transfer_to_person"}
        self.values -= {"Mon", "Tue", "Wed", "Thu", "Fri", "accept"} | {text for text in self.values if re.fullmatch(r"\d\d:\d\d", text)}
        writes = [call.arguments for call in self.calls.values() if "room_id" in call.arguments]
        self.telling = {f"free {a['day']} {a['start']}" for a in writes} | {f"room {a['room_id']} {a['day']} {a['start']}" for a in writes}
        self.owner = self.opening.partition(", ")[2].partition(".")[0]
        self.known = {}

    def learnt(self, facts, action, observation):
        """The facts after a step: which of the values of the script stood in an answer, and what can be concluded from it."""
        call = read_call(action)
        found = {*facts, *(value for value in self.values if value in observation)}
        if observation == YES:
            found = {fact for fact in found if not fact.startswith("yes to ")} | {f"yes to {action}"}
        if not isinstance(call, ToolCall) or observation.startswith("Error"):
            return frozenset(found)
        if call.name.startswith("find_user"):
            found.add("identified")
        if call.name == "find_person":
            found |= {f"hours of {key}" for key in re.findall(r"^(N\d{4}):", observation, re.MULTILINE)}
        if call.name == "find_free_time":
            found |= self.telling & {f"free {call.arguments['day']} {start}" for start in re.findall(r"\d\d:\d\d", observation.rpartition(": ")[2])}
        if call.name == "find_rooms":
            when = f"{call.arguments['day']} {call.arguments['start']}"
            found |= self.telling & {f"room {room} {when}" for room in re.findall(r"^R\d{4}", observation, re.MULTILINE)}
        if call.name == "create_event" and observation.startswith("created"):
            found.add("created")
        for event, organizer, people in re.findall(r"^(E\d+): .*organized by (N\d+), with (.*)$", observation, re.MULTILINE):
            if event in self.values:
                found |= {f"{event} of {organizer}"} | {f"{event} with {key}" for key in re.findall(r"N\d{4}", people)}
        return frozenset(found)

    def honest(self, facts, action, seen=None):
        """Whether an agent that has read these facts may take the step; `seen` is all that it was told, where that is known."""
        call = read_call(action)
        if seen is not None and any(name not in seen for name in NAMED.findall(action)):
            return False
        if not isinstance(call, ToolCall):
            return all(value in facts for value in self.values if value in action)
        if any(value in self.values and value not in facts for value in values_of(call) if call.name not in ("reply", "create_event") or NAMED.search(value)):
            return False
        asked = [fact for fact in facts if fact.startswith("yes to ")]
        if call.name in CHANGES:
            texts = [value for name, value in call.arguments.items() if name != "user_id" for value in (value if isinstance(value, list) else [value])]
            return "identified" in facts and any(all(text in fact for text in texts) for fact in asked)
        if call.name in ("get_user", "get_order", "list_orders"):
            return "identified" in facts
        if call.name in ("move_event", "cancel_event"):
            event = call.arguments["event_id"]
            organizer = next((fact.rpartition(" ")[2] for fact in facts if fact.startswith(f"{event} of ")), None)
            if organizer is None or (organizer != self.owner and not any(event in fact for fact in asked)):
                return False
        if call.name == "create_event" and "created" in facts:
            return False
        if call.name in ("create_event", "move_event"):
            when, event = f"{call.arguments['day']} {call.arguments['start']}", call.arguments.get("event_id")
            people = call.arguments.get("attendee_ids") or [fact.rpartition(" ")[2] for fact in facts if fact.startswith(f"{event} with ")]
            hours = all(f"hours of {key}" in facts for key in people if key != self.owner)
            return hours and f"free {when}" in facts and f"room {call.arguments['room_id']} {when}" in facts
        if call.name == "invite":
            return f"hours of {call.arguments['person_id']}" in facts
        return call.name != "reply" or "created" in facts

    def key(self, facts):
        """What tells states apart: the rows, what the listener knows, and what the agent does."""
        env = self.env
        said = sorted(env.scenario.required.intersection(env.reached))
        return msgspec.json.encode((env.rows.changes(), env.talk, said)), facts

    def distance(self, snapshot, facts):
        """The fewest steps of the script, in any order, to an end with the outcome 1; None where there is no such way."""
        self.env.restore(snapshot)
        first = self.key(facts)
        if first not in self.known:
            self._explore(snapshot, facts, first)
        return self.known[first]

    def _explore(self, snapshot, facts, first):
        """Find all that can be reached and is not known yet, then count back from the ends."""
        line, earlier, near = [(snapshot, facts, first)], collections.defaultdict(list), {}
        self.known[first] = None
        while line:
            state, told, key = line.pop()
            for action in self.script:
                if not self.honest(told, action):
                    continue
                self.env.restore(state)
                observation, _, terminated, _, info = self.env.step(action)
                if terminated:
                    near |= {key: 1} if info["outcome"] == 1.0 else {}
                    continue
                after = self.learnt(told, action, observation)
                new = self.key(after)
                earlier[new].append(key)
                if new not in self.known:
                    self.known[new] = None
                    line.append((self.env.snapshot(), after, new))
                elif self.known[new] is not None:
                    near[key] = min(near.get(key, 10**6), self.known[new] + 1)
        while near:
            key = min(near, key=near.get)
            self.known[key] = near.pop(key)
            for before in earlier[key]:
                if self.known[before] is None:
                    near[before] = min(near.get(before, 10**6), self.known[key] + 1)


def verdict(honest, before, after):
    if not honest or after is None or after > before:
        return "wrong"
    return "right" if after < before else "same"


@pytest.mark.parametrize(("name", "difficulty", "tasks"), [("Retail", 2, 5), ("Retail", 3, 5), ("Calendar", 1, 8), ("Calendar", 2, 4), ("Calendar", 3, 4)])
def test_labels_agree_with_how_many_steps_it_still_takes(name, difficulty, tasks):
    table = collections.Counter()
    for seed, walk in itertools.product(range(tasks), range(2)):
        if walk == 0:
            judge = Judge(name, difficulty, seed)
        env = gym.make(f"prm_gym/{name}-v0", difficulty=difficulty, max_steps=60).unwrapped
        rng = np.random.default_rng([seed, walk])
        seen, _ = env.reset(seed=seed)
        facts, script = judge.learnt(frozenset(), "", seen), list(judge.script)
        before = judge.distance(env.snapshot(), facts)
        while script and before is not None:
            listed = env.situation.actions
            action = script.pop(0) if rng.random() < 0.7 else listed[int(rng.integers(len(listed)))]
            honest = judge.honest(facts, action, seen)
            observation, _, terminated, _, info = env.step(action)
            facts, seen = judge.learnt(facts, action, observation), f"{seen}\n{observation}"
            after = judge.distance(env.snapshot(), facts) if not terminated else 0 if info["outcome"] else None
            table[verdict(honest, before, after), info["verdicts"]["state"].label] += 1
            before = None if terminated else after
    right, wrong = ({label: count for (found, label), count in table.items() if found == one} for one in ("right", "wrong"))
    assert set(wrong) == {"incorrect"}
    assert wrong["incorrect"] >= 5
    assert set(right) <= {"correct", "neutral"}  # what is wanted can be learnt from reads that the script does not make
    assert right.get("neutral", 0) <= 0.1 * right["correct"]
    assert right["correct"] >= 10
