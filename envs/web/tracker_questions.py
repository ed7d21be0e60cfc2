"""Questions of `prm_gym/Tracker-v0` about issues: one of them, or how many there are."""

import re
from collections.abc import Callable, Sequence

from prm_gym.envs.web import tracker_words as words
from prm_gym.envs.web.tracker_project_tasks import tab
from prm_gym.envs.web.tracker_rows import Issue, Project
from prm_gym.envs.web.tracker_tasks import Draw, Part, Target
from prm_gym.web import Checkpoint, Do, choose, click

NONE = ("impossible",)
_QUESTION = re.compile(r"(Who|Whom|When|Which|What|On which|For which|By whom|By the page|Name|Tell me|Find out)\b")


def asked(
    draw: Draw,
    kind: str,
    wishes: Sequence[str],
    script: Sequence[Do],
    answers: Sequence[str],
    tells: Checkpoint,
    way: Sequence[Checkpoint] = (),
    typed: Sequence[str] = (),
) -> Part:
    """A question.

    Args:
        draw: of the task.
        kind: of it.
        wishes: ways to ask it.
        script: to the page that tells it.
        answers: that are right.
        tells: that the page was seen.
        way: what is reached before.
        typed: texts to type.
    """
    wish = draw.one(wishes)
    return Part(
        kind=f"ask/{kind}",
        wish=wish,
        question=answers[0] != NONE[0] or bool(_QUESTION.match(wish)),
        script=tuple(script),
        answers=tuple(answers),
        checkpoints=(*way, tells),
        required=frozenset([tells.name]),
        phrases=tuple(typed),
    )


def _shows(issue: Issue, listed: bool) -> Checkpoint:
    """A page that tells the fields of an issue; of some fields also the lists."""
    lists = rf"|/projects/{issue.project}/(issues|milestones/[^/]+)(\?.*)?" if listed else ""
    return Checkpoint(f"read {issue.key}", path=f"/issues/{issue.key}{lists}", shows=issue.link)


def field(draw: Draw) -> Part | None:
    """What stands in a field of an issue."""
    project = draw.anywhere
    what = draw.one(("assignee", "milestone", "due", "author", "created", "priority", "state", "version", "customer"))
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
    return asked(draw, f"{what}/{target.how}", wishes, target.script, (said,), _shows(issue, listed), target.checkpoints[:-1], target.phrases)


def closing(draw: Draw) -> Part | None:
    """Who closed an issue, when, or why."""
    project = draw.anywhere
    target = draw.target(project, lambda issue: not issue.is_open)
    if target is None:
        return None
    issue, x = target.issue, target.words
    what = draw.one(("who", "who", "when", "why"))
    if what == "who":
        tells = Checkpoint(f"read the history of {issue.key}", path=rf"/issues/{issue.key}/history|/projects/{project.key}/activity(\?.*)?")
        wishes = (f"Who closed {x}?", f"Find out who closed {x}.", f"By whom was {x} closed?")
        script = (*target.script, click("link", "Show the history"))
        return asked(draw, f"closed-by/{target.how}", wishes, script, (draw.name(issue.closed_by),), tells, target.checkpoints, target.phrases)
    if what == "when":
        wishes = (f"When was {x} closed?", f"On which date was {x} closed?", f"Tell me the date on which {x} was closed.")
        return asked(draw, f"closed-on/{target.how}", wishes, target.script, (issue.closed_on,), _shows(issue, False), target.checkpoints[:-1], target.phrases)
    wishes = (f"For which reason was {x} closed?", f"What is the reason for which {x} was closed?", f"Tell me the reason that was given when {x} was closed.")
    return asked(draw, f"reason/{target.how}", wishes, target.script, (issue.reason,), _shows(issue, False), target.checkpoints[:-1], target.phrases)


def comments(draw: Draw) -> Part | None:
    """How many comments an issue has, or who wrote the last."""
    project = draw.anywhere
    target = draw.target(project, lambda issue: len(draw.company.comments[issue.key]) > 1)
    if target is None:
        return None
    issue, x, said = target.issue, target.words, draw.company.comments[target.issue.key]
    if draw.rng.random() < 0.5:
        wishes = (f"How many comments has {x}?", f"Count the comments on {x}.", f"How many comments are there on {x}?")
        return asked(draw, f"comments/{target.how}", wishes, target.script, (str(len(said)),), _shows(issue, False), target.checkpoints[:-1], target.phrases)
    wishes = (f"Who wrote the last comment on {x}?", f"By whom is the last comment on {x}?", f"Who was the last to comment on {x}?")
    return asked(
        draw, f"last-comment/{target.how}", wishes, target.script, (draw.name(said[-1][0]),), _shows(issue, False), target.checkpoints[:-1], target.phrases
    )


