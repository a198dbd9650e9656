"""Doctests are collected where they are defined; the garbage collector has little to do."""

import doctest
import gc
import inspect
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from vstore.faces import SOURCES

collect_ignore = [
    f"vstore/{name}.py"
    for name, library in (("ray", "ray"), ("spark", "pyspark"))
    if find_spec(library) is None
]

_from_module = doctest.DocTestFinder._from_module  # type: ignore[attr-defined]  # noqa: SLF001


def _is_defined_in(self: doctest.DocTestFinder, module: ModuleType | None, value: Any) -> bool:
    """Return whether a module defines a value, also if a face is named as its module."""
    if module is not None and (inspect.isclass(value) or inspect.isfunction(value)):
        source = SOURCES.get(f"{value.__module__}.{value.__qualname__}")
        if source is not None:
            return source == module.__name__
    return bool(_from_module(self, module, value))


doctest.DocTestFinder._from_module = _is_defined_in  # type: ignore[attr-defined]  # noqa: SLF001


def pytest_collection_finish() -> None:
    """Spare the garbage collector, and forked children, what stays until the end anyway."""
    gc.collect()
    gc.freeze()
