"""What can be changed in `prm_gym/Tracker-v0`: the sites and the goals of tasks do it by the same functions."""

from typing import Any

from prm_gym.envs.web.tracker_desk import LONGEST_TITLE, Desk, date_of, tidy
from prm_gym.envs.web.tracker_words import PRIORITIES, REASONS, ROLES, STAGES, slug
from prm_gym.errors import RefusedError

FIELDS = ("title", "description", "state", "assignee", "priority", "milestone", "due")
KINDS = ("blocks", "is blocked by", "duplicates", "relates to")


class Clerk(Desk):
    """Changes rows for somebody, on a day."""

    # Issues.

    def create(self, project: str, values: dict[str, str]) -> str:
        """A new issue; its key.

        Raises:
            RefusedError: a value will not do.
        """
        self.need(project, "Reporter")
        last = self.db.one("SELECT max(number) AS n FROM issues WHERE project = ?", project)
        number = (last["n"] or 0 if last else 0) + 1
        key = f"{project}-{number}"
        plain = {"title": "", "description": "", "state": "Backlog", "assignee": "", "priority": "Normal", "milestone": "", "due": "", **values}
        plain = {field: self.checked(project, field, plain[field]) for field in FIELDS}
        row = (key, project, number, plain["title"], plain["description"], plain["state"], "", self.me, plain["assignee"], plain["priority"])
        self.db.insert("issues", *row, plain["milestone"], plain["due"], self.now, "", "", self.now)
        self.note(project, key, "reported this")
        return key

    def checked(self, project: str, field: str, value: str) -> str:
        """A value for a field of an issue.

        Raises:
            RefusedError: it will not do.
        """
        match field:
            case "title":
                value = " ".join(value.split())
                if not 3 <= len(value) <= LONGEST_TITLE:
                    raise RefusedError(f"A title has 3 to {LONGEST_TITLE} characters.")
            case "description":
                value = tidy(value)
            case "state" if value not in STAGES:
                raise RefusedError("There is no such state.")
            case "priority" if value not in PRIORITIES:
                raise RefusedError("There is no such priority.")
            case "assignee" if value:
                member = self.db.get("members", f"{project}/{value}")
                if member is None or member["role"] == "Reporter":
                    raise RefusedError("Issues are assigned to developers and maintainers of the project.")
            case "milestone" if value:
                row = self.db.get("milestones", f"{project}/{slug(value)}")
                if row is None or row["state"] != "open":
                    raise RefusedError("This milestone is closed, or there is none of that name.")
            case "due" if value:
                value = date_of(value)
            case _:
                pass
        return value

    def change(self, key: str, field: str, value: str) -> bool:
        """Give a field of an issue another value; whether it had one.

        Raises:
            RefusedError: it cannot be.
        """
        row = self._issue(key, "Developer")
        if row[field] == value:
            return False
        value = self.checked(row["project"], field, value)
        if field == "state" and row["state"] == "Closed":
            raise RefusedError("This issue is closed: reopen it first.")
        if row[field] == value:
            return False
        self.db.do(f"UPDATE issues SET {field} = ?, updated = ? WHERE key = ?", value, self.now, key)
        self.note(row["project"], key, f"changed the {field}" + (f" to {self._said(field, value)}" if field not in ("description", "title") else ""))
        return True

    def _said(self, field: str, value: str) -> str:
        person = self.db.get("people", value) if field == "assignee" else None
        return str(person["name"]) if person else value or "nothing"

    def close(self, key: str, reason: str) -> None:
        """Close an issue.

        Raises:
            RefusedError: it cannot be.
        """
        row = self._issue(key, "Developer")
        if reason not in REASONS:
            raise RefusedError("Choose a reason.")
        if row["state"] == "Closed":
            raise RefusedError(f"{key} is closed already.")
        statement = "UPDATE issues SET state = 'Closed', reason = ?, closed_by = ?, closed_on = ?, updated = ? WHERE key = ?"
        self.db.do(statement, reason, self.me, self.now, self.now, key)
        self.note(row["project"], key, f"closed this: {reason}")

    def reopen(self, key: str) -> None:
        """Open an issue again.

        Raises:
            RefusedError: it cannot be.
        """
        row = self._issue(key, "Developer")
        if row["state"] != "Closed":
            raise RefusedError(f"{key} is not closed.")
        self.db.do("UPDATE issues SET state = 'Backlog', reason = '', closed_by = '', closed_on = '', updated = ? WHERE key = ?", self.now, key)
        self.note(row["project"], key, "reopened this")

    def _issue(self, key: str, role: str) -> dict[str, Any]:
        row = self.db.get("issues", key)
        if row is None:
            raise RefusedError(f"There is no issue {key}.")
        self.need(row["project"], role)
        return row

    def add_label(self, key: str, label: str) -> None:
        """Put a label (its key) on an issue.

        Raises:
            RefusedError: it cannot be.
        """
        row, kept = self._issue(key, "Developer"), self.db.get("labels", label)
        if kept is None or kept["deleted"] or kept["project"] != row["project"]:
            raise RefusedError("There is no such label.")
        if self.db.get("issue_labels", f"{key}/{label.partition('/')[2]}") is None:
            self.db.insert("issue_labels", f"{key}/{label.partition('/')[2]}", key, label)
            self.note(row["project"], key, f"added the label {kept['name']}")

    def remove_label(self, key: str, label: str) -> None:
        """Take a label from an issue.

        Raises:
            RefusedError: it cannot be.
        """
        row, kept = self._issue(key, "Developer"), self.db.get("labels", label)
        self.db.do("DELETE FROM issue_labels WHERE issue = ? AND label = ?", key, label)
        self.note(row["project"], key, f"removed the label {kept['name'] if kept else label}")

    def comment(self, key: str, text: str) -> None:
        """Write a comment.

        Raises:
            RefusedError: it is empty, or too long.
        """
        row, text = self._issue(key, "Reporter"), tidy(text)
        if not text:
            raise RefusedError("A comment has some text.")
        last = self.db.one("SELECT max(number) AS n FROM comments WHERE issue = ?", key)
        number = (last["n"] or 0 if last else 0) + 1
        self.db.insert("comments", f"{key}/{number}", key, number, self.me, self.now, text)
        self.note(row["project"], key, "commented")

    def uncomment(self, comment: str) -> None:
        """Delete one's own comment.

        Raises:
            RefusedError: it is somebody else's.
        """
        row = self.db.get("comments", comment)
        if row is None or row["author"] != self.me:
            raise RefusedError("Only your own comments can be deleted.")
        self.db.do("DELETE FROM comments WHERE key = ?", comment)

    def link(self, key: str, kind: str, other: str) -> None:
        """Link two issues.

        Raises:
            RefusedError: one does not exist, or it is the same.
        """
        row, other = self._issue(key, "Developer"), other.strip().upper()
        if kind not in KINDS or self.db.get("issues", other) is None or other == key:
            raise RefusedError(f'There is no other issue "{other}".')
        one, kind, two = (other, "blocks", key) if kind == "is blocked by" else (key, kind, other)
        if kind == "relates to" and two < one:
            one, two = two, one
        name = f"{one} {kind} {two}"
        if self.db.get("links", name) is not None:
            raise RefusedError("This link is there already.")
        self.db.insert("links", name, one, kind, two)
        self.note(row["project"], key, f"added a link: {name}")

    def unlink(self, key: str, link: str) -> None:
        """Remove a link.

        Raises:
            RefusedError: it cannot be.
        """
        row = self._issue(key, "Developer")
        self.db.do("DELETE FROM links WHERE key = ? AND (issue = ? OR other = ?)", link, key, key)
        self.note(row["project"], key, f"removed a link: {link}")

    def watch(self, key: str, on: bool) -> None:
        """Watch an issue, or no longer.

        Raises:
            RefusedError: there is no such issue.
        """
        self._issue(key, "Reporter")
        self.db.do("DELETE FROM watchers WHERE key = ?", f"{key}/{self.me}")
        if on:
            self.db.insert("watchers", f"{key}/{self.me}", key, self.me)

    # Projects.

    def create_label(self, project: str, name: str, about: str = "") -> None:
        """A new label.

        Raises:
            RefusedError: the name is taken, or will not do.
        """
        self.need(project, "Maintainer")
        name = self._label_name(project, name)
        key = f"{project}/{slug(name)}"
        while self.db.get("labels", key) is not None:
            key += "-again"
        self.db.insert("labels", key, project, name, " ".join(about.split())[:200], 0)
        self.note(project, "", f"made the label {name}")

    def _label_name(self, project: str, name: str) -> str:
        name = " ".join(name.split())
        if not (1 <= len(name) <= 40 and slug(name)):
            raise RefusedError("A label has a name of 1 to 40 characters.")
        if self.db.one("SELECT 1 FROM labels WHERE project = ? AND lower(name) = lower(?) AND deleted = 0", project, name):
            raise RefusedError(f"There is a label {name} already.")
        return name

    def rename_label(self, label: str, name: str) -> None:
        """Another name for a label.

        Raises:
            RefusedError: the name is taken, or will not do.
        """
        row = self._label(label)
        name = self._label_name(row["project"], name)
        self.db.do("UPDATE labels SET name = ? WHERE key = ?", name, label)
        self.note(row["project"], "", f"renamed the label {row['name']} to {name}")

    def _label(self, label: str) -> dict[str, Any]:
        row = self.db.get("labels", label)
        if row is None or row["deleted"]:
            raise RefusedError("There is no such label.")
        self.need(row["project"], "Maintainer")
        return row

    def delete_label(self, label: str) -> None:
        """Delete a label, and take it from all issues.

        Raises:
            RefusedError: there is none.
        """
        row = self._label(label)
        self.db.do("UPDATE labels SET deleted = 1 WHERE key = ?", label)
        self.db.do("DELETE FROM issue_labels WHERE label = ?", label)
        self.note(row["project"], "", f"deleted the label {row['name']}")

    def create_milestone(self, project: str, title: str, due: str) -> None:
        """A new milestone.

        Raises:
            RefusedError: the title is taken, or will not do.
        """
        self.need(project, "Maintainer")
        title = " ".join(title.split())
        if not 1 <= len(title) <= 40 or not slug(title):
            raise RefusedError("A milestone has a title of 1 to 40 characters.")
        if self.db.get("milestones", f"{project}/{slug(title)}") is not None:
            raise RefusedError(f"There is a milestone {title} already.")
        self.db.insert("milestones", f"{project}/{slug(title)}", project, title, date_of(due) if due else "", "open")
        self.note(project, "", f"made the milestone {title}")

    def change_milestone(self, key: str, field: str, value: str) -> None:
        """Give a milestone another due date or state.

        Raises:
            RefusedError: it cannot be.
        """
        row = self.db.get("milestones", key)
        if row is None:
            raise RefusedError("There is no such milestone.")
        self.need(row["project"], "Maintainer")
        value = (date_of(value) if value else "") if field == "due" else value
        self.db.do(f"UPDATE milestones SET {field} = ? WHERE key = ?", value, key)
        self.note(row["project"], "", f"changed the {field} of the milestone {row['title']} to {value or 'nothing'}")

    def set_role(self, project: str, person: str, role: str) -> None:
        """Give somebody a role in a project: another one, a first one, or none (empty).

        Raises:
            RefusedError: it cannot be.
        """
        self.need(project, "Maintainer")
        someone, member = self.db.get("people", person), self.db.get("members", f"{project}/{person}")
        if someone is None or (role and role not in ROLES) or person == self.me:
            raise RefusedError("Choose a person and a role; your own role is changed by another maintainer.")
        if not role:
            self.db.do("DELETE FROM members WHERE key = ?", f"{project}/{person}")
        elif member is None:
            self.db.insert("members", f"{project}/{person}", project, person, role)
        else:
            self.db.do("UPDATE members SET role = ? WHERE key = ?", role, member["key"])
        self.note(project, "", f"gave {someone['name']} the role {role}" if role else f"removed {someone['name']}")

    # Wiki and notifications.

    def write_page(self, page: str, text: str, summary: str) -> None:
        """Another text for a page.

        Raises:
            RefusedError: it cannot be.
        """
        row = self.db.get("pages", page)
        if row is None:
            raise RefusedError("There is no such page.")
        self.need(row["project"], "Developer")
        text = tidy(text)
        if not text:
            raise RefusedError("A page has some text.")
        self.db.do("UPDATE pages SET text = ? WHERE key = ?", text, page)
        self._version(page, text, summary)

    def _version(self, page: str, text: str, summary: str) -> None:
        last = self.db.one("SELECT max(number) AS n FROM versions WHERE page = ?", page)
        number = (last["n"] or 0 if last else 0) + 1
        self.db.insert("versions", f"{page}/{number}", page, number, text, self.me, self.now, " ".join(summary.split())[:120])

    def create_page(self, project: str, title: str, text: str) -> str:
        """A new page; its key.

        Raises:
            RefusedError: the title is taken, or something is missing.
        """
        self.need(project, "Developer")
        title, text = " ".join(title.split()), tidy(text)
        key = f"{project.lower()}-{slug(title)}"
        if not (2 <= len(title) <= 60 and slug(title)) or not text:
            raise RefusedError("A page has a title of 2 to 60 characters, and some text.")
        if self.db.get("pages", key) is not None:
            raise RefusedError("There is a page with this title already.")
        self.db.insert("pages", key, project, title, text)
        self._version(key, text, "First version")
        return key

    def rename_page(self, page: str, title: str) -> None:
        """Another title for a page.

        Raises:
            RefusedError: it will not do.
        """
        row, title = self.db.get("pages", page), " ".join(title.split())
        if row is None or not 2 <= len(title) <= 60:
            raise RefusedError("A page has a title of 2 to 60 characters.")
        self.need(row["project"], "Developer")
        self.db.do("UPDATE pages SET title = ? WHERE key = ?", title, page)

    def read_notice(self, notice: str) -> None:
        """Mark a notification as read; all of them for "all"."""
        self.db.do("UPDATE notifications SET read = 1 WHERE read = 0 AND ? IN (key, 'all')", notice)
