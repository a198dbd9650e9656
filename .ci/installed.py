"""Try an installed vstore: `python -I installed.py ROOT [EXTRA...]`, in an empty folder.

It knows which extras are installed, and no more than they bring: what they are for works, and
what needs another one names it. The core has to do README's quick start and every command.
"""

import importlib
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread

import numpy as np

import vstore
from vstore.cli import app
from vstore.cli.groups import load
from vstore.cli.registry import COMMANDS
from vstore.errors import MissingExtraError, NotFoundError
from vstore.version import DISTRIBUTION

ROOT, EXTRAS = Path(sys.argv[1]), set(sys.argv[2:])
BIN = Path(sys.executable).parent


def main() -> None:
    """Try everything; the first failure ends it."""
    if not vstore.__file__.startswith(sys.prefix):
        raise SystemExit(f"not the installed package: {vstore.__file__}")
    quick_start()
    show("fashion")
    if not EXTRAS or len(EXTRAS) > 1:
        every_help()
    for extras, attempt in ATTEMPTS:
        check(extras, attempt)


def quick_start() -> None:
    """Run the Python of README.md; it leaves the repository `fashion` behind."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL))
    exec(compile(code, "README.md", "exec"), {})


def show(repository: str) -> None:
    """Run the commands that everybody starts with."""
    said = call("log", repository, "--oneline")
    if "Fix a label" not in said or said.count("\n") < 4:
        raise SystemExit(f"vstore log says:\n{said}")
    call("log", repository, "--graph")
    call("show", f"{repository}@main", "--json")
    called = run(sys.executable, "-I", "-m", "vstore", "summary", repository)
    if called != call("summary", repository):
        raise SystemExit(f"python -m vstore summary says:\n{called}")


def every_help() -> None:
    """Ask every command, and every command of a group, for its help."""
    call("--help")
    for words in commands():
        with redirect_stdout(StringIO()) as said:
            app([*words, "--help"], prog_name="vstore", standalone_mode=False)
        if "Usage:" not in said.getvalue():
            raise SystemExit(f"vstore {' '.join(words)} has no help")


def commands() -> Iterator[list[str]]:
    """Yield the words of each command."""
    for name in COMMANDS:
        yield [name]
        for inner in getattr(load(name), "commands", {}):
            yield [name, inner]


def call(*words: str) -> str:
    """Run the command `vstore`; return what it writes."""
    return run(str(BIN / "vstore"), *words)


def run(*command: str) -> str:
    """Run a command that succeeds and has nothing to say on stderr."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or done.stderr:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr}")
    return done.stdout


def check(extras: set[str], attempt: Callable[[], object]) -> None:
    """Try what one of some extras is for; without any of them, the message names one."""
    try:
        attempt()
    except MissingExtraError as error:
        if extras & EXTRAS or error.extra not in extras:
            raise
        if f"pip install '{DISTRIBUTION}[{error.extra}]'" not in (error.hint or ""):
            raise SystemExit(f"no advice: {error}") from error
    else:
        if not extras & EXTRAS:
            raise SystemExit(f"it works without any of {sorted(extras)}: {attempt}")


def images() -> None:
    """Store and read an image."""
    repo = vstore.create("memory://images")
    pixels = np.arange(48, dtype="uint8").reshape(4, 4, 3)
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", {"image": vstore.image()}).append({"image": pixels})
    np.testing.assert_array_equal(repo.checkout("main")["t"]["image"][0], pixels)


def sounds() -> None:
    """Read what a FLAC file says of itself."""
    head = b"fLaC\x80\0\0\x22" + bytes.fromhex("1000100000000000000003e800f000000000")
    repo = vstore.create("memory://sounds")
    with repo.transaction("main", message="Add") as tx:
        spec = vstore.audio(check="none")
        tx.create_table("t", {"sound": spec}).append({"sound": head + bytes(16)})
    info = repo.checkout("main")["t"]["sound"].info(0)
    expect((info.format, info.rate, info.channels) == ("FLAC", 16_000, 1), info)


def numbers() -> None:
    """Store and read numbers with pcodec."""
    repo = vstore.create("memory://numbers")
    with repo.transaction("main", message="Add") as tx:
        spec = vstore.ndarray((), "int64", codecs="pcodec")
        tx.create_table("t", {"x": spec}).extend({"x": np.arange(9)})
    np.testing.assert_array_equal(repo.checkout("main")["t"]["x"][:], np.arange(9))


