"""NumPy's files: one array as .npy, several as .npz."""

import io
import zipfile
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.lib import format as npy

from vstore.exporters.exporter import Exporter
from vstore.exporters.refusals import not_held, one_column, require_all
from vstore.exporters.rows import ExportColumn, ExportRows
from vstore.exporters.target import Target


class Npy(Exporter):
    """One column as a NumPy file."""

    suffixes: ClassVar[tuple[str, ...]] = (".npy",)

    def write(self, rows: ExportRows, target: Target, **_: Any) -> None:
        """Write the samples behind one header."""
        column = one_column("a .npy file", rows)
        _require_array(column)
        with target.open() as file:
            _write(rows, column, file)


class Npz(Exporter):
    """Columns as a NumPy archive, an array for each."""

    suffixes: ClassVar[tuple[str, ...]] = (".npz",)
    options: ClassVar = {"compress": (bool, False, "compress the arrays")}

    def write(self, rows: ExportRows, target: Target, *, compress: bool = False, **_: Any) -> None:
        """Write one array after the other; keys, where there are any, as `sample`."""
        for column in rows.columns.values():
            _require_array(column)
        how = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        with target.open() as file, zipfile.ZipFile(file, "w", how) as archive:
            for column in rows.columns.values():
                with archive.open(_member(f"{column.name}.npy"), "w", force_zip64=True) as member:
                    _write(rows, column, member)  # type: ignore[arg-type]
            if rows.key_kind is not None:
                _write_keys(rows, archive)


def _member(name: str) -> zipfile.ZipInfo:
    """Return an entry without the time of writing, so that equal arrays make equal files."""
    return zipfile.ZipInfo(name)


def _write_keys(rows: ExportRows, archive: zipfile.ZipFile) -> None:
    keys = [str(key) if isinstance(key, tuple) else key for b in rows.batches() for key in b.keys]
    held = io.BytesIO()
    npy.write_array(held, np.array(keys), allow_pickle=False)
    archive.writestr(_member("sample.npy"), held.getvalue())


def _require_array(column: ExportColumn) -> None:
    what = "NumPy's format without pickles"
    if not column.kind.is_plain or column.dtype.hasobject or column.dtype.char == "T":
        raise not_held(what, column)
    require_all(what, column)


def _write(rows: ExportRows, column: ExportColumn, file: BinaryIO) -> None:
    shape = (len(rows), *column.shape)
    npy.write_array_header_1_0(
        file,
        {"descr": npy.dtype_to_descr(column.dtype), "fortran_order": False, "shape": shape},
    )
    for batch in rows.batches():
        values = np.ascontiguousarray(batch.values[column.name], column.dtype)
        file.write(values.tobytes())
