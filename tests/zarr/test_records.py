"""Arrays of records through zarr, whose form of them depends on its version."""

import warnings
from typing import Any

import numpy as np
import pytest
import zarr
from zarr import codecs

import vstore
from tests.format.zarr import zarr_peer
from tests.zarr.repositories import begin, in_memory

open_group: Any = zarr.open_group  # whose types leave open what a name leads to
create_array: Any = zarr.create_array

RECORD = np.dtype([("a", "i4"), ("inner", [("text", "U3"), ("when", "M8[s]")])])
RECORDS = np.array([(i, (f"é{i}", np.datetime64(i, "s"))) for i in range(10)], RECORD)


class TestRecords:
    """Whatever form of them the zarr that is installed writes and reads."""

    def test_that_vstore_wrote_are_read_without_a_word(self) -> None:
        repository = in_memory()
        with begin(repository) as tx:
            tx.create_table("t", {"x": vstore.ndarray((), RECORD)}).extend({"x": RECORDS})
            tx.create_array("x", shape=(10,), dtype=RECORD, fill_value=RECORDS[3])
        with warnings.catch_warnings():
            # zarr-python 3.1 says so of every array of records.
            warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification")
            root = open_group(repository.checkout().store, mode="r")
            np.testing.assert_array_equal(root["t/x"][:], RECORDS)
            np.testing.assert_array_equal(root["x"][:], np.full(10, RECORDS[3], RECORD))

    @pytest.mark.parametrize("endian", ["little", "big"])
    def test_that_zarr_wrote_are_read_by_both(self, endian: Any) -> None:
        if endian == "big" and not hasattr(zarr.dtype, "Struct"):
            pytest.skip("zarr-python before 3.2 does not know byte orders of records")
        repository = in_memory()
        with zarr_peer.quiet(), begin(repository) as tx:
            array = create_array(
                tx.store,
                name="x",
                shape=(10,),
                chunks=(4,),
                dtype=RECORD,
                fill_value=RECORDS[3],
                serializer=codecs.BytesCodec(endian=endian),
            )
            array[:8] = RECORDS[:8]
            expected = np.concatenate([RECORDS[:8], RECORDS[[3, 3]]])
            np.testing.assert_array_equal(tx["x"][:], expected)
            np.testing.assert_array_equal(open_group(tx.store)["x"][:], expected)
        snapshot = repository.checkout()
        np.testing.assert_array_equal(snapshot["x"][:], expected)
        with zarr_peer.quiet():
            np.testing.assert_array_equal(
                open_group(repository.checkout().store, mode="r")["x"][:], expected
            )
