"""Parquet, Arrow, WebDataset, HDF5, Zarr, sounds: what was exported, or written by others."""

import io
import json
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.every_column import EVERY_COLUMN, EveryColumn
from tests.repositories import new_repository
from vstore.exporters import export
from vstore.format.table.wav import wav_file
from vstore.importers import import_into, open_rows

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def made(columns: Any, values: Any, keys: Any = None) -> vstore.Table:
    repo = new_repository()
    kind = None if keys is None else "int" if isinstance(keys[0], int) else (
        "str" if isinstance(keys[0], str) else "tuple"
    )  # fmt: skip
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", columns, keys=kind)  # type: ignore[arg-type]
        table.extend(values, **({} if keys is None else {"keys": keys}))
    found = repo.checkout("main")["t"]
    assert isinstance(found, vstore.Table)
    return found


def imported(source: Any, **options: Any) -> vstore.Table:
    repo = new_repository()
    with repo.transaction("main", message="Import") as tx:
        import_into(tx, "t", open_rows(source, **options))
    found = repo.checkout("main")["t"]
    assert isinstance(found, vstore.Table)
    assert repo.fsck(mode="full", decode=True).is_sound
    return found


def assert_same(found: vstore.Table, expected: vstore.Table) -> None:
    assert found.sample_keys().tolist() == expected.sample_keys().tolist()
    assert list(found) == list(expected)
    for name, column in expected.columns.items():
        own = found[name]
        assert (own.kind, own.dtype, own.shape) == (column.kind, column.dtype, column.shape)
        assert own.attributes == column.attributes
        if column.kind in ("image", "audio"):
            assert own.encoded(slice(None)).tolist() == column.encoded(slice(None)).tolist()


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize("column", EVERY_COLUMN[1::2], ids=lambda each: each.name)
def test_arrow_gives_back_what_was_exported(
    tmp_path: Path, column: EveryColumn, optional: bool, suffix: str
) -> None:
    samples = column.samples()
    if optional:
        samples[3] = None
    table = made({"x": column.spec.as_optional() if optional else column.spec}, {"x": samples},
                 keys=[("a", i) for i in range(len(samples))])  # fmt: skip
    try:
        export(table, tmp_path / f"x.{suffix}")
    except vstore.InvalidInputError as refused:
        assert refused.code == "column-not-exported"  # noqa: PT017
        return
    found = imported(tmp_path / f"x.{suffix}")
    assert found.sample_keys().tolist() == table.sample_keys().tolist()
    own, other = found["x"], table["x"]
    assert (own.kind, own.dtype, own.shape) == (other.kind, other.dtype, other.shape)
    for one, expected in zip(own, other, strict=True):
        is_nat = np.asarray(expected).dtype.kind in "mM" and optional
        assert column.is_same(one, expected) or (
            is_nat and np.isnat(np.asarray(expected)).any()
        ), (one, expected)  # fmt: skip


