"""How fast the published page shows pictures in Chromium, from a server that answers late."""

import importlib.util
import re
import shutil
import statistics
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class LateServer(ThreadingHTTPServer):
    """Serves files as a bucket does, ranges of them too, each request after a while."""

    request_queue_size = 128

    def __init__(self, root: Path, delay_seconds: float) -> None:
        super().__init__(("127.0.0.1", 0), partial(_Late, directory=str(root)))
        self.delay_seconds = delay_seconds
        self.asked = 0


class _Late(SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer with a file, or with the range of it that is asked for."""
        server: Any = self.server
        server.asked += 1
        time.sleep(server.delay_seconds)
        asked = re.fullmatch(r"bytes=([0-9]+)-([0-9]+)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if asked is None or not path.is_file():
            super().do_GET()
            return
        start, stop = int(asked[1]), int(asked[2]) + 1
        with path.open("rb") as file:
            size = path.stat().st_size
            file.seek(start)
            body = file.read(stop - start)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{size}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def show_published(folder: Path, delay_seconds: float, rounds: int) -> None:
    """Print how long the first page of samples takes until all its pictures are there."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if importlib.util.find_spec("playwright") is None or chromium is None:
        print("the published page: Playwright or Chromium is not installed")
        return
    from playwright.sync_api import sync_playwright

    server = LateServer(folder.parent, delay_seconds)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/{folder.name}/page/index.html"
    taken, asked = [], []
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(rounds):
            page = browser.new_context().new_page()
            page.goto(address)
            page.wait_for_selector("main:not([aria-busy]) a:has-text('pictures')")
            before, begun = server.asked, time.perf_counter()
            page.click("main a:has-text('pictures')")
            page.wait_for_function(_ALL_THERE)
            taken.append(time.perf_counter() - begun)
            asked.append(server.asked - before)
            page.context.close()
        browser.close()
    server.shutdown()
    print(
        f"the published page: {statistics.median(taken):.2f} s to 50 pictures in Chromium, "
        f"{statistics.median(asked):.0f} requests"
    )


_ALL_THERE = """() => {
  const all = [...document.querySelectorAll("main tbody img")];
  return all.length >= 50 && all.slice(0, 8).every((each) => each.complete && each.naturalWidth);
}"""
