"""Questions of `prm_gym/Tracker-v0` about projects and the wiki, and what cannot be done there."""

from prm_gym.envs.web import tracker_words as words
from prm_gym.envs.web.tracker_project_tasks import tab
from prm_gym.envs.web.tracker_questions import question
from prm_gym.envs.web.tracker_rows import Project
from prm_gym.envs.web.tracker_tasks import Draw, searched
from prm_gym.envs.web.tracker_wiki_tasks import to_page
from prm_gym.web import IMPOSSIBLE, Checkpoint, Part, Way, click


def about(draw: Draw) -> Part | None:
    """Who leads a project, who has a role, when a milestone is due, and how far it is."""
    some = draw.anywhere
    at = Checkpoint(f"opened milestones of {some.name}", path=rf"/projects/{some.key}/milestones(/.*)?")
    match draw.say("lead", "role", "members", "due", "progress", "label"):
        case "lead":
            wishes = (f"Who is the lead of {some.name}?", f"Who leads the project {some.name}?", f"Name the lead of {some.name}.")
            tells = Checkpoint(f"read about {some.name}", path=f"/projects/{some.key}/issues")
            return question(draw, "lead", wishes, (some.lead.name,), Way(script=(click("link", some.name),), checkpoints=(tells,)))
        case "role":
            person, role = draw.one(some.members[1:])
            wishes = (
                f"Which role has {person.name} in {some.name}?",
                f"What is the role of {person.name} in {some.name}?",
                f"In {some.name}, what role does {person.name} have?",
            )
            return question(draw, "role", wishes, (role,), Way(script=tab(some, "Members"), checkpoints=(_members(some.key, some.name),)))
        case "members":
            role = draw.one(words.ROLES)
            number = sum(one == role for _, one in some.members)
            wishes = (
                f"How many members of {some.name} have the role {role}?",
                f"Count the {role}s of {some.name}.",
                f"How many {role}s are there in {some.name}?",
            )
            return question(draw, "members", wishes, (str(number),), Way(script=tab(some, "Members"), checkpoints=(_members(some.key, some.name),)))
        case "due":
            _, title, due, _ = draw.one(some.milestones)
            wishes = (
                f"When is the milestone {title} of {some.name} due?",
                f"What is the due date of the milestone {title} of {some.name}?",
                f"Tell me when {title} of {some.name} is due.",
            )
            return question(draw, "milestone-due", wishes, (due,), Way(script=tab(some, "Milestones"), checkpoints=(at,)))
        case "progress":
            _, title, _, _ = draw.one(some.milestones)
            closed = draw.roll() < 0.5
            number = sum(one.milestone == title and one.is_open != closed for one in some.issues)
            how = "closed" if closed else "still open"
            wishes = (
                f"How many issues of the milestone {title} of {some.name} are {how}?",
                f"In {some.name}, how many issues in the milestone {title} are {how}?",
                f"Count the issues of the milestone {title} of {some.name} that are {how}.",
            )
            script = (*tab(some, "Milestones"), click("link", f"Milestone {title}"))
            tells = Checkpoint(f"read the milestones of {some.name}", path=rf"/projects/{some.key}/(milestones(/.*)?|issues\?.*)")
            return question(draw, f"progress/{how.rpartition(' ')[2]}", wishes, (str(number),), Way(script=script, checkpoints=(at, tells)))
        case _:
            label = draw.one(some.labels)
            number = sum(label in one.labels for one in some.issues)
            wishes = (
                f'How many issues of {some.name}, open or closed, have the label "{label}"?',
                f'In {some.name}, how many issues carry the label "{label}", the closed ones too?',
                f'Count all issues of {some.name} with the label "{label}", open and closed.',
            )
            tells = Checkpoint(f"read the labels of {some.name}", path=rf"/projects/{some.key}/(labels(/.*)?|issues\?.*)")
            return question(draw, "label-count", wishes, (str(number),), Way(script=tab(some, "Labels"), checkpoints=(tells,)))


def _members(key: str, name: str) -> Checkpoint:
    return Checkpoint(f"read the members of {name}", path=f"/projects/{key}/members")


