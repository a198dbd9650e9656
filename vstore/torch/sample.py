"""What one sample of a map-style dataset is, and how torch's own collation makes batches."""

import collections
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch.utils.data import default_collate
from torch.utils.data._utils.collate import default_collate_fn_map

from vstore.faces import pickled
from vstore.reader.load.forms import Form, Results
from vstore.torch.tensors import TORCH


class Sample:
    """Marks the named tuples that hold one sample, or one batch."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Whole:
    """Stands in a list for samples of which torch's own collation is to make this batch."""

    batch: Any


Forms = frozenset[tuple[str, Form, bool]]
"""The forms of fields that torch's own collation makes no tensor of; and which were transformed."""


@lru_cache(maxsize=256)
def sample_type(fields: tuple[str, ...], forms: Forms = frozenset()) -> Any:
    """Return the named tuple of some fields, one and the same for equal ones.

    Of several samples torch's own collation makes what `forms` says, where it says something.
    """
    make: Any = collections.namedtuple
    base = make("Sample", fields, rename=True)
    methods = {"__slots__": (), "__reduce__": _reduce, "__module__": __name__, "_forms": forms}
    return type("Sample", (Sample, base), methods)


def _reduce(sample: Any) -> tuple[Any, ...]:
    return sample_restored, (sample._fields, sample._forms, tuple(sample))  # noqa: SLF001 - fields have all other names


@pickled
def sample_restored(fields: tuple[str, ...], forms: Forms, values: tuple[Any, ...]) -> Any:
    """Return a sample again, of what a pickle of it holds."""
    return sample_type(fields, forms)(*values)


def _collate(samples: Sequence[Any], *, collate_fn_map: Any = None) -> Any:
    """Make a batch of samples that were not read together."""
    del collate_fn_map
    kind = type(samples[0])
    forms = {name: each for name, *each in kind._forms}  # noqa: SLF001 - fields have all other names
    made: dict[str, Any] = {}
    for name, values in zip(kind._fields, zip(*samples, strict=True), strict=True):
        if name in forms:
            form, is_transformed = forms[name]
            parts = form.of(name, Results(values) if is_transformed else list(values), TORCH)
            made |= {name + field_suffix(suffix): part for suffix, part in parts.items()}
        else:
            made[name] = default_collate(list(values))
    batch = kind if len(made) == len(samples[0]) else sample_type(tuple(made))
    return batch(*made.values())


def field_suffix(suffix: str) -> str:
    """Return what follows a field's name in a named tuple for a part of a batch, as `.valid`."""
    return suffix.replace(".", "_")


def _taken_out(samples: Sequence[Whole], *, collate_fn_map: Any = None) -> Any:
    """Return the batch that was made already."""
    del collate_fn_map
    return samples[0].batch


default_collate_fn_map[Sample] = _collate
default_collate_fn_map[Whole] = _taken_out
