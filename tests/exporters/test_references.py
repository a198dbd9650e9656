"""Reference files, read by plain zarr and xarray in a process that cannot import vstore."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

import vstore
from tests.conftest import Bucket
from tests.zarr import repositories
from vstore import Repository
from vstore.exporters import export_refs

BLOCKER = """
import json, sys, warnings

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "vstore":
            raise ImportError("vstore is not to be used here")

sys.meta_path.insert(0, Blocker())
warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
refs, options = sys.argv[1], json.loads(sys.argv[2])

import numpy as np, xarray as xr, zarr
from zarr.storage import FsspecStore

"""
WHOLE = """
store = FsspecStore.from_url(
    "reference://", storage_options={"fo": refs, "remote_options": options, "asynchronous": True},
    read_only=True,
)
root = zarr.open_group(store, mode="r", use_consolidated=None)
"""


def fill(repository: Repository) -> None:
    with repository.transaction(message="Add a table and arrays") as tx:
        table = tx.create_table(
            "train",
            {
                "image": vstore.ndarray((4, 3), "uint8"),
                "caption": vstore.text(),
                "sound": vstore.bytes_(),
            },
            keys="str",
        )
        table.extend(
            {
                "image": np.arange(120, dtype="uint8").reshape(10, 4, 3),
                "caption": [f"größe {i}" for i in range(10)],
                "sound": [bytes([i]) * i for i in range(10)],
            },
            keys=[f"k{i}" for i in range(10)],
        )
        root = zarr.open_group(tx.store)
        wind = root.create_array(
            "climate/wind",
            shape=(30, 40),
            chunks=(5, 10),
            shards=(10, 20),
            dtype="f4",
            dimension_names=["y", "x"],
            attributes={"units": "m/s"},
        )
        wind[:] = np.arange(1200, dtype="f4").reshape(30, 40)
        tx.create_array("sparse", shape=(100,), chunk_shape=(10,), dtype="int16", fill_value=-1)[
            50
        ] = 7


def read_elsewhere(
    refs: Path, code: str, options: Mapping[str, Any] | None = None, *, opening: str = WHOLE
) -> Any:
    """Run code in a process that cannot import vstore; return what it prints as JSON."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            BLOCKER + opening + textwrap.dedent(code),
            str(refs),
            json.dumps(options or {}),
        ],
        capture_output=True,
        text=True,
        cwd=refs.parent,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


CODE = """
wind = xr.open_zarr(store, group="climate")["wind"]
print(json.dumps({
    "image": int(root["train/image"][:].sum()),
    "captions": [str(text) for text in root["train/caption"][:3]],
    "sound": root["train/sound"][3:4].tolist()[0].hex(),
    "keys": [str(key) for key in root["train/sample"][-2:]],
    "wind": float(wind[29, 39]), "dims": list(wind.dims), "units": wind.attrs["units"],
    "sparse": root["sparse"][48:52].tolist(),
}))
"""
EXPECTED = {
    "image": sum(range(120)),
    "captions": ["größe 0", "größe 1", "größe 2"],
    "sound": "030303",
    "keys": ["k8", "k9"],
    "wind": 1199.0,
    "dims": ["y", "x"],
    "units": "m/s",
    "sparse": [-1, -1, 7, -1],
}


def test_plain_zarr_reads_a_commit_on_disk(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    fill(repository)
    count = export_refs(repository.checkout(), tmp_path / "refs.json")
    document = json.loads((tmp_path / "refs.json").read_text())
    assert document["version"] == 1
    assert len(document["refs"]) == count
    assert read_elsewhere(tmp_path / "refs.json", CODE) == EXPECTED


@pytest.mark.s3
def test_plain_zarr_reads_a_commit_in_a_bucket(s3_bucket: Bucket, tmp_path: Path) -> None:
    repository = repositories.on_s3(s3_bucket)
    fill(repository)
    export_refs(repository.checkout(), tmp_path / "refs.json")
    options = {**s3_bucket.storage_options, "asynchronous": True}
    assert read_elsewhere(tmp_path / "refs.json", CODE, options) == EXPECTED


def test_an_older_commit_stays_readable(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    fill(repository)
    with repository.transaction(message="Change") as tx:
        tx["sparse"][:] = 0
    export_refs(repository.checkout("main~1"), tmp_path / "refs.json")
    assert read_elsewhere(tmp_path / "refs.json", CODE) == EXPECTED


def test_one_group_is_exported_as_the_root(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    fill(repository)
    export_refs(repository.checkout(), tmp_path / "refs.json", group="climate")
    code = "print(json.dumps([sorted(root), float(root['wind'][0, 5])]))"
    assert read_elsewhere(tmp_path / "refs.json", code) == [["wind"], 5.0]


def test_loose_objects_are_in_the_file(tmp_path: Path) -> None:
    repository = repositories.on_disk(tmp_path)
    loose = {"a/text": b"base64:no", "a/bytes": b"\x00\xff", "empty": b""}
    with repository.transaction(message="Add") as tx:
        zarr.open_group(tx.store)
        for key, data in loose.items():
            tx.store.set_sync(key, zarr.core.buffer.cpu.Buffer.from_bytes(data))
    export_refs(repository.checkout(), tmp_path / "refs.json")
    code = """
    print(json.dumps({key: store.fs.fs.cat(key).hex() if hasattr(store.fs, "fs")
                      else __import__("fsspec").filesystem("reference", fo=refs).cat(key).hex()
                      for key in ("a/text", "a/bytes", "empty")}))
    """
    found = read_elsewhere(tmp_path / "refs.json", code)
    assert found == {key: data.hex() for key, data in loose.items()}


def test_what_cannot_be_exported(tmp_path: Path) -> None:
    repository = repositories.in_memory()
    fill(repository)
    with pytest.raises(vstore.InvalidInputError, match="the memory of this process"):
        export_refs(repository.checkout(), tmp_path / "refs.json")
    repository = repositories.on_disk(tmp_path)
    fill(repository)
    with pytest.raises(vstore.NotFoundError, match="'nope'"):
        export_refs(repository.checkout(), tmp_path / "refs.json", group="nope")
    with pytest.raises(vstore.NotFoundError, match="not a group"):
        export_refs(repository.checkout(), tmp_path / "refs.json", group="sparse")
    assert not list(tmp_path.glob("*refs.json*"))
