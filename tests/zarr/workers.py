"""A process that performs operations on stores that it is sent."""

import multiprocessing
import pickle
import shutil
import tempfile
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tests.zarr.operations import Operation, perform


class Worker:
    """A process that performs operations, one at a time."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._end, end = context.Pipe()
        self._process = context.Process(target=_serve, args=(end,))
        self._process.start()
        self._folder = Path(tempfile.mkdtemp())

    def folder(self, seed: int) -> str:
        """Return where a repository can be that the process reaches."""
        shutil.rmtree(self._folder / str(seed), ignore_errors=True)
        return str(self._folder / str(seed))

    def perform(self, operation: Operation, store: bytes) -> Any:
        """Perform an operation on a pickled store there; return or raise what it gives."""
        self._end.send((operation, store))
        is_error, result = self._end.recv()
        if is_error:
            raise result
        return result

    def close(self) -> None:
        """End the process."""
        self._end.close()
        self._process.join()
        shutil.rmtree(self._folder, ignore_errors=True)


def _serve(end: Connection) -> None:
    stores: dict[bytes, Any] = {}
    while True:
        try:
            operation, pickled = end.recv()
        except EOFError:
            return
        if pickled not in stores:
            stores = {pickled: pickle.loads(pickled)}
        try:
            end.send((False, perform(operation, stores[pickled])))
        except Exception as exc:  # noqa: BLE001 - raised where it was asked for
            end.send((True, exc))
