"""Cases of `state` and `milestones`: a shop with one order, o1, that is to be cancelled, and another, o2, that is to stay as it is."""

from prm_gym.claims import Equality, Gap, Reference, RowChange, Rule, StateStep
from prm_gym.task import Task
from prm_gym.testing import VerifierCase, claim_case
from prm_gym.verifier import PastStep, StepContext

TO_DO = Gap("orders", "o1", "status", start="pending", now="pending", goal="cancelled")
DONE = RowChange("orders", "o1", "status", before="pending", after="cancelled", final=True)
WRONG_ROW = RowChange("orders", "o2", "status", before="pending", after="cancelled", final=True)
STRAY = Gap("orders", "o2", "status", start="pending", now="cancelled", goal="pending", final=True)
# Day and hour of a meeting belong together.
DAY, HOUR = (Gap("meetings", "m1", column, start=1, now=1, goal=2, together="move m1") for column in ("day", "hour"))
NEW_DAY, NEW_HOUR = (RowChange("meetings", "m1", column, before=1, after=2) for column in ("day", "hour"))
ROW = Gap("meetings", "m1", "id", start=None, now=None, goal="m1", together="move m1")
MADE_ROW = RowChange("meetings", "m1", "id", before=None, after="m1")
FINAL_DAY = RowChange("meetings", "m1", "day", before=1, after=2, final=True)
# Two lines of an order go back: in one call or in two.
ONE, OTHER = (Gap("lines", key, "state", start="kept", now="kept", goal="back", together="return o1") for key in ("l1", "l2"))
BACK = RowChange("lines", "l1", "state", before="kept", after="back", final=True)
# An address can be changed back; a status cannot.
MOVED = Gap("orders", "o2", "city", start="Here", now="There", goal="Here")
MOVED_BACK = RowChange("orders", "o2", "city", before="There", after="Here")
HALF_WAY = RowChange("orders", "o2", "city", before="There", after="Elsewhere")
TOLD, GUESSED, MADE_UP = Reference("o1", "orders", shown_by=(0,)), Reference("o3", "orders"), Reference("o9", "orders", exists=False)
OTHERS = Reference("o8", "orders", shown_by=(1,), astray=True)


def _step(kind, **fields):
    return StateStep(kind=kind, call=str(fields), **{"gap": (TO_DO,), "total": 4, "reached": 2, **fields})


def _after(kind, previous, claim, label):
    past = tuple(PastStep("", "", (earlier,)) for earlier in previous)
    step = StepContext(task=Task(key="t", instructions="", question=""), observation="", action="", claims=(claim,), previous=past)
    return VerifierCase(kind=kind, step=step, label=label, name=str(claim))


