"""Tasks of `prm_gym/Tracker-v0` about single issues: change, close, comment, link, report."""

import datetime
from typing import NamedTuple

from prm_gym.claims import Value
from prm_gym.envs.web import tracker_words as words
from prm_gym.envs.web.tracker_rows import Issue, Project
from prm_gym.envs.web.tracker_tasks import Draw, Part, Work, finding, label_of, searched, way_to
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
    return Change("assignee", clause, (choose("Assignee", person.name),), (lambda clerk: clerk.change(issue.key, "assignee", person.key),))


def _nobody(draw: Draw, project: Project, issue: Issue) -> Change | None:
    _ = project
    clause = draw.one(("take {x} away from its assignee, so that nobody has it", "assign {x} to nobody", "set the assignee of {x} to nobody"))
    return Change("unassign", clause, (choose("Assignee", "Nobody"),), (lambda clerk: clerk.change(issue.key, "assignee", ""),)) if issue.assignee else None


def _priority(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    value = draw.one([one for one in words.PRIORITIES if one != issue.priority])
    clause = draw.one(("set the priority of {x} to VALUE", "give {x} the priority VALUE", "change the priority of {x} to VALUE")).replace("VALUE", value)
    return Change("priority", clause, (choose("Priority", value),), (lambda clerk: clerk.change(issue.key, "priority", value),))


def _state(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    value = draw.one([one for one in words.STAGES if one != issue.state])
    clause = draw.one(('move {x} to "VALUE"', 'set the state of {x} to "VALUE"', 'put {x} into the state "VALUE"')).replace("VALUE", value)
    return Change("state", clause, (choose("State", value),), (lambda clerk: clerk.change(issue.key, "state", value),))


def _milestone(draw: Draw, project: Project, issue: Issue) -> Change | None:
    free = [title for _, title, _, state in project.milestones if state == "open" and title != issue.milestone]
    value = draw.one(free)
    clause = draw.one(("put {x} into the milestone VALUE", "plan {x} for the milestone VALUE", "set the milestone of {x} to VALUE")).replace("VALUE", value)
    return Change("milestone", clause, (choose("Milestone", value),), (lambda clerk: clerk.change(issue.key, "milestone", value),))


def _label(draw: Draw, project: Project, issue: Issue) -> Change:
    label = draw.one([one for one in project.labels if one not in issue.labels])
    clause = draw.one(('add the label "VALUE" to {x}', 'give {x} the label "VALUE"', 'label {x} with "VALUE"')).replace("VALUE", label)
    return Change("label", clause, (choose("Add a label", label),), (lambda clerk: clerk.add_label(issue.key, label_of(project, label)),))


def _unlabel(draw: Draw, project: Project, issue: Issue) -> Change | None:
    if not issue.labels:
        return None
    label = draw.one(issue.labels)
    clause = draw.one(('remove the label "VALUE" from {x}', 'take the label "VALUE" off {x}', '{x} is labelled "VALUE" by mistake: remove that label from it'))
    clause = clause.replace("VALUE", label)
    if clause.startswith("{x}"):
        clause = clause.replace("{x} is", "mend this: {x} is", 1).replace("from it", "")
    return Change("unlabel", clause, (click("button", f"Remove {label}"),), (lambda clerk: clerk.remove_label(issue.key, label_of(project, label)),))


def _due(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    value = date_after(draw)
    clause = draw.one(("set the due date of {x} to VALUE", "make {x} due on VALUE", "give {x} the due date VALUE")).replace("VALUE", value)
    script = (click("link", "Edit"), fill("Due date", value), click("button", "Save changes"))
    opened = Checkpoint(f"opened the form of {issue.key}", path=f"/issues/{issue.key}/edit")
    return Change("due", clause, script, (lambda clerk: clerk.change(issue.key, "due", value),), (value,), (opened,))


def _title(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    value = draw.one(words.NEW_TITLES)
    clause = draw.one(('change the title of {x} to "VALUE"', 'rename {x} to "VALUE"', 'give {x} the title "VALUE"')).replace("VALUE", value)
    script = (click("link", "Edit"), fill("Title", value), click("button", "Save changes"))
    opened = Checkpoint(f"opened the form of {issue.key}", path=f"/issues/{issue.key}/edit")
    return Change("title", clause, script, (lambda clerk: clerk.change(issue.key, "title", value),), (value,), (opened,))


def _comment(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    text = draw.one(words.NEW_COMMENTS)
    clause = draw.one(('write the comment "VALUE" on {x}', 'comment "VALUE" on {x}', 'add a comment to {x} that says "VALUE"')).replace("VALUE", text)
    script = (fill("New comment", text), click("button", "Add comment"))
    return Change("comment", clause, script, (lambda clerk: clerk.comment(issue.key, text),), (text,))


def _watch(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    on = issue.key not in draw.company.watched
    if on:
        clause = draw.one(("watch {x} for me", "put me on the list of those who watch {x}", "have me watch {x}"))
        return Change("watch", clause, (click("button", "Watch"),), (lambda clerk: clerk.watch(issue.key, True),))
    clause = draw.one(("stop watching {x}", "take me off those who watch {x}", "see to it that I no longer watch {x}"))
    return Change("unwatch", clause, (click("button", "Stop watching"),), (lambda clerk: clerk.watch(issue.key, False),))


def _close(draw: Draw, project: Project, issue: Issue) -> Change:
    _ = project
    reason = draw.one([one for one in words.REASONS if one != "Duplicate"])
    clause = draw.one(('close {x} with the reason "VALUE"', 'close {x} as "VALUE"', 'close {x}; the reason is "VALUE"')).replace("VALUE", reason)
    script = (click("button", "Close issue"), *(() if reason == "Done" else (choose("Reason", reason),)), click("button", "Close it"))
    return Change("close", clause, script, (lambda clerk: clerk.close(issue.key, reason),))


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
    if len(drawn) != count or len({_order(one) for one in drawn}) < count and {"close"} & {one.kind for one in drawn}:
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
    clause = draw.one(("open {x} again", "reopen {x}", "{x} was closed too early: open it again")).format(x=target.words)
    clause += f' and write the comment "{text}" on it' if said else ""
    script = (*target.script, *((fill("New comment", text), click("button", "Add comment")) if said else ()), click("button", "Reopen issue"))
    works: tuple[Work, ...] = (lambda clerk: clerk.reopen(key),)
    if said:
        works = (lambda clerk: clerk.comment(key, text), *works)
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
    clause = draw.one(("note that {x} KIND OTHER", 'add a link to {x}: it KIND OTHER', "link {x} to OTHER, so that the page says that it KIND OTHER"))
    clause = clause.replace("KIND", kind).replace("OTHER", other.key).format(x=target.words)
    steps = (click("button", "Link another issue"), *(() if kind == "blocks" else (choose("This issue", kind),)), fill("Key of the other issue", other.key))
    key = target.issue.key
    return Part(
        kind=f"link/{kind.replace(' ', '-')}/{target.how}",
        wish=draw.wrapped(clause),
        script=(*target.script, *steps, click("button", "Add link")),
        works=(lambda clerk: clerk.link(key, kind, other.key),),
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
    wish = draw.one((f"{two} no longer waits for {one}: remove the link.", f"Remove the link between {two} and {one}.", f"{one} does not block {two} any more, so take that link away."))
    script = (*finding(two), click("link", blocked.link), click("button", f"Remove the link to {one}"))
    return Part(
        kind="unlink",
        wish=wish,
        script=script,
        works=(lambda clerk: clerk.unlink(two, f"{one} {kind} {two}"),),
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
        works=(lambda clerk: clerk.link(twin.key, "duplicates", first), lambda clerk: clerk.close(twin.key, "Duplicate")),
        checkpoints=target.checkpoints,
        phrases=(*target.phrases, first),
    )


def create(draw: Draw) -> Part | None:
    """Report an issue, with some fields."""
    project = draw.mine
    title, description = draw.one(words.NEW_TITLES), draw.one(words.NEW_DESCRIPTIONS)
    extra = int(draw.rng.integers(0, 1 + (1, 2, 3, 4, 3)[draw.level - 1]))
    chosen = draw.some(("description", "assignee", "priority", "milestone", "due", "label"), extra)
    values: dict[str, str] = {"title": title}
    said: list[str] = []
    steps: list[Do] = [fill("Title", title)]
    label = draw.one(project.labels)
    for name in ("description", "assignee", "priority", "milestone", "due", "label"):
        if name not in chosen:
            continue
        match name:
            case "description":
                values[name] = description
                said.append(f'the description "{description}"')
                steps.append(fill("Description", description))
            case "assignee":
                person = draw.worker(project)
                values[name] = person.key
                said.append(f"the assignee {person.name}")
                steps.append(choose("Assignee", person.name))
            case "priority":
                values[name] = draw.one(("Low", "High", "Urgent"))
                said.append(f"the priority {values[name]}")
                steps.append(choose("Priority", values[name]))
            case "milestone":
                values[name] = draw.one([one for _, one, _, state in project.milestones if state == "open"])
                said.append(f"the milestone {values[name]}")
                steps.append(choose("Milestone", values[name]))
            case "due":
                values[name] = date_after(draw)
                said.append(f"the due date {values[name]}")
                steps.append(fill("Due date", values[name]))
            case _:
                said.append(f'the label "{label}"')
                steps.append(click("checkbox", label))
    having = f", with {', '.join(said[:-1]) + ' and ' if said[1:] else ''}{said[-1]}" if said else ""
    clause = draw.one((f'report an issue "{title}" in {project.name}', f'create an issue in {project.name} with the title "{title}"', f'open a new issue "{title}" in {project.name}'))
    number = max(issue.number for issue in project.issues) + 1
    key = f"{project.key}-{number}"
    works: list[Work] = [lambda clerk: clerk.create(project.key, values)]
    if "label" in chosen:
        works.append(lambda clerk: clerk.add_label(key, label_of(project, label)))
    defaults: dict[str, Value] = {"description": "", "assignee": "", "priority": "Normal", "milestone": "", "due": ""}
    passing: dict[Cell, tuple[Value, ...]] = {("issues", key, name): (value,) for name, value in defaults.items() if name in values}
    phrases = [title, *(values[name] for name in ("description", "due") if name in values)]
    return Part(
        kind=f"create/{'+'.join(sorted(chosen)) if len(chosen) < 3 else len(chosen)}" if chosen else "create/title",
        wish=draw.wrapped(clause + having),
        script=(click("link", project.name), click("link", "New issue"), *steps, click("button", "Create issue")),
        works=tuple(works),
        checkpoints=(Checkpoint("opened the form of a new issue", path=f"/projects/{project.key}/new"),),
        phrases=tuple(phrases),
        passing=passing,
    )
