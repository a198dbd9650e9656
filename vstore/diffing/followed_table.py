"""One table, found in older and older commits wherever it was then."""

from collections import OrderedDict
from dataclasses import dataclass, field

from vstore.diffing.nodes import changed_nodes
from vstore.errors import InvalidInputError
from vstore.faces import internals
from vstore.format.digest import Digest
from vstore.format.nodes import ArrayNode, GroupNode, Node
from vstore.reading.fetch import Fetcher
from vstore.reading.snapshot import Snapshot
from vstore.reading.table import Table

_KEPT = 32


@dataclass
class FollowedTable:
    """A table of the newest commit; ask for a commit before its parents.

    It is followed by its id through moves, and its columns by theirs through renaming.
    """

    fetcher: Fetcher
    id: str
    _paths: dict[Digest, str]
    """Where the table is in commits that were asked for, or whose children were.

    Of a commit without it, where its child had it.
    """
    column_ids: dict[str, str] | None
    """Ids of the columns that are wanted, by their newest names; None for all."""
    _open: OrderedDict[Digest, Snapshot] = field(default_factory=OrderedDict)

    @classmethod
    def begin(cls, fetcher: Fetcher, start: Digest, path: str) -> "FollowedTable":
        """Begin with the table, or the table of the column, at a path of the newest commit.

        Raises:
            NotFoundError: nothing is at the path.
            InvalidInputError: what is there is no table and no column of one.
        """
        snapshot = Snapshot(fetcher, start)
        path = path.strip("/")
        tree = internals(snapshot).tree
        node, names = tree.get(path), None
        if isinstance(node, ArrayNode):
            path, _, name = path.rpartition("/")
            node, names = tree.get(path), (name,)
        table = snapshot[path] if isinstance(node, GroupNode) else None
        if not isinstance(table, Table) or (names and names[0] not in table.columns):
            what = "/".join([path, *(names or ())])
            raise InvalidInputError(
                f"{what!r} is neither a table nor a column of one", code="not-a-table"
            )
        found = cls(fetcher, _id_of(node), {start: path}, None)
        return found if names is None else found.narrowed(table, names)

    def narrowed(self, table: Table, names: tuple[str, ...]) -> "FollowedTable":
        """Return the same table with some of its columns only, given by their newest names."""
        infos = internals(table).infos
        for name in names:
            table[name]  # which raises if there is no such column
        ids = {name: infos[name].id for name in names}
        return FollowedTable(self.fetcher, self.id, self._paths, ids, self._open)

    def only(self, *tables: Table | None) -> set[str] | None:
        """Return the names that the wanted columns have in some states; None for all."""
        if self.column_ids is None:
            return None
        ids = {each for each in self.column_ids.values() if each}
        return {
            name
            for table in tables
            if table is not None
            for name, info in internals(table).infos.items()
            if info.id in ids or (name in self.column_ids and not self.column_ids[name])
        }

    def path(self, commit: Digest) -> str:
        """Return where the table is, or where it was last if a commit lacks it."""
        return self._paths[commit]

    def at(self, commit: Digest) -> Table | None:
        """Return the table in a commit, None where it is not there."""
        snapshot = self._snapshot(commit)
        path = self._paths[commit]
        return snapshot.table(path) if self._is_there(commit, path) else None

    def is_same(self, commit: Digest, parent: Digest) -> bool:
        """Return whether a commit holds the table exactly as a parent does; reads neither."""
        self.find(commit, parent)
        sides = [self._child(each, self._paths[each]) for each in (commit, parent)]
        return sides[0] == sides[1]

    def find(self, commit: Digest, parent: Digest) -> None:
        """Find out where the table is in a parent of a commit that was asked for."""
        if parent in self._paths:
            return
        path = self._paths[commit]
        if not self._is_there(parent, path) and self.id:
            path = self._moved_from(commit, parent, path)
        self._paths[parent] = path

    def _moved_from(self, commit: Digest, parent: Digest, path: str) -> str:
        """Return where a parent has the table, if elsewhere; reads what differs of both trees."""
        trees = [internals(self._snapshot(each)).tree for each in (parent, commit)]
        for change in changed_nodes(*trees):
            if change.old is not None and _id_of(change.old) == self.id:
                return change.old_path
        return path

    def _is_there(self, commit: Digest, path: str) -> bool:
        node = internals(self._snapshot(commit)).tree.find(path)
        is_table = isinstance(node, GroupNode) and node.table is not None
        return is_table and _id_of(node) == self.id

    def _child(self, commit: Digest, path: str) -> object:
        """Return the node at a path, or what refers to it."""
        tree = internals(self._snapshot(commit)).tree
        above, _, name = path.rpartition("/")
        parent = tree.find(above)
        return parent.children.get(name) if isinstance(parent, GroupNode) else None

    def _snapshot(self, commit: Digest) -> Snapshot:
        found = self._open.get(commit)
        if found is None:
            found = self._open[commit] = Snapshot(self.fetcher, commit)
            while len(self._open) > _KEPT:
                self._open.popitem(last=False)
        self._open.move_to_end(commit)
        return found


def _id_of(node: Node | None) -> str:
    return node.table.id if isinstance(node, GroupNode) and node.table is not None else ""
