"""Tasks of `prm_gym/Tracker-v0` about single issues: change, close, comment, link, report."""

import datetime
from typing import NamedTuple

from prm_gym.claims import Value
from prm_gym.envs.web import tracker_words as words
from prm_gym.envs.web.tracker_changes import Clerk
from prm_gym.envs.web.tracker_rows import Issue, Project
from prm_gym.envs.web.tracker_tasks import Draw, Part, Work, finding, label_of, searched, way_to, work
from prm_gym.services import Cell
from prm_gym.web import Checkpoint, Do, choose, click, fill


class Change(NamedTuple):
    """A change of an issue: what it is called, a clause with {x} for the issue, the steps on its page, what it does, and texts to type."""

    kind: str
    clause: str
    script: tuple[Do, ...]
    works: tuple[Work, ...]
    phrases: tuple[str, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()


def date_after(draw: Draw, least: int = 5, most: int = 60) -> str:
    """A date to come."""
    return (datetime.date.fromisoformat(draw.company.now) + datetime.timedelta(days=int(draw.rng.integers(least, most)))).isoformat()


def _assignee(draw: Draw, project: Project, issue: Issue) -> Change:
    person = draw.worker(project, issue.assignee)
    clause = draw.one(("assign {x} to NAME", "give {x} to NAME", "make NAME the assignee of {x}")).replace("NAME", person.name)
    return Change("assignee", clause, (choose("Assignee", person.name),), (work(Clerk.change, issue.key, "assignee", person.key),))


def _nobody(draw: Draw, project: Project, issue: Issue) -> Change | None:
    _ = project
    clause = draw.one(("take {x} away from its assignee, so that nobody has it", "assign {x} to nobody", "set the assignee of {x} to nobody"))
    return Change("unassign", clause, (choose("Assignee", "Nobody"),), (work(Clerk.change, issue.key, "assignee", ""),)) if issue.assignee else None


def _priority(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    value = draw.one([one for one in words.PRIORITIES if one != issue.priority])
    clause = draw.one(("set the priority of {x} to VALUE", "give {x} the priority VALUE", "change the priority of {x} to VALUE")).replace("VALUE", value)
    return Change("priority", clause, (choose("Priority", value),), (work(Clerk.change, issue.key, "priority", value),))


def _state(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    value = draw.one([one for one in words.STAGES if one != issue.state])
    clause = draw.one(('move {x} to "VALUE"', 'set the state of {x} to "VALUE"', 'put {x} into the state "VALUE"')).replace("VALUE", value)
    return Change("state", clause, (choose("State", value),), (work(Clerk.change, issue.key, "state", value),))


def _milestone(draw: Draw, project: Project, issue: Issue) -> Change | None:
    free = [title for _, title, _, state in project.milestones if state == "open" and title != issue.milestone]
    value = draw.one(free)
    clause = draw.one(("put {x} into the milestone VALUE", "plan {x} for the milestone VALUE", "set the milestone of {x} to VALUE")).replace("VALUE", value)
    return Change("milestone", clause, (choose("Milestone", value),), (work(Clerk.change, issue.key, "milestone", value),))


def _label(draw: Draw, project: Project, issue: Issue) -> Change:
    label = draw.one([one for one in project.labels if one not in issue.labels])
    clause = draw.one(('add the label "VALUE" to {x}', 'give {x} the label "VALUE"', 'label {x} with "VALUE"')).replace("VALUE", label)
    return Change("label", clause, (choose("Add a label", label),), (work(Clerk.add_label, issue.key, label_of(project, label)),))


def _unlabel(draw: Draw, project: Project, issue: Issue) -> Change | None:
    if not issue.labels:
        return None
    label = draw.one(issue.labels)
    clause = draw.one(('remove the label "VALUE" from {x}', 'take the label "VALUE" off {x}', 'see to it that {x} no longer has the label "VALUE"'))
    clause = clause.replace("VALUE", label)
    return Change("unlabel", clause, (click("button", f"Remove {label}"),), (work(Clerk.remove_label, issue.key, label_of(project, label)),))


def _due(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    value = date_after(draw)
    clause = draw.one(("set the due date of {x} to VALUE", "make {x} due on VALUE", "give {x} the due date VALUE")).replace("VALUE", value)
    script = (click("link", "Edit"), fill("Due date", value), click("button", "Save changes"))
    opened = Checkpoint(f"opened the form of {issue.key}", path=f"/issues/{issue.key}/edit")
    return Change("due", clause, script, (work(Clerk.change, issue.key, "due", value),), (value,), (opened,))


def _title(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    value = draw.one(words.NEW_TITLES)
    clause = draw.one(('change the title of {x} to "VALUE"', 'rename {x} to "VALUE"', 'give {x} the title "VALUE"')).replace("VALUE", value)
    script = (click("link", "Edit"), fill("Title", value), click("button", "Save changes"))
    opened = Checkpoint(f"opened the form of {issue.key}", path=f"/issues/{issue.key}/edit")
    return Change("title", clause, script, (work(Clerk.change, issue.key, "title", value),), (value,), (opened,))


def _comment(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    text = draw.one(words.NEW_COMMENTS)
    clause = draw.one(('write the comment "VALUE" on {x}', 'comment "VALUE" on {x}', 'add a comment to {x} that says "VALUE"')).replace("VALUE", text)
    script = (fill("New comment", text), click("button", "Add comment"))
    return Change("comment", clause, script, (work(Clerk.comment, issue.key, text),), (text,))


def _watch(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    on = issue.key not in draw.company.watched
    if on:
        clause = draw.one(("watch {x} for me", "put me on the list of those who watch {x}", "have me watch {x}"))
        return Change("watch", clause, (click("button", "Watch"),), (work(Clerk.watch, issue.key, True),))
    clause = draw.one(("stop watching {x}", "take me off those who watch {x}", "see to it that I no longer watch {x}"))
    return Change("unwatch", clause, (click("button", "Stop watching"),), (work(Clerk.watch, issue.key, False),))


def _close(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    reason = draw.one([one for one in words.REASONS if one != "Duplicate"])
    clause = draw.one(('close {x} with the reason "VALUE"', 'close {x} as "VALUE"', 'close {x}; the reason is "VALUE"')).replace("VALUE", reason)
    script = (click("button", "Close issue"), *(() if reason == "Done" else (choose("Reason", reason),)), click("button", "Close it"))
    return Change("close", clause, script, (work(Clerk.close, issue.key, reason),))


CHANGES = (_assignee, _nobody, _priority, _state, _milestone, _label, _unlabel, _due, _title, _comment, _watch, _close)


def change(draw: Draw) -> Part | None:
    """One or more changes of an open issue."""
    project = draw.mine
    target = draw.target(project, lambda issue: issue.is_open)
    if target is None:
        return None
    count = 1 if draw.level < 3 or draw.simple else 2 if draw.level == 3 else 3
    count = int(draw.rng.integers(1, count + 1))
    drawn = [made for make in draw.some(CHANGES, count) if (made := make(draw, project, target.issue)) is not None]
    if len(drawn) != count:
        return None
    drawn.sort(key=_order)
    kinds = {one.kind for one in drawn}
    if {"assignee", "unassign"} <= kinds or (kinds >= {"state", "close"}):
        return None
    clauses = [one.clause.format(x=target.words if i == 0 else "it") for i, one in enumerate(drawn)]
    wish = draw.wrapped(clauses[0] if count == 1 else ", ".join(clauses[:-1]) + " and " + clauses[-1])
    return Part(
        kind=f"change/{'+'.join(sorted(one.kind for one in drawn))}/{target.how}" if count < 3 else f"change/three/{target.how}",
        wish=wish,
        script=(*target.script, *(step for one in drawn for step in one.script)),
        works=tuple(work for one in drawn for work in one.works),
        checkpoints=(*target.checkpoints, *(point for one in drawn for point in one.checkpoints)),
        phrases=(*target.phrases, *(phrase for one in drawn for phrase in one.phrases)),
    )


def _order(change: Change) -> int:
    """What leads away from the lists of the page comes last."""
    return {"close": 2, "due": 1, "title": 1}.get(change.kind, 0)


def reopen(draw: Draw) -> Part | None:
    """Open a closed issue again, and perhaps say why."""
    project = draw.mine
    target = draw.target(project, lambda issue: not issue.is_open)
    if target is None:
        return None
    key, text = target.issue.key, draw.one(words.NEW_COMMENTS)
    said = draw.rng.random() < 0.4 and draw.level > 1
    clause = draw.one(("open {x} again", "reopen {x}", "open {x} again, which was closed too early")).format(x=target.words)
    clause += f' and write the comment "{text}" on it' if said else ""
    script = (*target.script, *((fill("New comment", text), click("button", "Add comment")) if said else ()), click("button", "Reopen issue"))
    works: tuple[Work, ...] = (work(Clerk.reopen, key),)
    if said:
        works = (work(Clerk.comment, key, text), *works)
    return Part(
        kind=f"reopen/{'comment/' if said else ''}{target.how}",
        wish=draw.wrapped(clause),
        script=script,
        works=works,
        checkpoints=target.checkpoints,
        phrases=(*target.phrases, *([text] if said else [])),
    )


def link(draw: Draw) -> Part | None:
    """Link two issues, or remove a link."""
    project = draw.mine
    target = draw.target(project, lambda issue: issue.is_open)
    other = draw.issue(project, lambda issue: issue.is_open)
    if target is None or other is None:
        return None
    kind = draw.one(("blocks", "is blocked by", "relates to"))
    if any({target.issue.key, other.key} == {one, two} for one, _, two in draw.company.links):
        return None
    clause = draw.one(("note that {x} KIND OTHER", "add a link to {x}: it KIND OTHER", "link {x} to OTHER, so that the page says that it KIND OTHER"))
    clause = clause.replace("KIND", kind).replace("OTHER", other.key).format(x=target.words)
    steps = (click("button", "Link another issue"), *(() if kind == "blocks" else (choose("This issue", kind),)), fill("Key of the other issue", other.key))
    key = target.issue.key
    return Part(
        kind=f"link/{kind.replace(' ', '-')}/{target.how}",
        wish=draw.wrapped(clause),
        script=(*target.script, *steps, click("button", "Add link")),
        works=(work(Clerk.link, key, kind, other.key),),
        checkpoints=target.checkpoints,
        phrases=(*target.phrases, other.key),
    )


def unlink(draw: Draw) -> Part | None:
    """Remove a link that is there."""
    project = draw.mine
    links = [one for one in draw.company.links if one[0].startswith(project.key + "-") and one[2] not in draw.used]
    if not links:
        return None
    one, kind, two = draw.one(links)
    blocked = draw.company.issues[two]
    draw.used |= {one, two}
    wish = draw.one(
        (
            f"{two} no longer waits for {one}: remove the link.",
            f"Remove the link between {two} and {one}.",
            f"{one} does not block {two} any more, so take that link away.",
        )
    )
    script = (*finding(two), click("link", blocked.link), click("button", f"Remove the link to {one}"))
    return Part(
        kind="unlink",
        wish=wish,
        script=script,
        works=(work(Clerk.unlink, two, f"{one} {kind} {two}"),),
        checkpoints=way_to(blocked),
        phrases=(two, one),
    )


def duplicate(draw: Draw) -> Part | None:
    """Close a duplicate: link it, and close it with the right reason."""
    project = draw.mine
    twin = draw.issue(project, lambda issue: bool(issue.twin))
    if twin is None or twin.twin in draw.used:
        return None
    target = searched(project, twin, draw.one(("key", "title", "customer")) if draw.level > 2 else "key")
    first = twin.twin
    draw.used.add(first)
    it = target.words
    wish = draw.one(
        (
            f"{it[0].upper()}{it[1:]} is a duplicate of {first}: link it to that one and close it for this reason.",
            f"I see that {it} reports the same as {first}. Close it as a duplicate of that one, with the link.",
            f"Please mark {it} as a duplicate of {first} (with a link) and close it as one.",
        )
    )
    steps = (
        click("button", "Link another issue"),
        choose("This issue", "duplicates"),
        fill("Key of the other issue", first),
        click("button", "Add link"),
        click("button", "Close issue"),
        choose("Reason", "Duplicate"),
        click("button", "Close it"),
    )
    return Part(
        kind=f"duplicate/{target.how}",
        wish=wish,
        script=(*target.script, *steps),
        works=(work(Clerk.link, twin.key, "duplicates", first), work(Clerk.close, twin.key, "Duplicate")),
        checkpoints=target.checkpoints,
        phrases=(*target.phrases, first),
    )


def create(draw: Draw) -> Part | None:
    """Report an issue, with some fields."""
    project = draw.mine
    title, label = draw.one(words.NEW_TITLES), draw.one(project.labels)
    extra = int(draw.rng.integers(0, 1 + (1, 2, 3, 4, 3)[draw.level - 1]))
    chosen = draw.some(("description", "assignee", "priority", "milestone", "due", "label"), extra)
    fields = [_new_field(draw, project, name, label) for name in ("description", "assignee", "priority", "milestone", "due", "label") if name in chosen]
    said = [one.said for one in fields]
    having = f", with {', '.join(said[:-1]) + ' and ' if said[1:] else ''}{said[-1]}" if said else ""
    clause = draw.one(
        (
            f'report an issue "{title}" in {project.name}',
            f'create an issue in {project.name} with the title "{title}"',
            f'open a new issue "{title}" in {project.name}',
        )
    )
    key = f"{project.key}-{max(issue.number for issue in project.issues) + 1}"
    values = {"title": title, **{one.name: one.value for one in fields if one.name != "label"}}
    labelled = (work(Clerk.add_label, key, label_of(project, label)),) if "label" in chosen else ()
    defaults: dict[str, Value] = {"description": "", "assignee": "", "priority": "Normal", "milestone": "", "due": ""}
    passing: dict[Cell, tuple[Value, ...]] = {("issues", key, name): (value,) for name, value in defaults.items() if name in values}
    script = (click("link", project.name), click("link", "New issue"), fill("Title", title), *(one.step for one in fields), click("button", "Create issue"))
    return Part(
        kind=f"create/{'+'.join(sorted(chosen)) if len(chosen) < 3 else len(chosen)}" if chosen else "create/title",
        wish=draw.wrapped(clause + having),
        script=script,
        works=(work(Clerk.create, project.key, values), *labelled),
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
            value = draw.one(("Low", "High", "Urgent"))
            return _Field(name, value, f"the priority {value}", choose("Priority", value))
        case "milestone":
            value = draw.one([one for _, one, _, state in project.milestones if state == "open"])
            return _Field(name, value, f"the milestone {value}", choose("Milestone", value))
        case "due":
            value = date_after(draw)
            return _Field(name, value, f"the due date {value}", fill("Due date", value))
        case _:
            return _Field(name, label, f'the label "{label}"', click("checkbox", label))
