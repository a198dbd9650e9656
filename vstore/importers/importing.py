"""Importing: from files to samples, and from samples to a table of a transaction."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from vstore.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from vstore.faces import exported_from
from vstore.format.table.names import KEYS
from vstore.format.table.sample_keys import KeyKind, SampleKey, find_key_kind
from vstore.importers.arrays import ArrayImporter
from vstore.importers.files import HEAD_NBYTES, unknown_format
from vstore.importers.import_source import ImportSource
from vstore.importers.importer import Batch, Importer, Rows
from vstore.writing.transaction import Transaction
from vstore.writing.transaction_table import TransactionTable

IMPORTERS: tuple[Importer, ...] = (ArrayImporter(),)
"""The importers that vstore has itself."""

OnBatch = Callable[[int], object]
"""Receive how many samples a batch has; called when the table has taken it."""


@exported_from("vstore.importers")
@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to: the table, how many samples were added, and how many it has now."""

    table: str
    added: int
    count: int


@exported_from("vstore.importers")
def open_rows(files: Sequence[str | os.PathLike[str]], **options: Any) -> Rows:
    """Return the samples in files, opened by the importer that fits.

    `options` are those of the importer; `ArrayImporter.open` explains the ones for arrays.

    Raises:
        NotFoundError: a file is not there.
        InvalidInputError: no importer fits, or a file is damaged.
    """
    source = ImportSource.of(files)
    return find_importer(source).open(source, **options)


def find_importer(source: ImportSource, importers: Sequence[Importer] = IMPORTERS) -> Importer:
    """Return the one importer that fits a source, or raise `InvalidInputError`."""
    fitting = [importer for importer in importers if importer.fits(source)]
    if not fitting:
        raise unknown_format(source.paths[0], source.head(HEAD_NBYTES))
    if len(fitting) > 1:
        names = " and ".join(importer.name for importer in fitting)
        raise InvalidInputError(f"{source} can be read by several importers: {names}")
    return fitting[0]


@exported_from("vstore.importers")
def import_into(
    tx: Transaction,
    table: str,
    rows: Rows,
    *,
    append: bool = False,
    on_batch: OnBatch | None = None,
) -> Imported:
    """Add the samples of an import to a table of a transaction.

    The table is created for them, or it is one that is already there. Keys that are text name
    samples by integers if that is what the table does.

    Args:
        tx: the transaction; nothing is committed before it ends.
        table: the table's path.
        rows: the samples, as `open_rows` finds them in files.
        append: add to a table that is already there.
        on_batch: is told after each batch how many samples it has.

    Raises:
        AlreadyExistsError: something is at the path, and `append` was not given.
        NotFoundError: there is no table to append to.
        InvalidInputError: samples or keys that do not fit the table, or a damaged source.
    """
    into = _table_to_append_to(tx, table, rows) if append else _new_table(tx, table, rows)
    before = len(into)
    into.extend(_told(_batches(into, rows), on_batch))
    return Imported(table, len(into) - before, len(into))


def _new_table(tx: Transaction, path: str, rows: Rows) -> TransactionTable:
    if path in tx:
        raise AlreadyExistsError(
            f"there is something at {path!r} already",
            code="path-exists",
            hint="choose another path, or append to it if it is a table",
            path=path,
        )
    return tx.create_table(path, rows.columns, keys=rows.keys, attributes=rows.attributes)


def _table_to_append_to(tx: Transaction, path: str, rows: Rows) -> TransactionTable:
    if path not in tx:
        raise NotFoundError(
            f"there is no table {path!r} to append to", code="path-not-found", path=path
        )
    found = tx[path]
    if not isinstance(found, TransactionTable):
        raise InvalidInputError(
            f"{path!r} is not a table, so samples cannot be added to it", code="not-a-table"
        )
    if rows.keys is not None and found.key_kind is None:
        raise InvalidInputError(
            f"the samples of {path!r} have no keys",
            code="unexpected-keys",
            hint="import them without keys",
            path=path,
        )
    return found


def _batches(table: TransactionTable, rows: Rows) -> Iterator[Batch]:
    """Yield the batches with keys as the table names its samples: text may spell them."""
    given, own = find_key_kind(rows.keys), find_key_kind(table.key_kind)
    for batch in rows.batches():
        if given is None or own is None or own.is_text or not given.is_text:
            yield batch
        else:
            yield {**batch, KEYS: [_parsed(key, own, table.path) for key in batch[KEYS]]}


def _parsed(text: str, kind: KeyKind, path: str) -> SampleKey:
    key = kind.parse(text)
    if key is None:
        raise InvalidInputError(f"the keys of {path!r} are {kind.spelled}; the import has {text!r}")
    return key


def _told(batches: Iterator[Batch], on_batch: OnBatch | None) -> Iterator[Batch]:
    for batch in batches:
        yield batch
        if on_batch is not None:
            on_batch(len(next(iter(batch.values()))))