def blocker(draw: Draw) -> Part | None:
    """Which issue blocks another, or who works on that one."""
    project = draw.anywhere
    blocked = {two: one for one, kind, two in draw.company.links if kind == "blocks"}
    target = draw.target(project, lambda issue: issue.key in blocked)
    if target is None:
        return None
    issue, x, first = target.issue, target.words, draw.company.issues[blocked[target.issue.key]]
    if draw.level < 3 or not first.assignee or draw.rng.random() < 0.4:
        wishes = (
            f"Which issue blocks {x}? Answer with its key.",
            f"Name the key of the issue that blocks {x}.",
            f"For which issue does {x} wait? Give the key.",
        )
        right = (first.link, first.key, first.title)
        return asked(draw, f"blocker/{target.how}", wishes, target.script, right, _shows(issue, False), target.checkpoints[:-1], target.phrases)
    wishes = (
        f"Who is the assignee of the issue that blocks {x}?",
        f"{x[0].upper()}{x[1:]} is blocked by another issue. Who works on that one, by its assignee?",
        f"To whom is the issue assigned for which {x} waits?",
    )
    script = (*target.script, click("link", first.link))
    tells = Checkpoint(f"read {first.key}", path=rf"/issues/{first.key}|/projects/{project.key}/issues(\?.*)?", shows=first.link)
    return asked(draw, f"blocker-assignee/{target.how}", wishes, script, (draw.name(first.assignee),), tells, target.checkpoints, target.phrases)


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
    names = draw.some(sorted(filters), 2 if draw.level > 3 else int(draw.rng.integers(1, 3 if draw.level > 2 else 2)))
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
    return asked(draw, f"count/{'+'.join(names)}", wishes, script, (str(len(some)),), tells, way)


def extreme(draw: Draw) -> Part | None:
    """Which open issue of somebody, or in a milestone, is the first by something."""
    project = draw.anywhere
    person = draw.worker(project)
    what = draw.one(("oldest", "newest", "due"))
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
    return asked(draw, f"{what}-of", (*wishes, f"{wishes[0]}"), script, (first.link, first.key, first.title), tells)


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
    return asked(draw, "board", wishes, script, (str(len(some)),), Checkpoint("read the board", path=path))


def impossible_issue(draw: Draw) -> Part | None:
    """Something about an issue that does not exist, or that has no such value."""
    project: Project = draw.mine
    match draw.one(("key", "title", "open", "free")):
        case "key":
            key = f"{project.key}-{draw.rng.integers(300, 900)}"
            value = draw.one(words.PRIORITIES)
            wish = draw.one((f"Close {key} as done.", f"Set the priority of {key} to {value}.", f"Who is the assignee of {key}?", f"When is {key} due?"))
            script = _look_for(key)
            tells = Checkpoint("found nothing", shows=f'Nothing was found for "{key}"')
            return asked(draw, "impossible/no-key", (wish,), script, NONE, tells, (), (key,))
        case "title":
            title = draw.one(words.NEW_TITLES)
            person = draw.worker(project)
            wish = draw.one(
                (
                    f'Assign the issue "{title}" in {project.name} to {person.name}.',
                    f'Who reported the issue "{title}" in {project.name}?',
                    f'Close the issue "{title}" in {project.name} as done.',
                )
            )
            tells = Checkpoint("found nothing", path=rf"/(search\?.*|projects/{project.key}/issues(\?.*)?)")
            return asked(draw, "impossible/no-title", (wish,), _look_for(title), NONE, tells, (), (title,))
        case "open":
            target = _named(draw, project, draw.issue(project, lambda one: one.is_open))
            if target is None:
                return None
            x = target.words
            wishes = (f"Who closed {x}?", f"When was {x} closed?", f"For which reason was {x} closed?")
            kind = f"impossible/not-closed/{target.how}"
        case _:
            blocked = {two for _, kind, two in draw.company.links if kind == "blocks"}
            target = _named(draw, project, draw.issue(project, lambda one: one.is_open and one.key not in blocked))
            if target is None:
                return None
            x = target.words
            wishes = (
                f"Which issue blocks {x}? Answer with its key.",
                f"Name the key of the issue that blocks {x}.",
                f"Who is the assignee of the issue that blocks {x}?",
            )
            kind = f"impossible/not-blocked/{target.how}"
    return asked(draw, kind, wishes, target.script, NONE, _shows(target.issue, False), target.checkpoints[:-1], target.phrases)


def _named(draw: Draw, project: Project, issue: Issue | None) -> Target | None:
    return None if issue is None else draw.named(project, issue)


def _look_for(text: str) -> tuple[Do, ...]:
    return Do("type", "searchbox", "Search", text), click("button", "Find")
