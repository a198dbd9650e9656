"""Small NetCDF 3 files, written by hand: any version, with and without records."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

_TYPES = ["i1", "S1", "i2", "i4", "f4", "f8", "u1", "u2", "u4", "i8", "u8"]
_DIMENSIONS, _VARIABLES, _ATTRIBUTES = 10, 11, 12
Variables = Mapping[str, tuple[list[str], Any]]


def write_netcdf(
    path: Path,
    variables: Variables,
    *,
    version: int = 1,
    records: str | None = None,
    attributes: Mapping[str, Mapping[str, Any]] | None = None,
    says_how_many: bool = True,
) -> Path:
    """Write variables, given as the names of their axes and their values.

    `records` is the axis that has no fixed length; `attributes` are those of each variable, and
    of the file under ''.
    """
    values = {name: (axes, np.asarray(held)) for name, (axes, held) in variables.items()}
    file = _File(values, version, records, attributes or {}, says_how_many=says_how_many)
    path.write_bytes(file.data())
    return path


@dataclass(slots=True)
class _File:
    variables: Mapping[str, tuple[list[str], Any]]
    version: int
    records: str | None
    attributes: Mapping[str, Mapping[str, Any]]
    says_how_many: bool
    sizes: dict[str, int] = field(default_factory=dict)

    def data(self) -> bytes:
        for axes, held in self.variables.values():
            self.sizes |= zip(axes, held.shape, strict=True)
        fixed = {name: _big(held) for name, (_, held) in self.variables.items()
                 if name not in self.rows()}  # fmt: skip
        at = len(self.header(dict.fromkeys(self.variables, 0)))
        offsets, data = {}, b""
        for name, whole in fixed.items():
            offsets[name] = at + len(data)
            data += _padded(whole)
        start = at + len(data)
        for name, nbytes in self.rows().items():
            offsets[name] = start
            start += nbytes
        return self.header(offsets) + data + b"".join(self.record(i) for i in range(self.count))

    @property
    def count(self) -> int:
        return self.sizes.get(self.records or "", 0)

    def rows(self) -> dict[str, int]:
        """Return how many bytes each variable of records has in one."""
        own = {name: len(_big(held[0])) for name, (axes, held) in self.variables.items()
               if axes and axes[0] == self.records}  # fmt: skip
        return own if len(own) == 1 else {name: -(-n // 4) * 4 for name, n in own.items()}

    def record(self, i: int) -> bytes:
        rows = self.rows().items()
        return b"".join(_big(self.variables[name][1][i]).ljust(n, b"\0") for name, n in rows)

    def header(self, offsets: Mapping[str, int]) -> bytes:
        total = self.count if self.says_how_many else 256 ** len(self.number(0)) - 1
        dimensions = [
            self.name(axis) + self.number(0 if axis == self.records else length)
            for axis, length in self.sizes.items()
        ]
        return (
            b"CDF"
            + bytes([self.version])
            + self.number(total)
            + self.listed(_DIMENSIONS, dimensions)
            + self.listed(_ATTRIBUTES, self.attributes_of(""))
            + self.listed(_VARIABLES, [self.variable(n, offsets[n]) for n in self.variables])
        )

    def variable(self, name: str, offset: int) -> bytes:
        axes, held = self.variables[name]
        return (
            self.name(name)
            + self.number(len(axes))
            + b"".join(self.number(list(self.sizes).index(axis)) for axis in axes)
            + self.listed(_ATTRIBUTES, self.attributes_of(name))
            + _type(held)
            + self.number(0)
            + struct.pack(">I" if self.version == 1 else ">Q", offset)
        )

    def attributes_of(self, name: str) -> list[bytes]:
        return [self.attribute(*pair) for pair in self.attributes.get(name, {}).items()]

    def attribute(self, key: str, value: Any) -> bytes:
        if isinstance(value, str):
            data = np.frombuffer(value.encode(), "S1")
        else:
            data = np.atleast_1d(value)
        return self.name(key) + _type(data) + self.number(data.size) + _padded(_big(data))

    def listed(self, tag: int, members: Sequence[bytes]) -> bytes:
        count = self.number(len(members))
        return struct.pack(">I", tag if members else 0) + count + b"".join(members)

    def name(self, text: str) -> bytes:
        return self.number(len(text.encode())) + _padded(text.encode())

    def number(self, value: int) -> bytes:
        return struct.pack(">Q" if self.version == 5 else ">I", value)


def _type(held: Any) -> bytes:
    return struct.pack(">I", _TYPES.index(held.dtype.str[1:]) + 1)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)


def _big(held: Any) -> bytes:
    """Return values in the byte order of the files."""
    data: bytes = held.astype(held.dtype.newbyteorder(">")).tobytes()
    return data
