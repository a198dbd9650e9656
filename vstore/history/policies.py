"""What the policies of a repository allow branches and tags to do; see docs/design/155-policies.md.

Whatever creates, moves or deletes a branch or a tag goes through `Refs`, and so through here. A
branch says which version of the policies it follows, so that a repository without any takes no
request more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstore.errors import ConflictError, NotFoundError, PolicyError, SignatureError
from vstore.faces import pickled
from vstore.format import object_keys, policies
from vstore.format.digest import Digest
from vstore.history.documents import read_again
from vstore.history.merge_base import is_ancestor
from vstore.storage.store import ObjectStore, Version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

    from vstore.format.commit import Author, BranchDocument
    from vstore.format.policies import PolicyDocument, Rules
    from vstore.history.commits import ReadCommit


def read_policy(store: ObjectStore, number: int) -> PolicyDocument:
    """Return a version of the policies, or raise `NotFoundError`; 1 request."""
    key = object_keys.policy(number)
    return read_again(
        lambda: (store.get(key), Version("")), lambda data: policies.decode(data, number)
    )[0]


def policy_numbers(store: ObjectStore) -> list[int]:
    """Return the numbers of all versions of the policies, in order; 1 request."""
    found = (object_keys.policy_at(info.key) for info in store.list_prefix(object_keys.POLICIES))
    return sorted(number for number in found if number is not None)


def newest_policy(store: ObjectStore) -> PolicyDocument | None:
    """Return the policies in force, None where there never were any; 1 request, or 2."""
    numbers = policy_numbers(store)
    return read_policy(store, numbers[-1]) if numbers else None


def put_policy(store: ObjectStore, new: PolicyDocument) -> None:
    """Store the next version of the policies.

    Raises:
        ConflictError: others set them meanwhile.
    """
    if store.put_if_absent(object_keys.policy(new.number), policies.encode(new)) is None:
        raise ConflictError(
            "the policies were changed meanwhile; nothing was changed",
            code="changed-meanwhile",
            hint="try again",
        )


@pickled
class Policies:
    """The policies that the refs of a repository follow."""

    def __init__(
        self, store: ObjectStore, read: ReadCommit, verify: Callable[[Digest, str], None]
    ) -> None:
        """Take where they are, what reads commits, and what checks signatures.

        `verify` raises `SignatureError` unless a commit has a good signature by one of some
        signers.
        """
        self._store = store
        self._read = read
        self._verify = verify
        self._known: PolicyDocument | None = None

    def newest(self) -> PolicyDocument | None:
        """Return the policies in force; 1 request, and 1 for those that are news."""
        numbers = policy_numbers(self._store)
        return self.at(numbers[-1]) if numbers else None

    def at(self, number: int) -> PolicyDocument | None:
        """Return at least that version of the policies, None for 0; no request if it is known."""
        if not number:
            return None
        if self._known is None or self._known.number < number:
            self._known = read_policy(self._store, number)
        return self._known

    def rules_of(self, branch: BranchDocument) -> Rules | None:
        """Return what a branch follows, None if nothing is asked of it."""
        found = self.at(branch.policy)
        return found.rules if found is not None and self.is_own(branch.name) else None

    def check_metadata(self, branch: BranchDocument, metadata: Mapping[str, Any]) -> None:
        """Raise `PolicyError` if a commit of these metadata may not be on a branch."""
        rules = self.rules_of(branch)
        missing = [] if rules is None else missing_members(rules, metadata)
        if missing:
            raise _lacks_metadata("a commit", branch.name, missing)

    def check_move(self, branch: BranchDocument, commit: Digest) -> None:
        """Raise `PolicyError` if a branch may not be moved to a commit."""
        rules = self.rules_of(branch)
        if rules is None or branch.commit == commit:
            return
        old = Digest(branch.commit)
        if rules.protects_branch(branch.name) and not is_ancestor(old, commit, self._read):
            raise _protected(
                f"the branch {branch.name!r} is protected, and {commit[:12]} does not descend "
                f"from {old[:12]}"
            )
        self._check_commits(rules, branch.name, commit, lambda: [old])

    def check_rewrite(self, branch: BranchDocument, commit: Digest, author: Author) -> None:
        """Raise `PolicyError` if a purge may not move a branch."""
        rules = self.rules_of(branch)
        if rules is None:
            return
        require_purger(rules, author)
        self._check_head(rules, branch.name, commit)

    def check_new_branch(
        self, name: str, commit: Digest, others: Callable[[], Iterable[Digest]]
    ) -> int:
        """Return which policies a new branch follows, or raise `PolicyError` if it may not be.

        `others` gives heads of branches there.
        """
        found = self.newest()
        if found is None:
            return 0
        if self.is_own(name):
            self._check_commits(found.rules, name, commit, others)
        return found.number

    def check_deleted_branch(self, branch: BranchDocument) -> None:
        """Raise `PolicyError` if a branch may not be deleted."""
        rules = self.rules_of(branch)
        if rules is not None and rules.protects_branch(branch.name):
            raise _protected(f"the branch {branch.name!r} is protected, and stays")

    def check_new_tag(self, name: str, commit: Digest) -> None:
        """Raise `PolicyError` if a tag may not be created at a commit."""
        found = self.newest()
        if found is not None:
            self._check_head(found.rules, name, commit)

    def check_deleted_tag(self, name: str) -> None:
        """Raise `PolicyError` if a tag may not be deleted."""
        found = self.newest()
        if found is not None and found.rules.protects_tag(name):
            raise _protected(f"the tag {name!r} is protected, and stays")

    def _check_commits(
        self, rules: Rules, name: str, commit: Digest, known: Callable[[], Iterable[Digest]]
    ) -> None:
        if rules.require_metadata:
            for digest, missing in lacking(rules, [commit], self._read, known()):
                raise _lacks_metadata(f"the commit {digest[:12]}", name, missing)
        self._check_head(rules, name, commit)

    def _check_head(self, rules: Rules, name: str, commit: Digest) -> None:
        if rules.signers:
            try:
                self._verify(commit, rules.signers)
            except SignatureError as error:
                raise PolicyError(
                    f"{name!r} needs a signed commit, by a signer that the policies name: {error}; "
                    "nothing was changed",
                    code="policy-signature",
                    hint="open the repository with `vstore.open(url, "
                    "signatures=vstore.SignatureSettings(key='~/.ssh/id_ed25519', sign=True))`",
                    name=name,
                ) from error

    def is_own(self, name: str) -> bool:
        """Return whether a branch is this repository's: neither of a remote nor kept for a fork."""
        if object_keys.is_pin(name):
            return False
        remote, slash, _ = name.partition("/")
        if not slash:
            return True
        try:
            self._store.get(object_keys.remote(remote))
        except NotFoundError:
            return True
        return False


