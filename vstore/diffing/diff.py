"""Diffs as values: what was added, removed and changed between two commits."""

from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from vstore import optional
from vstore.diffing.array_diff import ArrayDiff
from vstore.diffing.attributes import AttributeChange, attribute_changes, plain
from vstore.diffing.lineage import Lineage
from vstore.diffing.nodes import NodeChange, changed_nodes
from vstore.diffing.table_diff import TableDiff
from vstore.diffing.text import array_lines, attribute_lines, counts, table_lines
from vstore.faces import exported_from, internals
from vstore.format.digest import Digest
from vstore.format.nodes import ArrayNode, GroupNode
from vstore.format.tree import Tree
from vstore.lazy import lazy
from vstore.reading.array import StoredArray
from vstore.reading.snapshot import Snapshot
from vstore.reading.table import Table
from vstore.wording import listed, printable

if TYPE_CHECKING:
    import pyarrow

    from vstore.diffing import boxes, cell_changes, diff_preview, pairs
    from vstore.diffing.cell_changes import SampleChange
    from vstore.diffing.diff_preview import DiffPreview
else:
    boxes = lazy("vstore.diffing.boxes")
    cell_changes = lazy("vstore.diffing.cell_changes")
    diff_preview = lazy("vstore.diffing.diff_preview")
    pairs = lazy("vstore.diffing.pairs")


