"""From addresses to files: paths, globs and URLs, archives, standard input."""

import glob
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from vstore.errors import InvalidInputError, NotFoundError
from vstore.faces import exported_from
from vstore.importers.patterns import MAGIC
from vstore.importers.places import Archive, ForeignPlace, LocalPlace, copied, regular, spooled
from vstore.importers.source import Source, SourceFile, joined
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.storage import foreign
else:
    foreign = lazy("vstore.storage.foreign")

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]+(::|://)")
_LOCAL = LocalPlace()
STDIN = "-"
_ZARR_2 = frozenset({".zarray", ".zgroup", ".zattrs", ".zmetadata"})
"""Names that begin with a dot, and hold what Zarr says of arrays."""


@exported_from("vstore.importers")
def open_source(
    addresses: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    *,
    storage_options: Mapping[str, Any] | None = None,
    schema: Mapping[str, Any] | None = None,
) -> Source:
    """Return the files behind one or more addresses.

    An address is a path or any fsspec URL, of a file, a folder, or a glob such as
    `photos/**/*.jpg`; `-` is standard input. The files in a zip or tar archive, compressed or
    not, are those of the source. Lists folders and reads first bytes, no more.

    Args:
        addresses: one or several, whose files are imported together.
        storage_options: those of the fsspec filesystem of URLs.
        schema: columns that are known, as `ColumnSpec` by name.

    Raises:
        NotFoundError: nothing is there.
        InvalidInputError: it cannot be read, or what is there is neither file nor folder.
    """
    given = [addresses] if isinstance(addresses, str | os.PathLike) else list(addresses)
    if not given:
        raise InvalidInputError("there are no files to import")
    parts = [_part(os.fspath(each), storage_options or {}) for each in given]
    return joined(parts, schema)


def _part(address: str, options: Mapping[str, Any]) -> Source:
    if address == STDIN:
        place = spooled(sys.stdin.buffer, "standard input")
        size = place.path.stat().st_size
        return _unpacked_source(SourceFile("-", size, None, None, place, "-"), address)
    address = re.sub(r"^(file|local)://", "", address)
    if _URL.match(address):
        return _foreign(address, options)
    return _local(os.path.expanduser(address))


# On this machine --------------------------------------------------------------------


def _local(path: str) -> Source:
    if MAGIC.search(path) and not os.path.lexists(path):
        return _local_glob(path)
    found = regular(path)
    if found is not None:
        return _unpacked_source(_local_file(path, os.path.basename(path), found), path)
    paths = [os.path.join(folder, name) for folder, name in _walk(path)]
    return _source(path, ((each, _relative(each, path)) for each in paths))


def _walk(path: str) -> Iterator[tuple[str, str]]:
    for folder, _, names in os.walk(path, onerror=_unreadable):
        for name in names:
            yield folder, name


def _unreadable(error: OSError) -> None:
    raise InvalidInputError(f"cannot read {error.filename}: {error.strerror}") from error


def _relative(path: str, root: str) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")


def _source(url: str, found: Iterable[tuple[str, str]]) -> Source:
    """Return files of this machine, given as paths and what they are called in the source."""
    files, hidden = [], 0
    for path, relative in sorted(found, key=lambda each: each[1]):
        if is_hidden(relative):
            hidden += 1
        elif os.path.isfile(path):
            files.append(_local_file(path, relative, os.stat(path)))
    return Source(url, tuple(files), is_file=False, hidden=hidden)


def _local_file(path: str, relative: str, found: os.stat_result) -> SourceFile:
    return SourceFile(relative, found.st_size, found.st_mtime, None, _LOCAL, path)


def _local_glob(pattern: str) -> Source:
    root = fixed_part(pattern) or "."
    found = [path for path in glob.iglob(pattern, recursive=True) if not os.path.isdir(path)]
    if not found:
        raise NotFoundError(f"no file matches {pattern}", code="file-not-found")
    return _archives_unpacked(_source(pattern, ((path, _relative(path, root)) for path in found)))


def fixed_part(pattern: str) -> str:
    """Return the folder in front of the first part of a pattern that stands for several.

    >>> fixed_part("a/b/*/c.png"), fixed_part("*.png"), fixed_part("/x*")
    ('a/b', '', '/')
    """
    parts = PurePosixPath(pattern).parts
    fixed = []
    for part in parts:
        if MAGIC.search(part):
            break
        fixed.append(part)
    return str(PurePosixPath(*fixed)) if fixed else ""


def is_hidden(path: str) -> bool:
    """Return whether a file, or a folder that it is in, is one that systems make for themselves.

    >>> is_hidden("a/.DS_Store"), is_hidden("x.zarr/.zarray")
    (True, False)
    """
    *folders, name = path.split("/")
    parts = folders if name in _ZARR_2 else [*folders, name]
    return any(part.startswith(".") or part == "__MACOSX" for part in parts)


# Elsewhere --------------------------------------------------------------------------


def _foreign(url: str, options: Mapping[str, Any]) -> Source:
    files = foreign.ForeignFiles(url, options)
    if re.search(r"[*[]", url.partition("::")[0]):
        found = files.glob()
        root = fixed_part(files.path)
        if not found:
            raise NotFoundError(f"no file matches {files}", code="file-not-found")
    else:
        single = files.info()
        if single is not None:
            name = files.path.rstrip("/").rpartition("/")[2]
            place = ForeignPlace(files)
            file = SourceFile(name, single.size, single.modified, single.etag, place, single.path)
            return _unpacked_source(file, str(files))
        found, root = files.find(), files.path
    place = ForeignPlace(files)
    named = [(each, each.path.removeprefix(root).lstrip("/")) for each in found]
    listed = tuple(
        SourceFile(name, each.size, each.modified, each.etag, place, each.path)
        for each, name in sorted(named, key=lambda pair: pair[1])
        if not is_hidden(name)
    )
    made = Source(str(files), listed, is_file=False, hidden=len(named) - len(listed))
    return _archives_unpacked(made) if re.search(r"[*[]", url) else made


# Archives ---------------------------------------------------------------------------


def _unpacked_source(file: SourceFile, url: str) -> Source:
    """Return a file as a source, or the files in it where it is an archive."""
    archive = _archive(file)
    if archive is None:
        return Source(url, (file,), is_file=True)
    members = [
        SourceFile(name, size, modified, None, archive, name)
        for name, size, modified in archive.files()
    ]
    listed = tuple(each for each in members if not is_hidden(each.path))
    return Source(url, listed, is_file=False, hidden=len(members) - len(listed))


def _archives_unpacked(source: Source) -> Source:
    """Return a source of nothing but archives as one of the files in all of them."""
    if not source.listed or not all(map(_is_archive, source.listed)):
        return source
    inner = [(file, _unpacked_source(file, str(file))) for file in source.listed]
    listed = tuple(
        replace(each, path=f"{file.path}/{each.path}")
        for file, part in inner
        for each in part.listed
    )
    return replace(source, listed=listed, hidden=source.hidden + sum(p.hidden for _, p in inner))


def _is_archive(file: SourceFile) -> bool:
    with file.open() as stream:
        return _is_zip(stream.read(4)) or _is_tar(stream.read(508))


def _is_zip(head: bytes) -> bool:
    return head.startswith((b"PK\3\4", b"PK\5\6"))


def _is_tar(rest: bytes) -> bool:
    """Return whether the 508 bytes behind the first four say that a file is a tar archive."""
    return rest[253:258] == b"ustar"


def _archive(file: SourceFile) -> Archive | None:
    if not _is_archive(file):
        return None
    own = file.local_path
    is_as_it_is = own is not None and not file.is_compressed
    if own is not None and is_as_it_is:
        return Archive(own, str(file))
    with file.open() as stream:
        copy = copied(stream, str(file))
    return Archive(copy, str(file), is_copy=True)
