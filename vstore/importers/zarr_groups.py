"""Zarr hierarchies, version 2 and 3, consolidated or not, in folders, buckets and archives."""

from collections.abc import Mapping
from typing import Any, ClassVar

from vstore import optional
from vstore.importers.hierarchy import Hierarchy
from vstore.importers.hierarchy_importer import HierarchyImporter
from vstore.importers.importer import Option
from vstore.importers.media import zarr_root
from vstore.importers.source import Source, SourceFile


class ZarrGroup(HierarchyImporter):
    """Zarr groups, version 2 and 3: groups and arrays as they are, or arrays as columns."""

    options: ClassVar[Mapping[str, Option]] = {
        **HierarchyImporter.options,
        "group": (str, None, "the group whose arrays are imported; all of them if not"),
    }

    def fits(self, source: Source) -> bool:
        """Return whether the folder has Zarr's metadata at its top."""
        return not source.is_file and zarr_root(source) is not None

    def hierarchy(self, source: Source) -> Hierarchy:
        """Return the groups and arrays.

        Raises:
            MissingExtraError: zarr is not installed.
            InvalidInputError: metadata are damaged.
        """
        module: Any = optional.load(
            "vstore.importers.zarr_reading", package="zarr", extra="zarr", purpose="a Zarr import"
        )
        root = zarr_root(source) or ""
        files: dict[str, SourceFile] = {
            file.path.removeprefix(root): file
            for file in source.files()
            if file.path.startswith(root)
        }
        found: Hierarchy = module.read_headers(source, files)
        return found
