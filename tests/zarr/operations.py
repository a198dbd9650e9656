"""What Zarr can do with a store, one operation at a time; each can be told and done again."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import zarr
from zarr.core.buffer import cpu
from zarr.core.sync import sync

from vstore.zarr_store import ZarrStore

open_group: Any = zarr.open_group
open_array: Any = zarr.open_array
create_array: Any = zarr.create_array

NAMES = "abc"


@dataclass(frozen=True)
class Nodes:
    """The paths of the groups and arrays there are, the root left out."""

    groups: tuple[str, ...]
    arrays: tuple[str, ...]

    def __iter__(self) -> Iterator[str]:
        return iter((*self.groups, *self.arrays))

    def __contains__(self, path: object) -> bool:
        return path in self.groups or path in self.arrays

    def __len__(self) -> int:
        return len(self.groups) + len(self.arrays)


def nodes_of(store: Any) -> Nodes:
    """Return what there is in a store."""
    members = dict(open_group(store, mode="r").members(max_depth=None))
    arrays = {path for path, node in members.items() if isinstance(node, zarr.Array)}
    return Nodes(tuple(sorted(members.keys() - arrays)), tuple(sorted(arrays)))


@dataclass(frozen=True)
class Operation:
    """One operation, with all that it needs; pickles."""

    name: str
    path: str
    options: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.name} {self.path!r} {dict(self.options)}"


def perform(operation: Operation, store: Any) -> Any:
    """Carry an operation out on a store; return what it gives."""
    return _PERFORM[operation.name](store, operation.path, **operation.options)


Choose = Callable[[random.Random, Nodes], Operation | None]


def _new_path(chance: random.Random, nodes: Nodes) -> str:
    group = chance.choice(["", "", *nodes.groups])
    return f"{group}/{chance.choice(NAMES)}".strip("/")


def _creating_group(chance: random.Random, nodes: Nodes) -> Operation:
    path = _new_path(chance, nodes)
    deep = f"{path}/{chance.choice(NAMES)}" if chance.random() < 0.3 else path
    return Operation("group", deep, {"attributes": {"n": chance.randrange(9)}})


def _creating_array(chance: random.Random, nodes: Nodes) -> Operation:
    ndim = chance.choice([1, 1, 2, 2, 3])
    shape = tuple(chance.randrange(0, 9) for _ in range(ndim))
    chunks = tuple(chance.randrange(1, 4) for _ in range(ndim))
    options: dict[str, Any] = {
        "shape": shape,
        "chunks": chunks,
        "dtype": chance.choice(["i4", "f8", "u1", "bool"]),
        "fill_value": chance.choice([0, 1]),
        "compressors": chance.choice(["auto", None]),
        "overwrite": chance.random() < 0.3,
    }
    if chance.random() < 0.4 and 0 not in shape:
        options["shards"] = tuple(length * chance.randrange(1, 3) for length in chunks)
    if chance.random() < 0.2:
        options["chunk_key_encoding"] = {"name": "v2", "separator": "."}
    if chance.random() < 0.2:
        options["config"] = {"write_empty_chunks": True}
    return Operation("array", _new_path(chance, nodes), options)


def _choosing(name: str, options: Callable[[random.Random], dict[str, Any]]) -> Choose:
    """Let an operation choose an array; it is left out where there is none."""

    def choose(chance: random.Random, nodes: Nodes) -> Operation | None:
        if not nodes.arrays:
            return None
        return Operation(name, chance.choice(nodes.arrays), options(chance))

    return choose


def _seeded(chance: random.Random) -> dict[str, Any]:
    return {"seed": chance.randrange(2**31)}


def _of_any(name: str, options: Callable[[random.Random], dict[str, Any]]) -> Choose:
    def choose(chance: random.Random, nodes: Nodes) -> Operation | None:
        paths = ["", *nodes] if name in ("set attribute", "read") else list(nodes)
        return Operation(name, chance.choice(paths), options(chance)) if paths else None

    return choose


def _an_attribute(chance: random.Random) -> dict[str, Any]:
    return {"name": chance.choice("xyz"), "value": chance.randrange(9)}


def _loose_key(chance: random.Random) -> str:
    return f"loose{chance.randrange(3)}"


OPERATIONS: dict[str, Choose] = {
    "create group": _creating_group,
    "create array": _creating_array,
    "write region": _choosing("region", _seeded),
    "write region of large chunks": _choosing("region", lambda c: _seeded(c) | {"is_fill": True}),
    "write elements": _choosing("elements", _seeded),
    "write all": _choosing("all", _seeded),
    "empty": _choosing("empty", lambda _: {}),
    "resize": _choosing("resize", _seeded),
    "append": _choosing("append", _seeded),
    "set attribute": _of_any(
        "set attribute", lambda c: {"name": c.choice("xyz"), "value": c.randrange(9)}
    ),
    "replace attributes": _of_any("put attributes", lambda c: {"value": c.choice([1, 1.0, None])}),
    "remove node": _of_any("remove", lambda _: {}),
    "delete directory": _of_any("delete_dir", lambda _: {}),
    "delete chunk or document": _of_any(
        "delete key", lambda c: {"key": c.choice(["c/0", "c/0/0"])}
    ),
    "consolidate": lambda chance, _: Operation("consolidate", "", {}),
    "require group": lambda chance, nodes: Operation("require", _new_path(chance, nodes), {}),
    "set loose": lambda chance, _: Operation(
        "loose", f"loose{chance.randrange(3)}", _seeded(chance)
    ),
    "delete loose": lambda chance, _: Operation(
        "delete key", "", {"key": f"loose{chance.randrange(3)}"}
    ),
    "list": _of_any("list", lambda _: {}),
    "read": _of_any("read", lambda _: {}),
}


def _group(store: Any, path: str, *, attributes: dict[str, Any]) -> None:
    open_group(store).create_group(path, attributes=attributes)


def _array(store: Any, path: str, **options: Any) -> None:
    create_array(store, name=path, **options)


def _region(store: Any, path: str, *, seed: int, is_fill: bool = False) -> None:
    array, chance = open_array(store, path=path), random.Random(seed)
    bounds = [sorted(chance.randrange(length + 1) for _ in range(2)) for length in array.shape]
    index = tuple(slice(*pair) for pair in bounds)
    array[index] = array.fill_value if is_fill else _values(array[index].shape, array, seed)


def _values(shape: tuple[int, ...], array: Any, seed: int) -> Any:
    return np.random.default_rng(seed).integers(0, 3, shape).astype(array.dtype)


def _elements(store: Any, path: str, *, seed: int) -> None:
    array, chance = open_array(store, path=path), random.Random(seed)
    if 0 in array.shape:
        return
    count = chance.randrange(1, 4)
    points = [[chance.randrange(length) for _ in range(count)] for length in array.shape]
    unique = sorted(set(zip(*points, strict=True)))
    array.vindex[tuple(map(list, zip(*unique, strict=True)))] = _values((len(unique),), array, seed)


def _all(store: Any, path: str, *, seed: int) -> None:
    array = open_array(store, path=path)
    array[...] = _values(array.shape, array, seed)


def _empty(store: Any, path: str) -> None:
    array = open_array(store, path=path)
    array[...] = array.fill_value


def _resize(store: Any, path: str, *, seed: int) -> None:
    array, chance = open_array(store, path=path), random.Random(seed)
    array.resize(tuple(chance.randrange(10) for _ in array.shape))


def _append(store: Any, path: str, *, seed: int) -> None:
    array = open_array(store, path=path)
    array.append(_values((seed % 4, *array.shape[1:]), array, seed))


def _set_attribute(store: Any, path: str, *, name: str, value: Any) -> None:
    open_group(store)[path].attrs[name] = value if path else [value]


def _put_attributes(store: Any, path: str, *, value: Any) -> None:
    open_group(store)[path].attrs.put({"only": value})


def _remove(store: Any, path: str) -> None:
    del open_group(store)[path]


def _delete_dir(store: Any, path: str) -> None:
    sync(store.delete_dir(path))


def _delete_key(store: Any, path: str, *, key: str) -> None:
    sync(store.delete(f"{path}/{key}".strip("/")))


def _consolidate(store: Any, _: str) -> None:
    """Consolidate, which a transaction takes and keeps nothing of."""
    if isinstance(store, ZarrStore):
        zarr.consolidate_metadata(store)


def _require(store: Any, path: str) -> None:
    open_group(store).require_group(path)


def _loose(store: Any, path: str, *, seed: int) -> None:
    sync(store.set(path, cpu.Buffer.from_bytes(str(seed).encode())))


async def _names(store: Any, path: str) -> list[str]:
    return sorted([name async for name in store.list_dir(path)])


def _list(store: Any, path: str) -> list[str]:
    return sync(_names(store, path))


def _read(store: Any, path: str) -> Any:
    node = open_group(store, mode="r")[path]
    return np.asarray(node[...]).tolist() if isinstance(node, zarr.Array) else dict(node.attrs)


_PERFORM: dict[str, Callable[..., Any]] = {
    "group": _group,
    "array": _array,
    "region": _region,
    "elements": _elements,
    "all": _all,
    "empty": _empty,
    "resize": _resize,
    "append": _append,
    "set attribute": _set_attribute,
    "put attributes": _put_attributes,
    "remove": _remove,
    "delete_dir": _delete_dir,
    "delete key": _delete_key,
    "consolidate": _consolidate,
    "require": _require,
    "loose": _loose,
    "list": _list,
    "read": _read,
}
