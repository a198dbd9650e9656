"""Three-way merge of trees: nodes that one side alone changed are taken whole."""

from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

import msgspec

from vstore.diffing.lineage import Lineage, UnknownPlaceError
from vstore.diffing.nodes import NodeChange, changed_nodes
from vstore.diffing.table_diff import TableDiff
from vstore.errors import NotFoundError
from vstore.format.commit import Changes
from vstore.format.digest import Digest
from vstore.format.nodes import ArrayNode, GroupNode, Node, TableInfo, is_same_document, replaced
from vstore.format.tree import Tree
from vstore.format.zarr.attributes import with_attributes
from vstore.merging.array_merge import ArrayMerge, form_of, is_same_array
from vstore.merging.attributes import AttributeMerge
from vstore.merging.conflicts import Answers, Conflict, Conflicts, Kind
from vstore.merging.moves import TableMoves, TablePlaces, found_at, key_of
from vstore.merging.prefetch import prefetch
from vstore.merging.rules import Verdict, verdict
from vstore.merging.sample_merge import SampleMerge
from vstore.merging.schema_merge import SchemaMerge
from vstore.merging.sides import Side, Sides, TableSides
from vstore.reading.array import StoredArray
from vstore.reading.fetch import Fetcher
from vstore.reading.stored_table import StoredTable
from vstore.reading.table import Table
from vstore.writing.staged_tree import StagedTree


