"""What notebooks and terminals show: of anybody's text, without a request, and never an error."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import vstore
from vstore.display.notebook import MOST_NBYTES
from vstore.errors import StorageError
from vstore.repository.repository import Repository
from vstore.storage import CountingStore, MemoryStore
from vstore.wording import MISLEADING

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&lt;\x1b[31m\u202e"
TAGS = {
    "div", "span", "strong", "table", "thead", "tbody", "tr", "th", "td", "code", "pre", "style",
    "details", "summary", "svg", "path", "rect", "img",
}  # fmt: skip
ATTRIBUTES = {
    "class", "scope", "open", "src", "alt", "width", "height", "title", "d", "viewbox", "role",
    "aria-label", "x", "y",
}  # fmt: skip


class Checker(HTMLParser):
    """Collects what a page is made of, and its text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, list[str]] = {}
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def html_of(shown: object) -> str:
    made = shown._repr_html_()  # type: ignore[attr-defined]
    assert isinstance(made, str)
    return made


def parsed(shown: object) -> Checker:
    found = Checker()
    found.feed(html_of(shown))
    return found


def fill(repo: Repository) -> Repository:
    """Commit what a stranger may: their text in every place that takes text."""
    author = f"Eve {EVIL}".replace("<", "(").replace(">", ")")
    columns = {
        "bits": vstore.ndarray((), "bool"),
        "image": vstore.image().as_optional(),
        "map": vstore.ndarray((12, 9), "float32"),
        "tags": vstore.texts(),
        "text": vstore.text(),
        "wave": vstore.ndarray((40,), "float64"),
    }
    values = {
        "bits": np.array([True, False, True]),
        "image": [np.full((8, 8, 3), 9, np.uint8), None, np.zeros((4, 4), np.uint8)],
        "map": np.arange(324, dtype="float32").reshape(3, 12, 9),
        "tags": [[EVIL], [], ["b"]],
        "text": [EVIL, "", "fine"],
        "wave": np.full((3, 40), np.nan),
    }
    with repo.transaction(
        "main", message=f"{EVIL}\n\n{EVIL}", author=author, metadata={EVIL: EVIL}
    ) as tx:
        table = tx.create_table("t", columns, keys="str", attributes={EVIL: EVIL})
        table.extend(values, keys=[EVIL, "b", "c"])
        tx.create_array("g/a", shape=(9, 8, 7), dtype="int16", chunk_shape=(4, 4, 4))[:] = 3
    repo.branches.create("side")
    for branch, value in (("main", EVIL), ("side", "theirs")):
        with repo.transaction(branch, message="Change", author=author) as tx:
            tx["t"]["text"][0] = value * 2
            tx["t"]["map"][1] = np.full((12, 9), len(value), "float32")
            tx["g/a"][0] = len(branch)
    return repo


MAKERS: dict[str, Callable[[Repository], Any]] = {
    "repository": lambda repo: repo,
    "commit": lambda repo: repo.commit("main~1"),
    "snapshot": lambda repo: repo.checkout(),
    "group": lambda repo: repo.checkout()["g"],
    "table": lambda repo: repo.checkout()["t"],
    "column": lambda repo: repo.checkout()["t/map"],
    "array": lambda repo: repo.checkout()["g/a"],
    "head": lambda repo: repo.checkout()["t"].head(),
    "sample": lambda repo: repo.checkout()["t"].show(0),
    "diff": lambda repo: repo.diff("main~1", "main"),
    "table diff": lambda repo: repo.diff("main~1", "main").tables["t"],
    "array diff": lambda repo: repo.diff("main~1", "main").arrays["g/a"],
    "pairs": lambda repo: repo.diff("main~1", "main").show(),
    "merge": lambda repo: repo.merge("side", dry_run=True),
    "conflict": lambda repo: repo.merge("side", dry_run=True).unresolved[0],
    "fsck": lambda repo: repo.fsck(),
    "gc": lambda repo: repo.gc(dry_run=True),
    "probe": lambda repo: repo.probe(),
}


@pytest.fixture(scope="module")
def hostile() -> CountingStore:
    store = CountingStore(MemoryStore())
    vstore.create(store)
    fill(Repository(store))
    return store


@pytest.fixture
def repo(hostile: CountingStore) -> Repository:
    return Repository(hostile)


@pytest.mark.parametrize("what", MAKERS)
def test_text_of_strangers_stays_text(repo: Repository, what: str) -> None:
    shown = MAKERS[what](repo)
    found = parsed(shown)
    assert found.tags <= TAGS
    assert set(found.attributes) <= ATTRIBUTES
    assert all(src.startswith("data:image/png;base64,") for src in found.attributes.get("src", []))
    for form in (html_of(shown), repr(shown), str(shown)):
        assert not MISLEADING.search(form)


@pytest.mark.parametrize("what", MAKERS)
def test_a_page_makes_no_request_that_a_line_does_not(repo: Repository, what: str) -> None:
    shown = MAKERS[what](repo)
    repr(shown)
    assert isinstance(repo.store, CountingStore)
    before = len(repo.store.requests)
    html_of(shown)
    assert repo.store.requests[before:] == ()


