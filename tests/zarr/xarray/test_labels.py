"""Groups that xarray wrote with labels of samples, opened as tables."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

import vstore
from tests.zarr import repositories
from vstore import Table

FIXED = "ignore::zarr.errors.UnstableSpecificationWarning"
pytestmark = pytest.mark.filterwarnings(FIXED)


def written(labels: Any) -> Table:
    """Return the table of three samples that xarray wrote with these labels."""
    repository = repositories.in_memory()
    with repository.transaction(message="Write") as tx:
        data = xr.Dataset({"x": ("sample", [1.0, 2.0, 3.0])}, {"sample": labels})
        data.to_zarr(tx.store, group="g")
    return repository.checkout().table("g")


@pytest.mark.parametrize(
    "labels", [np.array(["a", "bb", "c"], "<U2"), np.array(["a", "bb", "c"], object)]
)
def test_labels_of_fixed_and_of_any_length_are_keys(labels: Any) -> None:
    table = written(labels)
    assert table.key_kind == "str"
    assert table.sample_keys().tolist() == ["a", "bb", "c"]
    assert table.loc["bb"]["x"] == 2
    assert [sample["x"] for sample in table] == [1, 2, 3]
    assert table.loc[["c", "a"]]["x"].tolist() == [3, 1]


@pytest.mark.parametrize(
    "labels", [np.array(["a", "a", "c"], "<U1"), np.array(["a", "a", "c"], object), [7, 7, 8]]
)
def test_a_label_of_several_samples_is_refused_as_a_key(labels: Any) -> None:
    table = written(labels)
    twice, once = table.sample_keys()[[0, 2]].tolist()
    with pytest.raises(vstore.FormatError, match="2 samples") as caught:
        table.loc[twice]
    assert caught.value.code == "duplicate-key"
    with pytest.raises(vstore.FormatError, match="2 samples"):
        table.position(twice)
    assert table.loc[once]["x"] == 3
    assert table["x"][:].tolist() == [1, 2, 3]
