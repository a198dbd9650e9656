"""The tree of groups and arrays of one commit.

A node holds its Zarr v3 metadata document. An array adds the index of its chunks, a
group its children. A child sits inside its parent while the parent stays within
`NODE_NBYTES`; the largest children beyond that are objects of their own, named by
digest. A group with too many children for that is split into sixteen buckets by the
digest of the child's name. The encoding follows from the contents alone.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import msgspec

from vstore.errors import FormatError, InvalidInputError, NotFoundError
from vstore.format import document
from vstore.format.deleted_rows import BLOCK_ROWS
from vstore.format.digest import Digest, digest_of, parse_digest
from vstore.format.document import is_same
from vstore.format.index import Index
from vstore.format.object_keys import OBJECTS, check_node_name, split_path
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.sample_keys import KeyKindName

NODE_NBYTES = 65536
_BUCKET_DEPTH = 16


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
    """Return whether two metadata documents say the same; in attributes 1, 1.0 and true differ."""
    return one == other and is_same(one.get("attributes"), other.get("attributes"))


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


class _NodeDocument(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    metadata: dict[str, Any]
    chunks: Index | None = None
    column: ColumnInfo | None = None
    table: TableInfo | None = None
    children: dict[str, Any] | None = None
    buckets: dict[str, tuple[str, int]] | None = None


class _BucketDocument(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    children: dict[str, Any] | None = None
    buckets: dict[str, tuple[str, int]] | None = None


class _RefDocument(msgspec.Struct, forbid_unknown_fields=True):
    ref: tuple[str, int]


def decode(value: Any, load: LoadDocuments, *, what: str) -> Node:
    """Return the node that the plain JSON `value` stands for.

    Raises:
        FormatError: the node is malformed.
    """
    doc = document.convert(value, _NodeDocument, what=what)
    kind = doc.metadata.get("node_type")
    if not isinstance(doc.metadata.get("attributes", {}), dict):
        raise FormatError(f"the attributes of {what} are no object")
    if kind == "array":
        if doc.table or doc.children or doc.buckets:
            raise FormatError(f"{what} is an array, which has no children")
        return ArrayNode(doc.metadata, doc.chunks, doc.column)
    if (kind != "group" and doc.metadata) or doc.chunks or doc.column:
        raise FormatError(f"{what} is neither a group nor an array")
    children = dict(_decode_children(doc, load, what=what, prefix=""))
    return GroupNode(doc.metadata, children, doc.table)


def load_node(ref: NodeRef, load: LoadDocuments, *, what: str) -> Node:
    """Return the node behind a reference."""
    return decode(document.parse(load([ref])[0], what=what), load, what=what)


def _decode_children(
    doc: _NodeDocument | _BucketDocument, load: LoadDocuments, *, what: str, prefix: str
) -> Iterator[tuple[str, Node | NodeRef]]:
    """Yield the children; the digests of their names begin with `prefix`."""
    if len(prefix) > _BUCKET_DEPTH or (doc.children is None) == (doc.buckets is None):
        raise FormatError(
            f"{what} must have either children or buckets, at most {_BUCKET_DEPTH} deep"
        )
    for name, value in (doc.children or {}).items():
        if prefix and not digest_of(name.encode()).startswith(prefix):
            raise FormatError(f"{what}/{name} is not in the bucket where its name belongs")
        yield _checked_name(name, what), _decode_child(value, load, what=f"{what}/{name}")
    buckets = doc.buckets or {}
    if any(len(digit) != 1 for digit in buckets):
        raise FormatError(f"{what} has buckets called {list(buckets)[:20]!r}: not all are digits")
    refs = [NodeRef(parse_digest(digest, what=what), n) for digest, n in buckets.values()]
    for digit, ref, data in zip(buckets, refs, load(refs) if refs else [], strict=True):
        bucket = document.loads(data, _BucketDocument, what=f"{what} bucket {ref.digest}")
        yield from _decode_children(bucket, load, what=what, prefix=prefix + digit)


def _decode_child(value: Any, load: LoadDocuments, *, what: str) -> Node | NodeRef:
    if isinstance(value, dict) and "ref" in value:
        digest, nbytes = document.convert(value, _RefDocument, what=what).ref
        return NodeRef(parse_digest(digest, what=what), nbytes)
    return decode(value, load, what=what)


def _checked_name(name: str, what: str) -> str:
    try:
        if name != OBJECTS:
            check_node_name(name, what="node")
    except InvalidInputError as exc:
        raise FormatError(f"{what}: {exc}") from exc
    return name


@dataclass(frozen=True, slots=True)
class _Encoded:
    """A node in both forms, with its size when it stands alone."""

    value: dict[str, Any]
    data: bytes


def encode(root: GroupNode, load: LoadDocuments) -> tuple[dict[str, Any], dict[Digest, bytes]]:
    """Return the root's plain JSON and the objects that are next to it, by digest."""
    objects: dict[Digest, bytes] = {}
    return _encode(root, load, objects).value, objects


def _encode(node: Node, load: LoadDocuments, objects: dict[Digest, bytes]) -> _Encoded:
    if isinstance(node, ArrayNode):
        doc = _NodeDocument(node.metadata, chunks=node.chunks, column=node.column)
        return _encoded(msgspec.to_builtins(doc))
    value = msgspec.to_builtins(_NodeDocument(node.metadata, table=node.table))
    value |= _encode_children(node.children, load, objects, depth=0)
    return _encoded(value)


def _encoded(value: dict[str, Any]) -> _Encoded:
    return _Encoded(value, document.dumps(value, what="node"))


