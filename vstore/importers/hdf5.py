"""HDF5 files: data sets that share their first axis are the columns of a table."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np

from vstore.errors import InvalidInputError
from vstore.format.table.specs import ColumnSpec, ndarray, text
from vstore.importers.hierarchies import hierarchy_rows, plain_attributes
from vstore.importers.importer import Importer, Option, Rows
from vstore.importers.source import Source, SourceFile
from vstore.optional import needed

_MAGIC = b"\x89HDF\r\n\x1a\n"
_OF_SCALES = frozenset({"CLASS", "NAME", "DIMENSION_LIST", "REFERENCE_LIST", "_Netcdf4Dimid",
                        "_Netcdf4Coordinates", "_nc3_strict", "_NCProperties"})  # fmt: skip


class Hdf5(Importer):
    """HDF5 files, NetCDF 4 too: a column for each data set, all of one length."""

    options: ClassVar[Mapping[str, Option]] = {
        "group": (str, None, "the group whose data sets are the columns; all of the file if not"),
        "select": (list, None, "the data sets to import, by their paths in the group"),
    }

    def fits(self, source: Source) -> bool:
        """Return whether the file begins as HDF5."""
        return source.is_file and source.head(8) == _MAGIC

    def open(
        self,
        source: Source,
        *,
        group: str | None = None,
        select: Sequence[str] | None = None,
        **_: Any,
    ) -> Rows:
        """Return the data sets as columns.

        Raises:
            MissingExtraError: h5py is not installed.
            InvalidInputError: data sets differ in length, or hold what vstore lacks.
        """
        (file,) = source.files()
        return hierarchy_rows(source, _Hdf5(file), group=group, select=select)


class _Hdf5:
    """The data sets of a file, which is opened for each use: h5py's files do not pickle."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        with needed("h5py", extra="hdf5", purpose="an import of HDF5"):
            import h5py  # noqa: PLC0415
        try:
            with self._file.open() as stream, h5py.File(stream, "r") as opened:
                yield opened
        except (OSError, RuntimeError, KeyError) as exc:
            raise InvalidInputError(f"{self._file} cannot be read: {exc}") from exc

    def arrays(self) -> dict[str, tuple[int, ColumnSpec]]:
        """Return the length and the column of each data set, by its path; links are left out."""
        found: dict[str, tuple[int, ColumnSpec]] = {}
        with self._opened() as opened:

            def visit(path: str, node: Any) -> None:
                if hasattr(node, "shape") and node.shape:
                    found[path] = (node.shape[0], _column(path, node))

            opened.visititems(visit)
        return found

    def read(self, path: str, start: int, stop: int) -> Any:
        """Return some rows of a data set."""
        with self._opened() as opened:
            node = opened[path]
            if _is_text(node):
                return list(node.asstr()[start:stop])
            values = node[start:stop]
            return list(values) if node.dtype.hasobject else values


def _column(path: str, node: Any) -> ColumnSpec:
    attributes = plain_attributes({k: v for k, v in node.attrs.items() if k not in _OF_SCALES})
    if _is_text(node) and node.ndim == 1:
        return text(attributes=attributes)
    inner = (node.dtype.metadata or {}).get("vlen")
    if inner is not None and not isinstance(inner, type) and node.ndim == 1:
        return ndarray((None,), inner, attributes=attributes)
    if node.dtype.hasobject:
        raise InvalidInputError(
            f"the data set {path!r} holds {node.dtype.metadata or node.dtype}, which no column "
            "holds",
            hint="leave it out with --select",
        )
    names = (node.dtype.metadata or {}).get("enum")
    if names and node.ndim == 1 and sorted(names.values()) == list(range(len(names))):
        attributes["classes"] = sorted(names, key=names.__getitem__)
    return ndarray(node.shape[1:], np.dtype(node.dtype.str if names else node.dtype),
                   attributes=attributes)  # fmt: skip


def _is_text(node: Any) -> bool:
    return (node.dtype.metadata or {}).get("vlen") is str
