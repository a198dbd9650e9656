"""What notebooks show of a commit and of what is in it; nothing is read for it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from vstore.display import boxes, plots
from vstore.display.html import Content, Markup, element, joined
from vstore.display.notebook import representation
from vstore.faces import internals
from vstore.format.nodes import ArrayNode, GroupNode, NodeRef
from vstore.format.tree import Tree
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.history.commit_box import commit_facts
from vstore.reading.array import StoredArray
from vstore.reading.summary import ArraySummary, summarize_array
from vstore.wording import plural

if TYPE_CHECKING:
    from vstore.reading.array import Array
    from vstore.reading.column import Column
    from vstore.reading.snapshot import Group, Snapshot
    from vstore.reading.table import Table

_MOST_NODES = 100
_FORM = ("kind", "dtype", "shape", "codec", "chunk", "size", "stored", "ratio")


@representation
def snapshot_box(snapshot: "Snapshot") -> Markup:
    """Return a commit and its tree, as far as that is known without reading more."""
    commit = snapshot.commit
    return boxes.box(
        "Snapshot",
        boxes.shortened(commit.title),
        commit_facts(commit, {"repository": boxes.code(snapshot.url)}),
        _tree(snapshot, ""),
        boxes.attributes_of(snapshot.attributes),
    )


@representation
def group_box(group: "Group", snapshot: "Snapshot") -> Markup:
    """Return a group and what is known of what is in it."""
    content = _tree(snapshot, group.path), boxes.attributes_of(group.attributes)
    return boxes.box("Group", group.path, *content)


def _tree(snapshot: "Snapshot", path: str) -> Markup:
    rows = list(_nodes(snapshot, path))
    if not rows:
        return boxes.note("empty")
    return boxes.grid(("", *_FORM), rows[:_MOST_NODES], right=(6, 7, 8), count=len(rows))


def _nodes(snapshot: "Snapshot", path: str) -> Iterator[tuple[Content, ...]]:
    """Yield a line for each node below a group that was loaded, and for those in it."""
    tree = internals(snapshot).tree
    group = tree.get(path)
    pending = [(path, name, 0) for name in _names(group, path)]
    pending.reverse()
    while pending:
        above, name, depth = pending.pop()
        here = f"{above}/{name}".lstrip("/")
        node = _known(tree, above, name)
        label = joined("\u2003" * depth, element("strong", name))
        if isinstance(node, ArrayNode):
            yield label, *_form(summarize_array(here, node))
        elif isinstance(node, GroupNode) and node.table is not None:
            yield label, *_table_form(snapshot, tree, here, node)
            yield from _columns(snapshot, tree, here, depth + 1)
        else:
            yield label, "group"
            if isinstance(node, GroupNode) and isinstance(node.children, dict):
                names = reversed(_names(node, here))
                pending += [(here, below, depth + 1) for below in names]


def _names(node: object, path: str) -> list[str]:
    if not isinstance(node, GroupNode):
        return []
    return sorted(name for name in node.children if path or not name.startswith("."))


def _known(tree: Tree, above: str, name: str) -> object:
    group = tree.get(above)
    child = group.children[name] if isinstance(group, GroupNode) else None
    return tree.find_loaded(child) if isinstance(child, NodeRef) else child


def _table_form(
    snapshot: "Snapshot", tree: Tree, path: str, node: GroupNode
) -> tuple[Content, ...]:
    keys = f", keyed by {node.table.keys}" if node.table is not None and node.table.keys else ""
    if not _is_whole(tree, node):
        return (f"table{keys}",)
    return (f"table{keys}", None, plural(len(snapshot.table(path)), "sample"))


def _is_whole(tree: Tree, node: GroupNode) -> bool:
    """Return whether all arrays of a table are here."""
    return isinstance(node.children, dict) and all(
        not isinstance(child, NodeRef) or tree.find_loaded(child) is not None
        for child in node.children.values()
    )


def _columns(
    snapshot: "Snapshot", tree: Tree, path: str, depth: int
) -> Iterator[tuple[Content, ...]]:
    node = tree.get(path)
    if not isinstance(node, GroupNode) or not _is_whole(tree, node):
        return
    for name, column in snapshot.table(path).columns.items():
        found = column_summary(column)
        label = joined("\u2003" * depth, name)
        yield (label, *((column.kind,) if found is None else _form(found)))


@representation
def table_box(table: "Table") -> Markup:
    """Return a table's columns, how they are stored, and its attributes."""
    rows = []
    for name, column in list(table.columns.items())[: boxes.MOST_ROWS]:
        found = column_summary(column)
        row = (column.kind, str(column.dtype), shape_of(column)) if found is None else _form(found)
        rows.append((element("strong", name), *row, _optional(column)))
    keys = f"keyed by {table.key_kind}" if table.key_kind else "by position"
    heads = ("column", *_FORM, "missing")
    return boxes.box(
        "Table",
        table.path or "/",
        boxes.grid(heads, rows, right=(6, 7, 8), count=len(table.columns)),
        boxes.attributes_of(table.attributes),
        note=f"{plural(len(table), 'sample')}, {keys}",
    )


