"""How golden repositories are made: nothing draws random numbers or asks a library for a file."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from blake3 import blake3
from numpy.typing import NDArray

import vstore
from tests.format.golden.fixed import Clock
from tests.format.zarr.codec_documents import LITTLE
from vstore import Repository, Transaction

ANN, BO = "Ann <ann@example.org>", "Bo"
RAW: Any = "none"
RAW_1: Any = [{"name": "bytes"}]
RAW_8: Any = [LITTLE]


@dataclass
class Made:
    """A repository in the making."""

    root: Path
    clock: Clock

    def create(self, **options: Any) -> Repository:
        return vstore.create(self.root, author=ANN, **options)

    def commit(
        self, repo: Repository, step: Callable[[Transaction], None], *, branch: str = "main"
    ) -> None:
        self.clock.tick()
        message = (step.__doc__ or "Change it").rstrip(".")
        with repo.transaction(branch, message=message, time=self.clock.time) as tx:
            step(tx)


def bits(dtype: Any, shape: tuple[int, ...], seed: str) -> NDArray[Any]:
    """Return elements of all bits, so that NaN payloads, NaT and extremes are among them."""
    size, made = int(np.prod(shape)), np.dtype(dtype)
    if not size:
        return np.empty(shape, made)
    if made.names is not None:
        array = np.empty(size, made)
        for name in made.names:
            array[name] = bits(made[name], (size,), f"{seed} {name}")
        return array.reshape(shape)
    raw = blake3(seed.encode()).digest(length=size * made.itemsize)
    if made.kind == "b":
        odd: NDArray[Any] = np.frombuffer(raw, "u1") % 2 == 1
        return odd.reshape(shape)
    if made.kind == "U":
        points = np.frombuffer(raw, "<u4") % 0xD7FE + 1
        made_of: NDArray[Any] = points.astype("<u4").view(made.newbyteorder("<"))
        return made_of.reshape(shape)
    plain: NDArray[Any] = np.frombuffer(raw, made.newbyteorder("<")).astype(made)
    return plain.reshape(shape)
