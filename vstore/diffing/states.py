"""What is at a path, or in a sample, in a commit; as values that can be compared."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from vstore.diffing.chunks_ahead import ChunksAhead
from vstore.diffing.followed import FollowedSample
from vstore.errors import NotFoundError, NotHereError
from vstore.faces import internals
from vstore.format.digest import Digest
from vstore.format.nodes import GroupNode, Node, NodeRef
from vstore.format.numbers import StoredRows
from vstore.format.object_keys import split_path
from vstore.format.page import ChunkRef
from vstore.format.table.sample_keys import SampleKey, find_key_kind
from vstore.reading.array import StoredArray, read
from vstore.reading.fetch import Fetcher
from vstore.reading.snapshot import Snapshot
from vstore.reading.stored_table import StoredTable
from vstore.reading.table import Table

_KEPT = 4


@dataclass(frozen=True, slots=True)
class NodeStates:
    """The node at a path; equal states hold the same arrays, to the last byte."""

    fetcher: Fetcher
    path: str

    def __call__(self, digest: Digest) -> Node | NodeRef | None:
        """Return the node in a commit, None where there is none."""
        tree = internals(Snapshot(self.fetcher, digest)).tree
        *above, name = split_path(self.path) or ("",)
        if not name:
            return tree.root
        parent = tree.find("/".join(above))
        return getattr(parent, "children", {}).get(name)


@dataclass(frozen=True, slots=True)
class SampleStates:
    """The values of one sample: of a whole table, or of one column.

    The beginning of tuple keys stands for all samples whose keys begin so.
    """

    fetcher: Fetcher
    path: str
    sample: SampleKey
    start: Digest
    """Where samples without keys are counted: there `sample` is a position."""
    followed: list[FollowedSample] = field(default_factory=list, repr=False)
    seen: dict[Any, Any] = field(default_factory=dict, repr=False)
    known: list[tuple[Node, Any]] = field(default_factory=list, repr=False)
    """The last states of the whole table, each with that of the sample in it."""
    ahead: ChunksAhead = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Begin with little to read ahead."""
        object.__setattr__(self, "ahead", ChunksAhead(self.fetcher))

    def __call__(self, digest: Digest) -> Any:
        """Return the sample's stored values in a commit, None where it is not there.

        A table that is the same as in one of the last commits is not looked into, unless its
        samples have no keys and are followed from commit to commit.
        """
        snapshot = Snapshot(self.fetcher, digest)
        above = internals(snapshot).tree.find(self._split()[0])
        has_table = isinstance(above, GroupNode) and above.table is not None
        whole = above if has_table else internals(snapshot).tree.find(self.path)
        for before, state in self.known:
            if whole == before and not self.followed:
                return state
        state = self._state(digest, snapshot)
        if whole is not None:
            self.known.insert(0, (whole, state))
            del self.known[_KEPT:]
        return state

    def has_several(self, digest: Digest) -> bool:
        """Return whether the samples of a commit are meant whose keys begin alike."""
        table, _ = self._table(Snapshot(self.fetcher, digest))
        return table is not None and self._row(digest, table) < 0 < len(self._below(table))

    def _state(self, digest: Digest, snapshot: Snapshot) -> Any:
        table, names = self._table(snapshot)
        if table is None:
            return None
        row = self._row(digest, table)
        if row >= 0:
            self.ahead.bring(digest, lambda each: self._unseen(*self._table_of(each), row))
            return self._sample(table, names, row) or None
        below = self._below(table)
        keys = table.keys_of(below).tolist() if len(below) else []
        rows = zip(keys, below.tolist(), strict=True)
        return {key: self._sample(table, names, each) for key, each in rows} or None

    def _sample(self, table: StoredTable, names: list[str], row: int) -> dict[str, Any]:
        return {name: self._values(table, name, row) for name in names if name in table.infos}

    def _below(self, table: StoredTable) -> StoredRows:
        """Return where the samples are whose tuple keys begin with the one that is asked for."""
        kind = find_key_kind(table.key_kind)
        if kind is not None and kind.has_prefixes:
            try:
                return table.rows_below(self.sample)
            except NotHereError:
                raise
            except NotFoundError:
                pass
        return np.zeros(0, np.int64)

    def _row(self, digest: Digest, table: StoredTable) -> int:
        kind = find_key_kind(table.key_kind)
        if kind is not None:
            is_beginning = kind.has_prefixes and not isinstance(self.sample, tuple)
            return -1 if is_beginning else int(table.find_rows([self.sample])[0])
        table.check_key(self.sample)
        if not self.followed:
            begun, _ = self._table(Snapshot(self.fetcher, self.start))
            if begun is None or not isinstance(self.sample, int):
                return -1
            self.followed.append(FollowedSample(self.fetcher, self.start, begun, self.sample))
        return self.followed[0].row(digest, table)

    def _values(self, table: StoredTable, name: str, row: int) -> list[Any]:
        suffixes = table.infos[name].suffixes
        sources = [table.find_source(name + suffix) for suffix in suffixes]
        return [self._element(each, row) for each in sources if isinstance(each, StoredArray)]

    def _table_of(self, digest: Digest) -> tuple[StoredTable | None, list[str]]:
        return self._table(Snapshot(self.fetcher, digest))

    def _unseen(self, table: StoredTable | None, names: list[str], row: int) -> Iterator[ChunkRef]:
        """Yield the chunks that hold a row and were not read yet."""
        if table is None or row >= table.rows.stored:
            return
        infos = {name: table.infos[name] for name in names if name in table.infos}
        for name in (name + suffix for name, info in infos.items() for suffix in info.suffixes):
            source = table.find_source(name)
            if isinstance(source, StoredArray) and _is_one_wide(source):
                holder = source.find_holder(row)
                if holder is not None and (holder[0].digest, holder[1]) not in self.seen:
                    yield holder[0]

    def _element(self, source: StoredArray, row: int) -> Any:
        """Return a sample's element, read once for every chunk that it was stored in."""
        place = source.find_row(row) if _is_one_wide(source) else None
        if place is None:
            return _plain(read(source, slice(row, row + 1))[0])
        if place not in self.seen:
            self.seen[place] = _plain(read(source, row))
        return self.seen[place]

    def _table(self, snapshot: Snapshot) -> tuple[StoredTable | None, list[str]]:
        for path, names in ((self.path, None), self._split()):
            try:
                node = snapshot[path]
            except NotHereError:
                raise
            except NotFoundError:
                continue
            if isinstance(node, Table):
                return internals(node), list(node.columns) if names is None else names
        return None, []

    def _split(self) -> tuple[str, list[str]]:
        parent, _, name = self.path.strip("/").rpartition("/")
        return parent, [name]


def _is_one_wide(source: StoredArray) -> bool:
    """Return whether a chunk holds whole rows."""
    return source.metadata.shape[1:] == source.metadata.chunk_shape[1:]


def _plain(element: Any) -> Any:
    """Return an element of an array as a value that compares bit by bit."""
    return element if isinstance(element, str | bytes) else np.asarray(element).tobytes()
