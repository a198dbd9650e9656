"""Exports: each format gives back what went in, or refuses it; nothing is there in part."""

import csv
import io
import json
import os
import tarfile
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
import pytest
from PIL import Image

import vstore
from tests.every_column import EVERY_COLUMN, EveryColumn
from vstore.exporters import export, select
from vstore.exporters.exporting import _SUFFIXES, BUILTIN, named
from vstore.plugins import Exporter, ExportRows, Target

NUMBERS = count()


def table(columns: Any, values: Any, **options: Any) -> vstore.Table:
    repo = vstore.create(f"memory://exports-{next(NUMBERS)}")
    keys = options.pop("sample_keys", None)
    with repo.transaction("main", message="Add") as tx:
        made = tx.create_table("t", columns, **options)
        made.extend(values, **({} if keys is None else {"keys": keys}))
    found = repo.checkout()["t"]
    assert isinstance(found, vstore.Table)
    return found


def png(number: int) -> bytes:
    held = io.BytesIO()
    Image.fromarray(np.full((2, 3), number, "uint8")).save(held, "PNG")
    return held.getvalue()


def photos(keys: Any = ("a.png", "cats/1.png", "cats/2"), **more: Any) -> vstore.Table:
    columns = {"image": vstore.image(), **{name: spec for name, (spec, _) in more.items()}}
    values = {"image": [png(i) for i in range(len(keys))]}
    values |= {name: found for name, (_, found) in more.items()}
    kind = "tuple" if isinstance(keys[0], tuple) else "str" if isinstance(keys[0], str) else "int"
    return table(columns, values, keys=kind, sample_keys=list(keys))


