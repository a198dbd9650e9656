"""The faces: the modules that users import, and how what they export is told from the rest."""

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def exported_from(face: str) -> Callable[[T], T]:
    """Give a class or function the face that exports it as its module.

    So a repr, a traceback and a pickle name the place that users import it from, and a pickle
    outlives a move of the code. `_module_source` is where the code is, for doctest and the
    like; NumPy calls it so.
    """

    def mark(value: T) -> T:
        value._module_source = value.__module__  # type: ignore[attr-defined]  # noqa: SLF001
        value.__module__ = face
        return value

    return mark
