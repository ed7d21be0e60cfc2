"""Tasks of `prm_gym/Tracker-v0` about single issues: change, close, comment, link, report."""

import datetime
from dataclasses import replace
from typing import NamedTuple

from prm_gym.claims import Value
from prm_gym.envs.web import tracker_words as words
from prm_gym.envs.web.tracker_changes import Clerk
from prm_gym.envs.web.tracker_rows import Issue, Project
from prm_gym.envs.web.tracker_tasks import Draw, label_of, searched, to_issue
from prm_gym.services import Cell
from prm_gym.web import Checkpoint, Do, Part, Way, choose, click, fill


def date_after(draw: Draw, least: int = 5, most: int = 60) -> str:
    """A date to come."""
    return (datetime.date.fromisoformat(draw.company.now) + datetime.timedelta(days=draw.number(least, most))).isoformat()


# Changes of an issue: the wish is a clause with {x} for the issue, and the script what is done on its page.


def _chosen(draw: Draw, issue: Issue, field: str, value: str, shown: str, *clauses: str) -> Part:
    """A field that is saved as soon as it is chosen."""
    name = field.lower()
    wish = draw.say(*clauses).replace("VALUE", shown)
    return Part(kind=name, wish=wish, script=(choose(field, shown),), works=(draw.work(Clerk.change, issue.key, name, value),))


def _typed(draw: Draw, issue: Issue, field: str, value: str, *clauses: str) -> Part:
    """A field of the form."""
    name = field.partition(" ")[0].lower()
    return Part(
        kind=name,
        wish=draw.say(*clauses).replace("VALUE", value),
        script=(click("link", "Edit"), fill(field, value), click("button", "Save changes")),
        works=(draw.work(Clerk.change, issue.key, name, value),),
        checkpoints=(Checkpoint(f"opened the form of {issue.key}", path=f"/issues/{issue.key}/edit"),),
        phrases=(value,),
    )


def _assignee(draw: Draw, project: Project, issue: Issue) -> Part:
    person = draw.worker(project, issue.assignee)
    return _chosen(draw, issue, "Assignee", person.key, person.name, "assign {x} to VALUE", "give {x} to VALUE", "make VALUE the assignee of {x}")


def _nobody(draw: Draw, project: Project, issue: Issue) -> Part | None:
    _ = project
    clauses = ("take {x} away from its assignee, so that nobody has it", "assign {x} to nobody", "set the assignee of {x} to nobody")
    part = _chosen(draw, issue, "Assignee", "", "Nobody", *clauses)
    return replace(part, kind="unassign") if issue.assignee else None


def _priority(draw: Draw, project: Project, issue: Issue) -> Part:
    _ = project
    value = draw.one([one for one in words.PRIORITIES if one != issue.priority])
    clauses = ("set the priority of {x} to VALUE", "give {x} the priority VALUE", "change the priority of {x} to VALUE")
    return _chosen(draw, issue, "Priority", value, value, *clauses)


def _state(draw: Draw, project: Project, issue: Issue) -> Part:
    _ = project
    value = draw.one([one for one in words.STAGES if one != issue.state])
    return _chosen(draw, issue, "State", value, value, 'move {x} to "VALUE"', 'set the state of {x} to "VALUE"', 'put {x} into the state "VALUE"')


def _milestone(draw: Draw, project: Project, issue: Issue) -> Part:
    value = draw.one([title for _, title, _, state in project.milestones if state == "open" and title != issue.milestone])
    clauses = ("put {x} into the milestone VALUE", "plan {x} for the milestone VALUE", "set the milestone of {x} to VALUE")
    return _chosen(draw, issue, "Milestone", value, value, *clauses)


def _label(draw: Draw, project: Project, issue: Issue) -> Part:
    label = draw.one([one for one in project.labels if one not in issue.labels])
    clause = draw.say('add the label "VALUE" to {x}', 'give {x} the label "VALUE"', 'label {x} with "VALUE"').replace("VALUE", label)
    works = (draw.work(Clerk.add_label, issue.key, label_of(project, label)),)
    return Part(kind="label", wish=clause, script=(choose("Add a label", label),), works=works)


