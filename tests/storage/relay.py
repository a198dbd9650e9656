"""A relay between a client and a server that loses, breaks and delays what it is told to."""

import http.client
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import urlsplit

Answer = tuple[int, list[tuple[str, str]], bytes]


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request: before the server sees it, or after it has answered.

    `status` is answered in place of what the server says; without one, the connection is cut.
    `keep` bytes of the body are let through before the cut.
    """

    method: str = "PUT"
    is_after: bool = False
    status: int | None = None
    body: bytes = b""
    keep: int | None = None
    then: Callable[[], object] = field(default=lambda: None)
    """Runs at the moment of the fault, before the client learns of it."""


LOST_RESPONSE = Fault(is_after=True)
LOST_REQUEST = Fault()


def refusal(status: int, code: str, **more: object) -> Fault:
    """Return a fault that answers an error of S3 without asking the server."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>"
    return Fault(status=status, body=body.encode(), **more)  # type: ignore[arg-type]


class Relay:
    """Forwards every request to `target`, with headers and paths as they are, and records it.

    Each fault waits for the next request of its method and then happens once. The header named by
    `without` is left out. A `connection` of another kind may answer otherwise than the target.
    """

    def __init__(
        self,
        target: str,
        *faults: Fault,
        without: str = "",
        connection: "type[RelayedConnection] | None" = None,
    ) -> None:
        self.dropped = {"expect", "connection", without.lower()}
        self.requests: list[tuple[str, str]] = []
        self._faults = list(faults)
        self._lock = threading.Lock()
        address = urlsplit(target)
        assert address.hostname is not None
        assert address.port is not None
        handler = type("_Here", (connection or RelayedConnection,), {"relay": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._server.block_on_close = False
        self.target = address.hostname, address.port
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )

    def __enter__(self) -> "Relay":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fail_next(self, *faults: Fault) -> None:
        """Add faults for requests to come."""
        with self._lock:
            self._faults.extend(faults)

    def take(self, method: str, path: str) -> Fault | None:
        """Record a request and return the fault that it meets.

        Not those by which a store makes sure beforehand that conditions are heeded.
        """
        if path.endswith("/probe/conditions"):
            return None
        with self._lock:
            self.requests.append((method, path))
            for fault in self._faults:
                if fault.method == method:
                    self._faults.remove(fault)
                    return fault
        return None


class RelayedConnection(BaseHTTPRequestHandler):
    """One client's connection; a subclass for each relay knows the relay."""

    protocol_version = "HTTP/1.1"
    relay: Relay

    def relay_one(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.relay.take(self.command, self.path)
        answer: Answer = (0, [], b"")
        if fault is None or fault.is_after:
            answer = self.forward(body)
        if fault is None:
            self.answer(answer)
            return
        fault.then()
        if fault.status is not None:
            self.answer((fault.status, [("Content-Type", "application/xml")], fault.body))
        else:
            self.cut(answer, fault.keep)

    def forward(self, body: bytes) -> Answer:
        connection = http.client.HTTPConnection(*self.relay.target, timeout=60)
        try:
            connection.putrequest(
                self.command, self.path, skip_host=True, skip_accept_encoding=True
            )
            for name, value in self.headers.items():
                if name.lower() not in self.relay.dropped:
                    connection.putheader(name, value)
            connection.endheaders(body)
            found = connection.getresponse()
            return found.status, found.getheaders(), found.read()
        finally:
            connection.close()

    def answer(self, answer: Answer, *, keep: int | None = None) -> None:
        status, headers, body = answer
        length = str(len(body))
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in ("transfer-encoding", "connection", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body if keep is None else body[:keep])

    def cut(self, answer: Answer, keep: int | None) -> None:
        if keep is not None:
            self.answer(answer, keep=keep)
            self.wfile.flush()
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass

    def finish(self) -> None:
        with suppress(OSError, ValueError):  # of connections cut on purpose
            super().finish()

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = relay_one  # noqa: N815
