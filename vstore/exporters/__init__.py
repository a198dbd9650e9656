"""Exporters: samples of a commit as files, and what lets others read commits without vstore.

`export` writes a table, or what `select` chose of it, as images and sounds in folders, NumPy
files, CSV, JSON lines, Parquet, a WebDataset or a Zarr group. Other packages add formats with
`vstore.plugins.Exporter`. `export_refs` copies nothing: it writes where the chunks are.
"""

from vstore.exporters.exporting import Exported, export
from vstore.exporters.references import export_refs, notes, references
from vstore.exporters.rows import select

__all__ = ["Exported", "export", "export_refs", "notes", "references", "select"]
