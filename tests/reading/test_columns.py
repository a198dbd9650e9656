"""Every kind of column and data type keeps its samples exactly."""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import vstore
from tests.repositories import assert_same_bits, committed_table, new_repository, table_of
from vstore.faces import internals
from vstore.format.table import images
from vstore.storage.counting import CountingStore

NUMBERS = [
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
]
TIMES = [
    *("datetime64[D]", "datetime64[s]", "datetime64[10ms]", "datetime64[ns]", "datetime64[Y]"),
    *("timedelta64[h]", "timedelta64[us]", "timedelta64[25s]"),
]
PLAIN = np.dtype([("id", "i4"), ("name", "U3"), ("score", "f8")])
NESTED = np.dtype([("where", [("y", "u1"), ("x", ">i2")]), ("raw", "S4")])
SHAPES = [(), (3,), (2, 3), (0,), (2, 0, 3), (1, 1, 1)]


def bits(dtype: np.dtype[Any], shape: tuple[int, ...], seed: int = 0) -> NDArray[Any]:
    """Return elements of random bits: NaNs with payloads, both zeros, NaT, the extremes."""
    rng = np.random.default_rng(seed)
    count = int(np.prod(shape))
    elements = np.frombuffer(rng.bytes(count * dtype.itemsize), dtype).copy()
    if count > 4 and dtype.kind in "fc":
        elements[:4] = [0.0, -0.0, np.nan, np.inf]
    return elements.reshape(shape)


