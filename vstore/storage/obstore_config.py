"""fsspec's names for options, in obstore's words."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vstore.errors import InvalidInputError
from vstore.storage.location import Location, Options
from vstore.storage.timeouts import without_timeouts

_TIMEOUT = "900s"
"""For a whole request, body included; obstore's own 30 s is short for a pack on a slow line."""


class UnmappableOptionError(InvalidInputError):
    """An option, or a variable of the environment, that obstore cannot honour."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"engine='obstore' does not know the storage option {name!r}; use engine='fsspec'"
        )


@dataclass(frozen=True, slots=True)
class Config:
    """What obstore needs to open a bucket."""

    service: str
    bucket: str
    values: dict[str, Any] = field(repr=False)
    client_options: dict[str, Any] = field(repr=False)


def configure(location: Location, options: Options) -> Config:
    """Translate options, or raise `UnmappableOptionError` rather than leave one out."""
    rest, connect, read = without_timeouts(options)
    values = _SERVICES[location.scheme](rest)
    client_options: dict[str, Any] = {
        "allow_http": True,
        "connect_timeout": f"{connect}s",
        "read_timeout": f"{read}s",
        "timeout": _TIMEOUT,
    }
    if values.pop("verify", True) is False:
        client_options["allow_invalid_certificates"] = True
    return Config(location.scheme, location.bucket, values, client_options)


_IRRELEVANT = {
    "access",
    "assume_container_exists",
    "asynchronous",
    "block_size",
    "blocksize",
    "cache_regions",
    "cache_timeout",
    "check_connection",
    "consistency",
    "default_block_size",
    "default_cache_type",
    "default_fill_cache",
    "fixed_upload_size",
    "listings_expiry_time",
    "max_concurrency",
    "max_paths",
    "project",
    "skip_instance_cache",
    "use_listings_cache",
}
"""Options of fsspec's filesystems that change nothing in what vstore asks of a store."""

_S3 = {
    "key": "access_key_id",
    "username": "access_key_id",
    "client_kwargs.aws_access_key_id": "access_key_id",
    "secret": "secret_access_key",
    "password": "secret_access_key",
    "client_kwargs.aws_secret_access_key": "secret_access_key",
    "token": "session_token",
    "client_kwargs.aws_session_token": "session_token",
    "client_kwargs.endpoint_url": "endpoint",
    "endpoint_url": "endpoint",
    "client_kwargs.region_name": "region",
    "client_kwargs.verify": "verify",
    "anon": "skip_signature",
    "requester_pays": "request_payer",
    "s3_additional_kwargs.ServerSideEncryption": "server_side_encryption",
    "s3_additional_kwargs.SSEKMSKeyId": "sse_kms_key_id",
}
_S3_HARMLESS = (
    ("config_kwargs.s3.addressing_style", "path"),
    ("config_kwargs.signature_version", "s3v4"),
    ("use_ssl", True),
    ("version_aware", False),
)
_AZURE = {
    "account_name": "account_name",
    "account_key": "account_key",
    "sas_token": "sas_key",
    "client_id": "client_id",
    "client_secret": "client_secret",
    "tenant_id": "tenant_id",
    "anon": "skip_signature",
    "version_aware": "",
}


def _s3(options: Options) -> dict[str, Any]:
    values = dict(_mapped(options, _S3, harmless=_S3_HARMLESS))
    if not isinstance(values.get("verify", True), bool):
        raise UnmappableOptionError("client_kwargs.verify")
    environment = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if endpoint := values.get("endpoint") or environment:
        values["endpoint"] = endpoint.rstrip("/")
        if "AWS_ENDPOINT_URL_S3" in os.environ:  # else obstore prefers it to the option
            values["aws_endpoint_url_s3"] = values["endpoint"]
    return values


def _gcs(options: Options) -> dict[str, Any]:
    values = dict(_mapped(options, {"token": "token", "endpoint_url": "base_url"}))
    if "STORAGE_EMULATOR_HOST" in os.environ or values.get("base_url", "").startswith("http:"):
        raise UnmappableOptionError("endpoint_url")  # emulators know the JSON API, obstore XML
    token = values.pop("token", None)
    if token == "anon":
        values["skip_signature"] = True
    elif isinstance(token, Mapping):
        values["service_account_key"] = _service_account(token)
    elif isinstance(token, str) and Path(token).is_file():
        values["service_account_key"] = _service_account(json.loads(Path(token).read_bytes()))
    elif token not in (None, "google_default"):
        raise UnmappableOptionError("token")
    return values


def _service_account(credentials: Mapping[str, object]) -> str:
    if credentials.get("type") != "service_account":
        raise UnmappableOptionError("token")
    return json.dumps(dict(credentials))


def _azure(options: Options) -> dict[str, Any]:
    rest = {name: value for name, value in options.items() if value is not None}
    connection = rest.pop("connection_string", None)
    if connection is None and not rest.keys() - {"account_name"}:
        connection = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    host = rest.pop("account_host", None)
    values = dict(_mapped(rest, _AZURE))
    if host is not None:
        values["endpoint"] = f"https://{host}"
    if isinstance(connection, str):
        values |= _connection_values(connection)
    return values


def _connection_values(connection: str) -> dict[str, Any]:
    parts = dict(part.split("=", 1) for part in connection.strip("; ").split(";"))
    names = {
        "AccountName": "account_name",
        "AccountKey": "account_key",
        "BlobEndpoint": "endpoint",
        "SharedAccessSignature": "sas_key",
    }
    values = {names[name]: value.rstrip("/") for name, value in parts.items() if name in names}
    if "endpoint" not in values and "EndpointSuffix" in parts:
        protocol = parts.get("DefaultEndpointsProtocol", "https")
        host = f"{parts.get('AccountName')}.blob.{parts['EndpointSuffix']}"
        values["endpoint"] = f"{protocol}://{host}"
    return values


_SERVICES: dict[str, Callable[[Options], dict[str, Any]]] = {
    "s3": _s3,
    "gs": _gcs,
    "az": _azure,
}


def _mapped(
    options: Options,
    names: Mapping[str, str],
    *,
    harmless: tuple[tuple[str, Any], ...] = (),
) -> Iterator[tuple[str, Any]]:
    for name, value in _flat(options):
        if value is None or name in _IRRELEVANT or (name, value) in harmless:
            continue
        if name not in names or (name == "version_aware" and value):
            raise UnmappableOptionError(name)
        if names[name]:
            yield names[name], value


def _flat(options: Options, parent: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if isinstance(value, Mapping) and name != "token":
            yield from _flat(value, f"{parent}{name}.")
        else:
            yield f"{parent}{name}", value
