"""Datasets of Python and PyTorch: imported, and equal when they are read back."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vstore
from tests.repositories import new_repository
from vstore import InvalidInputError
from vstore.importers import import_into


def imported(dataset: Any, **options: Any) -> vstore.Table:
    repo = new_repository()
    with repo.transaction("main", message="Import") as tx:
        import_into(tx, "t", vstore.from_dataset(dataset, **options))
    return repo.checkout("main").tables["t"]


def test_samples_by_name() -> None:
    samples: list[dict[str, Any]] = [
        {
            "x": np.full((3, 2), i, "float32"),
            "box": np.zeros((i, 4), "int16"),
            "name": f"n{i}",
            "tags": ["a", "b"],
            "raw": b"x" * i,
            "list": list(range(i)),
            "age": None if i == 2 else i,
        }
        for i in range(4)
    ]
    table = imported(samples)
    for found, wanted in zip(table, samples, strict=True):
        for name, value in wanted.items():
            assert (
                np.array_equal(found[name], value)
                if name in ("x", "box", "list")
                else (found[name] == value)
            )
    assert table["x"].dtype == np.float32


def test_samples_by_position() -> None:
    assert list(imported([(1, "a"), (2, "b")]).columns) == ["0", "1"]
    table = imported([(1, "a"), (2, "b")], names=["n", "s"])
    assert [tuple(row.values()) for row in table] == [(1, "a"), (2, "b")]
    assert imported([1.5, 2.5])["0"][:].tolist() == [1.5, 2.5]


def test_tensors_and_images() -> None:
    torch = pytest.importorskip("torch")
    data = torch.utils.data.TensorDataset(torch.arange(6.0).reshape(3, 2), torch.arange(3))
    table = imported(data, names=["x", "y"])
    assert table["x"][:].tolist() == data.tensors[0].tolist()
    assert [str(table[name].dtype) for name in "xy"] == ["float32", "int64"]
    image = Image.new("RGB", (4, 3), (1, 2, 3))
    assert imported([(image, 0)])["0"].shape == (1, 3, 4, 3)


def test_what_is_iterated_over() -> None:
    class Stream:
        def __iter__(self) -> Iterator[dict[str, int]]:
            return ({"x": i} for i in range(1000))

    assert imported(Stream())["x"][:].tolist() == list(range(1000))


def test_columns_may_be_given() -> None:
    columns = {"x": vstore.ndarray((), "uint8", attributes={"unit": "m"})}
    table = imported([{"x": 1, "y": 2}], columns=columns)
    assert [str(table[name].dtype) for name in "xy"] == ["uint8", "int64"]


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ([], "is empty"),
        (iter([1]), "only once"),
        (7, "no dataset"),
        ([object()], "no kind that is known|does not|unsupported|cannot"),
        ([np.zeros(2), np.zeros((2, 2))], "different numbers of axes"),
        ([(1, 2), (1,)], "names for samples|no values for"),
    ],
    ids=["empty", "iterator", "number", "object", "axes", "tuples"],
)
def test_what_is_no_dataset(dataset: Any, said: str) -> None:
    with pytest.raises(InvalidInputError, match=rf"{said}"):
        imported(dataset, names=["a", "b"] if said.startswith("names") else None)


def test_an_error_names_the_row() -> None:
    samples = [{"x": 1}] * 150 + [{"x": "text"}]
    with pytest.raises(InvalidInputError, match="row 150: column 'x' holds int64"):
        imported(samples)
