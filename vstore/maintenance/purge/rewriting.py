"""Rewriting a history: each commit that holds what is to be erased, and all that follow it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from vstore.errors import InvalidInputError
from vstore.faces import internals
from vstore.format import commit as commits
from vstore.format import document, node_codec, object_keys
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest, digest_of
from vstore.format.nodes import GroupNode, Node
from vstore.format.tree import Tree
from vstore.history.decisions import MEMBER, decisions_in
from vstore.history.read_ahead import ReadAhead
from vstore.maintenance.progress import Progress, ProgressStep, silent
from vstore.maintenance.purge.chunks import ChunkEditor
from vstore.maintenance.purge.request import Erasure
from vstore.maintenance.purge.tables import EditedTable, TableEraser
from vstore.reading.fetch import Fetcher
from vstore.reading.snapshot import Snapshot
from vstore.reading.table import Table

IMPORTED = ".imported"
"""What follows the path of a table in that of the table of where its samples came from."""


@dataclass
class Rewriter:
    """Stores the commits that stand in place of those that hold what is to be erased.

    `rewritten` are commits whose successors are known, as from a purge that was interrupted.
    """

    fetcher: Fetcher
    erasure: Erasure
    table_id: str
    rewritten: dict[Digest, Digest]
    progress: Progress = silent
    seen: set[Digest] = field(default_factory=set)
    holding: set[Digest] = field(default_factory=set)
    """The commits in which something was found."""
    stores: bool = True

    def __post_init__(self) -> None:
        self.editor = ChunkEditor(self.fetcher, self.stores)
        self.eraser = TableEraser(self.erasure, self.editor)
        self._paths = dict.fromkeys([self.erasure.path or ""])

    def run(self, heads: Iterable[Digest]) -> None:
        """Rewrite what the heads descend from; a commit is stored after what it names."""
        order = self._oldest_first(map(self.now, heads))
        for number, digest in enumerate(order, 1):
            self.seen.add(digest)
            self._commit(digest)
            self.progress(ProgressStep("rewriting commits", number, len(order)))

    def now(self, digest: Digest) -> Digest:
        """Return what stands in place of a commit: itself, or one without what is erased."""
        while digest in self.rewritten:
            digest = self.rewritten[digest]
        return digest

    @property
    def successors(self) -> dict[Digest, Digest]:
        """Each commit that was rewritten, with the one in its place."""
        return {old: self.now(old) for old in self.rewritten}

    def _oldest_first(self, heads: Iterable[Digest]) -> list[Digest]:
        read = ReadAhead(self.fetcher)
        stack = list(heads)
        found: dict[Digest, tuple[int, str]] = {}
        while stack:
            digest = stack.pop()
            if digest in found or digest in self.seen:
                continue
            commit = read(digest)
            found[digest] = commit.generation, commit.time
            stack += (self.now(Digest(parent)) for parent in commit.parents)
        return sorted(found, key=lambda digest: (found[digest], digest))

    def _commit(self, digest: Digest) -> None:
        old = self.fetcher.commit(digest)
        tree = self._tree(digest, old)
        texts = self._scrubbed(old)
        if tree is not None or texts:
            self.holding.add(digest)
        parents = list(dict.fromkeys(self.now(Digest(parent)) for parent in old.parents))
        if tree is None and not texts and parents == old.parents:
            return
        if not self.stores:
            self.rewritten[digest] = digest_of(digest.encode())
            return
        new = msgspec.structs.replace(
            old, **texts, parents=parents, tree=old.tree if tree is None else tree
        )
        if parents:
            first = self.fetcher.commit(parents[0])
            new = msgspec.structs.replace(
                new, ancestors=commits.ancestors_of(parents[0], first.depth, first.ancestors)
            )
        data = document.dumps(new, what="commit")
        made = digest_of(data)
        self.rewritten[digest] = made
        self.seen.add(made)
        self.fetcher.store.put(object_keys.commit(made), data)
        self.fetcher.remember_commit(made, new)

    def _scrubbed(self, old: CommitDocument) -> dict[str, Any]:
        """Return the members of a commit in which a text is replaced, or a key is left out."""
        metadata = self._undecided(old.metadata) if self.erasure.whole else old.metadata
        if not self.erasure.texts:
            return {} if metadata == old.metadata else {"metadata": metadata}
        author = old.author
        plain = {
            "message": old.message,
            "metadata": metadata,
            "author": [author.name, author.email],
            "changes": list(old.changes),
        }
        found = self.erasure.scrub(plain)
        plain["metadata"] = old.metadata
        new: dict[str, Any] = {n: each for n, each in found.items() if each != plain[n]}
        if "author" in new:
            new["author"] = commits.Author(*new["author"])
        if "changes" in new:
            new["changes"] = dict(zip(new["changes"], old.changes.values(), strict=True))
        return new

    def _undecided(self, metadata: dict[str, Any]) -> dict[str, Any]:
        """Return metadata in which no decision of a conflict names a sample to erase."""
        decisions, _ = decisions_in(metadata)
        keys = {each if isinstance(each, tuple) else (each,) for each in self.erasure.keys}
        kept = [each for each in decisions if not _begins_with(each.key, keys)]
        if len(kept) == len(decisions):
            return metadata
        told = [msgspec.to_builtins(each) | {"decision": each.decision} for each in kept]
        return metadata | {MEMBER: metadata[MEMBER] | {"decided": told}}

    def _tree(self, digest: Digest, old: CommitDocument) -> dict[str, Any] | None:
        """Return the tree without what is to be erased; None where it does not hold that."""
        snapshot = Snapshot(self.fetcher, digest)
        tree = internals(snapshot).tree
        edited = [
            found
            for table in self._tables(snapshot, tree)
            if (found := self.eraser.edit(table)) is not None
        ]
        if self.stores:
            self.editor.store()
        parts: dict[Digest, bytes] = {}
        for table in edited:
            tree = self._with_table(tree, table, parts) if self.stores else tree
        scrubbed = self._with_attributes(tree) if self.erasure.texts else tree
        if not edited and scrubbed is tree:
            return None
        if not self.stores:
            return old.tree
        value, nodes = node_codec.encode(scrubbed.root, self.fetcher.node_documents)
        for name, data in (parts | nodes).items():
            self.fetcher.store.put(object_keys.index(name), data)
        return value

    def _tables(self, snapshot: Snapshot, tree: Tree) -> list[Table]:
        """Return the table of a commit, wherever it is there, and what is known of its imports."""
        if not self.erasure.keys:
            return []
        found = [path for path in self._paths if self._is_it(tree.find(path))]
        if not found and self.table_id:
            found = [path for path, node in tree.walk() if self._is_it(node)]
            self._paths |= dict.fromkeys(found)
        if self.erasure.whole:
            found += [path + IMPORTED for path in found]
        tables = (snapshot[path] for path in found if path in snapshot)
        return [table for table in tables if isinstance(table, Table)]

    def _is_it(self, node: Node | None) -> bool:
        is_table = isinstance(node, GroupNode) and node.table is not None
        return is_table and node.table.id == self.table_id  # type: ignore[union-attr]

    def _with_table(self, tree: Tree, edited: EditedTable, parts: dict[Digest, bytes]) -> Tree:
        for array in edited.arrays:
            node, pages = self.editor.node(array)
            parts |= pages
            tree = tree.put(array.path, node)
        group = tree.get(edited.path)
        assert isinstance(group, GroupNode)
        return tree.put(edited.path, replace(group, table=edited.info))

    def _with_attributes(self, tree: Tree) -> Tree:
        """Return the tree with the texts replaced in the attributes of all nodes."""
        found = tree
        for path, node in tree.walk():
            attributes = node.metadata.get("attributes")
            scrubbed = self.erasure.scrub(attributes)
            if scrubbed != attributes:
                now = found.get(path)
                metadata = now.metadata | {"attributes": scrubbed}
                found = found.put(path, replace(now, metadata=metadata))
        return found


def _begins_with(key: Any, beginnings: set[tuple[Any, ...]]) -> bool:
    parts = key if isinstance(key, tuple) else (key,)
    return any(parts[: len(each)] == each for each in beginnings)


def table_id(fetcher: Fetcher, commit: Digest, path: str) -> str:
    """Return the id of the table at a path, or raise."""
    node = internals(Snapshot(fetcher, commit)).tree.get(path)
    if not isinstance(node, GroupNode) or node.table is None:
        raise InvalidInputError(f"{path!r} is not a table", code="not-a-table")
    return node.table.id


def check_columns(fetcher: Fetcher, commit: Digest, path: str, names: Sequence[str]) -> None:
    """Raise `NotFoundError` unless a table has some columns."""
    table = Snapshot(fetcher, commit).table(path)
    for name in names:
        table[name]