def _encode_children(
    children: Mapping[str, Node | NodeRef],
    load: LoadDocuments,
    objects: dict[Digest, bytes],
    *,
    depth: int,
) -> dict[str, Any]:
    inline = {
        name: _encode(child, load, objects)
        for name, child in children.items()
        if not isinstance(child, NodeRef)
    }
    sizes = {name: len(child.data) for name, child in inline.items()}
    sizes |= {name: child.nbytes for name, child in children.items() if isinstance(child, NodeRef)}
    total = sum(sizes.values())
    outside: set[str] = set()
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        if total <= NODE_NBYTES:
            break
        total -= sizes[name] - _REF_NBYTES
        outside.add(name)
    if total > NODE_NBYTES and len(children) > 1 and depth < _BUCKET_DEPTH:
        return {"buckets": _encode_buckets(children, load, objects, depth=depth)}
    return {
        "children": {
            name: _encode_child(children[name], inline.get(name), name in outside, load, objects)
            for name in sorted(children)
        }
    }


_REF_NBYTES = 100
"""What a reference to a child counts for; a little more than it takes."""


def _encode_child(
    child: Node | NodeRef,
    encoded: _Encoded | None,
    outside: bool,  # noqa: FBT001
    load: LoadDocuments,
    objects: dict[Digest, bytes],
) -> dict[str, Any]:
    if isinstance(child, NodeRef):
        if outside:
            return {"ref": [child.digest, child.nbytes]}
        value: dict[str, Any] = document.parse(load([child])[0], what="node")
        return value
    if encoded is None:
        raise AssertionError
    if not outside:
        return encoded.value
    return {"ref": _store(encoded.data, objects)}


def _store(data: bytes, objects: dict[Digest, bytes]) -> list[Any]:
    digest = digest_of(data)
    objects[digest] = data
    return [digest, len(data)]


def _encode_buckets(
    children: Mapping[str, Node | NodeRef],
    load: LoadDocuments,
    objects: dict[Digest, bytes],
    *,
    depth: int,
) -> dict[str, list[Any]]:
    buckets: dict[str, dict[str, Node | NodeRef]] = {}
    for name, child in children.items():
        buckets.setdefault(digest_of(name.encode())[depth], {})[name] = child
    return {
        digit: _store(
            document.dumps(_encode_children(buckets[digit], load, objects, depth=depth + 1)),
            objects,
        )
        for digit in sorted(buckets)
    }


@dataclass(frozen=True, slots=True)
class Tree:
    """An immutable tree; changing one node copies the groups above it, nothing else."""

    root: GroupNode
    load: LoadDocuments

    def find(self, path: str) -> Node | None:
        """Return the node at `path`, or None."""
        node: Node = self.root
        for name in split_path(path):
            if not isinstance(node, GroupNode) or name not in node.children:
                return None
            node = self.child(node, name, what=path)
        return node

    def get(self, path: str) -> Node:
        """Return the node at `path`, or raise `NotFoundError` naming what there is."""
        node = self.find(path)
        if node is None:
            parent = self.find(path.strip("/").rpartition("/")[0])
            beside = sorted(parent.children) if isinstance(parent, GroupNode) else []
            beside = [name for name in beside if name != OBJECTS]
            names = ", ".join(map(repr, beside[:10]))
            raise NotFoundError(
                f"there is no {path!r} in this commit",
                code="path-not-found",
                hint=f"choose one of {names}" if names else None,
                path=path,
            )
        return node

    def child(self, group: GroupNode, name: str, *, what: str = "") -> Node:
        """Return a child of a group, loading it if it is an object of its own."""
        return self.resolve(group.children[name], what=what or name)

    def resolve(self, child: Node | NodeRef, *, what: str) -> Node:
        """Return a child as a node, loading it if it is an object of its own."""
        return load_node(child, self.load, what=what) if isinstance(child, NodeRef) else child

    def put(self, path: str, node: Node | None, *, above: GroupNode | None = None) -> "Tree":
        """Return the tree with `node` at `path`, or nothing there.

        Parents come into being; `above` says what they are, plain groups where it is None.
        """
        names = split_path(path)
        if not names:
            if not isinstance(node, GroupNode):
                raise InvalidInputError("the root of a repository must be a group")
            return replace(self, root=node)
        return replace(self, root=self._put(self.root, names, node, above or GroupNode()))

    def declared(self, path: str) -> "Tree":
        """Return the tree in which each group along `path` has a document of its own."""
        tree, names = self, split_path(path)
        for depth in range(len(names)):
            above = "/".join(names[:depth])
            node = tree.find(above)
            if isinstance(node, GroupNode) and not node.metadata:
                tree = tree.put(above, replace(node, metadata=GroupNode().metadata))
        return tree

    def _put(
        self, group: GroupNode, names: tuple[str, ...], node: Node | None, above: GroupNode
    ) -> GroupNode:
        name, *rest = names
        children = dict(group.children)
        if rest:
            child = self.child(group, name) if name in children else above
            if not isinstance(child, GroupNode):
                raise InvalidInputError(
                    f"{name!r} is an array, and an array has no children", code="not-a-group"
                )
            children[name] = self._put(child, tuple(rest), node, above)
        elif node is None:
            children.pop(name, None)
        else:
            children[name] = node
        return replace(group, children=children)

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """Yield every node at and below `path` with its path, parents first, names in order."""
        node = self.get(path)
        yield path.strip("/"), node
        if isinstance(node, GroupNode):
            for name in sorted(node.children):
                yield from self.walk(f"{path.strip('/')}/{name}".strip("/"))
