"""Doctests of what a face exports are collected in the module that defines it."""

import doctest
import inspect
from types import ModuleType
from typing import Any

_from_module = doctest.DocTestFinder._from_module  # type: ignore[attr-defined]  # noqa: SLF001


def _is_defined_in(self: doctest.DocTestFinder, module: ModuleType | None, value: Any) -> bool:
    """Tell whether a module defines a value, also if a face is named as its module."""
    source = None
    if module is not None and (inspect.isclass(value) or inspect.isfunction(value)):
        source = vars(value).get("_module_source")
    if source is None or module is None:
        return bool(_from_module(self, module, value))
    return bool(source == module.__name__)


doctest.DocTestFinder._from_module = _is_defined_in  # type: ignore[attr-defined]  # noqa: SLF001
