"""Repositories that would have their readers read what is not theirs: nothing is read."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest

import vstore
from tests.virtual.archives import VALUES, references
from vstore import FormatError, InvalidInputError, StorageError, virtual
from vstore.faces import internals
from vstore.format import object_keys, source
from vstore.format.commit import FORMAT
from vstore.format.digest import digest_of
from vstore.format.document import dumps
from vstore.format.page import ChunkRef, PackRef
from vstore.format.source import SourceDocument
from vstore.format.zarr.metadata import ArrayMetadata

CONTENT = b"abc" + VALUES.astype("<i2").tobytes()


def naming(url: str, *, nbytes: int = 40) -> str:
    """Write a repository whose array has a chunk in any file whatever, and return where it is."""
    prefix, _, name = url.rpartition("/")
    data = dumps(SourceDocument(FORMAT, f"{prefix}/", [(name, 2**40)]))
    pack = PackRef(digest_of(data), len(data), is_source=True)
    repo = vstore.create(f"memory://{uuid4()}", author="Eve")
    repo.store.put(object_keys.pack(pack.digest), data)
    metadata = ArrayMetadata.create(
        shape=(20,),
        dtype="int16",
        chunk_shape=(20,),
        codecs=[{"name": "bytes", "configuration": {"endian": "little"}}],
    )
    with repo.transaction("main", message="Look here") as tx:
        array = internals(tx).staged.put_array_document("x", metadata)
        array.adopt(0, ChunkRef(pack, 3, nbytes, bytes(32)))
    return repo.url


def read(url: str, **options: Any) -> Any:
    return vstore.open(url, **options).checkout()["x"][:]


@contextmanager
def server(answer: Any) -> Iterator[tuple[str, list[str]]]:
    """Serve on this machine; yield the address, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{httpd.server_port}", asked
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def part(handler: BaseHTTPRequestHandler) -> None:
    first, last = handler.headers["Range"].removeprefix("bytes=").split("-")
    handler.send_response(206)
    handler.end_headers()
    handler.wfile.write(CONTENT[int(first) : int(last) + 1])


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/a",
        "s3://somebody/a",
        "memory://somebody/a",
    ],
)
@pytest.mark.parametrize("trusted", [False, True])
def test_an_address_that_nobody_trusts_is_not_read(url: str, trusted: bool, tmp_path: Path) -> None:
    listed: dict[str, dict[str, Any]] = {
        str(tmp_path): {},
        "s3://mine": {},
        "https://10.0.0.10/": {},
    }
    sources = listed if trusted else None
    with pytest.raises(StorageError, match="no place that may be read"):
        read(naming(url), sources=sources)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("others", [None, {"https://example.org/": {}}, {"http://127.0.0.2/": {}}])
def test_a_machine_that_nobody_trusts_is_asked_nothing(host: str, others: Any) -> None:
    with server(part) as (at, asked):
        url = f"{at.replace('127.0.0.1', host)}/a"
        with pytest.raises(StorageError, match="no place that may be read"):
            read(naming(url), sources=others)
        assert asked == []


@pytest.mark.parametrize(
    "url",
    [
        "file:///trusted/../etc/passwd",
        "file:///trusted/./a",
        "file:///trusted//a",
        "file:///trusted/%2e%2e/a",
        "file:///trusted/a%2fb",
        "file:///trusted/..%5Cb",
        "file:///trusted/a\\b",
        "file://host/trusted/a",
        "file:///trusted/a?b",
        "file:///trusted/a#b",
        "file:///trusted/a\nb",
        "s3://user:secret@bucket/a",
        "https://user@host/a",
        "https://[::1]/a",
        "ftp://host/a",
        "FILE:///trusted/a",
        "simplecache::file:///trusted/a",
        "/trusted/a",
        "trusted/a",
        "",
    ],
)
def test_an_address_that_can_be_meant_otherwise_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        source.checked_url(url)
    if "/" in url:
        with pytest.raises(FormatError):
            read(naming(url), sources={"/trusted": {}, "s3://bucket": {}})


