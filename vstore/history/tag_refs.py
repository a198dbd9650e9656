"""Tags, and what they have in common with branches: names that are stored, and how they go."""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from vstore.errors import (
    AlreadyExistsError,
    ConflictError,
    FormatError,
    NotFoundError,
    PolicyError,
)
from vstore.format import commit as commits
from vstore.format import object_keys
from vstore.format.commit import (
    FORMAT,
    Author,
    CommitDocument,
    TagDocument,
    Tombstone,
    format_time,
)
from vstore.format.digest import Digest, read_verified
from vstore.history import fence as fences
from vstore.history.deletion_records import DeletedRefs
from vstore.history.documents import read_ref
from vstore.history.ref_errors import tag_not_found
from vstore.history.tombstones import Tombstones
from vstore.lazy import lazy
from vstore.storage.store import Key, ObjectInfo, ObjectStore, Version

if TYPE_CHECKING:
    from vstore.history import policies
    from vstore.history.policies import Policies
else:
    policies = lazy("vstore.history.policies")


class CommitMemory(Protocol):
    """Keeps commits, so that a branch can carry the one at its head and save reading it."""

    def find_commit(self, digest: Digest) -> CommitDocument | None:
        """Return a commit that is at hand, without a request."""

    def remember_commit(self, digest: Digest, commit: CommitDocument) -> None:
        """Keep a commit whose digest was verified."""

    def note_recent(self, head: Digest, before: Sequence[Digest]) -> None:
        """Note the commits that a branch was at before its head, newest first."""


Verify = Callable[[Digest, str], None]
"""Raises `SignatureError` unless a commit has a good signature by one of some signers."""


def cannot_verify(commit: Digest, _: str) -> None:
    """Refuse to tell: for programs that move no ref to another commit."""
    raise AssertionError(f"nothing verifies {commit} here")


