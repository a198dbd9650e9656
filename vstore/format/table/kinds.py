"""The kinds of columns, and what each one says of its samples.

A kind is one value, and everything that differs between kinds is asked of it. To add one,
write its `ColumnKind`, add it to `KINDS`, and write a function in `specs` that describes a
column of it. Nothing else compares kinds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.table.flat import Flat, Parts, Stored, decode_flat
from vstore.format.table.names import SHAPE_SUFFIX, VALID_SUFFIX
from vstore.format.table.ragged import decode_ragged, encode_ragged
from vstore.format.table.texts import decode_texts, encode_texts
from vstore.format.zarr.dtypes import BYTES as BYTES_TYPE
from vstore.format.zarr.dtypes import STRING as STRING_TYPE
from vstore.format.zarr.dtypes import DataType, dtype_from, is_variable_length
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.format.table import images, sounds
else:
    images, sounds = lazy("vstore.format.table.images"), lazy("vstore.format.table.sounds")


@exported_from("vstore")
class ColumnInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a table says of one of its columns beyond the array's own metadata.

    `id` is given when the column is made and stays through renaming; a column that is made
    again under an old name has another one.
    `dtype` and `shape` describe the samples of a ragged column, None standing for an
    axis of any length; the samples' shapes are in the companion array `<name>.shape`.
    Which samples of an `optional` column are there is in `<name>.valid`.
    `mode` says what the pixels of images are, None for gray or colors as they are, and `orient`
    whether images are turned as their files say.
    Sounds are arrays of `dtype` and of `shape` (None, channels); `rate` is the one of all of them,
    None where they differ.
    `check` says what is tried of a file before it is stored.
    """

    kind_name: str = msgspec.field(name="kind")
    id: str = ""
    dtype: str | dict[str, Any] | None = None
    shape: tuple[int | None, ...] | None = None
    optional: bool = False
    mode: str | None = None
    orient: bool = True
    rate: int | None = None
    check: Literal["decode", "header", "none"] = "decode"

    def __post_init__(self) -> None:
        if self.kind_name not in KINDS:
            raise ValueError(f"a column is one of {', '.join(KINDS)}, not {self.kind_name!r}")
        if self.mode is not None and self.mode not in images.MODES:
            raise ValueError(f"the mode of images is one of {', '.join(images.MODES)}")
        if self.dtype is not None and is_variable_length(self.dtype):
            raise ValueError("samples that differ in shape have a data type of fixed width")
        self.kind.validate(self)

    @property
    def kind(self) -> "ColumnKind":
        """What the column holds."""
        return KINDS[self.kind_name]

    @property
    def companions(self) -> tuple["Companion", ...]:
        """The arrays that are next to the column's own."""
        return (*self.kind.companions, VALID) if self.optional else self.kind.companions

    @property
    def suffixes(self) -> tuple[str, ...]:
        """What follows the column's name in the names of its array and the companions."""
        return ("", *(companion.suffix for companion in self.companions))


@dataclass(frozen=True, slots=True, eq=False)
class Companion:
    """An array with one element for each sample, next to that of a column.

    `shape` returns the shape of an element, and `of` the element of one sample; elements of
    missing samples are zero.
    """

    suffix: str
    dtype: str
    shape: Callable[[ColumnInfo], tuple[int, ...]]
    of: Callable[[Any], Any]


VALID = Companion(VALID_SUFFIX, "bool", lambda _: (), lambda sample: sample is not None)
"""Says which samples of an optional column are there."""


