"""Take the pictures of docs/images: what notebooks and the pages of `vstore ui` look like.

    python scripts/screenshots.py [NAME...]

Needs Chromium and the extra `image`. The repository that is shown is made by `gallery.py`.
"""

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import gallery
import numpy as np
from PIL import Image

import vstore
from vstore.ui.app import App
from vstore.ui.gate import Gate
from vstore.ui.server import listen
from vstore.ui.site import Site

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
_COLORS = 128
_WIDTH = 920

NOTEBOOK: dict[str, tuple[Callable[[vstore.Repository], list[Any]], bool]] = {
    "notebook-snapshot": (lambda repo: [repo.checkout()], False),
    "notebook-head": (lambda repo: [repo.checkout()["train"].head(4)], False),
    "notebook-diff": (
        lambda repo: [
            repo.diff("v1", "main"),
            repo.diff("main~2", "main~1").at("train/image").show(3),
        ],
        True,
    ),
    "notebook-merge": (lambda repo: [repo.merge("review", into="main", dry_run=True)], False),
}
"""By the name of a picture: what it shows, and whether in dark colors."""

PAGES = {
    "ui-table": ("/t/main/train?where=score+%3E+0.5", 620, False),
    "ui-sample": ("/s/main/train?key=%22shape-0023%22", 900, False),
    "ui-pairs": ("/diff/v1..main/train?column=image", 620, True),
    "ui-array": ("/a/main/scans/brain", 760, False),
    "ui-merge": ("/merge?theirs=review&into=main", 620, False),
    "ui-log": ("/log", 420, False),
}
"""By the name of a picture: the address of a page, how much of it, and whether in dark colors."""

PUBLISHED = {"page-table": ("table/{commit}/train", 620, False)}
"""The same of the published page."""


def notebook(shown: list[Any], *, is_dark: bool) -> str:
    """Return a page with some representations, in the colors of JupyterLab."""
    colors = ("#111", "rgba(255,255,255,.87)") if is_dark else ("#fff", "rgba(0,0,0,.87)")
    boxes = "".join(f"<div class=cell>{each._repr_html_()}</div>" for each in shown)
    style = f"body{{background:{colors[0]};color:{colors[1]};margin:16px}}.cell{{margin:0 0 16px}}"
    light = str(not is_dark).lower()
    head = f"<!doctype html><meta charset=utf-8><style>{style}</style>"
    return f"{head}<body data-jp-theme-light={light}>{boxes}"


def take(url: str, to: Path, *, height: int = 1600, is_dark: bool = False) -> None:
    """Write a picture of a page, cut where it ends, with few colors."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or "google-chrome"
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "page.png"
        command = [
            *(chromium, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
            "--virtual-time-budget=20000",
            "--run-all-compositor-stages-before-draw",
            *(["--blink-settings=preferredColorScheme=0"] if is_dark else []),
            *(f"--window-size={_WIDTH},{height}", f"--screenshot={raw}", url),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        with Image.open(raw) as opened:
            trimmed(opened.convert("RGB")).quantize(_COLORS).save(to, optimize=True)


def trimmed(image: Image.Image) -> Image.Image:
    """Return a picture without the empty lines at its end."""
    pixels = np.asarray(image)
    used = np.flatnonzero((pixels != pixels[-1, 0]).any(axis=(1, 2)))
    bottom = min(image.height, int(used[-1]) + 17) if len(used) else image.height
    return image.crop((0, 0, image.width, bottom))


def pages(repo: vstore.Repository, names: list[str]) -> None:
    """Take the pictures of pages of `vstore ui`."""
    server = listen("127.0.0.1", 0)
    gate = Gate(server.server_port)
    server.set_app(App(Site(repo), gate))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, (address, height, is_dark) in PAGES.items():
        to = IMAGES / f"{name}.png"
        if not names or name in names:
            joint = "&" if "?" in address else "?"
            url = f"http://127.0.0.1:{server.server_port}{address}{joint}token={gate.token}"
            take(url, to, height=height, is_dark=is_dark)
            print(to.relative_to(ROOT), to.stat().st_size)
    server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    """A web server such as a bucket is."""

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def published(folder: Path, names: list[str]) -> None:
    """Take the pictures of the published page."""
    repo = gallery.build(str(folder / "shapes"))
    vstore.publish(repo)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name, (address, height, is_dark) in PUBLISHED.items():
        to = IMAGES / f"{name}.png"
        if not names or name in names:
            view = address.format(commit=repo.resolve("main"))
            url = f"http://127.0.0.1:{server.server_port}/shapes/page/index.html#/{view}"
            take(url, to, height=height, is_dark=is_dark)
            print(to.relative_to(ROOT), to.stat().st_size)
    server.shutdown()


def main(names: list[str]) -> None:
    """Take the pictures of some names, or all."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        repo = gallery.build("memory://shapes")
        page = Path(folder) / "page.html"
        for name, (shown, is_dark) in NOTEBOOK.items():
            to = IMAGES / f"{name}.png"
            if not names or name in names:
                page.write_text(notebook(shown(repo), is_dark=is_dark), encoding="utf-8")
                take(page.as_uri(), to, is_dark=is_dark)
                print(to.relative_to(ROOT), to.stat().st_size)
        pages(repo, names)
        published(Path(folder), names)


if __name__ == "__main__":
    main(sys.argv[1:])
