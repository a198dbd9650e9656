"""The nodes of a commit's tree: groups, tables and arrays."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

from vstore.format.deleted_rows import BLOCK_ROWS
from vstore.format.digest import Digest, digest_of
from vstore.format.document import is_same
from vstore.format.index import Index
from vstore.format.object_keys import OBJECTS
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.sample_keys import KeyKindName


class TableInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What makes a group a table: how its samples are named.

    `id` is given when the table is made and stays through moves; `layout` names how its
    rows were rewritten, so that positions of equal layouts mean the same rows.
    `deleted` counts the deleted rows among each 2^20, up to the last that has any.
    """

    id: str = ""
    keys: KeyKindName | None = None
    layout: int = 0
    deleted: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not all(0 <= count <= BLOCK_ROWS for count in self.deleted):
            raise ValueError(f"a block of rows has from 0 to {BLOCK_ROWS} that are deleted")


def new_id(parent: Digest | None, path: str) -> str:
    """Return the id of a table or column that is made at `path` on top of a commit."""
    return digest_of(f"{parent or ''} {path}".encode())[:16]


def rewritten(layout: int, count: int, removed: Iterable[int]) -> int:
    """Return the layout of a table whose `count` rows are rewritten without some.

    >>> rewritten(0, 9, [1, 4]) == rewritten(0, 9, [1])
    False
    """
    rows = "".join(f" {row}" for row in sorted(removed))
    return int(digest_of(f"{layout} {count}{rows}".encode())[:13], 16)


def replaced(layout: int, other: int) -> int:
    """Return the layout of a table that takes the place of one it has no rows in common with.

    >>> replaced(0, 0) == rewritten(0, 0, [])
    False
    """
    return int(digest_of(f"{layout} replaced by {other}".encode())[:13], 16)


class NodeRef(NamedTuple):
    """A node, or a bucket of nodes, that is an object of its own."""

    digest: Digest
    nbytes: int


def is_same_document(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two metadata documents say the same; 1, 1.0 and true differ, and 0.0, -0.0."""
    return one == other and is_same(one, other)


@dataclass(frozen=True, slots=True, eq=False)
class ArrayNode:
    """An array: its Zarr v3 metadata document and the index of its chunks."""

    metadata: dict[str, Any]
    chunks: Index | None = None
    column: ColumnInfo | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ArrayNode):
            return NotImplemented
        rest = self.chunks == other.chunks and self.column == other.column
        return rest and is_same_document(self.metadata, other.metadata)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, eq=False)
class GroupNode:
    """A group: its Zarr v3 metadata document and its children, some not loaded yet.

    The document is empty where nobody wrote one: the group is there for what is below it.
    """

    metadata: dict[str, Any] = field(
        default_factory=lambda: {"zarr_format": 3, "node_type": "group", "attributes": {}}
    )
    children: Mapping[str, "Node | NodeRef"] = field(default_factory=dict)
    table: TableInfo | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GroupNode):
            return NotImplemented
        rest = self.table == other.table and self.children == other.children
        return rest and is_same_document(self.metadata, other.metadata)

    __hash__ = None  # type: ignore[assignment]


Node = ArrayNode | GroupNode
LoadDocuments = Callable[[Sequence[NodeRef]], Sequence[bytes]]
"""Return the verified bytes of node objects, read side by side."""


def names_in(path: str, group: GroupNode) -> list[str]:
    """Return the names in the group at `path`, in order, but not that of vstore's own table."""
    return sorted(name for name in group.children if path or name != OBJECTS)
