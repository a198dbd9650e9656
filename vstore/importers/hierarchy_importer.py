"""Importers of formats that hold groups and arrays: Zarr, HDF5, NetCDF."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from vstore.faces import exported_from
from vstore.importers.hierarchy import Hierarchy
from vstore.importers.hierarchy_rows import rows_of
from vstore.importers.importer import Importer, Option, Rows
from vstore.importers.source import Source


@exported_from("vstore.plugins")
class HierarchyImporter(Importer):
    """Reads sources that hold groups and arrays. To write one, subclass it; it has no state.

    Such a source is imported as it is, or, where arrays share their first axis, as a table.
    """

    options: ClassVar[Mapping[str, Option]] = {
        "group": (str, None, "the group to import; all of the source if not given"),
        "select": (list, None, "the arrays to import, by their paths in the group"),
    }

    @abstractmethod
    def hierarchy(self, source: Source) -> Hierarchy:
        """Return the groups and arrays in a source; headers are read, and no data.

        Raises:
            InvalidInputError: the source is damaged.
        """

    def open(
        self,
        source: Source,
        *,
        group: str | None = None,
        select: Sequence[str] | None = None,
        **_: Any,
    ) -> Rows:
        """Return the arrays as the columns of a table.

        Raises:
            NotFoundError: there is no such group or array.
            InvalidInputError: arrays differ in length, or hold what no column holds.
        """
        return rows_of(self.hierarchy(source).below(group).selected(select), source)
