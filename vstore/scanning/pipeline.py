"""The chunk pipeline: rows of several arrays in their order, within a budget of bytes."""

import os
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

from vstore.reading.workers import Workers
from vstore.scanning.blocks import Block, Blocks
from vstore.scanning.spans import Span

_FIRST_NBYTES = 4 * 2**20
"""How much is brought before the first rows are handed over; it doubles from then on."""

_DECODERS = os.cpu_count() or 1

Rows = tuple[Span, dict[str, Any]]
"""A span, and what there is of each array from its start to its stop."""


class _EndedError(Exception):
    """The scan was closed while this was under way; nobody sees it."""


class _Gate:
    """Lets as many threads decode as there are cores, and none once the scan has ended."""

    def __init__(self) -> None:
        self._cores = threading.BoundedSemaphore(_DECODERS)
        self.is_closed = False

    def __enter__(self) -> None:
        if self.is_closed:
            raise _EndedError
        self._cores.acquire()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cores.release()


def scan(
    arrays: Mapping[str, Blocks],
    spans: Iterable[Span],
    *,
    memory_nbytes: int,
    is_narrowed: bool = False,
) -> Generator[Rows, None, None]:
    """Yield the rows of some spans, which are in order, each in one block of every array.

    Every block that a span needs is read and decoded once, ahead of its turn while about
    `memory_nbytes` last. Closing the iterator ends the threads. Spans are taken as far ahead
    as blocks are read; where that `is_narrowed`, so that each costs work of its own, only a
    few at first.
    """
    ahead = _Ahead(arrays, iter(spans), memory_nbytes, most_spans=1 if is_narrowed else None)
    try:
        while ahead.refill():
            yield ahead.next()
    finally:
        ahead.close()


class _Ahead:
    """The spans that are taken and not handed over yet, and the blocks they need."""

    def __init__(
        self,
        arrays: Mapping[str, Blocks],
        spans: Iterator[Span],
        memory_nbytes: int,
        *,
        most_spans: int | None,
    ) -> None:
        self._arrays = arrays
        self._spans = spans
        self._limit = min(_FIRST_NBYTES, memory_nbytes)
        self._memory_nbytes = memory_nbytes
        self._most_spans = most_spans
        self._waiting: deque[tuple[Span, dict[str, Block]]] = deque()
        self._newest: dict[str, Block] = {}
        self._used = 0
        self._gate = _Gate()
        self._workers = Workers(2 * max(1, len(arrays)), name="vstore-scan")

    def refill(self) -> bool:
        """Begin to bring what there is room for; return whether a span is to be handed over.

        Nothing is begun until half of the room is free, so that chunks come together.
        """
        if self._waiting and (self._used > self._limit // 2 or self._has_enough_spans(half=True)):
            return True
        begun: dict[str, list[Block]] = {}
        while not self._waiting or (self._used < self._limit and not self._has_enough_spans()):
            span = next(self._spans, None)
            if span is None:
                break
            self._take(span, begun)
        for name, blocks in begun.items():
            self._workers.submit(self._load, (self._arrays[name], blocks))
        self._limit = min(2 * self._limit, self._memory_nbytes)
        if self._most_spans is not None:
            self._most_spans *= 2
        return bool(self._waiting)

    def _has_enough_spans(self, *, half: bool = False) -> bool:
        if self._most_spans is None:
            return False
        return len(self._waiting) >= max(1, self._most_spans // (4 if half else 1))

    def _take(self, span: Span, begun: dict[str, list[Block]]) -> None:
        held: dict[str, Block] = {}
        for name, blocks in self._arrays.items():
            number = span.start // blocks.rows
            block = self._newest.get(name)
            if block is None or block.number != number:
                self._newest[name] = blocks.block(number)
                self._used += blocks.nbytes
                if block is not None and not block.uses:
                    self._used -= blocks.nbytes
                block = self._newest[name]
                begun.setdefault(name, []).append(block)
            block.uses += 1
            held[name] = block
        self._waiting.append((span, held))

    def next(self) -> Rows:
        """Return the next span with its rows, once they are there."""
        span, held = self._waiting.popleft()
        found: dict[str, Any] = {}
        for name, block in held.items():
            first = block.number * self._arrays[name].rows
            found[name] = block.wait()[span.start - first : span.stop - first]
            block.uses -= 1
            if not block.uses and self._newest[name] is not block:
                self._used -= self._arrays[name].nbytes
        return span, found

    def _load(self, task: tuple[Blocks, Sequence[Block]]) -> None:
        blocks, begun = task
        if self._gate.is_closed:
            return
        try:
            blocks.load(begun, self._gate)
        except _EndedError:
            return  # kept with a block, it would keep the block alive
        except BaseException as error:  # noqa: BLE001 - raised again where the block is awaited
            for block in begun:
                block.fail(error)

    def close(self) -> None:
        """End the threads: those that wait for a request end with it."""
        self._gate.is_closed = True
        self._workers.close()
