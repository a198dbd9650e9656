"""Two actors in one transaction, by turns: its holder, and whoever got its Zarr store."""

import pickle
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import zarr

from tests.merging.model.both import Both
from tests.merging.model.changes import ATTRIBUTES, CHANGES, NUMBER, Hand, NotPossibleError, one_of
from tests.merging.model.twin import DifferenceError, Twin
from tests.merging.model.values import cell, given
from tests.sharing.lending import elsewhere

open_array: Any = zarr.open_array
open_group: Any = zarr.open_group

Task = tuple[str, str, Any, Any]
"""What is written abroad: an array's or a group's path, where in it, and what."""


def lent(twin: Twin, branch: str, changes: Sequence[tuple[str, tuple[int, ...]]]) -> None:
    """Commit a transaction that its holder and another actor changed by turns."""
    begun = twin.head(branch)
    tx = twin.repo.transaction(branch, message="Lent", allow_empty=True)
    both = twin.both(tx, begun)
    abroad = _Abroad(twin, tx.store)
    for i, (name, numbers) in enumerate(changes):
        with suppress(NotPossibleError):
            if i % 2:
                abroad.change(both, Hand(numbers))
            else:
                CHANGES[name](both, Hand(numbers))
    abroad.look(both)
    made = tx.commit()
    assert made is not None
    twin.record(made.id, (begun,), both.world, both.marks)


class _Abroad:
    """The other actor, in another process where there are workers."""

    def __init__(self, twin: Twin, store: Any) -> None:
        self._workers = twin.workers
        self._pickled = b"" if twin.workers is None else pickle.dumps(store)
        self._store = elsewhere(store)

    def change(self, both: Both, hand: Hand) -> None:
        """Change something through Zarr, and the model alike."""
        way = hand.pick((_elements, _column, _attribute, _elements))
        task = way(both, hand)
        both.told.append(f"abroad: {task}")
        if self._workers is None:
            _write(self._store, task)
        else:
            self._workers.submit(_write_pickled, self._pickled, task).result()

    def look(self, both: Both) -> None:
        """Check that the other actor sees what the holder did."""
        for path, array in both.world.arrays().items():
            found = open_array(self._store, path=path, mode="r")[:].tolist()
            if found != array.values:
                raise DifferenceError(f"abroad, {path} is {found}, not {array.values}")


def _write_pickled(store: bytes, task: Task) -> None:
    _write(pickle.loads(store), task)


def _write(store: Any, task: Task) -> None:
    what, path, where, value = task
    if what == "attribute":
        open_group(store, path=path, mode="r+").attrs[where] = value
    else:
        open_array(store, path=path, mode="r+")[slice(*where)] = value


def _elements(both: Both, hand: Hand) -> Task:
    """Write a whole chunk of an array."""
    arrays = both.world.arrays()
    path = one_of(sorted(arrays), hand)
    at, value = hand.pick((0, 2)), hand.pick((0, 1, 2))
    arrays[path].values[at : at + 2] = [value, value]
    both.marks.add("array changed")
    return "elements", path, (at, at + 2), value


def _column(both: Both, hand: Hand) -> Task:
    """Give all samples one value in a column of numbers."""
    found = [
        (path, name)
        for path, table in sorted(both.world.tables().items())
        for name, column in sorted(table.columns.items())
        if name != NUMBER and column.form.kind == "ndarray" and column.form.shape == ()
        if not column.optional and table.rows
    ]
    path, name = one_of(found, hand)
    table = both.table(path)
    held = hand.pick(table.columns[name].form.pool())
    for row in table.rows.values():
        row[table.columns[name].id] = cell(given(held))
    both.marks.add("changed value")
    return "elements", f"{path}/{name}", (None,), given(held)


def _attribute(both: Both, hand: Hand) -> Task:
    """Set an attribute of a group."""
    path = one_of(sorted(both.world.groups()), hand)
    name, value = hand.pick(("unit", "from")), hand.pick(ATTRIBUTES)
    held = both.world.groups()[path].attributes
    both.marks.add("attribute changed" if name in held else "attribute set")
    held[name] = value
    return "attribute", path, name, value
