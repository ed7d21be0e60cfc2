"""A site of our own: pages by address, over the database of one visit.

site = Site("notes.test", "Notes")

@site.get("/notes/{key}")
def note(visit, request, key):
    row = visit.database.get("notes", key)
    return Missing() if row is None else layout(row["title"], e.p(row["text"]))
"""

import re
from collections.abc import Callable, Mapping, MutableMapping
from functools import lru_cache
from threading import RLock
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec

from prm_gym.claims import RowChange
from prm_gym.errors import ContractError, RefusedError
from prm_gym.services import Database
from prm_gym.web.html import Node, e
from prm_gym.web.kept_pages import KeptPages, Shape, Watched, unwatched

MOST_FIELDS, LONGEST_QUERY = 200, 20_000


class Request(msgspec.Struct, frozen=True, gc=False):
    """What a page is asked for.

    Attributes:
        method: "GET" or "POST".
        path: begins with "/".
        query: the fields after "?", each with all its values.
        form: the fields of a form that is posted.
    """

    method: str
    path: str
    query: Mapping[str, list[str]] = {}
    form: Mapping[str, list[str]] = {}

    def one(self, name: str, default: str = "") -> str:
        """The last value of a field, of the form or else of the address, without white space at the ends."""
        values = self.form.get(name) or self.query.get(name)
        return values[-1].strip() if values else default

    def all(self, name: str) -> list[str]:
        """All values of a field."""
        return list(self.form.get(name) or self.query.get(name) or ())

    @property
    def url(self) -> str:
        """Path and query; a "?" in the path is written as "%3F", so that no two requests for pages have the same."""
        path = self.path.replace("%", "%25").replace("?", "%3F")
        fields = [(name, value) for name, values in self.query.items() for value in values]
        return f"{path}?{urlencode(fields)}" if fields else path


class Page(msgspec.Struct, frozen=True, gc=False):
    """A page: what stands in its `html`, or a part of one where the request asked for a part."""

    root: Node
    status: int = 200


class Invalid(msgspec.Struct, frozen=True, gc=False):
    """A form that was not filled in well: the page that says so, which stands at the address of the one before; nothing is changed."""

    root: Node
    why: str = ""


class Redirect(msgspec.Struct, frozen=True, gc=False):
    """Another page is to be asked for."""

    path: str


class Missing(msgspec.Struct, frozen=True, gc=False):
    """There is no such page."""

    why: str = "This page does not exist."


Answered: TypeAlias = Node | Page | Invalid | Redirect | Missing
Handler: TypeAlias = Callable[..., Answered]


class Response(msgspec.Struct, frozen=True, gc=False):
    """What goes back to the browser.

    Attributes:
        status: of HTTP: 200, 303 (to `location`), 400 for what cannot be read, 404, or 422 for a form that was not filled in well.
        root: the page.
        location: where else to look.
    """

    status: int
    root: Node | None = None
    location: str = ""


class Event(msgspec.Struct, frozen=True):
    """Something that a site says happened, for the rules of the task: not a change of rows, which the database records by itself."""

    name: str
    facts: Mapping[str, Any] = {}


class Visit:
    """One environment's side of a site: its database, what the site remembers of its visitor, and what happened since somebody last looked.

    Attributes:
        database: of this episode alone.
        memory: what the site remembers between pages, as JSON values: who is logged in, what was said last.
        now: the time of the site; it stands still.
        changes: changes of cells since `collect`.
        events: what the pages told since then.
        seen: the addresses that were asked for and given since then, with their path and query.
        refused: why the last form was refused.
        broken: an error that a page raised in the server's thread, and that nobody has heard of yet.
        sites: by host, those that a real browser finds in this visit; all that the server has where it is empty.
        lock: held while a page is made; the server of a real browser works in another thread.
    """

    def __init__(self, database: Database, memory: MutableMapping[str, Any], now: str = "") -> None:
        """Begin a visit."""
        self.database, self.memory, self.now = database, memory, now
        self.changes: list[RowChange] = []
        self.events: list[Event] = []
        self.seen: list[str] = []
        self.refused = ""
        self.broken: Exception | None = None
        self.sites: Mapping[str, Site] = {}
        self.lock = RLock()

    def tell(self, name: str, **facts: Any) -> None:
        """Say that something happened."""
        self.events.append(Event(name, facts))

    def forget(self) -> None:
        """Begin a new step: what happened so far has been looked at."""
        self.changes, self.events, self.seen, self.refused = [], [], [], ""


