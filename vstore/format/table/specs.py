"""Descriptions of the columns that a table is made of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import msgspec
import numpy as np
from numpy.typing import DTypeLike

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.table.images import MODES
from vstore.format.table.kinds import (
    AUDIO,
    BYTES,
    IMAGE,
    NDARRAY,
    RAGGED,
    TEXT,
    TEXTS,
    ColumnInfo,
)
from vstore.format.table.sample_rows import SampleForm, as_rows, one_sample
from vstore.format.table.sounds import DTYPES
from vstore.format.zarr.dtypes import STRING, data_type_of
from vstore.format.zarr.fill_value import coerce_fill_value, default_fill_value

Check = Literal["decode", "header", "none"]
"""What is tried of a file before it is stored."""


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """What a column is to hold; made by `ndarray`, `text`, `bytes_`, `image` and their like.

    `codecs` is a preset (`auto`, `scaled`, `fast`, `balanced`, `small`, `none`, `lz4`, `pcodec`)
    or a list of Zarr v3 codec documents; `rows_per_chunk` a power of two, chosen by size when None.
    """

    info: ColumnInfo
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] = ()
    fill_value: Any = None
    codecs: Any = "auto"
    rows_per_chunk: int | None = None
    attributes: dict[str, Any] | None = None

    def as_optional(self) -> "ColumnSpec":
        """Return the description of a column in which samples may be missing.

        >>> ndarray((), "int64").as_optional().info.optional
        True
        """
        return replace(self, info=msgspec.structs.replace(self.info, optional=True))

    @property
    def form(self) -> SampleForm:
        """What one sample is like as it is stored."""
        data_type = self.info.kind.data_type or data_type_of(self.dtype)
        fill = default_fill_value(data_type)
        if self.fill_value is not None:
            fill = coerce_fill_value(data_type, self.fill_value)
        return SampleForm(data_type, tuple(length or 0 for length in self.shape), fill)

    def check(self, value: Any, *, name: str = "?") -> None:
        """Raise unless a column of this description takes a value as one sample.

        What passes here is not refused later: images are decoded, numbers converted.

        Args:
            value: one sample, None for a missing one.
            name: the column's name, for the error.

        Raises:
            InvalidInputError: the value does not fit; the error names the column.

        >>> ndarray((2,), "int8").check([1, 2])
        >>> ndarray((2,), "int8").check([1, 2, 3], name="box")
        Traceback (most recent call last):
        vstore.InvalidInputError: the column 'box' holds samples of shape (2,); got (3,)
        """
        as_rows(name, self.info, self.form, one_sample(self.info, value))

    def with_id(self, column_id: str) -> "ColumnSpec":
        """Return the description with the id that the column is to have."""
        return replace(self, info=msgspec.structs.replace(self.info, id=column_id))


@exported_from("vstore")
def ndarray(
    shape: Sequence[int | None],
    dtype: DTypeLike,
    *,
    fill_value: Any = None,
    codecs: Any = "auto",
    rows_per_chunk: int | None = None,
    attributes: dict[str, Any] | None = None,
) -> ColumnSpec:
    """Describe a column of arrays of one data type.

    `shape` is one sample's shape, `()` for scalars. None stands for an axis whose length
    differs from sample to sample. Lists of strings of any length are a column of `texts`.

    With `codecs="scaled"`, floats of which all first samples are integers over 255, 65535, 10,
    100 or 1000, or over 127.5 and less 1, are stored as these integers: such as `uint8 / 255` in
    a quarter of the bytes. The fill value has to be of this form too, as 0 is but for the last.
    Samples that are not are then refused.

    >>> ndarray((28, 28), "uint8").shape
    (28, 28)
    >>> ndarray((None, 3), "float32").info.kind
    <ColumnKind 'ragged'>
    """
    resolved = as_storable(dtype)
    lengths = _axis_lengths(shape)
    if None in lengths and data_type_of(resolved) == STRING:
        return _list_of_texts(lengths, fill_value, codecs, rows_per_chunk, attributes)
    if None in lengths:
        info = ColumnInfo(RAGGED.name, dtype=data_type_of(resolved), shape=lengths)
    else:
        info = ColumnInfo(NDARRAY.name)
    return ColumnSpec(info, resolved, lengths, fill_value, codecs, rows_per_chunk, attributes)


@exported_from("vstore")
def text(
    *,
    codecs: Any = "auto",
    rows_per_chunk: int | None = None,
    attributes: dict[str, Any] | None = None,
) -> ColumnSpec:
    """Describe a column of strings."""
    return _variable(ColumnInfo(TEXT.name), codecs, rows_per_chunk, attributes)


@exported_from("vstore")
def texts(
    *,
    codecs: Any = "auto",
    rows_per_chunk: int | None = None,
    attributes: dict[str, Any] | None = None,
) -> ColumnSpec:
    """Describe a column of lists of strings, such as the tags of each sample.

    A sample is read as a list of `str`, perhaps empty; `column.contains("night")` is a mask of
    the samples whose lists have a string.
    """
    return _variable(ColumnInfo(TEXTS.name), codecs, rows_per_chunk, attributes)


@exported_from("vstore")
def bytes_(
    *,
    codecs: Any = "auto",
    rows_per_chunk: int | None = None,
    attributes: dict[str, Any] | None = None,
) -> ColumnSpec:
    """Describe a column of byte strings."""
    return _variable(ColumnInfo(BYTES.name), codecs, rows_per_chunk, attributes)


@exported_from("vstore")
def image(
    *,
    mode: str = "auto",
    orient: bool = True,
    check: Check = "decode",
    rows_per_chunk: int | None = None,
    attributes: dict[str, Any] | None = None,
) -> ColumnSpec:
    """Describe a column of images, kept as their encoded JPEG, PNG or WebP bytes.

    Samples are given as encoded bytes, stored unchanged once they were decoded to see that they
    can be, or as arrays of shape (height, width) or (height, width, channels), stored as PNG
    without loss. They are read as arrays: uint8, but uint16 for `I16` and bool for `1`.

    Args:
        mode: what pixels are. `auto` takes gray and RGB of 8 bits as they are, with transparency
            (2 or 4 channels) or without, and refuses files with others. `L`, `LA`, `RGB` and `RGBA`
            make gray or colors of them, `I16` takes gray of 16 bits, `P` the ids of a palette,
            `1` black and white, `CMYK` four inks.
        orient: turn images as their files say that they are to be seen (EXIF), when reading.
        check: what is tried of a file before it is stored: to decode it, to read its header, which
            says the size and the mode, or nothing. Only the first finds truncated files.
        rows_per_chunk: a power of two, chosen by size when None.
        attributes: any JSON.
    """
    if mode != "auto" and mode not in MODES:
        raise InvalidInputError(f"the mode of images is auto or one of {', '.join(MODES)}")
    own = None if mode == "auto" else mode
    info = ColumnInfo(IMAGE.name, mode=own, orient=bool(orient), check=_checked(check))
    return _variable(info, "none", rows_per_chunk, attributes)


@exported_from("vstore")
def audio(
    *,
    channels: int | None = None,
    dtype: Literal["int16", "int32", "float32", "float64"] = "int16",
    rate: int | None = None,
    check: Check = "decode",
    rows_per_chunk: int | None = None,
    attributes: dict[str, Any] | None = None,
) -> ColumnSpec:
    """Describe a column of sounds, kept as their WAV, FLAC, Ogg, MP3 or AIFF files.

    They are read as arrays of shape (frames, channels). WAV files of plain numbers need no other
    library; the other formats need the extra `audio`.

    Integers of fewer bits than the data type has fill its upper bits, and floats are from -1 to 1.
    A file is refused where the data type would lose bits: `int16` takes up to 16 bits, `int32` up
    to 32, `float32` up to 24 and floats of 32 bits, `float64` all. What was compressed with loss
    (Ogg, MP3) needs floats.

    Args:
        channels: how many all sounds have; None where they differ.
        dtype: the data type of values.
        rate: the frames of a second that all sounds have; None where they differ. With a rate,
            samples can be given as arrays, and are stored as WAV without loss.
        check: what is tried of a file before it is stored: to decode it, to read its header, or
            nothing. Only the first finds truncated files.
        rows_per_chunk: a power of two, chosen by size when None.
        attributes: any JSON.

    >>> audio(channels=2).info.shape
    (None, 2)
    """
    made = as_storable(dtype)
    if made.name not in DTYPES:
        raise InvalidInputError(f"sounds have one of the data types {', '.join(DTYPES)}")
    shape = (None, _count("channels", channels))
    info = ColumnInfo(
        AUDIO.name,
        dtype=made.name,
        shape=shape,
        rate=_count("rate", rate),
        check=_checked(check),
    )
    return _variable(info, "none", rows_per_chunk, attributes)


def _count(name: str, value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 1:
        raise InvalidInputError(f"{name} is None or a number of 1 or more, not {value!r}")
    return int(value)


def _checked(check: Any) -> Check:
    if check not in get_args(Check):
        raise InvalidInputError(f"check is one of {', '.join(get_args(Check))}, not {check!r}")
    known: Check = check
    return known


DESCRIBED: Mapping[str, Callable[..., ColumnSpec]] = {
    TEXT.name: text,
    TEXTS.name: texts,
    BYTES.name: bytes_,
    IMAGE.name: image,
    AUDIO.name: audio,
}
"""What describes a column, by the kind that is named where a data type does not tell it."""


def _list_of_texts(
    lengths: tuple[int | None, ...],
    fill_value: Any,
    codecs: Any,
    rows_per_chunk: int | None,
    attributes: dict[str, Any] | None,
) -> ColumnSpec:
    if len(lengths) != 1 or fill_value is not None:
        raise InvalidInputError(
            "strings of any length come in lists with one axis and without a fill value",
            code="unsupported-dtype",
            hint="describe the column with `vstore.texts()`, or give strings a length, as in "
            "`vstore.ndarray((None, 2), 'U30')`",
        )
    return _variable(ColumnInfo(TEXTS.name), codecs, rows_per_chunk, attributes)


def _variable(
    info: ColumnInfo, codecs: Any, rows_per_chunk: int | None, attributes: dict[str, Any] | None
) -> ColumnSpec:
    return ColumnSpec(info, np.dtype(object), (), None, codecs, rows_per_chunk, attributes)


def as_storable(dtype: DTypeLike) -> np.dtype[Any]:
    """Return a NumPy data type that Zarr has too, or raise `InvalidInputError`."""
    if isinstance(dtype, str) and dtype == STRING:
        return np.dtype(np.dtypes.StringDType())
    try:
        resolved = np.dtype(dtype)
    except (TypeError, ValueError) as exc:
        raise InvalidInputError(f"{dtype!r} is not a NumPy data type") from exc
    given: Any = dtype
    data_type_of(resolved if given is not None else None)
    return resolved


def _axis_lengths(shape: Any) -> tuple[int | None, ...]:
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise InvalidInputError(f"a sample's shape is a tuple such as (28, 28), not {shape!r}")
    return tuple(_axis_length(length) for length in shape)


def _axis_length(length: Any) -> int | None:
    if length is None:
        return None
    if not isinstance(length, (int, np.integer)) or isinstance(length, bool) or length < 0:
        raise InvalidInputError(f"a sample's axis is None or a length of 0 or more, not {length!r}")
    return int(length)
