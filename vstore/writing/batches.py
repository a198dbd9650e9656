"""Batches of samples as users pass them: which columns they have, and how many samples."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vstore import optional
from vstore.errors import InvalidInputError
from vstore.format.table.kinds import ColumnInfo
from vstore.format.table.sample_rows import NO_LISTS, no_list, one_sample

Batch = Mapping[str, Any]


def batches(samples: Any) -> Iterator[Batch]:
    """Yield the batches of what users give: one, several, frames, or what has an Arrow stream.

    Raises:
        InvalidInputError: it is nothing of the kind.
    """
    if isinstance(samples, Mapping):
        yield samples
    elif _is_frame(samples):
        yield {name: samples[name] for name in samples.columns}
    elif _has_stream(samples):
        purpose = "data of Arrow in a table"
        module = optional.load(
            "vstore.arrow.incoming", package="pyarrow", extra="arrow", purpose=purpose
        )
        yield from module.batches_of(samples)
    elif isinstance(samples, (str, bytes)) or not isinstance(samples, Iterable):
        raise _no_batch(samples)
    else:
        for each in samples:
            if not isinstance(each, Mapping) and not _is_frame(each) and not _has_stream(each):
                raise _no_batch(each)
            yield from batches(each)


def _is_frame(samples: Any) -> bool:
    """Return whether samples are a frame of pandas, whose columns are taken, not its index."""
    return all(hasattr(samples, name) for name in ("iloc", "columns", "dtypes"))


def _has_stream(samples: Any) -> bool:
    """Return whether samples are record batches, or something that gives some."""
    is_one = any(hasattr(samples, f"__arrow_c_{kind}__") for kind in ("stream", "array"))
    return is_one or (hasattr(samples, "to_batches") and hasattr(samples, "scanner"))


def _no_batch(given: Any) -> InvalidInputError:
    return InvalidInputError(
        "extend takes a mapping of column names to values, a frame, what has an Arrow stream, or "
        f"an iterable of such; got {type(given).__name__}"
    )


def check_columns(values: Batch, infos: Mapping[str, ColumnInfo], *, path: str) -> None:
    """Raise `InvalidInputError` unless a batch gives the table's columns and no others.

    Optional columns may be left out.
    """
    needed = {name for name, info in infos.items() if not info.optional}
    missing, unknown = needed - values.keys(), values.keys() - infos.keys()
    if missing or unknown:
        problems = [f"no values for {sorted(missing)}"] if missing else []
        problems += [f"no such column: {sorted(unknown)}"] if unknown else []
        raise InvalidInputError(
            f"samples of {path!r} have the columns {sorted(infos)}; " + "; ".join(problems)
        )


def common_length(values: Batch, *, path: str) -> int:
    """Return how many samples a batch holds, or raise `InvalidInputError`."""
    lengths = {name: _length(value, name) for name, value in values.items()}
    if len(set(lengths.values())) > 1:
        raise InvalidInputError(f"the columns of {path!r} got different lengths: {lengths}")
    return next(iter(lengths.values()), 0)


def _length(values: Any, name: str) -> int:
    if not isinstance(values, NO_LISTS):
        try:
            return len(values)
        except TypeError:
            pass
    raise no_list(values, name)


def batch_of_one(sample: Batch, infos: Mapping[str, ColumnInfo]) -> dict[str, Any]:
    """Return one sample as a batch."""
    if not isinstance(sample, Mapping):
        raise InvalidInputError(
            f"a sample is a mapping of column names to values; got {type(sample).__name__}"
        )
    return {name: one_sample(infos.get(name), value) for name, value in sample.items()}
