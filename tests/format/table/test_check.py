"""One sample is checked by itself: what passes is not refused later, nor checked twice."""

import io
from typing import Any
from unittest import mock

import numpy as np
import pytest
from PIL import Image

import vstore
from vstore import InvalidInputError
from vstore.faces import internals
from vstore.format.table import images
from vstore.format.table.kinds import Encoded
from vstore.format.table.sample_rows import checked
from vstore.format.table.specs import ColumnSpec


def png(mode: str = "RGB") -> bytes:
    held = io.BytesIO()
    Image.new(mode, (4, 3)).save(held, "PNG")
    return held.getvalue()


@pytest.mark.parametrize(
    ("spec", "fitting", "other"),
    [
        (vstore.ndarray((), "uint8"), 255, 256),
        (vstore.ndarray((), "int64"), np.int8(3), "x"),
        (vstore.ndarray((2,), "float32"), [1, 2], [1, 2, 3]),
        (vstore.ndarray((None, 2), "int16"), np.zeros((5, 2), "int16"), np.zeros((5, 3), "int16")),
        (vstore.text(), "x", b"x"),
        (vstore.text(), "x", None),
        (vstore.texts(), ["a"], "a"),
        (vstore.bytes_(), b"", ""),
        (vstore.image(), png(), png()[:40]),
        (vstore.image(), np.zeros((2, 2), "uint8"), png("P")),
        (vstore.ndarray((), "int64").as_optional(), None, 0.5),
        (vstore.text().as_optional(), None, 1),
    ],
)
def test_a_value_fits_or_the_column_is_named(spec: ColumnSpec, fitting: Any, other: Any) -> None:
    spec.check(fitting, name="c")
    with pytest.raises(InvalidInputError, match="'c'"):
        spec.check(other, name="c")


def test_what_was_checked_is_stored_without_checking_it_again() -> None:
    spec, repo = vstore.image(), vstore.create("memory://checked-images")
    values = checked("c", spec.info, spec.form, [png(), png()])
    with repo.transaction("main", message="Add") as tx:
        table = tx.create_table("t", {"c": spec})
        info = internals(table).info("c")
        given = [Encoded.of(value, info) for value in values]
        with mock.patch.object(images, "decode_image", side_effect=AssertionError):
            table.extend({"c": given})
    assert repo.checkout("main")["t"]["c"].encoded(1) == png()


def test_what_another_column_checked_is_checked_again() -> None:
    spec, repo = vstore.image(), vstore.create("memory://checked-for-another")
    values = checked("c", vstore.image(mode="P").info, vstore.image(mode="P").form, [png("P")])
    with (
        repo.transaction("main", message="Add") as tx,
        pytest.raises(InvalidInputError, match="does not take an image"),
    ):
        tx.create_table("t", {"c": spec}).extend({"c": values})
