"""Fixtures shared by every test: real object stores on this machine, started on first use."""

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from uuid import uuid4

import hypothesis
import pytest

hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")  # a busy machine is no fault of an example

S3 = "VSTORE_TEST_S3"
"""The environment variable that points the tests of S3 elsewhere."""

SERVE = Path(__file__).parents[1] / "localstack" / "serve.py"


@dataclass(frozen=True)
class Bucket:
    """A bucket of a running server, and how to open it."""

    url: str
    storage_options: Mapping[str, Any]

    def fresh_url(self) -> str:
        """Return the URL of a prefix that nobody else uses."""
        return f"{self.url}/{uuid4().hex}"


def _serve() -> Any:
    spec = importlib.util.spec_from_file_location("localstack_serve", SERVE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def _started(server: str) -> Iterator[Bucket]:
    serve = _serve()
    try:
        with serve.running(server) as running:
            yield Bucket(running.url, running.storage_options)
    except serve.NotInstalledError:
        pytest.skip(f"{server} is not installed: {serve.SERVERS[server].install}")


def _bucket_at(address: str) -> Bucket:
    """Return a bucket of a running server: `http://KEY:SECRET@HOST:PORT/BUCKET?region=REGION`."""
    parts = urlsplit(address)
    bucket = parts.path.strip("/")
    if not (parts.hostname and parts.username and parts.password and bucket):
        pytest.exit(f"{S3} names a server to start, or http://KEY:SECRET@HOST:PORT/BUCKET", 2)
    region = parse_qs(parts.query).get("region", ["us-east-1"])[0]
    options = {
        "endpoint_url": f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
        "key": unquote(parts.username),
        "secret": unquote(parts.password),
        "client_kwargs": {"region_name": region},
    }
    return Bucket(f"s3://{bucket}", options)


@pytest.fixture(scope="session")
def s3_bucket() -> Iterator[Bucket]:
    """An S3 bucket: of the server that `S3` names, else of a local ministack."""
    where = os.environ.get(S3, "ministack")
    if "://" in where:
        yield _bucket_at(where)
    else:
        yield from _started(where)


@pytest.fixture(scope="session")
def gcs_bucket() -> Iterator[Bucket]:
    """A GCS bucket of a local fake-gcs-server, which speaks the JSON API (gcsfs) only."""
    yield from _started("gcs")


@pytest.fixture(scope="session")
def azure_container() -> Iterator[Bucket]:
    """An Azure container of a local azurite, if that is installed."""
    yield from _started("azurite")
