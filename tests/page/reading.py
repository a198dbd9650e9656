"""What the page's reader, run by Node, finds in a repository; and what vstore finds there."""

import base64
import json
import shutil
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import vstore
from tests.format.golden.writers import REPOSITORIES
from vstore.page.bundle import SOURCE

HERE = Path(__file__).parent

SHOWN = [name for name in REPOSITORIES if name not in ("empty", "partial", "virtual")]
"""The golden repositories that the page can show."""

REFUSED = {
    "structured",
    "sharding_indexed",
    "numcodecs.bz2",
    "numcodecs.lzma",
    "numcodecs.packbits",
}
"""What the page says that it cannot show."""


def run_node(script: str, *arguments: object) -> Any:
    """Return what a script beside this file prints as JSON."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node")
    command = [node, str(HERE / script), str(SOURCE), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def read_by_page(root: Path, *revisions: str) -> Any:
    """Return all that the page's reader finds in some commits."""
    return run_node("read_all.mjs", root, *revisions)


def assert_alike(root: Path, revisions: Sequence[str], pages: Sequence[Any]) -> list[str]:
    """Compare what the page found with vstore; return what it said that it cannot show."""
    refused = []
    for revision, page in zip(revisions, pages, strict=True):
        expected = read_by_vstore(root, revision)
        assert page.get("refused") is None, page
        assert page["commit"] == expected["commit"]
        assert page["history"] == expected["history"]
        assert page["found"].keys() == expected["found"].keys()
        for path, found in page["found"].items():
            refused += _differences(path, found, expected["found"][path])
    return refused


def assert_known(name: str, refused: Sequence[str]) -> None:
    """See that nothing of a golden repository was refused but what is known to be."""
    for each in refused:
        assert any(known in each for known in REFUSED), each
    assert not refused or name in ("arrays", "codecs", "columns")


def _differences(path: str, found: Any, expected: Any) -> list[str]:
    if "columns" in found:
        assert found.get("keys") == expected.get("keys"), path
        parts = [
            _differences(f"{path}/{name}", each, expected["columns"][name])
            for name, each in found["columns"].items()
        ]
        return [each for part in parts for each in part]
    if isinstance(found, dict) and found.get("refused") == "UnknownError":
        return [f"{path}: {found['message']}"]
    assert found == expected, path
    return []


def read_by_vstore(root: Path, revision: str) -> dict[str, Any]:
    """Return the same, in the same form, as vstore reads it."""
    repo = vstore.open(root, offline=True)
    snapshot = repo.checkout(revision)
    return {
        "commit": snapshot.commit.id,
        "history": [commit.id for commit in _line(repo, snapshot.commit)],
        "found": dict(_nodes(snapshot, "")),
    }


def _line(repo: vstore.Repository, commit: vstore.Commit) -> Iterator[vstore.Commit]:
    """Yield a commit and its first parents."""
    yield commit
    while commit.parents:
        commit = repo.commit(commit.parents[0])
        yield commit


def _nodes(group: Any, at: str) -> Any:
    for name in group:
        node, path = group[name], f"{at}/{name}" if at else name
        if isinstance(node, vstore.Table):
            yield path, _samples(node)
        elif isinstance(node, vstore.Array):
            ends = node[-2000:] if node.shape and node.metadata.chunk_shape[0] == 1 else node[...]
            yield path, {"shape": list(node.shape), "values": _plain(np.asarray(ends))}
        else:
            yield from _nodes(node, path)


def _samples(table: vstore.Table) -> dict[str, Any]:
    found: dict[str, Any] = {
        "columns": {name: _cells(table[name], len(table)) for name in table.columns}
    }
    if table.key_kind is not None:
        found["keys"] = [
            [str(part) for part in key] if isinstance(key, tuple) else str(key)
            for key in table.sample_keys()
        ]
    return found


def _cells(column: vstore.Column, count: int) -> list[Any]:
    return [_cell(column, i) if column.valid[i] else None for i in range(count)]


def _cell(column: vstore.Column, i: int) -> Any:
    if column.kind in ("image", "audio", "bytes"):
        return base64.b64encode(column.encoded(i)).decode()
    value = column[i]
    if column.kind in ("text", "texts"):
        return value
    values = np.asarray(value)
    return {"shape": list(values.shape), "values": _plain(values)}


def _plain(values: NDArray[Any]) -> Any:
    """Return elements as the script prints them: numbers as bytes, others one by one."""
    if not values.size:
        return []
    flat = values.ravel()
    if values.dtype.kind in "fc":
        with warnings.catch_warnings(action="ignore"):  # a NaN that signals becomes another one
            flat = _as_numbers(flat)
    if flat.dtype.kind in "biufmM":
        little = flat.astype(flat.dtype.newbyteorder("<"))
        return base64.b64encode(little.tobytes()).decode()
    if values.dtype.kind == "V":
        return [base64.b64encode(each.tobytes()).decode() for each in flat]
    return [
        base64.b64encode(each).decode() if isinstance(each, bytes) else each
        for each in flat.tolist()
    ]


def _as_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Return floats as JavaScript has them."""
    if values.dtype == "float16":
        return np.where(np.isnan(values), np.float32(np.nan), values.astype("float32"))
    if values.dtype.kind == "c":
        values = np.stack([values.real, values.imag], 1).astype("float64")
        return np.where(np.isnan(values), np.nan, values)
    return values
