"""A local S3 server, every request to which takes some milliseconds more."""

import asyncio
import importlib.util
import json
import sys
import threading
from collections.abc import Iterator
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
    """Passes bytes on in both directions; what begins a request waits a while."""

    def __init__(self, host: str, port: int, delay: float) -> None:
        self._target = host, port
        self._delay = delay
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = 0
        self._thread.start()
        self._ready.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(
            asyncio.start_server(self._accept, "127.0.0.1", 0, limit=PIECE)
        )
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            up_reader, up_writer = await asyncio.open_connection(*self._target, limit=PIECE)
            answered = asyncio.Event()
            answered.set()
            await asyncio.gather(
                self._up(reader, up_writer, answered), self._down(up_reader, writer, answered)
            )

    async def _up(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(PIECE):
                if answered.is_set():
                    answered.clear()
                    await asyncio.sleep(self._delay)
                writer.write(data)
                await writer.drain()
        writer.close()

    async def _down(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answered: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(PIECE):
                answered.set()
                writer.write(data)
                await writer.drain()
        writer.close()

    def close(self) -> None:
        """Stop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@contextmanager
def delayed_server(delay: float) -> Iterator[Delayed]:
    """Start a server and the relay before it."""
    with _serve().running("ministack") as running:
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