def _unlabel(draw: Draw, project: Project, issue: Issue) -> Part | None:
    if not issue.labels:
        return None
    label = draw.one(issue.labels)
    clause = draw.say('remove the label "VALUE" from {x}', 'take the label "VALUE" off {x}', 'see to it that {x} no longer has the label "VALUE"')
    works = (draw.work(Clerk.remove_label, issue.key, label_of(project, label)),)
    return Part(kind="unlabel", wish=clause.replace("VALUE", label), script=(click("button", f"Remove {label}"),), works=works)


def _due(draw: Draw, project: Project, issue: Issue) -> Part:
    _ = project
    return _typed(draw, issue, "Due date", date_after(draw), "set the due date of {x} to VALUE", "make {x} due on VALUE", "give {x} the due date VALUE")


def _title(draw: Draw, project: Project, issue: Issue) -> Part:
    _ = project
    clauses = ('change the title of {x} to "VALUE"', 'rename {x} to "VALUE"', 'give {x} the title "VALUE"')
    return _typed(draw, issue, "Title", draw.one(words.NEW_TITLES), *clauses)


def _commented(draw: Draw, issue: Issue, text: str, wish: str) -> Part:
    script = (fill("New comment", text), click("button", "Add comment"))
    return Part(kind="comment", wish=wish, script=script, works=(draw.work(Clerk.comment, issue.key, text),), phrases=(text,))


def _comment(draw: Draw, project: Project, issue: Issue) -> Part:
    _ = project
    text = draw.one(words.NEW_COMMENTS)
    clause = draw.say('write the comment "VALUE" on {x}', 'comment "VALUE" on {x}', 'add a comment to {x} that says "VALUE"')
    return _commented(draw, issue, text, clause.replace("VALUE", text))


def _watch(draw: Draw, project: Project, issue: Issue) -> Part:
    _ = project
    on = issue.key not in draw.company.watched
    begin = ("watch {x} for me", "put me on the list of those who watch {x}", "have me watch {x}")
    end = ("stop watching {x}", "take me off those who watch {x}", "see to it that I no longer watch {x}")
    clause, kind, button = draw.say(*(begin if on else end)), "watch" if on else "unwatch", "Watch" if on else "Stop watching"
    return Part(kind=kind, wish=clause, script=(click("button", button),), works=(draw.work(Clerk.watch, issue.key, on),))


def _closing(reason: str) -> tuple[Do, ...]:
    return (click("button", "Close issue"), *([choose("Reason", reason)] * (reason != "Done")), click("button", "Close it"))


def _close(draw: Draw, project: Project, issue: Issue) -> Part:
    _ = project
    reason = draw.one([one for one in words.REASONS if one != "Duplicate"])
    clause = draw.say('close {x} with the reason "VALUE"', 'close {x} as "VALUE"', 'close {x}; the reason is "VALUE"').replace("VALUE", reason)
    return Part(kind="close", wish=clause, script=_closing(reason), works=(draw.work(Clerk.close, issue.key, reason),))


CHANGES = (_assignee, _nobody, _priority, _state, _milestone, _label, _unlabel, _due, _title, _comment, _watch, _close)


def change(draw: Draw) -> Part | None:
    """One or more changes of an open issue."""
    project = draw.mine
    target = draw.target(project, lambda issue: issue.is_open)
    if target is None:
        return None
    count = 1 if draw.level < 3 or draw.simple else 2 if draw.level == 3 else 3
    count = draw.number(1, count + 1)
    drawn = [made for make in draw.some(CHANGES, count) if (made := make(draw, project, target.issue)) is not None]
    if len(drawn) != count:
        return None
    drawn.sort(key=_order)
    kinds = {one.kind for one in drawn}
    if {"assignee", "unassign"} <= kinds or (kinds >= {"state", "close"}):
        return None
    clauses = [one.wish.format(x=target.words if i == 0 else "it") for i, one in enumerate(drawn)]
    return Part(
        kind=f"change/{'+'.join(sorted(kinds)) if count < 3 else 'three'}/{target.how}",
        wish=draw.wrapped(clauses[0] if count == 1 else ", ".join(clauses[:-1]) + " and " + clauses[-1]),
        works=tuple(work for one in drawn for work in one.works),
    ).after(target, *drawn)


