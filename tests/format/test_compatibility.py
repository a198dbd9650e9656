"""How a reader meets what it does not know: docs/format.md, section 13."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import vstore
from vstore import FormatError, Repository
from vstore.format import document
from vstore.format.digest import digest_of
from vstore.maintenance.fsck.fsck import FsckOptions, fsck
from vstore.maintenance.gc.collecting import collect
from vstore.maintenance.gc.options import GcOptions
from vstore.storage.store import Key

NONE = timedelta(0)


def written(folder: Path) -> Repository:
    repo = vstore.create(folder, author="Ann")
    with repo.transaction("main", message="Add") as tx:
        columns = {name: vstore.ndarray((), "int8", codecs="none") for name in "ab"}
        for table in ("t", "u"):
            tx.create_table(table, columns).extend({"a": [1, 2], "b": [3, 4]})
        tx.create_array("x", shape=(2,), dtype="int8", codecs=[{"name": "bytes"}])[:] = [5, 6]
    return repo


def edited(repo: Repository, edit: Callable[[Any], object]) -> str:
    """Store the head commit with something else in it, and return its name."""
    folder = Path(repo.url)
    value = json.loads((folder / f"commits/{repo.branches['main']}.json").read_bytes())
    edit(value)
    data = document.dumps(value)
    name = digest_of(data)
    (folder / f"commits/{name}.json").write_bytes(data)
    return name


def at(value: Any, *path: str) -> Any:
    for name in path:
        value = value["children"][name]
    return value


CLOSED: dict[str, Callable[[Any], object]] = {
    "format": lambda commit: commit.update(format=2),
    "feature": lambda commit: commit.update(features=["later"]),
    "member of a commit": lambda commit: commit.update(later=1),
    "member that is null": lambda commit: commit.update(later=None),
    "member of a node": lambda commit: at(commit["tree"], "x").update(later=1),
    "member of a table": lambda commit: at(commit["tree"], "t")["table"].update(later=1),
    "member of a column": lambda commit: at(commit["tree"], "t", "a")["column"].update(later=1),
    "kind": lambda commit: at(commit["tree"], "t", "a")["column"].update(kind="later"),
    "member of a page": lambda commit: at(commit["tree"], "x")["chunks"]["page"].update(later=1),
}


@pytest.mark.parametrize("what", CLOSED)
def test_a_commit_that_has_something_unknown_is_refused_and_no_other(
    what: str, tmp_path: Path
) -> None:
    repo = written(tmp_path)
    name = edited(repo, CLOSED[what])
    with pytest.raises(FormatError, match=r"later|a column is one of|version 2"):
        vstore.open(tmp_path).checkout(name)["x"][:]
    assert vstore.open(tmp_path).checkout("main")["x"][:].tolist() == [5, 6]


@pytest.mark.parametrize("member", ["data_type", "codecs"])
@pytest.mark.parametrize("path", [("x",), ("t", "a")])
def test_only_the_array_with_an_unknown_type_or_codec_is_refused(
    member: str, path: tuple[str, ...], tmp_path: Path
) -> None:
    repo = written(tmp_path)
    later: Any = "later" if member == "data_type" else [{"name": "later"}]
    name = edited(repo, lambda c: at(c["tree"], *path)["metadata"].update({member: later}))
    snapshot = vstore.open(tmp_path).checkout(name)
    with pytest.raises(FormatError, match="later"):
        snapshot["/".join(path)][:]
    assert sorted(snapshot) == ["t", "u", "x"]
    assert snapshot["u"]["a"][:].tolist() == [1, 2]
    if path != ("x",):
        assert snapshot["x"][:].tolist() == [5, 6]


def test_a_repository_with_an_unknown_feature_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    mark = json.loads((tmp_path / "vstore.json").read_bytes())
    mark.pop("check")
    mark["features"] = ["later"]
    mark["check"] = digest_of(document.dumps(mark))
    (tmp_path / "vstore.json").write_bytes(document.dumps(mark))
    with pytest.raises(FormatError, match="later"):
        vstore.open(tmp_path).default_branch.strip()


def test_objects_with_unknown_names_are_left_alone(tmp_path: Path) -> None:
    repo = written(tmp_path / "repo")
    later = [Key(name) for name in ("later/ab/abc.json", "later.json", "packs.later/x")]
    for key in later:
        repo.store.put(key, b"{}")
    collect(repo.store, GcOptions(grace=NONE, expire=NONE, take_over=True))
    collect(repo.store, GcOptions(grace=NONE, expire=NONE, take_over=True))
    assert all(repo.store.get(key) == b"{}" for key in later)
    assert fsck(repo.store, FsckOptions(mode="full", decode=True)).is_sound
    copy = vstore.clone(repo.url, tmp_path / "copy")
    assert copy.checkout()["x"][:].tolist() == [5, 6]
