"""Whether a step in a stateful service is right, by the rules of the service and the state of its database."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from prm_gym.claims import Claim, Gap, Reference, RowChange, StateStep
from prm_gym.errors import ContractError
from prm_gym.verdict import Label, Verdict, abstained, judged
from prm_gym.verifier import ClaimVerifier, PastStep, StepContext

_REPEATED = "the same step was taken before, in the same state and with the same answer"
_LOOKED_UP = "something that is needed was looked up"
_REACHED = {  # by the first word of a milestone
    "who": "the customer has said who they are",
    "identified": "it is known who the customer is",
    "wish": "the customer has said what they want",
    "errand": "the owner has said what they want",
    "details": "the customer has given the details",
    "mind": "the customer has said that they changed their mind",
    "agreed": "a yes was given to what is wanted",
    "done": "a wanted change is made",
    "told": "what was asked for is told",
    "refused": "what the policy forbids is refused",
    "nothing": "it is known that nothing else is wanted",
} | dict.fromkeys(("read", "opened", "orders", "profile", "mails", "meetings", "found", "times", "rooms"), _LOOKED_UP)
_SCORES: dict[Label, float] = {"correct": 1.0, "neutral": 0.5, "trivial": 0.0, "incorrect": 0.0}


class StateVerifier(ClaimVerifier):
    """Judges `StateStep` claims from the claim, and from the claims of the earlier steps.

    AgentProcessBench's +1, 0 and -1 are `correct`, `neutral` and `incorrect`. The first of these that fits is the verdict.

    1. `incorrect`: a rule of the policy is broken.
    2. `incorrect`: an argument or a message names what nobody has shown (made up or guessed), what the task may not concern (somebody else's), or what is
       known from such a step alone (see below).
    3. `incorrect`: the step ends the episode in another way than it should end, or before everything wanted is done and said. `correct`: it ends it well.
    4. `incorrect`: the same call as before, in the same state, with the same answer.
    5. `incorrect`: a cell of the database is changed that was as it should be, or is given another value than it should have. What no tool changes back is
       called irreversible in the evidence. Also `incorrect`: of cells of a row that belong to one wish only some are set; but where they may be set in parts
       (`StateStep.in_parts`), and the rest can still be, it is neutral (see 6).
    6. `correct`: cells come to have the values that are wanted, for the first time; but `neutral` as long as other cells that belong to the same wish
       are not so: a wish that is fulfilled in several calls earns once, like one that is fulfilled in one. `trivial`: only such as had them before and lost
       them (write, undo, write). `neutral`: damage is made good, and nothing else.
    7. `incorrect`: the service refused the call; but `neutral` where a read asked for something that does not exist and that the agent was told of.
    8. `incorrect`: it builds on damage that was neither made good nor owned up to (see below).
    9. `correct`: it reaches a milestone: it reads what is needed, or learns or tells what must be known, for the first time. `trivial`: nothing at all came of
       it. `neutral`: anything else.

    Errors go on, as in AgentProcessBench ("after an error every later step that depends on it is wrong until it is acknowledged and corrected"). What depends
    on an error is decided here by two things alone. (a) Damage: as long as a cell has a value that it had not at the beginning and should not have in the end,
    a change that names its row, and a message that names its row or reaches no milestone, is wrong, and so is the end of the episode. A message that owns up
    to the mistake, and what follows it until rows are changed again, is not. A read of it, which a correction needs, is neutral. (b) Origin: a call is wrong
    when it names something that was shown only by answers to calls that named what was made up, guessed or somebody else's, or that are wrong for this very
    reason. Anything shown by another step too is clean again.

    Where nobody has said what is wanted, only 1, 2, 4 and 7 are asked, and the verifier abstains on what they let pass.

    A step that makes damage good is `neutral`, where AgentProcessBench gives +1: paid for, damage would be worth doing.

    The evidence holds `progress`, the share of milestones that hold after the step, in [0, 1], and 0 from the step on that did irreversible damage,
    or made somebody give up a wish. No evidence holds what is wanted.

    Source: the labels and the rule of propagation are AgentProcessBench's (its annotation guide, version 1.1), there by judgement of people.
    """

    id = "state"
    version = "3"
    claims = (StateStep,)

    def check(self, claim: Claim, step: StepContext) -> Verdict:
        """Judge one step."""
        if not isinstance(claim, StateStep):
            raise ContractError(f"the verifier 'state' judges StateStep claims, got {type(claim).__name__}")
        effect = effect_of(claim)
        label, reason = _judgement(claim, effect, step.previous)
        if label is None:
            return abstained(reason)
        evidence: dict[str, Any] = {"progress": progress_of(claim, effect)}
        if effect.damage:
            evidence |= {"damaged": [".".join(change.cell) for change in effect.damage], "irreversible": any(change.final for change in effect.damage)}
        if claim.milestones:
            evidence["milestones"] = list(claim.milestones)
        return judged(label, _SCORES[label], reason, **evidence)


class Effect(NamedTuple):
    """What the changes of a step mean for what is wanted.

    Attributes:
        damage: changes that took a cell away from its value, or gave it a wrong one.
        gained: cells that have their wanted value for the first time.
        regained: cells that had it before, and have it again.
        repaired: cells that had a wrong value and have that of the beginning again.
        half: cells that should have been set together with those that were, and were not.
        open: cells of other rows that belong to the same wish as those that were gained, and are not as they should be.
        left: how many cells are not as they should be after the step.
        hopeless: after the step some cell has a wrong value for good.
    """

    damage: tuple[RowChange, ...]
    gained: tuple[Gap, ...]
    regained: tuple[Gap, ...]
    repaired: tuple[Gap, ...]
    half: tuple[Gap, ...]
    open: tuple[Gap, ...]
    left: int
    hopeless: bool


def effect_of(claim: StateStep) -> Effect:
    """What the changes of a step mean, from its gap and its changes."""
    gaps, changes = {gap.cell: gap for gap in claim.gap}, {change.cell: change for change in claim.changes}
    damage = tuple(change for change in claim.changes if change.cell not in gaps or change.after not in (gaps[change.cell].goal, gaps[change.cell].start))
    closed = [gap for gap in claim.gap if gap.cell in changes and changes[gap.cell].after == gap.goal]
    repaired = tuple(gap for gap in claim.gap if gap.stray and gap.cell in changes and changes[gap.cell].after == gap.start)
    gained = tuple(gap for gap in closed if gap.goal != gap.start and not gap.was_right)
    regained = tuple(gap for gap in closed if gap.goal != gap.start and gap.was_right)
    sets = {(gap.row, gap.together) for gap in closed if gap.together}
    half = tuple(gap for gap in claim.gap if (gap.row, gap.together) in sets and gap not in closed)
    wishes = {gap.together for gap in gained if gap.together}
    missing = tuple(gap for gap in claim.gap if gap.together in wishes and gap not in closed and gap not in half)
    left = len(claim.gap) - len(closed) + sum(change.cell not in gaps for change in damage)
    hopeless = any(gap.final and gap.cell not in changes for gap in claim.gap) or any(change.final for change in damage)
    return Effect(damage, gained, regained, repaired, half, missing, left, hopeless)


def progress_of(claim: StateStep, effect: Effect) -> float:
    """The share of milestones that hold after the step, in [0, 1]; 0 when a cell has a wrong value for good, or a wish was given up."""
    return 0.0 if effect.hopeless or claim.given_up or not claim.total else claim.reached / claim.total


def _judgement(claim: StateStep, effect: Effect, previous: Sequence[PastStep]) -> tuple[Label | None, str]:
    broken = next((rule for rule in claim.rules if not rule.kept), None)
    if broken is not None:
        return "incorrect", f"the policy is broken ({broken.name}): {broken.why}"
    astray = _astray(claim, previous)
    if astray:
        return "incorrect", astray
    if claim.goal_unknown:
        return _without_goal(claim)
    if claim.kind == "end" and not claim.refused:
        return _end(claim, effect)
    if claim.repeated:
        return "incorrect", _REPEATED
    if effect.damage:
        change = effect.damage[0]
        lasting = ", which cannot be undone" if any(change.final for change in effect.damage) else ""
        return "incorrect", f"{change.column} of {change.key} in {change.table} is changed in a way that nobody wants{lasting}"
    if effect.half and not _can_follow(claim, effect):
        return "incorrect", f"only a part of {effect.half[0].key} in {effect.half[0].table} is as it is wanted; the rest belongs to the same wish"
    if effect.gained and (effect.open or effect.half):
        return "neutral", "a part of a wish is fulfilled; the rest of it is missing"
    if effect.gained:
        return "correct", f"{len(effect.gained)} of the values that are wanted are there now"
    if effect.regained:
        return "trivial", "the wanted values are there again, as they were before a detour"
    if effect.repaired:
        return "neutral", "damage is made good"
    return _without_effect(claim, previous)


def _can_follow(claim: StateStep, effect: Effect) -> bool:
    """Whether the rest of what belongs to one wish can be set by a later step: the rows were there before, and nothing in them was changed for good."""
    rows = {gap.row for gap in effect.half}
    changed = [change for change in claim.changes if change.row in rows]
    return claim.in_parts and not any(change.final or (change.before is None and change.after == change.key) for change in changed)


def _without_goal(claim: StateStep) -> tuple[Label | None, str]:
    """The verdict where nobody has said what is wanted: what is wrong in any case, or none."""
    if claim.repeated:
        return "incorrect", _REPEATED
    if claim.refused:
        return _refused(claim)
    return None, "it is not known what state is wanted"


def _without_effect(claim: StateStep, previous: Sequence[PastStep]) -> tuple[Label, str]:
    """The verdict on a step that brings no row nearer to what is wanted, nor further away."""
    if claim.refused:
        return _refused(claim)
    if _builds_on_damage(claim, previous):
        if claim.kind == "read":
            return "neutral", "it looks at what was changed wrongly"
        return "incorrect", "it builds on an earlier wrong change that was neither made good nor owned up to"
    if claim.idle and not claim.milestones:
        return "trivial", "nothing came of it"
    if claim.milestones:
        return "correct", "; ".join(dict.fromkeys(_REACHED.get(name.partition(" ")[0], f"{name!r} is reached") for name in claim.milestones))
    return "neutral", "nothing is lost by it and nothing gained"


def _refused(claim: StateStep) -> tuple[Label, str]:
    if claim.kind == "read" and any(not reference.exists for reference in claim.references):
        return "neutral", "what the agent was told of does not exist"
    return "incorrect", f"the service refuses: {claim.refused}"


def _end(claim: StateStep, effect: Effect) -> tuple[Label, str]:
    if not claim.ends_well:
        return "incorrect", "the task should not end in this way"
    if effect.left or claim.lacking:
        return "incorrect", f"ended too early: {_lacking(claim, effect)}"
    return "correct", "everything wanted is done and said"


def _lacking(claim: StateStep, effect: Effect) -> str:
    """What is not as it should be at the end, in numbers."""
    cells = "1 cell differs" if effect.left == 1 else f"{effect.left} cells differ"
    things = "1 thing was" if len(claim.lacking) == 1 else f"{len(claim.lacking)} things were"
    found = [f"{cells} from the goal"] * bool(effect.left)
    found += [f"{things} left unsaid{' or given up' if claim.given_up else ''}"] * bool(claim.lacking)
    return ", and ".join(found)


def _astray(claim: StateStep, previous: Sequence[PastStep]) -> str:
    """Why an argument names what it should not; empty where none does."""
    for reference in claim.references:
        if not reference.shown_by:
            return f"nobody has shown {reference.name!r}: it is {'a guess' if reference.exists else 'made up'}"
        if reference.astray:
            return f"{reference.name!r} is nothing that this task may concern"
    shown = {place for reference in claim.references for place in reference.shown_by}
    if claim.kind != "say" and max(shown, default=-1) >= 0:
        bad = _went_astray(previous[: max(shown) + 1])
        for reference in claim.references:
            if all(place in bad for place in reference.shown_by):
                return f"{reference.name!r} is known only from a call that went astray"
    return ""


def _went_astray(previous: Sequence[PastStep]) -> set[int]:
    """The places of the steps whose answers show what they should not, because of what their calls named."""
    bad: set[int] = set()
    for place, past in enumerate(previous):
        for claim in past.claims:
            if isinstance(claim, StateStep) and claim.kind != "say" and any(_is_astray(reference, place, bad) for reference in claim.references):
                bad.add(place)
    return bad


def _is_astray(reference: Reference, place: int, bad: set[int]) -> bool:
    """Whether nobody has shown a thing before a step, or it is nothing that the task may concern, or was shown by calls that went astray alone."""
    return reference.astray or all(earlier in bad for earlier in reference.shown_by if earlier < place)


def _builds_on_damage(claim: StateStep, previous: Sequence[PastStep]) -> bool:
    strays = {gap.key for gap in claim.gap if gap.stray}
    if not strays or claim.acknowledges or _owned_up(previous):
        return False
    if claim.kind == "say":
        return not claim.milestones or not strays.isdisjoint(claim.mentions)
    return any(reference.name in strays for reference in claim.references)


def _owned_up(previous: Sequence[PastStep]) -> bool:
    """Whether the mistake has been owned up to since rows were last changed."""
    for past in reversed(previous):
        for claim in past.claims:
            if isinstance(claim, StateStep):
                if claim.changes:
                    return False
                if claim.acknowledges:
                    return True
    return False
