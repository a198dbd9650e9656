"""What batches and samples are in torch: the same with a `DataLoader` and without."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from vstore.torch import StreamingDataset  # noqa: E402

RECORD = np.dtype([("a", "int32"), ("when", "M8[s]")])
NO_TYPE: dict[str, Any] = {
    "day": vstore.ndarray((), "M8[s]"),
    "span": vstore.ndarray((2,), "m8[ms]").as_optional(),
    "word": vstore.ndarray((), "U4"),
    "code": vstore.ndarray((2,), "S2"),
    "raw": vstore.ndarray((), "V2"),
    "record": vstore.ndarray((), RECORD),
    "days": vstore.ndarray((None,), "M8[D]"),
}


@pytest.fixture
def table(tmp_path: Path) -> Any:
    repo = vstore.create(tmp_path / "repo")
    with repo.transaction("main", message="Add what torch has no types for") as tx:
        tx.create_table("t", NO_TYPE).extend(
            {
                "day": np.arange(4).astype("M8[s]"),
                "span": [np.array([i, 2 * i], "m8[ms]") if i else None for i in range(4)],
                "word": np.array(["a", "bc", "", "d"]),
                "code": np.array([[b"a", b"bc"]] * 4),
                "raw": np.array([b"ab"] * 4, "V2"),
                "record": np.array([(i, i) for i in range(4)], RECORD),
                "days": [np.arange(i).astype("M8[D]") for i in range(4)],
            }
        )
    return repo.checkout("main")["t"]


def plain(value: Any) -> Any:
    """Return a batch with the data types and values of its tensors, to be compared."""
    if isinstance(value, torch.Tensor):
        return (value.dtype, value.tolist())
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("batch_size", [2, None])
def test_what_torch_has_no_type_for_passes_a_loader(table: Any, batch_size: int | None) -> None:
    alone = list(StreamingDataset(table, batch_size=batch_size))
    loaded = list(DataLoader(StreamingDataset(table, batch_size=batch_size), batch_size=None))
    assert [plain(each) for each in loaded] == [plain(each) for each in alone]


def test_what_torch_has_no_type_for_comes_as_numbers_or_objects(table: Any) -> None:
    batch = next(iter(StreamingDataset(table, batch_size=2)))
    missing = torch.iinfo(torch.int64).min
    assert plain(batch["day"]) == (torch.int64, [0, 1])
    assert plain(batch["span"]) == (torch.int64, [[missing] * 2, [1, 2]])
    assert batch["word"] == ["a", "bc"]
    assert batch["code"] == [[b"a", b"bc"]] * 2
    assert batch["raw"] == [b"ab"] * 2
    assert batch["record"] == [{"a": 0, "when": 0}, {"a": 1, "when": 1}]
    assert plain(batch["days"]) == [(torch.int64, []), (torch.int64, [0])]
    nested = next(iter(StreamingDataset(table, ["days"], batch_size=4, ragged="nested")))["days"]
    assert [each.tolist() for each in nested.unbind()] == [[], [0], [0, 1], [0, 1, 2]]


def test_a_nested_tensor_stays_one_where_all_are_of_one_shape(tmp_path: Path) -> None:
    repo = vstore.create(tmp_path / "repo")
    with repo.transaction("main", message="Add arrays") as tx:
        spec = {"p": vstore.ndarray((None,), "float32").as_optional()}
        lengths = [2, 2, 1, 3, None, None]
        tx.create_table("t", spec).extend({"p": [n and np.ones(n, "float32") for n in lengths]})
    options: dict[str, Any] = {"batch_size": 2, "ragged": "nested"}
    for transforms in ({}, {"p": lambda p: p * 2}, {"p": lambda p: torch.from_numpy(p) * 2}):
        for batch in StreamingDataset(repo.checkout("main")["t"], transforms=transforms, **options):
            assert (batch["p"].is_nested, batch["p"].dtype) == (True, torch.float32)
            assert batch["p"].layout == torch.jagged
