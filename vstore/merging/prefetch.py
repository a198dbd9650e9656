"""Reading what a merge will compare with one round of requests, where that is little."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from vstore.diffing.nodes import NodeChange
from vstore.format.index import Index, changed, locate
from vstore.format.nodes import ArrayNode, GroupNode, Node
from vstore.format.numbers import ChunkNumbers
from vstore.format.page import ChunkRef
from vstore.format.table.names import KEY_INDEX, KEYS
from vstore.format.tree import Tree
from vstore.reading.fetch import Fetcher

MOST_CHUNKS = 256
"""A merge that compares more than this reads it as it comes to it."""


@dataclass(frozen=True, slots=True)
class _Sides:
    """The index of one array on the three sides of a merge."""

    base: Index | None
    ours: Index | None
    theirs: Index | None


def prefetch(
    fetcher: Fetcher, trees: tuple[Tree, Tree], pairs: Iterable[tuple[NodeChange, NodeChange]]
) -> None:
    """Keep the chunks that a merge will read, unless they are many.

    Args:
        fetcher: what reads them, and keeps them.
        trees: the two sides' trees.
        pairs: the changes of each node that both sides changed.
    """
    wanted: list[ChunkRef] = []
    for pair in pairs:
        for name, sides in _arrays(trees, pair):
            found = _compared(fetcher, name, sides)
            wanted += islice(found, MOST_CHUNKS + 1)
            if len(wanted) > MOST_CHUNKS:
                return
    fetcher.prefetch(wanted)


def _compared(fetcher: Fetcher, name: str, sides: _Sides) -> Iterator[ChunkRef]:
    """Yield the chunks of an array that are read; `name` is empty for a plain one.

    Plain arrays are merged by chunk and looked into only where both sides changed one;
    columns by sample, as far as theirs changed them; keys tell which samples are which; the
    buckets of their index that theirs put keys into are ours' to write.
    """
    by_us, by_them = (
        set(islice(changed(sides.base, side, fetcher.pages), MOST_CHUNKS + 1))
        for side in (sides.ours, sides.theirs)
    )
    numbers = by_us & by_them
    if name == KEY_INDEX:
        where = np.array(sorted(by_them), np.int64)
        yield from _parts(sides.ours, where, fetcher)
        return
    if name:
        numbers = by_us | by_them if by_them or name == KEYS else set()
    where = np.array(sorted(numbers), np.int64)
    for index in (sides.base, sides.ours, sides.theirs):
        yield from _parts(index, where, fetcher)


def _parts(index: Index | None, numbers: ChunkNumbers, fetcher: Fetcher) -> Iterator[ChunkRef]:
    for place in locate(index, numbers, fetcher.pages):
        yield from () if place is None else place.parts


def _arrays(
    trees: tuple[Tree, Tree], pair: tuple[NodeChange, NodeChange]
) -> Iterator[tuple[str, _Sides]]:
    mine, other = pair
    base, ours, theirs = (
        _indexes(tree, node)
        for tree, node in zip((trees[0], *trees), (mine.old, mine.new, other.new), strict=True)
    )
    for name in theirs:
        yield name, _Sides(base.get(name), ours.get(name), theirs[name])


def _indexes(tree: Tree, node: Node | None) -> Mapping[str, Index | None]:
    if isinstance(node, ArrayNode):
        return {"": node.chunks}
    if not isinstance(node, GroupNode) or node.table is None:
        return {}
    children = {name: tree.child(node, name) for name in node.children}
    return {name: child.chunks for name, child in children.items() if isinstance(child, ArrayNode)}
