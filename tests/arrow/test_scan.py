"""Tables as Arrow: every kind of column, and whatever part of a table is asked for."""

import gc
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import vstore
from tests.every_column import EVERY_COLUMN, EveryColumn
from tests.patience import comes_true
from tests.repositories import committed_table, counted, new_repository, table_of
from vstore.errors import InvalidInputError, NotFoundError, OutOfBoundsError
from vstore.format.zarr import vlen
from vstore.scanning.blocks import Packed

pa = pytest.importorskip("pyarrow")
pc = pytest.importorskip("pyarrow.compute")


def integers(kind: Any) -> Any:
    """The type in which times are the integers that are stored for them."""
    if pa.types.is_temporal(kind):
        return pa.int32() if pa.types.is_date32(kind) else pa.int64()
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(each.name, integers(each.type)) for each in kind])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(integers(kind.value_type), kind.list_size)
    return pa.large_list(integers(kind.value_type)) if pa.types.is_large_list(kind) else kind


def is_equal(found: Any, sample: Any, dtype: np.dtype[Any]) -> bool:
    """Return whether a value of Arrow, of times their integers, is a sample of NumPy's."""
    if isinstance(sample, list | np.ndarray) and np.ndim(sample):
        return len(found) == len(sample) and all(
            is_equal(a, b, dtype) for a, b in zip(found, sample, strict=True)
        )
    if dtype.names is not None:
        return all(is_equal(found[name], sample[name], dtype[name]) for name in dtype.names)
    if dtype.kind == "c":
        return is_equal(found, np.array([sample.real, sample.imag]), np.dtype(float))
    if dtype.kind in "mM":
        return bool(np.isnat(sample)) if found is None else bool(found == sample.astype("i8"))
    sample = bytes(sample) if dtype.kind == "V" else sample
    return bool(found == sample or (found != found and sample != sample))


def held(samples: list[Any]) -> list[Any]:
    """The samples, with scalars of NumPy as they are."""
    made = np.empty(len(samples), object)
    for i, sample in enumerate(samples):
        made[i] = sample
    return list(made)


def in_one_piece(table: Any, name: str = "x") -> Any:
    array = table.column(name).combine_chunks()
    return array.chunk(0) if isinstance(array, pa.ChunkedArray) else array


OUT_OF_RANGE = "datetime64[10us]"
"""Of which random bits are beyond what Arrow's microseconds hold."""


@pytest.mark.parametrize("is_optional", [False, True])
def test_every_column(*, is_optional: bool) -> None:
    columns = {f"c{i}": each for i, each in enumerate(EVERY_COLUMN) if each.dtype != OUT_OF_RANGE}
    samples = {name: held(each.samples()) for name, each in columns.items()}
    specs = {name: each.spec for name, each in columns.items()}
    if is_optional:
        samples = {name: [*each[:2], None, *each[3:]] for name, each in samples.items()}
        specs = {name: spec.as_optional() for name, spec in specs.items()}
    _, table = committed_table(specs, samples)
    for tensors in ("tensor", "list"):
        found = table.arrow(tensors=tensors).table()
        for name, column in columns.items():
            array = in_one_piece(found, name)
            array.validate(full=True)
            check_column(column, table[name], array, samples[name])


def check_column(column: EveryColumn, stored: vstore.Column, array: Any, samples: Any) -> None:
    is_named = column.shape is None or column.dtype == "T"
    dtype = np.dtype(object) if is_named else np.dtype(column.dtype)
    if isinstance(array.type, pa.BaseExtensionType):
        assert tuple(array.type.shape) == column.shape
        array = array.storage
        samples = [None if each is None else np.asarray(each).reshape(-1) for each in samples]
    if column.name in ("image", "audio"):
        samples = [None if x is None else stored.encoded(i) for i, x in enumerate(samples)]
    array = array.view(integers(array.type)) if dtype.kind in "mMV" else array
    for value, sample in zip(array.to_pylist(), samples, strict=True):
        is_same = value is None if sample is None else is_equal(value, sample, dtype)
        assert is_same, (column.name, value, sample)


def test_times_that_arrow_does_not_hold_are_refused() -> None:
    values = np.array([2**62], np.int64).view(OUT_OF_RANGE)
    _, table = committed_table({"x": vstore.ndarray((), OUT_OF_RANGE)}, {"x": values})
    with pytest.raises(InvalidInputError, match="outside of what Arrow"):
        table.arrow().table()


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("vstore-scan")]


