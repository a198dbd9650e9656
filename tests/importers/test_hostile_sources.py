"""Sources that mean harm are refused with an error: nothing is run, and memory is bounded."""

import gzip
import json
import os
import pickle
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

import vstore
from tests.repositories import new_repository
from vstore import InvalidInputError
from vstore.importers import import_into, open_rows, records, text_lines
from vstore.importers.source import _pieces


def imported(source: Path, **options: Any) -> Any:
    repo = new_repository()
    with repo.transaction("main", message="Import") as tx:
        import_into(tx, "t", open_rows(source, **options))
    return repo.checkout("main")["t"]


class Touch:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


PICKLE = {"id": "pickle", "protocol": 5}


@pytest.mark.parametrize(
    "document",
    [
        {"dtype": "|O", "filters": [PICKLE]},
        {"dtype": "|O", "filters": [{"id": "vlen-utf8"}, PICKLE]},
        {"dtype": "|O", "filters": [{"id": "vlen-utf8"}], "compressor": PICKLE},
        {"dtype": "<i4", "fill_value": 0, "filters": [PICKLE]},
        {"dtype": "<i4", "fill_value": 0, "compressor": PICKLE},
    ],
)
def test_arrays_of_zarr_are_never_unpickled(tmp_path: Path, document: dict[str, Any]) -> None:
    pytest.importorskip("zarr")
    folder = tmp_path / "x.zarr" / "x"
    folder.mkdir(parents=True)
    (folder.parent / ".zgroup").write_text('{"zarr_format": 2}')
    plain = {"zarr_format": 2, "shape": [1], "chunks": [1], "order": "C", "fill_value": ""}
    plain |= {"compressor": None, "filters": None}
    (folder / ".zarray").write_text(json.dumps({**plain, **document}))
    (folder / "0").write_bytes(pickle.dumps(Touch(tmp_path / "was run")))
    with pytest.raises(InvalidInputError):
        imported(tmp_path / "x.zarr")
    assert not (tmp_path / "was run").exists()


@pytest.mark.parametrize("opening", ["[", '{"a": '])
def test_deep_json_is_refused(tmp_path: Path, opening: str) -> None:
    (tmp_path / "deep.jsonl").write_text('{"a": 1}\n{"a": ' + opening * 100_000 + "\n")
    with pytest.raises(InvalidInputError, match="line 2 is not JSON"):
        imported(tmp_path / "deep.jsonl")
    (tmp_path / "first.jsonl").write_text('{"a": ' + opening * 100_000 + "\n")
    with pytest.raises(InvalidInputError):
        imported(tmp_path / "first.jsonl")


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl", "x.txt"])
def test_a_line_is_bounded(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small compressed file may hold one line of any length."""
    monkeypatch.setattr(text_lines, "_MAX_LINE", 1000)
    lines = {"x.csv": 'a,b\n1,"', "x.jsonl": '{"a": 1}\n{"a": "', "x.txt": "a\n"}
    with gzip.open(tmp_path / f"{name}.gz", "wt") as file:
        file.write(lines[name] + "x" * 5000 + "\n")
    with pytest.raises(InvalidInputError, match="line 2 is longer than 999 characters"):
        imported(tmp_path / f"{name}.gz")


def test_a_field_of_many_lines_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "_MAX_FIELD_NBYTES", 1000)
    (tmp_path / "x.csv").write_text('a,b\n1,"' + "x\n" * 5000 + '"\n')
    with pytest.raises(InvalidInputError, match="field larger than field limit"):
        imported(tmp_path / "x.csv")


def test_members_of_archives_are_names_and_no_places(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "in").mkdir()
    names = ["a/../../secret.txt", "/etc/x.txt", "x\n.txt", "plain.txt"]
    with tarfile.open(tmp_path / "in/x.tar", "w") as tar:
        (tmp_path / "own").write_text("own")
        for name in names:
            tar.add(tmp_path / "own", name)
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            member = tarfile.TarInfo(f"special{kind.decode()}.txt")
            member.type, member.linkname = kind, str(tmp_path / "secret.txt")
            tar.addfile(member)
    with zipfile.ZipFile(tmp_path / "in/x.zip", "w") as archive:
        for name in names:
            archive.writestr(name, "own")
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(tmp_path / "secret.txt"))
    before = sorted(os.walk(tmp_path))
    for archive_name in ("x.tar", "x.zip"):
        table = imported(tmp_path / "in" / archive_name, with_="files")
        assert set(table["data"][:]) == {b"own"}
    assert sorted(os.walk(tmp_path)) == before


class Asked:
    """A stream that holds little, and notes how much it is asked for."""

    most = 0

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, nbytes: int) -> bytes:
        self.most = max(self.most, nbytes)
        found, self.data = self.data[:nbytes], self.data[nbytes:]
        return found


def test_reading_reserves_no_more_than_there_is() -> None:
    stream: Any = Asked(b"x" * 2**23)
    assert b"".join(_pieces(stream, 2**31)) == b"x" * 2**23
    assert stream.most <= 2**22
    stream = Asked(b"abc")
    assert b"".join(_pieces(stream, 2)) == b"ab"


def test_files_of_no_known_kind_say_so(tmp_path: Path) -> None:
    for data in (b"", b"\0" * 100, b"\x80\x04", b"\x89PNG\r\n\x1a\n", b"\x93NUMPY", b"PK\3\4"):
        (tmp_path / "x").write_bytes(data)
        with pytest.raises(vstore.VstoreError):
            imported(tmp_path / "x")
