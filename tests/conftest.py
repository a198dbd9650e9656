"""Fixtures shared by every test: real object stores on this machine, started on first use."""

import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

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


def _given_s3() -> Bucket | None:
    """Return the bucket that the environment names for testing."""
    endpoint = os.environ.get("VSTORE_TEST_S3_ENDPOINT")
    if endpoint is None:
        return None
    return Bucket(
        f"s3://{os.environ.get('VSTORE_TEST_S3_BUCKET', 'vstore')}",
        {
            "endpoint_url": endpoint,
            "key": os.environ["VSTORE_TEST_S3_KEY"],
            "secret": os.environ["VSTORE_TEST_S3_SECRET"],
            "client_kwargs": {
                "region_name": os.environ.get("VSTORE_TEST_S3_REGION", "us-east-1"),
            },
        },
    )


@pytest.fixture(scope="session")
def s3_bucket() -> Iterator[Bucket]:
    """An S3 bucket: of the server named by VSTORE_TEST_S3_*, else of a local ministack."""
    given = _given_s3()
    if given is not None:
        yield given
    else:
        yield from _started(os.environ.get("VSTORE_TEST_S3_SERVER", "ministack"))


@pytest.fixture(scope="session")
def gcs_bucket() -> Iterator[Bucket]:
    """A GCS bucket of a local fake-gcs-server, which speaks the JSON API (gcsfs) only."""
    yield from _started("gcs")


@pytest.fixture(scope="session")
def azure_container() -> Iterator[Bucket]:
    """An Azure container of a local azurite, if that is installed."""
    yield from _started("azurite")
