"""Who may look: nobody without the token, from another site, or under another name."""

import pytest

from tests.ui.browsing import HOST, PORT, Browser, browse
from vstore.repository.repository import Repository
from vstore.ui.app import App
from vstore.ui.gate import Gate
from vstore.ui.site import Site


@pytest.fixture
def gate() -> Gate:
    return Gate(PORT, hosts=["gpu1.example.org"])


@pytest.fixture
def stranger(shapes: Repository, gate: Gate) -> Browser:
    return Browser(App(Site(shapes), gate))


def test_the_token_is_swapped_for_a_cookie_and_leaves_the_address(
    stranger: Browser, gate: Gate
) -> None:
    answer = stranger.ask(f"/log?token={gate.token}&rev=main")
    assert (answer.status, answer.headers["Location"]) == (303, "/log?rev=main")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert gate.token not in cookie
    assert stranger.ask("/log?rev=main").status == 200


@pytest.mark.parametrize(
    "address", ["/", "/log", "/style.css", "/cell/x", "/?token=", "/?token=wrong", "/?token=%FF"]
)
def test_without_the_token_there_is_nothing(stranger: Browser, address: str) -> None:
    answer = stranger.ask(address)
    assert answer.status == 401
    assert b"train" not in answer.body


@pytest.mark.parametrize(
    "cookie",
    ["", f"vstore_{PORT}=", "x=vstore_{PORT}=y", f"vstore_{PORT}=%00", "=;;=", "a" * 99999],
)
def test_cookies_are_parsed(shapes: Repository, gate: Gate, cookie: str) -> None:
    stranger = Browser(App(Site(shapes), gate))
    assert stranger.ask("/", HTTP_COOKIE=cookie).status == 401


def test_the_session_in_another_place_of_the_cookies_is_none(shapes: Repository) -> None:
    browser = browse(shapes)
    (value,) = browser.cookies.values()
    assert browser.ask("/", HTTP_COOKIE=f"other={value}").status == 401
    assert browser.ask("/", HTTP_COOKIE=f"other=1; vstore_{PORT}={value}").status == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1.evil.example", f"evil.example:{PORT}", "127.0.0.1:1"]
)
def test_other_names_of_the_server_are_refused(browser: Browser, host: str) -> None:
    assert browser.ask("/", HTTP_HOST=host).status == 421


@pytest.mark.parametrize("host", [HOST, f"localhost:{PORT}", f"[::1]:{PORT}"])
def test_its_own_names_are_not(browser: Browser, host: str) -> None:
    assert browser.ask("/", HTTP_HOST=host).status == 200


def test_a_host_that_was_allowed_is_not(stranger: Browser, gate: Gate) -> None:
    stranger.ask(f"/?token={gate.token}", HTTP_HOST="gpu1.example.org")
    assert stranger.ask("/", HTTP_HOST="GPU1.example.org").status == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site", "?"])
def test_pages_of_others_get_nothing(browser: Browser, site: str) -> None:
    assert browser.ask("/", HTTP_SEC_FETCH_SITE=site).status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", ""])
def test_only_reading_is_allowed(browser: Browser, method: str) -> None:
    assert browser.ask("/", method).status == 405


def test_head_is_get_without_the_page(browser: Browser) -> None:
    answer = browser.ask("/", "HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 1000


@pytest.mark.parametrize("address", ["/", "/log", "/nothing", "/style.css", "/t/main/data/train"])
def test_every_answer_has_a_strict_policy(browser: Browser, address: str) -> None:
    headers = browser.ask(address).headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_a_redirect_stays_on_this_server(stranger: Browser, gate: Gate) -> None:
    answer = stranger.ask(f"//evil.example/x?token={gate.token}")
    assert not answer.headers["Location"].startswith("//")
