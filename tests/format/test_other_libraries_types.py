"""Data types of other libraries, which tell NumPy that they are raw bytes."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import vstore
from vstore import from_dataset
from vstore.importers import import_into, open_rows

ml_dtypes = pytest.importorskip("ml_dtypes")
NAMES = ["bfloat16", "float8_e4m3fn", "float8_e5m2", "int4", "uint4"]


@pytest.mark.parametrize("name", NAMES)
def test_types_of_other_libraries_are_refused(name: str) -> None:
    dtype = getattr(ml_dtypes, name)
    with pytest.raises(vstore.InvalidInputError, match=f"{name} cannot be stored"):
        vstore.ndarray((3,), dtype)
    with pytest.raises(vstore.InvalidInputError, match=f"{name} cannot be stored"):
        vstore.ndarray((None,), dtype)
    with pytest.raises(vstore.InvalidInputError, match=f"{name} cannot be stored"):
        vstore.ndarray((), np.dtype([("a", dtype)]))
    repo = vstore.create(f"memory://{name}")
    width = np.dtype(dtype).itemsize
    with repo.transaction("main", message="Raw") as tx:
        made = tx.create_table("t", {"v": vstore.ndarray((), f"V{width}")})
        with pytest.raises(vstore.InvalidInputError, match="does not fit"):
            made.extend({"v": np.ones(3, dtype)})
        made.extend({"v": np.zeros(3, f"V{width}")})
        with pytest.raises(vstore.InvalidInputError, match=f"{name} cannot be stored"):
            tx.create_array("a", shape=(3,), dtype=dtype)


Way = Callable[[vstore.Transaction, vstore.ColumnSpec, Any], Any]


def extend(tx: vstore.Transaction, spec: vstore.ColumnSpec, values: Any) -> Any:
    tx.create_table("t", {"x": spec}).extend({"x": values})
    return tx["t"]["x"][:]


def append(tx: vstore.Transaction, spec: vstore.ColumnSpec, values: Any) -> Any:
    table = tx.create_table("t", {"x": spec})
    for value in values:
        table.append({"x": value})
    return table["x"][:]


def assign(tx: vstore.Transaction, spec: vstore.ColumnSpec, values: Any) -> Any:
    table = tx.create_table("t", {"x": spec})
    table.extend({"x": [np.zeros(np.shape(value), spec.dtype) for value in values]})
    table["x"][:] = values
    return table["x"][:]


def upsert(tx: vstore.Transaction, spec: vstore.ColumnSpec, values: Any) -> Any:
    table = tx.create_table("t", {"x": spec}, keys="int")
    table.upsert({"x": values}, keys=range(len(values)))
    return table["x"][:]


def dataset(tx: vstore.Transaction, spec: vstore.ColumnSpec, values: Any) -> Any:
    rows = from_dataset([{"x": value} for value in values], columns={"x": spec})
    import_into(tx, "t", rows)
    return tx["t"]["x"][:]


def array(tx: vstore.Transaction, spec: vstore.ColumnSpec, values: Any) -> Any:
    made = tx.create_array("a", shape=np.shape(values), dtype=spec.dtype)
    made[:] = values
    return made[:]


@pytest.mark.parametrize("way", [extend, append, assign, upsert, dataset, array])
@pytest.mark.parametrize("name", NAMES)
def test_columns_that_hold_all_of_them_take_their_values(name: str, way: Way) -> None:
    values = np.array([[0, 1], [2, 3], [4, 6]]).astype(getattr(ml_dtypes, name))
    repo = vstore.create(f"memory://values-{name}-{way.__name__}")
    wide = vstore.ndarray((2,), {"int4": "int8", "uint4": "uint8"}.get(name, "float32"))
    with repo.transaction("main", message="Add") as tx:
        found = way(tx, wide, values)
    assert np.asarray(found).tolist() == [[0, 1], [2, 3], [4, 6]]


@pytest.mark.parametrize("name", NAMES)
def test_files_of_them_are_refused_or_bytes(name: str, tmp_path: Any) -> None:
    """NumPy writes them to files as raw bytes, so that nobody can tell what they were."""
    held = io.BytesIO()
    np.save(held, np.ones(3, getattr(ml_dtypes, name)))
    (tmp_path / "x.npy").write_bytes(held.getvalue())
    try:
        rows = open_rows(tmp_path / "x.npy")
    except vstore.InvalidInputError:
        return
    assert all(spec.dtype.kind == "V" for spec in rows.columns.values())


@pytest.mark.parametrize("name", NAMES)
def test_what_a_dataset_infers_is_refused_by_name(name: str) -> None:
    values = np.ones((3, 2), getattr(ml_dtypes, name))
    with pytest.raises(vstore.InvalidInputError, match=f"{name} cannot be stored") as refused:
        from_dataset([{"x": value} for value in values])
    assert refused.value.hint