def test_a_prefix_ends_where_a_name_ends(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine too").mkdir()
    for name in ("mine2", "mine too"):
        repo = naming(f"file://{tmp_path}/{name.replace(' ', '')}/a")
        with pytest.raises(StorageError, match="no place that may be read"):
            read(repo, sources={str(tmp_path / "mine"): {}})


@pytest.mark.parametrize("kind", ["file", "folder", "pipe", "directory"])
def test_no_link_is_followed_and_nothing_but_a_file_is_opened(kind: str, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/a").write_bytes(CONTENT)
    mine = tmp_path / "mine"
    mine.mkdir()
    if kind == "file":
        (mine / "a").symlink_to(tmp_path / "secret/a")
    elif kind == "folder":
        (mine / "sub").symlink_to(tmp_path / "secret")
    elif kind == "pipe":
        os.mkfifo(mine / "a")
    else:
        (mine / "a").mkdir()
    name = "sub/a" if kind == "folder" else "a"
    repo = naming(f"file://{mine}/{name}")
    with pytest.raises(StorageError, match=r"cannot be read|no plain file"):
        read(repo, sources={str(mine): {}})


def test_a_folder_that_is_a_link_itself_may_be_trusted(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/a").write_bytes(CONTENT)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    repo = vstore.create(tmp_path / "repo", author="Ann")
    sources: dict[str, dict[str, Any]] = {str(tmp_path / "link"): {}}
    with repo.transaction("main", message="Refer") as tx:
        virtual.write(tx, references(str(tmp_path / "link/a")), sources=sources)
    np.testing.assert_array_equal(read(repo.url, sources=sources), VALUES)


def test_a_web_server_is_read_in_parts(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "repo", author="Ann")
    with server(part) as (url, asked):
        sources: dict[str, dict[str, Any]] = {f"{url}/data/": {}}
        with repo.transaction("main", message="Refer") as tx:
            virtual.write(tx, references(f"{url}/data/a.nc"), sources=sources)
        np.testing.assert_array_equal(read(repo.url, sources=sources), VALUES)
        assert asked == ["/data/a.nc"] * 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int, tmp_path: Path) -> None:
    with server(part) as (other, asked_there):

        def elsewhere(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Location", f"{other}/secret")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with server(elsewhere) as (url, asked):
            repo = naming(f"{url}/data/a")
            with pytest.raises(StorageError, match=str(status)):
                read(repo, sources={f"{url}/data": {}})
            assert asked == ["/data/a"]
        assert asked_there == []


def test_a_server_that_sends_everything_is_refused(tmp_path: Path) -> None:
    def whole(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(CONTENT)

    with server(whole) as (url, _):
        repo = naming(f"{url}/a")
        with pytest.raises(StorageError, match="200"):
            read(repo, sources={url: {}})


def test_a_chunk_that_is_said_to_be_endless_takes_no_memory(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/a").write_bytes(CONTENT)
    for nbytes in (2**39, 2**31):
        repo = naming(f"file://{tmp_path}/files/a", nbytes=nbytes)
        with pytest.raises(vstore.CorruptionError):
            read(repo, sources={str(tmp_path / "files"): {}})


GOOD: dict[str, Any] = {"format": 1, "prefix": "s3://bucket/a/", "files": [["b", 10], ["c", 20]]}


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"files": []},
        {"files": [["b", 10], ["b", 10]]},
        {"files": [["b", -1]]},
        {"files": [["b", 1.5]]},
        {"files": [["b", 2**53]]},
        {"files": [["b", 2**52], ["c", 2**52]]},
        {"files": [["../b", 1]]},
        {"files": [["", 1]]},
        {"files": [[str(i), 1] for i in range(513)]},
        {"prefix": "s3://bucket/a"},
        {"prefix": ""},
        {"prefix": None},
        {"more": 1},
        {"check": "0" * 64},
    ],
)
def test_a_source_that_is_otherwise_than_the_page_says_is_refused(change: dict[str, Any]) -> None:
    assert source.decode(dumps(GOOD), what="source").find(12, 8) == ("s3://bucket/a/c", 2)
    with pytest.raises(FormatError):
        source.decode(dumps(GOOD | change), what="source")


def test_a_chunk_lies_in_one_file() -> None:
    files = source.decode(dumps(GOOD), what="source")
    assert files.find(0, 10) == ("s3://bucket/a/b", 0)
    assert files.find(10, 20) == ("s3://bucket/a/c", 0)
    assert files.find(29, 1) == ("s3://bucket/a/c", 19)
    for place in ((0, 11), (9, 2), (29, 2), (30, 1), (2**60, 1)):
        assert files.find(*place) is None