def files_in(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


# Files ------------------------------------------------------------------------------------


def test_files_are_equal_to_those_that_came_in(tmp_path: Path) -> None:
    made = export(photos(), tmp_path / "out")
    assert files_in(tmp_path / "out") == {
        "a.png": png(0),
        "cats/1.png": png(1),
        "cats/2.png": png(2),
    }
    assert (made.files, made.samples) == (3, 3)
    assert made.nbytes == sum(map(len, files_in(tmp_path / "out").values()))
    assert os.listdir(tmp_path) == ["out"]


def test_classes_are_folders(tmp_path: Path) -> None:
    label = vstore.ndarray((), "int64", attributes={"classes": ["cats", "dogs/big"]})
    shown = photos(("x.png", "cats/y.png", "z.png"), label=(label, [1, 0, 0]))
    export(shown, tmp_path / "out")
    assert set(files_in(tmp_path / "out")) == {"dogs/big/x.png", "cats/y.png", "cats/z.png"}
    leaf = vstore.ndarray((), "int64", attributes={"classes": ["", "big"]})
    shown = photos(("dogs/big/x.png", "y.png"), label=(leaf, [1, 0]))
    export(shown, tmp_path / "leaf")
    assert set(files_in(tmp_path / "leaf")) == {"dogs/big/x.png", "y.png"}
    bad = photos(("x.png",), label=(label, [2]))
    with pytest.raises(vstore.InvalidInputError, match="class 2"):
        export(bad, tmp_path / "bad")
    assert not (tmp_path / "bad").exists()


def test_other_columns_are_metadata(tmp_path: Path) -> None:
    shown = photos(
        (3, 20, 100),
        name=(vstore.text().as_optional(), ["A", None, "ä"]),
        box=(vstore.ndarray((2,), "float32"), [[0.1, 1], [2, 3], [4, 5]]),
    )
    export(shown, tmp_path / "out")
    found = files_in(tmp_path / "out")
    lines = [json.loads(line) for line in found.pop("metadata.jsonl").decode().splitlines()]
    assert [line["file_name"] for line in lines] == ["3.png", "20.png", "100.png"]
    assert [line["name"] for line in lines] == ["A", None, "ä"]
    assert np.array([line["box"] for line in lines], "float32").tolist() == shown["box"][:].tolist()
    assert set(found) == {"3.png", "20.png", "100.png"}


def test_several_columns_of_files_have_folders(tmp_path: Path) -> None:
    shown = photos(("a", "b"), raw=(vstore.bytes_().as_optional(), [b"x", None]))
    export(shown, tmp_path / "out")
    assert set(files_in(tmp_path / "out")) == {"image/a.png", "image/b.png", "raw/a"}


def test_samples_without_keys_are_called_by_position(tmp_path: Path) -> None:
    shown = table({"x": vstore.bytes_()}, {"x": [b"%d" % i for i in range(11)]})
    export(select(shown, samples=slice(2, None, 4)), tmp_path / "out")
    assert files_in(tmp_path / "out") == {"02": b"2", "06": b"6", "10": b"10"}


HOSTILE = [
    "../x", "..", ".", "", "/etc/x", "a/../../x", "a//b", "a/", "nul\0", "new\nline", "esc\x1b[2J",
    "back\\slash", "c:\\x", "\u202egnp.exe", "x" * 300, "/".join(["d" * 200] * 30), "a/./b",
]  # fmt: skip


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_keys_never_leave_the_folder(tmp_path: Path, key: str) -> None:
    shown = photos(("good.png", key))
    to = tmp_path / "in" / "out"
    to.parent.mkdir()
    with pytest.raises(vstore.InvalidInputError) as refused:
        export(shown, to)
    assert refused.value.code == "unsafe-name"
    assert "\n" not in str(refused.value)
    assert list(tmp_path.rglob("*")) == [to.parent]
    try:
        export(shown, to, options={"escape_names": True})
    except vstore.InvalidInputError:
        assert len(key) > 255
        return
    found = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(found) == 2
    assert all(path.resolve().is_relative_to(to.resolve()) for path in found)


@pytest.mark.parametrize(
    "keys", [("a", "a/b"), ("a/b", "a"), ("a", "a.png"), (("a", "b"), ("a/b",))]
)
def test_two_samples_are_never_one_file(tmp_path: Path, keys: Any) -> None:
    shown = table({"x": vstore.image()}, {"x": [png(1), png(2)]}, sample_keys=list(keys),
                  keys="str" if isinstance(keys[0], str) else "tuple")  # fmt: skip
    if keys == ("a", "a/b") or keys == ("a/b", "a"):
        shown = table({"x": vstore.bytes_()}, {"x": [b"1", b"2"]}, keys="str",
                      sample_keys=list(keys))  # fmt: skip
    with pytest.raises(vstore.InvalidInputError) as refused:
        export(shown, tmp_path / "out")
    assert refused.value.code == "same-name"
    assert not list(tmp_path.iterdir())


def test_escaped_names_are_different_names(tmp_path: Path) -> None:
    shown = photos(("%2E%2E/x.png", "../x.png", ".%2E/x.png", "CON.png", "a .png/.", "a\\b.png"))
    export(shown, tmp_path / "out", options={"escape_names": True})
    assert len(files_in(tmp_path / "out")) == 6


# Targets ----------------------------------------------------------------------------------


def test_what_is_there_is_replaced_by_force_alone(tmp_path: Path) -> None:
    shown = photos()
    (tmp_path / "out").mkdir()
    export(shown, tmp_path / "out")
    (tmp_path / "out" / "other.txt").write_text("mine")
    (tmp_path / "out" / "a.png").write_bytes(b"old")
    with pytest.raises(vstore.AlreadyExistsError):
        export(shown, tmp_path / "out")
    assert (tmp_path / "out" / "a.png").read_bytes() == b"old"
    export(shown, tmp_path / "out", force=True)
    found = files_in(tmp_path / "out")
    assert (found["other.txt"], found["a.png"]) == (b"mine", png(0))
    export(select(shown, columns=[]), tmp_path / "one.csv")
    with pytest.raises(vstore.AlreadyExistsError):
        export(select(shown, columns=[]), tmp_path / "one.csv")
    export(select(shown, columns=[]), tmp_path / "one.csv", force=True)
    with pytest.raises(vstore.AlreadyExistsError):
        export(select(shown, columns=[]), tmp_path / "out", with_="csv", force=True)
    assert sorted(os.listdir(tmp_path)) == ["one.csv", "out"]


@pytest.mark.parametrize("link", ["cats", "cats/1.png", "a.png"])
def test_links_in_the_target_are_not_followed(tmp_path: Path, link: str) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "1.png").write_bytes(b"private")
    place = tmp_path / "out" / link
    place.parent.mkdir(parents=True)
    place.symlink_to(tmp_path / "private" / ("" if link == "cats" else "1.png"))
    (tmp_path / "out" / "b.png").write_bytes(b"stays")
    if link == "cats":
        with pytest.raises(vstore.InvalidInputError, match="is a link"):
            export(photos(), tmp_path / "out", force=True)
        assert set(files_in(tmp_path / "out")) - {"cats/1.png"} == {"b.png"}
    else:
        export(photos(), tmp_path / "out", force=True)
        assert not place.is_symlink()
    assert files_in(tmp_path / "private") == {"1.png": b"private"}