def services(draw: Draw) -> Part | None:
    """A port, or who looks after a service."""
    some = draw.anywhere
    found, name = some.wiki, some.name
    match draw.say("port", "owner", "service", "old-port"):
        case "port":
            service, answer, _ = draw.one(found.services)
            kind = "port"
            wishes = (
                f"On which port does the {service} of {name} run? See the wiki.",
                f"Which port has the {service} in {name}?",
                f"Look up the port of the {service} of {name} in the wiki.",
            )
        case "owner":
            service, _, answer = draw.one(found.services)
            kind = "owner"
            wishes = (
                f"Who looks after the {service} of {name}, by the wiki?",
                f"By the wiki of {name}, who looks after the {service}?",
                f"Find in the wiki of {name} who looks after the {service}.",
            )
        case "service":
            answer, port, _ = draw.one(found.services)
            kind = "service"
            wishes = (
                f"Which service of {name} runs on port {port}?",
                f"What runs on port {port} in {name}? See the wiki.",
                f"Look up in the wiki of {name} what uses port {port}.",
            )
        case _:
            service, answer = found.gone
            wishes = (
                f'Which port had the {service} in the first version of the page "Services" in the wiki of {name}?',
                f'The {service} is no longer on the wiki page "Services" of {name}. Which port did it have in version 1?',
                f'Look into the old versions of "Services" in the wiki of {name}: what was the port of the {service}?',
            )
            script = (click("link", "Old versions"), click("link", "Version 1"))
            tells = Checkpoint("read version 1", path=rf"/wiki/{some.key.lower()}-services/versions/1")
            return question(draw, "wiki/old-port", wishes, (answer,), to_page(some, "Services"), Way(script=script, checkpoints=(tells,)))
    return question(draw, f"wiki/{kind}", wishes, (answer,), to_page(some, "Services"))


def wiki(draw: Draw) -> Part | None:
    """A fact that stands in the wiki."""
    some = draw.anywhere
    found, name = some.wiki, some.name
    match draw.say("on-call", "step", "step-after", "rule", "editor", "versions"):
        case "on-call":
            week, day, answer = draw.one(found.weeks)
            title, kind = "On call", "on-call"
            wishes = (
                f"Who is on call for {name} in week {week}?",
                f"By the wiki of {name}, who is on call in the week from {day}?",
                f"Name the person on call for {name} in week {week}.",
            )
        case "step":
            place = draw.number(0, len(found.steps))
            answer, title, kind = found.steps[place], "Release", "step"
            wishes = (
                f"What is step {place + 1} of a release of {name}, by the wiki?",
                f"The wiki of {name} lists the steps of a release. Which is number {place + 1}?",
                f"Tell me step {place + 1} of the release steps in the wiki of {name}.",
            )
        case "step-after":
            place = draw.number(0, len(found.steps) - 1)
            before, answer, title, kind = found.steps[place], found.steps[place + 1], "Release", "step-after"
            wishes = (
                f'In a release of {name}, what comes right after "{before}"?',
                f'By the wiki of {name}, which step of a release follows "{before}"?',
                f'Which release step of {name} is next after "{before}"?',
            )
        case "rule":
            label, priority, who = draw.one(found.rules)
            title, kind, by_person = "Triage", "rule", draw.roll() < 0.5
            answer = who if by_person else priority
            what = "To whom do" if by_person else "Which priority do"
            verb = "go" if by_person else "get"
            wishes = (
                f"{what} issues with the label {label} {verb}, by the wiki of {name}?",
                f"By the triage rules of {name}: {what[0].lower()}{what[1:]} issues with the label {label} {verb}?",
                f"See the wiki of {name}. {what} issues {verb} that have the label {label}?",
            )
        case "editor":
            page = draw.one(found.pages)
            answer, title, kind = draw.name(page.versions[-1].author), page.title, "editor"
            wishes = (
                f'Who was the last to change the page "{title}" in the wiki of {name}?',
                f'Who wrote the newest version of "{title}" in the wiki of {name}?',
                f'By whom is the last change of the wiki page "{title}" of {name}?',
            )
        case _:
            page = draw.one(found.pages)
            answer, title, kind = str(len(page.versions)), page.title, "versions"
            wishes = (
                f'How many versions has the page "{title}" in the wiki of {name}?',
                f'Count the versions of "{title}" in the wiki of {name}.',
                f'How many versions of the wiki page "{title}" of {name} are there?',
            )
            tells = Checkpoint("read the versions", path=rf"/projects/{some.key}/wiki|/wiki/{page.key}(/history)?")
            return question(draw, "wiki/versions", wishes, (answer,), Way(script=tab(some, "Wiki"), checkpoints=(tells,)))
    return question(draw, f"wiki/{kind}", wishes, (answer,), to_page(some, title))


def helped(draw: Draw) -> Part | None:
    """What the help says, in a window of its own."""
    role, what = draw.one(
        (
            ("Developer", "change issues and write the wiki"),
            ("Maintainer", "make milestones and labels"),
            ("Reporter", "report issues and comment, but not change them"),
        )
    )
    wishes = (
        f"Which role is the lowest that may {what}? The help says it.",
        f"By the help, which role does one need to {what}?",
        f"Look into the help: from which role on may one {what}?",
    )
    if role == "Reporter":
        wishes = (
            f"Which role may only {what}? The help says it.",
            f"By the help, what is the role of people who may {what}?",
            f"Look into the help: which role may {what}?",
        )
    return question(draw, "help", wishes, (role,), Way(script=(click("link", "Help"),), checkpoints=(Checkpoint("read the help", path="/help"),)))


