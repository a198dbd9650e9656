"""Samples that a column lacks: None in a list, and a mask beside every optional column."""

from typing import Any

import numpy as np
import pytest

import vstore
from vstore.reader import Reader

SAMPLES = 60


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Any:
    repo = vstore.create(f"memory://{request.node.name}")
    with repo.transaction("main", message="Add what there is") as tx:
        columns = {
            "label": vstore.ndarray((), "int64"),
            "box": vstore.ndarray((2,), "float32", rows_per_chunk=8).as_optional(),
            "points": vstore.ndarray((None, 2), "int32", rows_per_chunk=8).as_optional(),
            "caption": vstore.text(rows_per_chunk=16).as_optional(),
            "photo": vstore.image(rows_per_chunk=8).as_optional(),
        }
        made = tx.create_table("t", columns)
        for i in range(SAMPLES):
            sample: dict[str, Any] = {"label": i}
            if i % 3:
                sample["box"] = [i, i]
                sample["points"] = np.full((i % 4, 2), i, "int32")
                sample["caption"] = str(i)
                sample["photo"] = np.full((2, 3), i, "uint8")
            made.append(sample)
    return repo.checkout("main")["t"]


@pytest.mark.parametrize("memory_nbytes", [1, 2**20])
def test_every_optional_column_comes_with_a_mask(table: Any, memory_nbytes: int) -> None:
    reader = Reader(table, batch_size=7, shuffle=True, window=24, memory_nbytes=memory_nbytes)
    for batch in reader:
        there = batch["label"] % 3 != 0
        for name in ("box", "points", "caption", "photo"):
            assert (batch[f"{name}.valid"] == there).all()
        assert (batch["box"][there] == batch["label"][there][:, None]).all()
        for i, label in enumerate(batch["label"].tolist()):
            if not there[i]:
                assert batch["points"][i] is batch["caption"][i] is batch["photo"][i] is None
                continue
            assert batch["caption"][i] == str(label)
            assert batch["points"][i].tolist() == [[label, label]] * (label % 4)
            assert batch["photo"][i].shape == (2, 3)


def test_transforms_see_only_samples_that_are_there(table: Any) -> None:
    reader = Reader(table, ["label", "caption"], batch_size=4, transforms={"caption": len})
    for batch in reader:
        for label, length in zip(batch["label"].tolist(), batch["caption"], strict=True):
            assert length == (len(str(label)) if label % 3 else None)


def test_a_change_of_what_is_missing_makes_other_data(table: Any) -> None:
    repo = vstore.open("memory://test_a_change_of_what_is_missing_makes_other_data")
    state = Reader(table, ["box"], batch_size=4).state_dict()
    with repo.transaction("main", message="A box of zeros") as tx:
        tx["t"]["box"][0] = [0, 0]
    with pytest.raises(vstore.InvalidInputError, match="other data"):
        Reader(repo.checkout("main")["t"], ["box"], batch_size=4).load_state_dict(state)
