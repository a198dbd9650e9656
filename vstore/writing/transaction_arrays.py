"""Arrays and columns of a transaction, to read and to assign to."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from vstore.faces import exported_from, internals
from vstore.format.zarr.conversion import as_elements
from vstore.format.zarr.metadata import ArrayMetadata
from vstore.format.zarr.selection import SelectMany, SelectOne
from vstore.reading.array import Array
from vstore.writing.door import Door
from vstore.writing.staged_array import StagedArray
from vstore.writing.staged_table import StagedTable

Batch = Mapping[str, Any]


class _Assignable(Protocol):
    """What a column needs of the staged table it belongs to."""

    def __len__(self) -> int: ...
    @property
    def _internals(self) -> StagedTable: ...
    def assign(self, index: Any, values: Batch) -> None: ...


@exported_from("vstore")
class TransactionColumn:
    """One column of a table in a transaction: index it to read, assign to it to write."""

    def __init__(self, table: _Assignable, name: str) -> None:
        self._table = table
        self._name = name

    @overload
    def __getitem__(self, index: tuple[Any, ...]) -> Any: ...
    @overload
    def __getitem__(self, index: SelectMany) -> NDArray[Any]: ...
    @overload
    def __getitem__(self, index: SelectOne) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        """Return the samples an index picks, as they are in the transaction."""
        return internals(self._table).open_column(self._name)[index]

    def __setitem__(self, index: Any, values: Any) -> None:
        """Change the samples an index picks; values broadcast as in NumPy.

        Raises:
            OutOfBoundsError: a position outside the table.
            InvalidInputError: values of another data type or shape.
        """
        self._table.assign(index, {self._name: values})

    def contains(self, text: str) -> NDArray[np.bool_]:
        """Return a mask of the samples whose lists of texts have one; see `Column.contains`."""
        return internals(self._table).open_column(self._name).contains(text)

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[Any]:
        """Iterate over the samples as they are, reading whole chunks at a time."""
        return iter(internals(self._table).open_column(self._name))

    @property
    def shape(self) -> tuple[int | None, ...]:
        """(samples, *shape of one sample)."""
        return internals(self._table).open_column(self._name).shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The data type of the samples."""
        return internals(self._table).open_column(self._name).dtype

    def __repr__(self) -> str:
        return f"<vstore.TransactionColumn {self._name!r} of {self._table!r}>"


@exported_from("vstore")
class TransactionArray(Array):
    """A plain array of a transaction: index it to read, assign to it to write."""

    def __init__(self, source: StagedArray, door: Door) -> None:
        super().__init__(source, path=source.path)
        self._staged = source
        self._door = door

    @property
    def metadata(self) -> ArrayMetadata:
        """The array's Zarr v3 metadata, as it is in the transaction."""
        self._door.update()
        return self._staged.metadata

    def _require_usable(self) -> None:
        self._door.enter()
        self._staged.require_usable()

    def __setitem__(self, index: Any, values: Any) -> None:
        """Change the elements an index picks; values broadcast as in NumPy."""
        self._require_usable()
        data_type = self._staged.metadata.data_type
        fitting = as_elements(values, data_type, name=self.path, of="array")
        with self._door.changing():
            self._staged.require_usable()
            self._staged.write(index, fitting)
