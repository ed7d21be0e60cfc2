"""Tasks of `prm_gym/Tracker-v0` about many issues, milestones, labels, members, notifications and the board."""

from collections.abc import Sequence
from dataclasses import replace

from prm_gym.envs.web import tracker_words as words
from prm_gym.envs.web.tracker_changes import Clerk
from prm_gym.envs.web.tracker_issue_tasks import date_after
from prm_gym.envs.web.tracker_rows import Issue, Project
from prm_gym.envs.web.tracker_tasks import Draw, label_of, to_issue
from prm_gym.envs.web.tracker_words import slug
from prm_gym.web import Checkpoint, Do, Part, Way, choose, click, fill


def tab(project: Project, name: str) -> tuple[Do, ...]:
    """A tab of a project, from the first page on."""
    return click("link", project.name), click("link", name)


def to_tab(project: Project, name: str) -> Way:
    """The same, with the milestone that it was opened."""
    return Way(script=tab(project, name), checkpoints=(opened(project, name.lower()),))


def to_row(project: Project, link: str, path: str) -> Way:
    """What a tab has a link to."""
    return Way(script=(click("link", link),), checkpoints=(opened(project, path),))


def opened(project: Project, path: str) -> Checkpoint:
    """A page of a project."""
    return Checkpoint(f"opened {path} of {project.name}", path=f"/projects/{project.key}/{path}")


def bulk(draw: Draw) -> Part | None:
    """Change all open issues that have something in common."""
    if draw.simple:
        return None
    project = draw.mine
    draw.whole.add(project.key)
    groups = _groups(draw, project)
    found = [(name, said, steps, some) for name, said, steps, some in groups if 2 <= len(some) <= 6 and not {one.key for one in some} & draw.used]
    if not found:
        return None
    name, said, steps, some = draw.one(found)
    what = draw.one([one for one in ("assignee", "priority", "milestone", "state", "label") if one != name])
    given = _given(draw, project, what, some)
    if given is None:
        return None
    listed = f"{len(some)} issues: state Open, {'assignee' if name == 'unassigned' else name}"
    changing = click("link", f"Change all {len(some)} of this list")
    way = Way(
        script=(click("link", project.name), click("link", "Filter"), *steps, click("button", "Show issues"), changing),
        checkpoints=(Checkpoint("found the issues", path=rf"/projects/{project.key}/issues\?.*", shows=listed),),
    )
    return replace(given, kind=f"bulk/{name}/{what}", wish=draw.wrapped(given.wish.format(x=said))).after(way)


def _given(draw: Draw, project: Project, what: str, some: Sequence[Issue]) -> Part | None:
    """What some issues are given; the wish is a clause with {x} for them, and the script what is done in the form for all of them."""
    if what == "assignee" and {person.key for person in project.workers} <= {one.assignee for one in some}:
        return None
    value, shown, field, clause = _common(draw, project, what, {one.assignee for one in some})
    if any(getattr(one, what, None) == value or (what == "label" and shown in one.labels) for one in some):
        return None
    draw.used |= {one.key for one in some}
    works = tuple(draw.work(Clerk.add_label, one.key, value) if what == "label" else draw.work(Clerk.change, one.key, what, value) for one in some)
    return Part(kind=what, wish=clause, works=works, script=(choose(field, shown), click("button", f"Change {len(some)} issues")))


def _groups(draw: Draw, project: Project) -> list[tuple[str, str, tuple[Do, ...], list[Issue]]]:
    """Open issues with something in common: what, in words, by which filters, and they."""
    free = [issue for issue in project.issues if issue.is_open]
    person, label, priority = draw.worker(project), draw.one(project.labels[:5]), draw.one(words.PRIORITIES)
    planned = draw.one([title for _, title, _, state in project.milestones[2:] if state == "open"])
    of = f"in {project.name}"
    return [
        ("assignee", f"all open issues of {person.name} {of}", (choose("Assignee", person.name),), [one for one in free if one.assignee == person.key]),
        ("unassigned", f"all open issues {of} that are assigned to nobody", (choose("Assignee", "Nobody"),), [one for one in free if not one.assignee]),
        ("label", f'all open issues {of} with the label "{label}"', (choose("Label", label),), [one for one in free if label in one.labels]),
        ("milestone", f"all open issues {of} in the milestone {planned}", (choose("Milestone", planned),), [one for one in free if one.milestone == planned]),
        ("priority", f"all open issues {of} with the priority {priority}", (choose("Priority", priority),), [one for one in free if one.priority == priority]),
    ]


