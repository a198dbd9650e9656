"""The application: a request in, an answer out, whatever goes wrong."""

import json
from collections.abc import Callable, Iterable, Mapping
from importlib.resources import files
from typing import Any

from vstore.display.html import element
from vstore.display.style import STYLE
from vstore.errors import InvalidInputError, NotFoundError, VstoreError
from vstore.format.digest import is_digest
from vstore.ui.gate import HEADERS, Gate
from vstore.ui.layout import Page, framed
from vstore.ui.pages import array, commit, compare, log, media, merge, sample, statistics, table
from vstore.ui.site import Site
from vstore.ui.web import Request, Response, address, redirect, request_of
from vstore.wording import printable

Handler = Callable[[Site, Request], Page | Response]

PAGES: Mapping[str, Handler] = {
    "": commit.home,
    "go": commit.go,
    "log": log.log,
    "diff": compare.diff,
    "merge": merge.merge,
}
"""By the first name in an address: pages that may name branches."""

PINNED: Mapping[str, Handler] = {
    "c": commit.commit,
    "t": table.table,
    "s": sample.sample,
    "stats": statistics.statistics,
    "bars": statistics.bars,
    "a": array.array,
    "slice": array.slice_picture,
    "cell": media.cell,
    "picture": media.picture,
}
"""Pages whose addresses name a commit by its hash; a branch or tag there leads to its hash."""

_FILES = {
    "icon.svg": "image/svg+xml",
    "script.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
}


class App:
    """A WSGI application that shows one repository."""

    def __init__(self, site: Site, gate: Gate) -> None:
        self._site = site
        self._gate = gate

    def __call__(
        self, environ: Mapping[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Answer a request; see PEP 3333."""
        request = request_of(environ)
        response = self.respond(request)
        sent = ("Content-Type", response.kind), ("Content-Length", str(len(response.body)))
        start_response(response.status, [*sent, *HEADERS, *_cached(response)])
        return [] if request.method == "HEAD" else [response.body]

    def respond(self, request: Request) -> Response:
        """Return the answer to a request."""
        refused = self._gate.refusal(request)
        if refused is not None:
            return refused
        try:
            return self._answer(request)
        except VstoreError as error:
            return self._failed(error)
        except Exception as error:  # noqa: BLE001 - a page that fails leaves the others alone
            words = f"This page failed: {type(error).__name__}."
            return self._said("500 Internal Server Error", words)

    def _answer(self, request: Request) -> Response:
        first, *rest = request.parts or [""]
        before = self._site.meter.cost
        if first in _FILES and not rest:
            return _file(first)
        if first in PAGES:
            made = PAGES[first](self._site, request)
        elif first in PINNED and rest:
            if not is_digest(rest[0]) and first != "picture":
                pinned = self._site.resolve(rest[0])
                return redirect(address(first, pinned, *rest[1:], **request.query))
            made = PINNED[first](self._site, request)
        else:
            raise NotFoundError("there is no such page")
        if isinstance(made, Response):
            return made
        if request.query.get("format") == "json":
            data = json.dumps(made.data, ensure_ascii=True, default=str).encode()
            return Response(data, kind="application/json")
        cost = self._site.meter.cost - before
        return Response(framed(made, self._site.repo.url, cost))

    def _failed(self, error: VstoreError) -> Response:
        status = "500 Internal Server Error"
        if isinstance(error, NotFoundError):
            status = "404 Not Found"
        elif isinstance(error, InvalidInputError):
            status = "400 Bad Request"
        return self._said(status, printable(str(error)))

    def _said(self, status: str, words: str) -> Response:
        page = Page(title=status.partition(" ")[2], content=element("p", words), data={})
        return Response(framed(page, self._site.repo.url), status)


def _file(name: str) -> Response:
    body = files("vstore.ui").joinpath("static", name).read_bytes()
    if name == "style.css":
        body = STYLE.encode() + body
    return Response(body, kind=_FILES[name], headers=[("Cache-Control", "private, max-age=300")])


def _cached(response: Response) -> Iterable[tuple[str, str]]:
    """Return the headers of an answer; what says nothing of caches is not to be kept."""
    names = {name for name, _ in response.headers}
    return response.headers if "Cache-Control" in names else [*response.headers, NEVER]


NEVER = ("Cache-Control", "no-store")
