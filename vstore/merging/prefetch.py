"""Reading what a merge will compare with one round of requests, where that is little."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import numpy as np

from vstore.diffing.nodes import NodeChange
from vstore.fetch import Fetcher
from vstore.format.index import changed, locate
from vstore.format.page import ChunkRef
from vstore.format.tree import ArrayNode, GroupNode, Node, Tree

MOST_CHUNKS = 256
"""A merge that compares more than this reads it as it comes to it."""


def prefetch(
    fetcher: Fetcher, trees: tuple[Tree, Tree], pairs: Iterable[tuple[NodeChange, NodeChange]]
) -> None:
    """Keep the chunks by which two sides of a node differ from its base, unless they are many.

    Args:
        fetcher: what reads them, and keeps them.
        trees: the two sides' trees.
        pairs: the change of each node on both sides.
    """
    wanted: list[ChunkRef] = []
    for pair in pairs:
        for tree, change in zip(trees, pair, strict=True):
            found = _differing(fetcher, tree, change)
            wanted += islice(found, MOST_CHUNKS + 1)
            if len(wanted) > MOST_CHUNKS:
                return
    fetcher.prefetch(wanted)


def _differing(fetcher: Fetcher, tree: Tree, change: NodeChange) -> Iterator[ChunkRef]:
    """Yield the chunks, before and after, that a change gave other contents."""
    before = _arrays(tree, change.old)
    for name, new in _arrays(tree, change.new).items():
        old = before.get(name)
        sides = (None if old is None else old.chunks, new.chunks)
        for number in changed(*sides, fetcher.pages):
            for index in sides:
                found = locate(index, np.array([number], np.int64), fetcher.pages)[0]
                if found is not None:
                    yield found


def _arrays(tree: Tree, node: Node | None) -> Mapping[str, ArrayNode]:
    if isinstance(node, ArrayNode):
        return {"": node}
    if not isinstance(node, GroupNode) or node.table is None:
        return {}
    children = {name: tree.child(node, name) for name in node.children}
    return {name: child for name, child in children.items() if isinstance(child, ArrayNode)}
