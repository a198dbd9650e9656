"""NetCDF files: version 3 read here, version 4 as the HDF5 files that they are."""

from collections.abc import Mapping
from typing import ClassVar

from vstore.importers.hdf5 import HDF5_MAGIC, Hdf5
from vstore.importers.hierarchy import Hierarchy
from vstore.importers.hierarchy_importer import HierarchyImporter
from vstore.importers.importer import Option
from vstore.importers.netcdf3 import NETCDF_MAGIC, read_headers
from vstore.importers.source import Source


class NetCdf(HierarchyImporter):
    """NetCDF 3 files (4 too, by name): arrays with dimensions as they are, or as columns."""

    options: ClassVar[Mapping[str, Option]] = HierarchyImporter.options

    def fits(self, source: Source) -> bool:
        """Return whether the file begins as NetCDF 3."""
        head = source.head(4) if source.is_file else b""
        return head[:3] == NETCDF_MAGIC and head[3:] in (b"\1", b"\2", b"\5")

    def hierarchy(self, source: Source) -> Hierarchy:
        """Return the variables of a file.

        Raises:
            MissingExtraError: it is NetCDF 4, and h5py is not installed.
            InvalidInputError: the file is damaged.
        """
        (file,) = source.files()
        if file.head(len(HDF5_MAGIC)) == HDF5_MAGIC:
            return Hdf5().hierarchy(source)
        return read_headers(file)
