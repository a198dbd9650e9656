"""Samples on the command line: by key where they have some, by position where not."""

from typing import TYPE_CHECKING, Any

import vstore
from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import internals
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.format.table import sample_keys
    from vstore.format.table.sample_keys import SampleKey
    from vstore.reading.snapshot import Snapshot
else:
    sample_keys = lazy("vstore.format.table.sample_keys")


def parse_key(text: str, kind: str | None, *, path: str) -> "SampleKey":
    """Return the key that a text spells in a table whose keys are of a kind.

    >>> parse_key("7", "str", path="t"), parse_key("7", "int", path="t")
    ('7', 7)
    >>> parse_key('["patient-7", 2]', "tuple", path="t")
    ('patient-7', 2)

    Raises:
        InvalidInputError: it spells none.
    """
    keys = sample_keys.find_key_kind(kind)
    found = (keys or sample_keys.INT).parse(text)
    if found is None:
        words = "positions" if keys is None else keys.spelled
        raise InvalidInputError(f"the samples of {path!r} are named by {words}; got {text!r}")
    return found


def parse_prefix(text: str, kind: str | None, *, path: str) -> "str | tuple[Any, ...]":
    """Return the beginning of keys that a text spells: itself, or parts where keys are tuples.

    >>> parse_prefix("7", "str", path="t"), parse_prefix('["a"]', "tuple", path="t")
    ('7', ('a',))
    """
    keys = sample_keys.find_key_kind(kind)
    if keys is None or not keys.has_prefixes:
        return text
    found = parse_key(text, kind, path=path)
    return found if isinstance(found, tuple) else (found,)


def keys_below(table: "vstore.Table", beginning: "SampleKey") -> "list[SampleKey]":
    """Return the keys of all samples whose tuple keys begin so, in order."""
    stored = internals(table)
    keys: list[SampleKey] = stored.keys_of(stored.rows_below(beginning)).tolist()
    return keys


def find_table(snapshot: "Snapshot", path: str) -> "vstore.Table":
    """Return the table at a path, or around the column there."""
    path = path.strip("/")
    for place in (path, path.rpartition("/")[0]):
        if place in snapshot and isinstance(node := snapshot[place], vstore.Table):
            return node
    if path not in snapshot:
        raise NotFoundError(
            f"there is no {path!r} in {snapshot.commit.id[:12]}", code="path-not-found", path=path
        )
    raise InvalidInputError(f"{path!r} is neither a table nor a column of one", code="not-a-table")
