"""The tree of groups and arrays of one commit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.buckets import Buckets, load_all, with_child
from vstore.format.node_codec import bucket_loader, load_node, load_nodes
from vstore.format.nodes import GroupNode, LoadDocuments, Node, NodeRef
from vstore.format.object_keys import OBJECTS, split_path
from vstore.format.walk_budget import WalkBudget
from vstore.wording import choice

_KEPT_NODES = 256
_AHEAD = 32
"""How many nodes a walk loads side by side, each with the buckets of its group."""


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
            found = self._keep(child, load_node(child, self.load, what=what))
        return found

    def _keep(self, child: NodeRef, node: Node) -> Node:
        if len(self._kept) >= _KEPT_NODES:
            self._kept.clear()
        self._kept[child] = node
        return node

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
            self._load_ahead(pending)
            here, child = pending.pop()
            budget.take(here, child)
            node = self.resolve(child, what=here)
            yield here, node
            if isinstance(node, GroupNode):
                below = sorted(node.children.items(), reverse=True, key=itemgetter(0))
                pending += [(f"{here}/{name}".lstrip("/"), child) for name, child in below]

    def _is_loaded(self, child: Node | NodeRef) -> bool:
        node = self._kept.get(child) if isinstance(child, NodeRef) else child
        if not isinstance(node, GroupNode) or not isinstance(node.children, Buckets):
            return node is not None
        return not node.children.missing()

    def _load_ahead(self, pending: Sequence[tuple[str, Node | NodeRef]]) -> None:
        """Load the last nodes side by side, with all buckets, if the very last is not loaded."""
        if self._is_loaded(pending[-1][1]):
            return
        coming = [child for _, child in reversed(pending[-_AHEAD:])]
        refs = [*dict.fromkeys(each for each in coming if isinstance(each, NodeRef))]
        refs = [each for each in refs if each not in self._kept]
        for ref, node in zip(refs, load_nodes(refs, self.load), strict=True):
            self._keep(ref, node)
        nodes = [self._kept.get(each) if isinstance(each, NodeRef) else each for each in coming]
        groups = [each.children for each in nodes if isinstance(each, GroupNode)]
        load_all([each for each in groups if isinstance(each, Buckets)])
