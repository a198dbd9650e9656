"""Randomness that follows from a seed, an epoch and a sample's place in the order alone."""

import ctypes
import random
import struct
import sys
from collections.abc import Callable, Collection, Generator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from typing import Any

import numpy as np
from blake3 import blake3

from vstore.storage.forking import ForkSafeLock

Digest = bytes
"""32 bytes that a generator is seeded with."""

Reseed = Callable[[Digest], None]
"""Seed one generator."""

SAMPLE, BATCH = range(2)
"""What a digest is for."""

_MERSENNE_NBYTES = 2500
_NBYTES = 32
_ODD = 16
_NOTHING_LEFT = bytes(8)
_NAME = struct.Struct("<4Q")


class Draws:
    """The randomness of one epoch: an endless stream of digests for each purpose and member."""

    def __init__(self, seed: int, epoch: int) -> None:
        self._numbers = seed & (2**64 - 1), epoch
        self._streams: dict[tuple[int, int], Any] = {}

    def digests(self, purpose: int, member: int, places: range) -> list[Digest]:
        """Return what to seed with for samples at some places, or for batches that begin there."""
        stream = self._stream(purpose, member)
        if places.step != 1:
            return [stream.digest(_NBYTES, seek=_NBYTES * place) for place in places]
        numbers: bytes = stream.digest(_NBYTES * len(places), seek=_NBYTES * places.start)
        return [numbers[i : i + _NBYTES] for i in range(0, len(numbers), _NBYTES)]

    def _stream(self, purpose: int, member: int) -> Any:
        stream = self._streams.get((purpose, member))
        if stream is None:
            stream = blake3(_NAME.pack(*self._numbers, purpose, member))
            self._streams[purpose, member] = stream
        return stream


def reseed_of(generator: Any) -> Reseed | None:
    """Return how to seed a generator of NumPy, Python or torch; None for what is none."""
    if isinstance(generator, np.random.Generator):
        generator = generator.bit_generator
    if isinstance(generator, np.random.BitGenerator):
        return _pcg(generator) if isinstance(generator, np.random.PCG64) else _bits(generator)
    if isinstance(generator, np.random.RandomState | random.Random):
        return lambda digest: generator.seed(int.from_bytes(digest[:4], "little"))
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(generator, torch.Generator):
        return lambda digest: _seed_torch(generator, digest)
    return None


def _pcg(generator: np.random.PCG64) -> Reseed:
    """Return how to make a digest the state: as good a start as any that a seed sequence makes."""
    memory = _PcgMemory.of(generator) if _has_known_memory() else None
    return partial(_set_pcg, generator) if memory is None else memory.write


def _set_pcg(generator: np.random.PCG64, digest: Digest) -> None:
    start, increment = (int.from_bytes(part, "little") for part in (digest[:16], digest[16:]))
    numbers = {"state": start, "inc": increment | 1}
    state: Any = {"bit_generator": "PCG64", "state": numbers, "has_uint32": 0, "uinteger": 0}
    generator.state = state


@cache
def _has_known_memory() -> bool:
    """Return whether writing to a generator's memory does what setting its state does."""
    one, other = np.random.PCG64(1), np.random.PCG64(2)
    np.random.Generator(one).integers(9, dtype=np.uint32)  # leaves half a number
    memory, digest = _PcgMemory.of(one), bytes(range(100, 100 + _NBYTES))
    if memory is None:
        return False
    memory.write(digest)
    _set_pcg(other, digest)
    return bool(one.state == other.state)


