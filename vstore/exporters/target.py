"""Where an export goes: a file, a folder, a stream. It is there whole, or not at all."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from vstore.errors import AlreadyExistsError, InvalidInputError, NotFoundError
from vstore.exporters.names import checked_path
from vstore.faces import exported_from
from vstore.wording import printable


@exported_from("vstore.plugins")
class Target:
    """Where an exporter writes: one file, with `open()`, or files in a folder, with `open(path)`.

    Everything is written next to the target first, and moved there at the end.
    """

    def __init__(self, root: Path | None, stream: BinaryIO | None = None) -> None:
        self._root = root
        self._stream = stream
        self.files = 0
        self.nbytes = 0

    @property
    def folder(self) -> Path:
        """A new, empty folder that becomes the target, for libraries that write files themselves.

        Raises:
            InvalidInputError: the target is a stream.
        """
        if self._root is None:
            raise InvalidInputError("a folder of files cannot go to standard output")
        self._root.mkdir(exist_ok=True)
        return self._root

    @contextmanager
    def open(self, path: str | None = None) -> Iterator[BinaryIO]:
        """Open the file that the target is, or the file at a path in the folder that it is.

        Raises:
            InvalidInputError: the path leaves the folder, or is that of another file already,
                perhaps since the filesystem takes upper and lower case for the same.
        """
        if self._root is None or self._stream is not None:
            if path is not None:
                raise InvalidInputError("a folder of files cannot go to standard output")
            counted = _Counted(self._stream)
            yield counted  # type: ignore[misc]
            self.files, self.nbytes = self.files + 1, self.nbytes + counted.nbytes
            return
        where = self._root if path is None else self._made(checked_path(path))
        try:
            file = where.open("xb")
        except FileExistsError:
            raise _same_name(path or "") from None
        except OSError as exc:
            raise InvalidInputError(
                f"cannot write {printable(path or '')!r}: {exc.strerror}"
            ) from exc
        with file:
            yield file
        self.files += 1
        self.nbytes += where.stat().st_size

    def count(self) -> None:
        """Count the files in the folder, where a library wrote them."""
        found = [Path(folder, name) for folder, _, names in os.walk(self.folder) for name in names]
        self.files, self.nbytes = len(found), sum(each.stat().st_size for each in found)

    def _made(self, path: str) -> Path:
        where = self.folder.joinpath(*path.split("/"))
        try:
            where.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise _same_name(path) from None
        except NotADirectoryError:
            raise _same_name(path) from None
        except OSError as exc:
            raise InvalidInputError(f"cannot write {printable(path)!r}: {exc.strerror}") from exc
        return where


class _Counted:
    """A stream that is only written to, and not closed."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.nbytes = 0
        self.closed = False

    def write(self, data: Any) -> int:
        self._stream.write(data)
        nbytes = memoryview(data).nbytes
        self.nbytes += nbytes
        return nbytes

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self.flush()

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        return self.nbytes


def _same_name(path: str) -> InvalidInputError:
    return InvalidInputError(
        f"two files of the export would be {printable(path)!r}, or one is a folder of the other",
        code="same-name",
        hint="export to one file, such as a .tar or .parquet, or fewer samples at once",
    )


@contextmanager
def stream_target(stream: BinaryIO) -> Iterator[Target]:
    """Yield a target that is a stream; it gets what is written as it is written."""
    yield Target(None, stream)
    stream.flush()


@contextmanager
def local_target(path: Path, *, force: bool) -> Iterator[Target]:
    """Yield a target on this machine, which is at its path at the end of the block.

    Raises:
        AlreadyExistsError: something is there, and is not to be replaced.
        NotFoundError: there is no folder to put it into.
    """
    path = Path(os.path.abspath(path))
    if not path.parent.is_dir():
        raise NotFoundError(f"there is no folder {printable(str(path.parent))!r} to export to")
    if not force:
        require_absent(path)
    with _staging(path) as staging:
        target = Target(staging / "made")
        yield target
        made = staging / "made"
        if not made.exists():
            made.mkdir()
        _put(made, path, staging / "replaced", force=force)


