"""Files of every kind whose chunks can stay in them, read as their own libraries read them."""

import json
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr

import vstore
from vstore import InvalidInputError, virtual

h5py: Any = pytest.importorskip("h5py")

RNG = np.random.default_rng(0)


def written(folder: Path, found: Any, path: str = "") -> tuple[vstore.Snapshot, virtual.Written]:
    """Write references, and open what they became by whoever trusts the folder."""
    repo = vstore.create(folder / "repo", author="Ann")
    with repo.transaction("main", message="Refer") as tx:
        said = virtual.write(tx, found, path, sources={str(folder): {}})
    return vstore.open(repo.url, sources={str(folder): {}}).checkout(), said


DATA_SETS: dict[str, tuple[Any, dict[str, Any]]] = {
    "gzip": (RNG.integers(0, 9, (50, 30)), {"chunks": (16, 8), "compression": "gzip"}),
    "shuffled": (
        RNG.integers(0, 9, (20, 3)).astype("<i2"),
        {"chunks": (7, 3), "compression": 4, "shuffle": True, "fletcher32": True},
    ),
    "plain": (RNG.random((20, 3)), {"chunks": (7, 3)}),
    "big": (RNG.random(50).astype(">f4"), {}),
    "one": (RNG.random((6, 4)).astype("f4"), {}),
    "scalar": (np.float32(3.5), {}),
    "bools": (RNG.random(20) < 0.5, {"chunks": (8,)}),
    "bytes": (np.array([b"a", b"", b"abc"], "S3"), {"chunks": (2,)}),
    "half": (RNG.random(9).astype("f2"), {"chunks": (4,), "fletcher32": True}),
    "none": (np.zeros((0, 3), "i4"), {}),
}


def test_hdf5_reads_as_h5py_does(tmp_path: Path) -> None:
    expected: dict[str, Any] = {}
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file.create_group("g/sub")
        group.attrs.update(title="größe", many=[1, 2], number=np.float32(0.5), odd=np.inf)
        for name, (values, options) in DATA_SETS.items():
            expected[f"g/sub/{name}"] = group.create_dataset(name, data=values, **options)[...]
        unset = file.create_dataset("unset", (40,), "f8", chunks=(8,), fillvalue=-2.5)
        unset[8:16] = 1
        file.create_dataset("never", (40,), "i4", fillvalue=7)
        expected |= {"unset": unset[...], "never": file["never"][...]}
        file.create_dataset("text", data=["a", "b"])
        file.create_dataset("lzf", data=np.arange(99), chunks=(9,), compression="lzf")
        file.create_dataset("empty", data=h5py.Empty("f4"))
        x = file.create_dataset("x", data=np.arange(50))
        x.make_scale("x")
        x.attrs["odd"] = -np.inf
        file["g/sub/gzip"].dims[0].attach_scale(x)
    snapshot, said = written(tmp_path, virtual.scan_hdf5(tmp_path / "a.h5"), "h5")
    assert sorted(said.skipped) == ["empty", "lzf", "text"]
    assert said.arrays == len(expected) + 1
    for path, values in expected.items():
        array = snapshot.array(f"h5/{path}")
        np.testing.assert_array_equal(array[...], values, err_msg=path)
        assert array.dtype == values.dtype.newbyteorder("=")
    assert snapshot.array("h5/g/sub/gzip").metadata.dimension_names == ("x", None)
    assert snapshot.array("h5/x").attributes == {"odd": -np.inf}
    found = {"title": "größe", "many": [1, 2], "number": 0.5, "odd": np.inf}
    assert snapshot.group("h5/g/sub").attributes == found


def test_what_is_no_hdf5_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"no")
    with pytest.raises(InvalidInputError, match="no HDF5"):
        virtual.scan_hdf5(tmp_path / "a.h5")
    with pytest.raises(vstore.NotFoundError):
        virtual.scan_hdf5(tmp_path / "b.h5")


