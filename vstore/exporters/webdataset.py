"""WebDataset: a tar file with one member for each column of each sample."""

import io
import tarfile
from typing import Any, ClassVar

import numpy as np
from numpy.lib import format as npy

from vstore.errors import InvalidInputError
from vstore.exporters.exporter import Exporter
from vstore.exporters.file_names import suffix_of
from vstore.exporters.names import checked_path, file_path
from vstore.exporters.refusals import not_held
from vstore.exporters.rows import ExportColumn, ExportRows
from vstore.exporters.target import Target
from vstore.exporters.texts import as_json
from vstore.format.zarr.dtypes import STRING


class WebDataset(Exporter):
    """A tar file as WebDataset has it: members of a sample have its key, and follow each other.

    A member is called `KEY.COLUMN.SUFFIX`. Images, sounds and bytes are as they are; texts are
    `txt`, integers `cls`, arrays `npy`, lists of texts `json`. A missing sample has no member.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".tar",)
    options: ClassVar = {
        "escape_names": (bool, False, "write what cannot stand in the name of a file as %XX")
    }

    def write(
        self, rows: ExportRows, target: Target, *, escape_names: bool = False, **_: Any
    ) -> None:
        """Write the members in the order of samples and columns."""
        for column in rows.columns.values():
            _check(column)
        width = len(str(int(rows.positions.max(initial=0))))
        with target.open() as file, tarfile.open(fileobj=file, mode="w|") as archive:
            for batch in rows.batches():
                held = {name: batch.samples(name) for name in rows.columns}
                for at, key in enumerate(batch.keys):
                    stem = file_path(key) if rows.key_kind is not None else f"{key:0{width}}"
                    checked = _stem(checked_path(stem, is_escaped=escape_names), escape_names)
                    for column in rows.columns.values():
                        if held[column.name][at] is not None:
                            _add(archive, checked, column, held[column.name][at])


def _check(column: ExportColumn) -> None:
    if column.dtype.kind == "T" or (column.kind.is_plain and column.dtype.hasobject):
        raise not_held("a WebDataset", column)
    if "." in column.name or "/" in column.name:
        raise InvalidInputError(
            f"the column {column.name!r} has a dot in its name, which ends the key in a WebDataset"
        )


def _stem(path: str, is_escaped: bool) -> str:  # noqa: FBT001
    """Return a path whose last part has no dot, where a reader takes the key to end."""
    folder, _, name = path.rpartition("/")
    if "." in name and not is_escaped:
        raise InvalidInputError(
            f"the key {path!r} has a dot in its last part, where a WebDataset takes keys to end",
            code="unsafe-name",
            hint="export with the option escape_names, which writes such characters as %XX",
        )
    name = name.replace(".", "%2E")
    return f"{folder}/{name}" if folder else name


def _add(archive: tarfile.TarFile, stem: str, column: ExportColumn, sample: Any) -> None:
    data, suffix = _member(column, sample)
    info = tarfile.TarInfo(f"{stem}.{column.name}.{suffix}")
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def _member(column: ExportColumn, sample: Any) -> tuple[bytes, str]:
    """Return the bytes of a member and its suffix."""
    if column.has_files:
        return sample, (
            suffix_of(sample).removeprefix(".") if column.kind.describe else ""
        ) or "bin"
    if column.kind.data_type == STRING:
        return sample.encode(), "txt"
    if column.kind.is_collection:
        return as_json(sample).encode(), "json"
    array = np.asarray(sample)
    if array.shape == () and array.dtype == np.int64:
        return str(int(array)).encode(), "cls"
    held = io.BytesIO()
    npy.write_array(held, array, allow_pickle=False)
    return held.getvalue(), "npy"