def missing_members(rules: Rules, metadata: Mapping[str, Any]) -> list[str]:
    """Return which members that are required metadata lack, or have without a value."""
    return [name for name in rules.require_metadata if metadata.get(name) in (None, "", [], {})]


def lacking(
    rules: Rules, heads: Iterable[Digest], read: ReadCommit, known: Iterable[Digest] = ()
) -> Iterator[tuple[Digest, list[str]]]:
    """Yield the commits that lack metadata which they need, with the members that they lack.

    Looks at what the heads descend from, back to when the rule was set, or to commits that
    those that are `known` have.
    """
    floors = list(known)
    stack = list(dict.fromkeys(heads))
    seen = set(stack)
    while stack:
        digest = stack.pop()
        commit = read(digest)
        if commit.time < rules.metadata_since:
            continue
        if any(is_ancestor(digest, floor, read) for floor in floors):
            continue
        missing = missing_members(rules, commit.metadata)
        if missing:
            yield digest, missing
        fresh = [Digest(name) for name in commit.parents if name not in seen]
        seen.update(fresh)
        stack += fresh


def require_purger(rules: Rules, author: Author) -> None:
    """Raise `PolicyError` unless an author may erase data."""
    if not rules.lets_purge(author):
        raise PolicyError(
            f"{author} may not erase data here: the policies name who may; nothing was changed",
            code="policy-purge",
            hint="ask one of those that `repo.policies.current.may_purge` names",
        )


def _lacks_metadata(what: str, branch: str, missing: Sequence[str]) -> PolicyError:
    return PolicyError(
        f"{what} on {branch!r} lacks metadata that the policies require: {', '.join(missing)}; "
        "nothing was changed",
        code="policy-metadata",
        hint=f"give it, as in `metadata={{{missing[0]!r}: 'why'}}`",
        name=branch,
        member=missing[0],
    )


def _protected(message: str) -> PolicyError:
    return PolicyError(
        f"{message}; nothing was changed",
        code="policy-protected",
        hint="add a commit that undoes what is wrong with `repo.revert(revision)`, or lift the "
        "protection with `repo.policies.set(protect_branches=[])`",
    )
