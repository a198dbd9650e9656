"""A commit read by every way out, each told as the model tells what it holds."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import zarr

import vstore
from tests.merging.model.state import Array, Group, Table, World, exact
from tests.merging.model.values import Cell, Form, cell
from vstore.faces import internals

open_group: Any = zarr.open_group


def read(snapshot: vstore.Snapshot) -> Any:
    """Return all that a commit holds, as `World.visible` tells it, read by columns."""
    return {path: _visible(node) for path, node in sorted(_walk(snapshot))}


def _walk(snapshot: vstore.Snapshot) -> Iterator[tuple[str, Any]]:
    groups = [""]
    while groups:
        above = groups.pop()
        group = snapshot.group(above)
        yield above, group
        for name in group:
            path = f"{above}/{name}".strip("/")
            node = snapshot[path]
            if isinstance(node, vstore.Group):
                groups.append(path)
            else:
                yield path, node


def _visible(node: Any) -> Any:
    if isinstance(node, vstore.Table):
        return "Table", _table(node)
    if isinstance(node, vstore.Group):
        return "Group", exact(node.attributes)
    return "Array", (node.dtype.name, node[:].tolist(), exact(node.attributes))


def _table(table: vstore.Table) -> Any:
    columns = {
        name: (*form_of(column), exact(column.attributes))
        for name, column in sorted(table.columns.items())
    }
    cells = {
        name: [cell(each) for each in _samples(column)] for name, column in table.columns.items()
    }
    labels = [
        tuple(key) if isinstance(key, (tuple, list)) else key
        for key in table.sample_keys().tolist()
    ]
    rows = [(label, {name: cells[name][i] for name in cells}) for i, label in enumerate(labels)]
    return table.key_kind, columns, rows, exact(table.attributes)


def form_of(column: vstore.Column) -> tuple[Form, bool]:
    """Return what samples of a column are, and whether they may be missing."""
    info = internals(column).info
    form = Form(info.kind.name)
    if info.kind.name == "ragged":
        form = Form("ragged", column.dtype.name, info.shape or ())
    elif info.kind.is_plain:
        fill = 0 if column.dtype.kind == "M" else int(column.metadata.fill_value)
        form = Form("ndarray", column.dtype.name, column.shape[1:], fill)
    return form, info.optional


def _samples(column: vstore.Column) -> Any:
    """Return a column's samples; a mask cannot say which are missing that have no elements."""
    return column if 0 in column.shape[1:] else column[:]


def differences(snapshot: vstore.Snapshot, world: World, *, by_rows: bool = True) -> list[str]:
    """Return where a commit does not read as the model says, by columns and by rows."""
    expected, found = world.visible(), read(snapshot)
    told = _apart(expected, found, "")
    if told or not by_rows:
        return told
    for path, table in world.tables().items():
        told += _by_rows(snapshot.table(path), table)
    return told


def _apart(expected: Any, found: Any, where: str) -> list[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        told = []
        for name in sorted({*expected, *found}, key=str):
            if name not in found:
                told.append(f"{where}/{name} is missing: {expected[name]}")
            elif name not in expected:
                told.append(f"{where}/{name} should not be there: {found[name]}")
            else:
                told += _apart(expected[name], found[name], f"{where}/{name}")
        return told
    if expected == found:
        return []
    if isinstance(expected, tuple) and isinstance(found, tuple) and len(expected) == len(found):
        return [
            line
            for i, pair in enumerate(zip(expected, found, strict=True))
            for line in _apart(*pair, f"{where}:{i}")
        ]
    return [f"{where}: expected {expected}, found {found}"]


def _by_rows(table: vstore.Table, expected: Table) -> list[str]:
    told = []
    rows = list(table)
    for position, name in enumerate(expected.rows):
        cells = expected.read(name)
        ways = {"iteration": rows[position], "position": table[position]}
        label = expected.label(name)
        ways["loc"] = table.loc[label]
        if table.position(label) != position:
            told.append(f"{table.path}: {label!r} is at {table.position(label)}, not {position}")
        for way, sample in ways.items():
            read_back = {each: cell(value) for each, value in sample.items()}
            if read_back != cells:
                told.append(
                    f"{table.path}[{label!r}] by {way}: expected {cells}, found {read_back}"
                )
    return told


def adopt_order(
    snapshot: vstore.Snapshot, world: World, ours: World, theirs: World | None = None
) -> list[str]:
    """Put the samples of the model in the order that a merge gave them, if it may be so.

    Those of ours stay in their order, unless the table was taken whole from theirs; where
    samples that came back go is the merge's choice.
    """
    told = []
    before = {table.id: list(table.rows) for table in ours.tables().values()}
    whole = {table.id: list(table.rows) for table in (theirs or World()).tables().values()}
    for path, table in world.tables().items():
        if path not in snapshot:
            continue
        names = _found_order(snapshot.table(path), table)
        if names is None:
            continue
        is_as_told = names in (list(table.rows), whole.get(table.id))
        table.rows = {name: table.rows[name] for name in names}
        kept = before.get(table.id, [])
        if not is_as_told and [n for n in names if n in kept] != [
            n for n in kept if n in table.rows
        ]:
            told.append(f"{path}: samples of ours changed places: {kept} became {names}")
    return told


def _found_order(found: vstore.Table, table: Table) -> list[Any] | None:
    """Return the names of the model's samples in the order found; None if they are others."""
    left = [(name, table.read(name)) for name in table.rows]
    names = []
    for label, cells in _table(found)[2]:
        for i, (name, expected) in enumerate(left):
            if cells == expected and (table.keys is None or name == label):
                names.append(name)
                del left[i]
                break
    return names if not left and len(names) == len(table.rows) else None


def zarr_differences(snapshot: vstore.Snapshot, world: World) -> list[str]:
    """Return what plain zarr reads otherwise than the model says."""
    told = []
    root = open_group(snapshot.store, mode="r")
    for path, array in world.arrays().items():
        values = root[path][:].tolist()
        if values != array.values:
            told.append(f"zarr {path}: expected {array.values}, found {values}")
    for path, table in world.tables().items():
        told += _table_by_zarr(root[path], table, path)
    return told


def _table_by_zarr(group: Any, table: Table, path: str) -> list[str]:
    told = []
    count = len(table.rows)
    marks = group["sample.deleted"][:] if "sample.deleted" in group else None
    for name, column in table.columns.items():
        live = slice(None) if marks is None else ~marks
        values = group[name][:][live]
        valid = group[f"{name}.valid"][:][live] if column.optional else np.ones(count, bool)
        if len(values) != count:
            told.append(f"zarr {path}/{name}: {len(values)} samples, not {count}")
            continue
        for i, each in enumerate(table.rows):
            expected = column.read(table.rows[each])
            if (expected is not None) != bool(valid[i]):
                told.append(f"zarr {path}/{name}.valid[{i}] is {valid[i]}")
            elif expected is None or column.form.kind == "image":
                continue
            elif _stored(expected, column.form) != cell_of(values[i]):
                told.append(f"zarr {path}/{name}[{i}]: {values[i]!r}, expected {expected}")
    return told


def _stored(held: Cell, form: Form) -> Any:
    """Return what zarr sees of a sample."""
    if form.kind == "ragged":
        return held[2]
    return held


def cell_of(value: Any) -> Any:
    """Return an element that zarr read, as the model tells it."""
    return value if isinstance(value, (str, bytes)) else cell(value)


__all__ = ["Array", "Group", "differences", "read", "zarr_differences"]