def _common(draw: Draw, project: Project, what: str, had: set[str]) -> tuple[str, str, str, str]:
    """What issues are given: the value, what it is called in which list, and a clause."""
    match what:
        case "assignee":
            person = draw.one([one for one in project.workers if one.key not in had])
            clause = draw.say("give {x} to NAME", "assign {x} to NAME", "hand {x} over to NAME").replace("NAME", person.name)
            return person.key, person.name, "Assignee", clause
        case "priority":
            value = draw.one(words.PRIORITIES)
            return value, value, "Priority", draw.say(f"set {{x}} to the priority {value}", f"give {{x}} the priority {value}")
        case "milestone":
            value = draw.one([title for _, title, _, state in project.milestones if state == "open"])
            return value, value, "Milestone", draw.say(f"move {{x}} to the milestone {value}", f"put {{x}} into the milestone {value}")
        case "state":
            value = draw.one(words.STAGES)
            return value, value, "State", draw.say(f'move {{x}} to "{value}"', f'set the state of {{x}} to "{value}"')
        case _:
            value = draw.one(project.labels)
            return label_of(project, value), value, "Add label", draw.say(f'add the label "{value}" to {{x}}', f'put the label "{value}" on {{x}}')


def bulk_some(draw: Draw) -> Part | None:
    """Change two or three issues that are named."""
    project = draw.mine
    newest = sorted((one for one in project.issues if one.is_open), key=lambda one: (one.created, one.number))[-8:]
    some = [one for one in draw.some(newest, draw.number(2, 4)) if one.key not in draw.used]
    if len(some) < 2:
        return None
    what = draw.say("assignee", "priority", "milestone")
    given = _given(draw, project, what, some)
    if given is None:
        return None
    keys = [one.key for one in some]
    way = Way(
        script=(click("link", project.name), *(click("checkbox", f"Choose {key}") for key in keys), click("button", "Change the chosen ones")),
        checkpoints=(Checkpoint("opened the form for several issues", path=rf"/projects/{project.key}/bulk\?.*", shows=f"{len(keys)} chosen:"),),
        phrases=tuple(keys),
    )
    return replace(given, kind=f"bulk/named/{what}", wish=draw.wrapped(given.wish.format(x=f"{', '.join(keys[:-1])} and {keys[-1]}"))).after(way)


def board(draw: Draw) -> Part | None:
    """Move all open issues of somebody that are in a state to another one."""
    project = draw.mine
    person, stage = draw.worker(project), draw.one(words.STAGES)
    other = draw.one([one for one in words.STAGES if one != stage])
    some = [one for one in project.issues if one.assignee == person.key and one.state == stage]
    if not 1 <= len(some) <= 3 or {one.key for one in some} & draw.used:
        return None
    draw.used |= {one.key for one in some}
    clause = draw.say(
        f'on the board of {project.name}, move everything that {person.name} has in "{stage}" to "{other}"',
        f'in {project.name}, move all issues of {person.name} that are in "{stage}" to "{other}"',
        f'put whatever {person.name} has in "{stage}" in {project.name} into "{other}"',
    )
    mine = person.key == draw.company.me.key
    show = () if mine else (choose("Issues of", person.name),)
    ordered = sorted(some, key=lambda one: (one.created, one.number), reverse=True)
    return Part(
        kind=f"board/{'mine' if mine else 'others'}/{len(some)}",
        wish=draw.wrapped(clause),
        script=(*tab(project, "Board"), *show, *(choose(f"State of {one.key}", other) for one in ordered)),
        works=tuple(draw.work(Clerk.change, one.key, "state", other) for one in ordered),
        checkpoints=(Checkpoint("found them", path=rf"/projects/{project.key}/(board|issues)(\?.*)?", shows=ordered[0].link),),
    )


