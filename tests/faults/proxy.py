"""An HTTP proxy in front of an object store's server that fails at random, from a seed.

It forwards requests byte for byte (but for `Expect`, which it answers itself), so that the
Host header and signatures hold.
"""

import asyncio
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_BUSY = {
    503: ("Service Unavailable", "SlowDown"),
    429: ("Too Many Requests", "TooManyRequests"),
    409: ("Conflict", "ConditionalRequestConflict"),
}


@dataclass(frozen=True, slots=True)
class Faults:
    """How often what goes wrong, as shares of all requests it can happen to.

    `busy` is a 503, `contended` a 409 where a write is conditional and a 429 elsewhere;
    neither reaches the server, nor does a request of which the connection is `reset`. The
    response to one is `lost` after the server has carried it out. Bodies of objects that
    are read come `slow`, `truncated` (the connection is closed) or `corrupted` (one bit).
    """

    busy: float = 0.05
    reset: float = 0.02
    lost: float = 0.02
    contended: float = 0.01
    slow: float = 0.01
    truncated: float = 0.01
    corrupted: float = 0.01


@dataclass(frozen=True, slots=True)
class _Message:
    head: bytes
    body: bytes

    @property
    def start(self) -> str:
        return self.head.partition(b"\r\n")[0].decode("latin-1")

    def header(self, name: str) -> str:
        for line in self.head.split(b"\r\n")[1:]:
            key, _, value = line.partition(b":")
            if key.strip().lower() == name.encode():
                return value.strip().decode("latin-1")
        return ""


class FaultProxy:
    """Runs in a thread of its own between `with` and the end of the block.

    `counted` says how often what happened.
    """

    def __init__(self, target: str, *, seed: int, faults: Faults | None = None) -> None:
        address = urlsplit(target)
        self._target = address.hostname or "", address.port or 80
        self._random = random.Random(seed)
        self._faults = faults or Faults()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._server: asyncio.Server | None = None
        self.counted: Counter[str] = Counter()
        self.url = ""

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while (request := await _read_request(reader, writer)) is not None:
                if not await self._answer(request, writer):
                    break
        writer.close()

    async def _answer(self, request: _Message, writer: asyncio.StreamWriter) -> bool:
        """Answer one request, or fail to; return whether the connection stays open."""
        fault = self._draw(request)
        self.counted[fault or "passed"] += 1
        if fault == "reset":
            return _reset(writer)
        if fault in ("busy", "contended"):
            writer.write(_refusal(request, fault))
            await writer.drain()
            return True
        response = await self._forward(request)
        if fault == "lost":
            return _reset(writer)
        if fault == "corrupted":
            response = self._corrupted(response)
        writer.write(response.head)
        if fault == "truncated":
            writer.write(response.body[: len(response.body) // 2])
            await writer.drain()
            return False
        if fault == "slow":
            writer.write(response.body[:1])
            await writer.drain()
            await asyncio.sleep(self._random.uniform(0.05, 0.3))
            response = _Message(b"", response.body[1:])
        writer.write(response.body)
        await writer.drain()
        return True

    def _draw(self, request: _Message) -> str | None:
        names = ["busy", "reset", "lost", "contended"]
        if request.start.startswith("GET ") and "list-type" not in request.start:
            names += ["slow", "truncated", "corrupted"]
        point = self._random.random()
        for name in names:
            point -= getattr(self._faults, name)
            if point < 0:
                return name
        return None

    def _corrupted(self, response: _Message) -> _Message:
        body = bytearray(response.body)
        if body and " 20" in response.start:
            body[self._random.randrange(len(body))] ^= 1 << self._random.randrange(8)
        return _Message(response.head, bytes(body))

    async def _forward(self, request: _Message) -> _Message:
        async with _connected(self._target) as (reader, writer):
            writer.write(request.head + request.body)
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            response = _Message(head, b"")
            status = response.start.split()[1]
            if request.start.startswith("HEAD ") or status in ("204", "304"):
                return response
            return _Message(head, await _read_body(reader, response))


@asynccontextmanager
async def _connected(
    target: tuple[str, int],
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*target)
    try:
        yield reader, writer
    finally:
        writer.close()


async def _read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> _Message | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    request = _Message(head, b"")
    if request.header("expect"):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"expect:")]
        head = b"\r\n".join(lines)
    if request.header("content-length") or request.header("transfer-encoding"):
        return _Message(head, await _read_body(reader, request))
    return _Message(head, b"")


async def _read_body(reader: asyncio.StreamReader, message: _Message) -> bytes:
    """Return the body as it was sent, its chunks as they are."""
    if message.header("transfer-encoding") == "chunked":
        parts = []
        while True:
            line = await reader.readuntil(b"\r\n")
            nbytes = int(line.split(b";")[0], 16)
            parts += [line, await reader.readexactly(nbytes + 2)]
            if not nbytes:
                return b"".join(parts)
    length = message.header("content-length")
    return await (reader.readexactly(int(length)) if length else reader.read())


def _refusal(request: _Message, fault: str) -> bytes:
    is_conditional = request.header("if-match") or request.header("if-none-match")
    status = 503 if fault == "busy" else (409 if is_conditional else 429)
    reason, code = _BUSY[status]
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{reason}</Message></Error>"
    kept = "" if request.start.startswith("HEAD ") else body
    head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/xml\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{kept}".encode()


def _reset(writer: asyncio.StreamWriter) -> bool:
    """Cut the connection so that the client sees a reset and not an end."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    return False
