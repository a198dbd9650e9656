"""Samples that are added or replaced by their keys; those that are equal already stay."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.numbers import StoredRows
from vstore.format.table.names import KEYS, VALID_SUFFIX
from vstore.format.table.sample_keys import as_list
from vstore.reading.array import read
from vstore.writing.batches import Batch, check_columns, common_length
from vstore.writing.staged_table import StagedTable

Ready = Mapping[str, Mapping[str, NDArray[Any]]]
"""The rows of samples, by column and suffix of the array."""


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Upserted:
    """How many samples `upsert` added, how many it replaced, and how many were equal already."""

    added: int
    replaced: int
    equal: int

    def __add__(self, other: "Upserted") -> "Upserted":
        return Upserted(
            self.added + other.added, self.replaced + other.replaced, self.equal + other.equal
        )


def upsert(table: StagedTable, batch: Batch, keys: Any) -> Upserted:
    """Add the samples of a batch whose keys are new, and replace those that differ.

    Raises:
        InvalidInputError: the table has no keys, a key is doubled in the batch, or a value does
            not fit; then nothing was changed.
    """
    ready, plain, stored_keys = _checked(table, batch, keys)
    with table.staging.writer.lock:
        return _upsert(table, ready, table.held.keys.find(plain, path=table.path), stored_keys)


def _upsert(
    table: StagedTable, ready: Ready, known: StoredRows, stored_keys: NDArray[Any]
) -> Upserted:
    """Replace the samples in the rows that are known, and add the others."""
    new = known < 0
    rows = known[~new]
    there = {name: _picked(arrays, ~new) for name, arrays in ready.items()}
    with table.staging.writer.uninterrupted():
        for name in ready:
            table.make(name, None)
        differs = {name: ~_are_equal(table, name, rows, made) for name, made in there.items()}
        for name, which in differs.items():
            for suffix, elements in _picked(there[name], which).items():
                if which.any():
                    table.held.write_rows(name + suffix, rows[which], elements)
        changed = np.logical_or.reduce(list(differs.values()) or [np.zeros(len(rows), bool)])
        if new.any():
            elements = {
                name + suffix: made[new]
                for name, arrays in ready.items()
                for suffix, made in arrays.items()
            }
            table.held.append_rows(elements | {KEYS: stored_keys[new]}, int(new.sum()))
    replaced = int(changed.sum())
    return Upserted(int(new.sum()), replaced, len(rows) - replaced)


def _checked(table: StagedTable, batch: Batch, keys: Any) -> tuple[Ready, list[Any], NDArray[Any]]:
    """Return samples as they are stored, and the keys, as given and as stored."""
    kind, values = table.held.keys.kind, dict(batch)
    if kind is None:
        raise InvalidInputError(
            f"the samples of {table.path!r} have no keys, by which they could be replaced",
            code="no-keys",
            hint="add them with `extend`",
        )
    given = values.pop(KEYS, None) if keys is None else keys
    if given is None:
        raise InvalidInputError(
            f"the samples of {table.path!r} have {kind.name} keys, and none were given",
            code="missing-keys",
            hint="give one for each sample, as in `table.upsert(values, keys=keys)`",
            path=table.path,
        )
    infos = {name: table.info(name) for name in table.names}
    check_columns(values, infos, path=table.path)
    plain = as_list(given, path=table.path)
    count = common_length(values, path=table.path) if values else len(plain)
    if len(plain) != count:
        raise InvalidInputError(f"{len(plain)} keys for {count} samples of {table.path!r}")
    _require_unique(plain)
    values |= {name: [None] * count for name in infos.keys() - values.keys()}
    ready = {name: table.ready(name, value) for name, value in values.items()}
    return ready, plain, kind.to_stored(plain)


def _require_unique(keys: list[Any]) -> None:
    seen: set[Any] = set()
    for key in keys:
        if key in seen:
            raise InvalidInputError(f"the key {key!r} is given twice")
        seen.add(key)


def _picked(arrays: Mapping[str, NDArray[Any]], which: NDArray[np.bool_]) -> dict[str, Any]:
    return {suffix: made[which] for suffix, made in arrays.items()}


def _are_equal(
    table: StagedTable, name: str, rows: StoredRows, made: Mapping[str, NDArray[Any]]
) -> NDArray[np.bool_]:
    """Return which stored samples of a column are what they would be replaced by."""
    if not len(rows):
        return np.ones(0, bool)
    equal = np.ones(len(rows), bool)
    for suffix, elements in made.items():
        equal &= _alike(read(table.held[name + suffix], (rows,)), elements)
    valid = made.get(VALID_SUFFIX)
    if valid is not None:
        # What stands in the place of a missing sample does not matter.
        equal |= ~valid & ~np.asarray(read(table.held[name + VALID_SUFFIX], (rows,)), bool)
    return equal


def _alike(stored: NDArray[Any], given: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows of two arrays are the same, to the bit."""
    if stored.dtype.hasobject or stored.dtype.kind == "T":
        pairs = zip(stored.tolist(), given.tolist(), strict=True)
        return np.array([one == other for one, other in pairs], bool)
    one = np.ascontiguousarray(stored)
    other = np.ascontiguousarray(given, dtype=stored.dtype)
    if not one.size:
        return np.ones(len(one), bool)
    as_bytes = [each.reshape(len(one), -1).view(np.uint8) for each in (one, other)]
    return np.asarray((as_bytes[0] == as_bytes[1]).all(axis=1), bool)
