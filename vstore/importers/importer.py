"""What an importer is: it recognizes a source, and finds samples for a table in it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.table.sample_keys import KeyKindName, SampleKey
from vstore.format.table.specs import ColumnSpec
from vstore.importers.source import Source

Option = tuple[type, Any, str]
"""The type of an option (str, int, float, bool or list, of texts), its default, its help."""


@exported_from("vstore.plugins")
class Columns(dict[str, Any]):
    """Many samples at once, as whole columns of one length: arrays, or lists of samples.

    What `Rows.read` yields where the source holds columns, as Parquet and HDF5 do. Keys, if
    the samples have any, are its entry `sample`. About 32 MiB is a good size.
    """


@exported_from("vstore.plugins")
@dataclass(frozen=True, slots=True)
class Rows:
    """The samples that an importer found in a source, and the columns that can hold them.

    vstore calls `read` for the items, on threads or in processes, ahead of use, and takes what
    it returns in the order of `items`. So `read` needs no state: the same item gives the same
    samples each time. An exception in it is an error of its item, which `on_error="skip"` leaves
    out; a sample that does not fit its column is an error, too.
    """

    columns: Mapping[str, ColumnSpec]
    """What each column holds, by its name."""

    keys: KeyKindName | None = None
    """How the samples are named; None if they have no keys."""

    items: Iterable[Any] = field(default=(), kw_only=True, repr=False)
    """What `read` is called with, such as files. `str(item)` is what errors call an item."""

    read: Callable[[Any], Any] = field(kw_only=True, repr=False)
    """Return the sample in an item: a mapping of column names to values. Optional columns may be
    left out. Where `many`, return any number of samples, or `Columns`, as an iterable; an exception
    in the place of a sample is an error of that one, and the others are still imported."""

    key: Callable[[Any], SampleKey] | None = field(default=None, kw_only=True, repr=False)
    """Return the key of an item's sample. Where it is None, each sample has its key as `sample`."""

    many: bool = field(default=False, kw_only=True)
    """Whether an item holds any number of samples, as a file of rows does."""

    attributes: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    """Attributes for a table that is created for the samples."""

    count: int | None = field(default=None, kw_only=True)
    """How many samples there are, if that is known; for the progress bar."""

    ignored: int = field(default=0, kw_only=True)
    """How many files of the source are not imported, because they are of another kind."""

    provenance: Mapping[str, Any] = field(default_factory=dict, kw_only=True, repr=False)
    """Where the samples are from, for the commit. vstore fills it in."""

    def __post_init__(self) -> None:
        columns: Any = self.columns
        specs = columns.values() if isinstance(columns, Mapping) else [None]
        if not all(isinstance(spec, ColumnSpec) for spec in specs):
            raise InvalidInputError(
                "the columns of an import are a mapping of names to descriptions, as "
                f"`vstore.ndarray` and `vstore.text` return them; got {self.columns!r:.200}"
            )
        if self.key is not None and self.keys is None:
            raise InvalidInputError("an import has keys for its samples, but no kind of keys")
        if self.many and self.key is not None:
            raise InvalidInputError("an item of many samples has no key; each sample has its own")


@exported_from("vstore.plugins")
class Importer(ABC):
    """Reads one kind of source. To write one, subclass it; it has no state.

    A package makes it known by an entry point of the group `vstore.importers`, the name of
    which is that of the importer: `vstore import … --with NAME`. A complete one:

    >>> import vstore
    >>> from vstore.plugins import Importer, Rows, Source
    >>> class Notes(Importer):
    ...     '''A folder of notes: the text of each file, and how many words it has.'''
    ...
    ...     options = {"suffix": (str, ".note", "which files are notes")}
    ...
    ...     def fits(self, source: Source) -> bool:
    ...         return source.head(5) == b"#note"
    ...
    ...     def open(self, source: Source, *, suffix: str = ".note") -> Rows:
    ...         columns = {"text": vstore.text(), "words": vstore.ndarray((), "int64")}
    ...
    ...         def read(file):
    ...             text = file.bytes().decode()
    ...             return {"text": text, "words": len(text.split())}
    ...
    ...         files = list(source.files("*" + suffix))
    ...         return Rows(columns, "str", items=files, read=read, key=lambda file: file.path)

    vstore does the rest: addresses, reading ahead, batches, checking each sample, keys, errors
    by item, one commit. `vstore.plugins.testing.check` tells whether an importer keeps the rules.
    """

    options: ClassVar[Mapping[str, Option]] = {}
    """The keywords of `open`, which are options of the command: type, default and help by name.
    An underscore in a name is a dash in the option."""

    @abstractmethod
    def fits(self, source: Source) -> bool:
        """Return whether this importer reads such a source.

        It looks at `source.head`, at names only where bytes say nothing, and reads no more.
        A library that is not installed does not matter here; `open` may need it.
        """

    @abstractmethod
    def open(self, source: Source, **options: Any) -> Rows:
        """Return the samples of a source; headers may be read, and what columns need.

        Raises:
            InvalidInputError: an option does not fit the source, or the source is damaged.
        """
