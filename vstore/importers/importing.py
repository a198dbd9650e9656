"""Importing: samples become those of a table of a transaction."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from vstore.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from vstore.faces import exported_from, internals
from vstore.importers.ahead import groups
from vstore.importers.batching import BATCH_NBYTES, gathered
from vstore.importers.errors import Skipped, name_of_item
from vstore.importers.importer import Columns, Rows
from vstore.importers.resuming import Journal
from vstore.importers.work import Group, Target, Work
from vstore.importers.writer import Existing, TableWriter
from vstore.writing.transaction import Transaction
from vstore.writing.transaction_table import TransactionTable

OnError = Literal["stop", "skip"]
THREADS = min(8, (os.cpu_count() or 1) + 2)
_TOLD = 20


@exported_from("vstore.importers")
@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did: to which table, and to how many samples."""

    table: str
    added: int
    count: int
    """How many samples the table has now."""
    replaced: int = 0
    equal: int = 0
    """How many were there already and stay as they are."""
    removed: int = 0
    skipped: tuple[Skipped, ...] = ()
    """What was left out because of errors, with `on_error="skip"`."""


@exported_from("vstore.importers")
@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """How an import goes."""

    append: bool = False
    """Add to a table that is there already. A key that it has is an error."""

    existing: Existing = "error"
    """What happens to samples whose keys the table has; it is created if it is not there.
    `skip` leaves them, `replace` replaces those that differ, `update` does that without reading
    files that are what they were: by ETag, or by size and time."""

    prune: bool = False
    """With `replace` or `update`: delete the samples whose keys are not in the source."""

    checksum: bool = False
    """Know files by the digests of their contents too: they are stored, and `update` compares them
    in place of size and time. Each file is read for it."""

    resume: str | os.PathLike[str] | None = None
    """A file for the journal of the import. If it is there, the import goes on where the one that
    wrote it stopped, whatever stopped it; delete it after the commit."""

    on_error: OnError = "stop"
    """`skip` leaves out items and samples with errors, and goes on."""

    max_errors: int | None = None
    """With `skip`: fail after more errors than this."""

    limit: int | None = None
    """Import this many samples from the source at most; about the first, as items go."""

    threads: int = THREADS
    """How many items are read at a time."""

    processes: int = 0
    """How many processes read items, in place of threads, for `read` that computes in Python."""

    batch_nbytes: int = BATCH_NBYTES
    """About how many bytes of samples are written at a time; it does not change what is stored."""

    on_batch: Callable[[int], object] | None = None
    """Is told after each batch how many samples it has."""

    on_skip: Callable[[Skipped], object] | None = None
    """Is told of each item or sample that is left out."""

    def __post_init__(self) -> None:
        if self.on_error not in ("stop", "skip"):
            raise InvalidInputError(f"on_error is 'stop' or 'skip', not {self.on_error!r}")
        for name in ("max_errors", "limit", "processes", "batch_nbytes"):
            value = getattr(self, name)
            if value is not None and value < 0:
                raise InvalidInputError(f"{name} is 0 or more, not {value!r}")
        if self.existing not in get_args(Existing):
            names = ", ".join(map(repr, get_args(Existing)))
            raise InvalidInputError(f"existing is one of {names}, not {self.existing!r}")
        if self.prune and (self.existing not in ("replace", "update") or self.limit is not None):
            raise InvalidInputError(
                "prune goes with existing='replace' or 'update', and without a limit"
            )
        if self.resume is not None and self.limit is not None:
            raise InvalidInputError("an import with a limit is not resumed")
        if self.threads < 1:
            raise InvalidInputError(f"threads is 1 or more, not {self.threads!r}")


@exported_from("vstore.importers")
def import_into(
    tx: Transaction, table: str, rows: Rows, options: ImportOptions | None = None, **more: Any
) -> Imported:
    """Add the samples of an import to a table of a transaction.

    The table is created for them, or it is one that is already there. Keys that are text name
    samples by integers if that is what the table does. Items are read ahead, on threads or in
    processes; batches have about 32 MiB. Memory is bounded, and the order of samples is that of
    the items.

    Args:
        tx: the transaction; nothing is committed before it ends.
        table: the table's path.
        rows: the samples, as `open_rows` finds them in files.
        options: how to go about it; `ImportOptions` explains them.
        more: fields of `ImportOptions`, in place of those of `options`.

    Raises:
        AlreadyExistsError: something is at the path, and `append` was not given.
        NotFoundError: there is no table to append to.
        InvalidInputError: samples or keys that do not fit the table, or a damaged source; the
            error names item, row, key and column.
    """
    chosen = replace(options or ImportOptions(), **more)
    return _Import(tx, table, rows, chosen).run()


