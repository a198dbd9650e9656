"""A local S3 server, every request to which takes some milliseconds more."""

import importlib.util
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SERVE = Path(__file__).parents[2] / "localstack" / "serve.py"
PIECE = 2**18


@dataclass(frozen=True)
class Delayed:
    """Where the server is, through the relay."""

    url: str
    storage_options: dict[str, Any]


def _serve() -> Any:
    """Return the module that starts servers; its folder is no package."""
    spec = importlib.util.spec_from_file_location("localstack_serve", SERVE)
    if spec is None or spec.loader is None:
        raise ImportError(SERVE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class Relay:
    """Passes bytes on in both directions, within the kernel; what begins a request waits a while.

    It shares the processors with what is measured, so it must cost next to nothing. Linux alone.
    """

    def __init__(self, host: str, port: int, delay: float) -> None:
        self._target = host, port
        self._delay = delay
        self._server = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        with client, suppress(OSError), socket.create_connection(self._target) as up:
            for each in (client, up):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answered = threading.Event()
            answered.set()
            down = threading.Thread(target=_pass_on, args=(up, client, answered.set), daemon=True)
            down.start()

            def wait() -> None:
                if answered.is_set():
                    answered.clear()
                    time.sleep(self._delay)

            _pass_on(client, up, wait)
            down.join()

    def close(self) -> None:
        """Stop."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def _pass_on(source: socket.socket, target: socket.socket, seen: Callable[[], None]) -> None:
    """Pass on all that comes, having called `seen` first."""
    out, into = os.pipe()
    try:
        with suppress(OSError):
            while count := os.splice(source.fileno(), into, PIECE):
                seen()
                while count:
                    count -= os.splice(out, target.fileno(), count)
        with suppress(OSError):
            target.shutdown(socket.SHUT_WR)
    finally:
        os.close(out)
        os.close(into)


@contextmanager
def delayed_server(delay: float, server: str) -> Iterator[Delayed]:
    """Start a server and the relay before it."""
    with _serve().running(server) as running:
        options = json.dumps(running.storage_options)
        endpoint = running.storage_options.get("endpoint_url")
        if endpoint is None:
            endpoint = running.storage_options["client_kwargs"]["endpoint_url"]
        address = urlsplit(endpoint)
        relay = Relay(address.hostname or "127.0.0.1", address.port or 80, delay)
        try:
            relayed = options.replace(endpoint, f"http://127.0.0.1:{relay.port}")
            yield Delayed(running.url, json.loads(relayed))
        finally:
            relay.close()