def test_keys_come_first() -> None:
    samples = {"x": [1, 2]}
    columns = {"x": vstore.ndarray((), "int64")}
    for kind, keys, expected in (
        ("int", [3, 1], [3, 1]),
        ("str", ["b", "é"], ["b", "é"]),
        ("tuple", [("a", 1), ("b", 2)], ['["a",1]', '["b",2]']),
    ):
        _, table = committed_table(columns, samples, keys=kind, sample_keys=keys)
        found = pa.table(table)
        assert found.schema.names == ["sample", "x"]
        assert not found.schema.field("sample").nullable
        assert [str(each) for each in found["sample"].to_pylist()] == list(map(str, expected))
    _, table = committed_table(columns, samples)
    assert pa.table(table).schema.names == ["x"]


def test_what_a_schema_says() -> None:
    columns = {"x": vstore.ndarray((2,), "float32"), "when": vstore.ndarray((), "datetime64[D]")}
    samples = {"x": np.ones((2, 2)), "when": np.array(["2024-01-01", "NaT"], "datetime64[D]")}
    repository, table = committed_table(columns, samples)
    schema = table.arrow().schema
    commit = repository.checkout().commit.id
    assert schema.metadata == {b"vstore.path": b"t", b"vstore.commit": commit.encode()}
    assert schema.field("x").metadata[b"vstore.kind"] == b"ndarray"
    assert schema.field("x").type == pa.fixed_shape_tensor(pa.float32(), (2,))
    assert schema.field("when").type == pa.date32()
    assert [str(day) for day in pa.table(table)["when"].to_pylist()] == ["2024-01-01", "None"]
    again = pa.schema(table)
    assert again == schema


def test_coarse_and_stepped_times_are_counted_in_what_arrow_has() -> None:
    for dtype, kind in (
        ("datetime64[10us]", pa.timestamp("us")),
        ("datetime64[h]", pa.timestamp("s")),
        ("datetime64[M]", pa.date32()),
        ("timedelta64[D]", pa.duration("s")),
        ("timedelta64[ms]", pa.duration("ms")),
        ("datetime64[ps]", pa.int64()),
    ):
        values = np.array([1, 2, 3]).astype(dtype)
        _, table = committed_table({"x": vstore.ndarray((), dtype)}, {"x": values})
        array = in_one_piece(table.arrow().table())
        assert array.type == kind
        if kind != pa.int64():
            np.testing.assert_array_equal(
                array.to_numpy(zero_copy_only=False).astype(dtype), values
            )


def test_images_as_pixels() -> None:
    images = [np.full((2, 3, 3), 7, np.uint8), None, np.full((1, 2), 9, np.uint8)]
    _, table = committed_table({"x": vstore.image().as_optional()}, {"x": images})
    found = in_one_piece(table.arrow(images="tensor").table()).to_pylist()
    assert [each and each["shape"] for each in found] == [[2, 3, 3], None, [1, 2, 1]]
    assert found[0]["data"] == [7] * 18
    assert found[2]["data"] == [9, 9]


# Against a plain model --------------------------------------------------------------------


