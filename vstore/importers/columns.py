"""Several arrays side by side: the columns of one table."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.table.samples import KEYS, ColumnSpec, ndarray
from vstore.importers.source import ArraySource, batch_rows


@exported_from("vstore.importers")
def name_columns(
    sources: Sequence[ArraySource], names: Sequence[str] | None = None
) -> dict[str, ArraySource]:
    """Return the arrays under the names of their columns: given ones, or what files suggest.

    Raises:
        InvalidInputError: too many or too few names, one given twice, or arrays of
            different lengths, which cannot be one table.
    """
    if names is not None and len(names) != len(sources):
        listed = ", ".join(str(source.content) for source in sources)
        raise InvalidInputError(f"{len(names)} column names for {len(sources)} arrays: {listed}")
    chosen = [source.name for source in sources] if names is None else list(names)
    doubled = sorted({name for name in chosen if chosen.count(name) > 1})
    if doubled:
        raise InvalidInputError(
            f"two columns would be called {doubled[0]!r}: give each array a name of its own"
        )
    columns = dict(zip(chosen, sources, strict=True))
    if len({len(source) for source in sources}) > 1:
        lengths = ", ".join(f"{name} {len(source):,}" for name, source in columns.items())
        raise InvalidInputError(
            f"the columns of a table have one length, but these arrays have several: {lengths}. "
            "Import them into different tables"
        )
    return columns


@exported_from("vstore.importers")
def column_specs(columns: Mapping[str, ArraySource]) -> dict[str, ColumnSpec]:
    """Return what `Transaction.create_table` needs to hold the arrays as they are."""
    return {name: ndarray(source.shape[1:], source.dtype) for name, source in columns.items()}


@exported_from("vstore.importers")
def read_batches(
    columns: Mapping[str, ArraySource],
    *,
    rows: int | None = None,
    keys: Sequence[Any] | NDArray[Any] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield batches for `TransactionTable.extend`; one is held at a time, of about 32 MiB.

    Args:
        columns: arrays of one length, by the names of their columns.
        rows: samples per batch; chosen by size when None.
        keys: the samples' keys, where the table has such.

    Raises:
        InvalidInputError: a file is truncated or damaged, or there are not as many keys
            as samples.
    """
    count = len(next(iter(columns.values()))) if columns else 0
    if keys is not None and len(keys) != count:
        raise InvalidInputError(f"{len(keys):,} keys for {count:,} samples")
    rows = rows or batch_rows(sum(source.row_nbytes for source in columns.values()))
    with ExitStack() as stack:
        readers = {
            name: stack.enter_context(closing(source.batches(rows)))
            for name, source in columns.items()
        }
        for start in range(0, count, rows):
            # Not zip, which holds on to the first batch.
            batch: dict[str, Any] = {name: next(reader) for name, reader in readers.items()}
            if keys is not None:
                batch[KEYS] = keys[start : start + rows]
            yield batch
        for reader in readers.values():
            next(reader, None)  # runs the check that the file ends here