@exported_from("vstore")
@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ColumnKind:
    """What a column holds: how samples are stored, and what others need to know of them.

    Samples of a *plain* kind have one data type and shape, and are the rows of an array, so
    that a part of a sample is read and written alone. Those of any other kind differ in size:
    each is one element, a string or bytes.
    """

    name: str
    """What is stored, and what users see, as the column's `kind`."""

    data_type: Literal["string", "variable_length_bytes"] | None = None
    """The Zarr data type of elements; None for a plain kind."""

    encode: Callable[[ColumnInfo, Any, str], Any] = lambda _info, values, _name: values
    """Return the element of a sample, or raise `InvalidInputError` with the column's name.

    A plain kind gets an array of the column's data type, which may be many samples or a part
    of one, and returns one like it.
    """

    are_elements: Callable[[Sequence[Any]], bool] = lambda _samples: False
    """Return whether samples are what `encode` would make of each, found out for all at once.

    It may return False where they are; where some are missing they are not.
    """

    decode: Callable[..., Any] | None = None
    """Return a sample, given the `ColumnInfo`, its element and those of its companions.

    None where elements are the samples, as they always are for a plain kind.
    """

    flatten: Callable[..., Flat] | None = None
    """Return samples as one array, given the `ColumnInfo`, their elements, and those of the
    companions by suffix; then, if that is not None, which `Parts` of them.

    It makes no object of a sample. None where there is no way but `decode`.
    """

    companions: tuple[Companion, ...] = ()
    """The arrays that are needed to decode an element."""

    validate: Callable[[ColumnInfo], None] = lambda _: None
    """Raise `ValueError` where a `ColumnInfo` of the kind contradicts itself."""

    dtype: Callable[[ColumnInfo], np.dtype[Any] | None] = lambda _: None
    """Return the data type of samples where it is not that of the stored array."""

    is_ragged: bool = False
    """Whether samples are arrays that differ in shape."""

    is_collection: bool = False
    """Whether samples hold texts that can be asked for."""

    is_told_by_dtype: bool = False
    """Whether its data type and shape tell more of a column than the name of its kind."""

    is_measured: bool = False
    """Whether differences of samples are numbers that say something, where dtypes allow."""

    is_slow: bool = False
    """Whether encoding a sample takes long enough for threads to share the work."""

    is_picture: bool = False
    """Whether samples are pixels, shape (height, width) or (height, width, channels)."""

    is_waveform: bool = False
    """Whether samples are values over time, shape (frames, channels)."""

    format_of: Callable[[bytes], str] | None = None
    """Return which format an element has, where that is shown for a sample, not its values."""

    describe: Callable[[bytes], Any] | None = None
    """Return what the file that is an element says of itself, or raise `FormatError`."""

    stored_as: str = ""
    """What readers who know only Zarr see in the place of samples."""

    def __post_init__(self) -> None:
        if self.is_plain and (self.decode or self.companions):
            raise TypeError(f"samples of the kind {self.name!r} are stored as they are")

    def __repr__(self) -> str:
        return f"<ColumnKind {self.name!r}>"

    @property
    def is_plain(self) -> bool:
        """Whether samples are the rows of an array, and not elements of variable length."""
        return self.data_type is None

    def may_be(self, data_type: DataType, ndim: int) -> bool:
        """Return whether an array of a data type and this many axes may hold the samples."""
        return self.is_plain or (data_type == self.data_type and ndim == 1)

    @property
    def is_encoded_alone(self) -> bool:
        """Whether the element of a sample is bytes that say all of it, without companions."""
        return self.data_type == BYTES_TYPE and not self.companions

    @property
    def nothing(self) -> Any:
        """The element in the place of a missing sample, where the kind is not plain."""
        return "" if self.data_type == STRING_TYPE else b""


class Encoded(bytes):
    """An element that a column's kind has made already, so that it is not checked twice."""

    info: ColumnInfo

    @classmethod
    def of(cls, element: bytes, info: ColumnInfo) -> "Encoded":
        """Return the element of a sample that a column takes."""
        made = cls(element)
        made.info = info
        return made


# Samples of each kind ---------------------------------------------------------------


def _text(_: ColumnInfo, sample: Any, name: str) -> str:
    if not isinstance(sample, str):
        raise InvalidInputError(f"the column {name!r} holds text; got {type(sample).__name__}")
    try:
        sample.encode()
    except UnicodeEncodeError as exc:
        raise InvalidInputError(f"the text {sample[:40]!r} is not valid Unicode") from exc
    return str(sample)


def _are_texts(samples: Sequence[Any]) -> bool:
    if set(map(type, samples)) != {str}:
        return False
    whole = "".join(samples)
    if not whole.isascii():
        try:
            whole.encode()
        except UnicodeEncodeError:
            return False
    return True


def _bytes(_: ColumnInfo, sample: Any, name: str) -> bytes:
    if not isinstance(sample, (bytes, bytearray, memoryview)):
        raise InvalidInputError(f"the column {name!r} holds bytes; got {type(sample).__name__}")
    return bytes(sample)


def _image(info: ColumnInfo, sample: Any, name: str) -> bytes:
    if isinstance(sample, (bytes, bytearray, memoryview)):
        return images.encoded_image(bytes(sample), info.mode, check=info.check, name=name)
    return images.encode_image(np.asarray(sample), info.mode, name=name)


def _pixels(info: ColumnInfo, element: bytes) -> NDArray[Any]:
    if not element:
        return np.zeros((0, 0), images.dtype_of(info.mode))
    return images.decode_image(element, info.mode, is_turned=info.orient)


def _validate_sound(info: ColumnInfo) -> None:
    shape = info.shape or ()
    if info.dtype not in sounds.DTYPES or len(shape) != 2 or shape[0] is not None:
        raise ValueError("sounds are arrays of frames and channels")
    if (shape[1] is not None and shape[1] < 1) or (info.rate is not None and info.rate < 1):
        raise ValueError("sounds have one channel or more, and a rate of 1 Hz or more")


