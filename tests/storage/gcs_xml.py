"""The part of the XML API of GCS that obstore speaks; no emulator that can be installed has it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    objects: dict[str, tuple[bytes, int]]
    lock: threading.Lock
    generations: Iterator[int]

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        name, expected = self._name(), self.headers.get("x-goog-if-generation-match")
        with self.lock:
            _, now = self.objects.get(name, (b"", 0))
            if expected is not None and int(expected) != now:
                self._answer(412)
                return
            generation = next(self.generations)
            self.objects[name] = body, generation
        self._answer(200, generation=generation)

    def do_GET(self) -> None:
        name = self._name()
        if not name:
            self._answer(200, self._listing())
            return
        if name not in self.objects:
            self._answer(404)
            return
        body, generation = self.objects[name]
        asked = self.headers.get("Range")
        if asked is None:
            self._answer(200, body, generation=generation)
            return
        first, last = (int(part) for part in asked.removeprefix("bytes=").split("-"))
        if first >= len(body):
            self._answer(416)
            return
        part = body[first : last + 1]
        shown = f"bytes {first}-{first + len(part) - 1}/{len(body)}"
        self._answer(206, part, generation=generation, content_range=shown)

    do_HEAD = do_GET  # noqa: N815

    def do_DELETE(self) -> None:
        with self.lock:
            found = self.objects.pop(self._name(), None)
        self._answer(204 if found else 404)

    def _name(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix("/bucket").removeprefix("/")

    def _listing(self) -> bytes:
        query = parse_qs(urlsplit(self.path).query)
        prefix, after = (query.get(name, [""])[0] for name in ("prefix", "start-after"))
        names = [n for n in sorted(self.objects) if n.startswith(prefix) and n > after]
        entries = "".join(
            f"<Contents><Key>{escape(name)}</Key><Size>{len(self.objects[name][0])}</Size>"
            f"<LastModified>2026-01-02T03:04:05.000Z</LastModified><ETag>x</ETag></Contents>"
            for name in names
        )
        return f"<ListBucketResult>{entries}</ListBucketResult>".encode()

    def _answer(
        self, status: int, body: bytes = b"", *, generation: int = 0, content_range: str = ""
    ) -> None:
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"x"')  # the same for all, since the generation has to decide
        self.send_header("Last-Modified", formatdate(usegmt=True))
        if generation:
            self.send_header("x-goog-generation", str(generation))
        if content_range:
            self.send_header("Content-Range", content_range)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[str]:
    """Serve an empty bucket named "bucket"; yield the server's URL."""
    state = {"objects": {}, "lock": threading.Lock(), "generations": iter(range(1000, 10**6))}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Here", (_Handler,), state))
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
