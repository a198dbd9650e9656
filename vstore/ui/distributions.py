"""How the values of a column are spread: classes, intervals, the most frequent texts."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.display.classes import class_names, named
from vstore.reading.column import Column
from vstore.ui import filters

_MOST_CLASSES = 32
_MOST_TEXTS = 30
_BINS = 30


@dataclass(frozen=True, slots=True)
class Bar:
    """Some samples: what they have in common, how many they are, and the filter that finds them."""

    label: str
    count: int
    where: str


@dataclass(frozen=True, slots=True)
class Distribution:
    """How samples are spread; `others` are in no bar, and `missing` have no value."""

    bars: tuple[Bar, ...]
    missing: int = 0
    others: int = 0
    said: str = ""


def distribution(column: Column) -> Distribution:
    """Return how the values of a column of single numbers or texts are spread; reads it."""
    values = filters.readable(column)
    if values.dtype.hasobject:
        return _texts(column.name, values)
    missing = np.ma.getmaskarray(values)
    plain = np.ma.getdata(values)[~missing]
    if plain.dtype.kind == "f":
        found = np.isfinite(plain)
        rest = int(np.count_nonzero(~found))
        return _numbers(column.name, plain[found], int(missing.sum()), rest)
    if plain.dtype.kind == "U":
        return _texts(column.name, plain.astype(object))
    classes, counts = np.unique(plain, return_counts=True)
    if len(classes) > _MOST_CLASSES:
        return _numbers(column.name, plain, int(missing.sum()), 0)
    names = class_names(column.attributes, plain.dtype, ())
    labels = classes.tolist() if names is None else named(classes.tolist(), names)
    bars = tuple(
        Bar(str(label), int(count), filters.written(column.name, "=", value))
        for label, value, count in zip(labels, classes.tolist(), counts.tolist(), strict=True)
    )
    return Distribution(bars, int(missing.sum()), said=f"{len(classes):,} classes")


def _numbers(name: str, values: NDArray[Any], missing: int, others: int) -> Distribution:
    if not len(values):
        return Distribution((), missing, others, "no number")
    counts, edges = np.histogram(values.astype(np.float64), bins=_BINS)
    bars = []
    for i, count in enumerate(counts.tolist()):
        low, high = float(edges[i]), float(edges[i + 1])
        end = "<=" if i == len(counts) - 1 else "<"
        where = f"{filters.written(name, '>=', low)} and {filters.written(name, end, high)}"
        bars.append(Bar(f"{low:.4g} to {high:.4g}", count, where))
    said = (
        f"from {values.min():.6g} to {values.max():.6g}, mean {values.mean(dtype=np.float64):.6g}, "
        f"standard deviation {values.std(dtype=np.float64):.4g}"
    )
    return Distribution(tuple(bars), missing, others, said)


def _texts(name: str, values: NDArray[Any]) -> Distribution:
    counted: Counter[str] = Counter()
    missing, lengths, operator = 0, 0, "="
    for value in values:
        if value is None:
            missing += 1
        elif isinstance(value, str):
            counted[value] += 1
            lengths += len(value)
        else:
            operator = "contains"
            counted.update(map(str, value))
    common = counted.most_common(_MOST_TEXTS)
    bars = tuple(Bar(text, count, filters.written(name, operator, text)) for text, count in common)
    others = sum(counted.values()) - sum(count for _, count in common)
    said = f"{len(counted):,} different texts"
    if operator == "=" and len(values) > missing:
        said += f", {lengths / (len(values) - missing):.1f} characters on average"
    return Distribution(bars, missing, others, said)
