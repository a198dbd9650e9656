"""The beginning of tuple keys stands for all samples below it."""

import pytest

import vstore
from vstore.reader import Reader


def test_the_beginning_of_tuple_keys_chooses_all_samples_below_it() -> None:
    repo = vstore.create("memory://beginnings")
    keys = [(f"p{i % 3}", i % 2, i) for i in range(12)]
    with repo.transaction("main", message="Add") as tx:
        for name, order in (("a", range(12)), ("b", range(11, -1, -1))):
            table = tx.create_table(name, {name: vstore.ndarray((), "int64")}, keys="tuple")
            table.extend({name: list(order)}, keys=[keys[i] for i in order])
    with repo.transaction("main", message="Delete") as tx:
        for name in "ab":
            tx[name].delete(keys=[("p1", 1, 7)])
    snap = repo.checkout("main")
    wanted = ["p1", ("p2", 0), ("p0", 1, 3)]
    (batch,) = Reader([snap["a"]["a"], snap["b"]["b"]], batch_size=12, keys=wanted)
    assert batch["a"].tolist() == batch["b"].tolist() == [1, 4, 10, 2, 8, 3]
    with pytest.raises(vstore.NotFoundError, match="no sample below"):
        Reader(snap["a"], batch_size=2, keys=["p1", ("p1", 1, 7)])
