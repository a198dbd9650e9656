"""Which library reaches a bucket: obstore where it can do all that is asked, fsspec elsewhere."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, cast

from vstore.errors import MissingExtraError
from vstore.storage.client import Client, Engine
from vstore.storage.location import Location, Options
from vstore.storage.obstore_config import UnmappableOptionError, configure


@dataclass(frozen=True, slots=True)
class _Service:
    package: str
    module: str
    client: str
    extra: str
    obstore_extra: str
    """The smallest extra that brings obstore."""


_SERVICES = {
    "s3": _Service("s3fs", "s3fs_client", "S3fsClient", "s3", "s3-lite"),
    "gs": _Service("gcsfs", "gcsfs_client", "GcsfsClient", "gcs", "gcs"),
    "az": _Service("adlfs", "adlfs_client", "AdlfsClient", "azure", "azure"),
}


@dataclass(frozen=True, slots=True)
class BucketOpening:
    """How to reach a bucket of S3 (`s3`), GCS (`gs`) or Azure (`az`)."""

    location: Location
    engine: Literal["obstore", "fsspec"]
    options: Options = field(repr=False)

    def connect(self) -> Client:
        """Open a client; in a forked child always through fsspec, which survives a fork."""
        if self.engine == "obstore":
            obstore_client = import_module("vstore.storage.obstore_client")
            if obstore_client.is_usable():
                return cast("Client", obstore_client.client_for(self.location, self.options))
        service = _SERVICES[self.location.scheme]
        try:
            module = import_module(f"vstore.storage.{service.module}")
        except ImportError as error:
            what = "reading in a forked process from" if self.engine == "obstore" else "opening"
            raise MissingExtraError(
                service.package, extra=service.extra, purpose=f"{what} {self.location.url}"
            ) from error
        return cast("Client", getattr(module, service.client)(self.location, self.options))


@dataclass(frozen=True, slots=True)
class FilesystemOpening:
    """How to reach any other fsspec filesystem."""

    location: Location
    full_url: str = field(repr=False)
    writable: bool
    options: Options = field(repr=False)

    def connect(self) -> Client:
        """Open the filesystem."""
        module = import_module("vstore.storage.fsspec_client")
        return cast(
            "Client",
            module.FsspecClient(
                self.location, self.options, url=self.full_url, writable=self.writable
            ),
        )


def choose_engine(
    location: Location, options: Options, *, engine: Engine
) -> Literal["obstore", "fsspec"]:
    """Return the engine to use, or say which package is missing: obstore wherever it would do."""
    service = _SERVICES[location.scheme]
    purpose = f"opening {location.url}"
    if engine == "obstore":
        if not _is_installed("obstore"):
            raise MissingExtraError("obstore", extra=service.obstore_extra, purpose=purpose)
        configure(location, options)
        return "obstore"
    suits_obstore = engine == "auto" and _suits_obstore(location, options)
    if suits_obstore and _is_installed("obstore"):
        return "obstore"
    if _is_installed(service.package):
        return "fsspec"
    if suits_obstore:
        raise MissingExtraError("obstore", extra=service.obstore_extra, purpose=purpose)
    if _is_installed("obstore"):
        purpose += " with settings that obstore does not know"
    raise MissingExtraError(service.package, extra=service.extra, purpose=purpose)


def _is_installed(package: str) -> bool:
    return find_spec(package) is not None


def _suits_obstore(location: Location, options: Options) -> bool:
    """Whether obstore would find the same credentials, region and endpoint as the cloud's SDK."""
    try:
        values = configure(location, options).values
    except UnmappableOptionError:
        return False
    return _FINDS_THE_SAME[location.scheme](values)


def _s3_finds_the_same(values: Options) -> bool:
    """Obstore reads neither profiles nor `~/.aws`, and does not follow a bucket's region."""
    endpoint = str(values.get("endpoint", ""))
    if _is_set("AWS_PROFILE", "AWS_DEFAULT_PROFILE"):
        return False
    if _is_set("AWS_CA_BUNDLE") and not endpoint.startswith("http:"):
        return False
    return _finds_s3_credentials(values) and (bool(endpoint) or _finds_s3_region(values))


def _finds_s3_credentials(values: Options) -> bool:
    ambient = (
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    )
    if values.keys() & {"access_key_id", "skip_signature"} or _is_set(*ambient):
        return True
    return not any(_content(path) is not None for path in _profile_files())


def _finds_s3_region(values: Options) -> bool:
    """Whether the region is said, and no file says an endpoint in its place."""
    if any(b"endpoint_url" in (_content(path) or b"") for path in _profile_files()):
        return False
    return "region" in values or _is_set("AWS_DEFAULT_REGION", "AWS_REGION")


def _profile_files() -> tuple[str, str]:
    return (
        os.environ.get("AWS_CONFIG_FILE", "~/.aws/config"),
        os.environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"),
    )


def _content(path: str) -> bytes | None:
    """Return what a file holds, None if it is not there or not for this process to read.

    In a container there may be no home, nor an account of this user's number.
    """
    try:
        return Path(path).expanduser().read_bytes()
    except (OSError, RuntimeError):
        return None


def _gcs_finds_the_same(values: Options) -> bool:
    """Obstore knows service accounts and user logins, not federated or borrowed identities."""
    if "service_account_key" in values or "skip_signature" in values:
        return True
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    if named is None:
        return not _is_set("GOOGLE_CLOUD_UNIVERSE_DOMAIN")
    content = _content(named) or b""
    return any(known in content for known in (b'"service_account"', b'"authorized_user"'))


def _azure_finds_the_same(values: Options) -> bool:
    """Without explicit credentials adlfs walks a longer chain (command line, managed identity)."""
    explicit = {"account_key", "sas_key", "client_secret", "skip_signature"}
    return bool(explicit & values.keys()) or _is_set(
        "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_SAS_TOKEN"
    )


_FINDS_THE_SAME: dict[str, Callable[[Options], bool]] = {
    "s3": _s3_finds_the_same,
    "gs": _gcs_finds_the_same,
    "az": _azure_finds_the_same,
}


def _is_set(*names: str) -> bool:
    return any(os.environ.get(name) for name in names)
