"""Libraries that write groups of their own layout, where they are installed."""

from typing import Any

import numpy as np
import pytest
import zarr

from tests.repositories import new_repository

open_group: Any = zarr.open_group


@pytest.mark.filterwarnings("ignore")
def test_annotated_data_reads_as_it_was_written() -> None:
    anndata: Any = pytest.importorskip("anndata")
    pandas: Any = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"kind": ["a", "b", "a"], "n": [1, 2, 3]}, index=list("xyz"))
    cells = anndata.AnnData(np.arange(6, dtype="f4").reshape(3, 2), obs=frame)
    repo = new_repository()
    with repo.transaction("main", message="Add cells") as tx:
        anndata.io.write_elem(open_group(tx.store), "cells", cells)
    found = anndata.io.read_elem(open_group(repo.checkout().store, mode="r", path="cells"))
    np.testing.assert_array_equal(found.X, cells.X)
    assert found.obs["n"].tolist() == [1, 2, 3]
    assert found.obs["kind"].tolist() == ["a", "b", "a"]


@pytest.mark.filterwarnings("ignore")
def test_annotated_data_is_written_whole() -> None:
    anndata: Any = pytest.importorskip("anndata")
    sparse: Any = pytest.importorskip("scipy.sparse")
    pandas: Any = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"kind": ["a", "b", "a"], "n": [1, 2, 3]}, index=list("xyz"))
    cells = anndata.AnnData(
        sparse.csr_matrix(np.eye(3, 2, dtype="f4")),
        obs=frame,
        obsm={"place": np.ones((3, 2))},
        layers={"counts": np.arange(6).reshape(3, 2)},
        uns={"made": {"by": "hand", "with": np.arange(3)}},
    )
    repo = new_repository()
    with repo.transaction("main", message="Add cells") as tx:
        cells.write_zarr(tx.store)
    found = anndata.read_zarr(repo.checkout().store)
    np.testing.assert_array_equal(found.X.toarray(), cells.X.toarray())
    assert found.obs["n"].tolist() == [1, 2, 3]
    np.testing.assert_array_equal(found.layers["counts"], cells.layers["counts"])
    np.testing.assert_array_equal(found.obsm["place"], cells.obsm["place"])
    assert found.uns["made"]["by"] == "hand"
    cells.layers["counts"][1, 1] = 30
    with repo.transaction("main", message="Correct a count") as tx:
        cells.write_zarr(tx.store)
    assert list(repo.diff("main~1", "main").arrays) == ["layers/counts"]


@pytest.mark.filterwarnings("ignore")
def test_images_of_ome_zarr_are_written() -> None:
    writer: Any = pytest.importorskip("ome_zarr.writer")
    image = np.arange(64 * 64, dtype="u2").reshape(64, 64)
    repo = new_repository()
    with repo.transaction("main", message="Add an image") as tx:
        writer.write_image(image, open_group(tx.store).require_group("image"), axes="yx")
    found = open_group(repo.checkout().store, mode="r", path="image")
    assert "ome" in found.attrs
    np.testing.assert_array_equal(found["s0"][...], image)
