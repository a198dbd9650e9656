"""What one sample of a map-style dataset is, and how torch's own collation makes batches."""

import collections
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from torch.utils.data import default_collate
from torch.utils.data._utils.collate import default_collate_fn_map


class Sample:
    """Marks the named tuples that hold one sample, or one batch."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Whole:
    """Stands in a list for samples of which torch's own collation is to make this batch."""

    batch: Any


@lru_cache(maxsize=256)
def sample_type(fields: tuple[str, ...], lists: frozenset[str] = frozenset()) -> Any:
    """Return the named tuple of some fields, one and the same for equal ones.

    Of several samples torch's own collation makes a list of those fields that are `lists`.
    """
    make: Any = collections.namedtuple
    base = make("Sample", fields, rename=True)
    methods = {"__slots__": (), "__reduce__": _reduce, "__module__": __name__, "_lists": lists}
    return type("Sample", (Sample, base), methods)


def _reduce(sample: Any) -> tuple[Any, ...]:
    return _restored, (sample._fields, sample._lists, tuple(sample))  # noqa: SLF001 - fields have all other names


def _restored(fields: tuple[str, ...], lists: frozenset[str], values: tuple[Any, ...]) -> Any:
    return sample_type(fields, lists)(*values)


def _collate(samples: Sequence[Any], *, collate_fn_map: Any = None) -> Any:
    """Make a batch of samples that were not read together."""
    del collate_fn_map
    kind = type(samples[0])
    lists = kind._lists  # noqa: SLF001 - fields have all other names
    columns = zip(kind._fields, zip(*samples, strict=True), strict=True)
    return kind(
        *(list(each) if name in lists else default_collate(list(each)) for name, each in columns)
    )


def _taken_out(samples: Sequence[Whole], *, collate_fn_map: Any = None) -> Any:
    """Return the batch that was made already."""
    del collate_fn_map
    return samples[0].batch


default_collate_fn_map[Sample] = _collate
default_collate_fn_map[Whole] = _taken_out
