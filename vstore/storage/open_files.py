"""Files that stay open, of which all users in a process have one budget."""

import sys
import weakref
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress

from vstore.storage.local_file import OpenFile
from vstore.storage.store import Key

if sys.platform != "win32":
    import resource

_MOST_FILES = 256
_SHARE = 4
"""A quarter of what the system allows a process, if that is less."""

_order: "OrderedDict[tuple[int, Key], weakref.ref[OpenFiles]]" = OrderedDict()
"""Everything that is kept open in this process, the longest unused first."""


class OpenFiles:
    """Files that one user keeps open. Safe to use from several threads.

    What they hold never changes, and opening one costs as much as reading from it. Those that
    were not used for longest are closed where the process has too many, whoever uses them.
    """

    def __init__(self, open_file: Callable[[Key], OpenFile]) -> None:
        """Take what opens a file."""
        self._open_file = open_file
        self._files: dict[Key, OpenFile] = {}

    def __del__(self) -> None:
        for key in self._files:
            _order.pop((id(self), key), None)

    def close(self, key: Key) -> None:
        """Let go of a file, as soon as nobody reads from it."""
        self._files.pop(key, None)

    def get(self, key: Key) -> OpenFile:
        """Return a file, opened if it is not open."""
        found = self._files.get(key)
        if found is None:
            found = self._files.setdefault(key, self._open_file(key))
            _order[id(self), key] = weakref.ref(self)
            _close_oldest()
        else:
            with suppress(KeyError):  # it is being closed
                _order.move_to_end((id(self), key))
        return found


def budget() -> int:
    """Return how many files this process may keep open."""
    if sys.platform == "win32":
        return _MOST_FILES
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = allowed == resource.RLIM_INFINITY
    return _MOST_FILES if unlimited else max(1, min(_MOST_FILES, allowed // _SHARE))


def _close_oldest() -> None:
    most = budget()
    while len(_order) > most:
        with suppress(KeyError):
            (_, key), owner = _order.popitem(last=False)
            files = owner()
            if files is not None:
                files.close(key)
