"""Who works in `prm_gym/Tracker-v0`, with which role, and how texts and dates are kept."""

import datetime

from prm_gym.envs.web.tracker_words import ROLES
from prm_gym.errors import RefusedError
from prm_gym.services import Database

LONGEST_TITLE, LONGEST_TEXT = 120, 2_000


class Desk:
    """The database as somebody works on it, on a day."""

    def __init__(self, database: Database, me: str, now: str) -> None:
        """Begin.

        Args:
            database: where.
            me: key of the person.
            now: the date.
        """
        self.db, self.me, self.now = database, me, now

    def role(self, project: str) -> str:
        """The person's role in a project; empty where they are no member."""
        row = self.db.get("members", f"{project}/{self.me}")
        return str(row["role"]) if row else ""

    def may(self, project: str, role: str) -> bool:
        """Whether they have a role or a higher one."""
        mine = self.role(project)
        return bool(mine) and ROLES.index(mine) >= ROLES.index(role)

    def need(self, project: str, role: str) -> None:
        """Refuse where they have not.

        Raises:
            RefusedError: they have not.
        """
        if not self.may(project, role):
            raise RefusedError(f"This needs the role {role} in the project.")

    def note(self, project: str, issue: str, what: str) -> None:
        """Write down what was done."""
        count = self.db.one("SELECT count(*) AS n FROM activity")
        self.db.insert("activity", f"A{(count['n'] if count else 0) + 1:04}", project, issue, self.me, self.now, what)


def tidy(text: str) -> str:
    """A text of lines, without white space at their ends and without empty ones."""
    lines = [" ".join(line.split()) for line in text[:LONGEST_TEXT].splitlines()]
    return "\n".join(line for line in lines if line)


def date_of(text: str) -> str:
    """A date as it is written here.

    Raises:
        RefusedError: it is none.
    """
    try:
        return datetime.date.fromisoformat(text.strip()).isoformat()
    except ValueError:
        raise RefusedError("Write a date as 2031-04-30.") from None