def _optional(column: "Column") -> str | None:
    return "allowed" if internals(column).info.optional else None


@representation
def column_box(column: "Column") -> Markup:
    """Return a column's form and how it is cut into chunks."""
    found, metadata = column_summary(column), column.metadata
    shown = _facts(found, metadata) | {"missing samples": _optional(column)}
    return boxes.box(
        "Column",
        column.name,
        _side_by_side(shown, metadata),
        boxes.attributes_of(column.attributes),
        note=f"{column.kind}, {plural(len(column), 'sample')}",
    )


@representation
def array_box(array: "Array") -> Markup:
    """Return an array's form and how it is cut into chunks."""
    source = internals(array)
    found = summarize_array(array.path, source.node) if isinstance(source, StoredArray) else None
    return boxes.box(
        "Array",
        array.path,
        _side_by_side(_facts(found, array.metadata), array.metadata),
        boxes.attributes_of(array.attributes),
        note=f"{array.dtype} {array.shape}",
    )


def _side_by_side(shown: Mapping[str, Content], metadata: ArrayMetadata) -> Markup:
    drawn = plots.chunks(metadata.shape, metadata.chunk_shape)
    return element("div", boxes.facts(shown), drawn, class_="vstore-side")


def _facts(found: ArraySummary | None, metadata: ArrayMetadata) -> dict[str, Content]:
    names = metadata.dimension_names
    shown: dict[str, Content] = {
        "data type": str(metadata.dtype),
        "shape": " x ".join(f"{length:,}" for length in metadata.shape) or "one value",
        "dimensions": ", ".join(str(name or "-") for name in names) if names else None,
        "chunks of": " x ".join(f"{length:,}" for length in metadata.chunk_shape),
    }
    if found is None:
        return shown
    compared = " ".join(filter(None, (boxes.size(found.raw_nbytes), "in memory"))) + ", "
    return shown | {
        "stored": f"{plural(found.chunks, 'chunk')}, {found.codec}",
        "size": ("" if found.raw_nbytes is None else compared)
        + f"{boxes.size(found.stored_nbytes)} stored",
        "ratio": boxes.ratio(found.raw_nbytes, found.stored_nbytes),
    }


def _form(found: ArraySummary) -> tuple[Content, ...]:
    return (
        found.kind,
        found.dtype,
        " x ".join("?" if length is None else f"{length:,}" for length in found.shape),
        found.codec,
        " x ".join(f"{length:,}" for length in found.chunk_shape),
        boxes.size(found.raw_nbytes),
        boxes.size(found.stored_nbytes),
        boxes.ratio(found.raw_nbytes, found.stored_nbytes),
    )


def shape_of(column: "Column") -> str:
    """Return the shape of a column for users."""
    return " x ".join("?" if length is None else f"{length:,}" for length in column.shape)


def column_summary(column: "Column") -> ArraySummary | None:
    """Return how a column is stored; None in a transaction, where that is not settled."""
    source = internals(column).source
    if not isinstance(source, StoredArray):
        return None
    return summarize_array(column.name, source.node, samples=len(column))
