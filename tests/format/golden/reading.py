"""All that a repository holds, as JSON: by vstore, and by the second reader."""

import base64
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

import vstore
from tests.format.golden.outside import FILES, put_files
from tests.format.golden.values import (
    array_value,
    element,
    floating,
    integer,
    pixels_of,
    shortened,
)
from tests.format.second_data_types import fill_of
from tests.format.second_encoder import Node
from tests.format.second_reader import Commit, SecondReader
from vstore.faces import internals
from vstore.format.nodes import ArrayNode, GroupNode

Json = dict[str, Any]
MOST_STATES = 12
"""Of how many commits all contents are written down; of more, those that refs name."""

MOST_CHARACTERS = 1000


def with_vstore(root: Path) -> Json:
    """Return what vstore reads in a repository."""
    repo = vstore.open(root, offline=True, sources=put_files())
    branches = {name: repo.branches[name] for name in sorted(repo.branches)}
    tags = {name: repo.tags[name] for name in sorted(repo.tags)}
    found = _with_parents(
        [*branches.values(), *tags.values()], lambda name: _commit(repo.commit(name))
    )
    states = _states(found, [*branches.values(), *tags.values()])
    return {
        "default_branch": repo.default_branch,
        "branches": branches,
        "tags": tags,
        "commits": found,
        "states": {name: dict(_state(repo.checkout(name))) for name in states},
    }


def _commit(commit: vstore.Commit) -> Json:
    author = {"name": commit.author.name}
    if commit.author.email:
        author["email"] = commit.author.email
    return {
        "message": commit.message,
        "author": author,
        "time": commit.time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "parents": list(commit.parents),
    }


def _with_parents(heads: Iterable[str], read: Any) -> Json:
    found: Json = {}
    left = sorted(set(heads), reverse=True)
    while left:
        name = left.pop()
        if name not in found:
            found[name] = read(name)
            left += reversed(found[name]["parents"])
    return found


def _states(commits: Json, heads: list[str]) -> list[str]:
    chosen = commits if len(commits) <= MOST_STATES else set(heads[-3:])
    return [name for name in commits if name in chosen]


def _state(snapshot: vstore.Snapshot) -> Iterator[tuple[str, Json]]:
    tables: list[str] = []
    for path, node in internals(snapshot).tree.walk(""):
        if path.startswith(tuple(f"{each}/" for each in tables)):
            continue
        if isinstance(node, GroupNode) and node.table is not None:
            tables.append(path)
            yield path, _table(snapshot.table(path))
        elif isinstance(node, ArrayNode):
            yield path, _array(snapshot.array(path))
        else:
            yield path, {"attributes": _attributes(snapshot.group(path).attributes)}


def _array(array: vstore.Array) -> Json:
    attributes = {"attributes": _attributes(array.attributes)}
    try:
        values = np.asarray(array[...])
    except vstore.NotHereError:
        return attributes | {"promised": True}
    return attributes | array_value(values, array.metadata.fill_value)


def _table(table: vstore.Table) -> Json:
    try:
        keys = table.sample_keys().tolist() if table.key_kind else None
        columns = {name: _column(table, name) for name in sorted(table.columns)}
    except vstore.NotHereError:
        return {"attributes": _attributes(table.attributes), "promised": True}
    return {
        "attributes": _attributes(table.attributes),
        "samples": len(table),
        "keys": None if keys is None else shortened([_key(key) for key in keys]),
        "columns": columns,
    }


def _key(key: Any) -> Any:
    if isinstance(key, tuple | list):
        return [_key(each) for each in key]
    return key if isinstance(key, str) else integer(int(key))


def _column(table: vstore.Table, name: str) -> Json:
    column = table[name]
    kind, valid = column.kind, column.valid.tolist()
    samples: list[Any] = []
    if kind == "ndarray" and all(valid):
        return {"kind": kind, **array_value(column[:], column.metadata.fill_value)}
    whole = column[:] if kind not in ("image", "audio") else None
    for i, is_there in enumerate(valid):
        found = column[i] if whole is None and is_there else None if whole is None else whole[i]
        samples.append(_sample(kind, column, i, found) if is_there else None)
    return {"kind": kind, "samples": shortened(samples)}


