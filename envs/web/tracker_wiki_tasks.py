"""Tasks of `prm_gym/Tracker-v0` about the wiki: write, rename and restore pages, and apply to issues what they say."""

from prm_gym.envs.web import tracker_words as words
from prm_gym.envs.web.tracker_changes import Clerk
from prm_gym.envs.web.tracker_project_tasks import tab
from prm_gym.envs.web.tracker_rows import Issue, Project
from prm_gym.envs.web.tracker_tasks import Draw, to_issue
from prm_gym.envs.web.tracker_wiki import WikiPage, sections_of, with_section
from prm_gym.envs.web.tracker_words import slug
from prm_gym.web import Checkpoint, Do, Part, Way, choose, click, fill


def to_page(project: Project, title: str) -> Way:
    """A page of the wiki, from the first page of the site on."""
    wiki = Checkpoint(f"opened the wiki of {project.name}", path=rf"/projects/{project.key}/wiki|/search\?.*")
    page = Checkpoint(f"read {title} of {project.name}", path=rf"/wiki/{project.key.lower()}-{slug(title)}(/.*)?")
    return Way(script=(*tab(project, "Wiki"), click("link", title)), checkpoints=(wiki, page))


def correct(draw: Draw) -> Part | None:
    """Another text for a section."""
    project = draw.mine
    page = draw.one(project.wiki.pages[1:])
    text = page.versions[-1].text
    named = [name for name, lines in sections_of(text) if name and len(lines) == 1]
    if not named:
        return None
    name, line = draw.one(named), draw.one([one for one in words.LINES if one not in text])
    wish = draw.say(
        f'In the wiki of {project.name}, the section "{name}" of the page "{page.title}" should read: "{line}"',
        f'Replace the text of the section "{name}" on the wiki page "{page.title}" of {project.name} by "{line}"',
        f'The section "{name}" of "{page.title}" in the wiki of {project.name} is out of date. Write there instead: "{line}"',
    )
    works = (draw.work(Clerk.write_page, page.key, with_section(text, name, line), ""),)
    script = (click("link", f"Edit {name}"), fill("Text", line), click("button", "Save page"))
    form = Checkpoint("opened the form of the page", path=rf"/wiki/{page.key}/edit(\?.*)?")
    return Part(kind="wiki/correct", wish=wish, script=script, works=works, checkpoints=(form,), phrases=(line,)).after(to_page(project, page.title))


def add_section(draw: Draw) -> Part | None:
    """A new section at the end of a page."""
    project = draw.mine
    page = draw.one(project.wiki.pages)
    text = page.versions[-1].text
    name = draw.one([one for one in ("Questions", "Thanks", "Next steps", "In an emergency") if f"## {one}" not in text])
    line = draw.one([one for one in words.LINES if one not in text])
    wish = draw.say(
        f'Add a section "{name}" to the wiki page "{page.title}" of {project.name} with the text "{line}"',
        f'The page "{page.title}" in the wiki of {project.name} needs one more section, called "{name}": "{line}"',
        f'Please write a new section "{name}" at the end of "{page.title}" in the wiki of {project.name}. Its text: "{line}"',
    )
    works = (draw.work(Clerk.write_page, page.key, with_section(text, name, line), ""),)
    script = (click("link", "Add a section"), fill("Heading", name), fill("Text", line), click("button", "Add section"))
    return Part(kind="wiki/add-section", wish=wish, script=script, works=works, phrases=(name, line)).after(to_page(project, page.title))


def new_page(draw: Draw) -> Part | None:
    """A new page."""
    project = draw.mine
    title, line = draw.one(words.TOPICS), draw.one(words.LINES)
    wish = draw.say(
        f'Create a page "{title}" in the wiki of {project.name} with the text "{line}"',
        f'The wiki of {project.name} needs a page "{title}". Its text is "{line}"',
        f'Write a new wiki page for {project.name}, titled "{title}", that says: "{line}"',
    )
    works = (draw.work(Clerk.create_page, project.key, title, line),)
    script = (*tab(project, "Wiki"), click("link", "New page"), fill("Title", title), fill("Text", line), click("button", "Create page"))
    form = Checkpoint("opened the form of a new page", path=f"/projects/{project.key}/wiki/new")
    return Part(kind="wiki/new-page", wish=wish, script=script, works=works, checkpoints=(form,), phrases=(title, line))