def _order(change: Part) -> int:
    """What leads away from the lists of the page comes last."""
    return {"close": 2, "due": 1, "title": 1}.get(change.kind, 0)


def reopen(draw: Draw) -> Part | None:
    """Open a closed issue again, and perhaps say why."""
    project = draw.mine
    target = draw.target(project, lambda issue: not issue.is_open)
    if target is None:
        return None
    text = draw.one(words.NEW_COMMENTS)
    said = draw.chance(0.4) and draw.level > 1
    clause = draw.say("open {x} again", "reopen {x}", "open {x} again, which was closed too early").format(x=target.words)
    comment = [_commented(draw, target.issue, text, f' and write the comment "{text}" on it')] * said
    return Part(
        kind=f"reopen/{'comment/' * said}{target.how}",
        wish=draw.wrapped(clause + "".join(one.wish for one in comment)),
        works=(*(work for one in comment for work in one.works), draw.work(Clerk.reopen, target.issue.key)),
        script=(click("button", "Reopen issue"),),
    ).after(target, *comment)


def link(draw: Draw) -> Part | None:
    """Link two issues, or remove a link."""
    project = draw.mine
    target = draw.target(project, lambda issue: issue.is_open)
    other = draw.issue(project, lambda issue: issue.is_open)
    if target is None or other is None:
        return None
    kind = draw.say("blocks", "is blocked by", "relates to")
    if any({target.issue.key, other.key} == {one, two} for one, _, two in draw.company.links):
        return None
    clause = draw.say("note that {x} KIND OTHER", "add a link to {x}: it KIND OTHER", "link {x} to OTHER, so that the page says that it KIND OTHER")
    clause = clause.replace("KIND", kind).replace("OTHER", other.key).format(x=target.words)
    return Part(
        kind=f"link/{kind.replace(' ', '-')}/{target.how}",
        wish=draw.wrapped(clause),
        works=(draw.work(Clerk.link, target.issue.key, kind, other.key),),
    ).after(target, _linking(kind, other.key))


def _linking(kind: str, other: str) -> Way:
    """A link that is added on the page of an issue."""
    chosen = [choose("This issue", kind)] * (kind != "blocks")
    script = (click("button", "Link another issue"), *chosen, fill("Key of the other issue", other), click("button", "Add link"))
    return Way(script=script, phrases=(other,))


def unlink(draw: Draw) -> Part | None:
    """Remove a link that is there."""
    project = draw.mine
    links = [one for one in draw.company.links if one[0].startswith(project.key + "-") and one[2] not in draw.used]
    if not links:
        return None
    one, kind, two = draw.one(links)
    blocked = draw.company.issues[two]
    draw.used |= {one, two}
    wish = draw.say(
        f"{two} no longer waits for {one}: remove the link.",
        f"Remove the link between {two} and {one}.",
        f"{one} does not block {two} any more, so take that link away.",
    )
    works, step = (draw.work(Clerk.unlink, two, f"{one} {kind} {two}"),), click("button", f"Remove the link to {one}")
    return Part(kind="unlink", wish=wish, works=works, script=(step,), phrases=(one,)).after(to_issue(blocked))


