"""Which attributes differ, and how."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vstore.faces import exported_from
from vstore.format.document import is_same


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class AttributeChange:
    """An attribute before and after; None where it was or is not there."""

    old: Any
    new: Any


def attribute_changes(
    old: Mapping[str, Any] | None, new: Mapping[str, Any] | None
) -> dict[str, AttributeChange]:
    """Return the attributes that differ, by name; 1, 1.0 and true do."""
    a, b = old or {}, new or {}
    return {
        name: AttributeChange(a.get(name), b.get(name))
        for name in sorted(a.keys() | b.keys())
        if name not in a or name not in b or not is_same(a[name], b[name])
    }


def plain(changes: Mapping[str, AttributeChange]) -> dict[str, list[Any]]:
    """Return changes of attributes as plain values: before and after."""
    return {name: [change.old, change.new] for name, change in changes.items()}


def status(old: object | None, new: object | None) -> str:
    """Return what became of a thing: `added`, `removed` or `changed`."""
    return "added" if old is None else "removed" if new is None else "changed"
