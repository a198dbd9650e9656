"""Memory comes back when its last view is gone, and never before."""

import gc
import threading

import numpy as np

from vstore.reading.buffers import BufferPool

BYTES = np.dtype(np.uint8)


def test_memory_is_used_again_once_nobody_sees_it() -> None:
    pool = BufferPool()
    first = pool.lend((1000,), BYTES)
    address = first.ctypes.data
    del first
    assert pool.lend((1000,), BYTES).ctypes.data == address


def test_memory_that_a_view_shows_is_not_used_again() -> None:
    pool = BufferPool()
    first = pool.lend((10, 100), BYTES)
    first[:] = 7
    kept = first[3].reshape(10, 10).view(np.int16)
    del first
    for _ in range(50):
        pool.lend((10, 100), BYTES)[:] = 0
    assert (kept == 0x0707).all()
    assert pool.lent == 1


def test_every_shape_and_type_is_possible() -> None:
    pool = BufferPool()
    for shape, dtype in [
        ((), "f8"),
        ((0, 3), "i4"),
        ((2, 0), "u1"),
        ((3, 5), "M8[s]"),
        ((4,), "U3"),
    ]:
        lent = pool.lend(shape, np.dtype(dtype))
        assert (lent.shape, lent.dtype) == (shape, np.dtype(dtype))
        assert lent.flags.writeable


def test_no_more_memory_is_kept_than_allowed() -> None:
    pool = BufferPool(keep_nbytes=0)
    large = pool.lend((32 * 2**20,), BYTES)
    del large
    gc.collect()
    assert pool.lent == 0
    assert pool.kept_nbytes == 0


def test_threads_get_different_memory() -> None:
    pool = BufferPool()
    failures: list[str] = []

    def work(number: int) -> None:
        for _ in range(300):
            mine = pool.lend((256,), BYTES)
            mine[:] = number
            if not (mine == number).all():
                failures.append("overwritten")

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