class Model:
    """A table and what is in it, changed together."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        rows = [1, 4, 16, 64]
        self.has_keys = bool(self.rng.random() < 0.7)
        chunks = {name: int(self.rng.choice(rows)) for name in "nfvtr"}
        self.columns = {
            "n": vstore.ndarray((), "int32", rows_per_chunk=chunks["n"]).as_optional(),
            "f": vstore.ndarray((), "float64", rows_per_chunk=chunks["f"]),
            "v": vstore.ndarray((2,), "int16", rows_per_chunk=chunks["v"]),
            "t": vstore.text(rows_per_chunk=chunks["t"]).as_optional(),
            "r": vstore.ndarray((None,), "uint8", rows_per_chunk=chunks["r"]).as_optional(),
        }
        self.samples: list[dict[str, Any]] = []
        self.repository = new_repository()
        self.made = 0
        with self.repository.transaction("main", message="Create") as tx:
            tx.create_table("t", self.columns, keys="str" if self.has_keys else None)
        for _ in range(int(self.rng.integers(0, 6))):
            self.change()

    def sample(self) -> dict[str, Any]:
        self.made += 1
        n, rng = self.made, self.rng
        return {
            "n": None if rng.random() < 0.2 else n % 7,
            "f": n / 4,
            "v": [n % 100, -n % 100],
            "t": None if rng.random() < 0.2 else "é" * (n % 4) + str(n),
            "r": None if rng.random() < 0.2 else [n % 256] * (n % 3),
        }

    def change(self) -> None:
        with self.repository.transaction("main", message="Change") as tx:
            table = tx["t"]
            count = int(self.rng.integers(0, 60))
            added = [self.sample() for _ in range(count)]
            keys = [f"k{self.made}-{i}" for i in range(count)]
            if added:
                batch = {name: [each[name] for each in added] for name in self.columns}
                table.extend(batch, keys=keys if self.has_keys else None)
            for sample, key in zip(added, keys, strict=True):
                self.samples.append({"sample": key} | sample if self.has_keys else sample)
            for at in self.rng.integers(0, max(1, len(self.samples)), 3).tolist():
                if at < len(self.samples):
                    new = self.sample()
                    table.assign(at, {"f": new["f"]})
                    self.samples[at] = self.samples[at] | {"f": new["f"]}
            gone = np.flatnonzero(self.rng.random(len(self.samples)) < self.rng.choice([0, 0.3]))
            if len(gone):
                table.delete(gone)
                left = set(gone.tolist())
                self.samples = [x for i, x in enumerate(self.samples) if i not in left]

    @property
    def table(self) -> vstore.Table:
        return table_of(self.repository)


CONDITIONS: list[tuple[str, Any]] = [
    ("n = 3", lambda x: x["n"] == 3),
    ("n != 3", lambda x: x["n"] is not None and x["n"] != 3),
    ("not n = 3", lambda x: x["n"] is not None and x["n"] != 3),
    ("n is null", lambda x: x["n"] is None),
    ("t is not null and f > 10", lambda x: x["t"] is not None and x["f"] > 10),
    ("n in (1, 2) or f <= 2.5", lambda x: x["n"] in (1, 2) or x["f"] <= 2.5),
    ("n not in (1, 2)", lambda x: x["n"] is not None and x["n"] not in (1, 2)),
    ("f between 3 and 4", lambda x: 3 <= x["f"] <= 4),
    ("t = 'é33'", lambda x: x["t"] == "é33"),
    ("f < 0", lambda _: False),
]


@pytest.mark.parametrize("seed", range(25))
def test_any_part_of_a_table_is_what_a_plain_list_has(seed: int) -> None:
    model = Model(seed)
    rng, table, samples = model.rng, model.table, model.samples
    count = len(samples)
    names = [*(["sample"] if model.has_keys else []), *"nfvtr"]
    for _ in range(4):
        columns = rng.permutation(names)[: rng.integers(1, len(names) + 1)].tolist()
        start, stop = rng.integers(-count - 2, count + 3, 2).tolist()
        some = rng.integers(-count, count, rng.integers(0, 30)) if count else np.zeros(0, int)
        mask = rng.random(count) < 0.2
        rows = [
            None,
            slice(start, stop),
            slice(stop, start, -3),
            some,
            mask,
            np.unique(some % max(1, count)),
        ]
        chosen = rows[rng.integers(len(rows))]
        where, holds = CONDITIONS[rng.integers(len(CONDITIONS))]
        sizes = {
            "batch_nbytes": int(rng.choice([1, 100, 2**20])),
            "memory_nbytes": int(rng.choice([1, 2**20])),
        }
        picked = np.arange(count)[slice(None) if chosen is None else chosen].tolist()
        wanted = [samples[i] for i in picked]
        scan = table.arrow(columns, rows=chosen, **sizes)  # type: ignore[arg-type]
        assert scan.table().to_pylist() == [{n: x[n] for n in columns} for x in wanted]
        assert scan.count() == len(wanted)
        found = table.arrow(columns, rows=chosen, where=where, **sizes)  # type: ignore[arg-type]
        left = [{n: x[n] for n in columns} for x in wanted if holds(x)]
        assert found.table().to_pylist() == left
        assert found.count() == len(left)
        again = pickle.loads(pickle.dumps(found))
        parts = [row for part in again.splits(3) for row in part.table().to_pylist()]
        assert parts == left


def test_expressions_of_pyarrow_mean_what_they_mean_there() -> None:
    table = Model(3).table
    whole = pa.table(table)
    for where in (
        pc.field("n") > 3,
        (pc.field("n") == 3) & pc.field("t").is_valid(),
        pc.field("n").isin([1, 2]) | (pc.field("f") < 3),
        pc.is_null(pc.field("t")),
        pc.field(0) == pc.field(0),
        pc.scalar(True),
    ):
        for names in (None, ["v"], ["f", "n"]):
            expected = whole.filter(where) if names is None else whole.filter(where).select(names)
            assert table.arrow(names, where=where).table().to_pylist() == expected.to_pylist()


# What is read -----------------------------------------------------------------------------


def test_a_filter_reads_its_column_and_the_chunks_with_a_sample() -> None:
    count = 64 * 64
    columns = {
        "label": vstore.ndarray((), "int64", rows_per_chunk=1024, codecs="none"),
        "image": vstore.ndarray((1024,), "uint8", rows_per_chunk=64, codecs="none"),
    }
    samples = {
        "label": np.arange(count) // 64,
        "image": np.random.default_rng(0).integers(0, 255, (count, 1024), dtype="uint8"),
    }
    repository, _ = committed_table(columns, samples)
    other, store = counted(repository)
    table = table_of(other)
    store.reset()
    assert table.arrow(["image"], where="label = 17").table().num_rows == 64
    assert store.nbytes_received < 1.2 * (count * 8 + 64 * 1024) + 20_000


def test_columns_that_are_not_wanted_are_not_read() -> None:
    repository, _ = committed_table(
        {"a": vstore.ndarray((), "int64"), "b": vstore.ndarray((4096,), "uint8", codecs="none")},
        {"a": range(64), "b": np.ones((64, 4096), "uint8")},
    )
    other, store = counted(repository)
    table = table_of(other)
    store.reset()
    assert table.arrow(["a"]).table().num_rows == 64
    assert table.arrow().count() == 64
    assert store.nbytes_received < 20_000


def test_a_reader_that_is_not_read_to_its_end_leaves_no_threads() -> None:
    _, table = committed_table(
        {"a": vstore.ndarray((), "int64", rows_per_chunk=16)}, {"a": range(10_000)}
    )
    reader = table.arrow(batch_nbytes=128, memory_nbytes=1024).reader()
    assert reader.read_next_batch().num_rows == 16
    assert threads()
    reader.close()
    del reader
    gc.collect()
    assert comes_true(lambda: not threads())


def test_a_scan_may_be_read_again_and_by_two_at_a_time() -> None:
    _, table = committed_table(
        {"a": vstore.ndarray((), "int64", rows_per_chunk=16)}, {"a": range(1000)}
    )
    scan = table.arrow(batch_nbytes=128)
    first, second = scan.reader(), scan.reader()
    pairs = [(a, b) for a, b in zip(first, second, strict=True)]
    assert all(a.equals(b) for a, b in pairs)
    assert pa.table(scan).equals(scan.table())


def test_batches_are_as_large_as_asked_for() -> None:
    _, table = committed_table(
        {"a": vstore.ndarray((), "int64", rows_per_chunk=64)}, {"a": range(4096)}
    )
    sizes = [batch.num_rows for batch in table.arrow(batch_nbytes=256 * 8).reader()]
    assert sizes == [256] * 16
    sizes = [batch.num_rows for batch in table.arrow(batch_nbytes=16 * 8).reader()]
    assert sizes == [16] * 256


# What is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choices", "error"),
    [
        ({"columns": ["nope"]}, NotFoundError),
        ({"columns": "x"}, InvalidInputError),
        ({"columns": ["x", "x"]}, InvalidInputError),
        ({"where": "nope = 1"}, InvalidInputError),
        ({"where": "x = 'a'"}, InvalidInputError),
        ({"where": "v = 1"}, InvalidInputError),
        ({"where": "x ="}, InvalidInputError),
        ({"where": 3}, InvalidInputError),
        ({"where": pc.field("nope") == 1}, InvalidInputError),
        ({"where": pc.field("x") + 1}, InvalidInputError),
        ({"rows": [5]}, OutOfBoundsError),
        ({"rows": ["a"]}, InvalidInputError),
        ({"tensors": "array"}, InvalidInputError),
        ({"images": "pixels"}, InvalidInputError),
        ({"batch_nbytes": 0}, InvalidInputError),
        ({"memory_nbytes": "1"}, InvalidInputError),
    ],
)
def test_what_is_refused_before_anything_is_read(choices: Any, error: type[Exception]) -> None:
    columns = {"x": vstore.ndarray((), "int64"), "v": vstore.ndarray((2,), "int64")}
    _, table = committed_table(columns, {"x": [1], "v": [[1, 2]]})
    with pytest.raises(error):
        table.arrow(**choices)


# Columns ----------------------------------------------------------------------------------


def test_columns_are_arrays_of_arrow() -> None:
    columns = {"x": vstore.ndarray((), "int64").as_optional(), "t": vstore.text()}
    _, table = committed_table(columns, {"x": [1, None], "t": ["a", "b"]})
    assert pa.array(table["x"]).to_pylist() == [1, None]
    assert pa.chunked_array(table["t"]).to_pylist() == ["a", "b"]
    assert pa.array(table["x"], pa.float32()).to_pylist() == [1.0, None]


def test_packed_text_is_let_go_as_it_is_unpacked() -> None:
    texts = np.array(["a", "", "ß" * 200, "b"], object)
    part = np.frombuffer(vlen.encode(texts, is_text=True), np.uint8)
    packed = Packed([part, part], len(texts))
    module = pytest.importorskip("vstore.arrow.packed")
    assert module.unpacked(packed, is_text=True).to_pylist() == [*texts, *texts]
    assert not packed.parts
