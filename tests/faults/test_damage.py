"""Stored objects damaged in every way: reading says so, and never gives other data."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.faults.damage import Trial
from tests.faults.samples import build, read_folder
from tests.repositories import new_repository
from vstore import CorruptionError, Repository, VstoreError
from vstore.format import object_keys
from vstore.reader import Reader
from vstore.storage.store import Key


def test_no_damaged_object_is_read_as_something_else(tmp_path: Path) -> None:
    folder = tmp_path / "repository"
    build(folder)
    trial = Trial(
        folder, lambda: read_folder(folder), (VstoreError,), flips=4, private=(".vstore",)
    )
    tally = trial.run()
    assert tally.examples == []
    assert tally.total("refused") > 100


RAW: Any = [{"name": "bytes"}]

READINGS: dict[str, Callable[[Any], Any]] = {
    "column": lambda head: head["t"]["x"][:],
    "one sample": lambda head: head["t"][0],
    "array": lambda head: head["a"][:],
    "reader": lambda head: list(Reader(head["t"], batch_size=64)),
}


@pytest.mark.parametrize("reading", READINGS.values(), ids=READINGS.keys())
def test_no_flipped_byte_of_an_uncompressed_chunk_is_read(
    tmp_path: Path, reading: Callable[[Any], Any]
) -> None:
    """No codec notices such a byte: only the digest of the chunk can."""
    values = np.arange(64, dtype="uint8")
    with vstore.create(tmp_path).transaction("main", message="Start") as tx:
        spec = {"x": vstore.ndarray((), "uint8", codecs=RAW, rows_per_chunk=64)}
        tx.create_table("t", spec).extend({"x": values})
        tx.create_array("a", shape=(64,), dtype="uint8", codecs=RAW)[:] = values
    (path,) = [path for path in (tmp_path / "packs").rglob("*") if path.is_file()]
    whole = path.read_bytes()
    places = [at for at in range(len(whole)) if values.tobytes() in whole[at : at + 64]]
    assert places
    for place in [at + i for at in places for i in range(64)]:
        damaged = bytearray(whole)
        damaged[place] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(CorruptionError, match="chunk"):
            reading(vstore.open(tmp_path).checkout("main"))


@pytest.mark.parametrize(
    ("key", "read"),
    [
        (object_keys.REPOSITORY, lambda repository: repository.default_branch),
        (object_keys.branch("main"), lambda repository: repository.branches["main"]),
        (object_keys.tag("v1"), lambda repository: repository.tags.get("v1")),
    ],
)
def test_a_digit_changed_in_what_no_digest_names_is_noticed(
    key: Key, read: Callable[[Repository], object]
) -> None:
    """Well-formed as before: only the check that the document carries can tell."""
    repository = new_repository()
    with repository.transaction("main", message="Start", allow_empty=True):
        pass
    repository.tags.create("v1")
    whole = repository.store.get(key)
    digits = re.findall(rb'"[0-9a-f]{32}"', whole)
    assert digits
    for found in digits:
        other = found.replace(found[1:2], b"1" if found[1:2] == b"0" else b"0", 1)
        repository.store.put(key, whole.replace(found, other))
        with pytest.raises(CorruptionError, match="check"):
            read(Repository(repository.store))
