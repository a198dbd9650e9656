"""Samples that differ in shape are the same, decoded together or one by one."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vstore.errors import FormatError
from vstore.format.table.element_rows import from_rows, to_rows
from vstore.format.table.kinds import RAGGED, ColumnInfo
from vstore.format.table.names import VALID_SUFFIX

Rows = tuple[NDArray[Any], dict[str, NDArray[Any]]]


def _stored(info: ColumnInfo, samples: list[Any]) -> Rows:
    valid = np.array([sample is not None for sample in samples])
    rows = to_rows(info, samples, valid=valid, name="x")
    elements = rows.pop("")
    return elements, rows | ({VALID_SUFFIX: valid} if info.optional else {})


def _at(rows: Rows, place: slice) -> Rows:
    elements, beside = rows
    return elements[place], {suffix: each[place] for suffix, each in beside.items()}


def _info(shape: tuple[int | None, ...], dtype: str, *, optional: bool = False) -> ColumnInfo:
    return ColumnInfo(RAGGED.name, dtype=dtype, shape=shape, optional=optional)


@pytest.mark.parametrize("optional", [False, True])
@pytest.mark.parametrize(
    ("shape", "dtype"), [((None,), "int32"), ((None, 3), "float64"), ((None, None, 2), "uint8")]
)
def test_samples_are_the_same_together_and_one_by_one(
    shape: tuple[int | None, ...], dtype: str, *, optional: bool
) -> None:
    random = np.random.default_rng(0)
    samples: list[Any] = [
        random.integers(0, 9, [int(random.integers(4)) if n is None else n for n in shape]).astype(
            dtype
        )
        for _ in range(40)
    ]
    if optional:
        samples[3] = samples[39] = None
    info = _info(shape, dtype, optional=optional)
    rows = _stored(info, samples)
    rows[0][7] = b""
    for beside in rows[1].values():
        beside[7] = 0  # a sample that nobody set
    together = from_rows(info, *rows)
    alone = [from_rows(info, *_at(rows, slice(i, i + 1)))[0] for i in range(40)]
    assert [None if each is None else each.shape for each in together[:7]] == [
        None if each is None else each.shape for each in samples[:7]
    ]
    for i, (one, other) in enumerate(zip(together, alone, strict=True)):
        assert (one is None) == (other is None), i
        if one is not None:
            assert one.dtype == other.dtype
            assert one.shape == other.shape
            assert one.tolist() == other.tolist()
            assert one.flags.writeable


def test_a_damaged_sample_among_many_is_named() -> None:
    info = _info((None,), "int32")
    rows = _stored(info, [np.arange(i, dtype="int32") for i in range(20)])
    rows[0][11] += b"x"
    with pytest.raises(FormatError, match="cannot have the shape") as caught:
        from_rows(info, *rows)
    assert caught.value.fields["at"] == 11
