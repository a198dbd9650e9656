"""Groups and arrays of NetCDF, HDF5 and Zarr, imported as they are."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.importers.netcdf_files import write_netcdf
from tests.repositories import new_repository
from vstore.importers import (
    HierarchyOptions,
    ImportedHierarchy,
    import_hierarchy,
    import_into,
    open_hierarchy,
    open_rows,
)
from vstore.importers.hierarchy import HierarchyArray
from vstore.importers.hierarchy_importing import regions
from vstore.plugins import Hierarchy

GRID = np.arange(24, dtype="f4").reshape(2, 3, 4)


def imported(
    source: Any, path: str = "", repo: vstore.Repository | None = None, **how: Any
) -> tuple[vstore.Snapshot, ImportedHierarchy]:
    options = {name: how.pop(name) for name in ("existing", "on_error") if name in how}
    repo = repo or new_repository()
    with repo.transaction("main", message="Import") as tx:
        hierarchy = source if isinstance(source, Hierarchy) else open_hierarchy(source, **how)
        found = import_hierarchy(tx, path, hierarchy, HierarchyOptions(**options))
    assert repo.fsck(mode="full", decode=True).is_sound
    return repo.checkout("main"), found


def climate(path: Path, **how: Any) -> Path:
    """Write a small grid, with records unless told otherwise."""
    return write_netcdf(
        path,
        {
            "time": (["time"], np.array([0.5, 1.5])),
            "t2m": (["time", "y", "x"], GRID),
            "flag": (["time", "y"], np.arange(6, dtype="i1").reshape(2, 3)),
            "name": (["y", "long"], np.array([[*"ab "], [*"cd "], [*"ef "]], "S1")),
            "scale": ([], np.int32(7)),
        },
        attributes={
            "": {"title": "Grüße", "levels": np.array([1, 2], "i4")},
            "t2m": {"_FillValue": np.array([5], "f4"), "units": "K", "offset": np.float64(np.nan)},
        },
        **how,
    )


@pytest.mark.parametrize("version", [1, 2, 5])
@pytest.mark.parametrize("records", [None, "time"])
@pytest.mark.parametrize("says_how_many", [False, True])
def test_netcdf_3(tmp_path: Path, version: int, records: str | None, says_how_many: bool) -> None:
    path = climate(tmp_path / "x.nc", version=version, records=records, says_how_many=says_how_many)
    found, report = imported(path, "climate")
    t2m = found.array("climate/t2m")
    np.testing.assert_array_equal(t2m[:], GRID)
    assert t2m.dtype == np.float32
    assert t2m.metadata.dimension_names == ("time", "y", "x")
    assert t2m.metadata.fill_value == 5
    assert t2m.attributes["units"] == "K"
    assert np.isnan(t2m.attributes["offset"])
    assert found["climate/flag"][:].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["climate/name"][1].tolist() == [b"c", b"d", b" "]
    assert found["climate/scale"][()] == 7
    assert found.group("climate").attributes == {"title": "Grüße", "levels": [1, 2]}
    assert (len(report.arrays), report.groups, report.skipped) == (5, 1, ())


@pytest.mark.parametrize("records", [None, "time"])
def test_parts_of_netcdf_3(tmp_path: Path, records: str | None) -> None:
    array = open_hierarchy(climate(tmp_path / "x.nc", records=records)).arrays["t2m"]
    rng = np.random.default_rng(0)
    for _ in range(50):
        ends = [sorted(rng.integers(0, n + 1, 2)) for n in array.shape]
        region = tuple(slice(int(start), int(stop)) for start, stop in ends)
        np.testing.assert_array_equal(array.read(region), GRID[region])


def test_one_record_variable_is_not_padded(tmp_path: Path) -> None:
    values = np.arange(5, dtype="i1")
    path = write_netcdf(tmp_path / "x.nc", {"n": (["t"], values)}, records="t")
    assert imported(path)[0]["n"][:].tolist() == values.tolist()


def test_damaged_netcdf_3_is_refused(tmp_path: Path) -> None:
    path = climate(tmp_path / "x.nc", records="time")
    data = path.read_bytes()
    for cut in range(3, len(data), 7):
        path.write_bytes(data[:cut])
        with pytest.raises(vstore.InvalidInputError):
            imported(path)
    rng = np.random.default_rng(0)
    for _ in range(200):
        spoiled = bytearray(data)
        spoiled[rng.integers(4, len(data) - 200)] = rng.integers(256)
        path.write_bytes(spoiled)
        try:
            hierarchy = open_hierarchy(path, with_="netcdf")
        except vstore.InvalidInputError:
            continue
        assert hierarchy.nbytes < 10 * len(data)


def test_netcdf_is_what_scipy_writes(tmp_path: Path) -> None:
    scipy_io = pytest.importorskip("scipy.io")
    with scipy_io.netcdf_file(tmp_path / "x.nc", "w") as file:
        file.createDimension("t", None)
        file.createDimension("x", 3)
        for name, kind in (("a", "f8"), ("b", "i2")):
            variable = file.createVariable(name, kind, ("t", "x"))
            variable[:] = np.arange(12).reshape(4, 3)
        file.history = "made"
    found, _ = imported(tmp_path / "x.nc")
    for name in ("a", "b"):
        assert found[name][:].tolist() == np.arange(12).reshape(4, 3).tolist()
    assert found.attributes["history"] == "made"


def test_xarray_finds_the_same_in_netcdf_and_in_what_was_imported(tmp_path: Path) -> None:
    xr = pytest.importorskip("xarray")
    h5py = pytest.importorskip("h5py")
    pytest.importorskip("h5netcdf")
    pytest.importorskip("zarr")
    made = xr.Dataset(
        {
            "t2m": (("time", "x"), np.array([[1, np.nan], [3, 4]], "f4"), {"units": "K"}),
            "count": (("time",), np.array([1, 2], "i2"), {"_FillValue": np.int16(2)}),
            "name": (("x",), np.array(["a", "ü"], object)),
        },
        {"time": np.array(["2026-01-01", "2026-01-02"], "M8[ns]"), "x": [0.5, 1.5]},
        {"title": "Two days"},
    )
    made["t2m"].encoding["_FillValue"] = np.float32(-9)
    made.to_netcdf(tmp_path / "x.nc", engine="h5netcdf")
    with h5py.File(tmp_path / "x.nc") as file:
        assert file["t2m"].attrs["DIMENSION_LIST"] is not None
    found, _ = imported(tmp_path / "x.nc", "climate")
    with xr.open_dataset(tmp_path / "x.nc", engine="h5netcdf") as expected:
        own = xr.open_zarr(found.store, group="climate", consolidated=False)
        xr.testing.assert_identical(own.load(), expected.load())


def test_hdf5_as_it_is(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a/b/deep"] = np.arange(6, dtype=">i2").reshape(2, 3)
        file["a"].attrs["kind"] = "group"
        file["a/b"].attrs["range"] = np.array([1.5, np.inf])
        file.create_group("empty")
        file["scalar"] = 2.5
        file["none"] = np.zeros((0, 4), "u1")
        file["names"] = ["x", "ü", ""]
        file["codes"] = np.array([b"ab", b"c"])
        file["pairs"] = np.array([(1, 2.5)], [("n", "i4"), ("v", "f8")])
        file["yes"] = np.array([True, False])
        file["z"] = np.array([1 + 2j])
        big = file.create_dataset("big", (300, 400), "f8", chunks=(100, 400), fillvalue=-1.0)
        big[100:250] = 3
        file["big"].attrs["one"] = np.array([4])
        file["again"] = file["big"]
        file["soft"] = h5py.SoftLink("/big")
        file["outside"] = h5py.ExternalLink("y.h5", "/big")
        file.attrs["top"] = "yes"
    found, report = imported(tmp_path / "x.h5")
    assert found["a/b/deep"][:].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found.group("a").attributes == {"kind": "group"}
    assert found.group("a/b").attributes == {"range": [1.5, np.inf]}
    assert found.attributes == {"top": "yes"}
    assert len(found.group("empty")) == 0
    assert found["scalar"][()] == 2.5
    assert found["none"].shape == (0, 4)
    assert found["names"][:].tolist() == ["x", "ü", ""]
    assert found["codes"][:].tolist() == [b"ab", b"c"]
    assert found["pairs"][0].tolist() == (1, 2.5)
    assert found["yes"].dtype == bool
    assert found["z"][0] == 1 + 2j
    name = "again" if "again" in found else "big"  # the first name of the two
    held = found.array(name)
    assert (held.metadata.chunk_shape, held.metadata.fill_value) == ((100, 400), -1)
    assert held.attributes == {"one": [4]}
    assert held[::60, 0].tolist() == [-1, -1, 3, 3, 3 if 240 < 250 else -1]
    assert {each.item for each in report.skipped} == {"soft", "outside", "again", "big"} - {name}


def test_hdf5_never_reads_other_files(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    (tmp_path / "secret").write_bytes(b"password")
    with h5py.File(tmp_path / "y.h5", "w") as other:
        other["x"] = np.arange(4)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("raw", (8,), "u1", external=[(str(tmp_path / "secret"), 0, 8)])
        layout = h5py.VirtualLayout((4,), "i8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "y.h5"), "x", (4,))
        file.create_virtual_dataset("virtual", layout)
        file["refs"] = np.array([file["raw"].ref], h5py.ref_dtype)
        file["own"] = [1, 2]
    for name in ("raw", "virtual", "refs"):
        with pytest.raises(vstore.InvalidInputError, match=name):
            imported(tmp_path / "x.h5", select=[name])
        with pytest.raises(vstore.InvalidInputError, match=name):
            open_rows(tmp_path / "x.h5", select=[name])
    found, report = imported(tmp_path / "x.h5", on_error="skip")
    assert list(found) == ["own"]
    assert {each.item for each in report.skipped} == {"raw", "virtual", "refs"}


def zarr_hierarchy(path: Path, version: Any) -> Path:
    zarr = pytest.importorskip("zarr")
    group = zarr.create_group(str(path), zarr_format=version, attributes={"title": "Two"})
    names = ["y", "x"]
    more = {"dimension_names": names} if version == 3 else {}
    one = group.create_array("deep/one", shape=(5, 4), dtype="int16", chunks=(2, 3),
                             fill_value=7, **more)  # fmt: skip
    one[:3] = np.arange(12).reshape(3, 4)
    one.attrs["units"] = "m"
    if version == 2:
        one.attrs["_ARRAY_DIMENSIONS"] = names
    group.create_group("bare")
    group.create_array("text", shape=(3,), dtype="string" if version == 3 else "U3", chunks=(2,))[
        :
    ] = np.array(["a", "ü", ""])
    return path


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("consolidated", [False, True])
@pytest.mark.parametrize("version", [2, 3])
def test_zarr_as_it_is(tmp_path: Path, version: int, consolidated: bool) -> None:
    path = zarr_hierarchy(tmp_path / "x.zarr", version)
    if consolidated:
        pytest.importorskip("zarr").consolidate_metadata(str(path))
    shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "x.zarr")
    shutil.make_archive(str(tmp_path / "flat"), "tar", path)
    for source in (path, tmp_path / "packed.zip", tmp_path / "flat.tar"):
        found, report = imported(source, "in/here")
        one = found.array("in/here/deep/one")
        expected = [*np.arange(12).reshape(3, 4).tolist(), [7] * 4, [7] * 4]
        assert one[:].tolist() == expected
        assert one.metadata.dimension_names == ("y", "x")
        assert (one.metadata.chunk_shape, one.metadata.fill_value) == ((2, 3), 7)
        assert one.attributes["units"] == "m"
        assert found.group("in/here").attributes == {"title": "Two"}
        assert "in/here/bare" in found
        assert found["in/here/text"][:].tolist() == ["a", "ü", ""]
        assert set(report.arrays) == {"in/here/deep/one", "in/here/text"}


@pytest.mark.filterwarnings("ignore")
def test_zarr_behind_an_address(tmp_path: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    path = zarr_hierarchy(tmp_path / "x.zarr", 2)
    memory = fsspec.filesystem("memory")
    memory.put(str(path), f"{tmp_path.name}/x.zarr", recursive=True)
    found, _ = imported(f"memory://{tmp_path.name}/x.zarr")
    assert found["deep/one"][0].tolist() == [0, 1, 2, 3]


@pytest.mark.filterwarnings("ignore")
def test_missing_values_of_zarr_2_stay_missing_for_xarray(tmp_path: Path) -> None:
    xr = pytest.importorskip("xarray")
    pytest.importorskip("zarr")
    made = xr.Dataset({"t": ("x", np.array([1.0, np.nan, 3.0])), "n": ("x", [1, 2, 3])})
    made["t"].encoding["_FillValue"] = -1.0
    made.to_zarr(tmp_path / "x.zarr", zarr_format=2)
    found, _ = imported(tmp_path / "x.zarr")
    expected = xr.open_zarr(tmp_path / "x.zarr").load()
    own = xr.open_zarr(found.store, consolidated=False)
    xr.testing.assert_identical(own.load(), expected)


def test_a_hierarchy_imported_again(tmp_path: Path) -> None:
    repo = new_repository()
    path = climate(tmp_path / "x.nc")
    before, _ = imported(path, repo=repo)
    with pytest.raises(vstore.AlreadyExistsError, match="flag"):
        imported(path, repo=repo)
    assert imported(path, repo=repo, existing="skip")[1].equal == 5
    after, report = imported(path, repo=repo, existing="replace")
    assert (after.commit.id, len(report.arrays)) == (before.commit.id, 5)
    write_netcdf(path, {"t2m": (["time", "y", "x"], GRID + 1), "scale": (["n"], np.zeros(2))})
    changed, _ = imported(path, repo=repo, existing="replace")
    np.testing.assert_array_equal(changed["t2m"][:], GRID + 1)
    assert changed["scale"].shape == (2,)
    assert changed["time"][:].tolist() == [0.5, 1.5]


def test_what_is_no_array_is_in_the_way(tmp_path: Path) -> None:
    repo = new_repository()
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t2m", {"x": vstore.ndarray((), "int64")})
    for existing in ("error", "replace"):
        with pytest.raises(vstore.AlreadyExistsError, match="t2m"):
            imported(climate(tmp_path / "x.nc"), repo=repo, existing=existing)
    with pytest.raises(vstore.InvalidInputError, match="t2m"):
        imported(Hierarchy({}, {"t2m": {"a": 1}}), repo=repo)


def test_groups_and_arrays_are_chosen(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["a/x"], file["a/b/y"], file["z"] = [1], [2], [3]
        file["a"].attrs["n"] = 1
    assert list(imported(tmp_path / "x.h5", group="a")[0]) == ["b", "x"]
    found, _ = imported(tmp_path / "x.h5", select=["a/b/y"])
    assert list(found) == ["a"]
    assert list(found.group("a")) == ["b"]
    for wrong in ({"group": "c"}, {"group": "z"}, {"select": ["q"]}):
        with pytest.raises(vstore.NotFoundError, match=r"c|z|q"):
            imported(tmp_path / "x.h5", **wrong)
    np.save(tmp_path / "x.npy", np.zeros(3))
    with pytest.raises(vstore.InvalidInputError, match="no groups and arrays"):
        imported(tmp_path / "x.npy")


def test_netcdf_as_a_table(tmp_path: Path) -> None:
    repo = new_repository()
    with repo.transaction("main", message="Import") as tx:
        rows = open_rows(climate(tmp_path / "x.nc", records="time"), select=["time", "t2m"])
        import_into(tx, "t", rows, processes=1)
    found = repo.checkout("main").table("t")
    assert found["t2m"].shape == (2, 3, 4)
    np.testing.assert_array_equal(found["t2m"][:], GRID)


def test_an_array_that_cannot_be_read_leaves_no_part_of_it(tmp_path: Path) -> None:
    def broken(region: Any) -> Any:
        raise vstore.InvalidInputError("no such disk")

    good = HierarchyArray((2,), "int8", lambda region: np.ones(2, "int8")[region])
    hierarchy = Hierarchy({"a": HierarchyArray((2,), "int8", broken), "b": good})
    with pytest.raises(vstore.InvalidInputError, match="a: no such disk"):
        imported(hierarchy)
    found, report = imported(hierarchy, on_error="skip")
    assert list(found) == ["b"]
    assert [each.item for each in report.skipped] == ["a"]


@pytest.mark.parametrize("chunks", [(1, 1, 1), (3, 2, 50), (7, 7, 7)])
def test_regions_make_up_an_array(chunks: tuple[int, ...], monkeypatch: Any) -> None:
    monkeypatch.setattr("vstore.importers.hierarchy_importing.BLOCK_NBYTES", 640)
    shape = (7, 5, 60)
    array = HierarchyArray(shape, "f8", lambda region: None)
    seen = np.zeros(shape, int)
    for region in regions(array, chunks):
        seen[region] += 1
        assert all(part.start % chunk == 0 for part, chunk in zip(region, chunks, strict=True))
    assert (seen == 1).all()
