"""Copies of a transform, for threads that must not meet in what it keeps.

What it keeps is found by following it: the objects it is made of, what a function closes over,
and the objects and functions that a function names in its own module.
"""

import copy
import dis
import enum
import re
import sys
import types
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import Any

import numpy as np

from vstore.errors import InvalidInputError
from vstore.reader.load.randomness import Reseed, reseed_of

_PLAIN: tuple[type, ...] = (
    *(type(None), bool, int, float, complex, str, bytes, type, range, slice, re.Pattern),
    *(types.ModuleType, types.BuiltinFunctionType, enum.Enum),
    *(types.MethodDescriptorType, types.WrapperDescriptorType),
    *(np.dtype, np.generic, np.ufunc, np.ndarray),
)
"""What nothing is kept in. Arrays are taken for constants, as lists and dicts are."""

_FOR_THREADS = frozenset(["vstore", "threading", "_thread", "queue", "_queue"])
"""Modules whose objects are made to be shared by threads."""


class NoCopyError(InvalidInputError):
    """A transform keeps something that cannot be copied; the reader says so in a warning."""


def keeps_nothing(value: Any) -> bool:
    """Return whether callables keep nothing from call to call, so that threads may share them."""
    return not any(_is_state(each) for each in _reachable(value))


def copied(value: Any) -> tuple[Any, list[Reseed]]:
    """Return a copy of callables with a state of its own, and how to seed its generators.

    Raises:
        NoCopyError: something in it cannot be copied.
    """
    try:
        made = _Copier().copy(value)
        _part_from_classes(made)
    except Exception as error:
        raise NoCopyError(f"{type(error).__name__}: {error}") from error
    return made, generators_of(made)


def generators_of(value: Any) -> list[Reseed]:
    """Return how to seed the generators that callables keep."""
    found = {id(each): reseed_of(each) for each in _reachable(value)}
    return [each for each in found.values() if each is not None]


def _is_state(value: Any) -> bool:
    if isinstance(value, types.FunctionType):
        return bool(_assigned(value.__code__))
    if reseed_of(value) is not None:
        return True
    is_wrapper = isinstance(value, types.MethodType | partial | list | tuple | Mapping | set)
    return not is_wrapper and not isinstance(value, frozenset)


def _reachable(value: Any) -> Iterator[Any]:
    """Yield everything that may keep something, once each."""
    seen: dict[int, Any] = {}
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or _is_plain(one):
            continue
        seen[id(one)] = one
        yield one
        waiting += _inside(one)


def _is_plain(value: Any) -> bool:
    if isinstance(value, _PLAIN) or type(value).__module__.partition(".")[0] in _FOR_THREADS:
        return True
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor | torch.dtype | torch.device)


def _inside(value: Any) -> list[Any]:
    """Return what a value holds."""
    if isinstance(value, types.FunctionType):
        defaults = [*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values()]
        return [*_closed_over(value).values(), *_named(value).values(), *defaults]
    if isinstance(value, types.MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, list | tuple | set | frozenset | Mapping):
        return list(value.values() if isinstance(value, Mapping) else value)
    return [*_attributes(value), *_of_class(value).values(), *_named_by_methods(value)]


def _attributes(value: Any) -> list[Any]:
    """Return what an object's attributes hold."""
    names = [
        name
        for kind in type(value).__mro__
        for name in np.atleast_1d(vars(kind).get("__slots__", ())).tolist()
    ]
    slots = [getattr(value, name) for name in names if hasattr(value, name)]
    return slots + list(getattr(value, "__dict__", {}).values())


def _of_class(value: Any) -> dict[str, Any]:
    """Return the generators that an object has from its class, by name."""
    found: dict[str, Any] = {}
    for kind in reversed(type(value).__mro__):
        found |= {n: each for n, each in vars(kind).items() if reseed_of(each) is not None}
    return {n: each for n, each in found.items() if n not in getattr(value, "__dict__", {})}


def _named_by_methods(value: Any) -> list[Any]:
    """Return the generators that the methods of an object name in their module."""
    functions = [
        each
        for kind in type(value).__mro__
        for each in vars(kind).values()
        if isinstance(each, types.FunctionType)
    ]
    named = [each for function in functions for each in _named(function).values()]
    return [each for each in named if reseed_of(each) is not None]


def _closed_over(function: types.FunctionType) -> dict[str, Any]:
    found = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            found[name] = cell.cell_contents
        except ValueError:  # nothing was assigned yet
            continue
    return found


def _named(function: types.FunctionType) -> dict[str, Any]:
    """Return what a function names in its own module, functions of others left out."""
    own = function.__globals__
    found = {name: own[name] for name in _names(function.__code__) if name in own}
    return {
        name: each
        for name, each in found.items()
        if not _is_plain(each) and getattr(each, "__globals__", own) is own
    }


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


@lru_cache(1024)
def _assigned(code: types.CodeType) -> frozenset[str]:
    """Return the variables outside of it that a function assigns; `global` for a module's."""
    found = set()
    for each in dis.get_instructions(code):
        if each.opname == "STORE_GLOBAL":
            found.add("global")
        elif each.opname == "STORE_DEREF" and each.argval in code.co_freevars:
            found.add(each.argval)
    return frozenset(found)


class _Copier:
    """Copies callables, each object once."""

    def __init__(self) -> None:
        self._memo: dict[int, Any] = {}

    def copy(self, value: Any) -> Any:
        """Return a copy, or what it is itself where it keeps nothing."""
        if _is_plain(value) or keeps_nothing(value):
            return value
        return self._memo[id(value)] if id(value) in self._memo else self._made(value)

    def _made(self, value: Any) -> Any:
        if isinstance(value, types.FunctionType):
            return self._function(value)
        if isinstance(value, types.MethodType):
            return types.MethodType(value.__func__, self.copy(value.__self__))
        if isinstance(value, partial):
            keywords = {name: self.copy(each) for name, each in value.keywords.items()}
            return partial(self.copy(value.func), *map(self.copy, value.args), **keywords)
        for each in _reachable(value):  # `deepcopy` takes functions for constants
            if isinstance(each, types.FunctionType):
                self.copy(each)
        return copy.deepcopy(value, self._memo)

    def _function(self, function: types.FunctionType) -> Any:
        if "global" in _assigned(function.__code__):
            raise NoCopyError(f"{function.__qualname__} assigns a global variable")
        cells = {name: types.CellType() for name in function.__code__.co_freevars}
        names = dict(function.__globals__)
        made = types.FunctionType(
            function.__code__, names, function.__name__, None, tuple(cells.values()) or None
        )
        self._memo[id(function)] = made
        self._memo.setdefault(id(self._memo), []).append(function)
        names |= {name: self.copy(each) for name, each in _named(function).items()}
        for name, each in _closed_over(function).items():
            cells[name].cell_contents = self.copy(each)
        made.__defaults__ = self.copy(function.__defaults__)
        made.__kwdefaults__ = self.copy(function.__kwdefaults__)
        made.__dict__.update(function.__dict__)
        return made


def _part_from_classes(value: Any) -> None:
    """Give objects generators of their own where they have those of their class."""
    for each in list(_reachable(value)):
        if _named_by_methods(each):
            raise NoCopyError(f"methods of {type(each).__qualname__} draw from a global variable")
        for name, generator in _of_class(each).items():
            setattr(each, name, copy.deepcopy(generator))
