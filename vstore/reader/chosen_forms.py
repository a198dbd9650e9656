"""Which form the samples of each column have in a batch: what the user chose for them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from vstore.errors import InvalidInputError
from vstore.faces import internals
from vstore.reader.load.finishing import Transforms
from vstore.reader.load.forms import Form, Library, Ragged
from vstore.reading.column import Column


def forms_of(
    columns: Mapping[str, Column],
    ragged: Ragged | Mapping[str, Ragged] | None,
    transforms: Transforms,
    library: Library,
) -> dict[str, Form]:
    """Return the forms by name, of columns and of what transforms make.

    Args:
        columns: the columns by the names that batches have for them.
        ragged: the choice for samples that differ in shape, for all columns or by name.
        transforms: what samples pass through first.
        library: what the user computes with.

    Raises:
        InvalidInputError: there is no such form, or no such column; or a part of a batch would
            be called as a column is.
    """
    for_all = None if isinstance(ragged, Mapping) else ragged
    forms = {name: _form(column, for_all) for name, column in columns.items()}
    if callable(transforms):  # it gets missing samples, too, and says what becomes of them
        forms = {name: replace(form, may_be_missing=False) for name, form in forms.items()}
    if isinstance(ragged, Mapping):
        for name, kind in ragged.items():
            if not _may_differ(name, columns, transforms):
                raise InvalidInputError(
                    f"there is no column {name!r} of arrays that differ in shape"
                )
            forms[name] = replace(forms.get(name, Form()), kind=kind)
    known = [kind for kind in get_args(Ragged) if kind != "nested" or library.nest is not None]
    for name, form in forms.items():
        if form.kind not in (None, *known):
            msg = f"ragged is one of {', '.join(known)} here, not {form.kind!r}"
            raise InvalidInputError(msg)
        _check_names(name, form, columns)
    return forms


def _form(column: Column, ragged: Ragged | None) -> Form:
    """Return the form of a column's samples where the user says nothing of it alone."""
    info = internals(column).info
    kind = ragged if info.kind.is_ragged else None
    dtype = column.dtype if info.kind.is_ragged else None
    return Form(kind, info.shape, dtype, info.optional and not info.kind.is_plain)


def _may_differ(name: Any, columns: Mapping[str, Column], transforms: Transforms) -> bool:
    """Return whether the samples called `name` may be arrays that differ in shape."""
    if callable(transforms):
        return isinstance(name, str)
    return name in transforms or (name in columns and internals(columns[name]).info.kind.is_ragged)


def _check_names(name: str, form: Form, columns: Mapping[str, Column]) -> None:
    taken = [name + suffix for suffix in form.suffixes if name + suffix in columns]
    if taken:
        raise InvalidInputError(
            f"with ragged={form.kind!r} a part of {name!r} is called {taken[0]!r}, as another "
            "column is",
            code="name-taken",
            hint="give the columns other names, or leave that one out",
            column=name,
        )
