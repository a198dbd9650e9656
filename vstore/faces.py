"""The faces: the modules that users import, and how what they export is told from the rest."""

from collections.abc import Callable
from importlib import import_module
from typing import Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_PICKLES = "vstore.pickles"

SOURCES: dict[str, str] = {}
"""The module that defines what is exported, by public address; doctests are found with it."""


def exported_from(face: str) -> Callable[[T], T]:
    """Give a class or function the face that exports it as its module.

    So a repr, a traceback and a pickle name the place that users import it from, and a pickle
    outlives a move of the code.
    """

    def mark(value: T) -> T:
        SOURCES[f"{face}.{value.__qualname__}"] = value.__module__  # type: ignore[attr-defined]
        value.__module__ = face
        return value

    return mark


def pickled(value: T) -> T:
    """Give a class or function behind the faces a name for pickles, in `vstore.pickles`.

    So a pickle of what users hold names no place that the code may leave. That module is imported
    with the first: cloudpickle takes along by value what is of a module that is not there.
    """
    return exported_from(import_module(_PICKLES).__name__)(value)


class HasInternals(Protocol[T_co]):
    """An object that users hold, with what only the library uses of it."""

    @property
    def _internals(self) -> T_co: ...


def internals(held: HasInternals[T_co]) -> T_co:
    """Return what the library uses of an object that users hold.

    The public members of such an object are for users alone.
    """
    return held._internals  # noqa: SLF001 - the one place that looks there
