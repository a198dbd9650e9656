"""What looking at a repository costs, with storage that answers each request after 20 ms.

    python -m benchmarks.viewing [--rounds 5] [--rows 1000000] [--images 2000]

Pages of `vstore ui` are asked as a browser asks them, with all their pictures, and beside each
the same samples are read by the library alone, from a repository opened anew. The published page is
opened in Chromium, where Playwright is installed. Shown are medians: seconds, the processor's
seconds, requests, kB of HTML, and how many times as long as the library alone a page takes.
"""

import argparse
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import vstore
from benchmarks.viewing_published import show_published
from tests.ui.browsing import Browser, browse, links
from vstore.repository.repository import Repository
from vstore.storage import CountingStore, open_store

DELAY_SECONDS = 0.02
SIDE = 96
PER_PAGE = 100


@dataclass(frozen=True)
class Taken:
    """What one look took."""

    seconds: float
    spent: float
    requests: int
    nbytes: int = 0


def write(folder: Path, rows: int, images: int) -> None:
    """Write a table of numbers and one of pictures, of which half are changed later."""
    repo = vstore.create(folder, author="Ann Lee <ann@example.org>")
    rng = np.random.default_rng(0)
    with repo.transaction("main", message="Add") as tx:
        columns = {
            "a": vstore.ndarray((), "int64"),
            "b": vstore.ndarray((), "float32"),
            "c": vstore.ndarray((), "uint8"),
            "d": vstore.text(),
        }
        numbers = np.arange(rows)
        tx.create_table("numbers", columns).extend(
            {
                "a": numbers,
                "b": rng.random(rows, "float32"),
                "c": (numbers % 7).astype("uint8"),
                "d": [f"row {number}" for number in numbers],
            }
        )
        table = tx.create_table(
            "pictures", {"image": vstore.image(), "label": vstore.ndarray((), "int64")}, keys="int"
        )
        drawn = [_drawn(rng) for _ in range(images)]
        table.extend({"image": drawn, "label": np.arange(images) % 10}, keys=range(images))
    with repo.transaction("main", message="Draw half anew") as tx:
        half = np.arange(0, images, 2)
        tx["pictures"]["image"][half] = [_drawn(rng) for _ in half]
    vstore.publish(repo)


def _drawn(rng: np.random.Generator) -> Any:
    """Return a picture as photographs are: smooth, with some noise."""
    slope = np.linspace(0, 200, SIDE)[:, None, None] * rng.random((1, 1, 3))
    noise = rng.integers(0, 40, (SIDE, SIDE, 3))
    return (slope + noise).astype("uint8")


@contextmanager
def slow(folder: Path) -> Iterator[tuple[Repository, CountingStore]]:
    """Open a repository whose storage answers late."""
    store = CountingStore(open_store(str(folder)), delay_seconds=DELAY_SECONDS)
    yield Repository(store), store


def timed(work: Callable[[], int], store: CountingStore) -> Taken:
    """Do some work that returns a number of bytes, and say what it took."""
    store.reset()
    before, started = _spent(), time.perf_counter()
    nbytes = work()
    return Taken(time.perf_counter() - started, _spent() - before, store.count(), nbytes)


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def opened(browser: Browser, address: str) -> int:
    """Open a page with its pictures; return the size of its HTML.

    Browsers ask for the bars above columns when the page is there, so they have a line of their
    own.
    """
    page = browser.open(address)
    if page.status != 200:
        raise AssertionError(page.text)
    for src in links(page).images:
        if not src.startswith("/bars/"):
            browser.open(src)
    return len(page.body)