@contextmanager
def _staging(path: Path) -> Iterator[Path]:
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{path.name[:100]}.", dir=path.parent))
    except OSError as exc:
        raise InvalidInputError(
            f"cannot write to {printable(str(path.parent))!r}: {exc.strerror}"
        ) from exc
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def require_absent(path: Path) -> None:
    """Raise `AlreadyExistsError` if there is something at a path but an empty folder."""
    if not os.path.lexists(path):
        return
    if path.is_dir() and not path.is_symlink() and not any(path.iterdir()):
        return
    raise already_there(str(path))


def already_there(path: str) -> AlreadyExistsError:
    """Return the error for a target that is there already."""
    return AlreadyExistsError(
        f"there is something at {printable(path)!r} already",
        code="target-exists",
        hint="export to another place, or replace it with `force=True`",
        path=path,
    )


def _put(made: Path, path: Path, replaced: Path, *, force: bool) -> None:
    """Move what was made to its place; what it replaces is put back if that fails."""
    if made.is_dir() and path.is_dir() and force:
        _merge(made, path.resolve(), replaced)
        return
    if force:
        if path.is_dir() and not path.is_symlink():
            raise already_there(str(path))
        made.replace(path)
    elif made.is_dir():
        try:
            made.rename(path)
        except OSError:
            require_absent(path)
            raise
    else:
        try:
            os.link(made, path)
        except FileExistsError:
            raise already_there(str(path)) from None
        except OSError:  # a filesystem without links
            require_absent(path)
            made.replace(path)


def _merge(made: Path, path: Path, replaced: Path) -> None:
    """Move the files of a folder into one that is there; its other files stay."""
    moves = [
        (Path(folder) / name, path / Path(folder).relative_to(made) / name)
        for folder, _, names in os.walk(made)
        for name in names
    ]
    for _, to in moves:
        _check_way(path, to)
    replaced.mkdir()
    done: list[tuple[Path, Path | None]] = []
    try:
        for number, (source, to) in enumerate(moves):
            to.parent.mkdir(parents=True, exist_ok=True)
            kept = replaced / str(number) if os.path.lexists(to) else None
            if kept is not None:
                to.rename(kept)
            done.append((to, kept))
            source.rename(to)
    except BaseException:
        for to, kept in reversed(done):
            with suppress(OSError):
                to.unlink()
            if kept is not None:
                kept.rename(to)
        raise


def _check_way(root: Path, to: Path) -> None:
    """Refuse a file that would go through a link, or take the place of a folder."""
    where = root
    for part in to.relative_to(root).parts:
        where = where / part
        try:
            mode = where.lstat().st_mode
        except FileNotFoundError:
            return
        is_last = where == to
        if stat.S_ISLNK(mode) and not is_last:
            raise InvalidInputError(
                f"{printable(str(where))!r} is a link, which an export does not follow",
                code="link-in-target",
                hint="remove it, or export to another place",
            )
        if stat.S_ISDIR(mode) == is_last:
            raise already_there(str(where))


class Elsewhere(Protocol):
    """A place that is not on this machine."""

    def exists(self) -> bool:
        """Return whether there is something."""

    def put(self, made: Path, *, force: bool) -> None:
        """Put a file, or the files of a folder, there; all or none."""

    def __str__(self) -> str:
        """Return its address, without secrets."""


@contextmanager
def spooled_target(place: Elsewhere, *, force: bool) -> Iterator[Target]:
    """Yield a target elsewhere: it is made in a temporary folder, and put there at the end.

    Raises:
        AlreadyExistsError: something is there, and is not to be replaced.
    """
    if not force and place.exists():
        raise already_there(str(place))
    with tempfile.TemporaryDirectory(prefix="vstore-export-") as folder:
        target = Target(Path(folder) / "made")
        yield target
        if not force and place.exists():
            raise already_there(str(place))
        place.put(Path(folder) / "made", force=force)
