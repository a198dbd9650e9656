"""A small repository with something of every kind of stored object in it."""

from pathlib import Path
from typing import Any

import numpy as np

import vstore
from vstore import Repository
from vstore.storage.local import LocalStore
from vstore.storage.store import ObjectStore


def build(folder: Path) -> None:
    """Make the repository: tables, arrays, large nodes, index pages, branches and tags."""
    repository = vstore.create(folder, author="Ann Lee <ann@example.org>")
    chance = np.random.default_rng(0)
    with repository.transaction("main", message="Start", metadata={"run": 7}) as tx:
        columns = {
            "image": vstore.ndarray((4, 4), "uint8", rows_per_chunk=4),
            "points": vstore.ndarray((None, 2), "float32"),
            "text": vstore.text(),
            "raw": vstore.bytes_(),
        }
        table = tx.create_table("train", columns, keys="str", attributes={"source": "camera"})
        table.extend(
            {
                "image": chance.integers(0, 255, (12, 4, 4), "uint8"),
                "points": [chance.random((i % 3, 2), "float32") for i in range(12)],
                "text": [f"sample {i} ü" for i in range(12)],
                "raw": [bytes([i]) * i for i in range(12)],
            },
            keys=[f"key-{i}" for i in range(12)],
        )
        tx.create_table("u", {"n": vstore.ndarray((), "int64")}).extend({"n": np.arange(50)})
    repository.branches.create("side", at="main")
    with repository.transaction("side", message="Wide") as tx:
        array = tx.create_array("deep/x", shape=(120, 2), dtype="int16", chunk_shape=(1, 1))
        array[...] = chance.integers(1, 99, (120, 2))
        for i in range(3):
            noise = {"note": chance.bytes(15_000).hex()}
            tx.create_array(f"wide/a{i}", shape=(2,), dtype="int8", attributes=noise)[:] = i + 1
    with repository.transaction("main", message="Delete and change") as tx:
        tx["train"].delete(keys=["key-3"])
        tx["train"].loc["key-5"] = {"text": "changed"}
    repository.tags.create("v1", at="main~1", message="First")
    repository.merge("side", into="main")


def read(store: ObjectStore) -> dict[str, Any]:
    """Read all of it with a new handle."""
    repository = Repository(store)
    found: dict[str, Any] = {"default": repository.default_branch}
    for name in ("main", "side"):
        found[f"log {name}"] = [
            (c.id, c.message, str(c.author), c.time, dict(c.metadata)) for c in repository.log(name)
        ]
    tag = repository.tags.get("v1")
    found["tag"] = tag.commit, tag.message, tag.time, str(tag.author)
    for revision in ("main", "side", "v1"):
        _read_into(found, repository.checkout(revision), revision)
    return found


def _read_into(found: dict[str, Any], group: Any, path: str) -> None:
    found[path] = dict(group.attributes)
    for name in group:
        child, where = group[name], f"{path}/{name}"
        if isinstance(child, vstore.Array):
            found[where] = np.asarray(child[...])
            found[f"{where} attributes"] = dict(child.attributes)
        elif isinstance(child, vstore.Table):
            found[where] = dict(child.attributes)
            found[f"{where} keys"] = child.sample_keys().tolist()
            for column in child.columns:
                found[f"{where}/{column}"] = [np.asarray(value).tolist() for value in child[column]]
        else:
            _read_into(found, child, where)


def read_folder(folder: Path) -> dict[str, Any]:
    """Read the repository in a folder."""
    return read(LocalStore(folder))