@pytest.mark.parametrize("version", [2, 3])
def test_zarr_reads_as_zarr_does(version: Any, tmp_path: Path) -> None:
    root: Any = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=version)
    root.attrs["title"] = "größe"
    expected: dict[str, Any] = {}
    for name, values in {
        "ints": RNG.integers(0, 9, (50, 30)),
        "big": RNG.random((5, 6)).astype(">f8"),
        "bools": np.arange(20) % 3 == 0,
        "deep/er/floats": RNG.random((9, 9)).astype("f4"),
    }.items():
        options: dict[str, Any] = {"order": "F"} if version == 2 and values.ndim > 1 else {}
        chunks = tuple(max(1, n // 2) for n in values.shape)
        array = root.create_array(
            name, shape=values.shape, dtype=values.dtype, chunks=chunks, **options
        )
        array[...] = values
        array.attrs["unit"] = "K"
        expected[name] = values
    nan: Any = root.create_array("unset", shape=(6,), chunks=(2,), dtype="f4", fill_value=np.nan)
    nan[2:4] = 1
    expected["unset"] = nan[...]
    snapshot, said = written(tmp_path, virtual.scan_zarr(tmp_path / "a.zarr"), "era")
    assert said.arrays == len(expected)
    assert snapshot.group("era").attributes == {"title": "größe"}
    for path, values in expected.items():
        np.testing.assert_array_equal(snapshot.array(f"era/{path}")[...], values, err_msg=path)
    assert snapshot.array("era/ints").attributes == {"unit": "K"}
    again: Any = zarr.open_group(snapshot.store, mode="r", path="era")
    np.testing.assert_array_equal(again["ints"][...], expected["ints"])


CODECS: list[dict[str, Any]] = [
    {"id": "zlib", "level": 1},
    {"id": "gzip", "level": 1},
    {"id": "bz2", "level": 1},
    {"id": "zstd", "level": 1},
    {"id": "lz4", "acceleration": 1},
    {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0},
]
FILTERS: list[list[dict[str, Any]]] = [
    [],
    [{"id": "shuffle", "elementsize": 4}],
    [{"id": "delta", "dtype": "<i4"}],
    [{"id": "fletcher32"}],
]


@pytest.mark.parametrize("compressor", [None, *CODECS], ids=lambda each: each and each["id"])
@pytest.mark.parametrize("filters", FILTERS, ids=lambda each: each[0]["id"] if each else "none")
def test_codecs_of_kerchunk_read_as_numcodecs_does(
    compressor: Any, filters: list[Any], tmp_path: Path
) -> None:
    values = np.arange(60, dtype="<i4").reshape(6, 10)
    data: Any = values[:3].copy()
    for codec in [*filters, *([compressor] if compressor else [])]:
        data = numcodecs.get_codec(dict(codec)).encode(data)
    raw = np.asarray(data).tobytes()
    (tmp_path / "data").write_bytes(b"head" + raw)
    document = {"zarr_format": 2, "shape": [6, 10], "chunks": [3, 10], "dtype": "<i4"}
    document |= {"compressor": compressor, "filters": filters or None, "fill_value": 5}
    refs = {"x/.zarray": json.dumps(document), "x/0.0": [str(tmp_path / "data"), 4, len(raw)]}
    snapshot, _ = written(tmp_path, {"version": 1, "refs": refs})
    expected = np.where(np.arange(6)[:, np.newaxis] < 3, values, 5)
    np.testing.assert_array_equal(snapshot.array("x")[...], expected)


def test_references_may_be_inline_whole_files_or_templates(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(range(4)))
    document = '{"zarr_format": 2, "shape": [16], "chunks": [4], "dtype": "|u1", "fill_value": 9}'
    refs = {
        "x/.zarray": document,
        "x/.zattrs": '{"_ARRAY_DIMENSIONS": ["time"], "unit": "K"}',
        "x/0": "abcd",
        "x/1": "base64:BAUGBw==",
        "x/2": ["{{root}}/data"],
    }
    found = {"version": 1, "templates": {"root": f"file://{tmp_path}"}, "refs": refs}
    snapshot, said = written(tmp_path, found)
    expected = [*b"abcd", 4, 5, 6, 7, 0, 1, 2, 3, 9, 9, 9, 9]
    assert snapshot.array("x")[:].tolist() == expected
    assert snapshot.array("x").metadata.dimension_names == ("time",)
    assert snapshot.array("x").attributes == {"unit": "K"}
    assert (said.chunks, said.files) == (1, 1)


@pytest.mark.parametrize(
    "refs",
    [
        7,
        {},
        {"version": 1, "refs": 7},
        {"x/0": ["file:///a", 0, 1]},
        {"version": 1, "refs": {}, "gen": []},
        {"x/.zarray": "{}"},
        {"x/.zarray": '{"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O"}'},
        {"x/.zarray": '{"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "nothing"}'},
        {"x/zarr.json": "{}"},
    ],
)
def test_what_are_no_references_is_refused(refs: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError):
        written(tmp_path, refs)


def test_datasets_of_virtualizarr_are_written(tmp_path: Path) -> None:
    virtualizarr: Any = pytest.importorskip("virtualizarr")
    parsers: Any = pytest.importorskip("virtualizarr.parsers")
    registry: Any = pytest.importorskip("obspec_utils.registry")
    stores: Any = pytest.importorskip("obstore.store")
    xarray: Any = pytest.importorskip("xarray")
    urls = [f"file://{tmp_path}/{i}.nc" for i in range(3)]
    for i in range(3):
        values = np.arange(40, dtype="f4").reshape(4, 10) + 100 * i
        data = xarray.Dataset({"t2m": (("time", "x"), values)}, {"time": np.arange(4) + 4 * i})
        encoding = {"t2m": {"chunksizes": (2, 10), "zlib": True, "shuffle": True}}
        data.to_netcdf(tmp_path / f"{i}.nc", engine="h5netcdf", encoding=encoding)
    found = virtualizarr.open_virtual_mfdataset(
        urls,
        parser=parsers.HDFParser(),
        registry=registry.ObjectStoreRegistry({"file://": stores.LocalStore()}),
        loadable_variables=["time"],
        concat_dim="time",
        combine="nested",
    )
    snapshot, said = written(tmp_path, found, "era")
    assert (said.chunks, said.files) == (6, 3)
    opened = xarray.open_zarr(snapshot.store, group="era", consolidated=False).load()
    assert opened.t2m.values.reshape(3, 40).mean(axis=1).tolist() == [19.5, 119.5, 219.5]
    assert opened.time.values.tolist() == list(range(12))


@pytest.mark.parametrize("place", [[1], [1, 2, 3], [-1, 4], ["0", 4], [0, -4], [0, 2**60]])
def test_a_part_that_no_file_has_is_refused(place: list[Any], tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(range(4)))
    document = '{"zarr_format": 2, "shape": [4], "chunks": [4], "dtype": "|u1"}'
    with pytest.raises((InvalidInputError, vstore.FormatError)):
        written(tmp_path, {"x/.zarray": document, "x/0": [str(tmp_path / "data"), *place]})
