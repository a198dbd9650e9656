"""Creating, opening and checking out repositories by their addresses."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from os import PathLike
from typing import TYPE_CHECKING, Any

from vstore.errors import AlreadyExistsError, InvalidInputError
from vstore.faces import exported_from
from vstore.format import commit as commits
from vstore.format import object_keys
from vstore.format.commit import FORMAT, Author, RepositoryDocument, format_time
from vstore.history.authors import as_author
from vstore.lazy import lazy
from vstore.reading.remote_settings import BY_DEFAULT, RemoteSettings
from vstore.repository.repository import Repository
from vstore.signing.settings import UNSIGNED, SignatureSettings
from vstore.storage.open import open_store
from vstore.storage.store import ObjectStore, opened_as

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from vstore.maintenance.probe import probe
    from vstore.reading import sources as reading_sources
    from vstore.reading.snapshot import Snapshot
else:
    reading_sources = lazy("vstore.reading.sources")
    probe = lazy("vstore.maintenance.probe.probe")

DEFAULT_BRANCH = "main"


@exported_from("vstore")
def create(
    url: str | Path | ObjectStore,
    *,
    storage_options: Mapping[str, Any] | None = None,
    default_branch: str = DEFAULT_BRANCH,
    author: Author | str | None = None,
    unsafe_single_writer: bool = False,
    signatures: SignatureSettings | None = None,
) -> Repository:
    """Create a repository and return it.

    Args:
        url: a path, or any fsspec URL: `s3://bucket/name`, `gs://`, `az://`, `memory://`; or
            a store, as `vstore.storage.ObjectStore` says.
        storage_options: passed to the store's client, named as in fsspec.
        default_branch: the branch that the first commit makes.
        author: who commits through this handle, `"Ann Lee <ann@example.org>"`.
        unsafe_single_writer: write to a filesystem without conditional writes, promising
            that nobody else does at the same time.
        signatures: with which key commits are signed, and whose signatures are believed.

    Raises:
        AlreadyExistsError: there is a repository already.
        UnsupportedStoreError: the store ignores the conditions of conditional writes.

    >>> create("memory://create-doc").url
    'memory://create-doc'
    """
    object_keys.check_ref_name(default_branch, what="branch")
    committer = as_author(author)
    store = _store_at(url, storage_options, unsafe_single_writer=unsafe_single_writer)
    probe.require_conditions(store)
    marker = RepositoryDocument(
        format=FORMAT,
        features=[],
        id=secrets.token_hex(16),
        default_branch=default_branch,
        created=format_time(datetime.now(UTC)),
    )
    if store.put_if_absent(object_keys.REPOSITORY, commits.encode(marker)) is None:
        raise AlreadyExistsError(
            f"there is a repository at {store.url} already",
            code="repository-exists",
            hint=f"open it with `vstore.open({opened_as(store)})`",
            url=store.url,
        )
    return Repository(store, author=committer, signatures=signatures or UNSIGNED)


@exported_from("vstore")
def open(  # noqa: A001, PLR0913 - a user writes vstore.open; how it is reached and used
    url: str | Path | ObjectStore,
    *,
    storage_options: Mapping[str, Any] | None = None,
    author: Author | str | None = None,
    unsafe_single_writer: bool = False,
    offline: bool = False,
    remotes: RemoteSettings | None = None,
    signatures: SignatureSettings | None = None,
    sources: Mapping[str, Mapping[str, Any]] | None = None,
) -> Repository:
    """Open a repository; the other arguments are those of `create`. No request is made yet.

    Args:
        offline: raise `NotHereError` for what is at a remote only, in place of reading it there.
        remotes: how remotes are reached, and where what was read from them is kept.
        sources: the places that may be read for chunks that stay in files elsewhere, as the
            beginnings of their URLs, each with the options of its store:
            `{"s3://noaa-goes16/": {"anon": True}}`. Nothing is read anywhere else, whatever the
            repository says. See `vstore.virtual`.

    >>> _ = create("memory://open-doc")
    >>> open("memory://open-doc")
    <vstore.Repository memory://open-doc>
    """
    store = _store_at(url, storage_options, unsafe_single_writer=unsafe_single_writer)
    settings = remotes or BY_DEFAULT
    if offline:
        settings = replace(settings, offline=True)
    if sources is not None:
        for place in sources:
            reading_sources.trusted_prefix(place)
        settings = replace(settings, sources={**settings.sources, **sources})
    return Repository(
        store,
        author=as_author(author),
        remotes=settings,
        signatures=signatures or UNSIGNED,
    )


@exported_from("vstore")
def checkout(
    url: str | Path | ObjectStore,
    revision: str | None = None,
    *,
    storage_options: Mapping[str, Any] | None = None,
    as_of: datetime | None = None,
    signatures: SignatureSettings | None = None,
) -> Snapshot:
    """Open a commit for reading, in the fewest requests.

    One by full hash, and one by branch, since a branch contains a copy of its commit if that
    has at most 32 KiB. A tag or an abbreviated hash takes two or three more.

    The revision may follow the address: `s3://bucket/fashion@v1`.

    >>> repo = create("memory://checkout-doc")
    >>> with repo.transaction("main", message="Start") as tx:
    ...     tx.create_array("x", shape=(3,), dtype="int64")[:] = [1, 2, 3]
    >>> checkout("memory://checkout-doc@main")["x"][1]
    np.int64(2)
    """
    if revision is None and isinstance(url, str | PathLike):
        url, revision = _split_revision(str(url))
    repository = open(url, storage_options=storage_options, signatures=signatures)
    return repository.checkout(revision, as_of=as_of)


def _store_at(
    url: str | Path | ObjectStore,
    storage_options: Mapping[str, Any] | None,
    *,
    unsafe_single_writer: bool,
) -> ObjectStore:
    """Return the store at an address, or the one that is given in its place."""
    if isinstance(url, str | PathLike):
        return open_store(
            url, storage_options=storage_options, unsafe_single_writer=unsafe_single_writer
        )
    if not isinstance(url, ObjectStore):
        raise InvalidInputError(
            f"a repository is at a path, a URL or in a store, not in {type(url).__name__}"
        )
    if storage_options or unsafe_single_writer:
        raise InvalidInputError("a store that is open already takes no options: leave them out")
    return url


def _split_revision(url: str) -> tuple[str, str | None]:
    address, at, revision = url.rpartition("@")
    if not at or not address or "://" in revision or address.endswith("/"):
        return url, None
    host = address.partition("://")[2]
    if "://" in url and "/" not in host and "/" in revision:
        return url, None
    return address, revision
