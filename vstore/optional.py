"""Opening what needs a library that not everybody has installed."""

from importlib import import_module
from types import ModuleType

from vstore.errors import MissingExtraError


def load(module: str, *, package: str, extra: str, purpose: str) -> ModuleType:
    """Return one of vstore's own modules that imports an optional package.

    Raises:
        MissingExtraError: the package is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as exc:
        if exc.name is None or exc.name.partition(".")[0] != package:
            raise
        raise MissingExtraError(package, extra=extra, purpose=purpose) from exc
