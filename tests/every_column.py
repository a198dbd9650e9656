"""Every column that can be declared, with samples that are easy to get wrong."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

import vstore
from tests.format.zarr.samples import FIXED_DTYPES, array_of, dtype_id, is_same

SHAPES: list[tuple[int | None, ...]] = [(), (2,), (0,), (None,), (None, 2), (2, None)]
COUNT = 8
"""How many samples there are of each column."""


@dataclass(frozen=True)
class EveryColumn:
    """A column, and what its samples are made from."""

    name: str
    dtype: Any
    shape: tuple[int | None, ...] | None = None

    @cached_property
    def spec(self) -> vstore.ColumnSpec:
        """The column as it is declared."""
        if self.shape is not None:
            return vstore.ndarray(self.shape, self.dtype)
        kinds: dict[str, vstore.ColumnSpec] = {
            "text": vstore.text(),
            "texts": vstore.texts(),
            "bytes": vstore.bytes_(),
            "image": vstore.image(),
            "audio": vstore.audio(rate=16_000),
        }
        return kinds[self.dtype]

    def samples(self, *, seed: int = 0) -> list[Any]:
        """Return samples as a list; other seeds give others."""
        if self.shape is None:
            return _of_kind(self.dtype, seed)
        shapes = [
            tuple((i + seed) % 4 if length is None else length for length in self.shape)
            for i in range(COUNT)
        ]
        if self.dtype != "T":
            return [array_of(self.dtype, shape, seed + i)[()] for i, shape in enumerate(shapes)]
        made = [array_of("string", shape, seed + i) for i, shape in enumerate(shapes)]
        return [each.tolist() for each in made]

    def is_same(self, found: Any, expected: Any) -> bool:
        """Return whether two samples are equal, bit for bit; None stands for a missing one."""
        if found is None or expected is None:
            return found is None and expected is None
        if isinstance(expected, list | str | bytes):
            own = found.tolist() if isinstance(found, np.ndarray) else found
            return bool(own == expected)
        return is_same(np.asarray(found), np.asarray(expected))


def _of_kind(kind: str, seed: int) -> list[Any]:
    """Return samples of a column that has a name."""
    if kind == "image":
        return [array_of("uint8", (2, 3 + i, 3), seed + i) for i in range(COUNT)]
    if kind == "audio":
        return [array_of("int16", (i, 1 + i % 2), seed + i) for i in range(COUNT)]
    rows: list[bytes] = array_of("variable_length_bytes", (COUNT,), seed).tolist()
    texts = [row.decode("latin-1") for row in rows]
    made: dict[str, list[Any]] = {
        "bytes": rows,
        "text": texts,
        "texts": [texts[:i] for i in range(COUNT)],
    }
    return made[kind]


EVERY_COLUMN = [
    EveryColumn(f"{dtype_id(dtype)}-{shape}", dtype, shape)
    for shape in SHAPES
    for dtype in FIXED_DTYPES
]
EVERY_COLUMN += [EveryColumn(f"T-{shape}", "T", shape) for shape in [(), (2,), (0,), (None,)]]
EVERY_COLUMN += [EveryColumn(kind, kind) for kind in ("text", "texts", "bytes", "image", "audio")]

_TABLES = 19
TOGETHER = [EVERY_COLUMN[i::_TABLES] for i in range(_TABLES)]
"""The same in groups that share a table: a commit costs much, one more column very little."""


def group_id(group: list[EveryColumn]) -> str:
    """Return what a test of a group is called."""
    return f"{group[0].name} and others"
