"""Which samples of a batch fulfill a condition: as text, or as an expression of a library."""

from collections.abc import Callable, Mapping, Sequence
from datetime import time
from decimal import Decimal
from typing import Any, Protocol

import numpy as np

from vstore.errors import InvalidInputError
from vstore.format.numbers import Ints
from vstore.lazy import lazy
from vstore.optional import needed
from vstore.scanning.conditions import (
    AllOf,
    AnyOf,
    Comparison,
    Condition,
    IsNull,
    Membership,
    Not,
    Value,
    columns_of,
    parse_condition,
)

with needed("pyarrow", extra="arrow", purpose="vstore.arrow"):
    import pyarrow as pa
    import pyarrow.compute as pc

frames: Any = lazy("vstore.arrow.frames")

_PLACE = "\0place"
"""A name that no column has."""


class Filter(Protocol):
    """A condition on samples."""

    @property
    def columns(self) -> Sequence[str]:
        """The columns that it is about, in the order in which a batch has to have them."""

    def hits(self, batch: "pa.RecordBatch") -> Ints:
        """Return which rows of a batch fulfill it, ascending."""


class _AllFilters:
    """Several conditions, each asked of what those before it left."""

    def __init__(self, filters: Sequence[Filter], schema: "pa.Schema") -> None:
        self._filters = filters
        about = {name for each in filters for name in each.columns}
        self._columns = [name for name in schema.names if name in about]

    @property
    def columns(self) -> Sequence[str]:
        """The columns that any of them is about."""
        return self._columns

    def hits(self, batch: "pa.RecordBatch") -> Ints:
        """Return which rows of a batch fulfill all."""
        found: Ints = np.arange(batch.num_rows, dtype=np.int64)
        for each in self._filters:
            left = batch.take(pa.array(found)).select(list(each.columns))
            found = found[each.hits(left)]
        return found


def filter_of(wheres: Sequence[Any], schema: "pa.Schema") -> Filter | None:
    """Return several conditions on samples with a schema as one; None where there is none.

    Raises:
        InvalidInputError: one is no condition, or on columns or types that are not there.
    """
    filters = [_filter(where, schema) for where in wheres]
    if len(filters) > 1:
        return _AllFilters(filters, schema)
    return filters[0] if filters else None


def _filter(where: Any, schema: "pa.Schema") -> Filter:
    if isinstance(where, str):
        condition = parse_condition(where)
        names = _in_schema(list(dict.fromkeys(columns_of(condition))), schema)
        return ArrowFilter(_expression(condition, schema), names, schema)
    if isinstance(where, pc.Expression):
        return ArrowFilter(where, columns_in(where, schema), schema)
    if type(where).__module__.partition(".")[0] == "polars" and hasattr(where, "meta"):
        names = _in_schema(where.meta.root_names(), schema) or schema.names[:1]
        made: Filter = frames.PolarsFilter(where, names)
        return made
    raise InvalidInputError(
        f"a condition is a text, or an expression of pyarrow or Polars; got {type(where).__name__}",
        code="invalid-condition",
        hint='write it as in `table.arrow(where="label = 3")`',
    )


def _in_schema(names: Sequence[str], schema: "pa.Schema") -> list[str]:
    for name in names:
        if name not in schema.names:
            raise InvalidInputError(
                f"the condition names {name!r}, which is no column",
                code="invalid-condition",
                hint=f"the columns are {', '.join(map(repr, schema.names))}",
                column=name,
            )
    return [name for name in schema.names if name in names]


class ArrowFilter:
    """A condition as Arrow has it, with what that says of nulls."""

    def __init__(self, expression: Any, columns: Sequence[str], schema: "pa.Schema") -> None:
        self.expression = expression
        self._columns = columns
        try:
            _bind(expression, pa.schema([schema.field(name) for name in columns]))
        except (pa.ArrowException, TypeError) as error:
            raise InvalidInputError(
                f"the condition cannot be asked of the columns {list(columns)}: {error}",
                code="invalid-condition",
            ) from error

    @property
    def columns(self) -> Sequence[str]:
        """The columns that it is about."""
        return self._columns

    def hits(self, batch: "pa.RecordBatch") -> Ints:
        """Return which rows of a batch fulfill it."""
        places = pa.array(np.arange(batch.num_rows, dtype=np.int64))
        table = pa.table([*batch.columns, places], names=[*batch.schema.names, _PLACE])
        found: Ints = table.filter(self.expression).column(_PLACE).to_numpy()
        return found


