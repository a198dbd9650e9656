"""What vstore logs, on stderr: `-v` shows retries, `-vv` every request."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.storage import location
else:
    location = lazy("vstore.storage.location")

_LEVELS = {1: logging.INFO, 2: logging.DEBUG}


@contextmanager
def logs_shown(verbosity: int, storage_options: Mapping[str, Any]) -> Iterator[None]:
    """Show what is logged inside below `vstore`, without secrets."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Formatter(location.secrets_of(storage_options)))
    logger = logging.getLogger("vstore")
    before = logger.level
    logger.setLevel(_LEVELS[min(verbosity, max(_LEVELS))])
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


class _Formatter(logging.Formatter):
    """One line for each record, which controls no terminal and shows no secret."""

    def __init__(self, secrets: frozenset[str]) -> None:
        super().__init__("%(name)s: %(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        line = super().format(record)
        for secret in self._secrets:
            line = line.replace(secret, "***")
        return " ".join(printable(line).split())
