"""Tasks of `prm_gym/Tracker-v0` about the wiki: write, rename and restore pages, and apply to issues what they say."""

from prm_gym.envs.web import tracker_words as words
from prm_gym.envs.web.tracker_changes import Clerk
from prm_gym.envs.web.tracker_project_tasks import tab
from prm_gym.envs.web.tracker_rows import Project
from prm_gym.envs.web.tracker_tasks import Draw, Part, Work, finding, way_to, work
from prm_gym.envs.web.tracker_wiki import WikiPage, sections_of, with_section
from prm_gym.envs.web.tracker_words import slug
from prm_gym.web import Checkpoint, Do, choose, click, fill


def to_page(project: Project, title: str) -> tuple[Do, ...]:
    """A page of the wiki, from the first page of the site on."""
    return *tab(project, "Wiki"), click("link", title)


def at_page(project: Project, title: str) -> tuple[Checkpoint, ...]:
    """The wiki is opened, and a page of it."""
    wiki = Checkpoint(f"opened the wiki of {project.name}", path=rf"/projects/{project.key}/wiki|/search\?.*")
    return wiki, Checkpoint(f"read {title} of {project.name}", path=rf"/wiki/{project.key.lower()}-{slug(title)}(/.*)?")


def correct(draw: Draw) -> Part | None:
    """Another text for a section."""
    project = draw.mine
    page = draw.one(project.wiki.pages[1:])
    text = page.versions[-1].text
    named = [name for name, lines in sections_of(text) if name and len(lines) == 1]
    if not named:
        return None
    name, line = draw.one(named), draw.one([one for one in words.LINES if one not in text])
    wish = draw.one(
        (
            f'In the wiki of {project.name}, the section "{name}" of the page "{page.title}" should read: "{line}"',
            f'Replace the text of the section "{name}" on the wiki page "{page.title}" of {project.name} by "{line}"',
            f'The section "{name}" of "{page.title}" in the wiki of {project.name} is out of date. Write there instead: "{line}"',
        )
    )
    works: tuple[Work, ...] = (work(Clerk.write_page, page.key, with_section(text, name, line), ""),)
    script = (*to_page(project, page.title), click("link", f"Edit {name}"), fill("Text", line), click("button", "Save page"))
    form = Checkpoint("opened the form of the page", path=rf"/wiki/{page.key}/edit(\?.*)?")
    return Part(kind="wiki/correct", wish=wish, script=script, works=works, checkpoints=(*at_page(project, page.title), form), phrases=(line,))


def add_section(draw: Draw) -> Part | None:
    """A new section at the end of a page."""
    project = draw.mine
    page = draw.one(project.wiki.pages)
    text = page.versions[-1].text
    name = draw.one([one for one in ("Questions", "Thanks", "Next steps", "In an emergency") if f"## {one}" not in text])
    line = draw.one([one for one in words.LINES if one not in text])
    wish = draw.one(
        (
            f'Add a section "{name}" to the wiki page "{page.title}" of {project.name} with the text "{line}"',
            f'The page "{page.title}" in the wiki of {project.name} needs one more section, called "{name}": "{line}"',
            f'Please write a new section "{name}" at the end of "{page.title}" in the wiki of {project.name}. Its text: "{line}"',
        )
    )
    works: tuple[Work, ...] = (work(Clerk.write_page, page.key, with_section(text, name, line), ""),)
    script = (*to_page(project, page.title), click("link", "Add a section"), fill("Heading", name), fill("Text", line), click("button", "Add section"))
    return Part(kind="wiki/add-section", wish=wish, script=script, works=works, checkpoints=at_page(project, page.title), phrases=(name, line))


def new_page(draw: Draw) -> Part | None:
    """A new page."""
    project = draw.mine
    title, line = draw.one(words.TOPICS), draw.one(words.LINES)
    wish = draw.one(
        (
            f'Create a page "{title}" in the wiki of {project.name} with the text "{line}"',
            f'The wiki of {project.name} needs a page "{title}". Its text is "{line}"',
            f'Write a new wiki page for {project.name}, titled "{title}", that says: "{line}"',
        )
    )
    works: tuple[Work, ...] = (work(Clerk.create_page, project.key, title, line),)
    script = (*tab(project, "Wiki"), click("link", "New page"), fill("Title", title), fill("Text", line), click("button", "Create page"))
    form = Checkpoint("opened the form of a new page", path=f"/projects/{project.key}/wiki/new")
    return Part(kind="wiki/new-page", wish=wish, script=script, works=works, checkpoints=(form,), phrases=(title, line))


