"""Datasets of Python and PyTorch as what an import takes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.missing import is_missing, plain
from vstore.format.table.specs import ColumnSpec, bytes_, ndarray, text, texts
from vstore.importers.importer import Rows

_INFERRED_FROM = 100


@exported_from("vstore")
def from_dataset(
    dataset: Any,
    *,
    names: Sequence[str] | None = None,
    columns: Mapping[str, ColumnSpec] | None = None,
) -> Rows:
    """Return the samples of a dataset, for `vstore.importers.import_into`.

    A dataset has `dataset[i]` and a length, as those of PyTorch and lists have, or is iterated
    over. A sample is a mapping of names to values, a tuple of values, or one value. Samples are
    read one after another, on one thread, and have no keys.

    Args:
        dataset: the dataset. It is read twice: first its beginning, to see what columns hold.
        names: the names of the columns of tuples; their positions when None.
        columns: what columns hold, in place of what is inferred from the first hundred samples.
            Arrays get free axes where they differ in shape.

    Raises:
        InvalidInputError: the dataset is empty, or its samples are of no kind that is known.

    >>> import numpy, vstore
    >>> from vstore.importers import import_into
    >>> rows = from_dataset([(numpy.zeros((4, 4)), 3), (numpy.ones((4, 4)), 5)], names=["x", "y"])
    >>> repo = vstore.create("memory://from-dataset-doc")
    >>> with repo.transaction("main", message="Import") as tx:
    ...     _ = import_into(tx, "t", rows)
    >>> repo.checkout("main")["t"]
    <vstore.Table 't' 2 samples; x: float64[4, 4], y: int64>
    """
    given = columns or {}
    first = [_named(sample, names) for sample in islice(_samples(dataset), _INFERRED_FROM)]
    if not first and not given:
        raise InvalidInputError("the dataset is empty, so that its columns are unknown")
    held: dict[str, list[Any]] = {}
    for sample in first:
        for name, value in sample.items():
            held.setdefault(name, []).append(value)
    specs = {
        name: given.get(name) or _spec(name, values, len(first)) for name, values in held.items()
    }

    def read(whole: Any) -> Iterator[Mapping[str, Any]]:
        return (_named(sample, names) for sample in _samples(whole))

    count = len(dataset) if hasattr(dataset, "__len__") else None
    return Rows({**given, **specs}, items=[dataset], read=read, many=True, count=count)


def _samples(dataset: Any) -> Iterator[Any]:
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__"):
        return (dataset[i] for i in range(len(dataset)))
    if isinstance(dataset, Iterator):
        raise InvalidInputError("an iterator can be read only once; give what makes one, or a list")
    if isinstance(dataset, Iterable):
        return iter(dataset)
    raise InvalidInputError(f"{dataset!r:.100} is no dataset: it is neither indexed nor iterable")


def _named(sample: Any, names: Sequence[str] | None) -> dict[str, Any]:
    """Return the values of a sample by name."""
    if isinstance(sample, Mapping):
        return {str(name): _value(value) for name, value in sample.items()}
    fields = getattr(sample, "_fields", None)
    values = sample if isinstance(sample, tuple) else (sample,)
    chosen = names or fields or [str(i) for i in range(len(values))]
    if len(chosen) != len(values):
        raise InvalidInputError(f"{len(chosen)} names for samples of {len(values)} values")
    return {name: _value(value) for name, value in zip(chosen, values, strict=True)}


def _value(value: Any) -> Any:
    """Return a value as NumPy or Python has it; images of Pillow are arrays of their pixels."""
    found = plain(value)
    is_image = hasattr(found, "getbands") and hasattr(found, "__array_interface__")
    return np.asarray(found) if is_image else found


def _spec(name: str, values: Sequence[Any], count: int) -> ColumnSpec:
    there = [value for value in values if not is_missing(value)]
    made = _kind(name, there)
    return made.as_optional() if len(there) < count else made


def _kind(name: str, values: Sequence[Any]) -> ColumnSpec:
    if all(isinstance(value, str) for value in values):
        return text()
    if all(isinstance(value, bytes) for value in values):
        return bytes_()
    if all(isinstance(value, list) and _are_texts(value) for value in values):
        return texts()
    try:
        arrays = [np.asarray(value) for value in values]
        dtype = np.result_type(*arrays)
    except (TypeError, ValueError) as exc:
        raise InvalidInputError(
            f"the samples of {name!r} are of no kind that is known: {exc}",
            code="unsupported-dtype",
            hint="say what the column holds, with columns={...}",
        ) from None
    shapes = {array.shape for array in arrays}
    if len({len(shape) for shape in shapes}) > 1:
        raise InvalidInputError(f"the samples of {name!r} have different numbers of axes")
    if any(isinstance(value, list) for value in values) and len(shapes) == 1:
        shapes.add((-1, *next(iter(shapes))[1:]))  # a list may have any length
    lengths = [sizes[0] if len(set(sizes)) == 1 else None for sizes in zip(*shapes, strict=True)]
    return ndarray(lengths, dtype)


def _are_texts(value: Sequence[Any]) -> bool:
    return bool(value) and all(isinstance(each, str) for each in value)
