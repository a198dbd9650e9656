"""What a handle of a repository holds, and what its names stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vstore.history.commits import Commit, describe
from vstore.lazy import lazy
from vstore.reading.remote_settings import BY_DEFAULT, RemoteSettings
from vstore.repository.access import Access
from vstore.repository.branches import Branches, Tags
from vstore.signing.settings import UNSIGNED, SignatureSettings

if TYPE_CHECKING:
    from datetime import datetime

    from vstore.format.commit import Author, RepositoryDocument
    from vstore.format.digest import Digest
    from vstore.repository import policies, remotes
    from vstore.repository.policies import Policies
    from vstore.repository.remotes import Remotes
    from vstore.storage.store import ObjectStore
else:
    # What a verb needs is imported when it is called: most programs call few of them.
    policies = lazy("vstore.repository.policies")
    remotes = lazy("vstore.repository.remotes")


class Handle:
    """What a handle of a repository holds, and what its names stand for."""

    def __init__(
        self,
        store: ObjectStore,
        *,
        author: Author | None = None,
        remotes: RemoteSettings = BY_DEFAULT,
        signatures: SignatureSettings = UNSIGNED,
    ) -> None:
        self._access = Access(store, author=author, remotes=remotes, signatures=signatures)

    @property
    def url(self) -> str:
        """The repository's address, with any secret left out."""
        return self.store.url

    @property
    def store(self) -> ObjectStore:
        """The object store that holds the repository."""
        return self._access.store

    @property
    def description(self) -> RepositoryDocument:
        """The content of the repository file; raises `NotFoundError` if there is none."""
        return self._access.description

    @property
    def default_branch(self) -> str:
        """The branch that is used if none is named."""
        return self._access.default_branch

    @property
    def branches(self) -> Branches:
        """The branches, by name."""
        return Branches(self._access)

    @property
    def tags(self) -> Tags:
        """The tags, by name."""
        return Tags(self._access)

    @property
    def remotes(self) -> Remotes:
        """Other repositories that this one exchanges commits with, by name."""
        return remotes.Remotes(self._access)

    @property
    def policies(self) -> Policies:
        """What all who write to the repository keep to."""
        return policies.Policies(self._access)

    @property
    def _internals(self) -> Access:
        return self._access

    @property
    def author(self) -> Author:
        """The author of commits, as passed to `open`; by default the user's login name."""
        return self._access.author()

    def resolve(self, revision: str | None = None, *, as_of: datetime | None = None) -> Digest:
        """Return the id of the commit that a revision names; see `checkout`."""
        return self._access.resolve(revision, as_of=as_of)

    def commit(self, revision: str | None = None) -> Commit:
        """Return a commit's author, time, message and so on, without opening its contents."""
        digest = self.resolve(revision)
        return describe(digest, self._access.fetcher.commit(digest))