def rename(draw: Draw) -> Part | None:
    """Another title for a page."""
    project = draw.mine
    page, title = draw.one(project.wiki.pages[1:]), draw.one(words.TOPICS)
    clause = draw.say(
        f'rename the wiki page "{page.title}" of {project.name} to "{title}"',
        f'call the page "{page.title}" in the wiki of {project.name} "{title}"',
    )
    works = (draw.work(Clerk.rename_page, page.key, title),)
    script = (click("link", "Rename"), fill("Title", title), click("button", "Rename page"))
    return Part(kind="wiki/rename", wish=draw.wrapped(clause), script=script, works=works, phrases=(title,)).after(to_page(project, page.title))


def restore(draw: Draw) -> Part | None:
    """A page as it was."""
    project = draw.mine
    spoiled = [page for page in project.wiki.pages if len(page.versions) == 3]
    if not spoiled:
        return None
    page: WikiPage = draw.one(spoiled)
    version = draw.one((1, 2))
    old = page.versions[version - 1]
    last, where = page.versions[-1], f'the page "{page.title}" in the wiki of {project.name}'
    if version == 2:
        who = draw.name(last.author)
        wish = draw.say(
            f"{who} has spoiled {where}. Restore the version before that change.",
            f"Take back the last change of {where} (by {who}): restore the version before it.",
        )
    else:
        wish = draw.say(f"Restore version 1 of {where}.", f"Put {where} back to how it was on {old.date}.", f"Restore the first version of {where}.")
    works = (draw.work(Clerk.write_page, page.key, old.text, ""),)
    way = to_page(project, page.title)
    script = (
        *way.script,
        click("link", "Old versions"),
        click("link", f"Version {version}"),
        click("button", "Restore this version"),
        click("button", "Restore it"),
    )
    seen = Checkpoint(f"read version {version}", path=f"/wiki/{page.key}/versions/{version}")
    return Part(kind=f"wiki/restore/{'last' if version == 2 else 'first'}", wish=wish, script=script, works=works, checkpoints=(*way.checkpoints[1:], seen))


def apply(draw: Draw) -> Part | None:
    """Do to an issue what a page of the wiki says."""
    project = draw.mine
    wiki = project.wiki
    workers = {person.name: person for person in project.workers}
    issue = draw.issue(project, lambda one: one.is_open)
    if issue is None:
        return None
    key = issue.key
    match draw.say("on call", "owner", "priority", "triage"):
        case "on call":
            week, day, who = draw.one(wiki.weeks)
            page, kind = "On call", "on-call"
            wish = draw.say(
                f"Assign {key} to whoever is on call in week {week}; the wiki of {project.name} says who.",
                f"Look up in the wiki of {project.name} who is on call in the week from {day}, and give {key} to them.",
                f"{key} belongs to the person on call in week {week} (see the wiki of {project.name}): assign it.",
            )
        case "owner":
            service, _, who = draw.one(wiki.services)
            page, kind = "Services", "owner"
            wish = draw.say(
                f"Assign {key} to whoever looks after the {service} of {project.name}; it stands in the wiki.",
                f"{key} concerns the {service}. The wiki of {project.name} says who looks after it: assign the issue to them.",
                f"Find out in the wiki of {project.name} who looks after the {service}, and give {key} to that person.",
            )
        case "priority":
            label, value, _ = draw.one(wiki.rules)
            if value == issue.priority:
                return None
            said = draw.say(
                f"Give {key} the priority that the wiki of {project.name} wants for issues with the label {label}.",
                f'Treat {key} like an issue with the label "{label}": set its priority to what the wiki page Triage of {project.name} says.',
                f"What priority do issues with the label {label} get, by the wiki of {project.name}? Set that priority on {key}.",
            )
            return _applied(draw, project, "Triage", "priority", said, issue, choose("Priority", value), value)
        case _:
            label, value, who = draw.one(wiki.rules)
            page, kind = "Triage", "triage"
            wish = draw.say(
                f"Assign {key} to the person to whom issues with the label {label} go by the wiki of {project.name}.",
                f'By the wiki page Triage of {project.name}, who gets the issues with the label "{label}"? Assign {key} to them.',
                f"{key} goes to whoever takes the issues with the label {label}, see the wiki of {project.name}. Assign it.",
            )
    if who not in workers or workers[who].key == issue.assignee:
        return None
    return _applied(draw, project, page, kind, wish, issue, choose("Assignee", who), workers[who].key)


def _applied(draw: Draw, project: Project, page: str, kind: str, wish: str, issue: Issue, step: Do, value: str) -> Part:
    """A field of an issue is chosen after a page was read, which is needed."""
    way = to_page(project, page)
    works, needed = (draw.work(Clerk.change, issue.key, step.name.lower(), value),), (way.checkpoints[-1].name,)
    return Part(kind=f"wiki/apply/{kind}", wish=wish, works=works, script=(step,), required=needed).after(way, to_issue(issue))