def some(dtype: np.dtype[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Return elements of any dtype."""
    if dtype.kind in "iufcmM":
        return bits(dtype, shape)
    count = int(np.prod(shape))
    if dtype.names is not None:
        array = np.zeros(count, dtype)
        for name in dtype.names:
            array[name] = some(dtype[name], (count,))
        return array.reshape(shape)
    makers: Any = {
        "b": lambda i: i % 3 == 0,
        "U": lambda i: ("", "é", "\U0001f600b", "abc")[i % 4],
        "S": lambda i: (b"", b"\xff", b"a\x00b", b"abcd")[i % 4],
        "V": lambda i: bytes([i % 256] * dtype.itemsize),
    }
    return np.array([makers[dtype.kind](i) for i in range(count)], dtype).reshape(shape)


@pytest.mark.parametrize("name", ["bool", *NUMBERS, *TIMES, "U5", "S5", "V7"])
def test_each_dtype_keeps_every_bit(name: str) -> None:
    dtype = np.dtype(name)
    values = some(dtype, (37, 3))
    _, table = committed_table({"c": vstore.ndarray((3,), dtype, rows_per_chunk=8)}, {"c": values})
    assert table["c"].dtype == dtype
    assert_same_bits(table["c"][:], values)


@pytest.mark.parametrize("dtype", [PLAIN, NESTED])
def test_structured_dtypes_keep_their_fields(dtype: np.dtype[Any]) -> None:
    values = some(dtype, (11,))
    _, table = committed_table({"c": vstore.ndarray((), dtype, rows_per_chunk=4)}, {"c": values})
    found = table["c"][:]
    assert found.dtype.names == dtype.names
    assert found.tobytes() == values.astype(found.dtype).tobytes()
    assert table["c"][3].tobytes() == values[3].astype(found.dtype).tobytes()


@pytest.mark.parametrize("shape", SHAPES)
def test_samples_of_every_shape_come_back(shape: tuple[int, ...]) -> None:
    values = bits(np.dtype("float32"), (9, *shape))
    _, table = committed_table(
        {"c": vstore.ndarray(shape, "float32", rows_per_chunk=4)}, {"c": values}
    )
    assert table["c"].shape == (9, *shape)
    assert_same_bits(table["c"][:], values)
    assert_same_bits(table["c"][4], values[4])


@pytest.mark.parametrize("name", ["int16", "float64", "complex64", "datetime64[s]", "U4"])
def test_big_endian_input_is_stored_right(name: str) -> None:
    values = some(np.dtype(name), (21, 2))
    swapped = values.astype(values.dtype.newbyteorder(">"))
    _, table = committed_table(
        {"c": vstore.ndarray((2,), swapped.dtype, rows_per_chunk=4)}, {"c": swapped}
    )
    assert_same_bits(table["c"][:], values)


@pytest.mark.parametrize(
    "arrange",
    [
        np.asfortranarray,
        lambda array: np.repeat(array, 2, axis=0)[::2],
        lambda array: array[::-1].copy()[::-1],
        lambda array: np.repeat(array, 3, axis=2)[:, :, ::3],
        lambda array: _read_only(array),
    ],
    ids=["fortran", "strided", "reversed", "inner-strided", "read-only"],
)
def test_any_memory_layout_is_stored_right(arrange: Any) -> None:
    values = bits(np.dtype("int32"), (19, 3, 4))
    _, table = committed_table(
        {"c": vstore.ndarray((3, 4), "int32", rows_per_chunk=4)}, {"c": arrange(values)}
    )
    assert_same_bits(table["c"][:], values)


def _read_only(array: NDArray[Any]) -> NDArray[Any]:
    array.flags.writeable = False
    return array


def test_values_may_change_once_extend_returned() -> None:
    repository = new_repository()
    buffer = np.zeros((64, 16), "int64")
    with repository.transaction("main", message="Reuse one buffer") as tx:
        table = tx.create_table("t", {"c": vstore.ndarray((16,), "int64", rows_per_chunk=8)})
        for i in range(5):
            buffer[:] = i
            table.extend({"c": buffer})
        buffer[:] = -1
    assert_same_bits(table_of(repository)["c"][:, 0], np.repeat(np.arange(5), 64))


def test_minus_zero_and_nan_are_not_taken_for_the_fill_value() -> None:
    values = np.array([0.0, -0.0, np.nan, 0.0] * 4)
    values[8:12] = -0.0
    _, table = committed_table(
        {"c": vstore.ndarray((), "float64", rows_per_chunk=4)}, {"c": values}
    )
    assert_same_bits(table["c"][:], values)


def test_nan_as_fill_value() -> None:
    values = np.array([np.nan] * 4 + [1.0, -0.0, 0.0, np.nan])
    spec = vstore.ndarray((), "float64", rows_per_chunk=4, fill_value=float("nan"))
    _, table = committed_table({"c": spec}, {"c": values})
    assert_same_bits(table["c"][:], values)


def test_equal_zeros_of_different_shapes_stay_different() -> None:
    shapes = [(2, 3), (3, 2), (6, 1), (0, 5), (5, 0), (0, 0)]
    samples = [np.zeros(shape, "int16") for shape in shapes]
    _, table = committed_table(
        {
            "any": vstore.ndarray((None, None), "int16", rows_per_chunk=4),
            "rows": vstore.ndarray((2, 3), "int16", rows_per_chunk=4),
            "columns": vstore.ndarray((3, 2), "int16", rows_per_chunk=4),
        },
        {"any": samples, "rows": np.zeros((6, 2, 3), "i2"), "columns": np.zeros((6, 3, 2), "i2")},
    )
    assert [sample.shape for sample in table["any"][:]] == shapes
    assert table["rows"][5].shape == (2, 3)
    assert table["columns"][5].shape == (3, 2)


def test_equal_chunks_of_two_columns_are_stored_once_and_read_back_twice() -> None:
    values = np.random.default_rng(1).integers(0, 255, (40, 50), "uint8")
    spec = vstore.ndarray((50,), "uint8", rows_per_chunk=8, codecs="none")
    repository, table = committed_table({"a": spec, "b": spec}, {"a": values, "b": values})
    assert_same_bits(table["a"][:], values)
    assert_same_bits(table["b"][:], values)
    packs = sum(info.nbytes for info in repository.store.list_prefix("packs/"))
    assert packs == values.nbytes


@pytest.mark.parametrize("codecs", ["auto", "fast", "balanced", "small", "none"])
def test_every_codec_preset_keeps_the_samples(codecs: str) -> None:
    values = bits(np.dtype("float32"), (33, 5))
    _, table = committed_table(
        {"c": vstore.ndarray((5,), "float32", codecs=codecs, rows_per_chunk=8)}, {"c": values}
    )
    assert_same_bits(table["c"][:], values)


@pytest.mark.parametrize(("codecs", "rows"), [("auto", 256), ("none", 256), ("small", 512)])
def test_chunks_of_the_smallest_preset_are_twice_as_large(codecs: str, rows: int) -> None:
    column = vstore.ndarray((28, 28), "float32", codecs=codecs)
    _, table = committed_table({"c": column}, {"c": np.ones((600, 28, 28), "float32")})
    source = internals(table["c"]).source
    assert source is not None
    assert source.metadata.chunk_shape[0] == rows


@pytest.mark.parametrize("codecs", ["auto", "small"])
def test_those_of_variable_length_are_not(codecs: str) -> None:
    samples = ["x" * (1024 - 64)] * 3000
    _, table = committed_table({"c": vstore.text(codecs=codecs)}, {"c": samples})
    source = internals(table["c"]).source
    assert source is not None
    assert source.metadata.chunk_shape[0] == 1024


def test_text_of_any_length_and_alphabet() -> None:
    samples = ["", "a", "\x00", "a\x00", "é", "e\u0301", "\U0001f600", "x" * 5000, "", "\n"]
    _, table = committed_table({"c": vstore.text(rows_per_chunk=4)}, {"c": samples})
    assert table["c"][:].tolist() == samples
    assert table["c"][7] == samples[7]
    assert type(table["c"][1]) is str
    assert list(table["c"]) == samples


def test_byte_strings_of_any_length() -> None:
    samples = [b"", b"\x00", b"a\x00", b"\xff" * 3000, b"", bytearray(b"ab"), memoryview(b"cd")]
    _, table = committed_table({"c": vstore.bytes_(rows_per_chunk=2)}, {"c": samples})
    assert table["c"][:].tolist() == [bytes(sample) for sample in samples]


@pytest.mark.parametrize("spec", [vstore.text(rows_per_chunk=4), vstore.bytes_(rows_per_chunk=4)])
def test_chunks_of_nothing_but_empty_samples(spec: Any) -> None:
    empty = "" if spec.info.kind_name == "text" else b""
    _, table = committed_table({"c": spec}, {"c": [empty] * 10})
    assert table["c"][:].tolist() == [empty] * 10


def test_text_from_numpy_strings() -> None:
    for values in (np.array(["ab", "c"]), np.array(["ab", "c"], np.dtypes.StringDType())):
        _, table = committed_table({"c": vstore.text()}, {"c": values})
        assert table["c"][:].tolist() == ["ab", "c"]
        assert type(table["c"][0]) is str


def test_arrays_of_differing_shapes() -> None:
    rng = np.random.default_rng(3)
    samples = [rng.normal(size=(n, 3)).astype("float32") for n in (0, 1, 7, 2, 0, 300)]
    samples.append(np.asfortranarray(rng.normal(size=(4, 3))).astype("float32", order="K"))
    samples.append(rng.normal(size=(5, 3)).astype(">f4"))
    _, table = committed_table(
        {"c": vstore.ndarray((None, 3), "float32", rows_per_chunk=4)}, {"c": samples}
    )
    assert table["c"].shape == (8, None, 3)
    assert table["c"].dtype == np.float32
    for i, sample in enumerate(samples):
        assert_same_bits(table["c"][i], sample.astype("float32"))
    picked = table["c"][[5, 0, 5]]
    assert [len(sample) for sample in picked] == [300, 0, 300]


@pytest.mark.parametrize("name", ["bool", "complex128", "datetime64[ns]", "U3", "S3"])
def test_differing_shapes_of_every_kind_of_dtype(name: str) -> None:
    samples = [some(np.dtype(name), (n,)) for n in (3, 0, 5)]
    _, table = committed_table({"c": vstore.ndarray((None,), name)}, {"c": samples})
    for found, sample in zip(table["c"][:], samples, strict=True):
        assert_same_bits(found, sample)


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 3), (5, 4, 4)])
def test_image_arrays_come_back_without_loss(shape: tuple[int, ...]) -> None:
    samples = list(np.random.default_rng(0).integers(0, 256, (5, *shape), "uint8"))
    _, table = committed_table({"c": vstore.image(rows_per_chunk=2)}, {"c": samples})
    assert table["c"].dtype == np.uint8
    for found, sample in zip(table["c"][:], samples, strict=True):
        assert_same_bits(found, sample)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_encoded_images_are_kept_byte_for_byte(kind: str) -> None:
    buffer = io.BytesIO()
    pixels = np.arange(48, dtype="uint8").reshape(4, 4, 3)
    Image.fromarray(pixels).save(buffer, kind, **({"lossless": True} if kind == "WEBP" else {}))
    encoded = buffer.getvalue()
    _, table = committed_table({"c": vstore.image()}, {"c": [encoded, bytearray(encoded), encoded]})
    assert table["c"].encoded([2, 0]).tolist() == [encoded, encoded]
    assert table["c"].encoded(0) == encoded
    assert table["c"][0].shape == (4, 4, 3)
    if kind != "JPEG":
        assert_same_bits(table["c"][0], pixels)


def test_images_may_be_missing() -> None:
    pixels = np.arange(12, dtype=np.uint8).reshape(3, 4)
    _, table = committed_table({"c": vstore.image().as_optional()}, {"c": [None, pixels, None]})
    assert table["c"][0] is None
    assert table["c"][1].tolist() == pixels.tolist()
    assert table["c"][2] is None


def test_images_of_differing_sizes() -> None:
    samples = [np.full((h, w), h, "uint8") for h, w in ((1, 1), (7, 3), (2, 9))]
    _, table = committed_table({"c": vstore.image(rows_per_chunk=2)}, {"c": samples})
    assert [sample.shape for sample in table["c"][:]] == [(1, 1), (7, 3), (2, 9)]


def test_a_column_without_samples() -> None:
    _, table = committed_table(
        {"a": vstore.ndarray((2,), "f4"), "b": vstore.text(), "c": vstore.ndarray((None,), "i2")},
        {"a": np.zeros((0, 2), "f4"), "b": [], "c": []},
    )
    assert len(table) == 0
    assert_same_bits(table["a"][:], np.zeros((0, 2), "f4"))
    assert table["b"][:].tolist() == []
    assert table["c"][:].tolist() == []
    assert list(table) == []


def test_a_column_iterates_like_a_list() -> None:
    values = bits(np.dtype("int32"), (23, 2))
    _, table = committed_table({"c": vstore.ndarray((2,), "i4", rows_per_chunk=4)}, {"c": values})
    assert_same_bits(np.array(list(table["c"])), values)
    assert_same_bits(np.asarray(table["c"]), values)
    assert [sample["c"].tolist() for sample in table] == values.tolist()


def test_a_vectorised_read_fetches_and_decodes_each_chunk_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = np.random.default_rng(0).integers(0, 256, (64, 40), "uint8")
    spec = vstore.ndarray((40,), "uint8", rows_per_chunk=8, codecs="none")
    repository, _ = committed_table({"c": spec}, {"c": values})
    store = CountingStore(repository.store)
    column = table_of(vstore.Repository(store))["c"]
    monkeypatch.setattr("vstore.reading.coalescing.MAX_RANGE_NBYTES", 1)
    store.reset()
    picks = np.random.default_rng(1).integers(0, 64, 500)
    assert_same_bits(column[picks], values[picks])
    assert store.count("get_range") == store.count() == 8
    assert store.nbytes_received == values.nbytes


def test_neighbouring_chunks_come_with_one_request() -> None:
    values = np.random.default_rng(0).integers(0, 256, (64, 40), "uint8")
    spec = vstore.ndarray((40,), "uint8", rows_per_chunk=8, codecs="none")
    repository, _ = committed_table({"c": spec}, {"c": values})
    store = CountingStore(repository.store)
    column = table_of(vstore.Repository(store))["c"]
    store.reset()
    assert_same_bits(column[::-1], values[::-1])
    assert store.count() == 1


def test_an_image_that_cannot_be_decoded_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(buffer, "PNG")
    good = buffer.getvalue()
    repository = new_repository()
    with repository.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"image": vstore.image()}, keys="str")
        with monkeypatch.context() as patch:
            patch.setattr(images, "encoded_image", lambda data, *_, **__: data)
            table.extend({"image": [good, good, good[:30], good]}, keys=list("abcd"))
        table.delete([0])
    column = repository.checkout().table("t")["image"]
    for index in (1, slice(0, 3), [2, 1]):
        with pytest.raises(
            vstore.FormatError, match=r"column 'image', sample 1 .'c'.: "
        ) as damaged:
            column[index]
        assert not isinstance(damaged.value, vstore.CorruptionError)
        assert damaged.value.code == "undecodable-image"
        assert damaged.value.fields["sample"] == 1
    assert column.encoded(1) == good[:30]
    report = repository.fsck(mode="full", decode=True)
    assert not report.is_sound
    assert "sample 1" in report.problems[0].detail
