"""What means harm at the doors of a repository, again and again, each time otherwise.

Each function tries as often as it is told to, with a seed of its own for each try, and raises
`AssertionError` at the first that is not as it should be.
"""

import os
import random
import shutil
import tempfile
import threading
import time
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import zarr

import vstore
from tests.faults.races import Place
from tests.faults.samples import build
from tests.maintenance.gc.test_listings import NOW, Lister, commit, fill, state
from tests.sharing.lending import elsewhere
from tests.storage.relay import Relay
from tests.storage.test_links import state_of
from tests.zarr import repositories
from vstore import ConflictError, Repository, UnsupportedStoreError, VstoreError
from vstore.history import deletion_records, tag_refs
from vstore.maintenance.fsck.fsck import FsckOptions, fsck
from vstore.maintenance.gc import roots
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions
from vstore.reading.disk_cache import DiskCache
from vstore.storage import LocalStore
from vstore.storage.store import ObjectInfo
from vstore.writing import committing

AUTHOR = "Ann Lee <ann@example.org>"
OLD = (time.time() - 10 * 86400,) * 2


# Links ------------------------------------------------------------------------------------------


def links(tries: int) -> Counter[str]:
    """Put a link in the place of a file or folder of a repository or a cache, and use both."""
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder, documents = Path(name), Path(name, "documents")
        build(whole := folder / "whole")
        _write_documents(documents)
        before = state_of(documents)
        for seed in range(tries):
            chance = random.Random(seed)
            place = folder / "place"
            shutil.copytree(whole, place)
            (place / "cache").mkdir(mode=0o700)
            DiskCache(place / "cache", 1 << 20).put(bytes(32), b"chunk")
            chosen = chance.choice(sorted(place.rglob("*")))
            shutil.rmtree(chosen) if chosen.is_dir() else chosen.unlink()
            chosen.symlink_to(chance.choice([documents, *sorted(documents.rglob("*"))]))
            found["links"] += 1
            for use in USES:
                with suppress(VstoreError, OSError):
                    use(place)
                found["uses"] += 1
                assert state_of(documents) == before, (seed, chosen, use)
            shutil.rmtree(place)
    return found


