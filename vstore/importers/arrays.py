"""Files of arrays: each array is a column, and the first axis counts the samples."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import Any, ClassVar

from numpy.typing import NDArray

from vstore.errors import InvalidInputError, NotFoundError
from vstore.format.table.names import KEYS
from vstore.format.table.specs import ndarray
from vstore.importers.array_source import ArraySource, batch_rows
from vstore.importers.idx import idx_source, is_idx
from vstore.importers.importer import Columns, Importer, Option, Rows
from vstore.importers.media import is_webdataset
from vstore.importers.npy import NPY_MAGIC, npy_source
from vstore.importers.sample_keys import read_keys
from vstore.importers.source import Source, SourceFile

_HEAD_NBYTES = 8


class Arrays(Importer):
    """IDX (the format of MNIST), .npy and .npz files: each array is a column."""

    options: ClassVar[Mapping[str, Option]] = {
        "names": (list, None, "the names of the columns, one for each array, in order"),
        "select": (list, None, "the arrays to take from an .npz file, in this order"),
        "keys": (str, None, "a file with the keys: .npy or IDX, or text with one on each line"),
    }

    def fits(self, source: Source) -> bool:
        """Return whether the first file begins as one of them does."""
        head = source.head(_HEAD_NBYTES)
        return not is_webdataset(source) and (head.startswith(NPY_MAGIC) or is_idx(head))

    def open(
        self,
        source: Source,
        *,
        names: Sequence[str] | None = None,
        select: Sequence[str] | None = None,
        keys: str | None = None,
        **_: Any,
    ) -> Rows:
        """Return all arrays of the files, side by side; their headers are read, and the keys.

        Raises:
            NotFoundError: a file is not there, or an archive has no such array.
            InvalidInputError: a file is of another format, damaged, or holds pickled objects;
                or the arrays, names and keys do not go together.
        """
        found = [_array(file) for file in source.files()]
        if select is not None:
            found = _selected(found, select, source)
        arrays = _named(found, names)
        own = None if keys is None else read_keys(keys)
        count = len(next(iter(arrays.values())))
        if own is not None and len(own) != count:
            raise InvalidInputError(f"{len(own):,} keys for {count:,} samples")
        return Rows(
            {name: ndarray(array.shape[1:], array.dtype) for name, array in arrays.items()},
            None if own is None else "str" if own.dtype.kind in "OU" else "int",
            items=[SideBySide(arrays, own)],
            read=SideBySide.batches,
            many=True,
            count=count,
        )


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Arrays of one length, which are the columns of a table."""

    arrays: Mapping[str, ArraySource]
    keys: NDArray[Any] | None = None

    def batches(self, rows: int | None = None) -> Iterator[Columns]:
        """Yield batches of `rows` samples, about 32 MiB when None; one is held at a time.

        Raises:
            InvalidInputError: a file is truncated or damaged.
        """
        count = len(next(iter(self.arrays.values())))
        rows = rows or batch_rows(sum(array.row_nbytes for array in self.arrays.values()))
        with ExitStack() as stack:
            readers = {
                name: stack.enter_context(closing(array.batches(rows)))
                for name, array in self.arrays.items()
            }
            for start in range(0, count, rows):
                # Not zip, which holds on to the first batch.
                batch = Columns({name: next(reader) for name, reader in readers.items()})
                if self.keys is not None:
                    batch[KEYS] = self.keys[start : start + rows]
                yield batch
            for reader in readers.values():
                next(reader, None)  # runs the check that the file ends here

    def __str__(self) -> str:
        return ", ".join(str(array.file) for array in self.arrays.values())


def _array(file: SourceFile) -> ArraySource:
    start = file.head(_HEAD_NBYTES)
    if start.startswith(NPY_MAGIC):
        return npy_source(file)
    if is_idx(start):
        return idx_source(file)
    if not start:
        raise InvalidInputError(f"{file} is empty")
    if start[:1] == b"\x80":
        raise InvalidInputError(f"{file} looks like a pickle, which is never read")
    raise InvalidInputError(f"{file} is neither IDX nor .npy: it begins with {start!r}")


def _selected(
    found: Sequence[ArraySource], select: Sequence[str], source: Source
) -> list[ArraySource]:
    by_name = {array.name: array for array in found}
    for name in select:
        if name not in by_name:
            raise NotFoundError(
                f"{source} holds no array {name!r}", hint=f"it holds {', '.join(by_name)}"
            )
    return [by_name[name] for name in select]


def _named(sources: Sequence[ArraySource], names: Sequence[str] | None) -> dict[str, ArraySource]:
    """Return the arrays under the names of their columns: given ones, or what files suggest."""
    if names is not None and len(names) != len(sources):
        listed = ", ".join(str(source.file) for source in sources)
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
