"""What operations cost in requests, in rounds of requests, and in bytes of metadata."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import (
    DELAY_SECONDS,
    assert_same_bits,
    committed_table,
    counted,
    counted_rounds,
    new_repository,
    table_of,
)
from vstore import Repository
from vstore.faces import internals
from vstore.format.digest import Digest, digest_of, raw_digest
from vstore.format.index import Index, span, update
from vstore.format.page import (
    FANOUT,
    ChunkRef,
    PackRef,
    Page,
    PageRef,
    decode_page,
    encode_inner,
    encode_leaf,
)
from vstore.storage.counting import CountingStore


@pytest.fixture
def repository() -> Repository:
    """A small repository: one table of two columns, one array, two commits, one tag."""
    repository, _ = committed_table(
        {"x": vstore.ndarray((3,), "int64"), "label": vstore.ndarray((), "uint8")},
        {"x": np.arange(300).reshape(100, 3), "label": np.arange(100)},
    )
    with repository.transaction("main", message="Add an array") as tx:
        tx.create_array("a", shape=(10, 10), dtype="float64")[:] = np.eye(10)
    repository.tags.create("v1", at="main~1")
    return repository


def slowed(repository: Repository) -> tuple[Repository, CountingStore]:
    """Return a fresh handle whose requests take long enough for their rounds to show."""
    return counted(repository, delay_seconds=DELAY_SECONDS)


def costs(store: CountingStore) -> tuple[int, int]:
    return store.count(), store.depth


def test_first_element_by_hash_costs_two_requests(repository: Repository) -> None:
    head = repository.resolve("main")
    for path, index in (("t/x", (5, 1)), ("t/label", 7), ("a", (3, 3))):
        fresh, store = slowed(repository)
        snapshot: Any = fresh.checkout(head)
        assert snapshot[path][index] is not None
        assert costs(store) == (2, 2)


def test_first_element_by_branch_costs_two_requests_too(repository: Repository) -> None:
    fresh, store = slowed(repository)
    assert table_of(fresh)["x"][5, 1] == 16
    assert costs(store) == (2, 2)  # the branch carries a copy of its commit


def test_a_large_commit_is_read_beside_its_branch(repository: Repository) -> None:
    with repository.transaction("main", message="Say a lot", metadata={"x": "y" * 40_000}) as tx:
        tx["t"]["x"][5, 1] = 99
    fresh, store = slowed(repository)
    assert table_of(fresh)["x"][5, 1] == 99
    assert costs(store) == (3, 3)


def test_first_element_by_tag_costs_four_requests(repository: Repository) -> None:
    fresh, store = counted(repository)
    assert table_of(fresh, "v1")["x"][5, 1] == 16
    assert store.count() <= 4


def test_a_tag_is_found_in_one_round(repository: Repository) -> None:
    fresh, store = slowed(repository)
    fresh.resolve("v1")
    assert costs(store) == (2, 1)


def test_the_usual_branch_is_found_by_one_request(repository: Repository) -> None:
    fresh, store = slowed(repository)
    fresh.resolve("main")
    assert costs(store) == (1, 1)


def test_a_whole_sample_costs_as_much_as_one_element(repository: Repository) -> None:
    head = repository.resolve("main")
    fresh, store = slowed(repository)
    table = table_of(fresh, head)
    assert table[5]["label"] == 5
    assert store.count() <= 3
    assert store.depth <= 3


def test_opening_and_asking_costs_one_request(repository: Repository) -> None:
    fresh, store = slowed(repository)
    snapshot: Any = fresh.checkout(repository.resolve("main"))
    assert len(snapshot["t"]) == 100
    assert snapshot["t"]["x"].shape == (100, 3)
    assert str(snapshot.summary())
    assert list(snapshot) == ["a", "t"]
    assert costs(store) == (1, 1)


def test_opening_a_repository_costs_nothing(repository: Repository) -> None:
    _, store = counted(repository)
    assert store.count() == 0


def test_a_small_transaction_costs_four_requests_in_three_rounds(repository: Repository) -> None:
    fresh, store = slowed(repository)
    with fresh.transaction("main", message="Change one chunk") as tx:
        tx["t"]["x"][:] = 7
    assert store.count() <= 4
    assert store.depth <= 3


def test_a_small_transaction_on_a_plain_array(repository: Repository) -> None:
    fresh, store = slowed(repository)
    with fresh.transaction("main", message="Change one chunk") as tx:
        tx["a"][:] = 7
    assert store.count() <= 4
    assert store.depth <= 3


def test_changing_one_element_reads_its_chunk_once(repository: Repository) -> None:
    fresh, store = slowed(repository)
    with fresh.transaction("main", message="Change one element") as tx:
        tx["t"]["x"][5, 1] = 7
    assert store.count("get_range") == 1
    assert store.count() <= 5
    assert store.depth <= 4  # the chunk is read before it can be changed


def test_a_commit_of_a_hundred_chunks_costs_four_requests_in_two_rounds(
    repository: Repository,
) -> None:
    fresh, store = slowed(repository)
    with fresh.transaction("main", message="Add") as tx:
        array = tx.create_array("b", shape=(100, 1000), chunk_shape=(1, 1000), dtype="int64")
        store.reset()
        array[:] = np.random.default_rng(0).integers(0, 2**60, (100, 1000))
    assert store.count() <= 4
    assert store.depth <= 2


def test_a_first_commit_asks_four_times_more_and_waits_twice() -> None:
    fresh, store = slowed(new_repository())
    with fresh.transaction("main", message="Add") as tx:
        array = tx.create_array("a", shape=(100, 1000), chunk_shape=(1, 1000), dtype="int64")
        store.reset()
        array[:] = np.random.default_rng(0).integers(0, 2**60, (100, 1000))
    assert store.count() <= 7
    # It asks for garbage collection and the time while it uploads, and for policies before and
    # after the branch is there.
    assert store.depth <= 4


def test_a_commit_of_a_hundred_chunks_of_a_table(repository: Repository) -> None:
    fresh, store = slowed(repository)
    with fresh.transaction("main", message="Add") as tx:
        spec = vstore.ndarray((1000,), "int64", rows_per_chunk=1)
        table = tx.create_table("u", {"x": spec})
        store.reset()
        table.extend({"x": np.random.default_rng(0).integers(0, 2**60, (100, 1000))})
    assert store.count() <= 4
    assert store.depth <= 2


@pytest.mark.parametrize(
    ("old", "requests", "depth"), [("main~1", 2, 2), ("dev", 3, 1), ("dev~1", 4, 2)]
)
def test_two_ends_are_looked_up_side_by_side(
    repository: Repository, old: str, requests: int, depth: int
) -> None:
    repository.branches.create("dev", at="main")
    with repository.transaction("dev", message="Change") as tx:
        tx["a"][0] = 7
    with repository.transaction("main", message="Change") as tx:
        tx["a"][1] = 7
    fresh, store = slowed(repository)
    internals(fresh).resolve_both(old, "main")
    assert store.count() == requests
    assert store.depth == depth


def test_a_name_at_both_ends_is_looked_up_once(repository: Repository) -> None:
    with repository.transaction("main", message="Change") as tx:
        tx["a"][0] = 7
    fresh, store = slowed(repository)
    str(fresh.diff("main~1", "main"))
    assert [request.key for request in store.requests].count("refs/branches/main.json") == 1


def two_lines(columns: int = 2) -> Repository:
    """Return a repository whose branches `main` and `side` changed samples of each column."""
    rows = np.arange(4000).reshape(2000, 2)
    kind = vstore.ndarray((2,), "int64", rows_per_chunk=1024, codecs="none")
    names = [f"x{i}" for i in range(columns)]
    repository, _ = committed_table(dict.fromkeys(names, kind), dict.fromkeys(names, rows))
    repository.branches.create("side")
    for branch, row in (("side", 1999), ("main", 5)):
        with repository.transaction(branch, message="Change") as tx:
            for name in names:
                tx["t"][name][row] = [row, -row]
    return repository


def test_a_diff_reads_both_sides_of_all_columns_in_one_round() -> None:
    def compare(fresh: Repository) -> None:
        changed = fresh.diff("main~1", "main").tables["t"].changed
        assert changed == {"x0": [5], "x1": [5]}

    # The branch, the commit before its head, and chunks.
    store = counted_rounds(two_lines(), compare, most=3)
    assert store.depth <= 3
    assert store.count() <= 6


def test_a_diff_of_two_branches_reads_chunks_and_the_commit_where_they_parted() -> None:
    def compare(fresh: Repository) -> None:
        changed = fresh.diff("side", "main").tables["t"].changed
        assert changed == {"x0": [5, 1999], "x1": [5, 1999]}

    store = counted_rounds(two_lines(), compare, most=3)
    assert store.depth <= 3
    assert store.count() <= 10


def test_a_merge_costs_five_rounds() -> None:
    def merge(fresh: Repository) -> None:
        assert fresh.merge("side", into="main", dry_run=True).kind == "merge"

    # Refs, the common base and chunks; then come the commit and the branch.
    store = counted_rounds(two_lines(), merge, most=3)
    assert store.depth <= 3
    assert store.count() <= 10


def test_pages_of_both_sides_are_read_a_level_at_a_time() -> None:
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        array = tx.create_array("a", shape=(8 * FANOUT,), chunk_shape=(1,), dtype="int64")
        array[:] = np.arange(8 * FANOUT)
    with repository.transaction("main", message="Change") as tx:
        tx["a"][::FANOUT] = -1

    def compare(fresh: Repository) -> None:
        assert fresh.diff("main~1", "main").arrays["a"].chunks == [i * FANOUT for i in range(8)]

    assert counted_rounds(repository, compare, most=4).depth <= 4


def test_a_tag_costs_three_requests(repository: Repository) -> None:
    fresh, store = slowed(repository)
    fresh.tags.create("v2", at="main")
    assert store.count() <= 3  # the branch, the policies, and the tag
    assert store.depth <= 3


def test_a_branch_costs_few_requests(repository: Repository) -> None:
    fresh, store = counted(repository)
    fresh.branches.create("dev", at="main")
    assert store.count() <= 6


def test_an_empty_transaction_writes_nothing(repository: Repository) -> None:
    fresh, store = slowed(repository)
    with fresh.transaction("main", message="Nothing"):
        pass
    assert costs(store) == (1, 1)
    assert store.nbytes_sent == 0


def test_losing_a_race_costs_six_requests_more(repository: Repository) -> None:
    fresh, store = slowed(repository)
    tx = fresh.transaction("main", message="Second")
    tx["t"]["label"][:50] = 200
    with repository.transaction("main", message="First") as other:
        other["a"][0] = 1
    before, depth = store.count(), store.depth
    tx.commit()
    uncontended = 3  # a pack, a commit, and the branch
    assert store.count() - before <= uncontended + 6
    assert store.depth - depth <= 2 + 4
    assert table_of(repository)["label"][49] == 200


def test_a_table_of_many_chunks_is_read_in_few_large_requests() -> None:
    values = np.random.default_rng(0).integers(0, 255, (4096, 1024), "uint8")
    repository, _ = committed_table(
        {"x": vstore.ndarray((1024,), "uint8", rows_per_chunk=16, codecs="none")}, {"x": values}
    )
    fresh, store = slowed(repository)
    assert_same_bits(table_of(fresh, repository.resolve("main"))["x"][:], values)
    assert store.count() <= 3
    assert store.depth <= 3


def test_iterating_over_a_column_reads_each_byte_once() -> None:
    values = np.random.default_rng(0).integers(0, 255, (512, 100), "uint8")
    repository, _ = committed_table(
        {"x": vstore.ndarray((100,), "uint8", rows_per_chunk=16, codecs="none")}, {"x": values}
    )
    fresh, store = counted(repository)
    column = table_of(fresh)["x"]
    store.reset()
    assert sum(1 for _ in column) == 512
    assert store.nbytes_received == values.nbytes


def test_keys_and_deletions_are_read_once_for_a_snapshot() -> None:
    repository, _ = committed_table(
        {"x": vstore.ndarray((), "int64", rows_per_chunk=256)},
        {"x": np.arange(200)},
        keys="str",
        sample_keys=[f"k{i}" for i in range(200)],
    )
    with repository.transaction("main", message="Delete") as tx:
        tx["t"].delete([3, 4])
    fresh, store = counted(repository)
    snapshot: Any = fresh.checkout("main")
    store.reset()
    for i in range(10, 20):
        assert snapshot["t"]["x"][i - 2] == snapshot["t/x"][i - 2] == i
        assert snapshot["t"].loc[f"k{i}"]["x"] == i
    assert store.count() == 3  # the chunk, the keys and the marks of what is deleted


def metadata_sent(store: CountingStore) -> int:
    """Return the bytes of all that was written but the chunks themselves."""
    return sum(r.nbytes_sent for r in store.requests if not r.key.startswith("packs/"))


def test_one_changed_chunk_of_ten_thousand_writes_fifty_kilobytes() -> None:
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        array = tx.create_array("a", shape=(10_000, 8), chunk_shape=(1, 8), dtype="uint8")
        array[:] = np.random.default_rng(0).integers(1, 255, (10_000, 8), "uint8")
    fresh, store = counted(repository)
    with fresh.transaction("main", message="Change one") as tx:
        tx["a"][7777] = 0
        tx["a"][7777, 3] = 9
    assert metadata_sent(store) <= 50_000
    assert store.count() <= 9
    found: Any = fresh.checkout("main")["a"]
    assert found[7777].tolist() == [0, 0, 0, 9, 0, 0, 0, 0]


def test_many_small_commits_stay_cheap() -> None:
    """After 300 commits of one chunk each, the next still writes about as little."""
    repository = new_repository()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    with repository.transaction("main", message="Add", time=start) as tx:
        array = tx.create_array("a", shape=(10_000, 8), chunk_shape=(1, 8), dtype="uint8")
        array[:] = np.random.default_rng(0).integers(1, 255, (10_000, 8), "uint8")
    for i in range(300):
        time = start + timedelta(seconds=i + 1)
        with repository.transaction("main", message=f"{i}", time=time) as tx:
            tx["a"][i] = i % 250
    fresh, store = counted(repository)
    with fresh.transaction("main", message="One more") as tx:
        tx["a"][400] = 251
    assert metadata_sent(store) <= 100_000


class _Pages:
    """Index pages in a dict, as a store would hold them."""

    def __init__(self) -> None:
        self.pages: dict[Digest, bytes] = {}
        self.read: list[Digest] = []

    def load(self, refs: Any) -> list[Page]:
        self.read += [ref.digest for ref, _ in refs]
        return [
            decode_page(self.pages[ref.digest], height=height, what="page") for ref, height in refs
        ]


def _chunk(number: int) -> ChunkRef:
    """Return where a chunk of 30 kB lies, a thousand to a pack."""
    pack = PackRef(digest_of(b"pack %d" % (number // 1000)), 30_000_000 + number // 1000)
    return ChunkRef(pack, number % 1000 * 30_000, 29_000 + number % 997, raw_digest(b"%d" % number))


def _tree_above(number: int, count: int) -> tuple[Index, _Pages]:
    """Return the index of `count` chunks, with only those pages that lead to one of them."""
    pages = _Pages()
    block = number // FANOUT
    data = encode_leaf(
        {i: _chunk(block * FANOUT + i) for i in range(FANOUT) if block * FANOUT + i < count}
    )
    height = 0
    while True:
        digest = digest_of(data)
        pages.pages[digest] = data
        below = span(height)
        if below >= count:
            return Index(height, count, count * 30_000, ref=(digest, len(data))), pages
        first = number // span(height + 1) * FANOUT
        children = {}
        for slot in range(min(FANOUT, -(-count // below) - first)):
            held = min(below, count - (first + slot) * below)
            known = (digest, len(data)) if first + slot == number // below else None
            name, size = known or (digest_of(b"page %d" % (first + slot)), 26_000)
            children[slot] = PageRef(name, size, held, held * 30_000)
        data, height = encode_inner(children), height + 1


@pytest.mark.parametrize(("count", "limit"), [(10_000, 50_000), (1_000_000, 100_000)])
def test_index_pages_for_one_changed_chunk(count: int, limit: int) -> None:
    new = ChunkRef(PackRef(digest_of(b"new"), 100), 0, 100, raw_digest(b"new"))
    for number in (0, count // 2, count - 1):
        index, pages = _tree_above(number, count)
        changed, written = update(index, {number: new}, pages.load)
        assert changed is not None
        assert changed.chunks == count
        assert sum(map(len, written.values())) + len(_inline(changed)) <= limit
        assert len(pages.read) == index.height + 1 <= 3


def _inline(index: Index) -> bytes:
    return repr(index.page).encode() if index.page is not None else b""
