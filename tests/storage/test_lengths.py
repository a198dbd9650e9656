"""Servers that announce or send far more than they should, and web servers that know little."""

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.format.zarr.test_codec_safety import within
from vstore.errors import CorruptionError, StorageError
from vstore.storage import Key, ObjectStore, open_store

MIB = 2**20
KEY = Key("refs/branches/main.json")


class Plain(http.server.SimpleHTTPRequestHandler):
    """As Python's own server: it knows no ranges, and its listings are pages for people."""

    def log_message(self, *_: Any) -> None:
        pass


class Ranged(Plain):
    """As nginx or a CDN: it answers ranges."""

    def do_GET(self) -> None:
        path, wanted = Path(self.translate_path(self.path)), self.headers.get("Range")
        found = re.match(r"bytes=(\d+)-(\d*)", wanted or "")
        if found is None or not path.is_file():
            super().do_GET()
            return
        data = path.read_bytes()
        first, last = int(found[1]), min(int(found[2] or len(data)), len(data) - 1)
        if first >= len(data):
            self.send_error(416)
            return
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        self.wfile.write(data[first : last + 1])


class Liar(http.server.BaseHTTPRequestHandler):
    """It answers every request with a terabyte of zeros, announced or not."""

    protocol_version = "HTTP/1.1"
    announces = True
    sent = 0

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("ETag", '"x"')
        self.send_header("Last-Modified", "Mon, 30 Nov 2026 09:00:00 GMT")
        if "Range" in self.headers:
            self.send_header("Content-Range", f"bytes 0-{2**40 - 1}/{2**40}")
        if self.announces:
            self.send_header("Content-Length", str(2**40))
        else:
            self.send_header("Connection", "close")
        self.end_headers()
        with suppress(OSError):
            while type(self).sent < 2000 * MIB:
                self.wfile.write(bytes(MIB))
                type(self).sent += MIB
        self.close_connection = True


@contextmanager
def serving(handler: Any) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(params=["announced", "not announced"])
def liar(request: pytest.FixtureRequest) -> Iterator[str]:
    class Here(Liar):
        announces = request.param == "announced"

    with serving(Here) as url:
        yield url
        assert Here.sent < 1000 * MIB


def opened(url: str, kind: str) -> ObjectStore:
    if kind == "http":
        return open_store(f"{url}/r")
    options = {"key": "a", "secret": "b", "endpoint_url": url}
    region = {"client_kwargs": {"region_name": "us-east-1"}}
    return open_store("s3://b/r", storage_options={**options, **region}, engine=kind)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["obstore", "fsspec", "http"])
def test_no_memory_is_taken_for_what_a_server_announces_or_sends(liar: str, kind: str) -> None:
    store = opened(liar, kind)
    with within(700 * MIB), pytest.raises((CorruptionError, StorageError)):
        store.get(KEY)
    with within(64 * MIB):
        try:
            found = bytes(store.get_range(Key("packs/ab/cd"), 0, 10))
        except (CorruptionError, StorageError):
            found = bytes(10)
        assert found == bytes(10)


@pytest.mark.parametrize("handler", [Plain, Ranged])
def test_a_repository_on_a_plain_web_server_is_read_and_verified(
    tmp_path: Path, handler: type[Plain]
) -> None:
    made = vstore.create(tmp_path / "r")
    values = np.random.default_rng(0).integers(0, 255, (500, 100), "uint8")
    with made.transaction("main", message="Start") as tx:
        columns = {"x": vstore.ndarray((100,), "uint8", rows_per_chunk=64)}
        tx.create_table("t", columns).extend({"x": values})
    made.tags.create("v1")
    with serving(functools.partial(handler, directory=str(tmp_path))) as url:
        found = vstore.open(f"{url}/r")
        assert (list(found.branches), list(found.tags)) == (["main"], ["v1"])
        table: Any = found.checkout("v1")["t"]
        assert (table["x"][77] == values[77]).all()
        assert (table["x"][:] == values).all()
        assert found.fsck().is_sound
        assert found.fsck(mode="full").is_sound
        past = found.store
        (pack, *_) = [info.key for info in made.store.list_prefix("packs/")]
        with pytest.raises(CorruptionError, match="truncated"):
            past.get_range(pack, 10**6, 10)
        with pytest.raises(vstore.NotFoundError):
            past.get(Key("refs/branches/none.json"))
