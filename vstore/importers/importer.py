"""What an importer is: it recognizes a source, and finds samples for a table in it."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from vstore.faces import exported_from
from vstore.format.table.sample_keys import KeyKindName
from vstore.format.table.specs import ColumnSpec
from vstore.importers.import_source import ImportSource

Batch = Mapping[str, Any]
"""Values of some samples by the name of their column; their keys, if any, as `sample`."""


@exported_from("vstore.importers")
class Rows(Protocol):
    """The samples that an importer found, and the columns that can hold them."""

    @property
    def columns(self) -> Mapping[str, ColumnSpec]:
        """What each column holds, by its name."""

    @property
    def keys(self) -> KeyKindName | None:
        """How the samples are named; None if they have no keys."""

    @property
    def attributes(self) -> Mapping[str, Any]:
        """Attributes for a table that is created for the samples."""

    @property
    def count(self) -> int | None:
        """How many samples there are; None if only reading them all would tell."""

    @property
    def nbytes(self) -> int | None:
        """The size of all samples in memory; None if only reading them all would tell."""

    def batches(self) -> Iterator[Batch]:
        """Yield the samples in order, at most one batch in memory at a time.

        The same source gives the same samples each time.

        Raises:
            InvalidInputError: the source is truncated or damaged.
        """


@exported_from("vstore.importers")
class Importer(Protocol):
    """Knows one kind of source; an object without state."""

    @property
    def name(self) -> str:
        """What the importer is called where one is chosen by its name."""

    def fits(self, source: ImportSource) -> bool:
        """Return whether this importer reads such a source.

        It looks at the first bytes, and at names only where bytes say nothing; it reads no
        more than that.
        """

    def open(self, source: ImportSource, *args: Any, **options: Any) -> Rows:
        """Return the samples of a source that fits; `options` are keywords that it declares.

        Raises:
            InvalidInputError: an option does not fit the source, or the source is damaged.
        """
