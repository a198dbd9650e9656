r"""Checks that an importer of your own keeps the rules of the contract.

>>> import tempfile, pathlib
>>> from vstore.importers.tables import TextLines
>>> with tempfile.TemporaryDirectory() as folder:
...     _ = pathlib.Path(folder, "a.txt").write_text("one\ntwo")
...     check(TextLines(), folder)
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from vstore.entry_points import checked_options
from vstore.faces import exported_from
from vstore.format.commit import parse_time
from vstore.importers.addresses import open_source
from vstore.importers.importer import Importer, Rows
from vstore.importers.importing import import_into
from vstore.importers.places import Place
from vstore.importers.source import Source
from vstore.repository.opening import create

_HEAD_NBYTES = 2**20
_LOOKED_AT = 20
_TIME = parse_time("2026-01-01T00:00:00.000000Z")


@exported_from("vstore.plugins.testing")
def check(importer: Importer, folder: str | os.PathLike[str], **options: Any) -> None:
    """Raise `AssertionError` unless an importer keeps the rules for a source.

    It tries that `fits` reads no more than the beginning of files, that `open` finds the same
    items each time, that `read` is pure and lazy, that keys are unique, and that neither threads
    nor the size of batches change what is stored.

    Args:
        importer: the importer.
        folder: a source that it reads: a folder or whatever `open_source` takes; a small one.
        options: those of the importer.
    """
    source = open_source(folder)
    _check_fits(importer, source)
    chosen = checked_options("importer", importer.options, options)
    rows, again = importer.open(source, **chosen), importer.open(source, **chosen)
    for each in (rows, again):
        _require(isinstance(each, Rows), f"`open` returned {each!r:.100}, and not `Rows`")
    items = list(islice(rows.items, _LOOKED_AT))
    names = [str(item) for item in islice(again.items, _LOOKED_AT)]
    _require(list(map(str, items)) == names, "`open` found other items, or another order")
    _check_read(rows, items)
    stored = {
        f"{threads} threads and batches of {nbytes:,} bytes": _stored(
            importer.open(source, **chosen), threads=threads, nbytes=nbytes
        )
        for threads, nbytes in ((1, 2**25), (4, 2**25), (3, 1))
    }
    first, *others = stored
    for other in others:
        _require(stored[first] == stored[other], f"{first} store something else than {other} do")


def _require(is_so: object, said: str) -> None:
    if not is_so:
        raise AssertionError(said)


def _check_fits(importer: Importer, source: Source) -> None:
    counting = _Counting()
    watched = tuple(replace(file, place=_Watched(file.place, counting)) for file in source.files())
    fits = importer.fits(replace(source, listed=watched))
    _require(fits in (True, False), f"`fits` returned {fits!r}")
    _require(
        counting.nbytes <= _HEAD_NBYTES,
        f"`fits` read {counting.nbytes:,} bytes; it is to look at `source.head` alone",
    )


def _check_read(rows: Rows, items: list[Any]) -> None:
    first = {i: _samples(rows, item) for i, item in enumerate(items)}
    for i, item in reversed(list(enumerate(items))):
        _require(
            _are_same(first[i], _samples(rows, item)),
            f"`read` is not pure: {item!s:.100} gave other samples the second time",
        )


def _samples(rows: Rows, item: Any) -> list[Any]:
    found = rows.read(item)
    if not rows.many:
        _require(isinstance(found, Mapping), f"`read` returned {found!r:.100}, no mapping")
        return [found]
    _require(isinstance(found, Iterable), "`read` is to yield samples, since `many` is set")
    _require(
        not isinstance(found, list | tuple),
        "`read` returned all samples of an item at once; yield them, so that memory is bounded",
    )
    return list(islice(found, 1000))


def _are_same(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping):
        is_alike = isinstance(other, Mapping) and one.keys() == other.keys()
        return is_alike and all(_are_same(one[name], other[name]) for name in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(_are_same, one, other))
    if isinstance(one, Exception):
        return str(one) == str(other)
    left, right = np.asarray(one), np.asarray(other)
    if left.dtype.kind in "fc":
        return bool(left.shape == right.shape and np.array_equal(left, right, equal_nan=True))
    return bool(left.shape == right.shape and (left == right).all())


def _stored(rows: Rows, *, threads: int, nbytes: int) -> str:
    """Return the commit that an import makes, by its hash."""
    repo = create(f"memory://checking-{os.urandom(8).hex()}", author="Check <check@example.org>")
    with repo.transaction("main", message="Check", time=_TIME, allow_empty=True) as tx:
        import_into(tx, "checked", rows, threads=threads, batch_nbytes=nbytes)
    return repo.commit("main").id


@dataclass(slots=True)
class _Counting:
    nbytes: int = 0


@dataclass(frozen=True, slots=True)
class _Watched:
    """A place that counts what is read."""

    place: Place
    counting: _Counting = field(compare=False)

    def open(self, name: str) -> BinaryIO:
        return _Counted(self.place.open(name), self.counting)  # type: ignore[return-value]

    def shown(self, name: str) -> str:
        return self.place.shown(name)

    def local(self, name: str) -> Path | None:  # noqa: ARG002 - what is mapped is not counted
        return None


class _Counted:
    """A stream that counts what is read."""

    def __init__(self, stream: BinaryIO, counting: _Counting) -> None:
        self._stream = stream
        self._counting = counting

    def read(self, nbytes: int = -1) -> bytes:
        data = self._stream.read(nbytes)
        self._counting.nbytes += len(data)
        return data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def __enter__(self) -> "_Counted":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._stream)


__all__ = ["check"]
