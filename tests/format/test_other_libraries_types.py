"""Data types of other libraries, which tell NumPy that they are raw bytes."""

import numpy as np
import pytest

import vstore

ml_dtypes = pytest.importorskip("ml_dtypes")


@pytest.mark.parametrize("name", ["bfloat16", "float8_e4m3fn"])
def test_types_of_other_libraries_are_refused(name: str) -> None:
    dtype = getattr(ml_dtypes, name)
    with pytest.raises(vstore.InvalidInputError, match=f"{name} cannot be stored"):
        vstore.ndarray((3,), dtype)
    with pytest.raises(vstore.InvalidInputError, match=f"{name} cannot be stored"):
        vstore.ndarray((), np.dtype([("a", dtype)]))
    repo = vstore.create(f"memory://{name}")
    width = np.dtype(dtype).itemsize
    with repo.transaction("main", message="Raw") as tx:
        made = tx.create_table("t", {"v": vstore.ndarray((), f"V{width}")})
        with pytest.raises(vstore.InvalidInputError, match="does not fit"):
            made.extend({"v": np.ones(3, dtype)})
        made.extend({"v": np.zeros(3, f"V{width}")})
