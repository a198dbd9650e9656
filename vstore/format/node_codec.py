"""Nodes to stored documents and back.

A child sits inside its parent while the parent stays within `NODE_NBYTES`. Beyond that the
largest are objects of their own, named by digest; and where that is not enough, or would
make many small objects, the children are in sixteen buckets by the digests of their names.
The encoding follows from the contents alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from vstore.errors import FormatError, InvalidInputError
from vstore.format import document
from vstore.format.buckets import BucketRef, Buckets, OpenBuckets, in_buckets
from vstore.format.digest import Digest, digest_of, parse_digest
from vstore.format.index import Index
from vstore.format.nodes import (
    ArrayNode,
    GroupNode,
    LoadDocuments,
    Node,
    NodeRef,
    TableInfo,
)
from vstore.format.object_keys import OBJECTS, check_node_name
from vstore.format.table.kinds import ColumnInfo

NODE_NBYTES = 65536

LARGE_NBYTES = 4096
"""A larger child may be an object of its own; what is smaller is put into a bucket with others."""

_REF_NBYTES = 100
"""What a reference to a child counts for; a little more than it takes."""

_BUCKET_DEPTH = 16

Child: TypeAlias = Node | NodeRef
Children: TypeAlias = Mapping[str, Child]


class _NodeDocument(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    metadata: dict[str, Any]
    chunks: Index | None = None
    column: ColumnInfo | None = None
    table: TableInfo | None = None
    children: dict[str, Any] | None = None
    buckets: dict[str, tuple[str, int, int]] | None = None


class _BucketDocument(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    children: dict[str, Any] | None = None
    buckets: dict[str, tuple[str, int, int]] | None = None


class _RefDocument(msgspec.Struct, forbid_unknown_fields=True):
    ref: tuple[str, int]


def decode(value: Any, load: LoadDocuments, *, what: str) -> Node:
    """Return the node that the plain JSON `value` stands for.

    Raises:
        FormatError: the node is malformed.
    """
    doc = document.convert(value, _NodeDocument, what=what)
    _refuse_nulls(value, what)
    kind = doc.metadata.get("node_type")
    if not isinstance(doc.metadata.get("attributes", {}), dict):
        raise FormatError(f"the attributes of {what} are no object")
    if kind == "array":
        if doc.table or doc.children or doc.buckets:
            raise FormatError(f"{what} is an array, which has no children")
        return ArrayNode(doc.metadata, doc.chunks, doc.column)
    if (kind != "group" and doc.metadata) or doc.chunks or doc.column:
        raise FormatError(f"{what} is neither a group nor an array")
    return GroupNode(doc.metadata, _decode_children(doc, load, what=what, prefix=""), doc.table)


def _refuse_nulls(value: Any, what: str) -> None:
    """Refuse a member that is null: it is left out where there is nothing to say."""
    for part in (value, value.get("column"), value.get("table"), value.get("chunks")):
        if isinstance(part, dict) and None in part.values():
            name = next(name for name, member in part.items() if member is None)
            raise FormatError(f"{what} has the member {name!r}, which is null")


def load_node(ref: NodeRef, load: LoadDocuments, *, what: str) -> Node:
    """Return the node behind a reference."""
    return decode(document.parse(load([ref])[0], what=what), load, what=what)


def load_nodes(refs: Sequence[NodeRef], load: LoadDocuments) -> list[Node]:
    """Return the nodes behind references, read side by side."""
    found = []
    for ref, data in zip(refs, load(refs) if refs else [], strict=True):
        what = f"node {ref.digest}"
        found.append(decode(document.parse(data, what=what), load, what=what))
    return found


def _decode_children(
    doc: _NodeDocument | _BucketDocument, load: LoadDocuments, *, what: str, prefix: str
) -> Children:
    """Return the children; the digests of their names begin with `prefix`."""
    if len(prefix) > _BUCKET_DEPTH or (doc.children is None) == (doc.buckets is None):
        raise FormatError(
            f"{what} must have either children or buckets, at most {_BUCKET_DEPTH} deep"
        )
    if doc.buckets is not None:
        parts = {digit: _bucket_ref(ref, what) for digit, ref in doc.buckets.items()}
        if not parts or not parts.keys() <= set("0123456789abcdef"):
            raise FormatError(f"{what} has buckets called {list(parts)[:20]!r}: not all are digits")
        return Buckets(parts, bucket_loader(load, what=what), prefix=prefix)
    children: dict[str, Child] = {}
    for name, value in (doc.children or {}).items():
        if prefix and not digest_of(name.encode()).startswith(prefix):
            raise FormatError(f"{what}/{name} is not in the bucket where its name belongs")
        children[_checked_name(name, what)] = _decode_child(value, load, what=f"{what}/{name}")
    return children


def _bucket_ref(ref: tuple[str, int, int], what: str) -> BucketRef:
    digest, nbytes, weight = ref
    return BucketRef(parse_digest(digest, what=what), nbytes, weight)


def bucket_loader(load: LoadDocuments, *, what: str) -> OpenBuckets[Child]:
    """Return what loads buckets by what loads documents."""

    def opened(wanted: Sequence[tuple[str, BucketRef]]) -> list[Children]:
        documents = load([NodeRef(ref.digest, ref.nbytes) for _, ref in wanted]) if wanted else []
        found: list[Children] = []
        for (prefix, ref), data in zip(wanted, documents, strict=True):
            doc = document.loads(data, _BucketDocument, what=f"{what} bucket {ref.digest}")
            found.append(_decode_children(doc, load, what=what, prefix=prefix))
        return found

    return opened


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
    return _encoded(value | _encode_children(node.children, load, objects, prefix="")[0])


def _encoded(value: dict[str, Any]) -> _Encoded:
    return _Encoded(value, document.dumps(value, what="node"))


def _encode_children(
    children: Children, load: LoadDocuments, objects: dict[Digest, bytes], *, prefix: str
) -> tuple[dict[str, Any], int]:
    """Return the children as they stand in a group or a bucket, and what they weigh.

    The digests of their names begin with `prefix`.
    """
    if isinstance(children, Buckets):
        beside: dict[Digest, bytes] = {}
        refs = _encode_buckets(children, load, beside)
        weight = sum(ref.weight for ref in refs.values())
        if weight > NODE_NBYTES:
            objects |= beside
            return {"buckets": {digit: list(ref) for digit, ref in refs.items()}}, weight
    inline = {
        name: _encode(child, load, objects)
        for name, child in children.items()
        if not isinstance(child, NodeRef)
    }
    sizes = {name: len(child.data) for name, child in inline.items()}
    sizes |= {name: child.nbytes for name, child in children.items() if isinstance(child, NodeRef)}
    weight = sum(size if size <= LARGE_NBYTES else _REF_NBYTES for size in sizes.values())
    if weight > NODE_NBYTES and len(prefix) < _BUCKET_DEPTH:
        split = in_buckets(children, load=bucket_loader(load, what="node"), prefix=prefix)
        return _encode_children(split, load, objects, prefix=prefix)
    outside = _outside(sizes)
    return {
        "children": {
            name: _encode_child(children[name], inline.get(name), name in outside, load, objects)
            for name in sorted(children)
        }
    }, weight


def _outside(sizes: Mapping[str, int]) -> set[str]:
    """Return the names of the children that become objects, by the sizes of all."""
    total = sum(sizes.values())
    outside: set[str] = set()
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        if total <= NODE_NBYTES:
            break
        total -= sizes[name] - _REF_NBYTES
        outside.add(name)
    return outside


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
    return {"ref": list(_store(encoded.data, objects))}


def _store(data: bytes, objects: dict[Digest, bytes]) -> tuple[Digest, int]:
    digest = digest_of(data)
    objects[digest] = data
    return digest, len(data)


def _encode_buckets(
    buckets: Buckets[Child], load: LoadDocuments, objects: dict[Digest, bytes]
) -> dict[str, BucketRef]:
    """Return the buckets as they are stored; those that did not change are not loaded."""
    refs: dict[str, BucketRef] = {}
    for digit, part in sorted(buckets.parts.items()):
        if isinstance(part, BucketRef):
            refs[digit] = part
        else:
            below = buckets.prefix + digit
            value, weight = _encode_children(part, load, objects, prefix=below)
            refs[digit] = BucketRef(*_store(document.dumps(value), objects), weight)
    return refs
