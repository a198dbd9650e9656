"""Files of arrays: each array is a column, and the first axis counts the samples."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.table.names import KEYS
from vstore.format.table.sample_keys import KeyKindName
from vstore.format.table.specs import ColumnSpec, ndarray
from vstore.importers.array_source import ArraySource, batch_rows
from vstore.importers.files import HEAD_NBYTES, is_array, open_arrays
from vstore.importers.import_source import ImportSource
from vstore.importers.sample_keys import read_keys


@exported_from("vstore.importers")
@dataclass(frozen=True, slots=True)
class ArrayRows:
    """Arrays of one length, side by side; made by `ArrayRows.of`."""

    arrays: Mapping[str, ArraySource]
    sample_keys: NDArray[Any] | None = None

    @classmethod
    def of(
        cls,
        arrays: Sequence[ArraySource],
        *,
        names: Sequence[str] | None = None,
        keys: NDArray[Any] | None = None,
    ) -> "ArrayRows":
        """Return arrays as the columns of a table.

        Args:
            arrays: one or more, of one length.
            names: the names of the columns; what the files suggest when None.
            keys: the samples' keys as `read_keys` returns them, if they have any.

        Raises:
            InvalidInputError: too many or too few names or keys, a name given twice, or arrays
                of different lengths, which cannot be one table.
        """
        rows = cls(_named(arrays, names), keys)
        if keys is not None and len(keys) != rows.count:
            raise InvalidInputError(f"{len(keys):,} keys for {rows.count:,} samples")
        return rows

    @property
    def columns(self) -> Mapping[str, ColumnSpec]:
        """What holds the arrays as they are."""
        return {name: ndarray(array.shape[1:], array.dtype) for name, array in self.arrays.items()}

    @property
    def keys(self) -> KeyKindName | None:
        """How the samples are named."""
        if self.sample_keys is None:
            return None
        return "str" if self.sample_keys.dtype.kind in "OU" else "int"

    @property
    def attributes(self) -> Mapping[str, Any]:
        """None: files of arrays have no attributes."""
        return {}

    @property
    def count(self) -> int:
        """How many samples there are."""
        return len(next(iter(self.arrays.values())))

    @property
    def nbytes(self) -> int:
        """The size of all arrays in memory."""
        return sum(array.nbytes for array in self.arrays.values())

    def batches(self, rows: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield batches of `rows` samples, about 32 MiB when None; one is held at a time.

        Raises:
            InvalidInputError: a file is truncated or damaged.
        """
        rows = rows or batch_rows(sum(array.row_nbytes for array in self.arrays.values()))
        with ExitStack() as stack:
            readers = {
                name: stack.enter_context(closing(array.batches(rows)))
                for name, array in self.arrays.items()
            }
            for start in range(0, self.count, rows):
                # Not zip, which holds on to the first batch.
                batch: dict[str, Any] = {name: next(reader) for name, reader in readers.items()}
                if self.sample_keys is not None:
                    batch[KEYS] = self.sample_keys[start : start + rows]
                yield batch
            for reader in readers.values():
                next(reader, None)  # runs the check that the file ends here


@exported_from("vstore.importers")
@dataclass(frozen=True, slots=True)
class ArrayImporter:
    """Imports IDX (the format of MNIST) and `.npy`, plain or in gzip, and `.npz`."""

    name: str = "arrays"

    def fits(self, source: ImportSource) -> bool:
        """Return whether the first file begins as one of them does."""
        return is_array(source.head(HEAD_NBYTES))

    def open(
        self,
        source: ImportSource,
        *,
        names: Sequence[str] | None = None,
        select: Sequence[str] | None = None,
        keys: str | os.PathLike[str] | None = None,
    ) -> ArrayRows:
        """Return all arrays of the files, side by side; their headers are read, and the keys.

        Args:
            source: the files.
            names: the names of the columns, one for each array; what the files suggest when
                None.
            select: the arrays to take from `.npz` files, in this order; all when None.
            keys: a file with the samples' keys, as `read_keys` takes it.

        Raises:
            NotFoundError: a file is not there, or has no such array.
            InvalidInputError: a file is of no known format, damaged, or holds pickled objects;
                or the arrays, names and keys do not go together.
        """
        arrays = [array for path in source.paths for array in open_arrays(path, select=select)]
        return ArrayRows.of(arrays, names=names, keys=None if keys is None else read_keys(keys))


def _named(sources: Sequence[ArraySource], names: Sequence[str] | None) -> dict[str, ArraySource]:
    """Return the arrays under the names of their columns: given ones, or what files suggest."""
    if names is not None and len(names) != len(sources):
        listed = ", ".join(str(source.content) for source in sources)
        raise InvalidInputError(f"{len(names)} column names for {len(sources)} arrays: {listed}")
    chosen = [source.name for source in sources] if names is None else list(names)
    doubled = sorted({name for name in chosen if chosen.count(name) > 1})
    if doubled:
        raise InvalidInputError(
            f"two columns would be called {doubled[0]!r}", hint="give each array its own name"
        )
    columns = dict(zip(chosen, sources, strict=True))
    if len({len(source) for source in sources}) > 1:
        lengths = ", ".join(f"{name} {len(source):,}" for name, source in columns.items())
        raise InvalidInputError(
            f"the columns of a table have one length, but these arrays have several: {lengths}",
            hint="import them into different tables",
        )
    return columns
