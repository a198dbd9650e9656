"""Plain groups seen as tables: arrays whose first dimension is called `sample`."""

from collections.abc import Mapping

from vstore.errors import InvalidInputError
from vstore.format.nodes import ArrayNode, GroupNode, Node, TableInfo
from vstore.format.table.kinds import ColumnInfo, kind_of_array
from vstore.format.table.names import KEYS
from vstore.format.table.sample_keys import INT, STR
from vstore.format.zarr.dtypes import FIXED_TEXT, STRING
from vstore.format.zarr.metadata import ArrayMetadata


def as_table(group: GroupNode, children: Mapping[str, Node], *, path: str) -> GroupNode:
    """Return the group as a table's node.

    Its columns are the arrays whose first dimension is called `sample`; an array called
    `sample` itself, of strings or of integers, gives the keys.

    Raises:
        InvalidInputError: there is no such array, or their lengths differ.
    """
    found = {
        name: ArrayMetadata.from_dict(node.metadata)
        for name, node in children.items()
        if isinstance(node, ArrayNode)
    }
    columns = {
        name: metadata
        for name, metadata in found.items()
        if metadata.shape and (metadata.dimension_names or (None,))[0] == KEYS
    }
    lengths = {metadata.shape[0] for metadata in columns.values()}
    if len(lengths) != 1 or set(columns) == {KEYS}:
        shapes = ", ".join(f"{name} {metadata.shape}" for name, metadata in columns.items())
        raise InvalidInputError(
            f"{path!r} is not a table: the arrays of a table have one length and a first dimension "
            f"called {KEYS!r}; found {shapes or 'none'}",
            code="not-a-table",
        )
    keys = columns.pop(KEYS, None)
    nodes = {
        name: ArrayNode(node.metadata, node.chunks, _column(columns[name]))
        for name, node in children.items()
        if isinstance(node, ArrayNode) and name in columns
    }
    if keys is None:
        return GroupNode(group.metadata, nodes, TableInfo())
    kind = {"int64": INT, STRING: STR, FIXED_TEXT: STR}.get(_name(keys))
    if keys.ndim != 1 or kind is None:
        raise InvalidInputError(
            f"the array 'sample' of {path!r} must hold one string or int64 for each sample, not "
            f"{keys.dtype} {keys.shape}"
        )
    return GroupNode(group.metadata, nodes | {KEYS: children[KEYS]}, TableInfo(keys=kind.name))


def _column(metadata: ArrayMetadata) -> ColumnInfo:
    return ColumnInfo(kind_of_array(_name(metadata), metadata.ndim).name)


def _name(metadata: ArrayMetadata) -> str:
    document = metadata.to_dict()["data_type"]
    return document if isinstance(document, str) else str(document["name"])
