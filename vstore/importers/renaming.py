"""Columns of an import under other names than those that a source has."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from vstore.errors import InvalidInputError, NotFoundError
from vstore.importers.importer import Columns, Rows
from vstore.writing.new_column import check_column_name


def renamed(rows: Rows, names: Mapping[str, str]) -> Rows:
    """Return the same samples, their columns under new names.

    Raises:
        NotFoundError: there is no column of an old name.
        InvalidInputError: two columns would have one name, or a table takes no column of a name.
    """
    missing = [name for name in names if name not in rows.columns]
    if missing:
        known = ", ".join(rows.columns)
        raise NotFoundError(f"there is no column {missing[0]!r} to rename", hint=f"it has {known}")
    columns = {names.get(name, name): spec for name, spec in rows.columns.items()}
    if len(columns) < len(rows.columns):
        raise InvalidInputError("two columns would have the same name")
    for name in columns:
        _check(name)
    if not names:
        return rows
    return replace(rows, columns=columns, read=_Renaming(rows.read, dict(names), many=rows.many))


def _check(name: str) -> None:
    try:
        check_column_name(name)
    except InvalidInputError as exc:
        raise InvalidInputError(
            str(exc),
            code="column-to-rename",
            hint=f"give the column another name: `open_rows(source, rename={{{name!r}: 'x'}})`",
            name=name,
        ) from None


@dataclass(frozen=True, slots=True)
class _Renaming:
    """Reads items; the samples have other names for their columns."""

    read: Callable[[Any], Any]
    names: Mapping[str, str]
    many: bool

    def __call__(self, item: Any) -> Any:
        found = self.read(item)
        return self._all(found) if self.many else self._one(found)

    def _all(self, found: Iterable[Any]) -> Iterable[Any]:
        return map(self._one, found)

    def _one(self, sample: Any) -> Any:
        if not isinstance(sample, Mapping):
            return sample
        made = {self.names.get(name, name): value for name, value in sample.items()}
        return Columns(made) if isinstance(sample, Columns) else made
