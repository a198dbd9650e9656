"""The index tree against a plain dict: same contents, same form, and no page read in vain."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vstore.format.digest import Digest, digest_of, raw_digest
from vstore.format.index import Index, changed, locate, page_refs, update, walk
from vstore.format.page import (
    ChunkRef,
    PackRef,
    Page,
    PageRef,
    Patch,
    Patched,
    StoredChunk,
    decode_page,
)

quick = settings(max_examples=150, deadline=None)

Model = dict[int, StoredChunk]


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give pages a fan-out of 4, so that few chunks already make a high tree."""
    monkeypatch.setattr("vstore.format.page.FANOUT", 4)
    monkeypatch.setattr("vstore.format.index.FANOUT", 4)
    monkeypatch.setattr("vstore.format.index.INLINE_PAGE_NBYTES", 300)


class Store:
    """Pages by digest, and which of them were read."""

    def __init__(self) -> None:
        self.pages: dict[Digest, bytes] = {}
        self.read: list[Digest] = []

    def load(self, refs: Any) -> list[Page]:
        self.read += [ref.digest for ref, _ in refs]
        return [
            decode_page(self.pages[ref.digest], height=height, what="page") for ref, height in refs
        ]

    def update(
        self, index: Index | None, changes: dict[int, StoredChunk | None], limit: int | None = None
    ) -> Index | None:
        found, written = update(index, changes, self.load, limit=limit)
        for digest, data in written.items():
            assert digest_of(data) == digest
        self.pages |= written
        return found

    def built(self, model: Model) -> Index | None:
        return self.update(None, dict(model))


def ref(pack: int, place: int, content: int) -> ChunkRef:
    return ChunkRef(
        PackRef(digest_of(b"%d" % pack), 5000), place * 10, 10, raw_digest(b"%d" % content)
    )


wholes = st.builds(ref, st.integers(0, 2), st.integers(0, 3), st.integers(0, 3))
runs = st.sampled_from([((0, 1),), ((3, 2),), ((0, 1), (2, 1))])
patches = st.lists(st.builds(Patch, runs, wholes), min_size=1, max_size=3).map(tuple)
refs = st.one_of(wholes, st.builds(Patched, wholes, patches))
numbers = st.one_of(st.integers(0, 20), st.integers(0, 300), st.integers(0, 4**6))
models = st.dictionaries(numbers, refs, max_size=40)
changes_of = st.dictionaries(numbers, st.none() | refs, max_size=12)


def applied(model: Model, changes: dict[int, StoredChunk | None], limit: int | None) -> Model:
    merged = {number: new for number, new in (model | changes).items() if new is not None}
    return {number: new for number, new in merged.items() if limit is None or number < limit}


@quick
@given(models, st.lists(changes_of, max_size=4), st.none() | st.integers(0, 300))
def test_updates_lead_to_the_same_form_as_building_anew(
    model: Model, edits: list[dict[int, StoredChunk | None]], limit: int | None
) -> None:
    store = Store()
    index = store.built(model)
    for changes in edits:
        index = store.update(index, changes)
        model = applied(model, changes, None)
        assert index == store.built(model)
    if limit is not None:
        assert store.update(index, {}, limit) == store.built(applied(model, {}, limit))


@quick
@given(models, changes_of, st.integers(0, 300))
def test_a_limit_and_changes_at_once(
    model: Model, changes: dict[int, StoredChunk | None], limit: int
) -> None:
    store = Store()
    found = store.update(store.built(model), changes, limit)
    assert found == store.built(applied(model, changes, limit))


@quick
@given(models, st.lists(numbers, max_size=20, unique=True))
def test_chunks_are_found_where_they_are_and_nowhere_else(model: Model, wanted: list[int]) -> None:
    store = Store()
    index = store.built(model)
    asked = sorted({*wanted, *list(model)[:10], 4**7 - 1, 2**62})
    found = locate(index, np.array(asked, np.int64), store.load)
    assert found == [model.get(number) for number in asked]


@quick
@given(models)
def test_walking_yields_every_chunk_in_order(model: Model) -> None:
    store = Store()
    index = store.built(model)
    assert list(walk(index, store.load)) == sorted(model.items())
    if index is None:
        assert model == {}
    else:
        assert index.chunks == len(model)
        assert index.stored == sum(chunk.nbytes for chunk in model.values())


@quick
@given(models, changes_of)
def test_differences_are_found_both_ways(
    model: Model, changes: dict[int, StoredChunk | None]
) -> None:
    store = Store()
    other = applied(model, changes, None)
    ours, theirs = store.built(model), store.built(other)
    expected = sorted(
        number
        for number in model.keys() | other.keys()
        if _digest(model, number) != _digest(other, number)
    )
    assert list(changed(ours, theirs, store.load)) == expected
    assert list(changed(theirs, ours, store.load)) == expected


def _digest(model: Model, number: int) -> bytes | None:
    return model[number].digest if number in model else None


@quick
@given(models)
def test_every_page_that_is_referred_to_is_written(model: Model) -> None:
    store = Store()
    index = store.built(model)
    listed = list(page_refs(index, store.load))
    reachable = {ref.digest for ref, _ in listed}
    assert reachable == store.pages.keys()
    for page, height in listed:
        assert isinstance(page, PageRef)
        assert page.nbytes == len(store.pages[page.digest])
        assert height >= 0


def test_one_change_reads_and_writes_one_page_a_level() -> None:
    store = Store()
    index = store.built({number: ref(0, number % 4, number) for number in range(4**5)})
    assert index is not None
    assert index.height == 4
    store.read.clear()
    before = set(store.pages)
    store.update(index, {777: ref(1, 0, 99)})
    assert len(store.read) <= 5
    assert len(set(store.pages) - before) <= 5


def test_differences_are_found_without_reading_what_is_equal() -> None:
    store = Store()
    model: Model = {number: ref(0, number % 4, number) for number in range(4**5)}
    ours = store.built(model)
    theirs = store.update(ours, {777: ref(1, 0, 99)})
    store.read.clear()
    assert list(changed(ours, theirs, store.load)) == [777]
    assert len(store.read) <= 10


def test_an_equal_chunk_in_another_pack_is_no_difference_of_contents() -> None:
    store = Store()
    ours, theirs = store.built({5: ref(0, 1, 7)}), store.built({5: ref(2, 3, 7)})
    assert ours != theirs
    assert list(changed(ours, theirs, store.load)) == []


def test_nothing_is_an_index_too() -> None:
    store = Store()
    assert store.update(None, {}) is None
    assert store.update(None, {3: None}) is None
    assert list(walk(None, store.load)) == []
    assert list(page_refs(None, store.load)) == []
    assert list(changed(None, None, store.load)) == []
    assert locate(None, np.array([1, 2]), store.load) == [None, None]
    index = store.built({3: ref(0, 0, 0), 4**5: ref(0, 1, 1)})
    assert store.update(index, {3: None, 4**5: None}) is None
    assert list(changed(index, None, store.load)) == [3, 4**5]
