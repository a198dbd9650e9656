"""HDF5 files, NetCDF 4 among them: groups and data sets, read through h5py."""

from collections.abc import Mapping
from typing import Any, ClassVar

from vstore import optional
from vstore.importers.hierarchy import Hierarchy
from vstore.importers.hierarchy_importer import HierarchyImporter
from vstore.importers.importer import Option
from vstore.importers.source import Source

HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"


class Hdf5(HierarchyImporter):
    """HDF5 files, NetCDF 4 too: groups and arrays as they are, or data sets as columns."""

    options: ClassVar[Mapping[str, Option]] = {
        **HierarchyImporter.options,
        "group": (str, None, "the group whose data sets are imported; all of the file if not"),
    }

    def fits(self, source: Source) -> bool:
        """Return whether the file begins as HDF5."""
        return source.is_file and source.head(8) == HDF5_MAGIC

    def hierarchy(self, source: Source) -> Hierarchy:
        """Return the groups and data sets of a file.

        Raises:
            MissingExtraError: h5py is not installed.
            InvalidInputError: the file is damaged.
        """
        (file,) = source.files()
        module: Any = optional.load(
            "vstore.importers.hdf5_reading", package="h5py", extra="hdf5", purpose="an HDF5 import"
        )
        found: Hierarchy = module.read_headers(file)
        return found
