"""Commits and transactions through zarr beside what vstore itself reads and writes."""

import json
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr import codecs
from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import cpu, default_buffer_prototype
from zarr.core.sync import sync

import vstore
from tests.patience import wait_until
from tests.zarr import repositories
from tests.zarr.repositories import begin, in_memory
from vstore import Repository
from vstore.faces import internals
from vstore.zarr_store import ZarrStore

open_group: Any = zarr.open_group  # whose types leave open what a name leads to
open_array: Any = zarr.open_array
create_array: Any = zarr.create_array

IMAGES = np.arange(60, dtype="uint8").reshape(10, 2, 3)
RAGGED = [np.full((i % 4, 2), i, "float32") for i in range(10)]


def with_table() -> Repository:
    repository = in_memory()
    with begin(repository) as tx:
        table = tx.create_table(
            "deep/train",
            {
                "image": vstore.ndarray((2, 3), "uint8", rows_per_chunk=4),
                "points": vstore.ndarray((None, 2), "float32"),
                "caption": vstore.text(rows_per_chunk=4),
                "sound": vstore.bytes_(),
                "photo": vstore.image(),
            },
            keys="str",
        )
        table.extend(
            {
                "image": IMAGES,
                "points": RAGGED,
                "caption": [f"größe {i}" for i in range(10)],
                "sound": [bytes([i]) * i for i in range(10)],
                "photo": list(IMAGES),
            },
            keys=[f"k{i}" for i in range(10)],
        )
    return repository


def opened(repository: Repository) -> Any:
    return open_group(repository.checkout().store, mode="r")


def value(data: bytes) -> cpu.Buffer:
    return cpu.Buffer.from_bytes(data)


