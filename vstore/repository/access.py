"""What the verbs of a repository share: its objects, its refs, and what revisions name."""

import re
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from vstore.errors import NotFoundError, NotHereError, StorageError
from vstore.faces import pickled
from vstore.format import object_keys
from vstore.format.commit import Author, RepositoryDocument
from vstore.format.digest import Digest, is_digest
from vstore.history.authors import as_author, login_name
from vstore.history.commits import as_of as commit_as_of
from vstore.history.documents import read_document, repository_not_found
from vstore.history.merge_base import merge_bases
from vstore.history.purges import find_rewritten
from vstore.history.read_ahead import ReadAhead
from vstore.history.refs import Branch, Refs
from vstore.history.revisions import DENIED, Resolver, in_history
from vstore.lazy import lazy
from vstore.reading.fetch import Fetcher
from vstore.reading.remote_settings import BY_DEFAULT, RemoteSettings
from vstore.signing.settings import UNSIGNED, SignatureSettings
from vstore.storage.store import ObjectStore

if TYPE_CHECKING:
    from vstore.reading import through_store
    from vstore.signing import signatures as signing
    from vstore.signing.signatures import Signatures
else:
    signing = lazy("vstore.signing.signatures")
    through_store = lazy("vstore.reading.through_store")


_HASH = re.compile("[0-9a-f]{6,64}$")


