"""Mappings whose values are read from a store when they are asked for."""

from abc import abstractmethod
from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
from typing import Any, TypeVar, overload

from vstore.errors import InvalidInputError

K = TypeVar("K")
V = TypeVar("V")
D = TypeVar("D")


def require_kind(found: object, kind: type[V], path: str) -> V:
    """Return what was found at a path, or raise `InvalidInputError` if it is of another kind."""
    if isinstance(found, kind):
        return found
    raise InvalidInputError(
        f"{path!r} is {_called(type(found))}, not {_called(kind)}", code="wrong-kind", path=path
    )


def _called(kind: type) -> str:
    name = kind.__name__.removeprefix("Transaction").removesuffix("Node").lower()
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


class Lookup(Mapping[K, V]):
    """A mapping that looks things up in a store.

    It does what a `dict` does, except that `[...]` raises `NotFoundError`, a `LookupError`
    that says what there is, and that two of them are equal only where they are the same
    object: telling whether their values are would read them all.
    """

    @abstractmethod
    def __contains__(self, key: object) -> bool:
        """Return whether `[key]` leads to something, without reading it."""

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: V | D) -> V | D: ...
    def get(self, key: K, default: Any = None) -> Any:
        """Return what `[key]` leads to, or `default` where there is nothing."""
        return self[key] if key in self else default  # noqa: SIM401 - this is `get` itself

    def items(self) -> ItemsView[K, V]:
        """Return the keys with their values, which are read while they are iterated over."""
        return _Items(self, self._each_value)

    def values(self) -> ValuesView[V]:
        """Return the values, which are read while they are iterated over."""
        return _Values(self, self._each_value)

    def _each_value(self) -> Iterator[V]:
        """Read the values, in the order of the keys."""
        return (self[key] for key in self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return object.__hash__(self)


class _Items(ItemsView[K, V]):
    def __init__(self, mapping: Mapping[K, V], each_value: Callable[[], Iterator[V]]) -> None:
        super().__init__(mapping)
        self._mapping: Mapping[K, V] = mapping
        self._each_value = each_value

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return zip(self._mapping, self._each_value(), strict=True)

    def __contains__(self, item: object) -> bool:
        if not isinstance(item, tuple) or len(item) != 2:
            return False
        return item[0] in self._mapping and super().__contains__(item)


class _Values(ValuesView[V]):
    def __init__(self, mapping: Mapping[Any, V], each_value: Callable[[], Iterator[V]]) -> None:
        super().__init__(mapping)
        self._each_value = each_value

    def __iter__(self) -> Iterator[V]:
        return self._each_value()

    def __contains__(self, value: object) -> bool:
        return any(each is value or each == value for each in self)
