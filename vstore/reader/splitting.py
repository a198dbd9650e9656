"""Dividing samples into parts that stay the same as more samples come."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from blake3 import blake3
from numpy.typing import ArrayLike, NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.numbers import Positions
from vstore.reader.plan.permutation import fractions
from vstore.reading.column import Column
from vstore.reading.table import Table

_SPLIT = 0x73706C6974
"""Keeps what decides on parts apart from what decides on orders."""


@exported_from("vstore.reader")
def split(
    by: "Table | Column | ArrayLike", shares: float | Sequence[float], *, seed: int = 0
) -> tuple[Positions, ...]:
    """Divide samples at random into parts, and return the positions of each, ascending.

    Args:
        by: what decides on the part of a sample. A table: its key, or its position where the
            table has no keys. A column or values of the shape (samples,), such as the patient or
            the episode: samples with one value are all in one part.
        shares: how large the parts are, compared with each other. One number less than 1 makes
            two parts: that share, and the rest. Parts are about that large, since each sample
            is dealt by itself.
        seed: another one gives other parts.

    The part of a sample follows from its key (or position, or value), the shares and the seed
    alone. So it is the same on every machine, and samples that are added move no other one.

    >>> training, validation = split(np.arange(1000), 0.9)
    >>> len(training), len(validation)
    (884, 116)
    >>> [len(part) for part in split(np.arange(1000), [8, 1, 1], seed=1)]
    [807, 96, 97]

    Raises:
        InvalidInputError: the shares are no numbers above 0, or there is not one value a sample.
    """
    until = _ends(shares)
    part = np.searchsorted(until[:-1], _places(by, seed), "right")
    return tuple(np.flatnonzero(part == each).astype(np.int64) for each in range(len(until)))


def _ends(shares: Any) -> NDArray[np.float64]:
    """Return where each part ends, the last at 1."""
    given = [shares, 1 - shares] if isinstance(shares, float) else shares
    try:
        values = np.array(list(given), np.float64)
    except (TypeError, ValueError):
        values = np.zeros(1)
    if values.ndim != 1 or not len(values) or not (np.isfinite(values) & (values > 0)).all():
        raise InvalidInputError(
            "shares are one number between 0 and 1, such as 0.9, or several above 0, such as "
            f"[8, 1, 1], not {shares!r}"
        )
    until: NDArray[np.float64] = np.cumsum(values) / values.sum()
    return until


def _places(by: Any, seed: int) -> NDArray[np.float64]:
    """Return for each sample a number of at least 0 and less than 1."""
    if isinstance(by, Table):
        if by.key_kind is None:
            return fractions(len(by), (seed, _SPLIT))
        return np.array([_place(key, seed) for key in by.sample_keys().tolist()], np.float64)
    values = np.asarray(by[:] if isinstance(by, Column) else by)
    if values.ndim != 1:
        raise InvalidInputError(
            "split by a table, a column or values with one for each sample, not by an array of the "
            f"shape {values.shape}"
        )
    which, inverse = np.unique(values, return_inverse=True)
    places = np.array([_place(value, seed) for value in which.tolist()], np.float64)
    return places[inverse] if len(places) else places


def _place(value: Any, seed: int) -> float:
    digest = blake3(msgspec.msgpack.encode([_SPLIT, seed, value])).digest(8)
    return float((int.from_bytes(digest) >> 11) * 2.0**-53)
