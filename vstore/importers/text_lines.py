"""The lines of a text file: many at once, none longer than memory should hold."""

import io
from collections.abc import Iterator
from typing import BinaryIO

from vstore.errors import InvalidInputError

_READ_NBYTES = 2**20
_MAX_LINE = 2**28
"""How many characters a line may have: it is held in memory whole."""
_MARK = b"\xef\xbb\xbf"


class TextLines:
    """Reads the lines of UTF-8 text, in lists of about a megabyte."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._count = 0
        self.nbytes = 0
        """How much was read until now."""

    def lists(self) -> Iterator[list[str]]:
        """Yield lines with their ends, which are those of any system.

        Raises:
            InvalidInputError: a line is too long, or is not UTF-8; the error has its number, and
                what is in front of it was yielded.
        """
        parts: list[bytes] = []
        data = self._read()
        while data:
            cut = data.rfind(b"\n") + 1 or data.rfind(b"\r", 0, len(data) - 1) + 1
            if cut:
                yield from self._lines(b"".join([*parts, data[:cut]]))
                parts = [data[cut:]]
            else:
                parts.append(data)
                self._require_short(sum(map(len, parts)) // 4)
            data = self._read()
        if any(parts):
            yield from self._lines(b"".join(parts))

    def _read(self) -> bytes:
        data = self._stream.read(_READ_NBYTES)
        self.nbytes += len(data)
        return data

    def _lines(self, data: bytes) -> Iterator[list[str]]:
        if not self._count:
            data = data.removeprefix(_MARK)
        try:
            text, error = data.decode(), None
        except UnicodeDecodeError as exc:
            good = data.rfind(b"\n", 0, exc.start) + 1
            text, error = data[:good].decode(), exc
        lines = io.StringIO(text, newline="").readlines()
        longest = max(map(len, lines), default=0)
        if longest >= _MAX_LINE:
            lines = lines[: next(i for i, line in enumerate(lines) if len(line) >= _MAX_LINE)]
        self._count += len(lines)
        yield lines
        self._require_short(longest)
        if error is not None:
            raise InvalidInputError(f"line {self._count + 1} is not UTF-8: {error}") from error

    def _require_short(self, length: int) -> None:
        if length >= _MAX_LINE:
            raise InvalidInputError(
                f"line {self._count + 1} is longer than {_MAX_LINE - 1:,} characters"
            )
