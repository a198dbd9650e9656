"""From the arrays of a batch to what the user gets. Runs on the reader's threads."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Any, Literal, get_args

import numpy as np

from vstore.errors import InvalidInputError
from vstore.faces import pickled
from vstore.format.table.flat import Flat
from vstore.reader.load.engine import Batch
from vstore.reader.load.forms import AS_STORED, NUMPY, Form, Library, Results, one_by_one
from vstore.reader.plan.progress import WithGaps

Transform = Callable[..., Any]
Transforms = Mapping[str, Transform] | Transform
Collate = Literal["dict", "tuple"] | Callable[..., Any]
OnError = Literal["raise", "skip"]


class Skipped:
    """Stands for a sample that is left out."""


SKIPPED = Skipped()


@pickled
@dataclass(frozen=True)
class Finisher:
    """Converts every column, transforms every sample, and makes the batch.

    `transforms` are functions of one sample of a column, by column, or one function of a whole
    sample. `forms` says what becomes of a column's samples in a batch; where samples are given
    `singly`, a batch only brings them together, and none depends on the others.

    What is transformed or collated passes through `vstore.reader.load.transforming`.
    """

    library: Library = NUMPY
    transforms: Transforms = field(default_factory=dict)
    collate: Collate = "dict"
    forms: Mapping[str, Form] = field(default_factory=dict)
    singly: bool = False
    on_error: OnError = "raise"

    def __post_init__(self) -> None:
        if not callable(self.collate) and self.collate not in ("dict", "tuple"):
            msg = f"collate is 'dict', 'tuple' or a function of a batch, not {self.collate!r}"
            raise InvalidInputError(msg)
        if self.on_error not in get_args(OnError):
            raise InvalidInputError(f"on_error is 'raise' or 'skip', not {self.on_error!r}")
        self._check_transforms()

    def _check_transforms(self) -> None:
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

    @cached_property
    def only_converts(self) -> bool:
        """Whether samples stay as they are."""
        return not (self.calls or any(form.is_array for form in self.forms.values()))

    @property
    def flat(self) -> frozenset[str]:
        """The columns whose samples are wanted one behind the other, and nothing else of them."""
        if callable(self.transforms):
            return frozenset()
        chosen = {name for name, form in self.forms.items() if form.kind == "flat"}
        return frozenset(chosen - set(self.transforms))

    @property
    def calls(self) -> bool:
        """Whether functions of the user are called, or samples may be left out."""
        return bool(self.transforms) or callable(self.collate) or self.on_error == "skip"

    def __call__(self, batch: Batch, results: Sequence[Any] | None = None) -> Any:
        """Return the batch that the user, or `collate`, gets; given as columns by name.

        `results` is what became of each sample: a dict, the values of the transformed columns,
        or the value where that is one column.
        """
        if self.only_converts:
            converted = {name: self.library.convert(value) for name, value in batch.items()}
            return tuple(converted.values()) if self.collate == "tuple" else converted
        if self.on_error == "skip" and results is not None:
            return self._without_skipped(batch, results)
        return self._together(batch, results)

    def _without_skipped(self, batch: Batch, results: Sequence[Any]) -> Any:
        kept = [i for i, result in enumerate(results) if result is not SKIPPED]
        if len(kept) == len(results):
            return self._together(batch, results)
        made: Any = {}
        if kept:
            remaining = {name: _picked(values, kept) for name, values in batch.items()}
            made = self._together(remaining, [results[i] for i in kept])
        return WithGaps(made, kept, len(results)) if self.singly else made

    def _together(self, batch: Batch, results: Sequence[Any] | None) -> Any:
        made: Batch = {}
        for name, value in self._changed(batch, results).items():
            self._put(made, name, value)
        return tuple(made.values()) if self.collate == "tuple" else made

    def _put(self, made: Batch, name: str, value: Any) -> None:
        """Convert a column, giving its samples their form."""
        if self.singly and isinstance(value, Results):
            made[name] = one_by_one(value, self.library)
            return
        for suffix, part in self.forms.get(name, AS_STORED).of(name, value, self.library).items():
            if name + suffix in made:
                raise InvalidInputError(
                    f"a batch has two columns called {name + suffix!r}: one comes with {name!r}",
                    code="name-taken",
                    hint="give the other one another name",
                    column=name,
                )
            made[name + suffix] = part

    def _changed(self, batch: Batch, results: Sequence[Any] | None) -> Batch:
        """Return a batch with what became of its samples."""
        if results is None or not self.transforms:
            return batch
        if not callable(self.transforms):
            values = [results] if len(self.transforms) == 1 else zip(*results, strict=True)
            columns = dict(zip(self.transforms, values, strict=True))
            return batch | {name: Results(each) for name, each in columns.items()}
        samples = self._listed(results)
        if not samples:
            raise InvalidInputError("a transform of whole samples made none of a whole batch")
        names = tuple(samples[0])
        if set(map(tuple, samples)) != {names}:
            raise _no_sample(next(sample for sample in samples if tuple(sample) != names))
        return {name: Results(map(itemgetter(name), samples)) for name in names}

    def _listed(self, results: Sequence[Any]) -> Sequence[dict[str, Any]]:
        """Return the samples that a transform of whole samples made, of some of them several."""
        if set(map(type, results)) <= {dict}:
            return results
        several = [result if isinstance(result, list) else [result] for result in results]
        if self.singly and any(len(each) != 1 for each in several):
            count = next(len(each) for each in several if len(each) != 1)
            raise InvalidInputError(
                f"a transform made {count} samples of one, where samples are given singly",
                hint="give a batch_size",
            )
        samples = list(chain.from_iterable(several))
        for sample in samples:
            if not isinstance(sample, dict):
                raise _no_sample(sample)
        return samples


def _no_sample(made: Any) -> InvalidInputError:
    return InvalidInputError(
        "a transform of whole samples returns a dict with the same names for each, or a list of "
        f"such, not {made!r:.100}"
    )


AS_ARRAYS = Finisher()
"""Leaves batches as they are."""


def _picked(values: Any, kept: list[int]) -> Any:
    is_array = isinstance(values, np.ndarray | Flat)
    return values[kept] if is_array else [values[i] for i in kept]


def wants_generator(function: Callable[..., Any]) -> bool:
    """Return whether a function has two parameters that must be given."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return False
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [
        p for p in parameters if p.kind in positional and p.default is inspect.Parameter.empty
    ]
    return len(needed) >= 2
