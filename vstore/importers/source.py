"""What an importer reads: the files behind one or more addresses."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.digest import digest_of_stream
from vstore.format.table.specs import ColumnSpec
from vstore.importers.patterns import matches
from vstore.importers.places import Archive, Place, copied, spooled
from vstore.importers.reading import MAGIC_NBYTES, is_compressed, unpacked

Data = bytes  # the class has a method called `bytes`

MAX_FILE_NBYTES = 2**31
"""A file that is one value, or held in memory whole, is smaller than this."""

_PIECE_NBYTES = 2**22


@exported_from("vstore.plugins")
@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a source, wherever it is: on this machine, in a bucket, in an archive.

    It pickles, and opening it needs no credentials: it has them.
    """

    path: str
    """Where it is in the source: folders and its name, with `/` between them. The usual key."""

    size: int | None = field(compare=False)
    """How many bytes it has as it is stored; None if only reading it tells."""

    modified: float | None = field(compare=False)
    """When it was last changed, in seconds since 1970; None if its place does not say."""

    etag: str | None = field(compare=False)
    """What a bucket calls its contents; None elsewhere."""

    place: Place = field(repr=False)
    name_there: str = field(repr=False)

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """What follows the last dot of its name, in lower case and with the dot; else ''.

        A compressed file has the suffix of what it holds: that of `rows.csv.gz` is `.csv`.
        """
        name = self.name.lower()
        for packed in (".gz", ".bz2", ".xz"):
            name = name.removesuffix(packed)
        return os.path.splitext(name)[1]

    def open(self) -> BinaryIO:
        """Open what it holds for reading in any order, decompressed if it is gzip, bzip2 or xz.

        Raises:
            VstoreError: it is not there, or cannot be read; so do the stream's methods.
        """
        return unpacked(self.place.open(self.name_there), called=self)

    def bytes(self) -> Data:
        """Return the whole file as it is stored, also if it is compressed.

        Raises:
            VstoreError: it is not there, cannot be read, or is larger than a sample may be.
        """
        if (self.size or 0) > MAX_FILE_NBYTES:
            raise InvalidInputError(f"{self} is too large for one sample: {self.size:,} bytes")
        with self.place.open(self.name_there) as stream, _as_stored(stream, self) as raw:
            pieces = list(_pieces(raw, MAX_FILE_NBYTES + 1))
        if sum(map(len, pieces)) > MAX_FILE_NBYTES:
            raise InvalidInputError(f"{self} is too large for one sample")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def head(self, nbytes: int) -> Data:
        """Return the first bytes of what it holds, decompressed; b"" if it is empty."""
        with self.open() as stream:
            return stream.read(nbytes)

    def digest(self) -> str:
        """Return the BLAKE3 digest of the file as it is stored, in hexadecimal."""
        with self.place.open(self.name_there) as stream, _as_stored(stream, self) as raw:
            return digest_of_stream(raw.read)

    @property
    def is_compressed(self) -> bool:
        """Whether `open` decompresses it; its first bytes tell."""
        with self.place.open(self.name_there) as stream:
            return is_compressed(stream.read(MAGIC_NBYTES))

    @property
    def local_path(self) -> Path | None:
        """Where it is on this machine as it is; None if it is elsewhere, or in an archive."""
        return self.place.local(self.name_there)

    @property
    def is_in_tar(self) -> bool:
        """Whether it is a file in a tar archive."""
        return isinstance(self.place, Archive) and self.place.is_tar

    @contextmanager
    def local(self) -> Iterator[Path]:
        """Yield a path of what it holds on this machine, for libraries that take nothing else.

        A copy is made of what is elsewhere or compressed, and deleted at the end.
        """
        own = self.local_path
        if own is not None and not self.is_compressed:
            yield own
            return
        with self.open() as stream:
            copy = copied(stream, str(self))
        try:
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def __str__(self) -> str:
        return self.place.shown(self.name_there)


def in_any_order(file: SourceFile) -> SourceFile:
    """Return a file that is read in any order at no cost: a copy of one that is compressed."""
    if not file.is_compressed:
        return file
    with file.open() as stream:
        return replace(file, place=spooled(stream, str(file)))


def _pieces(stream: BinaryIO, most: int) -> Iterator[Data]:
    """Yield what a stream holds, up to `most` bytes: to ask for all at once reserves memory."""
    while most > 0 and (piece := stream.read(min(_PIECE_NBYTES, most))):
        yield piece
        most -= len(piece)


@contextmanager
def _as_stored(stream: BinaryIO, file: SourceFile) -> Iterator[BinaryIO]:
    try:
        yield stream
    except EOFError:
        raise InvalidInputError(f"{file} is truncated") from None
    except OSError as exc:
        raise InvalidInputError(f"cannot read {file}: {exc.strerror or exc}") from exc


@exported_from("vstore.plugins")
@dataclass(frozen=True, slots=True)
class Source:
    """What is imported: one file, or the files of a folder, glob or archive, or of several.

    Made by `vstore.importers.open_source`. Files and folders whose names begin with a dot are
    left out.
    """

    url: str
    """The addresses, without what is secret in them."""

    listed: tuple[SourceFile, ...] = field(repr=False)
    is_file: bool
    """Whether it is a single file, and no folder, glob or archive."""

    hidden: int = 0
    """How many files were left out because of their names."""

    schema: Mapping[str, ColumnSpec] = field(default_factory=dict, repr=False)
    """Columns that the caller described, by name. An importer that infers columns does not
    infer these, and converts values to them; any other may ignore them."""

    def files(self, *patterns: str) -> Iterator[SourceFile]:
        """Yield the files in the order of their paths, or in that of their archive.

        Where there are patterns, files that match none of them are left out.

        In a pattern `*` and `?` stand for characters but `/`, `**/` for any folders or none.
        A pattern without `/` matches the name alone. Upper and lower case are the same.
        """
        for file in self.listed:
            if not patterns or any(matches(file.path, pattern) for pattern in patterns):
                yield file

    def open(self) -> BinaryIO:
        """Open the first file; see `SourceFile.open`.

        Raises:
            InvalidInputError: there are no files.
        """
        return self._first().open()

    def head(self, nbytes: int) -> Data:
        """Return the first bytes of the first file, decompressed; b"" if there are no files."""
        return self._first().head(nbytes) if self.listed else b""

    def _first(self) -> SourceFile:
        if not self.listed:
            raise InvalidInputError(f"there are no files in {self}")
        return self.listed[0]

    def __str__(self) -> str:
        return self.url


def joined(parts: Sequence[Source], schema: Mapping[str, Any] | None) -> Source:
    """Return several sources as one, in their order."""
    return Source(
        ", ".join(part.url for part in parts),
        tuple(file for part in parts for file in part.listed),
        len(parts) == 1 and parts[0].is_file,
        sum(part.hidden for part in parts),
        dict(schema or {}),
    )
