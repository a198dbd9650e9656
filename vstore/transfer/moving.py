"""A branch is moved to a commit that was copied, also while others move it."""

from dataclasses import dataclass
from enum import Enum

from vstore.errors import ConflictError, NotFoundError
from vstore.format.commit import Fence
from vstore.format.digest import Digest
from vstore.history.commits import ReadCommit
from vstore.history.fence import Asked
from vstore.history.merge_base import is_ancestor
from vstore.history.refs import Branch
from vstore.transfer.side import Side


class Rule(Enum):
    """Where a branch may go from where it is."""

    FORWARD = "forward"
    """Only to a descendant."""
    LEASE = "lease"
    """Anywhere, if it is at the commit that the caller says."""
    ANYWHERE = "anywhere"
    """Anywhere: it says where a branch of another repository is."""


@dataclass(frozen=True, slots=True)
class Move:
    """A branch that is to be at a commit.

    Attributes:
        name: the branch.
        commit: where it is to be.
        rule: where it may go from where it is.
        lease: where it must be for `Rule.LEASE`; None if it must not be there.
        action: what its log says.
    """

    name: str
    commit: Digest
    rule: Rule
    lease: Digest | None
    action: str

    def refusal(self, head: Branch | None, read: ReadCommit) -> ConflictError | None:
        """Return why the branch must not be moved from a head, None if it may be."""
        here = None if head is None else head.commit
        if self.rule is Rule.LEASE and here != self.lease:
            return ConflictError(
                f"the branch {self.name!r} is at {_at(here)} there, not at {_at(self.lease)}; "
                "nothing was changed",
                code="lease-broken",
                hint="fetch it, look at what it has, and give the commit that it is at now",
                name=self.name,
            )
        if (
            self.rule is Rule.FORWARD
            and here is not None
            and not is_known_ancestor(here, self.commit, read)
        ):
            return ConflictError(
                f"the branch {self.name!r} is at {here[:12]} there, which {self.commit[:12]} "
                "does not descend from; nothing was changed",
                code="non-fast-forward",
                hint="fetch and merge its commits with `repo.pull(branch="
                f"{self.name!r})`, then push again",
                name=self.name,
            )
        return None


@dataclass(frozen=True, slots=True)
class MoveUpdate:
    """An attempt to carry out a move; `begun` is the branch's fence before anything was copied."""

    side: Side
    move: Move
    read: ReadCommit
    begun: Fence | None
    asked: Asked | None
    base: Digest | None = None
    """A commit on another ref there, for a branch that is new."""

    @property
    def digest(self) -> Digest:
        """The commit."""
        return self.move.commit

    def attempt(self, head: Branch | None) -> Branch | None:
        """Try to move the branch from `head`, once; return None if it is not there."""
        refs, move = self.side.refs, self.move
        if head is None:
            return refs.create_branch(
                move.name,
                move.commit,
                action=move.action,
                written=True,
                asked=self.asked,
                base=self.base,
            )
        return refs.move_branch(head, move.commit, action=move.action, begun=self.begun)

    def is_in(self, head: Branch) -> bool:
        """Return whether the branch has the commit, whatever came after."""
        return is_known_ancestor(self.move.commit, head.commit, self.side.documents.commit)

    def redo(self, head: Branch | None) -> "MoveUpdate":
        """Return the same move, if it may be made from the head that the branch has now."""
        refusal = self.move.refusal(head, self.read)
        if refusal is not None:
            raise refusal
        return self


def is_known_ancestor(old: Digest, new: Digest, read: ReadCommit) -> bool:
    """Return whether `new` is `old` or descends from it, by the commits that can be read."""
    if old == new:
        return True
    try:
        return is_ancestor(old, new, read)
    except NotFoundError:
        return False


def _at(commit: Digest | None) -> str:
    return "no commit" if commit is None else commit[:12]
