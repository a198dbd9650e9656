"""What one process has looked at in a transaction that others write too, and may undo by writing.

Who writes a part of a chunk reads it first, and who changes a document has read it at some
time. If somebody else changed it in between, writing would silently undo that.
"""

import json
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vstore.errors import ConflictError
from vstore.format.digest import raw_digest
from vstore.format.page import ChunkRef
from vstore.hierarchy import documents
from vstore.hierarchy.nodes import Place
from vstore.hierarchy.staged_zarr_keys import StagedKeys
from vstore.hierarchy.zarr_keys import is_document

_CHUNKS = 2**15
"""How many chunks are remembered that were read and may be written next."""

_HELD_NBYTES = 64 * 2**20
"""How many bytes of them are held at most, so that two changes can be put together."""


@dataclass(slots=True, eq=False)
class Look:
    """What was read of a chunk: its version, and where it is, unless that is not held any more."""

    key: str
    version: str
    place: Place
    is_held: bool = True

    @property
    def nbytes(self) -> int:
        """How much memory it keeps."""
        return len(self.place) if isinstance(self.place, bytes) else 0


class Looks:
    """Remembers what was read, for what is written next; the caller sees to threads.

    Zarr reads a chunk to change a part of it, and writes it back, by the very same string. So
    a key tells, by its identity, what a write goes by, whichever threads read the chunk
    besides. A document is read once and changed later, by other strings: of those it is
    remembered only that others changed one since it was last read or written here. Of other
    objects nothing is.
    """

    def __init__(self) -> None:
        self._chunks: OrderedDict[int, Look] = OrderedDict()
        self._held: deque[Look] = deque()
        self._held_nbytes = 0
        self._documents: set[str] = set()
        self._changed: set[str] = set()

    def saw(self, key: str, place: Place, *, is_chunk: bool) -> None:
        """Take note of what was read under a key."""
        if not is_chunk:
            self._know(key)
            return
        self._chunks[id(key)] = look = Look(key, version_of(key, place), place)
        self._chunks.move_to_end(id(key))
        if len(self._chunks) > _CHUNKS:
            self._chunks.popitem(last=False)
        self._hold(look)

    def _hold(self, look: Look) -> None:
        self._held.append(look)
        self._held_nbytes += look.nbytes
        while self._held and (self._held_nbytes > _HELD_NBYTES or len(self._held) > _CHUNKS):
            oldest = self._held.popleft()
            self._held_nbytes -= oldest.nbytes
            oldest.place, oldest.is_held = None, False

    def look_of(self, key: str) -> Look | None:
        """Return what a write of a chunk goes by, None if by nothing."""
        look = self._chunks.get(id(key))
        if look is None or look.key is not key:
            return None
        del self._chunks[id(key)]
        return look

    def base_of(self, key: str, keys: StagedKeys, *, is_chunk: bool) -> str | None:
        """Return the version that a write of a key goes by, None if by none.

        Raises:
            ConflictError: others changed the document since it was read here.
        """
        if is_chunk:
            look = self.look_of(key)
            return None if look is None else look.version
        self.check(key)
        return version_of(key, keys.find(key)) if key in self._documents else None

    def check(self, key: str) -> None:
        """Raise `ConflictError` where others changed a document since it was read here."""
        if key in self._changed:
            raise changed_meanwhile(key, is_chunk=False)

    def wrote(self, key: str, *, is_chunk: bool) -> None:
        """Take note of what was written here."""
        if is_prefix(key):
            self._changed = {name for name in self._changed if not name.startswith(key)}
        elif not is_chunk:
            self._know(key)

    def _know(self, key: str) -> None:
        if is_document(key.rpartition("/")[2]):
            self._documents.add(key)
            self._changed.discard(key)

    @contextmanager
    def others_change(
        self, keys: Callable[[], StagedKeys], what: str | None = None
    ) -> Iterator[None]:
        """Take note of what others change, inside, under a key or a prefix; None: anywhere."""
        if what is None or is_prefix(what):
            concerned = [key for key in self._documents if key.startswith(what or "")]
        else:
            concerned = [what] if what in self._documents else []
        before = {key: version_of(key, keys().find(key)) for key in concerned}
        yield
        now = {key: version_of(key, keys().find(key)) for key in concerned}
        self._changed |= {key for key in concerned if before[key] != now[key]}


def is_prefix(key: str) -> bool:
    """Return whether a key that is deleted stands for all keys below it."""
    return key.endswith("/") or not key


def version_of(key: str, place: Place) -> str:
    """Return what is equal where the same is stored under a key; empty where nothing is.

    A document says the same in any order.
    """
    if place is None:
        return ""
    if isinstance(place, ChunkRef):
        return place.digest.hex()
    if key.rpartition("/")[2] == documents.NAME and documents.find_document(place) is not None:
        place = json.dumps(json.loads(place), sort_keys=True).encode()
    return raw_digest(place).hex()


def changed_meanwhile(key: str, *, is_chunk: bool) -> ConflictError:
    """Return the error for a write that would undo another, of a chunk or of a document."""
    if is_chunk:
        return ConflictError(
            f"two threads or processes wrote parts of the chunk {key!r}, and one would undo what "
            "the other wrote",
            code="chunk-written-twice",
            hint="let each write whole chunks (with Dask, rechunk to multiples of the array's "
            "chunks, or of its shards), or give each a fork, `tx.fork()`: forks are merged by "
            "element",
        )
    return ConflictError(
        f"another process changed {key!r} since it was read here, and writing would undo that",
        code="changed-meanwhile",
        hint="open the group or array again, and change that",
    )