@pytest.mark.parametrize("what", MAKERS)
def test_the_style_applies_to_representations_alone(repo: Repository, what: str) -> None:
    page = html_of(MAKERS[what](repo))
    assert page.startswith('<div class="vstore-box">')
    assert len(page.encode()) <= MOST_NBYTES


def test_what_is_shown(repo: Repository) -> None:
    assert "3 samples, keyed by str" in parsed(repo.checkout()["t"]).text
    assert "t/map" in parsed(repo.diff("main~1", "main")).text
    assert "by 100 at most" not in parsed(repo.diff("main~1", "main").show()).text
    assert "sound" in parsed(repo.fsck()).text
    assert "4 x 4 x 4" in parsed(repo.checkout()["g/a"]).text
    assert parsed(repo.checkout()["t"].head()).tags >= {"img", "svg"}


def test_a_diff_names_its_tables(repo: Repository) -> None:
    line = repr(repo.diff("main~1", "main"))
    assert "; g/a changed>" in line
    assert ": t 2 changed ('" in line
    assert repr(repo.diff("main", "main")).endswith(": no difference>")


class GoneStore(MemoryStore):
    """A store that stops answering."""

    is_gone = False

    def get_range(self, *args: Any, **options: Any) -> Any:
        if self.is_gone:
            raise StorageError("the store is gone")
        return super().get_range(*args, **options)


def test_where_a_page_fails_there_is_text(monkeypatch: pytest.MonkeyPatch) -> None:
    store = GoneStore()
    vstore.create(store)
    repo = fill(Repository(store))
    diff, table = Repository(store).diff("main~1", "main"), repo.checkout()["t"]
    store.is_gone = True
    assert "Error" in parsed(diff).text
    monkeypatch.setattr("vstore.display.boxes.grid", None)
    assert repr(table) in parsed(table).text


def test_what_is_long_ends_with_how_much_more_there_is() -> None:
    repo = vstore.create("memory://display-long")
    wide = {f"column {i:04}": vstore.ndarray((), "int8") for i in range(700)}
    with repo.transaction("main", message="m" * 100_000, metadata={"k": "v" * 10_000}) as tx:
        tx.create_table("wide", wide)
        tx.create_table("noise", {"a": vstore.image(), "b": vstore.image(), "t": vstore.text()})
        pixels = np.random.default_rng(1).integers(0, 256, (8, 200, 200, 3), np.uint8)
        tx["noise"].extend({"a": list(pixels), "b": list(pixels), "t": ["x" * 50_000] * 8})
    snapshot = repo.checkout()
    for shown in (snapshot, snapshot.commit, snapshot["wide"], snapshot["noise"].head(8)):
        assert len(html_of(shown).encode()) <= MOST_NBYTES
    assert "… and 600 more" in parsed(snapshot["wide"]).text
    assert "img" in parsed(snapshot["noise"].head(8)).tags
    assert len(repr(snapshot["wide"])) < 1000


def test_what_cannot_be_decoded_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    repo = vstore.create("memory://display-undecodable")
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", {"image": vstore.image()})
        tx["t"].extend({"image": [np.zeros((40, 40), np.uint8)]})
    monkeypatch.setattr("vstore.reading.looking.MOST_PIXELS", 1000)
    shown = repo.checkout()["t"].head()
    assert "PNG 40x40" in str(shown)
    assert "too large to preview" in html_of(shown)


def test_deleted_samples_are_skipped_and_positions_follow() -> None:
    repo = vstore.create("memory://display-deleted")
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", {"x": vstore.ndarray((), "int64")})
        tx["t"].extend({"x": range(300)})
        tx["t"].delete([0, 2])
    table = repo.checkout()["t"]
    assert [int(x) for x in table.head(3).columns["x"]] == [1, 3, 4]
    assert str(table.show(-1)) == "t[297]\n  x  299"
    assert table.show(slice(None)).positions == list(range(100))
    assert len(table.head(0)) == 0
    assert "t" in str(table.head(0)) or str(table.head(0)).endswith("x")


def test_ages_are_told_in_the_largest_unit() -> None:
    repo = vstore.create("memory://display-age")
    with repo.transaction("main", message="Old", time=datetime(2020, 1, 1, tzinfo=UTC)) as tx:
        tx.create_table("t", {"x": vstore.text()})
    assert "years ago" in parsed(repo.commit()).text


def test_nothing_of_it_is_loaded_before_it_is_shown() -> None:
    program = """
import sys, numpy, vstore
repo = vstore.create("memory://lazy")
with repo.transaction("main", message="Add") as tx:
    tx.create_table("t", {"x": vstore.ndarray((), "int64")}).extend({"x": [1]})
table = repo.checkout()["t"]
assert table["x"][0] == 1 and repr(table)
print([name for name in sys.modules if name.startswith("vstore.display") or "box" in name])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
