"""Libraries that not everybody has installed: what needs one says which extra brings it."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType

from vstore.errors import MissingExtraError


@contextmanager
def needed(module: str, *, extra: str, purpose: str, package: str | None = None) -> Iterator[None]:
    """Import an optional library in the block, or say which extra to install.

    Args:
        module: The top-level module of the library.
        extra: The extra of vstore that brings it.
        purpose: What needs it, as the subject of the message.
        package: The name of the library, if it differs from its module's.

    Raises:
        MissingExtraError: the library is not installed. If another module is missing, its
            `ModuleNotFoundError` passes: no extra would bring it.
    """
    try:
        yield
    except ImportError as error:
        if _missing(error) != module:
            raise
        raise MissingExtraError(package or module, extra=extra, purpose=purpose) from error


def load(module: str, *, package: str, extra: str, purpose: str) -> ModuleType:
    """Return one of vstore's own modules that imports an optional package.

    Raises:
        MissingExtraError: the package is not installed.
    """
    with needed(package, extra=extra, purpose=purpose):
        return import_module(module)


def _missing(error: ImportError) -> str | None:
    """Return the top-level module that is not installed; None if something else went wrong."""
    if isinstance(error, MissingExtraError):
        return error.package
    if isinstance(error, ModuleNotFoundError) and error.name is not None:
        return error.name.partition(".")[0]
    return None