def test_nothing_stays_of_an_export_that_fails(tmp_path: Path, monkeypatch: Any) -> None:
    shown = photos(("a.png", "b.png", "bad\0"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "a.png").write_bytes(b"old")
    with pytest.raises(vstore.InvalidInputError):
        export(shown, tmp_path / "out", force=True)
    assert files_in(tmp_path) == {"out/a.png": b"old"}
    rename, calls = Path.rename, count()

    def failing(self: Path, to: Any) -> Any:
        if next(calls) == 2:
            raise OSError("no space")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="no space"):
        export(photos(("a.png", "b.png", "c.png")), tmp_path / "out", force=True)
    assert files_in(tmp_path) == {"out/a.png": b"old"}


def test_any_filesystem_takes_an_export() -> None:
    memory = fsspec.filesystem("memory")
    memory.rm("/exported", recursive=True) if memory.exists("/exported") else None
    shown = photos(("a[1].png", "cats/*.png"))
    made = export(shown, "memory://exported/out")
    assert made.files == 2
    assert memory.cat_file("/exported/out/a[1].png") == png(0)
    assert sorted(memory.find("/exported")) == [
        "/exported/out/a[1].png",
        "/exported/out/cats/*.png",
    ]
    with pytest.raises(vstore.AlreadyExistsError):
        export(shown, "memory://exported/out")
    export(shown, "memory://exported/t.tar", options={"escape_names": True})
    assert memory.exists("/exported/t.tar")
    with pytest.raises(vstore.VstoreError, match="cannot write nothing://host/x"):
        export(shown, "nothing://user:secret@host/x")


def test_an_open_file_gets_one_file(tmp_path: Path) -> None:
    held = io.BytesIO()
    shown = table({"x": vstore.ndarray((2,), "int16")}, {"x": [[1, 2], [3, 4]]})
    made = export(shown, held, with_="npy")
    held.seek(0)
    assert np.load(held).tolist() == [[1, 2], [3, 4]]
    assert made.nbytes == len(held.getvalue())
    with pytest.raises(vstore.InvalidInputError, match="standard output"):
        export(photos(), held, with_="files")
    with pytest.raises(vstore.InvalidInputError, match="choose an exporter"):
        export(shown, held)
    with pytest.raises(vstore.NotFoundError, match="no folder"):
        export(shown, tmp_path / "no" / "x.npy")


# Formats ----------------------------------------------------------------------------------


def read_npz(path: Path, _: Any) -> Any:
    return np.load(path, allow_pickle=False)["x"]


def read_jsonl(path: Path, dtype: Any) -> Any:
    found = [json.loads(line)["x"] for line in path.read_text().split("\n")[:-1]]
    return [each if isinstance(each, str) else np.array(each, dtype) for each in found]


def read_csv(path: Path, dtype: Any) -> Any:
    with path.open(newline="") as file:
        cells = [row["x"] for row in csv.DictReader(file)]
    if dtype.kind == "b":
        return [cell == "true" for cell in cells]
    return cells if dtype.kind in "OUT" else np.array(cells).astype(dtype)


def read_zarr(path: Path, _: Any) -> Any:
    return pytest.importorskip("zarr").open_group(str(path), mode="r")["x"][:]