def impossible(draw: Draw) -> Part | None:
    """What the state or the user's role does not allow, and what is not there."""
    _, second, third = draw.company.projects
    some = draw.mine
    what = draw.say("milestone", "role", "label", "maintainer", "assignee", "service", "page", "version")
    if what in ("milestone", "role", "label", "assignee"):
        return _not_possible(draw, third if what == "role" else some, what)
    if what == "maintainer":
        place, kind = draw.one((second, third)), draw.say("Milestones", "Labels", "Members")
        name = draw.one(words.NEW_LABELS)
        person = draw.one(draw.company.people[1:])
        wish = {
            "Milestones": f"Create a milestone {draw.number(10, 30)}.0 in {place.name}.",
            "Labels": draw.say(f'Create the label "{name}" in {place.name}.', f'Delete the label "{draw.one(place.labels)}" of {place.name}.'),
            "Members": f"Remove {person.name} from the members of {place.name}."
            if any(person == one for one, _ in place.members)
            else f"Add {person.name} to {place.name} as Developer.",
        }[kind]
        tells = Checkpoint("read that a role is needed", path=rf"/projects/{place.key}/{kind.lower()}(/.*)?")
        return question(draw, f"impossible/role/{kind.lower()}", (wish,), (IMPOSSIBLE,), Way(script=tab(place, kind), checkpoints=(tells,)))
    if what == "service":
        service = draw.one([one for one in words.SERVICES if one not in (*(known for known, _, _ in some.wiki.services), some.wiki.gone[0])])
        wishes = (
            f"On which port does the {service} of {some.name} run? See the page Services of its wiki.",
            f"By the page Services in the wiki of {some.name}, which port has the {service}?",
        )
        return question(draw, "impossible/service", wishes, (IMPOSSIBLE,), to_page(some, "Services"))
    if what == "page":
        title = draw.one(words.TOPICS)
        wishes = (
            f'Rename the page "{title}" in the wiki of {some.name} to "Old notes".',
            f'Who was the last to change the page "{title}" in the wiki of {some.name}?',
        )
        seen = Checkpoint("read the list of pages", path=rf"/projects/{some.key}/wiki|/search\?.*")
        return question(draw, "impossible/page", wishes, (IMPOSSIBLE,), Way(script=tab(some, "Wiki"), checkpoints=(seen,)))
    page = draw.one(some.wiki.pages)
    wish = f'Restore version {draw.number(5, 10)} of the page "{page.title}" in the wiki of {some.name}.'
    seen = Checkpoint("read the versions", path=rf"/wiki/{page.key}/history|/projects/{some.key}/wiki")
    return question(
        draw,
        "impossible/version",
        (wish,),
        (IMPOSSIBLE,),
        to_page(some, page.title),
        Way(script=(click("link", "Old versions"),), checkpoints=(seen,)),
    )


def _not_possible(draw: Draw, place: Project, what: str) -> Part | None:
    """What cannot be done to an issue."""
    issue = draw.issue(place, lambda one: one.is_open)
    if issue is None:
        return None
    x = searched(place, issue, draw.say("key", "title", "customer") if draw.level > 1 else "key")
    lists = {"milestone": "milestones(/.*)?", "label": "labels", "assignee": "members", "role": "bulk.*"}[what]
    tells = Checkpoint(f"read {issue.key}", path=rf"/issues/{issue.key}|/projects/{place.key}/{lists}")
    match what:
        case "milestone":
            title = next(one[1] for one in place.milestones if one[3] == "closed")
            wishes = (
                f"Put {x.words} into the milestone {title}.",
                f"Set the milestone of {x.words} to {title}.",
                f"Please plan {x.words} for the milestone {title}.",
            )
        case "role":
            value, person = draw.one([one for one in words.PRIORITIES if one != issue.priority]), draw.worker(place, issue.assignee)
            wishes = (f"Set the priority of {x.words} to {value}.", f"Assign {x.words} to {person.name}.", f"Close {x.words} as done.")
        case "label":
            label = draw.one(words.NEW_LABELS)
            wishes = (f'Add the label "{label}" to {x.words}.', f'Give {x.words} the label "{label}".', f'Label {x.words} with "{label}".')
        case _:
            members = {person.key for person, _ in place.members}
            person = draw.one([one for one in draw.company.people if one.key not in members])
            wishes = (f"Assign {x.words} to {person.name}.", f"Make {person.name} the assignee of {x.words}.", f"Please give {x.words} to {person.name}.")
    return question(
        draw, f"impossible/{what}/{x.how}", wishes, (IMPOSSIBLE,), Way(script=x.script, checkpoints=(*x.checkpoints[:-1], tells), phrases=x.phrases)
    )