def duplicate(draw: Draw) -> Part | None:
    """Close a duplicate: link it, and close it with the right reason."""
    project = draw.mine
    twin = draw.issue(project, lambda issue: bool(issue.twin))
    if twin is None or twin.twin in draw.used:
        return None
    target = searched(project, twin, draw.say("key", "title", "customer") if draw.level > 2 else "key")
    first = twin.twin
    draw.used.add(first)
    it = target.words
    wish = draw.say(
        f"{it[0].upper()}{it[1:]} is a duplicate of {first}: link it to that one and close it for this reason.",
        f"I see that {it} reports the same as {first}. Close it as a duplicate of that one, with the link.",
        f"Please mark {it} as a duplicate of {first} (with a link) and close it as one.",
    )
    return Part(
        kind=f"duplicate/{target.how}",
        wish=wish,
        works=(draw.work(Clerk.link, twin.key, "duplicates", first), draw.work(Clerk.close, twin.key, "Duplicate")),
        script=_closing("Duplicate"),
    ).after(target, _linking("duplicates", first))


def create(draw: Draw) -> Part | None:
    """Report an issue, with some fields."""
    project = draw.mine
    title, label = draw.one(words.NEW_TITLES), draw.one(project.labels)
    extra = draw.number(0, 1 + (1, 2, 3, 4, 3)[draw.level - 1])
    chosen = draw.some(("description", "assignee", "priority", "milestone", "due", "label"), extra)
    fields = [_new_field(draw, project, name, label) for name in ("description", "assignee", "priority", "milestone", "due", "label") if name in chosen]
    said = [one.said for one in fields]
    having = f", with {', '.join(said[:-1]) + ' and ' if said[1:] else ''}{said[-1]}" if said else ""
    clause = draw.say(
        f'report an issue "{title}" in {project.name}',
        f'create an issue in {project.name} with the title "{title}"',
        f'open a new issue "{title}" in {project.name}',
    )
    key = f"{project.key}-{max(issue.number for issue in project.issues) + 1}"
    values = {"title": title, **{one.name: one.value for one in fields if one.name != "label"}}
    labelled = (draw.work(Clerk.add_label, key, label_of(project, label)),) if "label" in chosen else ()
    defaults: dict[str, Value] = {"description": "", "assignee": "", "priority": "Normal", "milestone": "", "due": ""}
    passing: dict[Cell, tuple[Value, ...]] = {("issues", key, name): (value,) for name, value in defaults.items() if name in values}
    script = (click("link", project.name), click("link", "New issue"), fill("Title", title), *(one.step for one in fields), click("button", "Create issue"))
    return Part(
        kind=f"create/{'+'.join(sorted(chosen)) if len(chosen) < 3 else len(chosen)}" if chosen else "create/title",
        wish=draw.wrapped(clause + having),
        script=script,
        works=(draw.work(Clerk.create, project.key, values), *labelled),
        checkpoints=(Checkpoint("opened the form of a new issue", path=f"/projects/{project.key}/new"),),
        phrases=(title, *(one.value for one in fields if one.name in ("description", "due"))),
        passing=passing,
    )


class _Field(NamedTuple):
    """A field of a new issue: its name, its value, in words, and how it is filled in."""

    name: str
    value: str
    said: str
    step: Do


def _new_field(draw: Draw, project: Project, name: str, label: str) -> _Field:
    match name:
        case "description":
            value = draw.one(words.NEW_DESCRIPTIONS)
            return _Field(name, value, f'the description "{value}"', fill("Description", value))
        case "assignee":
            person = draw.worker(project)
            return _Field(name, person.key, f"the assignee {person.name}", choose("Assignee", person.name))
        case "priority":
            value = draw.say("Low", "High", "Urgent")
            return _Field(name, value, f"the priority {value}", choose("Priority", value))
        case "milestone":
            value = draw.one([one for _, one, _, state in project.milestones if state == "open"])
            return _Field(name, value, f"the milestone {value}", choose("Milestone", value))
        case "due":
            value = date_after(draw)
            return _Field(name, value, f"the due date {value}", fill("Due date", value))
        case _:
            return _Field(name, label, f'the label "{label}"', click("checkbox", label))