READ: dict[str, Any] = {
    ".npy": lambda path, _: np.load(path, allow_pickle=False),
    ".npz": read_npz,
    ".jsonl": read_jsonl,
    ".csv": read_csv,
    ".zarr": read_zarr,
}
"""How other libraries read the column `x` of a file."""


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".csv", ".jsonl", ".zarr"])
@pytest.mark.parametrize("column", EVERY_COLUMN[::3], ids=lambda each: each.name)
@pytest.mark.filterwarnings("ignore")
def test_every_column_is_exact_or_refused(tmp_path: Path, column: EveryColumn, suffix: str) -> None:
    expected = column.samples()
    shown = table({"x": column.spec}, {"x": expected})
    try:
        export(shown, tmp_path / f"x{suffix}")
    except vstore.InvalidInputError as refused:
        assert refused.code == "column-not-exported"  # noqa: PT017
        assert not list(tmp_path.iterdir())
        return
    dtype = shown["x"].dtype
    found = READ[suffix](tmp_path / f"x{suffix}", dtype)
    for one, other in zip(found, expected, strict=True):
        assert column.is_same(one, other) or (suffix in (".csv", ".jsonl") and (
            np.array_equal(one, other, equal_nan=dtype.kind == "f") or str(one) == str(other)
        )), (one, other)  # fmt: skip


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize("column", EVERY_COLUMN[::2], ids=lambda each: each.name)
def test_arrow_is_exact_or_refuses(
    tmp_path: Path, column: EveryColumn, optional: bool, suffix: str
) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    expected = column.samples()
    if optional:
        expected[3] = None
    shown = table({"x": column.spec.as_optional() if optional else column.spec}, {"x": expected})
    try:
        export(shown, tmp_path / f"x{suffix}")
    except vstore.InvalidInputError as refused:
        assert refused.code == "column-not-exported"  # noqa: PT017
        return
    path = tmp_path / f"x{suffix}"
    found = pq.read_table(path) if suffix == ".parquet" else pa.ipc.open_file(path).read_all()
    (array,) = found["x"].chunks
    assert array.is_valid().to_pylist() == [each is not None for each in expected] or (
        array.type in (pa.timestamp("s"), pa.duration("ns"))  # NaT is null in Arrow
    )
    there = [each for each in expected if each is not None]
    if pa.types.is_binary(array.type):
        files = shown["x"].encoded(slice(None))[shown["x"].valid].tolist()
        assert array.drop_null().to_pylist() == files
    elif not isinstance(there[0], np.ndarray | np.generic):
        assert array.drop_null().to_pylist() == there
    else:
        while pa.types.is_list(array.type) or pa.types.is_fixed_size_list(array.type):
            array = array.flatten()
        flat = np.concatenate([np.asarray(each).ravel() for each in there])
        if array.null_count and not pa.types.is_temporal(array.type):
            array = array.drop_null()
        own = array.to_numpy(zero_copy_only=False)
        if optional and pa.types.is_temporal(array.type) and len(own) > len(flat):
            own = np.delete(own, 3)
        assert own.astype(flat.dtype).tobytes() == flat.tobytes()


def test_missing_and_empty_are_different_in_csv(tmp_path: Path) -> None:
    shown = table(
        {"n": vstore.ndarray((), "int8").as_optional(), "t": vstore.text().as_optional()},
        {"n": [1, None, 3], "t": ["", None, 'a "b", c']},
        keys="str", sample_keys=["x", "y", "z"],
    )  # fmt: skip
    export(shown, tmp_path / "t.csv")
    expected = 'sample,n,t\nx,1,""\ny,,\nz,3,"a ""b"", c"\n'
    assert (tmp_path / "t.csv").read_text() == expected


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_json_has_no_such_numbers(tmp_path: Path, value: float) -> None:
    shown = table({"x": vstore.ndarray((), "float32")}, {"x": [1.5, value]})
    with pytest.raises(vstore.InvalidInputError, match="'x', sample 1"):
        export(shown, tmp_path / "x.jsonl")


def test_lines_hold_no_line_breaks(tmp_path: Path) -> None:
    export(table({"x": vstore.text()}, {"x": ["a", "", "ä"]}), tmp_path / "x.txt")
    assert (tmp_path / "x.txt").read_text() == "a\n\nä\n"
    for bad in ("a\nb", "\r"):
        with pytest.raises(vstore.InvalidInputError, match="line break"):
            export(table({"x": vstore.text()}, {"x": [bad]}), tmp_path / "y.txt")


def test_a_webdataset_has_a_member_for_each_column(tmp_path: Path) -> None:
    shown = photos(
        ("cats/1", "b"),
        label=(vstore.ndarray((), "int64"), [3, 4]),
        box=(vstore.ndarray((None,), "float32"), [[1, 2], []]),
        text=(vstore.text().as_optional(), ["ä", None]),
    )
    export(shown, tmp_path / "x.tar")
    with tarfile.open(tmp_path / "x.tar") as archive:
        found = {member.name: archive.extractfile(member).read() for member in archive}  # type: ignore[union-attr]
    assert list(found) == [
        "cats/1.box.npy", "cats/1.image.png", "cats/1.label.cls", "cats/1.text.txt",
        "b.box.npy", "b.image.png", "b.label.cls",
    ]  # fmt: skip
    assert found["b.image.png"] == png(1)
    assert found["cats/1.label.cls"] == b"3"
    assert np.load(io.BytesIO(found["cats/1.box.npy"])).tolist() == [1, 2]
    with pytest.raises(vstore.InvalidInputError, match="dot"):
        export(photos(("a.b",)), tmp_path / "y.tar")