def rename(draw: Draw) -> Part | None:
    """Another title for a page."""
    project = draw.mine
    page, title = draw.one(project.wiki.pages[1:]), draw.one(words.TOPICS)
    clause = draw.one(
        (f'rename the wiki page "{page.title}" of {project.name} to "{title}"', f'call the page "{page.title}" in the wiki of {project.name} "{title}"')
    )
    works: tuple[Work, ...] = (work(Clerk.rename_page, page.key, title),)
    script = (*to_page(project, page.title), click("link", "Rename"), fill("Title", title), click("button", "Rename page"))
    return Part(kind="wiki/rename", wish=draw.wrapped(clause), script=script, works=works, checkpoints=at_page(project, page.title), phrases=(title,))


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
        wish = draw.one(
            (
                f"{who} has spoiled {where}. Restore the version before that change.",
                f"Take back the last change of {where} (by {who}): restore the version before it.",
            )
        )
    else:
        wish = draw.one((f"Restore version 1 of {where}.", f"Put {where} back to how it was on {old.date}.", f"Restore the first version of {where}."))
    works: tuple[Work, ...] = (work(Clerk.write_page, page.key, old.text, ""),)
    script = (
        *to_page(project, page.title),
        click("link", "Old versions"),
        click("link", f"Version {version}"),
        click("button", "Restore this version"),
        click("button", "Restore it"),
    )
    seen = Checkpoint(f"read version {version}", path=f"/wiki/{page.key}/versions/{version}")
    return Part(
        kind=f"wiki/restore/{'last' if version == 2 else 'first'}", wish=wish, script=script, works=works, checkpoints=(*at_page(project, page.title)[1:], seen)
    )


def apply(draw: Draw) -> Part | None:
    """Do to an issue what a page of the wiki says."""
    project = draw.mine
    wiki = project.wiki
    workers = {person.name: person for person in project.workers}
    issue = draw.issue(project, lambda one: one.is_open)
    if issue is None:
        return None
    key, at_issue = issue.key, (*finding(issue.key), click("link", issue.link))
    match draw.one(("on call", "owner", "priority", "triage")):
        case "on call":
            week, day, who = draw.one(wiki.weeks)
            page, kind = "On call", "on-call"
            wish = draw.one(
                (
                    f"Assign {key} to whoever is on call in week {week}; the wiki of {project.name} says who.",
                    f"Look up in the wiki of {project.name} who is on call in the week from {day}, and give {key} to them.",
                    f"{key} belongs to the person on call in week {week} (see the wiki of {project.name}): assign it.",
                )
            )
        case "owner":
            service, _, who = draw.one(wiki.services)
            page, kind = "Services", "owner"
            wish = draw.one(
                (
                    f"Assign {key} to whoever looks after the {service} of {project.name}; it stands in the wiki.",
                    f"{key} concerns the {service}. The wiki of {project.name} says who looks after it: assign the issue to them.",
                    f"Find out in the wiki of {project.name} who looks after the {service}, and give {key} to that person.",
                )
            )
        case "priority":
            label, value, _ = draw.one(wiki.rules)
            if value == issue.priority:
                return None
            said = draw.one(
                (
                    f"Give {key} the priority that the wiki of {project.name} wants for issues with the label {label}.",
                    f'Treat {key} like an issue with the label "{label}": set its priority to what the wiki page Triage of {project.name} says.',
                    f"What priority do issues with the label {label} get, by the wiki of {project.name}? Set that priority on {key}.",
                )
            )
            works: tuple[Work, ...] = (work(Clerk.change, key, "priority", value),)
            script = (*to_page(project, "Triage"), *at_issue, choose("Priority", value))
            points = (*at_page(project, "Triage"), *way_to(issue))
            read = frozenset([points[1].name])
            return Part(kind="wiki/apply/priority", wish=said, script=script, works=works, checkpoints=points, phrases=(key,), required=read)
        case _:
            label, value, who = draw.one(wiki.rules)
            page, kind = "Triage", "triage"
            wish = draw.one(
                (
                    f"Assign {key} to the person to whom issues with the label {label} go by the wiki of {project.name}.",
                    f'By the wiki page Triage of {project.name}, who gets the issues with the label "{label}"? Assign {key} to them.',
                    f"{key} goes to whoever takes the issues with the label {label}, see the wiki of {project.name}. Assign it.",
                )
            )
    if who not in workers or workers[who].key == issue.assignee:
        return None
    person = workers[who]
    return Part(
        kind=f"wiki/apply/{kind}",
        wish=wish,
        script=(*to_page(project, page), *at_issue, choose("Assignee", who)),
        works=(work(Clerk.change, key, "assignee", person.key),),
        checkpoints=(*at_page(project, page), *way_to(issue)),
        required=frozenset([at_page(project, page)[1].name]),
        phrases=(key,),
    )
