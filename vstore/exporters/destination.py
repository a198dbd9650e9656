"""Where exports go: a path on this machine, an address that fsspec knows, or a stream."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vstore.exporters.target import Target, local_target, spooled_target, stream_target
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.storage import foreign_put
else:
    foreign_put = lazy("vstore.storage.foreign_put")

_URL = re.compile(r"^[A-Za-z][A-Za-z0-9+.\-]+(::|://)")


@contextmanager
def destination(to: Any, *, force: bool, options: Mapping[str, Any]) -> Iterator[Target]:
    """Yield a target that is at `to`, whole, at the end of the block.

    Args:
        to: a path, an address, or a file that is open for writing.
        force: replace what is there.
        options: those of the fsspec filesystem of an address.

    Raises:
        AlreadyExistsError: something is there, and is not to be replaced.
        NotFoundError: there is no folder to put it into.
    """
    if not isinstance(to, str | os.PathLike):
        with stream_target(to) as target:
            yield target
        return
    text = re.sub(r"^(file|local)://", "", os.fspath(to))
    if _URL.match(text):
        with spooled_target(foreign_put.ForeignPut(text, options), force=force) as target:
            yield target
        return
    with local_target(Path(os.path.expanduser(text)), force=force) as target:
        yield target
