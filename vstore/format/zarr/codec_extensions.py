"""numcodecs' extension modules, without the package around them.

Importing the package takes longer than all else that reading a first element imports, NumPy
aside: it makes every codec known, looks for those that other packages bring, and fails where an
optional one is broken. So its extension modules are loaded while something else is in the
package's place in `sys.modules`. As soon as anything else of the package is used, by anyone, it is
imported as usual and takes the place itself.
"""

import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any, cast

_PACKAGE = "numcodecs"

_here = threading.local()
"""Whether this thread is loading an extension module alone."""


class _Extension(ModuleType):
    """An extension module's name, in whose place the module is asked for each attribute."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_loaded(self.__name__), name)


def extension(name: str) -> Any:
    """Return what stands for an extension module of numcodecs, and loads it when it is used.

    >>> zstd = extension("zstd")
    >>> zstd.decompress(zstd.compress(b"content"))
    b'content'
    """
    return _Extension(f"{_PACKAGE}.{name}")


def _loaded(name: str) -> ModuleType:
    """Return an extension module; one that another thread is importing, when that is done.

    NumPy is whole before: an extension that needs it loads NumPy's core by itself, which another
    thread's `import numpy` does not wait for, and each finds half of it.
    """
    import_module("numpy")
    if name in sys.modules and _PACKAGE in sys.modules:
        return import_module(name)
    if _PACKAGE not in sys.modules:
        _stand_in()
    was_alone, _here.is_alone = getattr(_here, "is_alone", False), True
    try:
        return import_module(name)
    finally:
        _here.is_alone = was_alone


class _StandIn(ModuleType):
    """What is in the package's place: it has a path, so that the package's modules are found."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name not in ("__all__", "__version__"):
            raise AttributeError(f"module {_PACKAGE!r} has no attribute {name!r}")
        return getattr(_whole(self), name)


class _Finder:
    """Sees to it that the package is imported before modules that are not loaded alone."""

    def __init__(self, stand_in: ModuleType) -> None:
        self.stand_in = stand_in

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return None, for others to find the module, unless importing the package loaded it."""
        if not name.startswith(f"{_PACKAGE}.") or getattr(_here, "is_alone", False):
            return None
        if sys.modules.get(_PACKAGE) is not self.stand_in:
            return None
        _whole(self.stand_in)
        loaded = sys.modules.get(name)
        return None if loaded is None else ModuleSpec(name, cast("Any", _AsItIs(loaded)))


class _AsItIs:
    """Loads a module that is loaded already."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__
        module.__spec__ = None  # else that would be taken, and the module be loaded once more

    def create_module(self, _spec: ModuleSpec) -> ModuleType:
        """Return the module."""
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it was."""
        module.__spec__ = self._spec


def _stand_in() -> None:
    """Put something in the package's place."""
    spec = find_spec(_PACKAGE)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {_PACKAGE!r}", name=_PACKAGE)
    module = module_from_spec(spec)
    module.__class__ = _StandIn
    if sys.modules.setdefault(_PACKAGE, module) is module:
        sys.meta_path.insert(0, cast("Any", _Finder(module)))


def _whole(stand_in: ModuleType) -> ModuleType:
    """Import the package, unless it is, and return it.

    Raises:
        ImportError: it cannot be imported; it is tried again the next time.
    """
    if sys.modules.get(_PACKAGE) is stand_in:
        del sys.modules[_PACKAGE]
    try:
        package = import_module(_PACKAGE)
    except Exception as exc:
        sys.modules.setdefault(_PACKAGE, stand_in)
        raise ImportError(f"{_PACKAGE} cannot be imported: {exc}", name=_PACKAGE) from exc
    for name, module in [*sys.modules.items()]:
        parent, _, child = name.rpartition(".")
        if parent == _PACKAGE and child not in vars(package):
            setattr(package, child, module)
    sys.meta_path[:] = [each for each in sys.meta_path if not isinstance(each, _Finder)]
    return package
