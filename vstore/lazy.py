"""Modules that are imported when something of them is first used.

The one way to put off an import; type checkers and import-linter see an ordinary one:

    if TYPE_CHECKING:
        from vstore.merging import merge
    else:
        merge = lazy("vstore.merging.merge")
"""

from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


class _LazyModule(ModuleType):
    """A module's name, in whose place the module is asked for each attribute."""

    def __getattr__(self, name: str) -> Any:
        return getattr(import_module(self.__name__), name)


def lazy(module: str) -> Any:
    """Return what stands for a module, and imports it when an attribute is first used.

    >>> json = lazy("json")
    >>> json.dumps([1])
    '[1]'
    """
    return _LazyModule(module)


def lazy_names(face: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a face's `__getattr__`, which imports each name from its home at the first use."""

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {face!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return find
