"""Lists of texts, such as the tags of a sample, to bytes and back."""

from typing import Any

import numpy as np

from vstore.errors import FormatError, InvalidInputError
from vstore.format import document
from vstore.format.missing import given
from vstore.format.zarr.python_values import UnfitError, texts


def encode_texts(sample: Any, *, name: str) -> bytes:
    """Return texts as a JSON array in canonical form; no bytes for none.

    Raises:
        InvalidInputError: the sample is no list of texts.
    """
    found = given(sample).values
    if not isinstance(found, list | tuple | np.ndarray):
        raise _not_texts(name, type(sample).__name__)
    try:
        held = texts(found, str)
    except UnfitError as exc:
        raise _not_texts(name, f"{exc.element!r:.60}") from exc
    if held.ndim != 1:
        raise _not_texts(name, "lists in a list")
    return document.dumps(held.tolist()) if held.size else b""


def decode_texts(element: bytes) -> list[str]:
    """Return the texts of a sample.

    Raises:
        FormatError: the bytes are no JSON array of texts.
    """
    held = document.parse(element, what="a list of texts") if element else []
    if not isinstance(held, list) or not all(type(text) is str for text in held):
        raise FormatError("a sample is not a JSON array of texts")
    return held


def _not_texts(name: str, got: str) -> InvalidInputError:
    return InvalidInputError(
        f"the column {name!r} holds lists of texts; got {got}",
        code="not-texts",
        hint='give a list for each sample, such as `["night", "rain"]` or `[]`',
        column=name,
    )
