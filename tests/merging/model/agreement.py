"""What any merge keeps, whatever its base is: what both sides have alike."""

from collections.abc import Iterator
from typing import Any

from tests.merging.model.state import Table, World


def lost(ours: World, theirs: World, found: Any) -> list[str]:
    """Return what both sides of a merge have alike, and what came of it has not.

    `found` is what is read of the result, as `World.visible` tells it.
    """
    told = []
    for path, array in ours.arrays().items():
        other = theirs.arrays().get(path)
        if other is not None and other.dtype == array.dtype:
            there = found[path][1][1] if path in found else [None] * len(array.values)
            pairs = enumerate(zip(array.values, other.values, there, strict=True))
            told += [f"{path}[{i}]" for i, (a, b, c) in pairs if a == b != c]
    for path, table in ours.tables().items():
        same = theirs.tables().get(path)
        if same is not None and same.id == table.id and table.keys is not None:
            if path not in found:
                told.append(path)
            else:
                told += [f"{path}/{each}" for each in _lost_cells(table, same, found[path][1])]
    return told


def _lost_cells(ours: Table, theirs: Table, found: Any) -> Iterator[str]:
    rows = dict(found[2])
    columns = [
        name
        for name, column in ours.columns.items()
        if name in theirs.columns
        and (column.id, column.form) == (theirs.columns[name].id, theirs.columns[name].form)
    ]
    yield from [name for name in columns if name not in found[1]]
    for sample in ours.rows.keys() & theirs.rows.keys():
        mine, other = ours.read(sample), theirs.read(sample)
        for name in columns:
            if sample not in rows:
                yield f"{name} of {sample!r}, with the sample"
            elif mine[name] == other[name] != rows[sample].get(name, mine[name]):
                yield f"{name} of {sample!r}: {mine[name]} became {rows[sample][name]}"
