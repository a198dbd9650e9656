"""Threads that change one transaction, by whatever way: as if one came after the other."""

import random
from typing import Any

import numpy as np
import pytest
import zarr

import vstore
from tests.sharing.test_one_after_another import begun, run
from tests.zarr import repositories

create_array: Any = zarr.create_array
open_array: Any = zarr.open_array


@pytest.mark.parametrize("seed", range(4))
def test_native_and_zarr_at_once(seed: int) -> None:
    chance = random.Random(seed)
    chunk, part = chance.randrange(1, 40), chance.randrange(1, 9)
    shards = chance.choice([None, (2 * chunk,)])
    repository = repositories.in_memory()
    with repository.transaction("main", message="Write together") as tx:
        create_array(
            tx.store, name="x", shape=(16 * part,), dtype="i4", chunks=(chunk,), shards=shards
        )
        native, keyed = tx["x"], open_array(tx.store, path="x", mode="r+")
        ways = [chance.choice([native, keyed]) for _ in range(16)]
        run(lambda i: ways[i].__setitem__(slice(part * i, part * i + part), i), 16)
    found = repository.checkout()["x"][:]
    np.testing.assert_array_equal(found, np.repeat(np.arange(16), part))


def test_threads_add_no_key_twice() -> None:
    repository = repositories.in_memory()
    refused = []

    def add(table: Any, number: int) -> None:
        try:
            table.extend(
                {"x": [number] * 20}, keys=range(20 * (number // 2), 20 * (number // 2) + 20)
            )
        except vstore.InvalidInputError:
            refused.append(number)

    with repository.transaction("main", message="Write together") as tx:
        table = tx.create_table("t", {"x": vstore.ndarray((), "int64")}, keys="int")
        run(lambda i: add(table, i), 16)
    found = repository.checkout().table("t")
    assert len(refused) == 8
    assert sorted(found.sample_keys().tolist()) == list(range(160))
    assert all(len(set(found["x"][at : at + 20].tolist())) == 1 for at in range(0, 160, 20))
    assert repository.fsck(mode="full").is_sound


def test_what_comes_during_a_commit_is_in_it_or_refused() -> None:
    repository = repositories.in_memory()
    tx = begun(repository)
    kept: list[int] = []

    def write(number: int) -> None:
        if number == 5:
            tx.commit()
            return
        try:
            tx["g/x"][number % 4] = 1 + number
            kept.append(number % 4)
        except vstore.ClosedError:
            pass

    run(write, 12)
    found = repository.checkout()["g/x"][:]
    assert {i for i in range(4) if found[i]} == set(kept)
