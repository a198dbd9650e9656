"""Who may look: only the browser that was given the token, on this machine, at this address."""

import hmac
import secrets
from collections.abc import Iterable

from vstore.ui.web import Request, Response, address, redirect

_LOCAL = ("127.0.0.1", "localhost", "[::1]")

POLICY = "; ".join(
    [
        "default-src 'none'",
        "img-src 'self'",
        "media-src 'self'",
        "style-src 'self'",
        "script-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)

HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
)
"""What every answer says, whatever it is."""


class Gate:
    """Lets requests pass that carry the cookie; the printed address is swapped for it.

    Requests for other hosts are refused, so that no name on the internet that leads here has
    pages of this server; so are requests that pages of others make.
    """

    def __init__(self, port: int, *, hosts: Iterable[str] = ()) -> None:
        self.token = secrets.token_urlsafe(24)
        self._session = secrets.token_urlsafe(24)
        self._cookie = f"vstore_{port}"
        names = [*_LOCAL, *hosts]
        self._hosts = {name.lower() for host in names for name in (host, f"{host}:{port}")}

    def refusal(self, request: Request) -> Response | None:
        """Return the answer to a request that may not pass; None for one that may."""
        refused = self._misled(request)
        if refused is not None:
            return refused
        if "token" in request.query:
            return self._swapped(request)
        if not _is_same(request.cookies.get(self._cookie, ""), self._session):
            return _plain("401 Unauthorized", "Open the address that vstore ui printed.")
        return None

    def _misled(self, request: Request) -> Response | None:
        """Return the answer to a request that no browser makes for a page of this server."""
        if request.host.lower() not in self._hosts:
            return _plain("421 Misdirected Request", "This server has another name.")
        if request.method not in ("GET", "HEAD"):
            allowed = ("Allow", "GET, HEAD")
            return _plain("405 Method Not Allowed", "This server only reads.", allowed)
        if request.fetch_site not in ("", "same-origin", "none"):
            return _plain("403 Forbidden", "Another site asked for this.")
        return None

    def _swapped(self, request: Request) -> Response:
        """Return the way to the page itself, with the cookie in the place of the token."""
        if not _is_same(request.query["token"], self.token):
            return _plain("401 Unauthorized", "Open the address that vstore ui printed.")
        rest = {name: value for name, value in request.query.items() if name != "token"}
        cookie = f"{self._cookie}={self._session}; HttpOnly; SameSite=Strict; Path=/"
        return redirect(address(request.path, **rest), ("Set-Cookie", cookie))


def _is_same(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode())


def _plain(status: str, words: str, *headers: tuple[str, str]) -> Response:
    return Response(f"{words}\n".encode(), status, "text/plain; charset=utf-8", headers)