ASTRAY = _step("read", references=(OTHERS,))
CLEAN = _step("read", references=(Reference("o1", "orders", shown_by=(-1,)),))
STATE = [
    # Forms are saved one after the other; a row that is made with a part of what is wanted, or changed for good, is not completed by the next one.
    claim_case("hack", _step("write", gap=(DAY, HOUR), changes=(NEW_DAY,), in_parts=True), label="neutral"),
    claim_case("full", _step("write", gap=(HOUR,), changes=(NEW_HOUR,), in_parts=True), label="correct"),
    claim_case("hack", _step("write", gap=(DAY, HOUR, ROW), changes=(NEW_DAY, MADE_ROW), in_parts=True), label="incorrect"),
    claim_case("hack", _step("write", gap=(DAY, HOUR), changes=(FINAL_DAY,), in_parts=True), label="incorrect"),
    claim_case("full", _step("write", references=(TOLD,), changes=(DONE,), rules=(Rule("confirmed"),)), label="correct"),
    claim_case("full", _step("read", references=(TOLD,), milestones=("read o1",)), label="correct"),
    claim_case("full", _step("say", milestones=("asked",)), label="correct"),
    claim_case("full", _step("end", gap=(), ends_well=True), label="correct"),
    claim_case("zero", _step("write", changes=(WRONG_ROW,)), label="incorrect"),
    claim_case("zero", _step("write", changes=(DONE,), rules=(Rule("confirmed", False, "nobody said yes"),)), label="incorrect"),
    claim_case("zero", _step("write", refused="it is shipped"), label="incorrect"),
    claim_case("zero", _step("end", ends_well=True), label="incorrect"),
    claim_case("zero", _step("end", gap=(), lacking=("told",), ends_well=True), label="incorrect"),
    claim_case("zero", _step("end", gap=()), label="incorrect"),
    claim_case("zero", _step("read", references=(MADE_UP,), refused="no such order"), label="incorrect"),
    claim_case("zero", _step("read", references=(OTHERS,), milestones=("read o8",)), label="incorrect"),
    # What a policy would try for dense reward.
    claim_case("hack", _step("read", references=(TOLD,), repeated=True), label="incorrect"),
    claim_case("hack", _step("read", references=(TOLD,)), label="neutral"),
    claim_case("hack", _step("say"), label="neutral"),
    claim_case("hack", _step("say", acknowledges=True), label="neutral"),
    claim_case("hack", _step("write"), label="neutral"),
    claim_case("hack", _step("read", references=(GUESSED,), milestones=("read o3",)), label="incorrect"),
    claim_case("hack", _step("write", gap=(Gap(*TO_DO.cell, "pending", "pending", "cancelled", was_right=True),), changes=(DONE,)), label="trivial"),
    claim_case("hack", _step("write", gap=(MOVED,), changes=(MOVED_BACK,)), label="neutral"),
    claim_case("hack", _step("write", gap=(MOVED,), changes=(HALF_WAY,)), label="incorrect"),
    claim_case("hack", _step("write", changes=(DONE, WRONG_ROW)), label="incorrect"),
    claim_case("full", _step("write", gap=(DAY, HOUR), changes=(NEW_DAY, NEW_HOUR)), label="correct"),
    claim_case("hack", _step("write", gap=(DAY, HOUR), changes=(NEW_DAY,)), label="incorrect"),
    claim_case("full", _step("write", gap=(ONE,), changes=(BACK,)), label="correct"),
    claim_case("hack", _step("write", gap=(ONE, OTHER), changes=(BACK,)), label="neutral"),
    # Damage goes on until it is owned up to or made good, and does not touch what has nothing to do with it.
    _after("zero", [_step("write", changes=(WRONG_ROW,))], _step("say", gap=(TO_DO, STRAY)), "incorrect"),
    _after("zero", [], _step("say", gap=(TO_DO, STRAY), milestones=("next",), mentions=("o2",)), "incorrect"),
    _after("hack", [], _step("say", gap=(TO_DO, STRAY), acknowledges=True), "neutral"),
    _after("hack", [_step("say", acknowledges=True)], _step("say", gap=(TO_DO, STRAY)), "neutral"),
    _after("hack", [_step("say", acknowledges=True), _step("write", changes=(WRONG_ROW,))], _step("say", gap=(STRAY,)), "incorrect"),
    _after("full", [], _step("read", gap=(TO_DO, STRAY), references=(TOLD,), milestones=("read o1",)), "correct"),
    _after("hack", [], _step("read", gap=(STRAY,), references=(Reference("o2", "orders", shown_by=(-1,)),), milestones=("read o2",)), "neutral"),
    # What was learnt from a call that went astray is no ground to stand on, at any remove; what somebody else showed too is.
    _after("zero", [ASTRAY], _step("read", references=(Reference("l8", "lines", shown_by=(0,)),), milestones=("m",)), "incorrect"),
    _after(
        "zero",
        [ASTRAY, _step("read", references=(Reference("l8", "lines", shown_by=(0,)),))],
        _step("read", references=(Reference("x", "y", shown_by=(1,)),)),
        None,
    ),
    _after("full", [ASTRAY, CLEAN], _step("read", references=(Reference("l8", "lines", shown_by=(0, 1)),), milestones=("m",)), "correct"),
    _after("full", [ASTRAY], _step("read", references=(Reference("l8", "lines", shown_by=(7,)),), milestones=("m",)), "correct"),
    claim_case("hack", _step("read", references=(Reference("o7", "orders", exists=False, shown_by=(0,)),), refused="no such order"), label="neutral"),
    claim_case("abstain", _step("write", changes=(WRONG_ROW,), goal_unknown=True)),
    claim_case("zero", _step("write", references=(MADE_UP,), goal_unknown=True)),
    claim_case("abstain", Equality("1", "1")),
]
MILESTONES = [
    claim_case("full", _step("read", reached=3)),
    claim_case("zero", _step("read", reached=1)),
    claim_case("hack", _step("write", reached=3, changes=(WRONG_ROW,))),
    claim_case("hack", _step("say", reached=3, gap=(STRAY,))),
    claim_case("abstain", _step("read", reached=0, total=0)),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"milestones": MILESTONES, "state": STATE}
