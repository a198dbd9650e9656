"""Why a format does not hold something: the way out is another format, or fewer columns."""

from collections.abc import Callable, Iterable

from vstore.errors import InvalidInputError
from vstore.exporters.rows import ExportColumn, ExportRows


def spelled(column: ExportColumn) -> str:
    """Return what a column holds, in a few words."""
    if column.kind.is_told_by_dtype:
        return f"{column.dtype}{list(column.shape) if column.shape else ''}"
    return column.info.kind_name


def not_held(what: str, column: ExportColumn, *, hint: str | None = None) -> InvalidInputError:
    """Return the error for a column that a format does not hold."""
    return InvalidInputError(
        f"{what} cannot hold the column {column.name!r}, {spelled(column)}",
        code="column-not-exported",
        hint=hint or "choose other columns, or another format: Parquet holds most",
        column=column.name,
    )


def require_held(what: str, rows: ExportRows, holds: Callable[[ExportColumn], bool]) -> None:
    """Raise `InvalidInputError` for the first column that a format does not hold."""
    for column in rows.columns.values():
        if not holds(column):
            raise not_held(what, column)


def one_column(what: str, rows: ExportRows) -> ExportColumn:
    """Return the only column, or raise `InvalidInputError`."""
    if len(rows.columns) != 1:
        raise InvalidInputError(
            f"{what} holds one column; {rows.path!r} has {listed(rows.columns)}",
            code="several-columns",
            hint="choose one of the columns",
        )
    return next(iter(rows.columns.values()))


def listed(names: Iterable[str]) -> str:
    """Return names as a list in a sentence."""
    return ", ".join(map(repr, names)) or "none"


def require_all(what: str, column: ExportColumn) -> None:
    """Raise `InvalidInputError` where samples may be missing, which a format cannot say."""
    if column.info.optional:
        raise not_held(
            f"{what} has no missing samples, so it", column, hint="choose another format"
        )
