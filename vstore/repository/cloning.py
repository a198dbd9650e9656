"""Making a repository from another one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vstore.errors import InvalidInputError
from vstore.faces import exported_from, internals
from vstore.history.authors import as_author
from vstore.history.remotes import storable_url
from vstore.maintenance.progress import Progress, silent
from vstore.repository.repository import Repository
from vstore.signing.settings import UNSIGNED, SignatureSettings
from vstore.storage.open import open_store
from vstore.transfer import cloning
from vstore.transfer.cloning import ClonePlan
from vstore.transfer.exchange import TransferOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from vstore.format.commit import Author


@exported_from("vstore")
def clone(  # noqa: PLR0913 - what to clone, and how
    url: str | Path,
    to: str | Path,
    *,
    branches: Sequence[str] | None = None,
    tags: bool = True,
    depth: int | None = None,
    metadata_only: bool = False,
    only: Sequence[str] = (),
    samples: Any = None,
    mirror: bool = False,
    prune: bool = False,
    fork: bool = False,
    pinned: bool = True,
    hard_links: bool = True,
    remote: str = "origin",
    storage_options: Mapping[str, Any] | None = None,
    to_storage_options: Mapping[str, Any] | None = None,
    author: Author | str | None = None,
    signatures: SignatureSettings | None = None,
    progress: Progress = silent,
) -> Repository:
    """Copy a repository, and return the copy.

    Every object is verified on its way. Refs are written last: a clone that was interrupted
    is finished by the same call, which sends nothing twice.

    Args:
        url: the repository to copy: a path or URL.
        to: where the copy is to be: a path or URL.
        branches: the branches. Default: all.
        tags: whether the tags are copied.
        depth: how many generations of commits are copied. Default: all.
        metadata_only: copy no chunks, so that the copy is small and reads them from the
            original when they are asked for.
        only: copy the chunks below these paths alone: groups, tables, columns or arrays, as
            they are in the default branch. Others are read from the original when asked for.
        samples: an index of the samples, as in `table[samples]`, whose chunks are copied of the
            tables and columns that `only` names.
        mirror: copy all refs as they are and remember no remote: the way to back up. May be
            called again to bring the copy up to date.
        prune: with `mirror`, delete branches and tags that the original has no more.
        fork: make another repository, with an id of its own, that holds no chunks and borrows
            those of the original. It pins the commits that it borrows there, by branches
            `forks/<id>/...`, so that garbage collection there keeps them.
        pinned: for a fork; False where nothing may be written at the original. What is deleted
            there is then gone from the fork as well.
        hard_links: on one disk, let copy and original share the files of chunks, which never
            change. It is faster and takes no room, and damage of such a file is damage of both.
            A mirror shares none.
        remote: what the copy calls the original.
        storage_options: passed to the client of the original's store.
        to_storage_options: passed to the client of the copy's store.
        author: who commits through the handle that is returned.
        signatures: whose signatures are believed, and whether heads must be signed to be copied.
        progress: receives the state of the work.

    Raises:
        NotFoundError: there is no repository at `url`, or no such branch in it.
        AlreadyExistsError: there is another repository at `to`, or a finished clone.
        SignatureError: a head must be signed and is not.

    >>> import vstore
    >>> repo = vstore.create("memory://clone-doc")
    >>> with repo.transaction("main", message="Start") as tx:
    ...     tx.create_array("x", shape=(3,), dtype="int64")[:] = [1, 2, 3]
    >>> copy = vstore.clone("memory://clone-doc", "memory://clone-doc-copy")
    >>> copy.checkout()["x"][1], list(copy.remotes)
    (np.int64(2), ['origin'])
    """
    if isinstance(only, str):
        raise InvalidInputError(f"only is a list of paths, as in `only=[{only!r}]`")
    if depth is not None and (type(depth) is not int or depth < 1):
        raise InvalidInputError(f"depth is a number of commits from 1 on, not {depth!r}")
    if samples is not None and not only:
        raise InvalidInputError(
            "samples are those of tables or columns: name these with `only=[...]`"
        )
    if mirror and (metadata_only or only or depth is not None or branches is not None):
        raise InvalidInputError("a mirror is whole: it takes all branches, commits and chunks")
    target = open_store(to, storage_options=to_storage_options)
    made = Repository(target, author=as_author(author), signatures=signatures or UNSIGNED)
    if fork and (mirror or metadata_only or only or depth is not None):
        raise InvalidInputError("a fork has all commits and no chunks: leave out what says else")
    plan = ClonePlan(
        remote=None if mirror else remote,
        branches=branches,
        tags=tags,
        prune=prune,
        only=() if samples is not None else tuple(only),
        fork=fork,
        pinned=pinned,
        options=TransferOptions(
            packs=not metadata_only and not only and not fork,
            depth=depth,
            hard_links=hard_links,
            believe=internals(made).require_head,
            progress=progress,
        ),
    )
    origin = open_store(url, storage_options=storage_options)
    cloning.clone(origin, target, "" if mirror else storable_url(url), plan)
    for path in only:
        made.fetch_data(path, samples=samples, progress=progress)
    return made