def _bind(expression: Any, schema: "pa.Schema") -> None:
    """Raise an error of Arrow's unless an expression is a condition on samples of a schema."""
    schema.append(pa.field(_PLACE, pa.int64())).empty_table().filter(expression)


def columns_in(expression: Any, schema: "pa.Schema") -> list[str]:
    """Return the columns that an expression of pyarrow is about.

    Arrow does not tell, so each half of the columns is left out, to see whether it still works.
    All are taken where columns are named by their place, and the first where there is none: its
    rows are what is counted.
    """
    try:
        _bind(expression, schema)
    except (pa.ArrowException, TypeError) as error:
        raise InvalidInputError(
            f"the condition cannot be asked of this table: {error}", code="invalid-condition"
        ) from error
    if "FieldPath(" in str(expression):  # a text that has it only costs time
        return list(schema.names)

    def needed_of(names: Sequence[str]) -> list[str]:
        if not names or _works_without(set(names)):
            return []
        if len(names) == 1:
            return list(names)
        half = len(names) // 2
        return needed_of(names[:half]) + needed_of(names[half:])

    def _works_without(names: set[str]) -> bool:
        left = pa.schema([field for field in schema if field.name not in names])
        try:
            _bind(expression, left)
        except (pa.ArrowException, TypeError):
            return False
        return True

    return needed_of(schema.names) or schema.names[:1]


# Conditions as text -----------------------------------------------------------------------

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def _expression(condition: Condition, schema: "pa.Schema") -> Any:
    if isinstance(condition, Not):
        return ~_expression(condition.condition, schema)
    if isinstance(condition, AllOf | AnyOf):
        first, *rest = (_expression(each, schema) for each in condition.conditions)
        for each in rest:
            first = first & each if isinstance(condition, AllOf) else first | each
        return first
    column = pc.field(condition.column)
    if isinstance(condition, IsNull):
        return column.is_null()
    kind = schema.field(condition.column).type
    if isinstance(condition, Comparison):
        return _OPERATORS[condition.operator](column, _scalar(condition, condition.value, kind))
    return _one_of(condition, column, kind)


def _one_of(condition: Membership, column: Any, kind: "pa.DataType") -> Any:
    """Return one comparison after the other: nulls are unknown, not false."""
    first, *rest = (column == _scalar(condition, value, kind) for value in condition.values)
    for each in rest:
        first = first | each
    return first


def _scalar(condition: Comparison | Membership, value: Value, kind: "pa.DataType") -> "pa.Scalar":
    """Return a value as one that a column of a type is compared with."""
    try:
        if isinstance(kind, pa.BaseExtensionType) or pa.types.is_nested(kind):
            raise pa.ArrowInvalid("it is no single value")
        if pa.types.is_temporal(kind) and isinstance(value, str):
            return _moment(value, kind)
        if pa.types.is_decimal(kind) and type(value) in (int, float):
            return pa.scalar(Decimal(repr(value)))
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        fits = {str: pa.types.is_string(kind), bool: pa.types.is_boolean(kind)}
        if not fits.get(type(value), is_number):
            raise pa.ArrowInvalid(f"{value!r} is of another type")
        return _number(value, kind) if is_number else pa.scalar(value)
    except (pa.ArrowException, OverflowError, ValueError) as error:
        raise InvalidInputError(
            f"the column {condition.column!r} of {kind} is not compared with {value!r}: {error}",
            code="invalid-condition",
            column=condition.column,
        ) from error


def _moment(value: str, kind: "pa.DataType") -> "pa.Scalar":
    found = time.fromisoformat(value) if pa.types.is_time(kind) else value
    return pa.scalar(found).cast(kind)


def _number(value: Any, kind: "pa.DataType") -> "pa.Scalar":
    """Return a number of a column's own type if it is one, so that 0.1 is what float32 has."""
    if isinstance(value, float) and not pa.types.is_floating(kind):
        return pa.scalar(value)
    try:
        return pa.scalar(value, kind)
    except (pa.ArrowException, OverflowError):
        return pa.scalar(value)
