"""Requests and answers as values, and the addresses of pages."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from vstore.errors import InvalidInputError

MOST_QUERY = 8192


@dataclass(frozen=True, slots=True)
class Request:
    """What a browser asks for: the parts of the path, the query, and a few headers."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    host: str = ""
    cookies: Mapping[str, str] = field(default_factory=dict)
    fetch_site: str = ""

    @property
    def parts(self) -> list[str]:
        """The names in the path."""
        return [part for part in self.path.split("/") if part]

    def number(self, name: str, default: int, *, least: int = 0) -> int:
        """Return a whole number of the query, or raise `InvalidInputError`."""
        text = self.query.get(name, "")
        if not text:
            return default
        if not text.lstrip("-").isascii() or not text.lstrip("-").isdigit() or len(text) > 18:
            raise InvalidInputError(f"{name} is a whole number, not {text!r}")
        return max(int(text), least)

    def real(self, name: str) -> float | None:
        """Return a number of the query, None where there is none."""
        text = self.query.get(name, "")
        try:
            return float(text) if text else None
        except ValueError:
            raise InvalidInputError(f"{name} is a number, not {text!r}") from None


def request_of(environ: Mapping[str, Any]) -> Request:
    """Return the request that a WSGI server describes."""
    query = environ.get("QUERY_STRING", "")[:MOST_QUERY]
    try:
        path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8")
    except UnicodeError:
        path = "/not-utf-8"
    return Request(
        environ.get("REQUEST_METHOD", ""),
        path,
        dict(parse_qsl(query, keep_blank_values=True)),
        environ.get("HTTP_HOST", ""),
        _cookies(environ.get("HTTP_COOKIE", "")),
        environ.get("HTTP_SEC_FETCH_SITE", ""),
    )


def _cookies(header: str) -> dict[str, str]:
    found = SimpleCookie()
    try:
        found.load(header[:MOST_QUERY])
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in found.items()}


@dataclass(frozen=True, slots=True)
class Response:
    """An answer: a status, headers and bytes."""

    body: bytes = b""
    status: str = "200 OK"
    kind: str = "text/html; charset=utf-8"
    headers: Sequence[tuple[str, str]] = ()


FOREVER = ("Cache-Control", "private, max-age=31536000, immutable")
"""For what is named by a hash: it never changes."""


def redirect(to: str, *headers: tuple[str, str]) -> Response:
    """Return an answer that leads to an address of this server."""
    return Response(status="303 See Other", headers=(("Location", to), *headers))


def address(*parts: str, **query: object) -> str:
    """Return the address of a page; values of the query that are None or empty are left out.

    >>> address("t", "abc", "train/left", page=2, where=None)
    '/t/abc/train/left?page=2'
    """
    path = "/".join(quote(part.strip("/"), safe="/") for part in parts if part)
    said = {name: value for name, value in query.items() if value is not None and value != ""}
    return f"/{path}" + (f"?{urlencode(said)}" if said else "")


def key_text(key: Any) -> str:
    """Return a sample's key as it stands in an address: JSON, lists for tuples.

    >>> key_text(("a", 1)), key_text("x")
    ('["a", 1]', '"x"')
    """
    return json.dumps(key, ensure_ascii=False)


def parse_key(text: str) -> Any:
    """Return the key that an address names, or raise `InvalidInputError`."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInputError(f"a key in an address is JSON, not {text[:80]!r}") from None
    return tuple(found) if isinstance(found, list) else found