def test_types_of_arrow_that_others_write(tmp_path: Path) -> None:
    table = pa.table(
        {
            "n": pa.array([1, None, 3], pa.int16()),
            "day": pa.array([0, 1, 2], pa.date32()),
            "at": pa.array([0, 1, 2], pa.timestamp("us", tz="Europe/Paris")),
            "kind": pa.array(["b", "a", "b"]).dictionary_encode(),
            "box": pa.array([[1, 2], [3, 4], [5, 6]], pa.list_(pa.float32(), 2)),
            "words": pa.array([["a"], [], ["b", "c"]]),
            "ragged": pa.array([[[1, 2]], [], [[3, 4], [5, 6]]], pa.list_(pa.list_(pa.int64(), 2))),
            "in": pa.array([{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": "z"}]),
            "raw": pa.array([b"1", b"", b"3"], pa.large_binary()),
            "ok": pa.array([True, False, True]),
        }
    )
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=2)
    found = imported(tmp_path / "x.parquet")
    assert list(found["n"]) == [1, None, 3]
    assert found["day"][:].tolist() == np.arange(3).astype("M8[D]").tolist()
    assert found["at"].attributes == {"time_zone": "Europe/Paris"}
    assert found["kind"].attributes == {"classes": ["b", "a"]}
    assert found["kind"][:].tolist() == [0, 1, 0]
    assert found["box"][:].tolist() == [[1, 2], [3, 4], [5, 6]]
    assert found["words"][:].tolist() == [["a"], [], ["b", "c"]]
    assert [each.tolist() for each in found["ragged"]] == [[[1, 2]], [], [[3, 4], [5, 6]]]
    assert found["in.b"][:].tolist() == ["x", "y", "z"]
    assert found["raw"][:].tolist() == [b"1", b"", b"3"]
    assert found["ok"].dtype == bool
    assert imported(tmp_path / "x.parquet", key="in.a").sample_keys().tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1], pa.decimal128(5, 2)),
        pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int8())),
        pa.array([None], pa.null()),
        pa.array([[None, 1]], pa.list_(pa.int8())),
    ],
)
def test_types_that_no_column_holds_are_refused(tmp_path: Path, array: Any) -> None:
    pq.write_table(pa.table({"x": array}), tmp_path / "x.parquet")
    with pytest.raises(vstore.InvalidInputError, match=r"null|'x'"):
        imported(tmp_path / "x.parquet")