class Site:
    """Pages by address."""

    def __init__(self, host: str, title: str) -> None:
        """Begin a site without pages.

        Args:
            host: its name, such as "shop.test".
            title: what it is called.
        """
        self.host, self.title = host, title
        self._pages = KeptPages[Response]()
        self._routes: dict[tuple[str, int, str], list[tuple[re.Pattern[str], Handler, bool]]] = {}
        self.layout: Callable[[Visit, str, Node], Node] = _plain

    def get(self, pattern: str, writes: bool = False) -> Callable[[Handler], Handler]:
        """Decorate the function that gives the page of an address: `/notes/{key}`; each part in braces is an argument of that name.

        Args:
            pattern: the path.
            writes: looking at the page changes rows (a mail is marked as read).
        """
        return self._route("GET", pattern, writes)

    def post(self, pattern: str) -> Callable[[Handler], Handler]:
        """Decorate the function that takes a form. What it does is one transaction: all of it, or nothing where it gives `Invalid` or refuses."""
        return self._route("POST", pattern, True)

    def _route(self, method: str, pattern: str, writes: bool) -> Callable[[Handler], Handler]:
        parts = pattern.strip("/").split("/")
        compiled = re.compile("/".join(f"(?P<{part[1:-1]}>[^/]+)" if part.startswith("{") else re.escape(part) for part in parts))

        def keep(handler: Handler) -> Handler:
            self._routes.setdefault((method, len(parts), "" if parts[0].startswith("{") else parts[0]), []).append((compiled, handler, writes))
            return handler

        return keep

    def respond(self, visit: Visit, request: Request) -> Response:
        """Answer a request.

        Raises:
            EnvironmentFault: the database failed.
        """
        with visit.lock:
            path = request.path.strip("/")
            first, count = path.partition("/")[0], path.count("/") + 1
            for pattern, handler, writes in (*self._routes.get((request.method, count, first), ()), *self._routes.get((request.method, count, ""), ())):
                found = pattern.fullmatch(path)
                if found is not None:
                    if request.method == "POST":
                        return self._response(visit, request, self._transacted(visit, request, handler, found.groupdict()))
                    return self._remembered(visit, request, handler, found.groupdict(), writes)
            return self._response(visit, request, Missing())

    def answer(self, visit: Visit, method: str, path: str, query: str, body: str = "") -> Response:
        """Answer what a browser sends; see `read_request`.

        Raises:
            EnvironmentFault: the database failed.
        """
        try:
            request = read_request(method, path, query, body)
        except ContractError as error:
            with visit.lock:
                return Response(400, self.layout(visit, "Not possible", e.main(e.h1("Not possible"), e.p(str(error)))))
        return self.respond(visit, request)

    def _remembered(self, visit: Visit, request: Request, handler: Handler, arguments: dict[str, str], writes: bool) -> Response:
        """A page that is only read; made once from the same rows and the same memory, where making it tells and changes nothing."""
        kept = self._pages.find(handler, request.url, visit)
        if kept is not None:
            visit.seen.append(request.url)
            return kept
        told, memory = (len(visit.events), len(visit.changes)), msgspec.json.encode(visit.memory)
        visit.memory = watched = Watched(visit.memory)
        visit.database.reading = tables = set[str]()
        try:
            answered = self._transacted(visit, request, handler, arguments) if writes else handler(visit, request, **arguments)
            response = self._response(visit, request, answered)
        finally:
            visit.database.reading = None
            visit.memory = unwatched(visit.memory)
        if response.status == 200 and (len(visit.events), len(visit.changes)) == told and msgspec.json.encode(visit.memory) == memory:
            self._pages.keep(handler, request.url, visit, Shape(tuple(sorted(tables)), watched.names), response)
        return response

    def _transacted(self, visit: Visit, request: Request, handler: Handler, arguments: dict[str, str]) -> Answered:
        before, told = unwatched(visit.memory), len(visit.events)
        invalid: list[Invalid] = []

        def work(_: Database) -> Answered:
            answered = handler(visit, request, **arguments)
            if isinstance(answered, Invalid):
                invalid.append(answered)
                raise RefusedError(answered.why)
            return answered

        try:
            answered, changes = visit.database.transact(work)
        except RefusedError as refusal:
            visit.memory = before
            del visit.events[told:]
            visit.refused = str(refusal) or "the form was not filled in well"
            return invalid[0] if invalid else Invalid(self.layout(visit, "Not possible", e.main(e.h1("Not possible"), e.p(str(refusal)))), str(refusal))
        visit.changes += changes
        return answered

    def _response(self, visit: Visit, request: Request, answered: Answered) -> Response:
        match answered:
            case Node():
                visit.seen.append(request.url)
                return Response(200, answered)
            case Page(root, status):
                visit.seen.append(request.url)
                return Response(status, root)
            case Invalid(root):
                return Response(422, root)
            case Redirect(path):
                return Response(303, None, path)
            case Missing(why):
                return Response(404, self.layout(visit, "Not found", e.main(e.h1("Not found"), e.p(why))))
            case _:  # a page without a `return`
                raise ContractError(f"the page of {request.method} {request.path} gave {answered!r}, and not a Node, Page, Invalid, Redirect or Missing")


