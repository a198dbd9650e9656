"""Publishing a page that reads a repository by itself."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from vstore.errors import InvalidInputError
from vstore.faces import exported_from, internals
from vstore.page.bundle import page
from vstore.repository.opening import open as open_repository
from vstore.repository.repository import Repository
from vstore.storage.open import open_store
from vstore.storage.store import Key

_FOLDER = "page"
_FILE = "index.html"
_MOST_REFS = 1000


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Publication:
    """Where a page was stored, and where it looks for the repository.

    Attributes:
        page: where the page is: a path or a URL of the store.
        data: where the page looks for the repository's objects: a URL, or a path beginning at
            the page's own folder.
        nbytes: how large the page is.
    """

    page: str
    data: str
    nbytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.page} ({self.nbytes:,} bytes) reads {self.data}"


@exported_from("vstore")
def publish(
    repository: Repository | str | Path,
    to: str | Path | None = None,
    *,
    data: str | None = None,
    revision: str | None = None,
    title: str | None = None,
    storage_options: Mapping[str, Any] | None = None,
) -> Publication:
    """Store a page that shows the repository to whoever may read its objects, without a server.

    The page is one file of HTML. In a browser it reads branches, commits and chunks from the
    bucket by itself and verifies all but the branches. It asks nobody else, runs nothing that the
    repository says, and holds no secrets: a bucket that needs credentials stays closed to it. It
    lists the branches and tags that there are now; publish it again to list others.

    Args:
        repository: an open repository, or where it is.
        to: a folder for the page, as a path or a URL; else `page/` within the repository, from
            where a browser needs no permission of the bucket to read it.
        data: the address at which browsers find the repository, `https://data.example.org/digits`;
            else it follows from where the repository is.
        revision: the branch, tag or commit that is shown first; else the default branch.
        title: what the page is called; else the last part of the repository's address.
        storage_options: for the store of `to`, named as in fsspec.

    Raises:
        InvalidInputError: browsers cannot reach the repository where it is, and `data` does not
            say how.
        NotFoundError: there is no such revision.

    >>> import vstore
    >>> repo = vstore.create("memory://publish-doc", author="Ann Lee <ann@example.org>")
    >>> with repo.transaction("main", message="Add") as tx:
    ...     tx.create_array("grid", shape=(2,), dtype="int8")[:] = 1
    >>> vstore.publish(repo).page
    'memory://publish-doc/page/index.html'
    """
    repo = repository if isinstance(repository, Repository) else open_repository(repository)
    if revision is not None:
        repo.resolve(revision)
    address = "../" if to is None and data is None else _address(repo, data)
    about = {
        "branches": sorted(repo.branches)[:_MOST_REFS],
        "data": address,
        "revision": revision or repo.default_branch,
        "tags": sorted(repo.tags)[:_MOST_REFS],
        "title": title or repo.url.rstrip("/").rpartition("/")[2] or "vstore",
    }
    content = page(about, connect=_origin(address)).encode()
    store = internals(repo).store if to is None else open_store(to, storage_options=storage_options)
    key = Key(f"{_FOLDER}/{_FILE}" if to is None else _FILE)
    store.put(key, content)
    return Publication(f"{store.url.rstrip('/')}/{key}", address, len(content))


def _address(repo: Repository, data: str | None) -> str:
    """Return where browsers find the objects of a repository, with a slash at its end."""
    url = data if data is not None else _public(repo.url)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https", "") or parts.query or parts.password:
        raise InvalidInputError(
            "browsers find no repository at the address that was given as `data`",
            code="no-public-address",
            hint="give one that begins with https://, without a query and a password",
        )
    return url.rstrip("/") + "/"


def _public(url: str) -> str:
    """Return the web address of what is in a public bucket."""
    scheme, _, place = url.partition("://")
    bucket, _, prefix = place.partition("/")
    path = quote(prefix)
    if scheme in ("http", "https"):
        return url
    if scheme in ("s3", "s3a"):
        return f"https://{bucket}.s3.amazonaws.com/{path}"
    if scheme in ("gs", "gcs"):
        return f"https://storage.googleapis.com/{bucket}/{path}"
    raise InvalidInputError(
        f"browsers do not find {url} by themselves",
        code="no-public-address",
        hint="say where they do with `data`, or leave out `to`: the page is stored in the "
        "repository then, and reads what lies beside it",
        url=url,
    )


def _origin(address: str) -> str:
    """Return the source of a content security policy that an address is of."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "'self'"