@pytest.mark.parametrize("suffix", ["parquet", "feather"])
def test_damaged_files_are_refused(tmp_path: Path, suffix: str) -> None:
    export(made({"x": vstore.text()}, {"x": ["a"] * 1000}), tmp_path / f"x.{suffix}")
    data = (tmp_path / f"x.{suffix}").read_bytes()
    for cut in (10, len(data) // 2, len(data) - 3):
        (tmp_path / f"y.{suffix}").write_bytes(data[:cut])
        with pytest.raises(vstore.InvalidInputError):
            imported(tmp_path / f"y.{suffix}")


def photos() -> vstore.Table:
    pixels = [np.full((2, 3), i, "uint8") for i in range(4)]
    columns = {
        "image": vstore.image(),
        "sound": vstore.audio(rate=8000).as_optional(),
        "label": vstore.ndarray((), "int64"),
        "box": vstore.ndarray((None, 2), "float32"),
        "text": vstore.text().as_optional(),
        "raw": vstore.bytes_(),
    }
    values = {
        "image": pixels,
        "sound": [np.zeros((i, 1), "int16") if i else None for i in range(4)],
        "label": [3, -1, 2**40, 0],
        "box": [np.ones((i, 2), "float32") for i in range(4)],
        "text": ["ä", None, "", "b"],
        "raw": [b"", b"1", b"22", b"\0"],
    }
    return made(columns, values, keys=["cats/1", "cats/2", "dogs/1", "3"])


@pytest.mark.parametrize("packed", [False, True])
def test_a_webdataset_gives_back_what_was_exported(tmp_path: Path, packed: bool) -> None:
    table = photos()
    export(table, tmp_path / "x.tar")
    if packed:
        import gzip  # noqa: PLC0415

        (tmp_path / "x.tar.gz").write_bytes(gzip.compress((tmp_path / "x.tar").read_bytes()))
    found = imported(tmp_path / ("x.tar.gz" if packed else "x.tar"))
    assert found.sample_keys().tolist() == ["cats/1", "cats/2", "dogs/1", "3"]
    for name in ("label", "text", "raw"):
        assert list(found[name]) == list(table[name])
    for name in ("image", "sound"):
        assert (
            found[name].encoded(slice(None)).tolist() == table[name].encoded(slice(None)).tolist()
        )
    for one, other in zip(found["box"], table["box"], strict=True):
        np.testing.assert_array_equal(one, other)


def tar_of(path: Path, members: list[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_webdatasets_of_others(tmp_path: Path) -> None:
    members = [("a/0.cls", b"3\n"), ("a/0.json", b'{"x": 1}'), ("a/1.cls", b"4"), ("a/1.bin", b"?")]
    found = imported(tar_of(tmp_path / "x.tar", members))
    assert list(found["cls"]) == [3, 4]
    assert list(found["json"]) == ['{"x": 1}', None]
    assert list(found["bin"]) == [None, b"?"]
    apart = [("0.cls", b"3"), ("1.cls", b"4"), ("0.txt", b"x")]
    with pytest.raises(vstore.InvalidInputError, match="do not follow each other"):
        imported(tar_of(tmp_path / "y.tar", apart), with_="webdataset")
    bad = [("0.cls", b"three"), ("0.txt", b"x")]
    with pytest.raises(vstore.InvalidInputError, match=r"0\.cls.*no number"):
        imported(tar_of(tmp_path / "z.tar", bad))


def test_sounds_in_class_folders(tmp_path: Path) -> None:
    for at, (folder, channels) in enumerate([("a", 1), ("b", 2), ("b", 1)]):
        (tmp_path / "x" / folder).mkdir(parents=True, exist_ok=True)
        data = wav_file(np.full((4, channels), at, "int16"), 8000 * (at + 1))
        (tmp_path / "x" / folder / f"{at}.wav").write_bytes(data)
    (tmp_path / "x" / "README.md").write_text("about")
    rows = open_rows(tmp_path / "x")
    assert (rows.count, rows.ignored) == (3, 1)
    found = imported(tmp_path / "x")
    assert found["label"].attributes == {"classes": ["a", "b"]}
    assert found["rate"][:].tolist() == [8000, 16000, 24000]
    assert [each.shape for each in found["audio"]] == [(4, 1), (4, 2), (4, 1)]
    export(found, tmp_path / "out")
    for path in (tmp_path / "x").rglob("*.wav"):
        assert (
            tmp_path / "out" / path.relative_to(tmp_path / "x")
        ).read_bytes() == path.read_bytes()
    with pytest.raises(vstore.InvalidInputError, match=r"1\.wav.*it has 2 channels, not 1"):
        imported(tmp_path / "x", channels=1)
    wide = wav_file(np.zeros((4, 1), "int32"), 8000)
    (tmp_path / "x" / "a" / "wide.wav").write_bytes(wide)
    assert imported(tmp_path / "x")["audio"].dtype == np.int32
    long = wav_file(np.zeros((2**17, 1), "int32"), 8000)
    (tmp_path / "x" / "b" / "long.wav").write_bytes(long)
    assert imported(tmp_path / "x")["audio"].dtype == np.int32
    with pytest.raises(vstore.InvalidInputError, match=r"wide\.wav.*int16 does not hold"):
        imported(tmp_path / "x", dtype="int16")


def test_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["image"] = np.arange(24, dtype="uint8").reshape(4, 2, 3)
        file["image"].attrs["unit"] = "counts"
        file["meta/name"] = ["a", "b", "ä", ""]
        file["meta/score"] = np.array([0.5, np.nan, 1, 2], ">f4")
        points = file.create_dataset("points", (4,), h5py.vlen_dtype("int16"))
        for i in range(4):
            points[i] = np.arange(i)
        file["scalar"] = 3
        file["link"] = h5py.SoftLink("/image")
    found = imported(tmp_path / "x.h5")
    assert sorted(found.columns) == ["image", "meta.name", "meta.score", "points"]
    assert found["image"][:].tolist() == np.arange(24).reshape(4, 2, 3).tolist()
    assert found["image"].attributes == {"unit": "counts"}
    assert found["meta.name"][:].tolist() == ["a", "b", "ä", ""]
    np.testing.assert_array_equal(found["meta.score"][:], np.array([0.5, np.nan, 1, 2], "f4"))
    assert [each.tolist() for each in found["points"]] == [[], [0], [0, 1], [0, 1, 2]]
    assert sorted(imported(tmp_path / "x.h5", group="meta").columns) == ["name", "score"]
    assert sorted(imported(tmp_path / "x.h5", select=["image"]).columns) == ["image"]
    with h5py.File(tmp_path / "x.h5", "a") as file:
        file["other"] = [1, 2]
    with pytest.raises(vstore.InvalidInputError, match=r"have several.*other 2"):
        imported(tmp_path / "x.h5")
    (tmp_path / "y.h5").write_bytes((tmp_path / "x.h5").read_bytes()[:600])
    with pytest.raises(vstore.InvalidInputError):
        imported(tmp_path / "y.h5")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("version", [2, 3])
def test_zarr_groups(tmp_path: Path, version: Any) -> None:
    zarr = pytest.importorskip("zarr")
    group = zarr.create_group(str(tmp_path / "x.zarr"), zarr_format=version)
    one = group.create_array("image", shape=(4, 2), dtype="int16", chunks=(3, 2))
    one[:] = np.arange(8).reshape(4, 2)
    one.attrs["unit"] = "counts"
    group.create_array("deep/label", shape=(4,), dtype="float64", chunks=(4,))[:] = [1, 2, 3, 4]
    found = imported(tmp_path / "x.zarr")
    assert sorted(found.columns) == ["deep.label", "image"]
    assert found["image"][:].tolist() == np.arange(8).reshape(4, 2).tolist()
    assert found["image"].attributes == {"unit": "counts"}
    assert found["deep.label"][:].tolist() == [1, 2, 3, 4]


@pytest.mark.filterwarnings("ignore")
def test_zarr_gives_back_what_was_exported(tmp_path: Path) -> None:
    table = made({"x": vstore.ndarray((2,), "int16", attributes={"a": 1}), "t": vstore.text()},
                 {"x": [[1, 2], [3, 4]], "t": ["ä", ""]})  # fmt: skip
    export(table, tmp_path / "x.zarr")
    found = imported(tmp_path / "x.zarr")
    assert found["x"][:].tolist() == [[1, 2], [3, 4]]
    assert found["x"].attributes == {"a": 1}
    assert found["t"][:].tolist() == ["ä", ""]


def hugging_face(folder: Path, *, indices: Any = None) -> Path:
    """Write a data set as `save_to_disk` does."""
    folder.mkdir(parents=True)
    held = io.BytesIO()
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (2, 3)).save(held, "PNG")
    schema = pa.schema({
        "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "label": pa.int64(), "tokens": pa.list_(pa.int32()),
    })  # fmt: skip
    rows = {"image": [{"bytes": held.getvalue(), "path": "a.png"}] * 3, "label": [0, 1, 0],
            "tokens": [[1], [], [2, 3]]}  # fmt: skip
    with pa.ipc.new_stream(str(folder / "data-00000-of-00001.arrow"), schema) as stream:
        stream.write_table(pa.table(rows, schema=schema), max_chunksize=2)
    features = {
        "image": {"_type": "Image"},
        "label": {"names": ["cat", "dog"], "_type": "ClassLabel"},
        "tokens": {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "Sequence"},
    }
    (folder / "dataset_info.json").write_text(json.dumps({"features": features}))
    files = [{"filename": "data-00000-of-00001.arrow"}]
    state = {"_data_files": files, "_indices_data_files": indices}
    (folder / "state.json").write_text(json.dumps(state))
    return folder


def test_data_sets_of_hugging_face(tmp_path: Path) -> None:
    found = imported(hugging_face(tmp_path / "one"))
    assert found["image"][0].shape == (3, 2, 3)
    assert found["label"].attributes == {"classes": ["cat", "dog"]}
    assert found["label"][:].tolist() == [0, 1, 0]
    assert [each.tolist() for each in found["tokens"]] == [[1], [], [2, 3]]
    hugging_face(tmp_path / "two" / "train")
    hugging_face(tmp_path / "two" / "test")
    (tmp_path / "two" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(vstore.InvalidInputError, match="splits test, train"):
        imported(tmp_path / "two")
    assert len(imported(tmp_path / "two", split="test")) == 3
    with pytest.raises(vstore.InvalidInputError, match="index of its rows"):
        imported(hugging_face(tmp_path / "three", indices=[{"filename": "indices.arrow"}]))


def test_arrays_whose_names_have_dots_are_no_webdataset(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for name in ("a.b.npy", "a.c.npy"):
            with archive.open(name, "w") as member:
                np.save(member, np.arange(3))
    assert sorted(imported(tmp_path / "x.npz", names=["b", "c"]).columns) == ["b", "c"]
