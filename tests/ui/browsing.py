"""A browser without a window: it carries the cookie, follows redirects and reads pages."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from vstore.repository.repository import Repository
from vstore.ui.app import App
from vstore.ui.gate import Gate
from vstore.ui.site import Site

PORT = 8000
HOST = f"127.0.0.1:{PORT}"


@dataclass
class Answer:
    """What came back: a status, headers and bytes, and where from after redirects."""

    status: int
    headers: dict[str, str]
    body: bytes
    address: str = ""

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Browser:
    """Asks an application, as a browser on the same machine does."""

    app: App
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(self, address: str, method: str = "GET", **headers: str) -> Answer:
        """Send one request; headers are given as WSGI names them."""
        split = urlsplit(address)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": _unquoted(split.path),
            "QUERY_STRING": split.query,
            "HTTP_HOST": HOST,
            "HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in self.cookies.items()),
            **headers,
        }
        said: list[Any] = []
        body = self.app(environ, lambda status, found: said.extend((status, found)))
        answer = Answer(int(said[0][:3]), dict(said[1]), b"".join(body), address)
        if "Set-Cookie" in answer.headers:
            name, _, value = answer.headers["Set-Cookie"].split(";")[0].partition("=")
            self.cookies[name] = value
        return answer

    def open(self, address: str) -> Answer:
        """Return a page, after all redirects."""
        for _ in range(5):
            answer = self.ask(address)
            if answer.status != 303:
                return answer
            address = answer.headers["Location"]
        raise AssertionError("redirected for ever")


def _unquoted(path: str) -> str:
    return unquote_to_bytes(path).decode("latin-1")


def browse(repo: Repository) -> Browser:
    """Return a browser that was let in to pages of a repository."""
    gate = Gate(PORT)
    browser = Browser(App(Site(repo), gate))
    assert browser.open(f"/?token={gate.token}").status == 200
    return browser


class Links(HTMLParser):
    """Collects the addresses in a page, and everything that a policy forbids."""

    def __init__(self) -> None:
        super().__init__()
        self.hrefs: list[str] = []
        self.images: list[str] = []
        self.forbidden: list[str] = []
        self.unnamed = 0
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.add(tag)
        self.forbidden += [name for name in found if name.startswith("on") or name == "style"]
        if tag == "script" and found.get("src") != "/script.js":
            self.forbidden.append("script")
        if tag in ("style", "iframe", "object", "embed", "base"):
            self.forbidden.append(tag)
        if tag == "a":
            self.hrefs.append(found.get("href") or "")
        if tag == "img":
            self.images.append(found.get("src") or "")
            self.unnamed += not found.get("alt")
        if tag == "th":
            self.unnamed += not found.get("scope")


def links(page: Answer) -> Links:
    found = Links()
    found.feed(page.text)
    return found