def milestone(draw: Draw) -> Part | None:
    """Make a milestone, and perhaps put an issue into it."""
    project = draw.own
    if project.key in draw.whole:
        return None
    draw.touched.add(project.key)
    title, due = f"{draw.number(10, 40)}.{draw.number(0, 10)}", date_after(draw, 30, 200)
    clause = draw.say(
        f"create a milestone {title} in {project.name}",
        f"make a new milestone {title} for {project.name}",
        f"add the milestone {title} to {project.name}",
    )
    dated = draw.roll() < 0.6
    clause += f" that is due on {due}" if dated else ", without a due date"
    fields = (fill("Title", title), *([fill("Due date", due)] * dated))
    form = Way(script=(*fields, click("button", "Create milestone")), phrases=tuple(field.text for field in fields))
    ways, works = [to_tab(project, "Milestones"), form], [draw.work(Clerk.create_milestone, project.key, title, due if dated else "")]
    issue = draw.issue(project, lambda one: one.is_open) if draw.level > 3 else None
    if issue is not None:
        clause += f", and put {issue.key} into it"
        ways += [to_issue(issue), Way(script=(choose("Milestone", title),))]
        works.append(draw.work(Clerk.change, issue.key, "milestone", title))
    return Part(
        kind=f"milestone/create{'/dated' * dated}{'/issue' if issue else ''}",
        wish=draw.wrapped(clause),
        works=tuple(works),
        passing={("milestones", f"{project.key}/{slug(title)}", "due"): ("",)} if dated else {},
    ).after(*ways)


def milestone_date(draw: Draw) -> Part | None:
    """Another due date for a milestone, or close the one that has no open issues left."""
    project = draw.own
    if draw.roll() < 0.5:
        left = [one for one in project.milestones if one[3] == "open" and all(not issue.is_open for issue in project.issues if issue.milestone == one[1])]
        if len(left) != 1 or not any(issue.milestone == left[0][1] for issue in project.issues):
            return None
        key, title = left[0][:2]
        wish = draw.say(
            f"One open milestone of {project.name} has no open issues left: close that milestone.",
            f"Close the open milestone of {project.name} in which everything is done.",
            f"All issues of one of the open milestones of {project.name} are closed. Close this milestone.",
        )
        done = draw.work(Clerk.change_milestone, key, "state", "closed")
        return Part(kind="milestone/close-done", wish=wish, works=(done,), script=(click("button", "Close milestone"),)).after(_to_milestone(project, title))
    key, title, _, _ = draw.one([one for one in project.milestones if one[3] == "open"])
    due = date_after(draw, 20, 90)
    clause = draw.say(
        f"move the due date of the milestone {title} of {project.name} to {due}",
        f"set the milestone {title} of {project.name} to be due on {due}",
    )
    return Part(
        kind="milestone/due",
        wish=draw.wrapped(clause),
        works=(draw.work(Clerk.change_milestone, key, "due", due),),
        script=(fill("Due date", due), click("button", "Save the date")),
        phrases=(due,),
    ).after(_to_milestone(project, title))


def _to_milestone(project: Project, title: str) -> Way:
    return to_row(project, f"Milestone {title}", f"milestones/{slug(title)}").after(to_tab(project, "Milestones"))


