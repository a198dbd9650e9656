"""Plugins: what a package of your own implements, so that vstore reads a format it does not know.

An `Importer` recognizes a `Source` and returns `Rows`. A package makes it known by an entry
point of the group `vstore.importers`; see `Importer` for a complete one. vstore's own importers
are written the same way. `vstore.plugins.testing` checks that one keeps the rules.

A `HierarchyImporter` returns a `Hierarchy`: groups and arrays that are imported as they are.

An `Exporter` writes `ExportRows` to a `Target`; the group of its entry point is `vstore.exporters`.
A `Viewer` says what is seen of a sample, on a terminal, in notebooks and in the browser alike; its
group is `vstore.viewers`.

Importers get open files and never credentials. They never decode what vstore has stored.
"""

from vstore.display.viewers import View, ViewedColumn, Viewer
from vstore.exporters.exporter import Exporter
from vstore.exporters.rows import ExportBatch, ExportColumn, ExportRows
from vstore.exporters.target import Target
from vstore.importers.hierarchy import Hierarchy, HierarchyArray
from vstore.importers.hierarchy_importer import HierarchyImporter
from vstore.importers.importer import Columns, Importer, Rows
from vstore.importers.source import Source, SourceFile

__all__ = [
    "Columns",
    "ExportBatch",
    "ExportColumn",
    "ExportRows",
    "Exporter",
    "Hierarchy",
    "HierarchyArray",
    "HierarchyImporter",
    "Importer",
    "Rows",
    "Source",
    "SourceFile",
    "Target",
    "View",
    "ViewedColumn",
    "Viewer",
]
