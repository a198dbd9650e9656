"""Opening the store that a path or URL names."""

import os
import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, get_args

from vstore.errors import InvalidInputError, InvalidUrlError
from vstore.faces import exported_from
from vstore.lazy import lazy
from vstore.storage.client import Engine
from vstore.storage.local import LocalStore
from vstore.storage.location import (
    Location,
    Options,
    local_path,
    parse_bucket_url,
    parse_other_url,
    scheme_of,
)
from vstore.storage.store import ObjectStore

if TYPE_CHECKING:
    from vstore.storage import backoff, engines, memory, remote, timeouts
else:
    backoff = lazy("vstore.storage.backoff")
    engines = lazy("vstore.storage.engines")
    memory = lazy("vstore.storage.memory")
    remote = lazy("vstore.storage.remote")
    timeouts = lazy("vstore.storage.timeouts")

_FILES = {None, "file", "local"}
_BUCKETS = {"s3": "s3", "s3a": "s3", "gs": "gs", "gcs": "gs", "az": "az", "abfs": "az"}
_BUCKETS["abfss"] = "az"


@exported_from("vstore.storage")
def open_store(
    url: str | os.PathLike[str],
    *,
    storage_options: Mapping[str, object] | None = None,
    engine: Engine = "auto",
    unsafe_single_writer: bool = False,
) -> ObjectStore:
    """Open the store at a path, `memory://`, `s3://`, `gs://`, `az://` or any fsspec URL.

    Sends no request. `storage_options` are those of the fsspec filesystem of that URL (s3fs,
    gcsfs, adlfs), whatever the engine; credentials and endpoints come from the environment too.
    Besides, `connect_timeout` and `read_timeout` are seconds, and `attempts` says how often a
    request is sent before it has failed.

    Args:
        engine: "obstore" or "fsspec" to force one for S3, GCS and Azure; "auto" takes obstore
            where it is installed and would find the same credentials, region and endpoint.
        unsafe_single_writer: Allow writing to a filesystem without conditional writes. Two
            processes writing there at once can destroy each other's commits.

    Raises:
        InvalidUrlError: the URL names no store.
        InvalidInputError: `storage_options` are no mapping by name, or are for another store.
        MissingExtraError: the package for this kind of URL is not installed.
    """
    _check_engine(engine)
    options = _checked_options(storage_options)
    text = os.fspath(url)
    _refuse_lost_slashes(text)
    _refuse_lost_scheme(text)
    scheme = scheme_of(text)
    if scheme in _FILES and "::" not in text:
        _refuse_options(text, options)
        return LocalStore(local_path(text))
    if scheme == "memory" and "::" not in text:
        _refuse_options(text, options)
        return memory.MemoryStore(text.partition("://")[2].strip("/"))
    reopen = partial(
        open_store,
        text,
        storage_options=options,
        engine=engine,
        unsafe_single_writer=unsafe_single_writer,
    )
    options = dict(options)
    attempts = timeouts.take_attempts(options)
    patience = None if attempts is None else backoff.Backoff(attempts=attempts)
    if scheme in _BUCKETS and "::" not in text:
        location, options = _bucket(text, options)
        chosen = engines.choose_engine(location, options, engine=engine)
        opening = engines.BucketOpening(location, chosen, options)
        return remote.RemoteStore(opening, backoff=patience, reopen=reopen)
    if engine == "obstore":
        raise InvalidInputError(f"engine='obstore' cannot open {parse_other_url(text, {}).url}")
    location = parse_other_url(text, options)
    other = engines.FilesystemOpening(location, text, unsafe_single_writer, options)
    return remote.RemoteStore(other, backoff=patience, reopen=reopen)


def _bucket(url: str, options: dict[str, object]) -> tuple[Location, dict[str, object]]:
    """Parse a bucket's URL, with the account that an Azure URL may name."""
    found = parse_bucket_url(url, options)
    service = _BUCKETS[found.scheme]
    bucket, _, host = found.bucket.partition("@")
    if host:
        if service != "az" or not bucket:
            raise InvalidUrlError(
                f"{found.scheme}://…@… names a user or host, which the URL of a bucket cannot have",
                code="secret-in-url",
                hint="pass credentials and other options as storage_options={...}",
            )
        options = {"account_name": host.partition(".")[0], **options}
    return Location(service, bucket, found.prefix, found.url, found.secrets), options


def _check_engine(engine: str) -> None:
    if engine not in get_args(Engine):
        raise InvalidInputError(f"engine={engine!r} is not one of {', '.join(get_args(Engine))}")


def _checked_options(options: object) -> dict[str, object]:
    """Return options as a dict; what they hold is not repeated, as it may be secret."""
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise InvalidInputError(
            "storage_options must be a mapping of option names to values, not of type "
            f"{type(options).__name__}"
        )
    names = [name for name in options if not isinstance(name, str)]
    if names:
        raise InvalidInputError(
            f"the names in storage_options must be strings, not of type {type(names[0]).__name__}"
        )
    return dict(options)


def _refuse_lost_slashes(url: str) -> None:
    """Raise for `s3:/bucket`, which nobody means for a folder called `s3:`."""
    scheme, colon, rest = url.partition(":")
    known = {*_BUCKETS, "file", "local", "memory"}
    if colon and scheme.lower() in known and not rest.startswith((":", "//")):
        raise InvalidUrlError(
            f"{scheme}:… is not a URL",
            hint=f"write {scheme.lower()}://…, or ./{scheme}:… for a folder of that name",
        )


def _refuse_lost_scheme(url: str) -> None:
    """Raise for `user:password@host/path`, without repeating what may be a password."""
    if re.match(r"[^/@:]+:[^/@]+@[^/]+/", url):
        raise InvalidUrlError(
            "…:…@…/… looks like a URL that lacks its scheme",
            code="secret-in-url",
            hint="pass credentials and other options as storage_options={...}; for a folder of "
            "that name, write ./ in front of it",
        )


def _refuse_options(url: str, options: Options) -> None:
    if options:
        raise InvalidInputError(f"{url!r} takes no storage options, but got {sorted(options)}")
