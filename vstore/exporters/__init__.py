"""Exporters: samples of a commit as files, and what lets others read commits without vstore.

`export` writes a table, or what `select` chose of it, as images and sounds in folders, NumPy
files, CSV, JSON lines, Parquet, a WebDataset or a Zarr group. An `Exporter` knows one format, and
other packages may add more. `export_refs` copies nothing: it writes where the chunks are.
"""

from vstore.exporters.exporter import Exporter
from vstore.exporters.exporting import Exported, export
from vstore.exporters.references import export_refs, notes, references
from vstore.exporters.rows import ExportBatch, ExportColumn, ExportRows, select
from vstore.exporters.target import Target

__all__ = [
    "ExportBatch",
    "ExportColumn",
    "ExportRows",
    "Exported",
    "Exporter",
    "Target",
    "export",
    "export_refs",
    "notes",
    "references",
    "select",
]
