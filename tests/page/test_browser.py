"""The published page in Chromium: what somebody sees who follows a link.

Needs Playwright and Chromium; `VSTORE_AXE` names a copy of axe-core that pages are checked with.
"""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.exporters.test_exporting import png
from tests.format.golden import archives
from tests.page.reading import HERE, SHOWN, assert_alike, assert_known
from vstore.page.bundle import SOURCE

playwright = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]
AXE = os.environ.get("VSTORE_AXE")
HOSTILE = "<img src=x onerror=alert(1)><script>alert(2)</script>\u202egnp.exe"


class Quiet(SimpleHTTPRequestHandler):
    """A web server such as a bucket is: files, and nothing else."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder with a published repository, and where browsers find it."""
    repo = vstore.create(tmp_path / "shapes", author="Ann Lee <ann@example.org>")
    count = 120
    columns = {
        "image": vstore.image(),
        "label": vstore.ndarray((), "int64", attributes={"classes": ["square", "disk"]}),
        "score": vstore.ndarray((), "float32").as_optional(),
        "caption": vstore.text(),
        "curve": vstore.ndarray((40,), "float32"),
    }
    with repo.transaction("main", message="Add shapes") as tx:
        table = tx.create_table("data/train", columns, keys="str")
        table.extend(
            {
                "image": [png(i) for i in range(count)],
                "label": np.arange(count) % 7,
                "score": [None if i % 5 == 0 else i / count for i in range(count)],
                "caption": [f"shape {i}" for i in range(count)],
                "curve": np.sin(np.arange(count * 40).reshape(count, 40) / 9).astype("f4"),
            },
            keys=[f"shape-{i:03}" for i in range(count)],
        )
        volume = tx.create_array("volume", shape=(4, 32, 32), dtype="float32")
        volume[...] = np.arange(4 * 32 * 32).reshape(4, 32, 32)
    repo.tags.create("v1", message="First")
    with repo.transaction("main", message=f"Relabel {HOSTILE}") as tx:
        tx["data/train"]["label"][[3, 9]] = 99
        tx["data/train"].loc["shape-010"] = {"image": png(200), "caption": HOSTILE}
        tx["data/train"].delete(keys=["shape-020"])
    vstore.publish(repo)
    with served(tmp_path) as address:
        yield tmp_path / "shapes", f"{address}/shapes/page/index.html"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine; yield the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class Visitor:
    """A page in a browser, and what went wrong in it."""

    def __init__(self, chromium: Any, url: str) -> None:
        self.heard: list[str] = []
        self.context = chromium.new_context(bypass_csp=False)
        self.page = self.context.new_page()
        self.page.on("dialog", self._dismiss)
        self.page.on("pageerror", lambda error: self.heard.append(str(error)))
        self.page.on("console", self._hear)
        self.page.goto(url)
        self.settle()

    def _dismiss(self, dialog: Any) -> None:
        self.heard.append(dialog.message)
        dialog.dismiss()

    def _hear(self, said: Any) -> None:
        if said.type == "error":
            self.heard.append(said.text)

    def settle(self) -> str:
        """Wait until the view is there, and return what it says."""
        self.page.wait_for_selector("main:not([aria-busy]) > *")
        return str(self.page.inner_text("main"))

    def click(self, selector: str, awaited: str) -> str:
        self.page.click(selector)
        self.page.wait_for_selector(awaited)
        return self.settle()


@pytest.fixture
def visitor(chromium: Any, site: tuple[Path, str]) -> Iterator[Visitor]:
    found = Visitor(chromium, site[1])
    yield found
    found.context.close()
    assert found.heard == []


def test_a_link_leads_to_samples(visitor: Visitor) -> None:
    assert "table of 119 samples" in visitor.settle()
    said = visitor.click("text=data/train", "th:has-text('shape-000')")
    assert "shape 0" in said
    assert "missing" in said
    assert "1 disk" in said
    assert visitor.page.locator("main img").count() == 50
    assert visitor.page.locator("main svg").count() == 50
    visitor.page.keyboard.press("ArrowRight")
    visitor.page.wait_for_selector("th:has-text('shape-099')")
    visitor.page.fill("input[name=key]", "shape-010")
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_selector("h3:has-text('shape-010')")
    assert "\\u{202e}" in visitor.settle()


