"""Numbers of classes that are seen with their names."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

CLASSES = "classes"


def class_names(
    attributes: Mapping[str, Any], dtype: np.dtype[Any], shape: Sequence[int | None]
) -> Sequence[str] | None:
    """Return the names of the classes that a column's samples number, None where they do not.

    >>> class_names({"classes": ["cat", "dog"]}, np.dtype("int64"), ())
    ['cat', 'dog']
    >>> class_names({"classes": ["cat", "dog"]}, np.dtype("float32"), ()) is None
    True
    """
    found = attributes.get(CLASSES)
    is_number = dtype.kind in "iu" and tuple(shape) == ()
    is_named = isinstance(found, list) and all(isinstance(each, str) for each in found)
    return found if is_number and is_named else None


class ClassNumber(int):
    """The number of a class, written with the name of the class.

    >>> str(ClassNumber(1, "dog")), ClassNumber(1, "dog") + 1
    ('1 dog', 2)
    """

    name: str

    def __new__(cls, number: int, name: str) -> "ClassNumber":
        """Return a number that knows its name."""
        made = super().__new__(cls, number)
        made.name = name
        return made

    def __str__(self) -> str:
        return f"{int(self)} {self.name}"


def named(values: Sequence[Any], names: Sequence[str]) -> list[Any]:
    """Return numbers with the names of their classes; what has none stays as it is."""
    return [
        ClassNumber(int(value), names[int(value)])
        if value is not None and 0 <= int(value) < len(names)
        else value
        for value in values
    ]
