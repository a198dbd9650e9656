"""Every key of a Zarr hierarchy and what is stored under it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vstore.format.nodes import ArrayNode, GroupNode, Node
from vstore.format.page import ChunkRef
from vstore.format.walk_budget import WalkBudget
from vstore.hierarchy import documents
from vstore.hierarchy.nodes import Hierarchy, Place, join

DOCUMENT = documents.NAME
ARRAY_2 = ".zarray"
DOCUMENTS_2 = (ARRAY_2, ".zgroup", ".zattrs", ".zmetadata")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a key leads: the deepest node on its way, and what is left of the key there.

    `path` is the node's. `number` is that of a chunk, if the key names one of the array.
    """

    path: str
    node: Node
    rest: tuple[str, ...]
    number: int | None = None

    @property
    def is_document(self) -> bool:
        """Return whether the key is that of the node's own `zarr.json`."""
        if self.rest != (DOCUMENT,):
            return False
        return isinstance(self.node, ArrayNode) or bool(self.node.metadata)


def is_document(name: str) -> bool:
    """Return whether the last part of a key is that of a document of some version of Zarr."""
    return name == DOCUMENT or name in DOCUMENTS_2


class Keys:
    """Finds what is stored under the keys of a hierarchy, and lists them."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy

    def target(self, key: str) -> Target:
        """Return where a key leads."""
        names = tuple(key.split("/"))
        path, node, used = "", self.hierarchy.root, 0
        found: Node = node
        while isinstance(found, GroupNode) and used < len(names):
            child = self.hierarchy.child(path, found, names[used])
            if child is None:
                break
            path, found, used = join(path, names[used]), child, used + 1
        rest = names[used:]
        number = None
        if isinstance(found, ArrayNode) and rest:
            number = self.hierarchy.chunks(path).keys.find_number("/".join(rest))
        return Target(path, found, rest, number)

    def is_chunk(self, key: str) -> bool:
        """Return whether a key is that of a chunk of an array, stored or not.

        Arrays of Zarr's version 2 are loose objects; their chunks count if no slash is in the
        name.
        """
        if self.target(key).number is not None:
            return True
        parent, _, name = key.rpartition("/")
        if is_document(name):
            return False
        return f"{parent}/{ARRAY_2}".lstrip("/") in self.hierarchy.objects().names()

    def find(self, key: str) -> Place:
        """Return the bytes under a key, or where they are; None where there are none."""
        target = self.target(key)
        if target.is_document:
            return documents.render(self.document(target.path, target.node))
        if target.number is not None:
            return self.hierarchy.chunks(target.path).places([target.number])[0]
        return self.hierarchy.objects().find(key)

    def document(self, path: str, node: Node) -> dict[str, object]:
        """Return the document of a node, as it is kept."""
        if isinstance(node, GroupNode):
            return node.metadata
        return self.hierarchy.chunks(path).metadata.to_dict()

    def documents(self, prefix: str) -> Iterator[tuple[str, dict[str, object]]]:
        """Yield the paths of the nodes at and below `prefix`, each with its document."""
        for path, node in self._nodes("", self.hierarchy.root, prefix, WalkBudget()):
            if isinstance(node, ArrayNode) or node.metadata:
                yield path, self.document(path, node)

    def list_prefix(self, prefix: str) -> Iterator[str]:
        """Yield every key that begins with `prefix`."""
        yield from self._below("", self.hierarchy.root, prefix, WalkBudget())
        yield from (key for key in self.hierarchy.objects().names() if key.startswith(prefix))

    def _below(self, path: str, node: Node, prefix: str, budget: WalkBudget) -> Iterator[str]:
        start = f"{path}/" if path else ""
        if not (start.startswith(prefix) or prefix.startswith(start)):
            return
        keys = self._array_keys(path, prefix[len(start) :])
        if isinstance(node, GroupNode):
            keys = iter([DOCUMENT] if node.metadata else [])
        yield from (start + key for key in keys if (start + key).startswith(prefix))
        if isinstance(node, GroupNode):
            for name in sorted(self.hierarchy.names(path, node)):
                child = self.hierarchy.child(path, node, name)
                if child is not None:
                    budget.take(join(path, name), node.children.get(name))
                    yield from self._below(join(path, name), child, prefix, budget)

    def _array_keys(self, path: str, rest: str) -> Iterator[str]:
        yield DOCUMENT
        if rest == DOCUMENT:
            return
        chunks = self.hierarchy.chunks(path)
        yield from map(chunks.keys.key, chunks.numbers())

    def places(self, prefix: str) -> Iterator[tuple[str, bytes | ChunkRef]]:
        """Yield every key that begins with `prefix` and the bytes there, or where they are.

        The chunks of an array are looked up together.
        """
        for path, node in self._nodes("", self.hierarchy.root, prefix, WalkBudget()):
            start = f"{path}/" if path else ""
            if isinstance(node, ArrayNode) or node.metadata:
                yield start + DOCUMENT, documents.render(self.document(path, node))
            if isinstance(node, ArrayNode):
                chunks = self.hierarchy.chunks(path)
                numbers = chunks.numbers()
                for number, place in zip(numbers, chunks.places(numbers), strict=True):
                    if place is not None:
                        yield start + chunks.keys.key(number), place
        objects = self.hierarchy.objects()
        for key in sorted(objects.names()):
            if key.startswith(prefix):
                yield key, objects.find(key) or b""

    def _nodes(
        self, path: str, node: Node, prefix: str, budget: WalkBudget
    ) -> Iterator[tuple[str, Node]]:
        """Yield the nodes whose paths begin with `prefix`, which ends in a slash or is empty."""
        start = f"{path}/" if path else ""
        if start.startswith(prefix):
            yield path, node
        if isinstance(node, GroupNode) and (start.startswith(prefix) or prefix.startswith(start)):
            for name in sorted(self.hierarchy.names(path, node)):
                child = self.hierarchy.child(path, node, name)
                if child is not None:
                    budget.take(join(path, name), node.children.get(name))
                    yield from self._nodes(join(path, name), child, prefix, budget)

    def list_dir(self, prefix: str) -> Sequence[str]:
        """Return the names directly below `prefix`, of keys and of what has keys below it."""
        path = prefix.rstrip("/")
        start = f"{path}/" if path else ""
        target = self.target(path) if path else Target("", self.hierarchy.root, ())
        names = {
            key[len(start) :].partition("/")[0]
            for key in self.hierarchy.objects().names()
            if key.startswith(start)
        }
        if not target.rest and isinstance(target.node, GroupNode):
            names |= set(self.hierarchy.names(target.path, target.node))
            names |= {DOCUMENT} if target.node.metadata else set()
        elif isinstance(target.node, ArrayNode):
            keys = self._below(target.path, target.node, start, WalkBudget())
            names |= {key[len(start) :].partition("/")[0] for key in keys}
        return sorted(names)
