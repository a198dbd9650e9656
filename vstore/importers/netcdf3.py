"""The headers and values of NetCDF 3 files: classic, with 64-bit offsets, and with 64-bit data."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vstore.errors import InvalidInputError
from vstore.importers.foreign_attributes import FILL_VALUE, held_attributes
from vstore.importers.hierarchy import Hierarchy, HierarchyArray, Region
from vstore.importers.reading import Reader
from vstore.importers.source import SourceFile, in_any_order

NETCDF_MAGIC = b"CDF"
_VERSIONS = {1: (4, 4), 2: (4, 8), 5: (8, 8)}
"""How many bytes counts and offsets have."""
_TYPES = ("i1", "S1", ">i2", ">i4", ">f4", ">f8", "u1", ">u2", ">u4", ">i8", ">u8")
_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
_MAX_NAMES = 2**20
_READ_NBYTES = 2**25


def read_headers(file: SourceFile) -> Hierarchy:
    """Return the variables of a file; they have dimensions, and no groups.

    Raises:
        InvalidInputError: the file is damaged.
    """
    file = in_any_order(file)
    with file.open() as stream:
        header = _Header(Reader(stream, file), file)
        attributes, variables = header.parse()
    header.require_whole(variables)
    arrays = {each.name: each.described(file) for each in variables}
    return Hierarchy(arrays, {"": held_attributes(attributes, unwraps=True)})


@dataclass(frozen=True, slots=True)
class _Variable:
    """A variable, and where its values are: in one piece, or in a piece for each record."""

    name: str
    shape: tuple[int, ...]
    dimension_names: tuple[str, ...]
    dtype: np.dtype[Any]
    attributes: dict[str, Any]
    offset: int
    record_nbytes: int | None = None
    """How far apart records are; None where there is one piece."""

    @property
    def row_nbytes(self) -> int:
        """How many bytes one record has of the variable."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def end(self) -> int:
        """Where its values end in the file."""
        if self.record_nbytes is None:
            return self.offset + math.prod(self.shape) * self.dtype.itemsize
        records = self.shape[0]
        return self.offset + (records - 1) * self.record_nbytes + self.row_nbytes if records else 0

    def described(self, file: SourceFile) -> HierarchyArray:
        """Return the variable as an array."""
        fill = self.attributes.get(FILL_VALUE)
        is_number = self.dtype.kind != "S" and isinstance(fill, np.ndarray) and fill.size == 1
        return HierarchyArray(
            self.shape,
            self.dtype.newbyteorder("="),
            partial(self.read, file),
            fill_value=fill[0] if is_number and fill is not None else None,
            dimension_names=self.dimension_names,
            attributes=held_attributes(self.attributes, self.dtype, unwraps=True),
        )

    def read(self, file: SourceFile, region: Region) -> NDArray[Any]:
        """Return the values in a part of the variable."""
        with file.open() as stream:
            reader = _Seeking(stream, file)
            if self.record_nbytes is None:
                found = self._part(reader, self.offset, self.shape, region)
            else:
                found = self._records(reader, region)
        return found.astype(self.dtype.newbyteorder("="), copy=False)

    def _part(
        self, reader: "_Seeking", offset: int, shape: tuple[int, ...], region: Region
    ) -> NDArray[Any]:
        """Return a part of values that are in one piece, in as few reads as there can be."""
        lengths = tuple(part.stop - part.start for part in region)
        cut = next((i for i in reversed(range(len(shape))) if lengths[i] != shape[i]), 0)
        steps = [math.prod(shape[i + 1 :]) * self.dtype.itemsize for i in range(len(shape))]
        nbytes = math.prod(lengths[cut:]) * self.dtype.itemsize
        pieces = []
        for index in product(*(range(part.start, part.stop) for part in region[:cut])):
            at = sum(i * step for i, step in zip(index, steps, strict=False))
            first = region[cut].start * steps[cut] if region else 0
            pieces.append(reader.read(offset + at + first, nbytes))
        return np.frombuffer(b"".join(pieces), self.dtype).reshape(lengths)

    def _records(self, reader: "_Seeking", region: Region) -> NDArray[Any]:
        """Return a part of values of which there is a piece in each record."""
        assert self.record_nbytes is not None
        rows, inner = region[0], region[1:]
        out = np.empty([part.stop - part.start for part in region], self.dtype)
        if self.row_nbytes * 16 < self.record_nbytes and self.row_nbytes > 2**16:
            for i in range(rows.start, rows.stop):
                at = self.offset + i * self.record_nbytes
                out[i - rows.start] = self._part(reader, at, self.shape[1:], inner)
            return out
        for start, count in _runs(rows, max(1, _READ_NBYTES // max(1, self.record_nbytes))):
            nbytes = (count - 1) * self.record_nbytes + self.row_nbytes
            raw = np.zeros(count * self.record_nbytes, np.uint8)
            data = reader.read(self.offset + start * self.record_nbytes, nbytes)
            raw[:nbytes] = np.frombuffer(data, np.uint8)
            own = raw.reshape(count, self.record_nbytes)[:, : self.row_nbytes]
            values = np.ascontiguousarray(own).view(self.dtype).reshape(count, *self.shape[1:])
            out[start - rows.start : start - rows.start + count] = values[(slice(None), *inner)]
        return out


def _runs(rows: slice, most: int) -> Iterator[tuple[int, int]]:
    for start in range(rows.start, rows.stop, most):
        yield start, min(most, rows.stop - start)


class _Seeking:
    """Reads parts of a file exactly."""

    def __init__(self, stream: Any, file: SourceFile) -> None:
        self._stream = stream
        self._file = file

    def read(self, offset: int, nbytes: int) -> bytes:
        """Return some bytes, or raise where the file ends before."""
        self._stream.seek(offset)
        data = Reader(self._stream, self._file).read(nbytes)
        if len(data) < nbytes:
            raise InvalidInputError(f"{self._file} is truncated")
        return data


@dataclass(slots=True)
class _Header:
    """Parses a header from its start to its end."""

    reader: Reader
    file: SourceFile
    count_nbytes: int = 4
    offset_nbytes: int = 4
    dimensions: list[tuple[str, int]] = field(default_factory=list)

    def parse(self) -> tuple[dict[str, Any], list[_Variable]]:
        """Return the attributes of the file, and its variables."""
        magic = self._bytes(4)
        if magic[:3] != NETCDF_MAGIC or magic[3] not in _VERSIONS:
            raise InvalidInputError(f"{self.file} is no NetCDF 3 file: it begins with {magic!r}")
        self.count_nbytes, self.offset_nbytes = _VERSIONS[magic[3]]
        records = self._count()
        for _ in range(self._list(_DIMENSIONS)):
            self.dimensions.append((self._name(), self._count()))
        attributes = self._attributes()
        declared = [self._variable() for _ in range(self._list(_VARIABLES))]
        names = [each.name for each in declared]
        if len(set(names)) < len(names):
            raise InvalidInputError(f"{self.file} is damaged: two variables have one name")
        if records == 256**self.count_nbytes - 1:
            records = -1
        return attributes, self._with_records(declared, records)

    def _with_records(self, declared: list[_Variable], records: int) -> list[_Variable]:
        """Return variables as they are once it is known how long a record is."""
        own = [each for each in declared if each.record_nbytes is not None]
        nbytes = sum(-(-each.row_nbytes // 4) * 4 for each in own)
        if len(own) == 1:
            nbytes = own[0].row_nbytes  # a single variable is not padded
        if records < 0:
            records = self._records_there(own, nbytes)
        return [
            each
            if each.record_nbytes is None
            else _Variable(
                *(each.name, (records, *each.shape[1:]), each.dimension_names, each.dtype),
                *(each.attributes, each.offset, nbytes),
            )
            for each in declared
        ]

    def _records_there(self, own: list[_Variable], nbytes: int) -> int:
        """Return how many records a file has that was written as a stream, and does not say so."""
        if not own or not nbytes:
            return 0
        if self.file.size is None:
            raise InvalidInputError(f"{self.file} does not say how many records it has")
        return max(0, (self.file.size - min(each.offset for each in own)) // nbytes)

    def require_whole(self, variables: list[_Variable]) -> None:
        """Raise unless all values can be in the file."""
        there = self.file.size
        for each in variables:
            if there is not None and each.end > there and not self.file.is_compressed:
                raise InvalidInputError(
                    f"{self.file} is truncated: {each.name!r} ends at byte {each.end:,} of "
                    f"{there:,}"
                )

    def _variable(self) -> _Variable:
        name = self._name()
        numbers = [self._count() for _ in range(self._bounded(self._count()))]
        if any(number >= len(self.dimensions) for number in numbers):
            raise InvalidInputError(f"{self.file} is damaged: {name!r} has an unknown dimension")
        attributes = self._attributes()
        dtype = self._type()
        self._count()  # the size, which follows from the rest, and is wrong for large ones
        offset = int.from_bytes(self._bytes(self.offset_nbytes), "big")
        own = [self.dimensions[number] for number in numbers]
        shape = tuple(length for _, length in own)
        if any(length == 0 for length in shape[1:]):
            raise InvalidInputError(f"{self.file} is damaged: {name!r} has records inside")
        is_record = bool(own) and own[0][1] == 0
        names = tuple(each for each, _ in own)
        return _Variable(name, shape, names, dtype, attributes, offset, 0 if is_record else None)

    def _attributes(self) -> dict[str, Any]:
        return dict(self._attribute() for _ in range(self._list(_ATTRIBUTES)))

    def _attribute(self) -> tuple[str, Any]:
        name, dtype, count = self._name(), self._type(), self._count()
        data = self._padded(count * dtype.itemsize)
        if dtype.kind == "S":
            return name, data
        return name, np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))

    def _type(self) -> np.dtype[Any]:
        number = int.from_bytes(self._bytes(4), "big")
        if not 1 <= number <= len(_TYPES):
            raise InvalidInputError(f"{self.file} is damaged: it has the data type {number}")
        return np.dtype(_TYPES[number - 1])

    def _list(self, tag: int) -> int:
        """Return how many members a list has, of which the tag says what they are."""
        found, count = int.from_bytes(self._bytes(4), "big"), self._count()
        if found != tag and (found or count):
            raise InvalidInputError(f"{self.file} is damaged: it has {found} where {tag} belongs")
        return self._bounded(count)

    def _bounded(self, count: int) -> int:
        if count > _MAX_NAMES:
            raise InvalidInputError(f"{self.file} is damaged: it has {count:,} names")
        return count

    def _name(self) -> str:
        return self._padded(self._count()).decode("utf-8", "replace")

    def _count(self) -> int:
        return int.from_bytes(self._bytes(self.count_nbytes), "big")

    def _padded(self, nbytes: int) -> bytes:
        return self._bytes(-(-nbytes // 4) * 4)[:nbytes]

    def _bytes(self, nbytes: int) -> bytes:
        if self.file.size is not None and nbytes > self.file.size and not self.file.is_compressed:
            raise InvalidInputError(
                f"{self.file} is damaged: a name or attribute has {nbytes:,} bytes"
            )
        data = self.reader.read(nbytes)
        if len(data) < nbytes:
            raise InvalidInputError(f"{self.file} is truncated: its header ends early")
        return data