class TestReading:
    def test_every_kind_of_column(self) -> None:
        repository = with_table()
        table = repository.checkout().tables["deep/train"]
        group = opened(repository)["deep/train"]
        np.testing.assert_array_equal(group["image"][:], table["image"][:])
        assert list(group["caption"][:]) == list(table["caption"][:])
        assert list(group["sound"][:]) == list(table["sound"][:])
        assert list(group["photo"][:]) == list(table["photo"].encoded(slice(None)))
        assert list(group["sample"][:]) == list(table.sample_keys())
        for flat, shape, expected in zip(
            group["points"][:], group["points.shape"][:], RAGGED, strict=True
        ):
            found = np.frombuffer(flat, "<f4").reshape(shape)
            np.testing.assert_array_equal(found, expected)

    def test_dimensions_are_named(self) -> None:
        group = opened(with_table())["deep/train"]
        assert group["image"].metadata.dimension_names == ("sample", "image_0", "image_1")

    def test_the_hierarchy(self) -> None:
        root = opened(with_table())
        assert sorted(root) == ["deep"]
        names = {"image", "points", "points.shape", "caption", "sound", "photo", "sample"}
        assert set(root["deep/train"]) == names

    @pytest.mark.parametrize(
        ("byte_range", "expected"),
        [
            (RangeByteRequest(2, 6), slice(2, 6)),
            (OffsetByteRequest(20), slice(20, None)),
            (SuffixByteRequest(3), slice(-3, None)),
            (SuffixByteRequest(10_000), slice(None)),
            (RangeByteRequest(20, 10_000), slice(20, None)),
        ],
    )
    def test_parts_of_a_chunk(self, byte_range: Any, expected: slice) -> None:
        repository = in_memory()
        data = np.arange(24, dtype="uint8")
        with begin(repository) as tx:
            tx.create_array(
                "x", shape=(24,), dtype="uint8", chunk_shape=(24,), codecs=[{"name": "bytes"}]
            )[:] = data
        store = repository.checkout().store
        found = store.get_sync("x/c/0", byte_range=byte_range)
        assert found is not None
        assert found.to_bytes() == data.tobytes()[expected]
        found = sync(store.get("x/c/0", default_buffer_prototype(), byte_range))
        assert found is not None
        assert found.to_bytes() == data.tobytes()[expected]

    def test_a_damaged_chunk_is_not_returned(self, tmp_path: Any) -> None:
        repository = repositories.on_disk(tmp_path)
        with begin(repository) as tx:
            create_array(tx.store, name="x", data=np.arange(10_000))
        pack = max(tmp_path.rglob("packs/*/*"), key=lambda path: path.stat().st_size)
        data = bytearray(pack.read_bytes())
        data[len(data) // 2] ^= 1
        pack.write_bytes(data)
        fresh = vstore.open(repository.url)
        with pytest.raises(vstore.CorruptionError):
            opened(fresh)["x"][:]

    def test_sizes_without_reading(self) -> None:
        repository = with_table()
        store = repository.checkout().store
        data = store.get_sync("deep/train/image/c/0/0/0")
        assert data is not None
        assert sync(store.getsize("deep/train/image/c/0/0/0")) == len(data)


class TestSnapshotStore:
    def test_is_read_only(self) -> None:
        store = with_table().checkout().store
        assert store.read_only
        with pytest.raises(ValueError, match="read-only"):
            sync(store.set("x", value(b"1")))
        with pytest.raises(ValueError, match="read-only"):
            sync(store.delete_dir("deep"))
        with pytest.raises(ValueError, match="read-only"):
            open_group(store, mode="w")
        with pytest.raises(ValueError, match="a commit never changes"):
            store.with_read_only(read_only=False)
        with pytest.raises(ValueError, match="a commit never changes"):
            ZarrStore(store.source, read_only=False)

    def test_pickles(self) -> None:
        repository = with_table()
        store = repository.checkout().store
        copy = pickle.loads(pickle.dumps(store))
        assert copy == store
        assert hash(copy) == hash(store)
        assert open_group(copy, mode="r")["deep/train/image"].shape[0] == 10

    def test_differs_from_that_of_another_commit(self) -> None:
        repository = with_table()
        before = repository.checkout().store
        with begin(repository) as tx:
            tx["deep/train"].delete(0)
        assert repository.checkout().store != before

    def test_does_not_see_later_commits(self) -> None:
        repository = with_table()
        root = opened(repository)
        with begin(repository) as tx:
            tx.delete("deep/train")
        assert root["deep/train/image"].shape[0] == 10


class TestTransactionStore:
    def test_in_its_own_process_a_pickled_copy_is_the_same_transaction(self) -> None:
        repository = in_memory()
        with begin(repository) as tx:
            copy = pickle.loads(pickle.dumps(tx.store))
            create_array(copy, name="x", data=np.arange(5))
        assert opened(repository)["x"][:].tolist() == [0, 1, 2, 3, 4]

    def test_it_ends_with_the_transaction(self) -> None:
        repository = in_memory()
        with begin(repository) as tx:
            root = open_group(tx.store)
        with pytest.raises(vstore.ClosedError, match="is finished"):
            root.create_array("x", shape=(3,), dtype="i4")

    def test_an_error_discards_what_was_written(self) -> None:
        repository = with_table()
        tx = begin(repository)
        create_array(tx.store, name="x", data=np.arange(5))
        tx.__exit__(ZeroDivisionError, ZeroDivisionError(), None)
        assert "x" not in opened(repository)

    def test_both_see_each_other_write(self) -> None:
        repository = in_memory()
        with begin(repository) as tx:
            root = open_group(tx.store)
            array = root.create_array("x", shape=(10, 10), chunks=(4, 4), dtype="i4")
            array[:] = 1
            tx["x"][2:6, 3] = 2
            assert array[:, 3].tolist() == [1, 1, 2, 2, 2, 2, 1, 1, 1, 1]
            array[9] = 3
            assert tx["x"][9].tolist() == [3] * 10
        assert opened(repository)["x"][9].tolist() == [3] * 10

    def test_writing_the_same_again_makes_no_commit(self) -> None:
        repository = in_memory()
        with begin(repository) as tx:
            create_array(tx.store, name="x", data=np.arange(1000), chunks=(100,))
        with begin(repository) as tx:
            open_array(tx.store, path="x")[:] = np.arange(1000)
        assert internals(tx).commit_made is None

    def test_equal_writes_make_equal_trees(self) -> None:
        trees = []
        for _ in range(2):
            repository = in_memory()
            with begin(repository) as tx:
                root = open_group(tx.store, attributes={"b": 1, "a": [None, True]})
                root.create_array("x", shape=(50,), chunks=(7,), dtype="f8")[:] = np.arange(50)
            trees.append([path for path, _ in internals(repository.checkout()).tree.walk()])
        assert trees[0] == trees[1]


class TestAttributes:
    def test_values_that_json_does_not_have(self) -> None:
        attributes = {
            "missing": float("nan"),
            "range": [float("-inf"), 0.5, {"high": float("inf")}],
            "text": "NaN",
        }
        repository = in_memory()
        with begin(repository) as tx:
            root = open_group(tx.store, attributes=attributes)
            root.create_array("x", shape=(1,), dtype="i1", attributes=attributes)
        root = opened(repository)
        for found in (dict(root.attrs), dict(root["x"].attrs)):
            assert repr(found) == repr(attributes)

    def test_they_are_diffed(self) -> None:
        repository = in_memory()
        with begin(repository) as tx:
            open_group(tx.store, attributes={"a": 1})
        with begin(repository) as tx:
            open_group(tx.store).attrs["a"] = 2
        assert "a" in str(repository.diff("main~1", "main"))

    @pytest.mark.filterwarnings("ignore:Consolidated metadata")
    def test_consolidating_keeps_nothing_that_grows_old(self) -> None:
        repository = in_memory()
        with begin(repository) as tx:
            open_group(tx.store).create_group("a").create_array("x", shape=(2,), dtype="i1")
        with begin(repository) as tx:
            before = _root_document(tx.store)
            found = zarr.consolidate_metadata(tx.store)
            assert [name for name, _ in found.members(max_depth=None)] == ["a", "a/x"]
            zarr.consolidate_metadata(tx.store, path="a")
            assert _root_document(tx.store) == before
            open_group(tx.store)["a/x"].resize((5,))
        root = opened(repository)
        assert root.metadata.consolidated_metadata is None
        assert root["a"]["x"].shape == (5,)

    @pytest.mark.filterwarnings("ignore:Consolidated metadata")
    def test_copies_of_documents_are_not_kept(self) -> None:
        repository = in_memory()
        plain = zarr.storage.MemoryStore()
        open_group(plain).create_array("x", shape=(2,), dtype="i1")
        zarr.consolidate_metadata(plain)
        with begin(repository) as tx:
            for key, data in plain._store_dict.items():
                tx.store.set_sync(key, data)
            open_group(tx.store)["x"].resize((5,))
        assert opened(repository)["x"].shape == (5,)
        assert "consolidated_metadata" not in _root_document(repository.checkout().store)

    def test_commits_and_xarray_are_not_asked_to_consolidate(self) -> None:
        repository = in_memory()
        with begin(repository) as tx:
            open_group(tx.store)
            assert not tx.store.supports_consolidated_metadata
        with pytest.raises(TypeError, match="doesn't support consolidated metadata"):
            zarr.consolidate_metadata(repository.checkout().store)


def _root_document(store: ZarrStore) -> Any:
    found = store.get_sync("zarr.json")
    assert found is not None
    return json.loads(found.to_bytes())


CODECS: list[dict[str, Any]] = [
    {"compressors": None},
    {"compressors": codecs.GzipCodec(level=1)},
    {"compressors": codecs.ZstdCodec(checksum=True)},
    {"compressors": codecs.BloscCodec(cname="lz4", shuffle="bitshuffle")},
    {"filters": codecs.TransposeCodec(order=(1, 0))},
    {"compressors": (codecs.ZstdCodec(), codecs.Crc32cCodec())},
    {"shards": (20, 20)},
    {"shards": (10, 40), "compressors": None},
    {"chunk_key_encoding": {"name": "v2", "separator": "."}},
    {"chunk_key_encoding": {"name": "default", "separator": "."}},
]


@pytest.mark.parametrize("options", CODECS, ids=str)
def test_codecs_and_grids(options: dict[str, Any]) -> None:
    data = np.random.default_rng(0).normal(size=(33, 47))
    repository = in_memory()
    with begin(repository) as tx:
        array = create_array(
            tx.store, name="x", shape=data.shape, chunks=(10, 10), dtype="f8", **options
        )
        array[:] = data
        np.testing.assert_array_equal(tx["x"][:], data)
    snapshot = repository.checkout()
    np.testing.assert_array_equal(opened(repository)["x"][:], data)
    np.testing.assert_array_equal(snapshot["x"][5:31, 11:], data[5:31, 11:])


shapes = st.tuples(*[st.integers(0, 20)] * 3)


@settings(max_examples=12, deadline=None)
@given(sizes=st.lists(shapes, min_size=2, max_size=6), every=st.integers(1, 3))
def test_resizing_along_any_axis(sizes: list[tuple[int, ...]], every: int) -> None:
    """Chunks keep their places; what was cut off does not come back."""
    repository = in_memory()
    model = create_array({}, shape=sizes[0], chunks=(3, 2, 4), dtype="i4", fill_value=-1)
    tx = begin(repository)
    found = create_array(
        tx.store, name="x", shape=sizes[0], chunks=(3, 2, 4), dtype="i4", fill_value=-1
    )
    for i, size in enumerate(sizes):
        for array in (model, found):
            array.resize(size)
            array[...] = np.where(np.arange(np.prod(size)).reshape(size) % 3 == 0, i, array[...])
        np.testing.assert_array_equal(found[...], model[...])
        np.testing.assert_array_equal(tx["x"][...], model[...])
        if i % every == 0:
            tx.commit()
            tx = begin(repository)
            found = open_array(tx.store, path="x")
    tx.commit()
    if repository.branches:
        np.testing.assert_array_equal(opened(repository)["x"][...], model[...])


class TestTables:
    def test_values_of_a_column_can_be_changed(self) -> None:
        repository = with_table()
        with begin(repository) as tx:
            open_group(tx.store)["deep/train/image"][7] = 99
            open_group(tx.store)["deep/train/caption"][2] = "new"
        table = repository.checkout().tables["deep/train"]
        assert table.loc["k7"]["image"].tolist() == [[99] * 3] * 2
        assert table.loc["k2"]["caption"] == "new"
        changes = str(repository.diff("main~1", "main"))
        assert "deep/train/image: 1 sample changed ('k7')" in changes
        assert "deep/train/caption: 1 sample changed ('k2')" in changes

    def test_attributes_of_a_column_and_a_table_can_be_changed(self) -> None:
        repository = with_table()
        with begin(repository) as tx:
            group = open_group(tx.store)["deep/train"]
            group.attrs["licence"] = "CC0"
            group["image"].attrs["unit"] = "grey"
        table = repository.checkout().tables["deep/train"]
        assert table.attributes == {"licence": "CC0"}
        assert table["image"].attributes == {"unit": "grey"}

    def test_its_columns_stay_aligned(self) -> None:
        with begin(with_table()) as tx:
            group = open_group(tx.store)["deep/train"]
            with pytest.raises(ValueError, match="columns change together"):
                group["image"].resize((4, 2, 3))
            with pytest.raises(ValueError, match="finds its samples by"):
                group["sample"][0] = "other"
            with pytest.raises(ValueError, match="nothing can go below"):
                group.create_array("more", shape=(10,), dtype="i4")
            with pytest.raises(ValueError, match="belongs to the table"):
                del group["image"]

    def test_a_table_is_deleted_whole(self) -> None:
        repository = with_table()
        with begin(repository) as tx:
            del open_group(tx.store)["deep"]["train"]
        assert repository.checkout().tables == {}


class TestLooseObjects:
    def test_they_are_versioned_and_merged_by_key(self) -> None:
        repository = in_memory()
        with begin(repository) as tx:
            tx.store.set_sync("notes/a.txt", value(b"one"))
        repository.branches.create("other", at="main")
        with repository.transaction("other", message="Other") as tx:
            tx.store.set_sync("notes/b.txt", value(b"two"))
        with begin(repository) as tx:
            tx.store.set_sync("notes/a.txt", value(b"changed"))
        repository.merge("other", into="main")
        assert repositories.stored(repository, "notes/a.txt") == b"changed"
        assert repositories.stored(repository, "notes/b.txt") == b"two"
        changes = str(repository.diff("main~1", "main"))
        assert changes == "__objects__: 1 sample added ('notes/b.txt')"

    def test_chunks_that_come_before_their_array_become_its_chunks(self) -> None:
        repository = in_memory()
        source = zarr.storage.MemoryStore()
        create_array(source, name="x", data=np.arange(40), chunks=(10,))
        with begin(repository) as tx:
            for key in sorted(source._store_dict):
                tx.store.set_sync(key, source._store_dict[key])
        assert repository.checkout()["x"][:].tolist() == list(range(40))
        assert "__objects__" not in list(repository.checkout()) or not len(
            repository.checkout().tables["__objects__"]
        )

    def test_chunks_stay_when_a_document_goes(self) -> None:
        repository = in_memory()
        with begin(repository) as tx:
            create_array(tx.store, name="x", data=np.arange(40), chunks=(10,))
        with begin(repository) as tx:
            tx.store.delete_sync("x/zarr.json")
        keys = sorted(repository.checkout().tables["__objects__"].sample_keys())
        assert keys == ["x/c/0", "x/c/1", "x/c/2", "x/c/3"]

    def test_zarr_format_2_goes_through_as_it_is(self) -> None:
        repository = in_memory()
        with begin(repository) as tx:
            create_array(tx.store, name="x", data=np.arange(40), chunks=(10,), zarr_format=2)
        store = repository.checkout().store
        found = open_array(store, path="x", mode="r", zarr_format=2)
        assert found[:].tolist() == list(range(40))

    @pytest.mark.filterwarnings("ignore::zarr.errors.UnstableSpecificationWarning")
    @pytest.mark.parametrize(
        ("name", "options"),
        [("...", {}), ("x", {"dtype": "U2", "fill_value": "\ud900"})],
        ids=["name", "surrogate"],
    )
    def test_arrays_that_vstore_cannot_name_or_describe(
        self, name: str, options: dict[str, Any]
    ) -> None:
        repository = in_memory()
        with begin(repository) as tx:
            options = {"dtype": "i4", "shape": (5,), "chunks": (2,)} | options
            open_group(tx.store).create_array(name, **options)[:3] = 7
        found = opened(repository)[name]
        assert [str(item) for item in found[:3]] == ["7", "7", "7"]
        assert found[4] == options.get("fill_value", 0)

    def test_vstore_keeps_its_own_table_to_itself(self) -> None:
        with begin(in_memory()) as tx:
            tx.store.set_sync("a", value(b"1"))
            with pytest.raises(vstore.InvalidInputError, match="is taken by vstore"):
                tx.create_array("__objects__/x", shape=(1,), dtype="i1")
            assert sorted(tx.store._source.list_prefix("")) == ["a"]


class TestBadInput:
    def test_a_codec_off_the_list(self) -> None:
        document = b"""{"zarr_format": 3, "node_type": "array", "shape": [4], "data_type": "int8",
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
            "chunk_key_encoding": {"name": "default"}, "fill_value": 0,
            "codecs": [{"name": "bytes"}, {"name": "numcodecs.pickle"}]}"""
        with begin(in_memory()) as tx:
            with pytest.raises(ValueError, match=r"cannot keep the array 'x': codecs.*pickle"):
                tx.store.set_sync("x/zarr.json", value(document))
            assert not sync(tx.store.exists("x/zarr.json"))

    def test_an_array_as_the_root(self) -> None:
        with begin(in_memory()) as tx, pytest.raises(ValueError, match="give the array a name"):
            create_array(tx.store, shape=(3,), dtype="i4")

    def test_a_node_below_an_array(self) -> None:
        with begin(in_memory()) as tx:
            root = open_group(tx.store)
            root.create_array("x", shape=(3,), dtype="i4")
            with pytest.raises(ValueError, match="only groups may have child nodes"):
                root.create_array("x/y", shape=(3,), dtype="i4")

    def test_a_region_outside_the_array(self) -> None:
        with begin(in_memory()) as tx:
            array = create_array(tx.store, name="x", shape=(3,), dtype="i4")
            with pytest.raises(IndexError):
                array[7] = 1

    def test_what_is_no_buffer(self) -> None:
        no_buffer: Any = b"1"
        with begin(in_memory()) as tx, pytest.raises(TypeError, match="must be a zarr Buffer"):
            tx.store.set_sync("x", no_buffer)


def test_vstore_does_not_import_zarr() -> None:
    code = "import sys, vstore; print('zarr' in sys.modules, 'xarray' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_packs_are_stored_while_a_transaction_goes_on() -> None:
    """What is encoded does not wait for the commit: the disk works meanwhile."""
    repository = in_memory()
    noise = np.random.default_rng(0).integers(0, 256, (40, 2**20), "uint8")
    shape, chunks = noise.shape, (1, 2**20)
    with repository.transaction("main", message="Much") as tx:
        array = create_array(
            tx.store, name="a", shape=shape, dtype="uint8", chunks=chunks, compressors=None
        )
        array[:] = noise

        def is_stored() -> bool:
            array[0] = noise[0]
            return any(repository.store.list_prefix("packs/"))

        wait_until(is_stored)
    found: Any = repository.checkout("main")["a"]
    assert (found[:] == noise).all()
