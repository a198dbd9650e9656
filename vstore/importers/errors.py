"""Errors of single items: which item, which row and key, and why."""

from dataclasses import dataclass
from typing import Any

from vstore.errors import InvalidInputError, MissingExtraError, VstoreError, advise
from vstore.faces import exported_from


@exported_from("vstore.importers")
@dataclass(frozen=True, slots=True)
class Skipped:
    """What was left out of an import: an item, or a sample in it, and why."""

    item: str
    row: int | None
    """The number of the sample in its item, where an item holds many; else None."""
    key: Any
    error: str


def located(error: Exception, item: Any, *, row: int | None = None, key: Any = None) -> Exception:
    """Return an error that names the item, the row and the key in front of what happened.

    What is not the item's fault, such as a library that is not installed, stays as it is.
    """
    if isinstance(error, MissingExtraError):
        return error
    called = name_of_item(item)
    where = [called]
    if row is not None:
        where.append(f"row {row}")
    if key is not None and key != called and str(key) not in called:
        where.append(f"key {key!r}")
    said = str(error) if isinstance(error, VstoreError) else _described(error)
    prefix = ", ".join(where)
    message = said if said.startswith(called) else f"{prefix}: {said}"
    if not isinstance(error, VstoreError):
        return InvalidInputError(message, item=called)
    fields = error.fields | {"item": called}
    made = InvalidInputError(message, code=_code(error), **fields)
    if error.hint:
        advise(made, error.hint)
    return made


def _code(error: VstoreError) -> str | None:
    return error.code if isinstance(error, InvalidInputError) else None


def skipped(error: Exception, item: Any, *, row: int | None = None, key: Any = None) -> Skipped:
    """Return what is told of an item that is left out."""
    said = str(error) if isinstance(error, VstoreError) else _described(error)
    return Skipped(name_of_item(item), row, key, said)


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def name_of_item(item: Any) -> str:
    """Return what errors call an item: text as it is, anything else as `str` writes it, cut."""
    return item if isinstance(item, str) else f"{item!s:.200}"