def read_request(method: str, path: str, query: str, body: str = "") -> Request:
    """A request from what a browser sends.

    Args:
        method: of HTTP.
        path: decoded.
        query: encoded, without "?".
        body: of a form, encoded as an address is.

    Raises:
        ContractError: it is too long or has too many fields.
    """
    return Request(method, path, _fields(query), _fields(body))


def _fields(encoded: str) -> dict[str, list[str]]:
    if not encoded:
        return {}
    if len(encoded) > LONGEST_QUERY:
        raise ContractError(f"a form of at most {LONGEST_QUERY:,} characters is read, this one has {len(encoded):,}")
    try:
        pairs = parse_qsl(encoded, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError as error:
        raise ContractError(f"a form of at most {MOST_FIELDS} fields is read") from error
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value.replace("\0", ""))  # which no page can show
    return fields


@lru_cache(4096)
def split_url(url: str) -> tuple[str, str, str, str]:
    """Scheme, host, path and query of an address; empty where it has none, or cannot be read."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", "", "", ""
    return parts.scheme, parts.netloc, parts.path or "/", parts.query


def plain_address(url: str) -> str:
    """An address as browsers write it: without its fragment, without dots as parts of the path, and with what is no ordinary character encoded.

    >>> plain_address('http://a.test/x/../b c?q="1"#part')
    'http://a.test/b%20c?q=%221%22'
    """
    scheme, host, path, query = split_url(url.partition("#")[0].strip())
    if not scheme or not host:
        return url
    kept: list[str] = []
    parts = path.split("/")[1:]
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        if part.casefold() in ("..", ".%2e", "%2e.", "%2e%2e"):
            kept = [*kept[:-1], *([""] * last)]
        elif part.casefold() in (".", "%2e"):
            kept += [""] * last
        else:
            kept.append(part)
    path = "/" + "/".join(quote(part, safe=_IN_PATH) for part in kept)
    host = host.rpartition("@")[2].lower().removesuffix(":80")
    return f"{scheme}://{host}{path}" + (f"?{quote(query, safe=_IN_QUERY)}" if query else "")


_IN_PATH = "%!$&'()*+,-.:;=@[]_~\\"
_IN_QUERY = "%!$&()*+,-./:;=?@[]^_`{|}~\\"


def _plain(visit: Visit, title: str, content: Node) -> Node:
    _ = visit
    return e.html(e.head(e.title(title)), e.body(content))
