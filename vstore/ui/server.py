"""The server: threads that call the application, on this machine alone."""

import sys
from collections.abc import Callable, Iterable
from http.client import HTTPException
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_TIMEOUT_SECONDS = 30


class Handler(WSGIRequestHandler):
    """Handles one request; nothing is logged, since addresses say what is looked at."""

    timeout = _TIMEOUT_SECONDS
    server_version = "vstore"
    sys_version = ""

    def log_message(self, *args: Any) -> None:
        """Log nothing."""


class Server(ThreadingMixIn, WSGIServer):
    """A server of one application, a thread for each request."""

    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind the socket, without asking the network how this machine is called."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def handle_error(self, *_: Any) -> None:
        """Say nothing of a browser that went away; of anything else, what kind of error it was."""
        kind = sys.exc_info()[0]
        if kind is not None and not issubclass(kind, (OSError, HTTPException)):
            print(f"vstore ui: {kind.__name__}", file=sys.stderr)  # noqa: T201 - to who started it


def listen(host: str, port: int) -> Server:
    """Return a server that listens, at any free port where that is 0.

    Raises:
        OSError: the port is taken, or the host is not one of this machine.
    """
    return Server((host, port), Handler)