@pickled
class Access:
    """A repository as its verbs see it; making one makes no request.

    Safe to use from several threads.
    """

    def __init__(
        self,
        store: ObjectStore,
        *,
        author: Author | None = None,
        remotes: RemoteSettings = BY_DEFAULT,
        signatures: SignatureSettings = UNSIGNED,
    ) -> None:
        self.store = store
        self.fetcher = Fetcher(store, remotes)
        self.remote_settings = remotes
        self.refs = Refs(store, self.fetcher, self._through, self._verify)
        self.given_author = author
        self.signature_settings = signatures
        self._signatures: Signatures | None = None

    @property
    def signatures(self) -> "Signatures":
        """Makes and checks signatures of commits."""
        if self._signatures is None:
            self._signatures = signing.Signatures(self.fetcher, self.signature_settings)
        return self._signatures

    @property
    def signing(self) -> "Signatures | None":
        """What signs and checks commits; None where nobody asked for that."""
        settings = self.signature_settings
        return self.signatures if settings.sign or settings.require else None

    def require_head(self, commit: Digest) -> None:
        """Raise `SignatureError` if heads must be signed and this one is not."""
        if self.signature_settings.require is not None:
            self.signatures.require_head(commit)

    def sign_new(self, commit: Digest) -> None:
        """Sign a commit that was just made, if commits are to be signed."""
        if self.signing is not None:
            self.signing.sign_new(commit)

    def fresh(self) -> "Access":
        """Return the same repository as if it had just been opened: nothing is kept of it."""
        return Access(
            self.store,
            author=self.given_author,
            remotes=self.remote_settings,
            signatures=self.signature_settings,
        )

    def _verify(self, commit: Digest, signers: str) -> None:
        self.signatures.verify_by(commit, signers)

    def _through(self) -> ObjectStore:
        return through_store.ThroughStore(self.fetcher)

    @property
    def description(self) -> RepositoryDocument:
        """The document that marks the repository, or `NotFoundError` where there is none."""
        what = f"{object_keys.REPOSITORY} in {self.store.url}"
        try:
            return read_document(self.store, object_keys.REPOSITORY, RepositoryDocument, what=what)[
                0
            ]
        except NotFoundError:
            raise repository_not_found(self.store.url) from None

    @property
    def default_branch(self) -> str:
        """The branch that is meant where none is named."""
        return self.description.default_branch

    def there(self, names: list[str]) -> list[str]:
        """Return names that were listed; where there are none, make sure that a repository is."""
        if not names:
            _ = self.description
        return names

    def branch(self, name: str | None) -> Branch:
        """Return a branch, the default one where none is named, or raise `NotFoundError`."""
        return self.refs.get_branch(self.default_branch if name is None else name)

    def author(self, given: Author | str | None = None) -> Author:
        """Return who commits: as given here, or with the repository, or the user's login name."""
        return as_author(given) or self.given_author or login_name()

    def resolve(self, revision: str | None = None, *, as_of: datetime | None = None) -> Digest:
        """Return the id of the commit that a revision names.

        Raises:
            NotFoundError: nothing is called that, or there is no repository.
            InvalidInputError: the prefix is ambiguous, or the revision malformed.
        """
        digest, _ = self._resolve(revision)
        return digest if as_of is None else commit_as_of(digest, as_of, self.fetcher.commit)

    def resolve_unsigned(self, revision: str | None = None) -> Digest:
        """Return the commit that a revision names, whether it is signed or not."""
        return self._resolve(revision, replace(self._resolver(), trust=lambda _: None))[0]

    def resolve_both(self, old: str | None, new: str | None) -> tuple[Digest, Digest]:
        """Return the commits that two revisions name, looked up side by side, or raise likewise.

        A name that is in both is looked up once.
        """
        ends = [self.default_branch if end is None else str(end) for end in (old, new)]
        resolver = self._resolver()
        resolver.ask(resolver.names_in(ends))
        first, second = (self._resolve(end, resolver)[0] for end in ends)
        return first, second

    def resolve_kept(self, revision: str | None) -> Digest:
        """Return a commit that a ref is to need; call it after that ref was read.

        One that was named by its hash may be on no ref, and so about to be collected.
        """
        digest, by_hash = self._resolve(revision)
        if by_hash:
            self.refs.require_kept(digest)
        return digest

    def resolve_for(self, name: str, revision: str, *, keeps: bool) -> tuple[Branch, Digest]:
        """Return a branch that is to have a commit, and that commit, looked up side by side.

        Where it `keeps` it, as a ref does, a commit named by its hash must be kept already.
        """
        resolver = self._resolver()
        if self.store.is_local:
            branch = self.branch(name)
        else:
            asked = self.fetcher.pool().submit(self.branch, name)
            try:
                resolver.ask(resolver.names_in([str(revision)]))
            finally:
                branch = asked.result()
        digest, by_hash = self._resolve(revision, resolver)
        if by_hash and keeps:
            self.refs.require_kept(digest)
        return branch, digest

    def resolve_range(self, revision: str | None) -> tuple[list[Digest], list[Digest]]:
        """Return the commits that a range begins at, and common ones whose histories it lacks.

        `a..b` leaves out what `a` descends from, `a...b` what both do; any other revision
        leaves nothing out.
        """
        for dots in ("...", ".."):
            if revision is not None and dots in revision:
                first, last = revision.split(dots, 1)
                old, new = self.resolve_both(first or None, last or None)
                starts = [new] if dots == ".." else [old, new]
                return starts, merge_bases(old, new, self.fetcher.commit)
        return [self.resolve(revision)], []

    def _resolver(self) -> Resolver:
        ask_all = map if self.store.is_local else self.fetcher.map
        return Resolver(
            self.refs, self.fetcher.commit, self._commits_with_prefix, ask_all, self.require_head
        )

    def _resolve(
        self, revision: str | None, resolver: Resolver | None = None
    ) -> tuple[Digest, bool]:
        """Return the commit that a revision names, and whether it does so by a hash."""
        name = self.default_branch if revision is None else revision
        try:
            return (resolver or self._resolver()).resolve_origin(name)
        except NotHereError:
            raise
        except NotFoundError:
            self._explain_missing(name)
            self._explain_purged(name)
            raise

    def _explain_missing(self, name: str) -> None:
        """Raise a better error where there is no repository, or nothing was committed yet."""
        if name == self.default_branch and not self.refs.branch_names():
            raise NotFoundError(
                f"nothing was committed to {name!r} in {self.store.url} yet", code="no-commit-yet"
            )

    def _explain_purged(self, name: str) -> None:
        """Raise a better error for a hash, or the beginning of one, that was rewritten."""
        if _HASH.match(name):
            found = find_rewritten(self.store, name)
            if found is not None:
                raise found.error(self.store.url)

    def _commits_with_prefix(self, prefix: str) -> list[Digest]:
        """Return the commits whose hashes begin so; of the default branch where none is listed."""
        try:
            listed = list(self.store.list_prefix(f"{object_keys.COMMITS}{prefix}"))
        except StorageError as error:
            if error.code != DENIED:
                raise
            found = in_history(prefix, self.branch(None).commit, ReadAhead(self.fetcher))
            if not found:
                raise
            return found
        names = (
            info.key.removeprefix(object_keys.COMMITS).removesuffix(".json") for info in listed
        )
        return [Digest(name) for name in names if is_digest(name)]