def _sample(kind: str, column: vstore.Column, i: int, found: Any) -> Any:
    if kind == "image":
        return {"file": base64.b64encode(column.encoded(i)).decode(), **array_value(found)}
    if kind in ("text", "texts"):
        return found
    return element(found) if kind == "bytes" else array_value(np.asarray(found))


def _attributes(value: Any) -> Any:
    """Return attributes: what is no number of JSON as text, and of long texts the ends."""
    if isinstance(value, str):
        return value if len(value) < MOST_CHARACTERS else shortened(list(value))
    if isinstance(value, dict):
        return {key: _attributes(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_attributes(each) for each in value]
    return floating(np.float64(value)) if isinstance(value, float) else value


# By the second reader


def with_second_reader(root: Path) -> Json:
    """Return what the second reader reads in a repository; it verifies all of it."""
    reader = SecondReader(root, FILES)
    branches = _refs(root / "refs/branches", reader.branch)
    tags = _refs(root / "refs/tags", reader.tag)
    trees: dict[str, Commit] = {}

    def read(name: str) -> Json:
        trees[name] = reader.commit(name)
        members = ("message", "author", "time", "parents")
        return {member: trees[name].value[member] for member in members}

    found = _with_parents([*branches.values(), *tags.values()], read)
    states = _states(found, [*branches.values(), *tags.values()])
    list(reader.history(branches[reader.mark["default_branch"]]) if branches else ())
    return {
        "default_branch": reader.mark["default_branch"],
        "branches": branches,
        "tags": tags,
        "commits": found,
        "states": {name: dict(_second_state(reader, trees[name].root, "")) for name in states},
    }


def _refs(folder: Path, read: Any) -> Json:
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*.json"))
    found = {name: read(name) for name in sorted(unquote(each[:-5]) for each in names)}
    return {name: each["commit"] for name, each in found.items() if not each.get("deleted")}


def _second_state(reader: SecondReader, node: Node, path: str) -> Iterator[tuple[str, Json]]:
    attributes = {"attributes": _attributes(node.metadata.get("attributes", {}))}
    if not node.is_group:
        yield path, attributes | _second_array(reader, node)
    elif "table" in node.value:
        yield path, attributes | _second_table(reader, node)
    else:
        yield path, attributes
        for name, child in sorted(node.children.items()):
            yield from _second_state(reader, child, f"{path}/{name}".strip("/"))


def _second_array(reader: SecondReader, node: Node) -> Json:
    try:
        values = reader.array(node)
    except FileNotFoundError:
        return {"promised": True}
    return array_value(values, fill_of(node.metadata))


def _second_table(reader: SecondReader, node: Node) -> Json:
    try:
        found = reader.table(node)
    except FileNotFoundError:
        return {"promised": True}
    keys = found.pop("sample", None)
    return {
        "samples": reader.live(node),
        "keys": None if keys is None else shortened([_key(key) for key in keys]),
        "columns": {name: _second_column(node[name], found[name]) for name in sorted(found)},
    }


def _second_column(node: Node, samples: Any) -> Json:
    kind = node.value["column"]["kind"]
    if kind == "ndarray" and isinstance(samples, np.ndarray):
        return {"kind": kind, **array_value(samples, fill_of(node.metadata))}
    made = [None if each is None else _second_sample(kind, each) for each in samples]
    return {"kind": kind, "samples": shortened(made)}


def _second_sample(kind: str, sample: Any) -> Any:
    if kind == "image":
        pixels = pixels_of(sample) if sample else np.zeros((0, 0), np.uint8)
        return {"file": base64.b64encode(sample).decode(), **array_value(pixels)}
    if kind in ("text", "texts"):
        return sample
    return element(sample) if kind == "bytes" else array_value(np.asarray(sample))