class TagRefs:
    """The tags of one repository."""

    def __init__(
        self,
        store: ObjectStore,
        memory: CommitMemory | None = None,
        objects: Callable[[], ObjectStore] | None = None,
        verify: Verify = cannot_verify,
    ) -> None:
        """Take where refs are, what keeps commits, where the objects are that refs need.

        `verify` checks signatures where policies ask for them.
        """
        self._store = store
        self._objects = objects or (lambda: store)
        self._memory = memory
        self.deleted = DeletedRefs(store)
        self._verify = verify
        self._policies: Policies | None = None
        self._dead_tags = Tombstones(store, self._find_tag)

    @property
    def policies(self) -> "Policies":
        """What branches and tags may do."""
        if self._policies is None:
            self._policies = policies.Policies(self._store, self._commit, self._verify)
        return self._policies

    def _commit(self, digest: Digest) -> CommitDocument:
        """Return a commit, read where the objects are that refs need."""
        found = None if self._memory is None else self._memory.find_commit(digest)
        if found is None:
            key, objects = object_keys.commit(digest), self._objects()
            data = read_verified(
                lambda: objects.get(key), bytes.fromhex(digest), what=f"commit {digest}"
            )
            found = commits.decode(data, CommitDocument, what=f"commit {digest}")
            if self._memory is not None:
                self._memory.remember_commit(digest, found)
        return found

    def find_tag(self, name: str) -> TagDocument | None:
        """Return the tag, or None where there is none."""
        found = self._find_tag(name)
        return None if found is None or isinstance(found[0], Tombstone) else found[0]

    def _find_tag(self, name: str) -> tuple[TagDocument | Tombstone, Version] | None:
        try:
            found, version = read_ref(
                self._store, object_keys.tag(name), TagDocument, what=f"tag {name!r}"
            )
        except NotFoundError:
            return None
        check_name(found.name, name, "tag")
        return found, version

    def create_tag(
        self,
        name: str,
        commit: Digest,
        *,
        author: Author,
        message: str = "",
        metadata: Mapping[str, Any] | None = None,
        named: fences.Stopwatch | None = None,
    ) -> TagDocument:
        """Create a tag, or raise `AlreadyExistsError`; two requests.

        `named` was started before the commit was looked up.

        Raises:
            ConflictError: garbage collection deleted the commit, or is about to.
            PolicyError: the policies require a signed commit.
        """
        since = named or fences.Stopwatch()
        self.policies.check_new_tag(name, commit)
        new = TagDocument(
            FORMAT,
            name,
            commit,
            new_token(),
            author,
            now(),
            message,
            dict(metadata or {}),
        )
        key, data = object_keys.tag(name), commits.encode(new)
        version = self._store.put_if_absent(key, data)
        if version is None and self._dead_tags.is_cleared(name, key):
            version = self._store.put_if_absent(key, data)
        if version is None:
            raise AlreadyExistsError(
                f"there is a tag {name!r} already, and tags do not move",
                code="tag-exists",
                hint=f"choose another name, or delete it first with `repo.tags.delete({name!r})`",
                name=name,
            )
        if since.is_slow:
            with self._undone(lambda: self._bury_tag(name, version)):
                self.require_kept(commit)
        return new

    def restore_tag(self, tag: TagDocument) -> bool:
        """Store a tag again as it was; return False, changing nothing, if there is one.

        Raises:
            ConflictError: garbage collection deleted the commit, or is about to.
            PolicyError: the policies require a signed commit.
        """
        self.policies.check_new_tag(tag.name, Digest(tag.commit))
        self.require_kept(Digest(tag.commit))
        key, data = object_keys.tag(tag.name), commits.encode(tag)
        is_stored = self._store.put_if_absent(key, data) is not None
        if not is_stored and self._dead_tags.is_cleared(tag.name, key):
            is_stored = self._store.put_if_absent(key, data) is not None
        return is_stored

    def delete_tag(self, name: str) -> None:
        """Delete a tag, noting what it was, or raise `NotFoundError`.

        Raises:
            ConflictError: it was deleted and made again just now.
            PolicyError: it is protected.
        """
        found = self._find_tag(name)
        if found is None or isinstance(found[0], Tombstone):
            raise tag_not_found(name, self._store.url)
        self.policies.check_deleted_tag(name)
        note = self.deleted.note(found[0])
        if not self._bury_tag(name, found[1]) and self.find_tag(name) is not None:
            self.deleted.withdraw(note)
            raise ConflictError(
                f"the tag {name!r} was created again just now; it was not deleted",
                code="ref-moved",
                hint="try again",
                name=name,
            )

    def _bury_tag(self, name: str, version: Version) -> bool:
        return self._dead_tags.bury(name, object_keys.tag(name), version)

    def tag_names(self) -> list[str]:
        """Return the names of all tags, sorted."""
        return sorted(self._dead_tags.names(self._names(object_keys.TAGS)))

    def _names(self, prefix: str) -> Iterator[tuple[str, ObjectInfo]]:
        for info in self._store.list_prefix(prefix):
            name = object_keys.find_ref_name(Key(info.key))
            if name is not None:
                yield name, info

    def replace_tag(self, tag: TagDocument, version: Version) -> bool:
        """Replace what a tag says, which only a purge does; return False if it changed."""
        new = msgspec.structs.replace(tag, token=new_token())
        key, data = object_keys.tag(tag.name), commits.encode(new)
        return self._store.compare_and_swap(key, data, version) is not None

    def require_kept(self, commit: Digest) -> None:
        """Make sure that a commit that was found by its hash is not about to be deleted.

        One request, more where garbage was ever collected. Call it after the branch was read
        that is to have the commit, and before that moves.

        Raises:
            ConflictError: garbage collection deleted the commit, or is about to.
        """
        fences.require_kept(self._objects(), fences.find_collection(self._store), commit)

    @contextmanager
    def _undone(self, undo: Callable[[], object]) -> Iterator[None]:
        """Take back a ref that was just made if what it points to turns out to be gone."""
        try:
            yield
        except (ConflictError, PolicyError):
            undo()
            raise


def check_name(found: str, wanted: str, what: str) -> None:
    """Refuse a ref that a case-folding filesystem returned for another one's name."""
    if found != wanted:
        raise FormatError(f"the {what} stored as {wanted!r} calls itself {found!r}")


def new_token() -> str:
    """Return what tells two writes of a ref apart."""
    return secrets.token_hex(16)


def now() -> str:
    """Return the time as it is stored."""
    return format_time(datetime.now(UTC))
