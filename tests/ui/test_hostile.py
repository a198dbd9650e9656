"""Repositories of strangers, stores that fail: nothing runs, nothing hangs, nothing leaks."""

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.broken_images import taken_unseen
from tests.repositories import new_repository
from tests.ui.browsing import Browser, browse, links
from vstore.errors import ReadOnlyError, StorageError
from vstore.repository.repository import Repository
from vstore.storage import CountingStore, MemoryStore
from vstore.ui.scratch_store import Meter, ScratchStore
from vstore.wording import MISLEADING

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\x1b[31m\u202e"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(3)</script></svg>'


def huge_png(side: int = 20_000) -> bytes:
    """A small file that says it is an image of more than a gigabyte of pixels."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(bytes(1000))),
        (b"IEND", b""),
    )
    packed = [
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.fixture(scope="module")
def hostile() -> Repository:
    repo = new_repository()
    images = [np.zeros((4, 4), np.uint8), huge_png(), SVG, b"", b"\x89PNG\r\n\x1a\n"]
    with (
        taken_unseen(),
        repo.transaction("main", message=f"{EVIL}\n\n{EVIL}", metadata={EVIL: EVIL}) as tx,
    ):
        columns = {"bytes": vstore.bytes_(), "image": vstore.image(), "text": vstore.text()}
        table = tx.create_table("t", columns, keys="str", attributes={EVIL: EVIL})
        html = b"<html><script>alert(4)</script></html>"
        table.extend(
            {"bytes": [html, SVG, b"", b"x", b"y"], "image": images, "text": [EVIL] * 5},
            keys=[EVIL, "a", "b", "../..", "<b>"],
        )
    repo.branches.create("side")
    for branch in ("main", "side"):
        with repo.transaction(branch, message=EVIL) as tx:
            tx["t"]["text"][0] = branch + EVIL
            tx["t"]["text"][1] = branch + EVIL
    return repo


@pytest.fixture
def browser(hostile: Repository) -> Browser:
    return browse(hostile)


def test_text_of_strangers_stays_text_on_every_page(browser: Browser) -> None:
    seen, pending = set[str](), ["/", "/log", "/diff/main~1..main/t", "/merge?theirs=side"]
    while pending:
        address = pending.pop()
        page = browser.open(address)
        assert page.status in (200, 404), (address, page.text)
        if not page.headers["Content-Type"].startswith("text/html"):
            continue
        found = links(page)
        assert found.forbidden == []
        assert not MISLEADING.search(page.text)
        fresh = {*found.hrefs, *found.images} - seen
        assert all(to.startswith(("/", "#")) for to in fresh)
        seen |= fresh
        pending += sorted(to for to in fresh if to.startswith("/"))
    assert len(seen) > 30


@pytest.mark.parametrize("column", ["bytes", "image", "text"])
@pytest.mark.parametrize("row", range(5))
def test_no_bytes_of_strangers_are_a_page(browser: Browser, column: str, row: int) -> None:
    answer = browser.open(f"/cell/main/t/{column}?row={row}")
    assert answer.status == 200
    assert answer.headers["Content-Type"] in ("image/png", "application/octet-stream")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_what_cannot_be_decoded_is_described(browser: Browser) -> None:
    rows = browser.open("/t/main/t?format=json").json["rows"]
    assert rows[1]["image"].startswith("PNG")
    assert browser.open("/s/main/t?row=1").status == 200
    assert browser.open("/cell/main/t/image?row=1&size=64").status == 404


class FailingStore(MemoryStore):
    """A store that refuses, and says too much."""

    has_failed = False

    def get(self, *args: Any, **options: Any) -> Any:
        if self.has_failed:
            raise RuntimeError("secret_access_key=hunter2")
        return super().get(*args, **options)

    def get_versioned(self, *args: Any, **options: Any) -> Any:
        if self.has_failed:
            raise StorageError("the bucket is gone")
        return super().get_versioned(*args, **options)


def test_a_repository_that_disappears_gives_errors_and_no_secrets() -> None:
    store = FailingStore()
    vstore.create(store)
    repo = Repository(store)
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", {"x": vstore.text()}).extend({"x": ["a"]})
    browser = browse(repo)
    store.has_failed = True
    for address in ("/", "/log", f"/c/{'a' * 64}"):
        answer = browser.open(address)
        assert answer.status == 500
        assert b"hunter2" not in answer.body
    assert "the bucket is gone" in browser.open("/log").text


def test_a_scratch_store_changes_nothing() -> None:
    inner = CountingStore(MemoryStore())
    vstore.create(inner)
    with Repository(inner).transaction("main", message="Start") as tx:
        tx.create_table("t", {"x": vstore.text()})
    repo = Repository(ScratchStore(inner, Meter()))
    before = {info.key for info in inner.list_prefix("")}
    with pytest.raises(ReadOnlyError):
        repo.branches.create("x")
    tx = repo.transaction("main", message="Add")
    tx["t"].extend({"x": ["a" * 100]})
    with pytest.raises(ReadOnlyError):
        tx.commit()
    with pytest.raises(ReadOnlyError):
        repo.tags.create("x", at="main")
    assert {info.key for info in inner.list_prefix("")} == before


def test_pages_read_as_the_repository_was_opened(tmp_path: Path) -> None:
    origin = vstore.create(tmp_path / "origin", author="Ann Lee <ann@example.org>")
    with origin.transaction("main", message="Add") as tx:
        tx.create_table("t", {"x": vstore.ndarray((300_000,), "uint8")}).extend(
            {"x": np.random.default_rng(0).integers(0, 256, (4, 300_000), "uint8")}
        )
    vstore.clone(tmp_path / "origin", tmp_path / "clone", metadata_only=True)
    page = browse(vstore.open(tmp_path / "clone", offline=True)).open("/t/main/t")
    assert "offline=True" in page.text
    assert browse(vstore.open(tmp_path / "clone")).open("/t/main/t").status == 200
