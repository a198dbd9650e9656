"""Journeys in Chromium: what users do, with and without JavaScript, on anybody's repository.

Needs Playwright and Chromium; `VSTORE_AXE` names a copy of axe-core that pages are checked with.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.display.test_representations import MAKERS, fill
from tests.repositories import new_repository
from tests.ui.test_hostile import hostile  # noqa: F401 - a fixture
from vstore.repository.repository import Repository
from vstore.ui.app import App
from vstore.ui.gate import Gate
from vstore.ui.server import listen
from vstore.ui.site import Site

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

Open = Callable[..., Any]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Open]:
    """Opens a repository's pages, and fails where anything ran or was refused in them."""
    heard: list[str] = []
    contexts = []
    servers = []

    def start(repo: Repository, address: str = "/", **options: Any) -> Any:
        server = listen("127.0.0.1", 0)
        gate = Gate(server.server_port)
        server.set_app(App(Site(repo), gate))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("dialog", lambda dialog: dismissed(dialog, heard))
        page.on("console", lambda said: heard.append(said.text) if said.type == "error" else None)
        page.on("response", lambda got: heard.append(got.url) if got.status >= 400 else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        joint = "&" if "?" in address else "?"
        page.goto(f"http://127.0.0.1:{server.server_port}{address}{joint}token={gate.token}")
        return page

    yield start
    for context in contexts:
        context.close()
    for server in servers:
        server.shutdown()
        server.server_close()
    assert heard == []


def dismissed(dialog: Any, heard: list[str]) -> None:
    heard.append(dialog.message)
    dialog.dismiss()


def loaded(page: Any, selector: str = "main img") -> int:
    """Wait for pictures that are seen; return how many of them there are."""
    page.wait_for_load_state("networkidle")
    sizes: list[int] = page.eval_on_selector_all(
        selector, "all => all.filter(i => i.complete).map(i => i.naturalWidth)"
    )
    assert all(sizes)
    return len(sizes)


@pytest.mark.parametrize("javascript", [True, False])
def test_a_sample_is_found(visit: Open, shapes: Repository, javascript: bool) -> None:
    page = visit(shapes, java_script_enabled=javascript)
    page.click("text=data/train")
    page.fill("input[name=where]", 'label = 9 and caption contains "class 3"')
    page.click("main button:has-text('Show')")
    page.click("main tbody a:has-text('shape/3')")
    assert page.text_content("h1") == "data/train shape/3"
    assert "Bob Ray" in page.text_content("main")
    if javascript:
        assert loaded(page) == 1


def test_rows_are_chosen_and_pages_turned_by_keys(visit: Open, shapes: Repository) -> None:
    page = visit(shapes, "/t/main/data/train")
    for key in ("j", "j", "k", "j"):
        page.keyboard.press(key)
    assert "shape/2" in page.text_content("tr.chosen")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**page=2")
    assert loaded(page) > 0


def test_a_class_is_looked_at(visit: Open, shapes: Repository) -> None:
    page = visit(shapes, "/t/main/data/train")
    page.click("thead a:has-text('label')")
    page.click("main tbody a:text-is('2')")
    assert "1 to 65 of 65" in page.text_content("main")


def test_commits_are_compared(visit: Open, shapes: Repository) -> None:
    page = visit(shapes, "/diff")
    page.fill("input[name=old]", "v1")
    page.fill("input[name=new]", "main")
    page.click("button:has-text('Compare')")
    page.click("text=Samples of data/train")
    assert loaded(page, ".pair figure img") >= 3
    page.click("button:has-text('swipe')")
    over = page.locator(".compare .over").first
    assert "inset" in over.evaluate("e => e.style.clipPath")
    page.click("button:has-text('side by side')")
    assert page.locator("figure.before").first.is_visible()


def test_a_conflict_is_looked_at(visit: Open, shapes: Repository) -> None:
    page = visit(shapes)
    page.locator("tr", has_text="feature/redraw").locator("text=try to merge").click()
    assert "--theirs data/train/image" in page.text_content("pre")
    assert loaded(page) == 3


def test_an_address_that_was_shared_shows_the_same(visit: Open, shapes: Repository) -> None:
    first = visit(shapes, "/s/main/data/train?key=%22shape/4%22")
    path = first.url.partition("/s/")[2]
    second = visit(shapes, f"/s/{path}")
    assert first.text_content("main") == second.text_content("main")
    assert "token" not in first.url


ADDRESSES = [
    "/",
    "/log",
    "/t/main/t",
    "/s/main/t?row=0",
    "/diff/main~1..main/t",
    "/merge?theirs=side",
]


@pytest.mark.parametrize("address", ADDRESSES)
def test_nothing_of_strangers_runs(
    visit: Open,
    hostile: Repository,  # noqa: F811
    address: str,
) -> None:
    page = visit(hostile, address)
    page.wait_for_load_state("networkidle")
    assert page.locator("main script, main iframe").count() == 0


@pytest.mark.skipif("VSTORE_AXE" not in os.environ, reason="VSTORE_AXE is not set")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "address",
    ["/", "/log", "/t/main/data/train", "/s/main/data/train?row=3", "/stats/main/data/train/label",
     "/a/main/scan", "/diff/v1..main/data/train", "/merge?theirs=feature/redraw", "/diff"],
)  # fmt: skip
def test_axe_finds_nothing_serious(
    visit: Open, shapes: Repository, address: str, scheme: str
) -> None:
    page = visit(shapes, address, color_scheme=scheme, bypass_csp=True)
    page.add_script_tag(path=os.environ["VSTORE_AXE"])
    found = page.evaluate("() => axe.run()")["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []


@pytest.mark.parametrize("width", [360, 1200])
def test_pages_are_as_wide_as_the_window(visit: Open, shapes: Repository, width: int) -> None:
    page = visit(shapes, "/t/main/data/train", viewport={"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("theme", ["true", "false"])
def test_representations_fit_a_notebook(chromium: Any, tmp_path: Path, theme: str) -> None:
    repo = fill(new_repository())
    shown = [make(repo)._repr_html_() for make in MAKERS.values()]
    body = f"<!doctype html><meta charset=utf-8><body data-jp-theme-light={theme}>{''.join(shown)}"
    (tmp_path / "notebook.html").write_text(body, encoding="utf-8")
    page = chromium.new_page(viewport={"width": 700, "height": 900})
    heard: list[str] = []
    page.on("dialog", lambda dialog: dismissed(dialog, heard))
    page.goto((tmp_path / "notebook.html").as_uri())
    assert page.locator(".vstore-box").count() == len(MAKERS)
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    accent = page.evaluate("getComputedStyle(document.querySelector('.vstore-kind')).color")
    assert accent == ("rgb(37, 99, 168)" if theme == "true" else "rgb(108, 176, 245)")
    assert heard == []
    page.close()