def test_arrays_and_columns_are_exported_too(tmp_path: Path) -> None:
    repo = vstore.create(f"memory://exports-{next(NUMBERS)}")
    with repo.transaction("main", message="Add") as tx:
        tx.create_array("deep/grid", shape=(3, 2), dtype="int16")[:] = [[1, 2], [3, 4], [5, 6]]
        tx.create_array("one", shape=(), dtype="int16")
    shown = repo.checkout()
    export(shown["deep/grid"], tmp_path / "grid.npy")
    assert np.load(tmp_path / "grid.npy").tolist() == [[1, 2], [3, 4], [5, 6]]
    with pytest.raises(vstore.InvalidInputError, match="without axes"):
        export(shown["one"], tmp_path / "one.npy")
    column = photos()["image"]
    export(column, tmp_path / "out")
    assert set(files_in(tmp_path / "out")) == {"0.png", "1.png", "2.png"}


def test_some_samples_in_the_order_of_their_keys(tmp_path: Path) -> None:
    shown = table({"x": vstore.ndarray((), "int8")}, {"x": range(9)}, keys="int",
                  sample_keys=[10 * i for i in range(9)])  # fmt: skip
    export(select(shown, keys=[50, 20]), tmp_path / "x.npy")
    assert np.load(tmp_path / "x.npy").tolist() == [5, 2]
    with pytest.raises(vstore.NotFoundError):
        select(shown, keys=[5])
    for bad in ({"columns": ["y"]}, {"samples": 99}, {"samples": [0], "keys": [10]}):
        with pytest.raises(vstore.VstoreError):
            select(shown, **bad)
    export(select(shown, samples=[]), tmp_path / "none.npy")
    assert np.load(tmp_path / "none.npy").shape == (0,)


def test_batches_do_not_change_what_is_written(tmp_path: Path, monkeypatch: Any) -> None:
    shown = photos(tuple(range(20)), name=(vstore.text(), list(map(str, range(20)))))
    whole: dict[str, bytes] = {}
    for step in (1, 7, 100):
        monkeypatch.setattr(ExportRows, "_step", step)
        for name in ("tar", "jsonl", "csv"):
            chosen = shown if name == "tar" else select(shown, columns=["name"])
            export(chosen, tmp_path / f"{step}.{name}")
            data = (tmp_path / f"{step}.{name}").read_bytes()
            assert whole.setdefault(name, data) == data


# Exporters of others ----------------------------------------------------------------------


class Pairs(Exporter):
    """Keys and texts."""

    suffixes: ClassVar = (".pairs",)
    options: ClassVar = {"separator": (str, ": ", "what is between the two")}

    def write(self, rows: ExportRows, target: Target, **options: Any) -> None:
        (name,) = rows.columns
        with target.open() as file:
            for batch in rows.batches():
                for key, text in zip(batch.keys, batch.samples(name), strict=True):
                    file.write(f"{key}{options['separator']}{text}\n".encode())


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint, EntryPoints  # noqa: PLC0415

    points = EntryPoints([EntryPoint("pairs", f"{__name__}:Pairs", "vstore.exporters")])
    monkeypatch.setattr(
        "vstore.entry_points.metadata.entry_points", lambda *, group: points.select(group=group)
    )


@pytest.mark.usefixtures("plugin")
def test_other_packages_add_exporters(tmp_path: Path) -> None:
    shown = table({"x": vstore.text()}, {"x": ["a", "b"]})
    export(shown, tmp_path / "x.pairs", options={"separator": "="})
    assert (tmp_path / "x.pairs").read_text() == "0=a\n1=b\n"
    for options in ({"sep": "="}, {"separator": 3}):
        with pytest.raises(vstore.InvalidInputError, match="option"):
            export(shown, tmp_path / "y.pairs", options=options)
    with pytest.raises(vstore.NotFoundError, match="no exporter 'nope'"):
        export(shown, tmp_path / "y", with_="nope")
    with pytest.raises(vstore.InvalidInputError, match="no exporter writes"):
        export(shown, tmp_path / "y.docx")


def test_suffixes_are_those_of_the_exporters() -> None:
    told = {suffix: name for name in BUILTIN for suffix in named(name).suffixes}
    assert told == _SUFFIXES
