"""The tree of groups and arrays of one commit."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from operator import itemgetter

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.buckets import with_child
from vstore.format.node_codec import bucket_loader, load_node
from vstore.format.nodes import GroupNode, LoadDocuments, Node, NodeRef
from vstore.format.object_keys import OBJECTS, split_path
from vstore.format.walk_budget import WalkBudget
from vstore.wording import choice

_KEPT_NODES = 256


@dataclass(frozen=True, slots=True)
class Tree:
    """An immutable tree; changing one node copies the groups above it, nothing else."""

    root: GroupNode
    load: LoadDocuments
    _kept: dict[NodeRef, Node] = field(default_factory=dict, repr=False, compare=False)

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
            raise NotFoundError(
                f"there is no {path!r} in this commit",
                code="path-not-found",
                hint=choice(path.strip("/").rpartition("/")[2], beside),
                path=path,
            )
        return node

    def child(self, group: GroupNode, name: str, *, what: str = "") -> Node:
        """Return a child of a group, loading it if it is an object of its own."""
        return self.resolve(group.children[name], what=what or name)

    def resolve(self, child: Node | NodeRef, *, what: str) -> Node:
        """Return a child as a node, loading it if it is an object of its own."""
        if not isinstance(child, NodeRef):
            return child
        found = self._kept.get(child)
        if found is None:
            if len(self._kept) >= _KEPT_NODES:
                self._kept.clear()
            found = self._kept[child] = load_node(child, self.load, what=what)
        return found

    def find_loaded(self, child: NodeRef) -> Node | None:
        """Return a child that was loaded before and is still kept, else None."""
        return self._kept.get(child)

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
        if rest:
            child = self.child(group, name) if name in group.children else above
            if not isinstance(child, GroupNode):
                raise InvalidInputError(
                    f"{name!r} is an array, and an array has no children", code="not-a-group"
                )
            node = self._put(child, tuple(rest), node, above)
        load = bucket_loader(self.load, what="node")
        return replace(group, children=with_child(group.children, name, node, load=load))

    def walk(self, path: str = "") -> Iterator[tuple[str, Node]]:
        """Yield every node at and below `path` with its path, parents first, names in order.

        Raises:
            FormatError: there is more than a walk's budget allows.
        """
        pending: list[tuple[str, Node | NodeRef]] = [(path.strip("/"), self.get(path))]
        budget = WalkBudget()
        while pending:
            here, child = pending.pop()
            budget.take(here, child)
            node = self.resolve(child, what=here)
            yield here, node
            if isinstance(node, GroupNode):
                below = sorted(node.children.items(), reverse=True, key=itemgetter(0))
                pending += [(f"{here}/{name}".lstrip("/"), child) for name, child in below]