def looks(rows: int) -> dict[str, tuple[str, Callable[[Repository], Any]]]:
    """Return what is looked at: the address, and how the library alone reads the same."""
    middle = rows // 2
    start = middle // PER_PAGE * PER_PAGE
    here = slice(start, start + PER_PAGE)
    return {
        "a page of 100 pictures": (
            "/t/main/pictures?page=2",
            lambda repo: _columns(repo, "pictures", slice(PER_PAGE, 2 * PER_PAGE)),
        ),
        "a page amid the rows": (
            f"/t/main/numbers?page={middle // PER_PAGE + 1}",
            lambda repo: _columns(repo, "numbers", here),
        ),
        "how a number is spread": (
            "/stats/main/numbers/b",
            lambda repo: np.histogram(repo.checkout()["numbers"]["b"][:], 30),
        ),
        "how a text is spread": (
            "/stats/main/numbers/d",
            lambda repo: Counter(repo.checkout()["numbers"]["d"][:]).most_common(30),
        ),
        "a filter on a number": (
            "/t/main/numbers?where=c+%3D+3&page=9",
            lambda repo: _columns(
                repo, "numbers", np.flatnonzero(repo.checkout()["numbers"]["c"][:] == 3)[800:900]
            ),
        ),
        "one sample": (
            "/s/main/pictures?key=70",
            lambda repo: _columns(repo, "pictures", slice(70, 71)),
        ),
        "50 pairs of a diff": (
            "/diff/main~1..main/pictures",
            lambda repo: [
                repo.checkout(each)["pictures"]["image"][slice(0, PER_PAGE, 2)]
                for each in ("main~1", "main")
            ],
        ),
    }


def _columns(repo: Repository, path: str, rows: Any) -> list[Any]:
    table = repo.checkout()[path]
    return [table[name][rows] for name in table.columns]


def measure(folder: Path, rows: int, rounds: int) -> None:
    """Print a line for each look."""
    print(
        f"{'':26} {'s':>7} {'CPU s':>7} {'requests':>9} {'HTML kB':>8} {'library':>8} {'times':>6}"
    )
    for name, (address, read) in looks(rows).items():
        pages, bare = [], []
        for _ in range(rounds):
            with slow(folder) as (repo, store):
                browser = browse(repo)
                pages.append(timed(partial(opened, browser, address), store))
            with slow(folder) as (repo, store):
                bare.append(timed(partial(_nothing, read, repo), store))
        found = {each: _median(pages, each) for each in ("seconds", "spent", "requests", "nbytes")}
        alone = _median(bare, "seconds")
        print(
            f"{name:26} {found['seconds']:7.3f} {found['spent']:7.3f} {found['requests']:9.0f} "
            f"{found['nbytes'] / 1000:8.1f} {alone:8.3f} {found['seconds'] / alone:6.2f}"
        )


def _nothing(read: Callable[[Repository], Any], repo: Repository) -> int:
    read(repo)
    return 0


def _median(taken: list[Taken], name: str) -> float:
    return statistics.median(float(getattr(each, name)) for each in taken)


def page_after_page(folder: str, rows: int, count: int = 400) -> None:
    """Print how much memory this process has taken when it has shown many pages."""
    browser = browse(vstore.open(folder))
    rng = np.random.default_rng(1)
    for number in rng.integers(1, rows // PER_PAGE, count):
        opened(browser, f"/t/main/numbers?page={number}")
        opened(browser, f"/t/main/pictures?page={number % 20 + 1}")
    print(f"after {2 * count} pages a process has taken {_peak_nbytes() / 1e6:.0f} MB at most")


def _peak_nbytes() -> int:
    """Return the most that this process has held, without what its parent had when it began."""
    (line,) = re.findall(r"VmHWM:\s*([0-9]+) kB", Path("/proc/self/status").read_text())
    return int(line) * 1024


def first_page(folder: Path, rounds: int) -> None:
    """Print how long a fresh process takes to its first page."""
    script = f"from benchmarks.viewing import cold\ncold({str(folder)!r})"
    taken, spent = [], []
    for _ in range(rounds):
        before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run([sys.executable, "-c", script], check=True, stdout=subprocess.DEVNULL)
        taken.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    found = statistics.median(taken), statistics.median(spent)
    print(f"the first page of a fresh process: {found[0]:.2f} s, {found[1]:.2f} s of CPU")


def cold(folder: str) -> None:
    """Show the first page."""
    with slow(Path(folder)) as (repo, _):
        opened(browse(repo), "/")


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--images", type=int, default=2_000)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "seen"
        write(folder, chosen.rows, chosen.images)
        first_page(folder, chosen.rounds)
        measure(folder, chosen.rows, chosen.rounds)
        call = f"page_after_page({str(folder)!r}, {chosen.rows})"
        script = f"from benchmarks.viewing import page_after_page\n{call}"
        subprocess.run([sys.executable, "-c", script], check=True)
        show_published(folder, DELAY_SECONDS, chosen.rounds)


if __name__ == "__main__":
    main()