@dataclass
class TreeMerge:
    """Puts into `staged`, which begins as ours, what theirs changed since the base."""

    fetcher: Fetcher
    commits: Sides
    base: Tree
    ours: Tree
    theirs: Tree
    staged: StagedTree
    conflicts: Conflicts
    _moved: dict[str, str] = field(init=False, default_factory=dict)

    def run(self) -> None:
        """Merge every node that theirs changed; conflicts go to `conflicts`."""
        changes = self._theirs
        met = [(self._mine[key_of(c)], c) for c in changes if key_of(c) in self._mine]
        prefetch(self.fetcher, (self.ours, self.theirs), met)
        removals = [c for c in changes if c.new is None]
        others = [c for c in changes if c.new is not None]
        # Children go before their groups, so that a group is empty when its turn comes.
        for change in sorted(removals, key=lambda c: c.old_path, reverse=True):
            self._remove(change)
        mover = TableMoves(self.staged, self._mine, others, self.conflicts)
        self._moved = mover.run()
        for change in others:
            self._merge(change)
        self._describe_groups()

    def _describe_groups(self) -> None:
        """Give groups that ours deleted, and that hold something again, what theirs says of them.

        So it is the other way round, where theirs deleted a group that is not empty in ours.
        """
        for change in self._mine.values():
            path = change.old_path
            here = self.staged.nodes.find(path) if change.new is None else None
            there = self.theirs.find(path)
            if _is_group(here) and isinstance(there, GroupNode) and _is_group(there):
                self.staged.put_group_document(path, there.metadata)

    def _at(self, path: str) -> str:
        """Return where a node is now that ours had at `path`."""
        return self._moved.get(path, path)

    @cached_property
    def _theirs(self) -> list[NodeChange]:
        return list(changed_nodes(self.base, self.theirs))

    @cached_property
    def _mine(self) -> dict[tuple[bool, str], NodeChange]:
        return {key_of(change): change for change in changed_nodes(self.base, self.ours)}

    def _remove(self, change: NodeChange) -> None:
        mine = self._mine.get(key_of(change))
        if mine is not None and mine.new is None:
            return
        path = change.old_path if mine is None else mine.new_path
        node = self.staged.nodes.find(path)
        if isinstance(node, GroupNode) and node.table is None and node.children:
            return
        if mine is None or self._is_as_before(mine, self.ours, self.commits.ours):
            if node is not None:
                self.staged.put_node(path, None)
            return
        note = "deleted in theirs, changed in ours"
        self._node_conflict(path, (change.old, None), "deleted", note)

    def _merge(self, change: NodeChange) -> None:
        mine = self._mine.get(key_of(change))
        if change.old is None:
            self._add(change, mine)
        elif mine is None and self._is_in_place(change):
            self._take(change)
        elif mine is None:
            as_was = NodeChange(change.old_path, change.old_path, change.old, change.old)
            self._merge_both(change, as_was)
        elif mine.new is None:
            if not self._is_as_before(change, self.theirs, self.commits.theirs):
                self._meet_deleted(change)
        else:
            self._merge_both(change, mine)

    def _is_as_before(self, change: NodeChange, tree: Tree, side: Digest | None) -> bool:
        """Return whether a node says the same as in the base, however it is stored."""
        old, new = change.old, change.new
        if change.old_path != change.new_path:
            return False
        if isinstance(old, ArrayNode) and isinstance(new, ArrayNode):
            sides = [StoredArray(self.fetcher, node, path=change.path) for node in (old, new)]
            return is_same_array(*sides)
        if not isinstance(old, GroupNode) or not isinstance(new, GroupNode):
            return False
        if old.table is None or new.table is None:
            return is_same_document(old.metadata, new.metadata)
        base = self._open(self.base, change.old_path, old)
        table = self._open(tree, change.new_path, new)
        return Side(base, table, self._lineage(side)).is_as_before()

    def _add(self, change: NodeChange, mine: NodeChange | None) -> None:
        if self._is_shut_out(change):
            return
        there = self.staged.nodes.find(change.new_path)
        if isinstance(change.new, GroupNode) and change.new.table is None:
            self._add_group(change, change.new, there)
        elif there is None:
            self.staged.put_node(change.new_path, change.new, changes=self._counted(change))
        elif mine is not None and mine.new is not None:
            self._merge_both(change, mine)
        elif there != change.new:
            self._meet_other(change.new_path, change.new)

    def _meet_other(self, path: str, new: Node | None) -> None:
        """Meet what theirs made where ours has something else, perhaps moved there."""
        places = TablePlaces(self.staged, self._mine, self._theirs, self.conflicts, self._moved)
        note = "made in theirs where ours has something else"
        self.conflicts.add(
            Conflict(path, "schema", note=note),
            Answers(
                lambda: places.put(path, new, places.in_theirs),
                lambda: places.put(path, None, places.in_base),
            ),
        )

    def _meet_deleted(self, change: NodeChange) -> None:
        """Meet what ours deleted and theirs changed; ours may have something else in its place."""
        path = change.new_path

        def theirs() -> None:
            if found_at(path, self._mine.values()) is None:
                self._put_alone(path, change.new)
            else:
                self._meet_other(path, change.new)

        note = "deleted in ours, changed in theirs"
        answers = Answers(theirs, lambda: self._put_alone(path, change.old))
        self.conflicts.add(Conflict(path, "deleted", note=note), answers)

    def _is_shut_out(self, change: NodeChange) -> bool:
        """Meet what theirs made below a path at which ours has no group."""
        above = self.staged.no_group_above(change.new_path)
        if above is None:
            return False
        if not any(conflict.path == above for conflict in self.conflicts.found):
            note = f"made in theirs below {above!r}, which is no group in ours"
            self._node_conflict(change.new_path, (None, change.new), "schema", note)
        return True

    def _add_group(self, change: NodeChange, new: GroupNode, there: Node | None) -> None:
        bare = GroupNode(new.metadata)
        if there is None:
            self.staged.put_node(change.new_path, bare)
        elif isinstance(there, GroupNode) and there.table is None:
            self._merge_group(change.new_path, GroupNode(), there, new)
        else:
            note = "a group in theirs, something else in ours"
            self._node_conflict(change.new_path, (None, bare), "schema", note)

    def _is_in_place(self, change: NodeChange) -> bool:
        """Return whether theirs has every row of the base, and the same sample in it.

        A table without keys is not taken whole otherwise: along the line of ours a row stays
        the same sample, also one that is deleted, and is not used again.
        """
        old, new = change.old, change.new
        lineage = self._lineage(self.commits.theirs)
        if not _are_laid_out_alike(old, new) or lineage is None:
            return True
        assert isinstance(old, GroupNode)
        assert isinstance(new, GroupNode)
        base = self._open(self.base, change.old_path, old)
        theirs = self._open(self.theirs, change.new_path, new)
        try:
            return lineage.places(base, theirs).keep(base.rows.stored)
        except UnknownPlaceError:
            return False

    def _take(self, change: NodeChange) -> None:
        """Take a node that ours left as it was in the base."""
        path = self._at(change.old_path)
        if isinstance(change.new, GroupNode) and change.new.table is None:
            here = self.staged.nodes.find(path)
            if isinstance(change.old, GroupNode) and isinstance(here, GroupNode):
                self._merge_group(path, change.old, here, change.new)
            return
        self.staged.put_node(path, change.new, changes=self._counted(change))

    def _merge_both(self, change: NodeChange, mine: NodeChange) -> None:
        """Merge a node that both sides changed or made."""
        ours, theirs = mine.new, change.new
        if ours == theirs and mine.new_path == change.new_path and not _may_hold_equal_rows(change):
            return
        path = self._at(mine.new_path)
        if _is_table(ours) and _is_table(theirs) and _are_mergeable(change.old, ours, theirs):
            self._merge_table(path, change.old, ours, theirs)
        elif isinstance(ours, ArrayNode) and isinstance(theirs, ArrayNode):
            self._merge_array(path, change.old, ours, theirs)
        elif _is_group(ours) and _is_group(theirs):
            base = change.old if isinstance(change.old, GroupNode) else GroupNode()
            self._merge_group(path, base, ours, theirs)
        else:
            note = "made differently on both sides"
            self._node_conflict(path, (change.old, theirs), "schema", note)

    def _merge_group(
        self, path: str, base: Node | None, ours: Node | None, theirs: Node | None
    ) -> None:
        if theirs is not None and ours is not None and theirs.metadata and not ours.metadata:
            self.staged.put_group_document(path, with_attributes(theirs.metadata, {}))
        AttributeMerge(
            path,
            NodeChange.attributes(base),
            NodeChange.attributes(ours),
            NodeChange.attributes(theirs),
            lambda: NodeChange.attributes(self.staged.nodes.get(path)),
            lambda attributes: self.staged.set_group_attributes(path, attributes),
        ).run(self.conflicts)

    def _merge_table(self, path: str, base: Node | None, ours: Any, theirs: Any) -> None:
        before = base
        if not isinstance(before, GroupNode):
            before = GroupNode(
                with_attributes(ours.metadata, {}), {}, TableInfo(keys=ours.table.keys)
            )
        is_back = base is None and ours.table.id == theirs.table.id != ""
        sides = TableSides(
            path,
            self._open(self.base, path, before),
            self._open(self.ours, path, ours),
            self._open(self.theirs, path, theirs),
            self.staged.table(path),
            self.conflicts,
            (self._lineage(self.commits.ours), self._lineage(self.commits.theirs)),
            self.commits.between(self.fetcher, may_share_samples=is_back),
        )
        if sides.is_certain:
            SampleMerge(sides, SchemaMerge(sides).run()).run()
            return
        note = "which samples are which is not known any more; with keys it would be"
        self._node_conflict(path, (base, _relaid(ours, theirs)), "changed", note)

    def _lineage(self, side: Digest | None) -> Lineage | None:
        return self.commits.lineage(self.fetcher, side)

    def _open(self, tree: Tree, path: str, node: GroupNode) -> StoredTable:
        @cache
        def open_array(name: str) -> StoredArray:
            child = tree.child(node, name) if name in node.children else None
            if not isinstance(child, ArrayNode):
                raise NotFoundError(f"the table {path!r} has no array {name!r}")
            return StoredArray(self.fetcher, child, path=f"{path}/{name}", keeps_chunks=True)

        return StoredTable(path, node, open_array)

    def _merge_array(
        self, path: str, base: Node | None, ours: ArrayNode, theirs: ArrayNode
    ) -> None:
        before = base if isinstance(base, ArrayNode) else None
        sides = [
            StoredArray(self.fetcher, node, path=path, keeps_chunks=True)
            for node in (before or ours, ours, theirs)
        ]
        states = [(form_of(side), side.node.chunks) for side in sides]
        found = verdict(None if before is None else states[0], *states[1:])
        if found is Verdict.CONFLICT and len({form for form, _ in states}) > 1:
            note = "given another shape or type on one side and changed on the other"
            self._node_conflict(path, (base, theirs), "schema", note)
            return
        if found is Verdict.THEIRS:
            self.staged.put_node(path, theirs)
            self.staged.array(path).set_attributes(sides[1].metadata.attributes)

        def unmake() -> None:
            self.staged.put_node(path, None)

        known = None if before is None else sides[0]
        merge = ArrayMerge(path, known, sides[1], sides[2], self.staged.array(path), unmake)
        merge.merge_attributes(self.conflicts)
        if found is Verdict.CONFLICT:
            merge.merge_elements(self.conflicts)

    def _node_conflict(
        self, path: str, others: tuple[Node | None, Node | None], kind: Kind, note: str
    ) -> None:
        """Meet a node that cannot be merged; `others` are that of the base and that of theirs."""
        base, theirs = others
        answers = Answers(
            lambda: self._put_alone(path, theirs), lambda: self._put_alone(path, base)
        )
        self.conflicts.add(Conflict(path, kind, note=note), answers)

    def _put_alone(self, path: str, node: Node | None) -> None:
        """Put a node at a path, in place of what is there and of what is no group above it."""
        self.staged.clear_above(path)
        self.staged.put_node(path, _by_itself(node))

    def _counted(self, change: NodeChange) -> Changes:
        """Return how many samples a node that is taken whole changes."""
        if not change.is_table:
            return Changes(changed=1, schema=change.old is None)
        old, new = (
            Table(self._open(tree, path, node)) if isinstance(node, GroupNode) else None
            for tree, path, node in (
                (self.base, change.old_path, change.old),
                (self.theirs, change.new_path, change.new),
            )
        )
        diff = TableDiff(change.path, old, new, lineage=self._lineage(self.commits.theirs))
        changed = {name for names in diff.changed.values() for name in names}
        has_schema = change.old is None or any(pair.old != pair.new for pair in diff.columns)
        return Changes(len(diff.added), len(changed), len(diff.removed), has_schema)


