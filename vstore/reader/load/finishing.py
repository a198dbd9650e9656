"""From the arrays of a batch to what the user gets. Runs on the reader's threads."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.format.table.names import SHAPE_SUFFIX
from vstore.reader.load.engine import Batch

Shape = tuple[int | None, ...]


Transform = Callable[..., Any]
Transforms = Mapping[str, Transform] | Transform
Collate = Literal["dict", "tuple"] | Callable[..., Any]
Ragged = Literal["list", "padded", "nested"]


def unchanged(value: Any) -> Any:
    """Return the value."""
    return value


def stacked(samples: list[Any]) -> Any:
    """Return samples as one array where they are arrays or numbers of the same shape.

    >>> stacked([1.5, 2]), stacked([np.zeros(2), np.zeros(3)])
    (array([1.5, 2. ]), [array([0., 0.]), array([0., 0., 0.])])
    """
    if not all(isinstance(sample, np.ndarray | np.generic | int | float) for sample in samples):
        return samples
    shapes = {np.shape(sample) for sample in samples}
    return np.stack(samples) if len(shapes) == 1 else samples


@dataclass(frozen=True, slots=True)
class Library:
    """What the user computes with.

    `convert` makes of an array what that library has, `stack` one value of several of one
    shape where that is possible, and `nest` one of several that differ in shape.
    """

    convert: Callable[[Any], Any] = unchanged
    stack: Callable[[list[Any]], Any] = stacked
    nest: Callable[[list[NDArray[Any]], Shape | None], Any] | None = None


NUMPY = Library()


@dataclass(frozen=True, slots=True)
class Form:
    """What becomes of samples that differ in shape.

    `shape` is that of a sample, None for an axis that differs; None where even the number of
    axes does.
    """

    kind: Ragged
    shape: Shape | None

    def present(self, name: str, samples: list[Any]) -> list[NDArray[Any]]:
        """Return the samples, with an empty array for each that is missing.

        Raises:
            InvalidInputError: they have no shape, or differ in the number of axes.
        """
        arrays = [sample for sample in samples if sample is not None]
        if not all(isinstance(sample, np.ndarray) for sample in arrays):
            msg = f"ragged={self.kind!r} is for arrays; transforms made {name!r} something else"
            raise InvalidInputError(msg)
        axes = {sample.ndim for sample in arrays}
        if len(axes) > 1:
            raise InvalidInputError(
                f"samples of {name!r} have {' or '.join(map(str, sorted(axes)))} axes",
                code="samples-differ-in-axes",
                hint="make them alike with a transform, or leave them a list with "
                f"`ragged={{{name!r}: 'list'}}`",
                column=name,
            )
        shape = self.shape or (None,) * max(axes, default=3)
        dtype = arrays[0].dtype if arrays else np.dtype(np.uint8)
        empty = np.zeros([length or 0 for length in shape], dtype)
        return [empty if sample is None else sample for sample in samples]


@dataclass(frozen=True)
class Finisher:
    """Converts every column, transforms every sample, and makes the batch.

    `transforms` are functions of one sample of a column, by column, or one function of a whole
    sample. `forms` says for columns of samples of differing shape what becomes of those of a
    batch: a list, one array padded with zeros beside their shapes, or what the library's
    `nest` makes of them.

    What is transformed or collated passes through `vstore.reader.load.transforming`.
    """

    library: Library = NUMPY
    transforms: Transforms = field(default_factory=dict)
    collate: Collate = "dict"
    forms: Mapping[str, Form] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not callable(self.collate) and self.collate not in ("dict", "tuple"):
            msg = f"collate is 'dict', 'tuple' or a function of a batch, not {self.collate!r}"
            raise InvalidInputError(msg)
        if callable(self.transforms):
            return
        if not isinstance(self.transforms, Mapping):
            raise InvalidInputError(
                "transforms are functions by column, or one function of a whole sample, not "
                f"{self.transforms!r}"
            )
        for name, transform in self.transforms.items():
            if not callable(transform):
                raise InvalidInputError(f"the transform of {name!r} is no function: {transform!r}")

    @property
    def only_converts(self) -> bool:
        """Whether samples stay as they are."""
        return not (self.calls or self.forms)

    @property
    def calls(self) -> bool:
        """Whether functions of the user are called."""
        return bool(self.transforms) or callable(self.collate)

    def __call__(self, batch: Batch, results: Sequence[Any] | None = None) -> Any:
        """Return the batch that the user, or `collate`, gets; given as columns by name.

        `results` is what became of each sample: a dict, or the values of the transformed columns.
        """
        made: Batch = {}
        for name, value in self._changed(batch, results).items():
            self._put(made, name, value)
        return tuple(made.values()) if self.collate == "tuple" else made

    def _put(self, made: Batch, name: str, value: Any) -> None:
        """Convert a column, giving samples that differ in shape their form."""
        form = self.forms.get(name)
        if form is None or form.kind == "list" or not isinstance(value, list):
            made[name] = self.library.convert(value)
            return
        samples = form.present(name, value)
        if form.kind == "nested" and self.library.nest is not None:
            made[name] = self.library.nest(samples, form.shape)
        else:
            made[name] = self.library.convert(padded(samples))
            made[name + SHAPE_SUFFIX] = self.library.convert(shapes_of(samples))

    def _changed(self, batch: Batch, results: Sequence[Any] | None) -> Batch:
        """Return a batch with what became of its samples."""
        if results is None or not self.transforms:
            return batch
        if not callable(self.transforms):
            values = zip(*results, strict=True)
            columns = dict(zip(self.transforms, values, strict=True))
            return batch | {name: self.library.stack(list(each)) for name, each in columns.items()}
        names = list(results[0]) if isinstance(results[0], dict) else []
        for sample in results:
            if not isinstance(sample, dict) or list(sample) != names:
                raise InvalidInputError(
                    "a transform of whole samples returns a dict with the same names for each, "
                    f"not {sample!r:.100}"
                )
        return {name: self.library.stack([sample[name] for sample in results]) for name in names}


AS_ARRAYS = Finisher()
"""Leaves batches as they are."""


def padded(samples: list[NDArray[Any]]) -> NDArray[Any]:
    """Return arrays of one rank as one array, each followed by zeros.

    >>> padded([np.array([1, 2]), np.array([3])]).tolist()
    [[1, 2], [3, 0]]
    """
    if not samples:
        return np.zeros((0,))
    largest = shapes_of(samples).max(axis=0)
    result = np.zeros((len(samples), *largest), np.result_type(*samples))
    for row, sample in zip(result, samples, strict=True):
        row[tuple(map(slice, sample.shape))] = sample
    return result


def shapes_of(samples: list[NDArray[Any]]) -> NDArray[np.int64]:
    """Return the shapes of arrays of one rank, one row each."""
    return np.array([sample.shape for sample in samples], np.int64).reshape(len(samples), -1)


def wants_generator(function: Callable[..., Any]) -> bool:
    """Tell whether a function has two parameters that must be given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [
        p for p in parameters if p.kind in positional and p.default is inspect.Parameter.empty
    ]
    return len(needed) >= 2
