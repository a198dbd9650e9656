"""Writing by key: documents become nodes, chunks chunks, and all else loose objects."""

from typing import Any

from vstore.errors import FormatError, InvalidInputError
from vstore.format.nodes import ArrayNode, GroupNode
from vstore.format.object_keys import split_path
from vstore.format.page import ChunkRef
from vstore.format.walk_budget import WalkBudget
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.hierarchy import documents
from vstore.hierarchy.nodes import Place, StagedHierarchy, join
from vstore.hierarchy.zarr_keys import DOCUMENT, Keys, Target
from vstore.writing.overlay import overlay
from vstore.writing.staged_tree import StagedTree
from vstore.writing.transaction_table import TransactionTable


class StagedKeys(Keys):
    """The keys of a transaction, to read and to change."""

    def __init__(self, tree: StagedTree) -> None:
        self._staged = StagedHierarchy(tree)
        super().__init__(self._staged)
        self._tree = tree

    def set(self, key: str, data: bytes) -> None:
        """Store bytes under a key, in place of what is there.

        Raises:
            InvalidInputError: a node that vstore cannot keep, or a change to a table that
                would leave its columns at odds.
        """
        path, _, name = key.rpartition("/")
        document = documents.find_document(data) if name == DOCUMENT else None
        if document is not None and _is_path(path):
            self._set_document(path, document)
            self._drop_object(key)
            return
        target = self.target(key)
        if target.number is not None:
            self._require_free(target)
            self._staged.array(target.path).put_encoded(target.number, data)
            return
        if target.is_document:
            self._remove_document(target)
        self._put_object(key, data)

    def find_chunk(self, key: str) -> Target | None:
        """Return where a key leads if it is that of a chunk that may be written, else None.

        Raises:
            InvalidInputError: the chunk is what a table knows its samples by.
        """
        target = self.target(key)
        if target.number is None:
            return None
        self._require_free(target)
        return target

    def place(self, key: str, ref: ChunkRef) -> None:
        """Let what is at `ref` stand under a key, without reading it if it is a chunk's."""
        target = self.find_chunk(key)
        if target is None or target.number is None:
            self.set(key, bytes(self.hierarchy.fetcher.chunk(ref)))
        else:
            self._staged.array(target.path).adopt(target.number, ref)

    def overlay(self, key: str, *, base: Place, new: bytes | None) -> bool:
        """Store what `new` changes of a chunk that was `base`; return whether that can be told."""
        target = self.find_chunk(key)
        if target is None or target.number is None:
            return False
        array = self._staged.array(target.path)
        try:
            overlay(array, target.number, base=self._bytes(base), new=new)
        except FormatError:
            return False
        return True

    def _set_document(self, path: str, document: dict[str, Any]) -> None:
        target = self.target(path) if path else Target("", self.hierarchy.root, ())
        if target.rest and _is_closed(target.node):
            raise InvalidInputError(
                f"{target.path!r} is not a plain group, so nothing can go below it",
                code="not-a-group",
            )
        if document["node_type"] == "group":
            kept = documents.group_document(document, path=path)
            if not target.rest and isinstance(target.node, ArrayNode):
                self._remove_document(target)
            self._tree.put_group_document(path, kept)
            return
        if not path:
            raise InvalidInputError(
                "the root of a vstore repository must be a group", hint="give the array a name"
            )
        self._set_array(path, documents.array_metadata(document, path=path))

    def _set_array(self, path: str, metadata: ArrayMetadata) -> None:
        parent, _, name = path.rpartition("/")
        if self._staged.is_table(parent):
            self._set_column(parent, name, metadata)
            return
        array = self._tree.put_array_document(path, metadata)
        keys = self._staged.chunks(path).keys
        loose = self.hierarchy.objects()
        for key in [key for key in loose.names() if key.startswith(f"{path}/")]:
            number = keys.find_number(key[len(path) + 1 :])
            data = None if number is None else loose.find(key)
            if number is not None and data is not None:
                self._drop_object(key)
                array.put_encoded(number, data)

    def _set_column(self, path: str, name: str, metadata: ArrayMetadata) -> None:
        """Take new attributes of a column; all else of it is the table's to change."""
        array = self._staged.array(join(path, name))
        if array.metadata != metadata.with_attributes(array.metadata.attributes):
            raise InvalidInputError(
                f"{name!r} is a column of the table {path!r}, whose columns change together",
                code="part-of-a-table",
                hint=f"change it through `tx[{path!r}]`",
            )
        array.set_attributes(metadata.attributes)

    def _require_free(self, target: Target) -> None:
        parent, _, name = target.path.rpartition("/")
        if self._staged.is_table(parent) and name not in self._tree.table(parent).names:
            raise InvalidInputError(
                f"{name!r} belongs to the table {parent!r}, which finds its samples by it",
                code="part-of-a-table",
                hint=f"change it through `tx[{parent!r}]`",
            )

    def delete(self, key: str) -> None:
        """Remove what is stored under a key; nothing where there is nothing."""
        target = self.target(key)
        if target.number is not None:
            self._require_free(target)
            self._staged.array(target.path).adopt(target.number, None)
        elif target.is_document:
            self._require_no_table(target.path)
            self._remove_document(target)
        else:
            self._drop_object(key)

    def delete_prefix(self, prefix: str) -> None:
        """Remove every key that begins with `prefix`, which ends in a slash or is empty."""
        path = prefix.rstrip("/")
        target = self.target(path) if path else Target("", self.hierarchy.root, ())
        if not path:
            for name in list(self.hierarchy.root.children):
                self._tree.put_node(name, None)
            self._tree.put_group_document("", {})
        elif not target.rest:
            self._require_no_column(path)
            self._tree.put_node(path, None)
            self._prune(path)
        elif isinstance(target.node, ArrayNode):
            for key in list(self._below(target.path, target.node, prefix, WalkBudget())):
                self.delete(key)
        for key in [key for key in self.hierarchy.objects().names() if key.startswith(prefix)]:
            self._drop_object(key)

    def _remove_document(self, target: Target) -> None:
        """Make a node one without a document; the chunks of an array become loose objects."""
        if isinstance(target.node, GroupNode):
            self._require_no_table(target.path)
            self._tree.put_group_document(target.path, {})
            self._prune(f"{target.path}/" if target.path else "")
            return
        self._require_no_column(target.path)
        chunks = self._staged.chunks(target.path)
        loose = {
            f"{target.path}/{chunks.keys.key(number)}": self._bytes(chunks.places([number])[0])
            or b""
            for number in chunks.numbers()
        }
        self._tree.put_node(target.path, None)
        self._prune(target.path)
        for key, data in loose.items():
            self._put_object(key, data)

    def data(self, key: str) -> bytes | None:
        """Return the bytes under a key, None where there are none."""
        return self._bytes(self.find(key))

    def _bytes(self, place: Place) -> bytes | None:
        return bytes(self.hierarchy.fetcher.chunk(place)) if isinstance(place, ChunkRef) else place

    def _prune(self, path: str) -> None:
        """Remove the groups above `path` that were there only for what lay below them."""
        parent = path.rpartition("/")[0]
        while parent:
            node = self._tree.nodes.find(parent)
            if not isinstance(node, GroupNode) or node.metadata or node.children:
                return
            self._tree.put_node(parent, None)
            parent = parent.rpartition("/")[0]

    def _require_no_table(self, path: str) -> None:
        if self._staged.is_table(path):
            raise InvalidInputError(
                f"{path!r} is a table, and its parts cannot be deleted one by one",
                code="part-of-a-table",
                hint=f"delete it as a whole with `tx.delete({path!r})`",
            )
        self._require_no_column(path)

    def _require_no_column(self, path: str) -> None:
        parent = path.rpartition("/")[0]
        if path and self._staged.is_table(parent):
            raise InvalidInputError(
                f"{path!r} belongs to the table {parent!r}",
                code="part-of-a-table",
                hint=f"change it through `tx[{parent!r}]`",
            )

    def _put_object(self, key: str, data: bytes) -> None:
        self._drop_object(key)
        TransactionTable(self._tree.objects()).append({"data": data}, key=key)

    def _drop_object(self, key: str) -> None:
        if self.hierarchy.objects().find(key) is not None:
            TransactionTable(self._tree.objects()).delete(keys=[key])


def _is_path(path: str) -> bool:
    """Return whether vstore has nodes at such a path."""
    try:
        return "/".join(split_path(path)) == path
    except InvalidInputError:
        return False


def _is_closed(node: Any) -> bool:
    return isinstance(node, ArrayNode) or node.table is not None
