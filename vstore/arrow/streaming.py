"""Batches of a scan, in order: the chunks of its columns, then what a filter leaves of them."""

from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from vstore.arrow.columns import ArrowColumn
from vstore.arrow.filters import Filter
from vstore.format.numbers import Ints, Positions
from vstore.format.table.rows import Rows
from vstore.optional import needed
from vstore.scanning.blocks import Blocks
from vstore.scanning.opening import Opening
from vstore.scanning.pipeline import scan
from vstore.scanning.spans import Span, spans_of

with needed("pyarrow", extra="arrow", purpose="vstore.arrow"):
    import pyarrow as pa

Columns = Mapping[str, ArrowColumn]


@dataclass(frozen=True, slots=True)
class Budget:
    """How large batches are, and how much is read ahead."""

    batch_nbytes: int
    memory_nbytes: int

    def rows(self, columns: Columns) -> int:
        """Return how many rows a batch of some columns has: a power of two, as chunks have."""
        nbytes = sum(column.row_nbytes for column in columns.values())
        most = int(min(max(1, self.batch_nbytes / max(nbytes, 1 / 64)), 2**30))
        return 1 << (most.bit_length() - 1)

    def half(self) -> "Budget":
        """Return the budget of each of two that run at a time."""
        return Budget(self.batch_nbytes, max(1, self.memory_nbytes // 2))


@dataclass(frozen=True, slots=True)
class Stage:
    """Columns that are read together."""

    columns: Columns
    arrays: Mapping[str, Blocks]
    sizes: frozenset[int]
    budget: Budget

    @classmethod
    def of(cls, columns: Columns, budget: Budget, *, is_narrowed: bool) -> "Stage":
        """Open columns; of chunks alone where few rows of theirs are expected."""
        opening = Opening()
        rows = budget.rows(columns)
        arrays = {
            f"{name}\0{suffix}": open_blocks(1 if is_narrowed else rows)
            for name, column in columns.items()
            for suffix, open_blocks in column.open(opening).items()
        }
        sizes = frozenset({rows, *(each.rows for each in arrays.values())})
        return cls(columns, arrays, sizes, budget)

    def batches(
        self, spans: Iterable[Span], *, is_narrowed: bool = False
    ) -> Generator[tuple[Span, "pa.RecordBatch"], None, None]:
        """Yield spans, each with all of its rows."""
        nbytes = self.budget.memory_nbytes
        rows = scan(self.arrays, spans, memory_nbytes=nbytes, is_narrowed=is_narrowed)
        schema = pa.schema([column.field for column in self.columns.values()])
        with closing(rows):
            for span, found in rows:
                parts: dict[str, dict[str, Any]] = {name: {} for name in self.columns}
                for key, values in found.items():
                    name, _, suffix = key.rpartition("\0")
                    parts[name][suffix] = values
                arrays = [column.array(parts[name]) for name, column in self.columns.items()]
                yield span, pa.RecordBatch.from_arrays(arrays, schema=schema)


def batches(
    columns: Columns, rows: Rows, chosen: range | Positions, budget: Budget
) -> Generator["pa.RecordBatch", None, None]:
    """Yield the samples at some positions, ascending."""
    stage = Stage.of(columns, budget, is_narrowed=not isinstance(chosen, range))
    found = stage.batches(spans_of(rows, chosen, stage.sizes))
    with closing(found):
        yield from _gathered((_picked(batch, span.keep) for span, batch in found), budget)


def filtered(
    columns: Columns, rows: Rows, chosen: range | Positions, budget: Budget, wanted: "Wanted"
) -> Generator["pa.RecordBatch", None, None]:
    """Yield those of the samples at some positions that a filter takes.

    The columns that the filter is about are read first, and of the others those chunks alone in
    which it takes a sample.
    """
    narrowing = _Narrowing(columns, rows, chosen, budget.half(), wanted)
    rest = {name: columns[name] for name in wanted.columns if name not in narrowing.names}
    last = Stage.of(rest, budget.half(), is_narrowed=True)
    spans = narrowing.spans(last.sizes if rest else frozenset())
    found = last.batches(spans, is_narrowed=True)
    with closing(spans), closing(found):
        yield from _gathered(
            (narrowing.joined(_picked(batch, span.keep), wanted.columns) for span, batch in found),
            budget,
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which columns a scan gives, and which samples."""

    columns: Sequence[str]
    where: Filter


class _Narrowing:
    """The first stage of a filtered scan: what its columns hold of the samples it takes."""

    def __init__(
        self,
        columns: Columns,
        rows: Rows,
        chosen: range | Positions,
        budget: Budget,
        wanted: Wanted,
    ) -> None:
        self.names = frozenset(wanted.where.columns)
        self._where = wanted.where
        self._kept = [name for name in wanted.where.columns if name in wanted.columns]
        self._stage = Stage.of(
            {name: columns[name] for name in wanted.where.columns}, budget, is_narrowed=False
        )
        self._source = spans_of(rows, chosen, self._stage.sizes)
        self._carried: deque[pa.RecordBatch] = deque()

    def spans(self, sizes: frozenset[int]) -> Generator[Span, None, None]:
        """Yield the spans in which the filter takes a sample, with these alone."""
        found = self._stage.batches(self._source)
        with closing(found):
            for span, whole in found:
                batch = _picked(whole, span.keep)
                hits = self._where.hits(batch)
                if not len(hits):
                    continue
                kept = _picked(batch.select(self._kept), hits)
                at = 0
                for piece in span.picking(hits).cut(sizes):
                    self._carried.append(_slice(kept, at, len(piece)))
                    at += len(piece)
                    yield piece

    def joined(self, rest: "pa.RecordBatch", names: Sequence[str]) -> "pa.RecordBatch":
        """Return the next span's columns of both stages."""
        kept = self._carried.popleft()
        found = {
            field.name: (field, batch.column(i))
            for batch in (rest, kept)
            for i, field in enumerate(batch.schema)
        }
        fields, arrays = zip(*(found[name] for name in names), strict=True)
        return pa.RecordBatch.from_arrays(list(arrays), schema=pa.schema(fields))


def _slice(batch: "pa.RecordBatch", start: int, count: int) -> "pa.RecordBatch":
    return batch.slice(start, count)


def _picked(batch: "pa.RecordBatch", rows: Ints | None) -> "pa.RecordBatch":
    """Return some rows of a batch, all where None."""
    if rows is None or not batch.num_columns:
        return batch
    if len(rows) == batch.num_rows:
        return batch
    return batch.take(pa.array(rows))


def _gathered(pieces: Iterator["pa.RecordBatch"], budget: Budget) -> Iterator["pa.RecordBatch"]:
    """Yield small batches together: the first as it is, then more and more at a time."""
    held: list[pa.RecordBatch] = []
    nbytes, enough = 0, 1
    for piece in pieces:
        if not piece.num_rows:
            continue
        held.append(piece)
        nbytes += piece.nbytes
        if nbytes >= enough:
            yield _joined(held)
            held, nbytes = [], 0
            enough = min(2 * max(enough, 2**14), budget.batch_nbytes // 2)
    if held:
        yield _joined(held)


def _joined(batches: Sequence["pa.RecordBatch"]) -> "pa.RecordBatch":
    if len(batches) == 1:
        return batches[0]
    return pa.Table.from_batches(batches).combine_chunks().to_batches()[0]


def ascending(positions: Positions) -> bool:
    """Return whether positions are in ascending order, none twice."""
    return bool((np.diff(positions) > 0).all())
