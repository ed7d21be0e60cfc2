"""Questions of `prm_gym/Tracker-v0` about issues: one of them, or how many there are."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from prm_gym.envs.web import tracker_words as words
from prm_gym.envs.web.tracker_project_tasks import tab
from prm_gym.envs.web.tracker_rows import Issue
from prm_gym.envs.web.tracker_tasks import Draw, Target, finding
from prm_gym.web import IMPOSSIBLE, Checkpoint, Do, Part, Way, asked, choose, click

_QUESTION = re.compile(r"(Who|Whom|When|Which|What|On which|For which|By whom|By the page|Name|Tell me|Find out)\b")


def question(draw: Draw, kind: str, wishes: Sequence[str], answers: Sequence[str], *ways: Way) -> Part:
    """A question in one of several wordings, or what cannot be done."""
    wish = draw.one(wishes)
    if answers[0] == IMPOSSIBLE:
        return asked(kind, wish, answers, *ways, question=bool(_QUESTION.match(wish)))
    return asked(f"ask/{kind}", wish, answers, *ways)


def _on_page(draw: Draw, kind: str, target: Target, wishes: Sequence[str], answers: Sequence[str], listed: bool = False) -> Part:
    """A question that the page of an issue answers; of some fields the lists do, too."""
    issue = target.issue
    lists = rf"|/projects/{issue.project}/(issues|milestones/[^/]+)(\?.*)?" if listed else ""
    tells = Checkpoint(f"read {issue.key}", path=f"/issues/{issue.key}{lists}", shows=issue.link)
    return question(draw, f"{kind}/{target.how}", wishes, answers, replace(target, checkpoints=(*target.checkpoints[:-1], tells)))


def field(draw: Draw) -> Part | None:
    """What stands in a field of an issue."""
    project = draw.anywhere
    what = draw.say("assignee", "milestone", "due", "author", "created", "priority", "state", "version", "customer")
    target = draw.target(project, lambda issue: bool(getattr(issue, what)) and (issue.is_open or what not in ("state", "due")))
    if target is None or (what == "customer" and target.how == "customer") or (target.how == "filter" and what in ("priority", "assignee")):
        return None
    issue, x = target.issue, target.words
    value: str = getattr(issue, what)
    said = draw.name(value) if what in ("assignee", "author") else value
    wishes = {
        "assignee": (f"Who is the assignee of {x}?", f"To whom is {x} assigned?", f"Tell me who works on {x}, by its assignee."),
        "milestone": (f"In which milestone is {x}?", f"Which milestone does {x} belong to?", f"For which milestone is {x} planned?"),
        "due": (f"When is {x} due?", f"What is the due date of {x}?", f"By which date should {x} be done?"),
        "author": (f"Who reported {x}?", f"Who is the author of {x}?", f"Tell me who opened {x}."),
        "created": (f"On which date was {x} reported?", f"When was {x} reported?", f"Tell me the date on which {x} was reported."),
        "priority": (f"What is the priority of {x}?", f"Which priority has {x}?", f"Tell me the priority of {x}."),
        "state": (f"In which state is {x}?", f"What is the state of {x}?", f"Tell me the state of {x}."),
        "version": (f"Since which version is the fault in {x} seen?", f"Which version introduced what {x} reports?", f"Since which version has {x} been seen?"),
        "customer": (f"Which customer reported {x}?", f"From which customer does {x} come?", f"Name the customer who reported {x}."),
    }[what]
    listed = what in ("assignee", "milestone", "due", "priority", "state")
    return _on_page(draw, what, target, wishes, (said,), listed)


def closing(draw: Draw) -> Part | None:
    """Who closed an issue, when, or why."""
    project = draw.anywhere
    target = draw.target(project, lambda issue: not issue.is_open)
    if target is None:
        return None
    issue, x = target.issue, target.words
    what = draw.say("who", "who", "when", "why")
    if what == "who":
        tells = Checkpoint(f"read the history of {issue.key}", path=rf"/issues/{issue.key}/history|/projects/{project.key}/activity(\?.*)?")
        wishes = (f"Who closed {x}?", f"Find out who closed {x}.", f"By whom was {x} closed?")
        history = Way(script=(click("link", "Show the history"),), checkpoints=(tells,))
        return question(draw, f"closed-by/{target.how}", wishes, (draw.name(issue.closed_by),), target, history)
    if what == "when":
        wishes = (f"When was {x} closed?", f"On which date was {x} closed?", f"Tell me the date on which {x} was closed.")
        return _on_page(draw, "closed-on", target, wishes, (issue.closed_on,))
    wishes = (f"For which reason was {x} closed?", f"What is the reason for which {x} was closed?", f"Tell me the reason that was given when {x} was closed.")
    return _on_page(draw, "reason", target, wishes, (issue.reason,))


def comments(draw: Draw) -> Part | None:
    """How many comments an issue has, or who wrote the last."""
    project = draw.anywhere
    target = draw.target(project, lambda issue: len(draw.company.comments[issue.key]) > 1)
    if target is None:
        return None
    x, said = target.words, draw.company.comments[target.issue.key]
    if draw.chance(0.5):
        wishes = (f"How many comments has {x}?", f"Count the comments on {x}.", f"How many comments are there on {x}?")
        return _on_page(draw, "comments", target, wishes, (str(len(said)),))
    wishes = (f"Who wrote the last comment on {x}?", f"By whom is the last comment on {x}?", f"Who was the last to comment on {x}?")
    return _on_page(draw, "last-comment", target, wishes, (draw.name(said[-1][0]),))


def blocker(draw: Draw) -> Part | None:
    """Which issue blocks another, or who works on that one."""
    project = draw.anywhere
    blocked = {two: one for one, kind, two in draw.company.links if kind == "blocks"}
    target = draw.target(project, lambda issue: issue.key in blocked)
    if target is None:
        return None
    x, first = target.words, draw.company.issues[blocked[target.issue.key]]
    if draw.level < 3 or not first.assignee or draw.chance(0.4):
        wishes = (
            f"Which issue blocks {x}? Answer with its key.",
            f"Name the key of the issue that blocks {x}.",
            f"For which issue does {x} wait? Give the key.",
        )
        right = (first.link, first.key, first.title)
        return _on_page(draw, "blocker", target, wishes, right)
    wishes = (
        f"Who is the assignee of the issue that blocks {x}?",
        f"{x[0].upper()}{x[1:]} is blocked by another issue. Who works on that one, by its assignee?",
        f"To whom is the issue assigned for which {x} waits?",
    )
    tells = Checkpoint(f"read {first.key}", path=rf"/issues/{first.key}|/projects/{project.key}/issues(\?.*)?", shows=first.link)
    way = Way(script=(click("link", first.link),), checkpoints=(tells,))
    return question(draw, f"blocker-assignee/{target.how}", wishes, (draw.name(first.assignee),), target, way)


def count(draw: Draw) -> Part | None:
    """How many open issues are like something."""
    project = draw.anywhere
    free = [issue for issue in project.issues if issue.is_open]
    person, label, priority = draw.worker(project), draw.one(project.labels[:5]), draw.one(words.PRIORITIES)
    title = draw.one([one for _, one, _, state in project.milestones[2:] if state == "open"])
    stage, author = draw.one(words.STAGES), draw.one(sorted({one.author for one in free}))
    filters: dict[str, tuple[str, Do, Callable[[Issue], bool]]] = {
        "assignee": (f"assigned to {person.name}", choose("Assignee", person.name), lambda one: one.assignee == person.key),
        "unassigned": ("assigned to nobody", choose("Assignee", "Nobody"), lambda one: not one.assignee),
        "label": (f'labelled "{label}"', choose("Label", label), lambda one: label in one.labels),
        "priority": (f"of the priority {priority}", choose("Priority", priority), lambda one: one.priority == priority),
        "milestone": (f"planned for the milestone {title}", choose("Milestone", title), lambda one: one.milestone == title),
        "author": (f"reported by {draw.name(author)}", choose("Author", draw.name(author)), lambda one: one.author == author),
        "state": (f'in the state "{stage}"', choose("State", stage), lambda one: one.state == stage),
    }
    names = draw.some(sorted(filters), 2 if draw.level > 3 else draw.number(1, 3 if draw.level > 2 else 2))
    if set(names) == {"assignee", "unassigned"}:
        return None
    names.sort()
    some = [one for one in free if all(filters[name][2](one) for name in names)]
    x = " and ".join(filters[name][0] for name in names)
    wishes = (
        f"How many open issues in {project.name} are {x}?",
        f"Count the open issues of {project.name} that are {x}.",
        f"Tell me the number of open issues in {project.name} that are {x}.",
    )
    script = (click("link", project.name), click("link", "Filter"), *(filters[name][1] for name in names), click("button", "Show issues"))
    number = f"{len(some)} {'issue' if len(some) == 1 else 'issues'}: state {stage if 'state' in names else 'Open'}"
    path = rf"/projects/{project.key}/issues\?.*"
    way = (
        Checkpoint(f"opened the filters of {project.name}", path=rf"/projects/{project.key}/filter(\?.*)?"),
        Checkpoint("found the issues", path=path, shows=number),
    )
    tells = Checkpoint(f"read the issues of {project.name}", path=rf"/projects/{project.key}/(issues|board|labels/[^/]+|milestones/[^/]+)(\?.*)?")
    return question(draw, f"count/{'+'.join(names)}", wishes, (str(len(some)),), Way(script=script, checkpoints=(*way, tells)))


def extreme(draw: Draw) -> Part | None:
    """Which open issue of somebody, or in a milestone, is the first by something."""
    project = draw.anywhere
    person = draw.worker(project)
    what = draw.say("oldest", "newest", "due")
    some = [one for one in project.issues if one.is_open and one.assignee == person.key and (what != "due" or one.due)]
    if len(some) < 2:
        return None
    ordered = sorted(some, key=lambda one: (one.created, one.number) if what != "due" else (one.due, one.number))
    if what == "due" and ordered[0].due == ordered[1].due:
        return None
    first = ordered[-1 if what == "newest" else 0]
    of = f"{person.name} in {project.name}"
    wishes = {
        "oldest": (
            f"Which is the oldest open issue of {of}? Answer with its key.",
            f"Of the open issues assigned to {of}, which was reported first? Give its key.",
        ),
        "newest": (
            f"Which is the newest open issue of {of}? Answer with its key.",
            f"Of the open issues assigned to {of}, which was reported last? Give its key.",
        ),
        "due": (
            f"Which open issue of {of} is due first? Answer with its key.",
            f"Of the open issues assigned to {of}, which has the earliest due date? Give its key.",
        ),
    }[what]
    sort = {"oldest": (choose("Sort by", "Oldest first"),), "newest": (), "due": (choose("Sort by", "Due date"),)}[what]
    script = (click("link", project.name), click("link", "Filter"), choose("Assignee", person.name), click("button", "Show issues"), *sort)
    tells = Checkpoint(f"read the issues of {project.name}", path=rf"/projects/{project.key}/(issues|board)(\?.*)?", shows=first.link)
    return question(draw, f"{what}-of", (*wishes, wishes[0]), (first.link, first.key, first.title), Way(script=script, checkpoints=(tells,)))


def in_review(draw: Draw) -> Part | None:
    """How many issues somebody has in a state, by the board."""
    project = draw.one(draw.company.projects[:2])
    person, stage = draw.worker(project), draw.one(words.STAGES)
    some = [one for one in project.issues if one.assignee == person.key and one.state == stage]
    wishes = (
        f'How many issues has {person.name} in the column "{stage}" on the board of {project.name}?',
        f'On the board of {project.name}, how many issues of {person.name} are in "{stage}"?',
        f'Count what {person.name} has in "{stage}" on the board of {project.name}.',
    )
    mine = person.key == draw.company.me.key
    script = (*tab(project, "Board"), *(() if mine else (choose("Issues of", person.name),)))
    path = rf"/projects/{project.key}/(board\?assignee={person.key}{'|board' if mine else ''}|issues(\?.*)?)"
    return question(draw, "board", wishes, (str(len(some)),), Way(script=script, checkpoints=(Checkpoint("read the board", path=path),)))


def impossible_issue(draw: Draw) -> Part | None:
    """Something about an issue that does not exist, or that has no such value."""
    project = draw.mine
    match draw.say("key", "title", "open", "free"):
        case "key":
            key = f"{project.key}-{draw.number(300, 900)}"
            value = draw.one(words.PRIORITIES)
            wish = draw.say(f"Close {key} as done.", f"Set the priority of {key} to {value}.", f"Who is the assignee of {key}?", f"When is {key} due?")
            tells = Checkpoint("found nothing", shows=f'Nothing was found for "{key}"')
            return question(draw, "impossible/no-key", (wish,), (IMPOSSIBLE,), Way(script=finding(key), checkpoints=(tells,), phrases=(key,)))
        case "title":
            title = draw.one(words.NEW_TITLES)
            person = draw.worker(project)
            wish = draw.say(
                f'Assign the issue "{title}" in {project.name} to {person.name}.',
                f'Who reported the issue "{title}" in {project.name}?',
                f'Close the issue "{title}" in {project.name} as done.',
            )
            tells = Checkpoint("found nothing", path=rf"/(search\?.*|projects/{project.key}/issues(\?.*)?)")
            return question(draw, "impossible/no-title", (wish,), (IMPOSSIBLE,), Way(script=finding(title), checkpoints=(tells,), phrases=(title,)))
        case "open":
            target = draw.target(project, lambda one: one.is_open)
            if target is None:
                return None
            x = target.words
            wishes = (f"Who closed {x}?", f"When was {x} closed?", f"For which reason was {x} closed?")
            kind = "impossible/not-closed"
        case _:
            blocked = {two for _, kind, two in draw.company.links if kind == "blocks"}
            target = draw.target(project, lambda one: one.is_open and one.key not in blocked)
            if target is None:
                return None
            x = target.words
            wishes = (
                f"Which issue blocks {x}? Answer with its key.",
                f"Name the key of the issue that blocks {x}.",
                f"Who is the assignee of the issue that blocks {x}?",
            )
            kind = "impossible/not-blocked"
    return _on_page(draw, kind, target, wishes, (IMPOSSIBLE,))
