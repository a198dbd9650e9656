"""Samples that differ in size as the rows that are stored, and back."""

import os
from collections.abc import Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import FormatError
from vstore.format.missing import is_missing, plain
from vstore.format.table.kinds import ColumnInfo, Encoded
from vstore.format.table.names import VALID_SUFFIX
from vstore.format.zarr.conversion import not_optional
from vstore.lazy import lazy

if TYPE_CHECKING:
    from concurrent import futures
else:
    futures = lazy("concurrent.futures")


def to_rows(
    info: ColumnInfo,
    samples: Sequence[Any],
    *,
    valid: NDArray[np.bool_] | None = None,
    name: str,
) -> dict[str, NDArray[Any]]:
    """Return samples that differ in size as they are stored, by suffix of the array.

    Those that are not `valid` are missing, whatever stands for them.

    Raises:
        InvalidInputError: a sample of the wrong type, data type or shape.
    """
    there = samples if valid is None else list(compress(samples, valid.tolist()))
    where = slice(None) if valid is None else valid
    elements = np.full(len(samples), info.kind.nothing, object)
    if info.kind.are_elements(there):
        elements[where] = there
    elif any(is_missing(sample, nan=True) for sample in there):
        raise not_optional(name)
    else:
        elements[where] = _encoded(info, there, name)
    rows: dict[str, NDArray[Any]] = {"": elements}
    for companion in info.kind.companions:
        shape = companion.shape(info)
        made = np.zeros((len(samples), *shape), companion.dtype)
        own = [companion.of(plain(sample)) for sample in there]
        made[where] = np.reshape(own, (len(own), *shape))
        rows[companion.suffix] = made
    return rows


def _encoded(info: ColumnInfo, samples: Sequence[Any], name: str) -> NDArray[Any]:
    """Return the element of each sample, made on threads where that takes long."""

    def element(sample: Any) -> Any:
        if type(sample) is Encoded and sample.info == info:
            return bytes(sample)
        return info.kind.encode(info, plain(sample), name)

    elements = np.empty(len(samples), object)
    if not info.kind.is_slow or info.check == "none" or len(samples) < _MANY:
        elements[:] = list(map(element, samples))
        return elements
    threads = min(len(samples), os.cpu_count() or 1)
    with futures.ThreadPoolExecutor(threads, thread_name_prefix="vstore-check") as pool:
        elements[:] = list(pool.map(element, samples))
    return elements


_MANY = 8
"""From this many samples on it costs less to treat them together than one by one."""


def from_rows(
    info: ColumnInfo,
    elements: NDArray[Any],
    beside: Mapping[str, NDArray[Any]],
) -> NDArray[Any]:
    """Return stored elements of variable length as the samples that a reader gets.

    `beside` has the elements of the column's companions by suffix. Samples that are missing
    are not decoded, and are None. Arrays may share memory, though no element.

    Raises:
        FormatError: an element is damaged; its number is `at` among the fields.
    """
    decode, valid = info.kind.decode, beside.get(VALID_SUFFIX)
    if decode is None:
        if valid is not None:
            elements[~valid] = None
        return elements
    samples = np.empty(len(elements), object)
    if info.kind.flatten is not None and len(elements) >= _MANY:
        for i, sample in enumerate(info.kind.flatten(info, elements, beside).tolist()):
            samples[i] = sample
        return samples
    parts = [beside[companion.suffix] for companion in info.kind.companions]
    for i, stored in enumerate(zip(elements, *parts, strict=True)):
        if valid is None or valid[i]:
            try:
                samples[i] = decode(info, *stored)
            except FormatError as exc:
                exc.fields["at"] = i
                raise
    return samples
