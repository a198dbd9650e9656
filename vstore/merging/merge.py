"""Merging commits: from three of them to one that is stored, but named by no branch yet."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from vstore.faces import exported_from, internals
from vstore.format import node_codec
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest
from vstore.format.nodes import GroupNode, Node
from vstore.format.tree import Tree
from vstore.history.commits import Commit
from vstore.history.decisions import recorded
from vstore.history.merge_base import merge_bases
from vstore.lazy import lazy
from vstore.merging.conflicts import (
    Answer,
    AsItWas,
    Conflict,
    Conflicts,
    Resolution,
    resolver_for,
)
from vstore.merging.sides import Sides
from vstore.merging.tree_merge import TreeMerge
from vstore.reading.fetch import Fetcher
from vstore.wording import plural
from vstore.writing.commit_options import CommitOptions
from vstore.writing.transaction import Transaction

if TYPE_CHECKING:
    from vstore.merging import boxes
else:
    boxes = lazy("vstore.merging.boxes")


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge came to.

    `kind` is `up-to-date`, `fast-forward` or `merge`; `commit` the head afterwards, None
    after a dry run that would make a commit. `conflicts` are those that were met, all of
    them resolved unless this was a dry run.
    """

    kind: Literal["up-to-date", "fast-forward", "merge"]
    commit: Commit | None
    conflicts: tuple[Conflict, ...] = ()
    unresolved: tuple[Conflict, ...] = ()

    def __repr__(self) -> str:
        head = "" if self.commit is None else f", {self.commit}"
        met = plural(len(self.conflicts), "conflict")
        return f"<vstore.Merged {self.kind}{head}: {met}, {len(self.unresolved):,} unresolved>"

    def _repr_html_(self) -> str:
        return boxes.merged_box(self)


def replay(
    fetcher: Fetcher,
    sides: Sides,
    options: CommitOptions,
    *,
    resolve: Resolution | Callable[[Conflict], Answer] | None = None,
) -> tuple[Transaction, Conflicts]:
    """Begin a transaction at `ours` holding what `theirs` changed since `base`.

    Conflicts that `resolve` leaves are in the second result.
    """
    transaction = Transaction(fetcher, sides.ours, options, label="of a merge")
    conflicts = Conflicts(resolver_for(resolve))
    merge = TreeMerge(
        fetcher,
        sides,
        read_tree(fetcher, sides.base),
        read_tree(fetcher, sides.ours),
        read_tree(fetcher, sides.theirs),
        internals(transaction).staged,
        conflicts,
    )
    try:
        merge.run()
    except BaseException:
        transaction.discard()
        raise
    return transaction, conflicts


def read_tree(fetcher: Fetcher, digest: Digest | None) -> Tree:
    """Return the tree of a commit; an empty one for None."""
    root: Node = GroupNode()
    if digest is not None:
        document = fetcher.commit(digest)
        root = node_codec.decode(document.tree, fetcher.node_documents, what=f"commit {digest}")
    return Tree(root if isinstance(root, GroupNode) else GroupNode(), fetcher.node_documents)


def common_base(
    fetcher: Fetcher, ours: Digest, theirs: Digest, options: CommitOptions
) -> Digest | None:
    """Return the commit to merge against; None where the two share no history.

    Where branches were merged crosswise there are several best common ancestors. They
    are merged with each other first, as Git's recursive strategy does, into a commit that
    no branch names; what conflicts between them keeps the value of their own base.
    """
    return _virtual_base(fetcher, merge_bases(ours, theirs, fetcher.commit), options)


def _virtual_base(
    fetcher: Fetcher, bases: Sequence[Digest], options: CommitOptions
) -> Digest | None:
    if not bases:
        return None
    first, *rest = sorted(bases)
    for other in rest:
        below = common_base(fetcher, first, other, options)
        latest = max(fetcher.commit(digest).time for digest in (first, other))
        quiet = replace(
            options,
            message=f"Common base of {first[:12]} and {other[:12]}",
            merged=(other,),
            metadata={},
            signatures=None,
            time=datetime.fromisoformat(latest),
        )
        transaction, _ = replay(
            fetcher,
            Sides(below, first, other),
            quiet,
            resolve=lambda _: AsItWas(),
        )
        written = internals(transaction).write()
        first = first if written is None else written[0]
    return first


def write_merge(
    fetcher: Fetcher,
    ours: Digest,
    theirs: Digest,
    options: CommitOptions,
    *,
    resolve: Resolution | None = None,
    what: str,
) -> tuple[tuple[Digest, CommitDocument] | None, Conflicts]:
    """Store the merge of two commits, or raise `ConflictError` with what `resolve` left."""
    base = common_base(fetcher, ours, theirs, options)
    merged = replace(options, merged=(theirs,))
    transaction, conflicts = replay(fetcher, Sides(base, ours, theirs), merged, resolve=resolve)
    if conflicts.unresolved:
        transaction.discard()
        conflicts.check(what)
    internals(transaction).annotate(recorded(conflicts.decisions, options.author))
    return internals(transaction).write(), conflicts
