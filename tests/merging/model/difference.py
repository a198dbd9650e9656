"""What differs between two commits, as the model says and as vstore says."""

from typing import Any

import vstore
from tests.merging.model.reading import form_of
from tests.merging.model.state import Array, Column, Table, World, exact


def expected(old: World, new: World) -> dict[str, Any]:
    """Return what a diff is to say."""
    before = {table.id: (path, table) for path, table in old.tables().items()}
    after = {table.id: (path, table) for path, table in new.tables().items()}
    tables: dict[tuple[str, str], Any] = {}
    for id_ in before.keys() | after.keys():
        old_path, a = before.get(id_, ("", None))
        new_path, b = after.get(id_, ("", None))
        if a is None or b is None:
            path, status = (new_path, "added") if a is None else (old_path, "removed")
            known = a or b
            assert known is not None
            tables[path, status] = sorted(map(known.label, known.rows), key=repr)
        else:
            told = _table(a, b)
            if told or old_path != new_path:
                tables[new_path, "changed"] = told
    return {
        "tables": tables,
        "moved": {
            path: after[id_][0]
            for id_, (path, _) in before.items()
            if id_ in after and after[id_][0] != path
        },
        "arrays": _arrays(old.arrays(), new.arrays()),
        "groups": dict.fromkeys(new.groups().keys() - old.groups().keys(), "added")
        | dict.fromkeys(old.groups().keys() - new.groups().keys(), "removed"),
        "attributes": {
            path: changes
            for path in old.groups().keys() | new.groups().keys()
            if (changes := _attributes(old.groups().get(path), new.groups().get(path)))
        },
    }


def _table(old: Table, new: Table) -> dict[str, Any]:
    pairs = [(name, new.by_id().get(column.id)) for name, column in old.columns.items()]
    both = [(name, other) for name, other in pairs if other is not None]
    retyped = [
        (name, other)
        for name, other in both
        if _form(old.columns[name]) != _form(new.columns[other])
    ]
    told: dict[str, Any] = {
        "added": _labels(new, [name for name in new.rows if name not in old.rows]),
        "removed": _labels(old, [name for name in old.rows if name not in new.rows]),
        "changed": {
            other: labels
            for name, other in both
            if (name, other) not in retyped and (labels := _changed(old, new, name, other))
        },
        "columns added": sorted(new.columns.keys() - {other for _, other in both}),
        "columns removed": sorted(old.columns.keys() - {name for name, _ in both}),
        "renamed": {name: other for name, other in both if name != other},
        "retyped": sorted(other for _, other in retyped),
        "attributes": _attributes(old, new),
    }
    for name, other in both:
        for each, change in _attributes(old.columns[name], new.columns[other]).items():
            told["attributes"][f"{other}.{each}"] = change
    return {key: value for key, value in told.items() if value}


def _form(column: Column) -> Any:
    return column.form, column.optional


def _labels(table: Table, names: list[Any]) -> list[Any]:
    return sorted(map(table.label, names), key=repr)


def _changed(old: Table, new: Table, name: str, other: str) -> list[Any]:
    a, b = old.columns[name], new.columns[other]
    names = [
        each
        for each in new.rows
        if each in old.rows and a.read(old.rows[each]) != b.read(new.rows[each])
    ]
    return _labels(new, names)


def _attributes(old: Any, new: Any) -> dict[str, Any]:
    a, b = ({} if side is None else side.attributes for side in (old, new))
    return {
        name: exact([a.get(name), b.get(name)])
        for name in a.keys() | b.keys()
        if name not in a or name not in b or exact(a[name]) != exact(b[name])
    }


def _arrays(old: dict[str, Array], new: dict[str, Array]) -> dict[str, str]:
    found = {}
    for path in old.keys() | new.keys():
        if path not in old or path not in new:
            found[path] = "added" if path not in old else "removed"
        elif old[path].visible() != new[path].visible():
            found[path] = "changed"
    return found


def found(diff: vstore.Diff) -> dict[str, Any]:
    """Return what a diff of vstore says, in the same form."""
    tables: dict[tuple[str, str], Any] = {}
    for table in diff.each_table():
        if table.status == "changed":
            tables[table.path, "changed"] = _found_table(table)
        else:
            names = table.added if table.status == "added" else table.removed
            tables[table.path, table.status] = _plain(names)
    return {
        "tables": tables,
        "moved": diff.moved,
        "arrays": {path: array.status for path, array in diff.arrays.items()},
        "groups": diff.groups,
        "attributes": {path: _found_attributes(each) for path, each in diff.attributes.items()},
    }


def _found_table(table: vstore.TableDiff) -> dict[str, Any]:
    told = {
        "added": _plain(table.added),
        "removed": _plain(table.removed),
        "changed": {name: _plain(labels) for name, labels in table.changed.items()},
        "columns added": sorted(table.added_columns),
        "columns removed": sorted(table.removed_columns),
        "renamed": table.renamed_columns,
        "retyped": sorted(pair.name for pair in table.retyped if _is_retyped(table, pair)),
        "attributes": _found_attributes(table.attributes),
    }
    return {key: value for key, value in told.items() if value}


def _is_retyped(table: vstore.TableDiff, pair: Any) -> bool:
    """Return whether samples are others, and not only encoded otherwise."""
    assert table.old is not None
    assert table.new is not None
    sides = table.old.columns[pair.old], table.new.columns[pair.new]
    return len({form_of(column) for column in sides}) > 1


def _found_attributes(changes: Any) -> dict[str, Any]:
    return {name: exact([change.old, change.new]) for name, change in changes.items()}


def _plain(labels: list[Any]) -> list[Any]:
    return sorted((tuple(e) if isinstance(e, list) else e for e in labels), key=repr)