class _Import:
    """An import that is going on."""

    def __init__(self, tx: Transaction, path: str, rows: Rows, options: ImportOptions) -> None:
        self._rows = rows
        self._options = options
        self._journal = Journal(
            None if options.resume is None else Path(options.resume), tx, _said(path, rows, options)
        )
        self._table = _table(tx, path, rows, options, goes_on=self._journal.goes_on)
        self._left_out = _LeftOut(options, self._journal.skipped)
        self._writer = TableWriter(
            tx,
            self._table,
            rows,
            options.existing,
            by_contents=options.checksum,
            counts=self._journal.counts,
        )

    def run(self) -> Imported:
        """Read, write, prune."""
        if self._options.prune and self._rows.key is None and self._options.resume is not None:
            raise InvalidInputError("samples are pruned by the keys of items where one goes on")
        self._write_all()
        if self._options.prune:
            if self._rows.many and self._left_out.kept:
                raise InvalidInputError(
                    "samples cannot be pruned, because the keys of what was left out are unknown"
                )
            self._writer.prune()
        self._writer.finish()
        done = self._writer.counts
        return Imported(
            self._table.path,
            done.added,
            len(self._table),
            done.replaced,
            done.equal,
            done.removed,
            tuple(self._left_out.kept),
        )

    def _write_all(self) -> None:
        options, journal, writer = self._options, self._journal, self._writer
        target = _target(self._table, self._rows)
        work = Work.of(self._rows, target, skips=options.on_error == "skip")
        rest, done = iter(self._rows.items), journal.position.items
        if done:
            journal.require_same(name_of_item(writer.passed(rest, target, done)))
        items = writer.wanted(rest, target, first=done)
        reading = groups(work, items, threads=options.threads, processes=options.processes)
        with closing(reading) as found:
            behind = journal.rest(_limited(found, options.limit))
            counted = journal.position.counted(self._left_out.noted(behind), writer)
            for batch in gathered(counted, nbytes=options.batch_nbytes):
                if batch.count:
                    writer.write(batch)
                    if options.on_batch is not None:
                        options.on_batch(batch.count)
                if journal.is_due(batch.nbytes):
                    writer.note()
                    journal.write()


def _said(path: str, rows: Rows, options: ImportOptions) -> dict[str, Any]:
    """Return what tells an import from others, for its journal."""
    how = {"existing": options.existing, "append": options.append, "on_error": options.on_error}
    return {"table": path, "from": dict(rows.provenance), "keys": rows.keys, **how}


def _table(
    tx: Transaction, path: str, rows: Rows, options: ImportOptions, *, goes_on: bool
) -> TransactionTable:
    if options.existing != "error" and rows.keys is None:
        raise InvalidInputError(
            "samples without keys cannot be told from those that are there",
            code="no-keys",
            hint="append them, or give the samples keys",
        )
    is_there = goes_on or options.append or (options.existing != "error" and path in tx)
    return _table_to_append_to(tx, path, rows) if is_there else _new_table(tx, path, rows)


def _target(table: TransactionTable, rows: Rows) -> Target:
    staged = internals(table)
    forms = {name: (staged.info(name), staged.sample_form(name)) for name in staged.names}
    return Target(table.path, forms, rows.keys, table.key_kind)


def _limited(found: Iterable[Group], limit: int | None) -> Iterable[Group]:
    """Yield groups until they have as many samples as there may be."""
    if limit is None:
        yield from found
        return
    left = limit
    for group in found if left else ():
        if group.count > left:
            group.values = {name: value[:left] for name, value in group.values.items()}
            group.keys = None if group.keys is None else group.keys[:left]
            group.count = left
        yield group
        left -= group.count
        if not left:
            return


class _LeftOut:
    """What is left out: kept, told, and counted until it is too much."""

    def __init__(self, options: ImportOptions, kept: list[Skipped]) -> None:
        self.kept = kept
        self._options = options

    def noted(self, found: Iterable[Group]) -> Iterable[Group]:
        """Yield groups on, taking note of what each left out."""
        most, tell = self._options.max_errors, self._options.on_skip
        for group in found:
            for each in group.skipped:
                self.kept.append(each)
                if tell is not None:
                    tell(each)
                if most is not None and len(self.kept) > most:
                    raise InvalidInputError(
                        f"more than {most} items have errors; the last is {each.item}: "
                        f"{each.error}",
                        code="too-many-errors",
                    )
            yield group


def first_samples(rows: Rows, count: int) -> list[Mapping[str, Any]]:
    """Return the first samples as `read` gives them, unchecked; for a look at a source."""
    found: list[Mapping[str, Any]] = []
    for item in rows.items:
        read = rows.read(item)
        found += islice(_one_by_one(read), count - len(found)) if rows.many else [read]
        if len(found) >= count:
            break
    return found


def _one_by_one(found: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    """Yield samples, those of whole columns too; the first error among them is raised."""
    for each in found:
        if isinstance(each, Exception):
            raise each
        if not isinstance(each, Columns):
            yield each
            continue
        for i in range(max(map(len, each.values()), default=0)):
            yield {name: _plain(values[i]) for name, values in each.items()}


def _plain(value: Any) -> Any:
    return None if value is np.ma.masked else value


def _new_table(tx: Transaction, path: str, rows: Rows) -> TransactionTable:
    if path in tx:
        raise AlreadyExistsError(
            f"there is something at {path!r} already",
            code="path-exists",
            hint="choose another path, or append to it if it is a table, or replace its samples",
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
