"""A table of a commit, opened for reading."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from vstore import optional
from vstore.faces import exported_from
from vstore.format.numbers import Ints, Positions
from vstore.format.table.sample_keys import SampleKey
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.format.zarr.selection import SelectMany, SelectOne
from vstore.lazy import lazy
from vstore.reading.arrow_forms import ArrowForms
from vstore.reading.column import Column, column_not_found
from vstore.reading.key_indexer import KeyIndexer, has_key
from vstore.reading.named_columns import NamedColumns
from vstore.reading.stored_table import StoredTable

if TYPE_CHECKING:
    from vstore.arrow.scan import ArrowScan
    from vstore.reading import boxes, previews
    from vstore.reading.preview import Preview
else:
    boxes = lazy("vstore.reading.boxes")
    previews = lazy("vstore.reading.previews")


@exported_from("vstore")
class Table(NamedColumns[Column]):
    """Samples under named columns, by position and, where they have keys, by key.

    `table["image"]` is a column, `table[17]` one sample as a dict, `table[10:20]` a dict
    of arrays; `table.loc[key]` finds samples by key. `len`, `[position]` and iterating are
    about samples; names are about columns, as with `keys`, `items`, `in` and
    `dict(table)`. A table of a commit pickles, as do its columns.
    """

    def __init__(self, stored: StoredTable) -> None:
        self._internals = stored

    def __reduce__(self) -> tuple[Any, ...]:
        return self._internals.reopening()

    @property
    def path(self) -> str:
        """Where the table is in the repository."""
        return self._internals.path

    @property
    def attributes(self) -> dict[str, Any]:
        """The table's attributes, as a copy."""
        return self._internals.attributes

    @property
    def key_kind(self) -> str | None:
        """How samples are named: `int`, `str`, `tuple`, or None for position only."""
        return self._internals.key_kind

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns by name, in the order of their names."""
        return self._internals.columns

    def __len__(self) -> int:
        return len(self._internals)

    def __contains__(self, name: object) -> bool:
        """Return whether there is a column of this name."""
        return name in self._internals.infos

    @overload
    def __getitem__(self, index: str) -> Column: ...
    @overload
    def __getitem__(self, index: SelectMany) -> dict[str, NDArray[Any]]: ...
    @overload
    def __getitem__(self, index: SelectOne) -> dict[str, Any]: ...
    def __getitem__(self, index: Any) -> Any:
        """Return a column by name, else a dict of what the index picks from each column."""
        if isinstance(index, str):
            if index not in self._internals.infos:
                raise column_not_found(self.path, index, self._internals.infos)
            return self.columns[index]
        if isinstance(index, int | np.integer) and not isinstance(index, bool):
            stored = self._internals
            return stored.at_rows(stored.rows.locate(index))
        return {name: column[index] for name, column in self.columns.items()}

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Iterate over the samples, each a dict."""
        return iter(self._internals)

    def sample_keys(self) -> NDArray[Any]:
        """Return the samples' keys in order; positions where the samples have no keys."""
        return self._internals.sample_keys()

    @property
    def loc(self) -> KeyIndexer:
        """Find samples by key: `table.loc["shoe-17"]`, `table.loc[[3, 5]]`."""
        return KeyIndexer(self._internals)

    def position(self, key: SampleKey) -> int:
        """Return where the sample with this key is, or raise `NotFoundError`."""
        return int(self.positions([key])[0])

    def positions(self, keys: Any) -> Positions:
        """Return where the samples with some keys are, or raise `NotFoundError`."""
        return self._internals.positions(keys)

    @overload
    def has_key(self, key: SampleKey) -> bool: ...
    @overload
    def has_key(self, key: list[Any] | NDArray[Any]) -> NDArray[np.bool_]: ...
    def has_key(self, key: Any) -> Any:
        """Return whether a sample has this key; for a list of keys a mask, in one lookup.

        Raises:
            InvalidInputError: a key is of the wrong kind.
        """
        return has_key(self._internals, key)

    def metadata(self, name: str) -> ArrayMetadata:
        """Return the Zarr v3 metadata of a column."""
        return self[name].metadata

    def head(self, count: int = 5) -> "Preview":
        """Return the first samples to look at: a table of text, with thumbnails in a notebook.

        >>> import vstore
        >>> repo = vstore.create("memory://head-doc")
        >>> with repo.transaction("main", message="Start") as tx:
        ...     table = tx.create_table("t", {"name": vstore.text()})
        ...     table.extend({"name": ["Ann", "Bob", "Cem"]})
        >>> repo.checkout("main")["t"].head(2)
           name
        0  'Ann'
        1  'Bob'
        """
        return previews.preview(self._internals, slice(0, max(count, 0)))

    def show(self, index: SelectOne | SelectMany) -> "Preview":
        """Return samples to look at: for a position one sample in full, else as `head` does.

        At most a hundred samples are read. What cannot be decoded is described.
        """
        return previews.preview(self._internals, index)

    def arrow(
        self,
        columns: Sequence[str] | None = None,
        *,
        where: Any = None,
        rows: slice | Ints | None = None,
        **forms: Unpack[ArrowForms],
    ) -> "ArrowScan":
        """Return what pandas, Polars, DuckDB and other libraries read of the table as Arrow.

        The table itself may be given to them, too; then they read all columns.

        Args:
            columns: names of columns, in the order wanted; `sample` are the keys. All if None,
                keys first, then those of which a sample takes the fewest bytes.
            where: take the samples for which a condition is true: a text such as
                `"label in (3, 5) and score > 0.5"`, or an expression of pyarrow or Polars.
            rows: positions of samples, in any order; all if None.
            **forms: how samples are given, and how much is read at a time: see `vstore.ArrowForms`.

        Raises:
            MissingExtraError: pyarrow is not installed.
            NotFoundError: there is no such column.
            InvalidInputError: the condition is malformed, or does not fit the columns.
        """
        arrow = optional.load(
            "vstore.arrow.scan", package="pyarrow", extra="arrow", purpose="a table as Arrow"
        )
        scan: ArrowScan = arrow.scan_of(self, columns=columns, where=where, rows=rows, **forms)
        return scan

    def __arrow_c_schema__(self) -> object:
        """Give the types of all columns to any library that takes Arrow's."""
        return self.arrow().__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Give all samples to any library that takes Arrow streams, as they are read."""
        return self.arrow().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return repr(self._internals)

    def _repr_html_(self) -> str:
        return boxes.table_box(self)