@exported_from("vstore")
class Diff:
    """What differs between two commits. Print it, or take `to_dict()` or `to_arrow()`.

    What has equal digests on both sides is not read, so a diff costs what differs. `old` is
    None where there was nothing before.
    """

    def __init__(self, old: Snapshot | None, new: Snapshot, *, only: Sequence[str] = ("",)) -> None:
        self.old = old
        self.new = new
        self._only = only

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(Diff, only=self._only), (self.old, self.new)

    @cached_property
    def nodes(self) -> list[NodeChange]:
        """The nodes that differ, parents before children."""
        new = internals(self.new).tree
        old = Tree(GroupNode(), new.load) if self.old is None else internals(self.old).tree
        return [node for node in changed_nodes(old, new) if self._is_wanted(node)]

    def _is_wanted(self, node: NodeChange) -> bool:
        places = {node.old_path, node.new_path}
        return any(is_below(place, path) for place in places for path in self._only) or (
            node.is_table and bool(self._columns_of(node))
        )

    def _columns_of(self, node: NodeChange) -> list[str] | None:
        """Return which of a table's columns are wanted; None for all."""
        places = {node.old_path, node.new_path}
        if any(is_below(place, path) for place in places for path in self._only):
            return None
        found = [path.rpartition("/") for path in self._only]
        return [name for parent, _, name in found if parent in places]

    @cached_property
    def tables(self) -> dict[str, TableDiff]:
        """The tables that differ, by their newest paths."""
        return {table.path: table for table in self.each_table()}

    def each_table(self) -> Iterator[TableDiff]:
        """Yield the tables that differ, comparing each when it is asked for."""
        for node in self.nodes:
            if node.is_table:
                old = _table(self.old, node.old_path, node.old)
                new = _table(self.new, node.new_path, node.new)
                only = self._columns_of(node)
                table = TableDiff(node.path, old, new, only=only, lineage=self._lineage)
                if table or (table.status == "changed" and node.old_path != node.new_path):
                    yield table

    @property
    def _lineage(self) -> Lineage | None:
        if self.old is None:
            return None
        return Lineage(internals(self.new).fetcher, self.old.commit.id, self.new.commit.id)

    @cached_property
    def arrays(self) -> dict[str, ArrayDiff]:
        """The plain arrays that differ, by path."""
        found = (
            ArrayDiff(
                node.path,
                _array(self.old, node.old_path, node.old),
                _array(self.new, node.new_path, node.new),
            )
            for node in self.nodes
            if node.is_array
        )
        return {array.path: array for array in found if array}

    @property
    def moved(self) -> dict[str, str]:
        """The tables that have another path, old path to new."""
        return {
            node.old_path: node.new_path
            for node in self.nodes
            if node.old is not None and node.new is not None and node.old_path != node.new_path
        }

    @property
    def attributes(self) -> dict[str, dict[str, AttributeChange]]:
        """The attributes of plain groups that differ, by path."""
        found = {
            node.path: attribute_changes(node.attributes(node.old), node.attributes(node.new))
            for node in self.nodes
            if not node.is_table and not node.is_array
        }
        return {path: changes for path, changes in found.items() if changes}

    def at(self, *paths: str) -> "Diff":
        """Return what differs at or below any of the paths, which may be columns."""
        return Diff(self.old, self.new, only=[path.strip("/") for path in paths])

    def __bool__(self) -> bool:
        return bool(self.tables or self.arrays or self.attributes or self.groups)

    @property
    def groups(self) -> dict[str, str]:
        """The plain groups that came or went, each with `added` or `removed`."""
        return {
            node.path: "added" if node.old is None else "removed"
            for node in self.nodes
            if isinstance(node.old or node.new, GroupNode)
            and not node.is_table
            and (node.old is None or node.new is None)
            and node.path
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the difference as plain JSON values."""
        return {
            "old": None if self.old is None else self.old.commit.id,
            "new": self.new.commit.id,
            "tables": [table.to_dict() for table in self.tables.values()],
            "arrays": [array.to_dict() for array in self.arrays.values()],
            "groups": self.groups,
            "moved": self.moved,
            "attributes": {path: plain(changes) for path, changes in self.attributes.items()},
        }

    def show(self, limit: int = 10) -> "DiffPreview":
        """Return samples that differ to look at, before and after, of each table up to `limit`.

        Reads those samples, in the columns that differ.

        >>> import vstore
        >>> repo = vstore.create("memory://show-doc")
        >>> with repo.transaction("main", message="Start") as tx:
        ...     table = tx.create_table("t", {"x": vstore.ndarray((), "int64")})
        ...     table.extend({"x": [1, 2, 3]})
        >>> with repo.transaction("main", message="Change") as tx:
        ...     tx["t"]["x"][1] = 7
        >>> repo.diff("main~1", "main").show()
        t: 1 sample
          changed 1
            x: 2 -> 7 (+5)
        """
        found = {path: pairs.SamplePairs(table) for path, table in self.tables.items()}
        found = {path: several for path, several in found.items() if len(several)}
        return diff_preview.DiffPreview(
            {path: several.page(0, max(limit, 0)) for path, several in found.items()},
            {path: len(several) for path, several in found.items()},
        )

    def changes(self, *, digest_above: int = 4096) -> "Iterator[SampleChange]":
        """Yield each cell of a table that differs, with its old and its new value.

        A value of more than `digest_above` bytes is given as a `ValueDigest`, as files always are.
        Some samples are held at a time.

        >>> import vstore
        >>> repo = vstore.create("memory://changes-doc")
        >>> with repo.transaction("main", message="Start") as tx:
        ...     table = tx.create_table("t", {"x": vstore.ndarray((), "int64")})
        ...     table.extend({"x": [1, 2, 3]})
        >>> with repo.transaction("main", message="Change") as tx:
        ...     tx["t"]["x"][1] = 7
        >>> [(each.key, each.old, each.new) for each in repo.diff("main~1", "main").changes()]
        [(1, 2, 7)]
        """
        every = cell_changes.EverySample()
        for table in self.each_table():
            reader = cell_changes.CellReader(table.path, table.old, table.new, every, digest_above)
            for part in cell_changes.parts_of(internals(table)):
                yield from reader.changes(part)

    def to_arrow(self) -> "pyarrow.Table":
        """Return the samples that differ as a `pyarrow.Table`; see `vstore.arrow`.

        Raises:
            MissingExtraError: pyarrow is not installed.
        """
        table: pyarrow.Table = _arrow().diff_reader(self).read_all()
        return table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give the samples that differ to any library that takes Arrow streams, lazily."""
        return _arrow().diff_reader(self).__arrow_c_stream__(requested_schema)

    def lines(self) -> Iterator[str]:
        """Yield the difference for users to read, a line for each kind of change."""
        yield from (f"{old} -> {new}: moved" for old, new in self.moved.items())
        yield from (f"{path}: group {status}" for path, status in self.groups.items())
        for table in self.tables.values():
            yield from table_lines(table)
        for array in self.arrays.values():
            yield from array_lines(array)
        for path, changes in self.attributes.items():
            yield from attribute_lines(path or "/", changes)

    def __str__(self) -> str:
        return printable("\n".join(self.lines())) or "no difference"

    def __repr__(self) -> str:
        old = "nothing" if self.old is None else _short(self.old.commit.id)
        return f"<vstore.Diff {old}..{_short(self.new.commit.id)}: {listed(counts(self), '; ')}>"

    def _repr_html_(self) -> str:
        return boxes.diff_box(self)


def is_below(place: str, path: str) -> bool:
    """Return whether a place in the tree is at or below a path."""
    return not path or f"{place}/".startswith(f"{path}/")


def _arrow() -> Any:
    purpose = "a diff as an Arrow table"
    return optional.load("vstore.arrow", package="pyarrow", extra="arrow", purpose=purpose)


def _table(snapshot: Snapshot | None, path: str, node: object) -> Table | None:
    found = snapshot[path] if node is not None and snapshot is not None else None
    return found if isinstance(found, Table) else None


def _array(snapshot: Snapshot | None, path: str, node: object) -> StoredArray | None:
    if not isinstance(node, ArrayNode) or snapshot is None:
        return None
    return StoredArray(internals(snapshot).fetcher, node, path=path)


def _short(digest: Digest) -> str:
    return digest[:12]
