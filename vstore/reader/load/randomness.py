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
"""What a generator is seeded with: zeros, then random bytes, as a PCG64 has them in memory."""

Reseed = Callable[[Digest], None]
"""Seed one generator."""

SAMPLE, BATCH = range(2)
"""What a digest is for."""

_MERSENNE_NBYTES = 2500
_LEFT = 16
"""How many bytes of a digest are zero: a PCG64 has nothing left of a number that it gave out."""

_NBYTES = 32
"""How many bytes of it are random: half of them a state, half of them an odd increment."""

_ODD = 16
_DIGEST = np.dtype((np.void, _LEFT + _NBYTES))
_NAME = struct.Struct("<4Q")


class Draws:
    """The randomness of one epoch: an endless stream of digests for each purpose and member."""

    def __init__(self, seed: int, epoch: int) -> None:
        self._numbers = seed & (2**64 - 1), epoch
        self._streams: dict[tuple[int, int], Any] = {}

    def digests(self, purpose: int, member: int, places: range) -> list[Digest]:
        """Return what to seed with for samples at some places, or for batches that begin there."""
        stream = self._stream(purpose, member)
        if len(places) == 1:
            random_bytes = bytearray(stream.digest(_NBYTES, seek=_NBYTES * places.start))
            random_bytes[_ODD] |= 1
            return [bytes(_LEFT) + random_bytes]
        if places.step == 1:
            drawn = stream.digest(_NBYTES * len(places), seek=_NBYTES * places.start)
        else:
            drawn = b"".join(stream.digest(_NBYTES, seek=_NBYTES * place) for place in places)
        table = np.zeros((len(places), _LEFT + _NBYTES), np.uint8)
        table[:, _LEFT:] = np.frombuffer(drawn, np.uint8).reshape(-1, _NBYTES)
        table[:, _LEFT + _ODD] |= 1
        digests: list[Digest] = table.view(_DIGEST)[:, 0].tolist()
        return digests

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
        return lambda digest: generator.seed(_number(digest, 4))
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(generator, torch.Generator):
        return lambda digest: _seed_torch(generator, digest)
    return None


def _number(digest: Digest, nbytes: int) -> int:
    """Return a random number of some bytes."""
    return int.from_bytes(digest[_LEFT : _LEFT + nbytes], "little")


def _pcg(generator: np.random.PCG64) -> Reseed:
    """Return how to make a digest the state: as good a start as any that a seed sequence makes."""
    memory = _PcgMemory.of(generator) if _has_known_memory() else None
    if memory is None:
        return partial(_set_pcg, generator)
    return partial(memoryview(memory).cast("B").__setitem__, slice(None))


def _set_pcg(generator: np.random.PCG64, digest: Digest) -> None:
    increment = int.from_bytes(digest[_LEFT + _ODD :], "little")
    numbers = {"state": _number(digest, _ODD), "inc": increment}
    state: Any = {"bit_generator": "PCG64", "state": numbers, "has_uint32": 0, "uinteger": 0}
    generator.state = state


@cache
def _has_known_memory() -> bool:
    """Return whether writing to a generator's memory does what setting its state does."""
    one, other = np.random.PCG64(1), np.random.PCG64(2)
    np.random.Generator(one).integers(9, dtype=np.uint32)  # leaves half a number
    memory, (digest,) = _PcgMemory.of(one), Draws(1, 2).digests(SAMPLE, 0, range(1))
    if memory is None:
        return False
    memoryview(memory).cast("B")[:] = digest
    _set_pcg(other, digest)
    return bool(one.state == other.state)


class _PcgMemory(ctypes.Array[ctypes.c_ubyte]):
    """The memory that holds the state of a PCG64: writing to it costs a tenth of setting it.

    It has the layout of `pcg64_state` in NumPy's headers: a pointer to the numbers, then what is
    left of a number of which half was given out. The numbers themselves follow at once.
    """

    _type_ = ctypes.c_ubyte
    _length_ = _LEFT + _NBYTES
    generator: np.random.PCG64

    @classmethod
    def of(cls, generator: np.random.PCG64) -> "_PcgMemory | None":
        """Return the memory of a generator, or None where it does not lie like this."""
        left = generator.ctypes.state_address + ctypes.sizeof(ctypes.c_void_p)
        end = id(generator) + type(generator).__basicsize__
        if not id(generator) < left <= end - cls._length_:
            return None
        numbers = ctypes.c_void_p.from_address(generator.ctypes.state_address).value
        if numbers != left + _LEFT:
            return None
        memory = cls.from_address(left)
        memory.generator = generator  # as long as this lives, its memory does
        return memory


def _bits(generator: np.random.BitGenerator) -> Reseed:
    def reseed(digest: Digest) -> None:
        generator.state = type(generator)(_number(digest, _NBYTES)).state

    return reseed


def _seed_torch(generator: Any, digest: Digest) -> None:
    generator.manual_seed(_number(digest, 8) >> 1)


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
    return lambda digest: random.seed(_number(digest, 16))


def _of_numpy(stack: ExitStack) -> Reseed:
    legacy = _legacy()
    stack.callback(legacy.set_state, legacy.get_state(legacy=False))
    return lambda digest: legacy.seed(_number(digest, 4))


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
