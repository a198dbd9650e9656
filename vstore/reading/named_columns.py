"""A table as a mapping from the names of its columns to the columns."""

from abc import ABC, abstractmethod
from collections.abc import ItemsView, KeysView, Mapping, ValuesView
from typing import Any, Generic, TypeVar, overload

C = TypeVar("C")
D = TypeVar("D")


class NamedColumns(ABC, Generic[C]):
    """A table as a mapping of names to columns, apart from `len` and iterating.

    Those count and give samples, as `[position]` does: a table is a sequence of samples
    first. `dict(table)` goes by `keys` and `[name]`, so it gives the columns.
    """

    @property
    @abstractmethod
    def columns(self) -> Mapping[str, C]:
        """The columns by name, in the order of their names."""

    def keys(self) -> KeysView[str]:
        """Return the names of the columns; `sample_keys` and `loc` have those of samples."""
        return self.columns.keys()

    def values(self) -> ValuesView[C]:
        """Return the columns, in the order of their names."""
        return self.columns.values()

    def items(self) -> ItemsView[str, C]:
        """Return the columns with their names."""
        return self.columns.items()

    @overload
    def get(self, name: str) -> C | None: ...
    @overload
    def get(self, name: str, default: C | D) -> C | D: ...
    def get(self, name: str, default: Any = None) -> Any:
        """Return the column of a name, or `default` where there is none."""
        return self.columns.get(name, default)

    def __contains__(self, name: object) -> bool:
        """Return whether there is a column of this name."""
        return name in self.columns