def label(draw: Draw) -> Part | None:
    """Make, rename or delete a label."""
    project = draw.own
    if project.key in draw.whole:
        return None
    draw.touched.add(project.key)
    name, old = draw.one(words.NEW_LABELS), draw.one(project.labels)
    page = to_row(project, f"Label {old}", f"labels/{slug(old)}")
    form = Way(script=(fill("Name of a new label", name), click("button", "Create label")), phrases=(name,))
    created = draw.work(Clerk.create_label, project.key, name)
    match draw.one(("create", "rename", "delete", "apply") if draw.level < 5 else ("create", "apply")):
        case "create":
            clause = draw.say(
                f'create the label "{name}" in {project.name}',
                f'make a label "{name}" for {project.name}',
                f'add "{name}" to the labels of {project.name}',
            )
            kind, ways, works = "create", [form], [created]
        case "rename":
            clause = draw.say(f'rename the label "{old}" of {project.name} to "{name}"', f'call the label "{old}" of {project.name} "{name}" from now on')
            ways = [page, Way(script=(fill("Name", name), click("button", "Rename")), phrases=(name,))]
            kind, works = "rename", [draw.work(Clerk.rename_label, label_of(project, old), name)]
        case "delete":
            clause = draw.say(f'delete the label "{old}" of {project.name}', f'remove "{old}" from the labels of {project.name} for good')
            ways = [page, Way(script=(click("button", "Delete label"), click("button", "Delete for good")))]
            kind, works = "delete", [draw.work(Clerk.delete_label, label_of(project, old))]
        case _:
            issue = draw.issue(project, lambda one: one.is_open)
            if issue is None:
                return None
            key = issue.key
            clause = draw.say(
                f'create the label "{name}" in {project.name} and put it on {key}',
                f'make a new label "{name}" for {project.name} and add it to {key}',
            )
            ways = [form, to_issue(issue), Way(script=(choose("Add a label", name),))]
            kind, works = "create-and-apply", [created, draw.work(Clerk.add_label, key, label_of(project, name))]
    return Part(kind=f"label/{kind}", wish=draw.wrapped(clause), works=tuple(works)).after(to_tab(project, "Labels"), *ways)


def member(draw: Draw) -> Part | None:
    """Add a member, give one another role, or remove one."""
    project = draw.own
    people = {person.key for person, _ in project.members}
    what = draw.say("add", "role", "remove")
    match what:
        case "add":
            person, role = draw.one([one for one in draw.company.people if one.key not in people]), draw.one(words.ROLES)
            clause = draw.say(f"add {person.name} to {project.name} as {role}", f"make {person.name} a member of {project.name} with the role {role}")
            steps = (choose("Person", person.name), *([choose("Role", role)] * (role != "Reporter")), click("button", "Add member"))
        case "role":
            person, had = draw.one(project.members[1:])
            role = draw.one([one for one in words.ROLES if one != had])
            clause = draw.say(f"give {person.name} the role {role} in {project.name}", f"change the role of {person.name} in {project.name} to {role}")
            steps = (choose("Role", role), click("button", "Save the role"))
        case _:
            person, role = draw.one(project.members[1:])[0], ""
            clause = draw.say(f"remove {person.name} from the members of {project.name}", f"take {person.name} out of {project.name}, who has left the team")
            steps = (click("button", "Remove member"), click("button", "Remove from the project"))
    page = () if what == "add" else (to_row(project, f"Change {person.name}", f"members/{person.key}"),)
    return Part(
        kind=f"member/{what}{f'/{role.lower()}' if role else ''}",
        wish=draw.wrapped(clause),
        works=(draw.work(Clerk.set_role, project.key, person.key, role),),
        script=steps,
    ).after(to_tab(project, "Members"), *page)


def notices(draw: Draw) -> Part | None:
    """Mark a notification as read, or all."""
    unread = [one for one in draw.company.notices if not one[3]]
    way = Way(script=(click("link", f"Notifications ({len(unread)})"),), checkpoints=(Checkpoint("opened notifications", path="/notifications"),))
    if draw.chance(0.4):
        name, kind, button = "all", "all", "Mark all as read"
        wish = draw.say(
            "Mark all my notifications as read.",
            "Please set all notifications to read.",
            "I have seen all of my notifications: mark them as read.",
        )
    else:
        name, issue, _, _ = draw.one(unread)
        kind, button = "one", f"Mark {issue} as read"
        wish = draw.say(
            f"Mark the notification about {issue} as read.",
            f"I know about {issue}: mark its notification as read, and no other.",
            f"Set the notification about {issue} to read.",
        )
    return Part(kind=f"notifications/{kind}", wish=wish, works=(draw.work(Clerk.read_notice, name),), script=(click("button", button),)).after(way)
