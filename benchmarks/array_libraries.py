"""The stores of vstore, Icechunk and plain Zarr, with their defaults, on local disk and S3."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Protocol
from urllib.parse import urlsplit

Action = Callable[[Any], None]
"""Write into a Zarr store."""


@dataclass(frozen=True)
class Place:
    """Where a repository is: a folder, or a prefix in a bucket with what s3fs needs to know."""

    url: str
    options: Mapping[str, Any]

    @property
    def bucket(self) -> tuple[str, str]:
        """The bucket and the prefix in it."""
        parts = urlsplit(self.url)
        return parts.netloc, parts.path.strip("/")

    @property
    def is_remote(self) -> bool:
        """Whether it is a bucket."""
        return self.url.startswith("s3:")


class Library(Protocol):
    """How a library keeps Zarr arrays."""

    name: str

    def create(self, place: Place) -> None:
        """Make it ready."""

    def write(self, place: Place, action: Action) -> None:
        """Open it, write, and commit where there are commits."""

    def read(self, place: Place) -> Any:
        """Open it for reading, with nothing remembered."""


class Vstore:
    """vstore."""

    def __init__(self) -> None:
        import vstore

        self._vstore = vstore
        self.name = f"vstore {vstore.__version__}"

    def create(self, place: Place) -> None:
        """Make it ready."""
        self._vstore.create(place.url, storage_options=dict(place.options))

    def write(self, place: Place, action: Action) -> None:
        """Open it, write, and commit."""
        repo = self._vstore.open(place.url, storage_options=dict(place.options))
        with repo.transaction("main", message="Write") as tx:
            action(tx.store)

    def read(self, place: Place) -> Any:
        """Open it for reading."""
        options = dict(place.options)
        return self._vstore.checkout(f"{place.url}@main", storage_options=options).store


class Icechunk:
    """Icechunk."""

    def __init__(self) -> None:
        os.environ.setdefault("ICECHUNK_LOG", "error")  # it warns each time that it opens a folder
        import icechunk  # type: ignore[import-not-found, unused-ignore]

        self._icechunk: Any = icechunk
        self.name = f"icechunk {version('icechunk')}"

    def _storage(self, place: Place) -> Any:
        if not place.is_remote:
            return self._icechunk.local_filesystem_storage(place.url)
        bucket, prefix = place.bucket
        return self._icechunk.s3_storage(
            bucket=bucket,
            prefix=prefix,
            endpoint_url=place.options["endpoint_url"],
            access_key_id=place.options["key"],
            secret_access_key=place.options["secret"],
            region="us-east-1",
            allow_http=True,
            force_path_style=True,
        )

    def create(self, place: Place) -> None:
        """Make it ready."""
        self._icechunk.Repository.create(self._storage(place))

    def write(self, place: Place, action: Action) -> None:
        """Open it, write, and commit."""
        repo = self._icechunk.Repository.open(self._storage(place))
        session = repo.writable_session("main")
        action(session.store)
        session.commit("Write")

    def read(self, place: Place) -> Any:
        """Open it for reading."""
        repo = self._icechunk.Repository.open(self._storage(place))
        return repo.readonly_session("main").store


class PlainZarr:
    """zarr's own stores: files, or obstore's client, the fastest there is."""

    def __init__(self) -> None:
        self.name = f"zarr {version('zarr')}"

    def _store(self, place: Place, *, read_only: bool) -> Any:
        from zarr.storage import LocalStore, ObjectStore

        if not place.is_remote:
            return LocalStore(place.url, read_only=read_only)
        from obstore.store import S3Store

        bucket, prefix = place.bucket
        inner = S3Store(
            bucket,
            prefix=prefix,
            endpoint=place.options["endpoint_url"],
            access_key_id=place.options["key"],
            secret_access_key=place.options["secret"],
            region="us-east-1",
            client_options={"allow_http": True},
            virtual_hosted_style_request=False,
        )
        return ObjectStore(inner, read_only=read_only)

    def create(self, place: Place) -> None:
        """Make it ready: there is nothing to do."""

    def write(self, place: Place, action: Action) -> None:
        """Open it and write."""
        action(self._store(place, read_only=False))

    def read(self, place: Place) -> Any:
        """Open it for reading."""
        return self._store(place, read_only=True)


def libraries() -> list[Library]:
    """Return the libraries that are installed, vstore first."""
    found: list[Library] = [Vstore()]
    for kind in (Icechunk, PlainZarr):
        try:
            found.append(kind())
        except ImportError as exc:
            print(f"without {kind.__name__}: {exc}")
    return found