class _PcgMemory:
    """The memory that holds the state of a PCG64: writing to it costs a tenth of setting it.

    It has the layout of `pcg64_state` in NumPy's headers: a pointer to the state and the
    increment, of 16 bytes each, then what is left of a number of which half was given out.
    """

    def __init__(self, generator: np.random.PCG64, numbers: int, left: int) -> None:
        self._generator = generator  # as long as this lives, its memory does
        self._numbers = _memory(numbers, _NBYTES)
        self._left = _memory(left, len(_NOTHING_LEFT))

    @classmethod
    def of(cls, generator: np.random.PCG64) -> "_PcgMemory | None":
        """Return the memory of a generator, or None where it is not inside that object."""
        start = id(generator)
        inside = range(start, start + type(generator).__basicsize__ - _NBYTES + 1)
        address = generator.ctypes.state_address
        if address not in inside:
            return None
        numbers = ctypes.c_void_p.from_address(address).value
        if numbers is None or numbers not in inside:
            return None
        return cls(generator, numbers, address + ctypes.sizeof(ctypes.c_void_p))

    def write(self, digest: Digest) -> None:
        """Make a digest the state."""
        self._numbers[:] = digest
        self._numbers[_ODD] |= 1
        self._left[:] = _NOTHING_LEFT


def _memory(address: int, nbytes: int) -> memoryview:
    return memoryview((ctypes.c_ubyte * nbytes).from_address(address)).cast("B")


def _bits(generator: np.random.BitGenerator) -> Reseed:
    def reseed(digest: Digest) -> None:
        generator.state = type(generator)(int.from_bytes(digest, "little")).state

    return reseed


def _seed_torch(generator: Any, digest: Digest) -> None:
    generator.manual_seed(int.from_bytes(digest[:8], "little") >> 1)


PYTHON, NUMPY, TORCH = range(3)
"""The global generators, which belong to the program."""

ALL = frozenset([PYTHON, NUMPY, TORCH])

_in_use = ForkSafeLock()


@contextmanager
def own_generators(which: Collection[int] = ALL) -> Generator[list[Reseed], None, None]:
    """Lend global generators of Python, NumPy and torch; then put their state back.

    They belong to the program, whose own thread must be the one that borrows them.
    """
    with _in_use, ExitStack() as stack:
        lent = [_LENT[each](stack) for each in sorted(which)]
        yield [reseed for reseed in lent if reseed is not None]


def _of_python(stack: ExitStack) -> Reseed:
    python_state = random.getstate()
    stack.callback(lambda: random.setstate(python_state))
    return lambda digest: random.seed(int.from_bytes(digest[:16], "little"))


def _of_numpy(stack: ExitStack) -> Reseed:
    legacy = _legacy()
    stack.callback(legacy.set_state, legacy.get_state(legacy=False))
    return lambda digest: legacy.seed(int.from_bytes(digest[:4], "little"))


def _of_torch(stack: ExitStack) -> Reseed | None:
    torch = sys.modules.get("torch")
    if torch is None:
        return None
    generator = torch.default_generator
    stack.callback(generator.set_state, generator.get_state())
    return lambda digest: _seed_torch(generator, digest)


_LENT: tuple[Callable[[ExitStack], Reseed | None], ...] = (_of_python, _of_numpy, _of_torch)


def _legacy() -> Any:
    """Return NumPy's global generator."""
    return np.random.mtrand._rand  # noqa: SLF001


Trace = tuple[Any, ...]
"""What differs for each global generator once somebody has drawn from it."""


def trace() -> Trace:
    """Return what tells, later, which global generators were drawn from."""
    bits = _legacy()._bit_generator  # noqa: SLF001
    if isinstance(bits, np.random.MT19937):
        # Its `state` is made number by number, which takes a tenth of a millisecond.
        numbers: Any = ctypes.string_at(bits.ctypes.state_address, _MERSENNE_NBYTES)
    else:
        numbers = repr(bits.state)
    torch = sys.modules.get("torch")
    of_torch = None if torch is None else torch.default_generator.get_state().numpy().tobytes()
    return random.getstate(), numbers, of_torch


def drawn_since(before: Trace) -> frozenset[int]:
    """Return which global generators were drawn from since a trace was taken."""
    after = trace()
    return frozenset(each for each in ALL if before[each] != after[each])
