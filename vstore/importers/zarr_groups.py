"""Zarr groups, version 2 and 3: arrays that share their first axis are the columns of a table."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar

from vstore.errors import InvalidInputError
from vstore.format.table.specs import ColumnSpec, ndarray, text
from vstore.importers.hierarchies import hierarchy_rows, plain_attributes
from vstore.importers.importer import Importer, Option, Rows
from vstore.importers.source import Source
from vstore.optional import needed

_ROOTS = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")


class ZarrGroup(Importer):
    """Zarr groups in folders, version 2 and 3: a column for each array, all of one length."""

    options: ClassVar[Mapping[str, Option]] = {
        "group": (str, None, "the group whose arrays are the columns; all of them if not"),
        "select": (list, None, "the arrays to import, by their paths in the group"),
    }

    def fits(self, source: Source) -> bool:
        """Return whether the folder has Zarr's metadata at its top."""
        if source.is_file:
            return False
        is_remote = "://" in source.url and any(f.path == "zarr.json" for f in source.files())
        return is_remote or any(os.path.isfile(os.path.join(source.url, name)) for name in _ROOTS)

    def open(
        self,
        source: Source,
        *,
        group: str | None = None,
        select: Sequence[str] | None = None,
        **_: Any,
    ) -> Rows:
        """Return the arrays as columns.

        Raises:
            MissingExtraError: zarr is not installed.
            InvalidInputError: arrays differ in length, or hold what vstore lacks.
        """
        return hierarchy_rows(source, _Zarr(source.url), group=group, select=select)


class _Zarr:
    """The arrays of a group; they are opened once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._arrays: dict[str, Any] | None = None

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, KeyError, TypeError, RuntimeError) as exc:
            raise InvalidInputError(f"{self._url} cannot be read: {exc}") from exc

    def _opened(self) -> dict[str, Any]:
        if self._arrays is None:
            with needed("zarr", extra="zarr", purpose="an import of Zarr"):
                import zarr  # noqa: PLC0415
            with self._reported():
                root = zarr.open(self._url, mode="r")
                if not hasattr(root, "members"):
                    self._arrays = {os.path.basename(self._url).partition(".")[0]: root}
                else:
                    members = root.members(max_depth=None)
                    self._arrays = {path: each for path, each in members if hasattr(each, "chunks")}
        return self._arrays

    def arrays(self) -> dict[str, tuple[int, ColumnSpec]]:
        """Return the length and the column of each array that has an axis, by its path."""
        return {
            path: (array.shape[0], _column(path, array))
            for path, array in sorted(self._opened().items())
            if array.shape
        }

    def read(self, path: str, start: int, stop: int) -> Any:
        """Return some rows of an array."""
        with self._reported():
            array = self._opened()[path]
            values = array[start:stop]
        return list(map(str, values)) if _is_text(array) and array.ndim == 1 else values


def _column(path: str, array: Any) -> ColumnSpec:
    attributes = plain_attributes(dict(array.attrs))
    if _is_text(array) and array.ndim == 1:
        return text(attributes=attributes)
    if array.dtype.hasobject and array.dtype.char != "T":
        raise InvalidInputError(
            f"the array {path!r} holds {array.dtype}, which no column holds",
            hint="leave it out with --select",
        )
    fill = None if _is_text(array) else array.fill_value
    return ndarray(array.shape[1:], array.dtype.newbyteorder("="), fill_value=fill or None,
                   attributes=attributes)  # fmt: skip


def _is_text(array: Any) -> bool:
    return bool(array.dtype.char == "T" or array.dtype == object)