def _sound(info: ColumnInfo, sample: Any, name: str) -> bytes:
    held = sounds.Held(_ragged_dtype(info), (info.shape or (None, None))[1], info.rate)
    if isinstance(sample, (bytes, bytearray, memoryview)):
        return sounds.encoded_audio(bytes(sample), held, check=info.check, name=name)
    return sounds.encode_audio(np.asarray(sample), held, name=name)


def _samples(info: ColumnInfo, element: bytes) -> NDArray[Any]:
    held = sounds.Held(_ragged_dtype(info), (info.shape or (None, None))[1], info.rate)
    if not element:
        return np.zeros((0, held.channels or 0), held.dtype)
    return sounds.decode_audio(element, held)


def _ragged_dtype(info: ColumnInfo) -> np.dtype[Any]:
    return np.dtype("uint8") if info.dtype is None else dtype_from(info.dtype)


def _ragged(info: ColumnInfo, sample: Any, name: str) -> bytes:
    return encode_ragged(sample, _ragged_dtype(info), info.shape or (), name=name)


def _from_ragged(info: ColumnInfo, element: bytes, shape: NDArray[Any]) -> NDArray[Any]:
    return decode_ragged(element, _ragged_dtype(info), info.shape or (), tuple(shape.tolist()))


def _flat(
    info: ColumnInfo,
    elements: NDArray[Any],
    beside: Mapping[str, NDArray[Any]],
    parts: Parts | None = None,
) -> Flat:
    stored = Stored(elements, beside[SHAPE_SUFFIX], beside.get(VALID_SUFFIX))
    return decode_flat(stored, _ragged_dtype(info), info.shape or (), parts)


NDARRAY = ColumnKind(name="ndarray", is_told_by_dtype=True, is_measured=True)

TEXT = ColumnKind(name="text", data_type=STRING_TYPE, encode=_text, are_elements=_are_texts)

BYTES = ColumnKind(
    name="bytes",
    data_type=BYTES_TYPE,
    encode=_bytes,
    are_elements=lambda samples: set(map(type, samples)) == {bytes},
)

RAGGED = ColumnKind(
    name="ragged",
    data_type=BYTES_TYPE,
    encode=_ragged,
    decode=_from_ragged,
    flatten=_flat,
    companions=(Companion(SHAPE_SUFFIX, "int64", lambda info: (len(info.shape or ()),), np.shape),),
    dtype=_ragged_dtype,
    is_ragged=True,
    is_told_by_dtype=True,
    is_measured=True,
    stored_as="the elements of each sample; their shapes are in '.shape'",
)

IMAGE = ColumnKind(
    name="image",
    data_type=BYTES_TYPE,
    encode=_image,
    decode=_pixels,
    dtype=lambda info: images.dtype_of(info.mode),
    is_ragged=True,
    is_slow=True,
    is_picture=True,
    format_of=lambda element: images.image_format(element),
    describe=lambda element: images.image_info(element),
    stored_as="the files of the images, not decoded",
)

AUDIO = ColumnKind(
    name="audio",
    data_type=BYTES_TYPE,
    encode=_sound,
    decode=_samples,
    validate=_validate_sound,
    dtype=_ragged_dtype,
    is_ragged=True,
    is_slow=True,
    is_waveform=True,
    format_of=lambda element: sounds.describe(element),
    describe=lambda element: sounds.audio_info(element),
    stored_as="the files of the sounds, not decoded",
)

TEXTS = ColumnKind(
    name="texts",
    data_type=BYTES_TYPE,
    encode=lambda _, sample, name: encode_texts(sample, name=name),
    decode=lambda _, element: decode_texts(element),
    is_collection=True,
    stored_as="the texts of each sample as a JSON array",
)

KINDS = {kind.name: kind for kind in (NDARRAY, RAGGED, TEXT, TEXTS, BYTES, IMAGE, AUDIO)}
"""Every kind by the name that is stored."""

_OF_ELEMENTS = {STRING_TYPE: TEXT, BYTES_TYPE: BYTES}


def kind_of_array(data_type: str, ndim: int) -> ColumnKind:
    """Return the kind of a column made of a plain array, whose elements are its samples."""
    return _OF_ELEMENTS.get(data_type, NDARRAY) if ndim == 1 else NDARRAY


def reserved_suffixes() -> tuple[str, ...]:
    """Return how no column's name ends, since names of other arrays of a table do."""
    own = (each.suffix for kind in KINDS.values() for each in kind.companions)
    return (*own, VALID_SUFFIX, ".deleted", ".index")