def hdf5() -> None:
    """Open what begins as HDF5, and is damaged."""
    Path("x.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    try:
        importlib.import_module("vstore.importers").open_rows("x.h5")
    except vstore.InvalidInputError as error:
        expect("x.h5 cannot be read" in str(error), error)


def torch() -> None:
    """Read a batch of tensors."""
    module = importlib.import_module("vstore.torch")
    snapshot = vstore.open("fashion").checkout("main")
    batch = next(iter(module.StreamingDataset(snapshot["train"], batch_size=8)))
    expect(tuple(batch["image"].shape) == (8, 28, 28), batch["image"].shape)


def zarr() -> None:
    """Write through Zarr, a resized array of shards among it, and read it."""
    store = importlib.import_module("vstore.zarr_store").ZarrStore
    library = importlib.import_module("zarr")
    repo = vstore.create("zarr-repo")
    with repo.transaction("main", message="Add") as tx:
        array = library.open_group(store(tx)).create_array(
            "w", shape=(100, 100), chunks=(10, 10), shards=(50, 50), dtype="f4"
        )
        array[:] = 3
        array.resize((120, 100))
    read = library.open_group(repo.checkout("main").store, mode="r")["w"]
    expect(read.shape == (120, 100) and read[99, 99] == 3, read)


def xarray() -> None:
    """Append to a dataset with a time axis, and open it by the address of its commit."""
    importlib.import_module("vstore.zarr.xarray_backend")
    library = importlib.import_module("xarray")
    repo = vstore.create("xarray-repo")
    days = np.arange("2020-01-01", "2020-01-05", dtype="datetime64[D]").astype("M8[ns]")
    dataset = library.Dataset({"a": (("time", "x"), np.ones((4, 3)))}, {"time": days})
    for append in ({}, {"append_dim": "time"}):
        with repo.transaction("main", message="Add") as tx, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zarr's, of metadata that is not consolidated
            dataset.to_zarr(tx.store, group="c", **append)
    opened = library.open_dataset("xarray-repo@main", engine="vstore", group="c")
    expect(dict(opened.sizes) == {"time": 8, "x": 3}, opened)
    library.open_datatree("xarray-repo@main", engine="vstore", group="c").close()


def arrow() -> None:
    """Show a diff as a table."""
    table = vstore.open("fashion").diff("main~1", "main").to_arrow()
    expect(table.num_rows > 0, table)


def contract() -> None:
    """Import the tests that a store has to pass."""
    module = importlib.import_module("vstore.testing")
    expect(bool(module.__all__), module.__all__)


def bucket(url: str, client: str, **options: object) -> Callable[[], None]:
    """Return an attempt to open a bucket, and to import the client that serves it."""

    def attempt() -> None:
        vstore.open(url, storage_options=options)
        importlib.import_module(f"vstore.storage.{client}")

    return attempt


def s3(**options: object) -> Callable[[], None]:
    """Return an attempt to read from an S3 server that holds nothing."""

    def attempt() -> None:
        with HTTPServer(("127.0.0.1", 0), Nothing) as server:
            Thread(target=server.serve_forever, daemon=True).start()
            address = f"http://127.0.0.1:{server.server_port}"
            with suppress(NotFoundError):
                vstore.checkout(
                    "s3://bucket/repo@main", storage_options={"endpoint_url": address} | options
                )
                raise SystemExit("there is a repository on an empty server")

    return attempt


class Nothing(BaseHTTPRequestHandler):
    """Answers as S3 does where there is no object."""

    def do_GET(self) -> None:
        """Say that there is none."""
        body = b"<Error><Code>NoSuchKey</Code><Message>None.</Message></Error>"
        if "list-type" in self.path:
            body = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        self.send_response(200 if "list-type" in self.path else 404)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


def expect(condition: bool, found: object) -> None:  # noqa: FBT001
    """End with what was found unless the condition holds."""
    if not condition:
        raise SystemExit(f"found {found}")


KEYS = {"key": "k", "secret": "s", "client_kwargs": {"region_name": "us-east-1"}}
AZURE = {"account_name": "a"}
HAS_OBSTORE = {"azure", "gcs", "s3", "s3-lite"}
ATTEMPTS = [
    ({"image"}, images),
    ({"audio"}, sounds),
    ({"hdf5"}, hdf5),
    ({"pcodec"}, numbers),
    ({"torch"}, torch),
    ({"zarr", "xarray"}, zarr),
    ({"xarray"}, xarray),
    ({"arrow", "duckdb", "polars"}, arrow),
    ({"testing"}, contract),
    (HAS_OBSTORE, s3(**KEYS)),
    ({"s3"}, s3(**KEYS, config_kwargs={"connect_timeout": 5})),
    (HAS_OBSTORE, bucket("gs://b", "obstore_client", token="anon")),
    ({"gcs"}, bucket("gs://b", "gcsfs_client", token="anon", requester_pays=True)),
    (
        HAS_OBSTORE,
        bucket("az://c", "obstore_client", account_key="aGlkZGVu", **AZURE),
    ),
    ({"azure"}, bucket("az://c", "adlfs_client", **AZURE)),
]
"""What to try, and the extras each of which is enough for it."""


if __name__ == "__main__":
    main()