def _may_hold_equal_rows(change: NodeChange) -> bool:
    """Return whether rows that both sides added may be equal and yet not the same.

    Without keys nothing but its place names a sample, so those of both sides are kept.
    """
    table = change.old.table if isinstance(change.old, GroupNode) else None
    return table is not None and table.keys is None


def _are_laid_out_alike(old: Node | None, new: Node | None) -> bool:
    """Return whether a row of one number is one sample, as far as the nodes of a table tell."""
    tables = [node.table for node in (old, new) if isinstance(node, GroupNode)]
    forms = {(info.id, info.layout) if info and info.keys is None else None for info in tables}
    return len(tables) == 2 and len(forms) == 1 and None not in forms


def _relaid(ours: GroupNode, theirs: GroupNode) -> GroupNode:
    """Return a table in place of ours, in which nobody takes a row for the same sample."""
    if ours.table is None or theirs.table is None:
        return theirs
    layout = replaced(ours.table.layout, theirs.table.layout)
    return replace(theirs, table=msgspec.structs.replace(theirs.table, layout=layout))


def _by_itself(node: Node | None) -> Node | None:
    """Return a node without what is below it, unless that is a part of it."""
    return GroupNode(node.metadata) if isinstance(node, GroupNode) and _is_group(node) else node


def _is_table(node: Node | None) -> bool:
    return isinstance(node, GroupNode) and node.table is not None


def _is_group(node: Node | None) -> bool:
    return isinstance(node, GroupNode) and node.table is None


def _are_mergeable(base: Node | None, ours: Any, theirs: Any) -> bool:
    """Return whether two tables name their samples alike and, with a base, are one table."""
    if ours.table.keys != theirs.table.keys:
        return False
    return base is None or bool(ours.table.id == theirs.table.id)