def _write_documents(folder: Path) -> None:
    """Write files of a user's own, old, some of which have names as vstore gives."""
    for name in ("thesis.txt", "0" * 32, "lock", "ab/" + "ab" * 32, "state.json", "main.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("years of work")
        os.utime(folder / name, OLD)


def _commit(place: Path) -> None:
    repository = vstore.open(place, author=AUTHOR)
    with repository.transaction("main", message="Again") as tx:
        tx.create_array("again", shape=(4,), dtype="int8")[:] = 1


def _delete(place: Path) -> None:
    repository = vstore.open(place, author=AUTHOR)
    repository.branches.create("short")
    repository.branches.delete("short", force=True)


def _cache(place: Path) -> None:
    for nbytes in (1, 1 << 20):
        cache = DiskCache(place / "cache", nbytes)
        cache.put(bytes(32), b"chunk")
        cache.find(bytes(32), 5)
        cache.tidy()


USES: list[Callable[[Path], object]] = [
    lambda place: vstore.open(place).checkout().summary(),
    _commit,
    _delete,
    lambda place: vstore.open(place).fsck(mode="full"),
    lambda place: collect(LocalStore(place), NOW),
    lambda place: collect(LocalStore(place), NOW),
    _cache,
]


# Listings ---------------------------------------------------------------------------------------


def listings(tries: int) -> Counter[str]:
    """Collect garbage of a store whose listings leave out objects by chance."""
    found: Counter[str] = Counter()
    with patch.object(roots, "_PAUSE_SECONDS", 0.0):
        for seed in range(tries):
            chance = random.Random(seed)
            store = Lister()
            repository = fill(store)
            collect(store, NOW)
            repository.branches.create("garbage")
            commit(repository, "garbage", 60)
            repository.branches.delete("garbage", force=True)
            before = state(store)
            store.change = _hiding(chance)
            for _ in range(3):
                try:
                    found["objects freed"] += collect(store, NOW).freed.objects
                except VstoreError:
                    found["refused"] += 1
                found["collections"] += 1
            store.change = Lister.change
            assert state(store) == before, seed
            assert fsck(store, FsckOptions(mode="full")).is_sound, seed
    return found


def _hiding(chance: random.Random) -> Callable[[str, list[ObjectInfo]], list[ObjectInfo]]:
    """Return a change of listings: some objects of some prefix, each time or always the same."""
    share = chance.choice([0.05, 0.3, 0.9])
    prefix = chance.choice(["", "refs/", "refs/branches/", "commits/", "index/", "packs/", "gc/"])
    always, secret = chance.random() < 0.5, chance.random()

    def change(_: str, infos: list[ObjectInfo]) -> list[ObjectInfo]:
        def is_hidden(key: str) -> bool:
            drawn = random.Random(f"{secret} {key}").random() if always else chance.random()
            return key.startswith(prefix) and drawn < share

        return [info for info in infos if not is_hidden(info.key)]

    return change


# Conditions -------------------------------------------------------------------------------------


def conditions(tries: int, place: Place) -> Counter[str]:
    """Let a server of S3 stop to heed conditions, at any time between two processes."""
    found: Counter[str] = Counter()
    repository = vstore.create(place.url, storage_options=place.storage_options, author=AUTHOR)
    commit(repository, "main", 0)
    with Relay(place.storage_options["endpoint_url"]) as relay:
        through = replace(
            place, storage_options={**place.storage_options, "endpoint_url": relay.url}
        )
        for seed in range(tries):
            chance = random.Random(seed)
            ignored = chance.choice(["if-match", "if-none-match"])
            before = repository.branches["main"]
            process = through.open()
            relay.dropped.add(ignored)
            try:
                _change_a_ref(process, chance)
            except UnsupportedStoreError:
                found["noticed"] += 1
            found["first writes"] += 1
            relay.dropped.discard(ignored)
            assert found["noticed"] == found["first writes"], (seed, ignored)
            assert repository.branches["main"] == before, seed
            commit(process, "main", seed + 1)
    assert repository.fsck(mode="full").is_sound
    return found


def _change_a_ref(repository: Repository, chance: random.Random) -> None:
    """Commit, or do something else that writes on a condition."""
    number = chance.randrange(2**32)
    match chance.randrange(3):
        case 0:
            commit(repository, "main", number)
        case 1:
            repository.branches.create(f"b{number}")
        case _:
            repository.tags.create(f"t{number}")


# Sizes ------------------------------------------------------------------------------------------


def sizes(tries: int) -> Counter[str]:
    """Let a file of a repository be sparse, of a terabyte, and read, verify and collect it."""
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        build(whole := folder / "whole")
        for seed in range(tries):
            chance = random.Random(seed)
            shutil.copytree(whole, place := folder / "place")
            files = [each for each in place.rglob("*") if each.is_file()]
            chosen = chance.choice(sorted(files))
            with chosen.open(chance.choice(["ab", "wb"])) as file:
                file.truncate(chance.choice([2**31, 2**40, 2**43]))
            for use in USES[:-1]:
                began = time.monotonic()
                tracemalloc.start()
                try:
                    use(place)
                except VstoreError:
                    found["refused"] += 1
                finally:
                    peak = tracemalloc.get_traced_memory()[1] >> 20
                    tracemalloc.stop()
                found["uses"] += 1
                found["most MiB"] = max(found["most MiB"], peak)
                found["most seconds"] = max(found["most seconds"], int(time.monotonic() - began))
                assert peak < 256, (seed, chosen, use, peak)
            shutil.rmtree(place)
    return found


# Clocks -----------------------------------------------------------------------------------------


def clocks(tries: int) -> Counter[str]:
    """Commit, delete and collect by computers whose clocks are wrong by up to ten years."""
    found: Counter[str] = Counter()
    for seed in range(tries):
        chance = random.Random(seed)
        with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            store = LocalStore(name)
            repository = fill(store)
            kept = {branch: repository.branches[branch] for branch in ("b1", "b2", "z")}
            for number in range(6):
                with _wrong_clock(timedelta(hours=chance.randrange(-87_600, 87_600))):
                    commit(repository, "main", number)
                    found["commits"] += 1
                    if kept and chance.random() < 0.4:
                        branch = chance.choice(sorted(kept))
                        if branch in repository.branches:
                            repository.branches.delete(branch, force=True)
                            found["branches deleted"] += 1
            collect(store, GcOptions(grace=timedelta(0)))
            collect(store, GcOptions(grace=timedelta(0)))
            now, times = datetime.now(UTC), [each.time for each in repository.log("main")]
            assert max(times) < now + timedelta(hours=2), seed
            assert times == sorted(times, reverse=True), seed
            for branch, at in kept.items():
                if branch not in repository.branches:
                    repository.branches.restore(branch)
                assert repository.branches[branch] == at, (seed, branch)
            assert fsck(store, FsckOptions(mode="full")).is_sound, seed
    return found


def _wrong_clock(by: timedelta) -> ExitStack:
    """Return a context in which this process's clock is wrong."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "Wrong":
            right = datetime.now(tz) + by
            return cls.fromtimestamp(right.timestamp(), tz)

    stack = ExitStack()
    for module in (tag_refs, deletion_records, committing):
        stack.enter_context(patch.object(module, "datetime", Wrong))
    return stack


# Threads ----------------------------------------------------------------------------------------


def threads(tries: int) -> Counter[str]:
    """Let threads write parts of the same chunks of one transaction, each by a way of its own."""
    found: Counter[str] = Counter()
    for seed in range(tries):
        chance = random.Random(seed)
        count, part = chance.choice([4, 8]), chance.randrange(1, 9)
        chunk = chance.randrange(1, 40)
        shards = chance.choice([None, (chunk * chance.randrange(1, 4),)])
        repository = repositories.in_memory()
        expected = np.zeros(count * part, "i8")
        found["writes"] += count
        tx = repository.transaction(message="Write together")
        create: Any = zarr.create_array
        create(tx.store, name="x", shape=expected.shape, dtype="i8", chunks=(chunk,), shards=shards)
        found["refused"] += _write_together(tx, chance, expected, count)
        try:
            tx.commit()
        except ConflictError:
            found["commits refused"] += 1
            continue
        found["commits"] += 1
        np.testing.assert_array_equal(repository.checkout()["x"][:], expected)
    return found


def _write_together(
    tx: vstore.Transaction, chance: random.Random, expected: Any, count: int
) -> int:
    """Write on threads; note in `expected` what was taken; return how many were refused."""
    part = len(expected) // count
    array: Any = zarr.open_array
    kinds = ["native", "zarr", "elsewhere"][: chance.randrange(1, 4)]
    ways = [chance.choice(kinds) for _ in range(count)]
    start, refused = threading.Barrier(count), []

    def write(number: int) -> None:
        target = {
            "native": lambda: tx["x"],
            "zarr": lambda: array(tx.store, path="x", mode="r+"),
            "elsewhere": lambda: array(elsewhere(tx.store), path="x", mode="r+"),
        }[ways[number]]()
        where = slice(number * part, (number + 1) * part)
        start.wait()
        try:
            target[where] = number + 1
            expected[where] = number + 1
        except ConflictError:
            refused.append(number)

    running = [threading.Thread(target=write, args=(i,)) for i in range(count)]
    for each in running:
        each.start()
    for each in running:
        each.join()
    return len(refused)
