"""TextBrowser: our sites without a browser. It sees what a real browser sees, and does what it does, at a thousandth of the cost.

It knows what our pages are made of: links, forms and fields, dialogs, details, and the attributes that `world.js` gives a meaning. It is no browser for pages
of others.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import unquote, urlencode, urljoin

from prm_gym.errors import ContractError, EnvironmentFault
from prm_gym.web.actions import Action, Back, Click, Goto, Hover, Press, Select, Tab, Type
from prm_gym.web.document import Document, Unable
from prm_gym.web.html import Node
from prm_gym.web.observation import LONGEST_URL, Acted, Sight
from prm_gym.web.site import Response, Site, Visit, split_url

MOST_REDIRECTS, MOST_TABS, MOST_HISTORY = 10, 5, 200


_BLANK = Node("html", {}, ())


class Browser(Protocol):
    """What an environment asks of a browser, real or not."""

    def open(self, url: str) -> Sight:
        """Open an address in a new beginning: one tab, no history."""
        ...

    def act(self, action: Action) -> Acted:
        """Do something, and see what came of it."""
        ...

    def see(self) -> Sight:
        """What is to be seen now."""
        ...

    def close(self) -> None:
        """Give back what the browser holds."""
        ...


class _Tab:
    """A tab: the addresses that were opened, and the page of the last one."""

    def __init__(self) -> None:
        self.history: list[str] = []
        self.place = -1
        self.document = Document(_BLANK)

    @property
    def url(self) -> str:
        return self.history[self.place] if self.history else "about:blank"


class TextBrowser:
    """A browser for sites that are answered in this process."""

    def __init__(self, sites: Sequence[Site], visit: Visit) -> None:
        """Make one without a page.

        Args:
            sites: all that there is of the web.
            visit: the server's side of it.
        """
        self._sites: Mapping[str, Site] = {site.host: site for site in sites}
        self.visit = visit
        self._tabs = [_Tab()]
        self._here = 0
        self._pages = 0
        self._notes: list[str] = []

    @property
    def _tab(self) -> _Tab:
        return self._tabs[self._here]

    def open(self, url: str) -> Sight:
        """Open an address in a new beginning."""
        self._tabs, self._here, self._pages, self._notes = [_Tab()], 0, 0, []
        if not self._is_allowed(url):
            raise ContractError(f"no site of this browser has the address {url!r}")
        self._load(url, "GET", push=True)
        return self.see()

    def see(self) -> Sight:
        """What is to be seen now."""
        document = self._tab.document
        return Sight(
            url=self._tab.url[:LONGEST_URL],
            title=document.title,
            items=document.items(),
            page=document.number,
            tabs=tuple(tab.document.title for tab in self._tabs),
            tab=self._here,
            notes=tuple(self._notes),
        )

    def act(self, action: Action) -> Acted:
        """Do something."""
        self._notes.clear()
        try:
            self._do(action)
        except Unable as unable:
            return Acted(self.see(), str(unable))
        return Acted(self.see())

    def close(self) -> None:
        """Nothing is held."""

    # Actions.

    def _do(self, action: Action) -> None:
        match action:
            case Click(ref, count):
                node = self._tab.document.reach(ref)
                for _ in range(count):
                    self._click(node)
            case Type(ref, text):
                field = self._tab.document.type(ref, text)
                self._changed(field, "input")
            case Select(ref, option):
                field = self._tab.document.select(ref, option)
                self._changed(field, "change")
            case Press(key, ref):
                self._press(key, ref)
            case Goto(url):
                if not self._is_allowed(url):
                    raise Unable(f"this address is not allowed: {url}")
                self._load(url, "GET", push=True)
            case Back():
                if self._tab.place == 0:
                    raise Unable("there is no page to go back to")
                self._tab.place -= 1
                self._load(self._tab.url, "GET", push=False)
            case Tab(number):
                if not 1 <= number <= len(self._tabs):
                    raise Unable(f"there is no tab {number}")
                self._here = number - 1
            case Hover(ref):
                self._tab.document.reach(ref)
            case _:
                pass

    def _click(self, node: Node) -> None:
        document = self._tab.document
        if not document.has(node):  # of a double click the first has changed the page
            return
        document.focus(node)
        attributes = node.attributes
        if node.tag == "a" and "data-open" not in attributes and "data-toggle" not in attributes:
            self._follow(node)
        elif node.tag == "summary":
            document.toggle_details(node)
        elif "data-open" in attributes:
            document.open_dialog(attributes["data-open"])
        elif "data-close" in attributes:
            document.close_dialog()
        elif "data-toggle" in attributes:
            document.toggle(attributes["data-toggle"], node)
        elif node.tag == "input" and attributes.get("type") in ("checkbox", "radio"):
            if document.check(node):
                self._changed(node, "change")
        elif node.tag == "button" or attributes.get("type") in ("submit", "reset", "image"):
            self._push_button(node)

    def _push_button(self, button: Node) -> None:
        kind = button.attributes.get("type", "submit" if button.tag == "button" else "")
        form = self._tab.document.form_of(button)
        if form is None or kind == "button":
            return
        if kind == "reset":
            self._tab.document.reset(form)
        else:
            self._send(form, button)

    def _follow(self, link: Node) -> None:
        url = _joined(self._tab.url, link.attributes["href"])
        if link.attributes.get("target") == "_blank":
            self._open_tab(url)
        elif not self._is_allowed(url):
            self._notes.append(f"this address is not allowed: {url}")
        else:
            self._load(url, "GET", into=link.attributes.get("data-into", ""), push=True)

    def _open_tab(self, url: str) -> None:
        if len(self._tabs) >= MOST_TABS or not self._is_allowed(url):
            self._notes.append("a new window was refused")
            return
        self._tabs.append(_Tab())
        self._here = len(self._tabs) - 1
        self._load(url, "GET", push=True)

    def _changed(self, field: Node, how: str) -> None:
        """A field has another value; its form may be sent for it."""
        form = self._tab.document.form_of(field)
        if form is not None and field.attributes.get("data-submit") == how:
            self._send(form, None)

    def _press(self, key: str, ref: int) -> None:
        document = self._tab.document
        if ref:
            document.focus(document.reach(ref))
        if key == "Escape":
            field = document.focused
            if document.modal is not None:
                document.close_dialog()
            elif field is not None and document.clear_search(field):
                self._changed(field, "input")
            return
        node = document.focused
        if node is None:
            return
        kind = node.attributes.get("type", "text")
        if key == "Enter":
            if node.tag in ("a", "button", "summary") or kind in ("submit", "reset", "button"):
                self._click(node)
            elif node.tag == "input":
                self._submit_by_enter(node)
            elif node.tag == "textarea" and document.break_line(node):
                self._changed(node, "input")

    def _submit_by_enter(self, field: Node) -> None:
        """A form is sent by the enter key as by its first button."""
        document = self._tab.document
        form = document.form_of(field)
        if form is None:
            return
        button = document.submitter(form)
        if button is None or not document.is_disabled(button):
            self._send(form, button)

    def _send(self, form: Node, submitter: Node | None) -> None:
        document = self._tab.document
        fields = document.fields(form, submitter)
        url = _joined(self._tab.url, form.attributes.get("action") or self._tab.url)
        into = form.attributes.get("data-into", "")
        if form.attributes.get("method", "get").lower() == "post":
            self._load(url, "POST", body=urlencode(fields), into=into, push=True)
        else:
            self._load(f"{url.partition('?')[0]}?{urlencode(fields)}" if fields else url.partition("?")[0], "GET", into=into, push=True)

    # Pages.

    def _is_allowed(self, url: str) -> bool:
        scheme, host, _, _ = split_url(url)
        return scheme == "http" and host in self._sites

    def _load(self, url: str, method: str, body: str = "", into: str = "", push: bool = True) -> None:
        url = url.partition("#")[0]
        for _ in range(MOST_REDIRECTS):
            scheme, host, path, query = split_url(url)
            site = self._sites.get(host)
            if scheme != "http" or site is None:
                raise Unable(f"this page cannot be opened: {url}")
            response = site.answer(self.visit, method, unquote(path), query, body)
            if response.status != 303:
                self._arrive(response, url, into, push and response.status != 422)
                return
            url, method, body = _joined(url, response.location), "GET", ""
        raise Unable(f"this page cannot be opened: {MOST_REDIRECTS} redirects without an end")

    def _arrive(self, response: Response, url: str, into: str, push: bool) -> None:
        if response.root is None:
            raise EnvironmentFault("a site gave no page")
        if into:
            self._tab.document.replace(into, response.root)
            return
        self._show(response.root, url, push)

    def _show(self, root: Node, url: str, push: bool) -> None:
        tab = self._tab
        self._pages += 1
        tab.document = Document(root, self._pages)
        if push and url != tab.url:
            del tab.history[tab.place + 1 :]
            tab.history.append(url)
            del tab.history[:-MOST_HISTORY]
            tab.place = len(tab.history) - 1


def _joined(base: str, address: str) -> str:
    """An address as a page at `base` means it."""
    if address[:1] == "/" and address[:2] != "//":
        scheme, host, _, _ = split_url(base)
        return f"{scheme}://{host}{address}"
    return urljoin(base, address)