def test_changes_are_shown_by_sample(visitor: Visitor) -> None:
    said = visitor.click("text=Changes", "ins")
    assert "3 samples changed" in said
    assert "1 sample removed" in said
    assert visitor.page.locator("ins img").count() == 1


def test_tags_planes_and_distributions(visitor: Visitor) -> None:
    visitor.page.select_option("select", "v1")
    visitor.page.wait_for_selector("text=Add shapes")
    assert "table of 120 samples" in visitor.settle()
    assert "from 0 to 1023" in visitor.click("text=volume", "canvas")
    visitor.page.fill("input[type=number]", "3")
    assert "from 3072 to 4095" in visitor.click("button", "text=from 3072")
    visitor.page.go_back()
    visitor.page.go_back()
    visitor.page.wait_for_selector("text=data/train")
    visitor.click("text=data/train", "thead a")
    assert "How often each value comes" in visitor.click("thead a:has-text('label')", "meter")


def test_an_address_with_a_hash_stays(visitor: Visitor, site: tuple[Path, str]) -> None:
    visitor.click("text=data/train", "tbody img")
    address = visitor.page.url
    repo = vstore.open(site[0], author="Ann Lee <ann@example.org>")
    with repo.transaction("main", message="Change") as tx:
        tx["data/train"]["caption"][0] = "another"
    visitor.page.goto("about:blank")
    visitor.page.goto(address)
    visitor.page.wait_for_selector("tbody img")
    assert "shape 0" in visitor.settle()


def test_damage_is_never_shown(chromium: Any, site: tuple[Path, str]) -> None:
    root, url = site
    for pack in (root / "packs").rglob("*"):
        if pack.is_file():
            data = bytearray(pack.read_bytes())
            data[::7] = bytes(byte ^ 1 for byte in data[::7])
            pack.write_bytes(data)
    visitor = Visitor(chromium, url)
    visitor.page.click("text=data/train")
    visitor.page.wait_for_selector(".refused")
    assert "damaged" in visitor.settle()
    assert visitor.page.locator("main img").count() == 0
    visitor.context.close()


def test_people_who_do_not_see_can_use_it(visitor: Visitor) -> None:
    if AXE is None:
        pytest.skip("VSTORE_AXE names no copy of axe-core")
    source = Path(AXE).read_text("utf-8")
    for address in ("text=data/train", "thead a:has-text('label')"):
        visitor.click(address, "th")
        context = visitor.context.browser.new_context(bypass_csp=True)
        page = context.new_page()
        page.goto(visitor.page.url)
        page.wait_for_selector("main:not([aria-busy]) th")
        page.evaluate(source)
        found = page.evaluate("axe.run()")["violations"]
        assert [each["id"] for each in found if each["impact"] in ("serious", "critical")] == []
        context.close()


EVERYTHING = """async (revisions) => {
  const { everythingIn } = await import("/everything.mjs");
  const modules = {};
  for (const name of ["repository.js", "arrays.js", "tables.js", "tree.js"])
    Object.assign(modules, await import(`/source/${name}`));
  async function read(name, range) {
    const answer = await fetch(`/repo/${name}`);
    if (answer.status === 404) return null;
    const bytes = new Uint8Array(await answer.arrayBuffer());
    return range ? bytes.slice(range[0], range[0] + range[1]) : bytes;
  }
  function base64(bytes) {
    let text = "";
    for (const byte of bytes) text += String.fromCharCode(byte);
    return btoa(text);
  }
  const all = everythingIn(modules, read, base64), answers = [];
  for (const revision of revisions) answers.push(await all(revision));
  return answers;
}"""


@pytest.mark.parametrize("name", SHOWN)
def test_golden_repositories_read_alike_in_a_browser(
    chromium: Any, name: str, tmp_path: Path
) -> None:
    root = archives.unpack(name, tmp_path / "repo")
    shutil.copytree(SOURCE, tmp_path / "source")
    shutil.copy(HERE / "everything.mjs", tmp_path)
    (tmp_path / "index.html").write_text("<!doctype html><title>Reading</title>")
    states = list(archives.expected(name)["states"])
    with served(tmp_path) as address:
        page = chromium.new_page()
        page.goto(f"{address}/index.html")
        found = page.evaluate(EVERYTHING, states)
        page.close()
    assert_known(name, assert_alike(root, states, found))
