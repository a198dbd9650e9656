"""Randomness that follows from a seed, an epoch and a sample's place in the order alone."""

import ctypes
import hashlib
import random
import struct
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import numpy as np

from vstore.storage.forking import ForkSafeLock

Digest = bytes
"""32 bytes that a generator is seeded with."""

Reseed = Callable[[Digest], None]
"""Seed one generator."""

SAMPLE, BATCH = range(2)
"""What a digest is for."""

_MERSENNE_NBYTES = 2500
_PLACE = struct.Struct("<3Q")


class Draws:
    """The randomness of one epoch."""

    def __init__(self, seed: int, epoch: int) -> None:
        numbers = struct.pack("<2Q", seed & (2**64 - 1), epoch)
        self._begun = hashlib.blake2b(numbers, digest_size=32)

    def digest(self, purpose: int, member: int, place: int) -> Digest:
        """Return what to seed with for the sample at a place, or the batch that begins there."""
        begun = self._begun.copy()
        begun.update(_PLACE.pack(purpose, member, place))
        return begun.digest()


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
    numbers: dict[str, int] = {}
    state: Any = {"bit_generator": "PCG64", "state": numbers, "has_uint32": 0, "uinteger": 0}

    def reseed(digest: Digest) -> None:
        # The digest is as good a start as any that a seed sequence makes, and costs less.
        numbers["state"] = int.from_bytes(digest[:16], "little")
        numbers["inc"] = int.from_bytes(digest[16:], "little") | 1
        generator.state = state

    return reseed


def _bits(generator: np.random.BitGenerator) -> Reseed:
    def reseed(digest: Digest) -> None:
        generator.state = type(generator)(int.from_bytes(digest, "little")).state

    return reseed


def _seed_torch(generator: Any, digest: Digest) -> None:
    generator.manual_seed(int.from_bytes(digest[:8], "little") >> 1)


_in_use = ForkSafeLock()


@contextmanager
def own_generators() -> Generator[list[Reseed], None, None]:
    """Lend the global generators of Python, NumPy and torch; then put their state back.

    They belong to the program, whose own thread must be the one that borrows them.
    """
    torch = sys.modules.get("torch")
    legacy: Any = np.random.mtrand._rand  # noqa: SLF001
    with _in_use:
        python_state, numpy_state = random.getstate(), legacy.get_state(legacy=False)
        torch_state = None if torch is None else torch.default_generator.get_state()
        lent: list[Reseed] = [
            lambda digest: random.seed(int.from_bytes(digest[:16], "little")),
            lambda digest: legacy.seed(int.from_bytes(digest[:4], "little")),
        ]
        if torch is not None:
            lent.append(lambda digest: _seed_torch(torch.default_generator, digest))
        try:
            yield lent
        finally:
            random.setstate(python_state)
            legacy.set_state(numpy_state)
            if torch is not None and torch_state is not None:
                torch.default_generator.set_state(torch_state)


def trace() -> tuple[Any, ...]:
    """Return what differs once somebody has drawn from a global generator."""
    torch = sys.modules.get("torch")
    legacy: Any = np.random.mtrand._rand  # noqa: SLF001
    bits = legacy._bit_generator  # noqa: SLF001
    if isinstance(bits, np.random.MT19937):
        # Its `state` is made number by number, which takes a tenth of a millisecond.
        numbers: Any = ctypes.string_at(bits.ctypes.state_address, _MERSENNE_NBYTES)
    else:
        numbers = repr(bits.state)
    of_torch = None if torch is None else bytes(torch.default_generator.get_state().numpy())
    return random.getstate(), numbers, of_torch
