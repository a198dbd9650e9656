"""Which samples of a column are there."""

from typing import Any

import numpy as np
import pytest

import vstore
from vstore.reader import Reader

KINDS: dict[str, tuple[Any, list[Any]]] = {
    "number": (vstore.ndarray((), "int64"), [1, 2, 3, 4]),
    "array": (vstore.ndarray((2,), "float32"), [np.ones(2, "f4")] * 4),
    "ragged": (vstore.ndarray((None, 2), "int16"), [np.zeros((n, 2), "i2") for n in range(4)]),
    "text": (vstore.text(), ["", "a", "b", "c"]),
    "bytes": (vstore.bytes_(), [b"", b"a", b"b", b"c"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_missing_samples_are_not_there(kind: str) -> None:
    spec, values = KINDS[kind]
    repo = vstore.create(f"memory://valid-{kind}")
    columns = {"x": spec, "y": spec.as_optional(), "n": vstore.ndarray((), "int64")}
    some = [values[0], None, values[2], None]
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", columns).extend({"x": values, "y": some, "n": range(4)})
    table = repo.checkout("main")["t"]
    assert table["x"].valid.tolist() == [True] * 4
    assert table["y"].valid.tolist() == [True, False, True, False]
    assert table["y"].valid.dtype == bool
    chosen = Reader(table, ["n"], batch_size=4, rows=lambda c: c["y"].valid)
    assert [batch["n"].tolist() for batch in chosen] == [[0, 2]]
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete([0])
    assert repo.checkout("main")["t"]["y"].valid.tolist() == [False, True, False]


def test_what_a_transform_of_whole_samples_makes_is_stacked() -> None:
    repo = vstore.create("memory://valid-transformed")
    spec = {"mask": vstore.ndarray((None, 4), "uint8").as_optional()}
    masks = [np.full((3 + i, 4), i, "uint8") if i % 3 else None for i in range(8)]
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", spec).extend({"mask": masks})

    def cropped(sample: dict[str, Any]) -> dict[str, Any]:
        mask = sample["mask"]
        return {"mask": np.zeros((3, 4), "uint8") if mask is None else mask[:3]}

    table = repo.checkout("main")["t"]
    for batch in Reader(table, batch_size=4, transforms=cropped):
        assert batch["mask"].shape == (4, 3, 4)
    with pytest.raises(vstore.InvalidInputError) as caught:
        list(Reader(table, batch_size=4, transforms=lambda sample: {"mask": sample["mask"]}))
    assert caught.value.code == "samples-differ-in-shape"
