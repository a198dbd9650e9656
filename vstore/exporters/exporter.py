"""What an exporter is: it writes samples as files of a format."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from vstore.exporters.rows import ExportRows
from vstore.exporters.target import Target
from vstore.faces import exported_from

Option = tuple[type, Any, str]
"""The type of an option (str, int, float or bool), its default, its help."""


@exported_from("vstore.plugins")
class Exporter(ABC):
    r"""Writes samples in one format. To write one, subclass it; it has no state.

    A package makes it known by an entry point of the group `vstore.exporters`, the name of
    which is that of the exporter: `vstore export … --with NAME`. A complete one:

    >>> import vstore
    >>> from vstore.plugins import Exporter, ExportRows, Target
    >>> class Pairs(Exporter):
    ...     '''Text with a key and a text on each line.'''
    ...
    ...     suffixes = (".pairs",)
    ...     options = {"separator": (str, ": ", "what is between the two")}
    ...
    ...     def write(self, rows: ExportRows, target: Target, *, separator: str = ": ") -> None:
    ...         (name,) = rows.columns
    ...         with target.open() as file:
    ...             for batch in rows.batches():
    ...                 for key, text in zip(batch.keys, batch.samples(name)):
    ...                     file.write(f"{key}{separator}{text}\n".encode())

    vstore does the rest: which samples, addresses, temporary names, all or nothing.
    """

    suffixes: ClassVar[tuple[str, ...]] = ()
    """The ends of addresses, in lower case and with the dot, that choose this exporter."""

    options: ClassVar[Mapping[str, Option]] = {}
    """The keywords of `write`: type, default and help by name."""

    @abstractmethod
    def write(self, rows: ExportRows, target: Target, **options: Any) -> None:
        """Write samples, a batch at a time.

        What cannot be read back as it is needs to be refused, not changed.

        Raises:
            InvalidInputError: the format does not hold such columns or samples.
        """
