"""Memory that is used again once nobody can see it any more.

Fresh memory costs a page fault for every 4 KiB, more than decoding what goes there; a
tenth of that where the system gives it in huge pages.
"""

import mmap
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.faces import pickled

Allocate = Callable[[int], NDArray[np.uint8]]
"""Return fresh memory of this many bytes."""

_GRAIN = 4096
_HUGE_PAGE_NBYTES = 2 * 2**20
_SLAB_NBYTES = 4 * 2**20
"""Small buffers are cut from pieces this large, which the system backs with huge pages."""

_CUTS = 16


@pickled
def allocate(nbytes: int) -> NDArray[np.uint8]:
    """Return fresh memory of this many bytes, in huge pages where it is large and there are any.

    The system gives it page by page, once something is written there.
    """
    if nbytes < _HUGE_PAGE_NBYTES or not hasattr(mmap, "MADV_HUGEPAGE"):
        return np.empty(nbytes, np.uint8)
    # Huge pages begin at multiples of their size, and the last one must not stick out.
    mapped = mmap.mmap(
        -1, nbytes + 2 * _HUGE_PAGE_NBYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    )
    with suppress(OSError):  # a kernel without them
        mapped.madvise(mmap.MADV_HUGEPAGE)
    memory = np.frombuffer(mapped, np.uint8)
    start = -memory.ctypes.data % _HUGE_PAGE_NBYTES
    return memory[start : start + nbytes]


class _Loan(weakref.ref[NDArray[Any]]):
    """Tells of the end of an array that shows some memory.

    The end comes wherever the last view dies. What is called then is no Python code: there
    Ctrl-C would be lost, and another thread's lock could never be taken.
    """

    __slots__ = ("memory",)
    memory: NDArray[np.uint8]


class BufferPool:
    """Lends arrays; the memory of one comes back when its last view, of any kind, is gone.

    A view may be a NumPy array, a torch tensor or anything else that keeps what it shows
    alive, so a batch that a user keeps is never overwritten. Safe to use from several
    threads.

    >>> pool = BufferPool()
    >>> batch = pool.lend((2, 3), np.dtype("int16"))
    >>> batch.shape, pool.lent
    ((2, 3), 1)
    >>> row = batch[0]; del batch; pool.lent
    1
    >>> del row; pool.lent
    0
    """

    def __init__(self, *, keep_nbytes: int = 64 * 2**20, allocate: Allocate = allocate) -> None:
        self._keep_nbytes = keep_nbytes
        self._allocate = allocate
        self._free: dict[int, deque[NDArray[np.uint8]]] = {}
        self._lent: dict[int, _Loan] = {}
        self._ended: deque[_Loan] = deque()
        self._kept = 0

    @property
    def lent(self) -> int:
        """How many arrays are still in use."""
        self.settle()
        return len(self._lent)

    @property
    def kept_nbytes(self) -> int:
        """How much memory waits to be lent again, about."""
        return self._kept

    def lend(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return an array with arbitrary contents."""
        nbytes = dtype.itemsize
        for length in shape:
            nbytes *= length
        if not nbytes:
            return np.empty(shape, dtype)
        size = _size_class(nbytes)
        memory = self._take(size)
        # An array made from a memoryview owns nothing, and every view of it, torch's
        # included, keeps exactly this array alive: its end is the end of the loan.
        array = np.frombuffer(memory.data, np.uint8, nbytes).view(dtype)
        owner: NDArray[Any] = array.base  # type: ignore[assignment]
        loan = _Loan(owner, self._ended.append)
        loan.memory = memory
        self._lent[id(memory)] = loan
        return array.reshape(shape)

    def settle(self) -> None:
        """Take back the memory of what has ended; lending does so itself."""
        while self._ended:
            with suppress(IndexError):  # another thread has taken the last one
                memory = self._ended.popleft().memory
                self._lent.pop(id(memory), None)
                if self._kept + memory.nbytes <= self._keep_nbytes:
                    self._keep(memory)

    def _take(self, size: int) -> NDArray[np.uint8]:
        self.settle()
        try:
            memory = self._free[size].pop()
        except (KeyError, IndexError):
            return self._cut(size)
        self._kept -= size
        return memory

    def _cut(self, size: int) -> NDArray[np.uint8]:
        count = min(_CUTS, max(1, _SLAB_NBYTES // size))
        slab = self._allocate(size * count)
        for i in range(1, count):
            self._keep(slab[i * size : (i + 1) * size])
        return slab[:size]

    def _keep(self, memory: NDArray[np.uint8]) -> None:
        self._kept += memory.nbytes
        self._free.setdefault(memory.nbytes, deque()).append(memory)


def _size_class(nbytes: int) -> int:
    """Return a size that many sizes share, at most a quarter larger.

    >>> _size_class(1), _size_class(200_704), _size_class(1_000_000)
    (4096, 229376, 1048576)
    """
    step = max(_GRAIN, (1 << (nbytes.bit_length() - 1)) // 4)
    return -(-nbytes // step) * step
