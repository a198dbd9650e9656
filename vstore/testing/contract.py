"""What every store promises, tested the same way for each."""

import gc
import os
import pickle
import signal
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import TypeVar

import pytest

from vstore.errors import CorruptionError, InvalidInputError, NotFoundError
from vstore.faces import exported_from
from vstore.storage import Key, ObjectStore, Version

T = TypeVar("T")

THREADS = 16
AWKWARD_KEYS = (
    "refs/branches/ünïcode-日本-🦊.json",
    "refs/branches/100%25 sure.json",
    "refs/branches/a b+c&d=e#f?g.json",
    "refs/branches/{x}~^`[y]!$'()*,;:@.json",
    "refs/branches/.hidden.json",
)
CHILD_SECONDS = 180
PROMPT_SECONDS = 30


def keys(store: ObjectStore, prefix: str = "") -> list[str]:
    """Return the keys below a prefix, as they are listed."""
    return [found.key for found in store.list_prefix(prefix)]


def at_once(count: int, act: Callable[[int], T]) -> list[T]:
    """Let threads act at the same moment; return what each returned."""
    barrier = Barrier(count)

    def run(number: int) -> T:
        barrier.wait()
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def in_forked_child(act: Callable[[], object]) -> None:
    """Let a forked child act; fail if it raises, dies or hangs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that threads are running is the point
        child = os.fork()
    if child == 0:
        signal.alarm(CHILD_SECONDS)
        status = 1
        try:
            act()
            gc.collect()  # what the child inherited is the parent's: it must not be closed
            status = 0
        finally:
            os._exit(status)
    _, code = os.waitpid(child, 0)
    assert code == 0, f"the child ended with status {code} (14: it hung)"


@exported_from("vstore.testing")
class ReadingContract:
    """Tests of reading.

    A class that inherits has a fixture `seeded`: a store that holds `OBJECTS`.
    """

    OBJECTS = {  # noqa: RUF012
        "a-b": b"dash",
        "a.json": b"dot",
        "a/b": b"hello world",
        "a/c/d": b"deep",
        "a0": b"zero",
        "b/empty": b"",
        **dict.fromkeys(AWKWARD_KEYS, b"awkward"),
    }

    def test_get_returns_what_was_put(self, seeded: ObjectStore) -> None:
        for key, data in self.OBJECTS.items():
            assert seeded.get(Key(key)) == data

    def test_get_returns_bytes(self, seeded: ObjectStore) -> None:
        assert type(seeded.get(Key("a/b"))) is bytes
        part = memoryview(seeded.get_range(Key("a/b"), 0, 2))
        assert part.contiguous
        assert (part.format, bytes(part)) == ("B", b"he")
        assert type(seeded.get_versioned(Key("a/b"))[0]) is bytes

    @pytest.mark.parametrize("key", ["nothing", "a", "a/c", "a/b/x"])
    def test_what_is_missing_is_not_found(self, seeded: ObjectStore, key: str) -> None:
        for read in (seeded.get, seeded.get_versioned):
            with pytest.raises(NotFoundError, match=key):
                read(Key(key))
        with pytest.raises(NotFoundError, match=key):
            seeded.get_range(Key(key), 0, 1)

    def test_ranges(self, seeded: ObjectStore) -> None:
        assert seeded.get_range(Key("a/b"), 0, 11) == b"hello world"
        assert seeded.get_range(Key("a/b"), 6, 5) == b"world"
        assert seeded.get_range(Key("a/b"), 10, 1) == b"d"

    def test_a_range_of_nothing_is_empty(self, seeded: ObjectStore) -> None:
        assert seeded.get_range(Key("a/b"), 3, 0) == b""
        assert seeded.get_range(Key("b/empty"), 0, 0) == b""

    @pytest.mark.parametrize(("start", "nbytes"), [(6, 6), (10, 2), (11, 1), (500, 10), (0, 12)])
    def test_a_range_past_the_end_is_corruption(
        self, seeded: ObjectStore, start: int, nbytes: int
    ) -> None:
        with pytest.raises(CorruptionError, match="a/b"):
            seeded.get_range(Key("a/b"), start, nbytes)

    def test_a_range_of_an_empty_object_is_corruption(self, seeded: ObjectStore) -> None:
        with pytest.raises(CorruptionError):
            seeded.get_range(Key("b/empty"), 0, 1)

    @pytest.mark.parametrize(("start", "nbytes"), [(-1, 2), (0, -1)])
    def test_an_impossible_range_is_refused(
        self, seeded: ObjectStore, start: int, nbytes: int
    ) -> None:
        with pytest.raises(InvalidInputError):
            seeded.get_range(Key("a/b"), start, nbytes)

    def test_listing_is_in_key_order_at_any_depth(self, seeded: ObjectStore) -> None:
        assert keys(seeded) == sorted(self.OBJECTS)

    @pytest.mark.parametrize("prefix", ["a", "a/", "a-", "a/c", "a/c/d", "refs/branches/ü", "b/e"])
    def test_listing_a_prefix(self, seeded: ObjectStore, prefix: str) -> None:
        expected = sorted(key for key in self.OBJECTS if key.startswith(prefix))
        assert keys(seeded, prefix) == expected

    @pytest.mark.parametrize("prefix", ["nothing", "nothing/", "a/b/", "a/zz"])
    def test_listing_nothing(self, seeded: ObjectStore, prefix: str) -> None:
        assert keys(seeded, prefix) == []

    def test_listing_says_sizes(self, seeded: ObjectStore) -> None:
        found = {info.key: info.nbytes for info in seeded.list_prefix("")}
        assert found == {key: len(data) for key, data in self.OBJECTS.items()}

    def test_versions_are_the_same_until_a_change(self, seeded: ObjectStore) -> None:
        _, first = seeded.get_versioned(Key("a/b"))
        assert seeded.get_versioned(Key("a/b")) == (b"hello world", first)

    def test_a_copy_reads_the_same_objects(self, seeded: ObjectStore) -> None:
        copy = pickle.loads(pickle.dumps(seeded))
        assert copy.url == seeded.url
        assert copy.get(Key("a/b")) == b"hello world"

    def test_a_forked_child_reads(self, seeded: ObjectStore) -> None:
        assert seeded.get(Key("a/b")) == b"hello world"

        def read() -> None:
            assert seeded.get(Key("a/b")) == b"hello world"
            assert seeded.get_range(Key("a/b"), 6, 5) == b"world"
            assert keys(seeded, "a/") == ["a/b", "a/c/d"]

        in_forked_child(read)
        start = time.monotonic()
        assert seeded.get(Key("a/b")) == b"hello world"
        assert time.monotonic() - start < PROMPT_SECONDS

    def test_a_child_forked_among_busy_threads_reads(self, seeded: ObjectStore) -> None:
        until = time.monotonic() + 0.5

        def read_on(_: int) -> None:
            while time.monotonic() < until:
                seeded.get(Key("a/b"))

        with ThreadPoolExecutor(4) as pool:
            busy = pool.map(read_on, range(4))
            time.sleep(0.2)
            in_forked_child(lambda: seeded.get(Key("a/b")))
            list(busy)

    def test_many_threads_read(self, seeded: ObjectStore) -> None:
        def read(number: int) -> bytes:
            return bytes(seeded.get_range(Key("a/b"), number % 11, 1))

        assert b"".join(at_once(THREADS, read)) == b"hello worldhello"

    def test_url_and_repr_are_there(self, seeded: ObjectStore) -> None:
        assert seeded.url
        assert seeded.url in repr(seeded) or type(seeded).__name__ in repr(seeded)


@exported_from("vstore.testing")
class ObjectStoreContract(ReadingContract):
    """Tests of every verb.

    A class that inherits has a fixture `store`: an empty store.
    """

    @pytest.fixture
    def seeded(self, store: ObjectStore) -> ObjectStore:
        for key, data in self.OBJECTS.items():
            store.put(Key(key), data)
        return store

    def test_a_new_store_is_empty(self, store: ObjectStore) -> None:
        assert keys(store) == []

    def test_is_an_object_store(self, store: ObjectStore) -> None:
        assert isinstance(store, ObjectStore)

    def test_says_whether_it_is_local(self, store: ObjectStore) -> None:
        assert store.is_local in (True, False)

    def test_put_replaces(self, store: ObjectStore) -> None:
        store.put(Key("k"), b"a longer body")
        store.put(Key("k"), b"short")
        assert store.get(Key("k")) == b"short"

    def test_a_large_object(self, store: ObjectStore) -> None:
        data = os.urandom(1 << 20) * 9
        store.put(Key("packs/large"), data)
        assert store.get(Key("packs/large")) == data
        assert store.get_range(Key("packs/large"), 5 << 20, 4 << 20) == data[5 << 20 :]

    def test_content_may_hold_anything(self, store: ObjectStore) -> None:
        data = b"\r\n--==0==\r\n--\x00\xff" + bytes(range(256))
        store.put(Key("k"), data)
        assert store.get(Key("k")) == data
        assert store.put_if_absent(Key("l"), data) is not None
        assert store.get(Key("l")) == data

    def test_listing_says_when(self, store: ObjectStore) -> None:
        store.put(Key("k"), b"1")
        (found,) = store.list_prefix("k")
        assert abs(found.modified - datetime.now(UTC)) < timedelta(minutes=2)

    def test_listing_many_pages(self, store: ObjectStore) -> None:
        expected = [f"many/{number:04}" for number in range(1005)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda key: store.put(Key(key), b""), expected))
        assert keys(store, "many/") == expected

    def test_put_if_absent_creates_once(self, store: ObjectStore) -> None:
        version = store.put_if_absent(Key("k"), b"first")
        assert version is not None
        assert store.put_if_absent(Key("k"), b"second") is None
        assert store.get_versioned(Key("k")) == (b"first", version)

    def test_put_if_absent_of_nothing(self, store: ObjectStore) -> None:
        assert store.put_if_absent(Key("k"), b"") is not None
        assert store.put_if_absent(Key("k"), b"x") is None
        assert store.get(Key("k")) == b""

    def test_put_if_absent_after_delete(self, store: ObjectStore) -> None:
        store.put(Key("k"), b"1")
        store.delete(Key("k"))
        assert store.put_if_absent(Key("k"), b"2") is not None

    def test_swap_replaces_at_the_version(self, store: ObjectStore) -> None:
        first = store.put_if_absent(Key("k"), b"1")
        assert first is not None
        second = store.compare_and_swap(Key("k"), b"2", first)
        assert second is not None
        assert second != first
        assert store.get_versioned(Key("k")) == (b"2", second)

    def test_swap_at_another_version_changes_nothing(self, store: ObjectStore) -> None:
        first = store.put_if_absent(Key("k"), b"1")
        assert first is not None
        second = store.compare_and_swap(Key("k"), b"2", first)
        assert store.compare_and_swap(Key("k"), b"3", first) is None
        assert store.get_versioned(Key("k")) == (b"2", second)

    def test_swap_of_what_is_gone_creates_nothing(self, store: ObjectStore) -> None:
        version = store.put_if_absent(Key("k"), b"1")
        assert version is not None
        store.delete(Key("k"))
        assert store.compare_and_swap(Key("k"), b"2", version) is None
        assert store.compare_and_swap(Key("never"), b"2", version) is None
        assert keys(store) == []

    def test_swap_at_the_version_of_a_put(self, store: ObjectStore) -> None:
        store.put(Key("k"), b"1")
        _, version = store.get_versioned(Key("k"))
        assert store.compare_and_swap(Key("k"), b"2", version) is not None

    def test_conditions_hold_for_awkward_keys(self, store: ObjectStore) -> None:
        for key in map(Key, AWKWARD_KEYS):
            version = store.put_if_absent(key, b"1")
            assert version is not None
            assert store.put_if_absent(key, b"2") is None
            assert store.compare_and_swap(key, b"3", version) is not None
            assert store.compare_and_swap(key, b"4", version) is None
            assert store.get(key) == b"3"

    def test_delete(self, seeded: ObjectStore) -> None:
        for key in (*AWKWARD_KEYS, "a/b"):
            seeded.delete(Key(key))
        assert keys(seeded) == ["a-b", "a.json", "a/c/d", "a0", "b/empty"]

    def test_delete_of_nothing_is_no_error(self, seeded: ObjectStore) -> None:
        for key in ("nothing", "a", "a/b/x", "x/y"):
            seeded.delete(Key(key))
        assert keys(seeded) == sorted(self.OBJECTS)

    def test_delete_if_version(self, store: ObjectStore) -> None:
        first = store.put_if_absent(Key("k"), b"1")
        assert first is not None
        second = store.compare_and_swap(Key("k"), b"2", first)
        assert second is not None
        assert not store.delete_if_version(Key("k"), first)
        assert store.get(Key("k")) == b"2"
        assert store.delete_if_version(Key("k"), second)
        assert not store.delete_if_version(Key("k"), second)
        assert keys(store) == []

    def test_one_of_many_creations_wins(self, store: ObjectStore) -> None:
        for turn in range(5):
            key = Key(f"refs/{turn}")

            def create(number: int, key: Key = key) -> Version | None:
                return store.put_if_absent(key, f"writer {number}".encode())

            wins = at_once(THREADS, create)
            (winner,) = (number for number, version in enumerate(wins) if version)
            assert store.get_versioned(key) == (f"writer {winner}".encode(), wins[winner])

    def test_one_of_many_swaps_wins(self, store: ObjectStore) -> None:
        version = store.put_if_absent(Key("ref"), b"start")
        for turn in range(5):
            assert version is not None

            def swap(number: int, turn: int = turn, expected: Version = version) -> Version | None:
                return store.compare_and_swap(
                    Key("ref"), f"{turn} writer {number}".encode(), expected
                )

            wins = at_once(THREADS, swap)
            (winner,) = (number for number, won in enumerate(wins) if won)
            version = wins[winner]
            assert store.get_versioned(Key("ref")) == (
                f"{turn} writer {winner}".encode(),
                version,
            )

    def test_no_increment_is_lost(self, store: ObjectStore) -> None:
        assert store.put_if_absent(Key("count"), b"0 -") is not None

        def increment(number: int) -> None:
            while True:
                body, version = store.get_versioned(Key("count"))
                count = int(body.split()[0])
                if store.compare_and_swap(Key("count"), f"{count + 1} {number}".encode(), version):
                    return

        at_once(8, increment)
        assert store.get(Key("count")).split()[0] == b"8"

    def test_a_reader_never_sees_half_an_object(self, store: ObjectStore) -> None:
        bodies = [bytes([letter]) * 300_000 for letter in b"abcd"]
        store.put(Key("k"), bodies[0])

        def write_or_read(number: int) -> bool:
            for turn in range(8):
                if number % 2:
                    store.put(Key("k"), bodies[turn % 4])
                elif store.get(Key("k")) not in bodies:
                    return False
            return True

        assert all(at_once(4, write_or_read))

    def test_a_copy_writes_to_the_same_objects(self, store: ObjectStore) -> None:
        copy = pickle.loads(pickle.dumps(store))
        assert copy.put_if_absent(Key("k"), b"1") is not None
        assert store.get(Key("k")) == b"1"


@exported_from("vstore.testing")
class SharedStoreContract(ObjectStoreContract):
    """Tests of every verb, for stores that other processes see.

    A class that inherits has a fixture `store`: an empty store.
    """

    def test_a_forked_child_writes(self, store: ObjectStore) -> None:
        version = store.put_if_absent(Key("ref"), b"parent")
        assert version is not None

        def write() -> None:
            store.put(Key("packs/1"), b"from the child")
            assert store.compare_and_swap(Key("ref"), b"child", version) is not None

        in_forked_child(write)
        assert store.get(Key("packs/1")) == b"from the child"
        assert store.get(Key("ref")) == b"child"
        assert store.compare_and_swap(Key("ref"), b"parent again", version) is None
