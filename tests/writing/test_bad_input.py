"""Samples, keys and changes that are wrong are refused, say why, and change nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import committed_table
from tests.writing.bad_input import batch, numbered
from vstore import Repository

Use = Callable[[vstore.Transaction], Any]


@pytest.mark.parametrize(
    ("use", "message"),
    numbered(
        [
            (lambda tx: tx["t"].extend(batch(1) | {"x": [[0.5] * 3]}, keys=[9]), "'x' holds int64"),
            (lambda tx: tx["t"].extend(batch(1) | {"x": [["a"] * 3]}, keys=[9]), "'x' holds int64"),
            (lambda tx: tx["t"].extend(batch(1) | {"x": [[1, 2]]}, keys=[9]), r"shape \(3,\)"),
            (lambda tx: tx["t"].extend(batch(1) | {"x": [[[1, 2, 3]]]}, keys=[9]), r"\(1, 3\)"),
            (lambda tx: tx["t"].extend(batch(1) | {"x": [1]}, keys=[9]), r"got \(\)"),
            (
                lambda tx: tx["t"].extend(batch(2) | {"x": [[1, 2, 3], [1]]}, keys=[8, 9]),
                "same shape",
            ),
            (lambda tx: tx["t"].extend(batch(1) | {"x": 5}, keys=[9]), "array or a list"),
            (lambda tx: tx["t"].append([1], key=9), "a sample is a mapping .*; got list"),
            (
                lambda tx: tx["t"].extend(batch(1) | {"r": [np.zeros(2, "f4")]}, keys=[9]),
                "'r' holds",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"r": [np.zeros((1, 3))]}, keys=[9]),
                "'r' holds",
            ),
            (lambda tx: tx["t"].extend(batch(1) | {"r": [["x", "y"]]}, keys=[9]), "'r' holds"),
            (
                lambda tx: tx["t"].extend(batch(1) | {"s": [b"x"]}, keys=[9]),
                "'s' holds text; got by",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"s": ["\ud800"]}, keys=[9]),
                "not valid Unicode",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"s": "x"}, keys=[9]),
                "list of samples; got str",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"s": {"x"}}, keys=[9]),
                "list of samples; got set",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"b": ["x"]}, keys=[9]),
                "'b' holds bytes; got str",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"b": b"x"}, keys=[9]),
                "list of samples; got by",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"i": [np.zeros((2, 2))]}, keys=[9]),
                "uint8 with",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"i": [np.zeros(3, "u1")]}, keys=[9]),
                "uint8 with",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"i": [b"GIF89a"]}, keys=[9]),
                "'i' holds JPEG, PNG or WebP images; got bytes that begin with b'GIF89a'",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"i": [b""]}, keys=[9]),
                "'i' holds JPEG, PNG or WebP images; got no bytes",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"i": ["cat.png"]}, keys=[9]),
                "'i' holds images",
            ),
            (
                lambda tx: tx["t"].extend(batch(1) | {"y": [1]}, keys=[9]),
                r"no such column: \['y'\]",
            ),
            (lambda tx: tx["t"].extend({"x": [[1, 2, 3]]}, keys=[9]), "no values for"),
            (lambda tx: tx["t"].extend({}, keys=[9]), "no values for"),
            (lambda tx: tx["t"].extend(batch(2) | {"s": ["x"]}, keys=[8, 9]), "different lengths"),
            (lambda tx: tx["t"].extend(None), "got NoneType"),
            (lambda tx: tx["t"].extend("x"), "got str"),
            (lambda tx: tx["t"].extend([batch(1), 7]), "'t' have int keys"),
            (lambda tx: tx["t"].extend([7]), "got int"),
            (lambda tx: tx["t"].extend([batch(1)] * 2, keys=[9]), "in each as 'sample'"),
            (lambda tx: tx["t"].extend([], keys=[9]), "no values for"),
        ]
    ),
)
def test_wrong_samples(unchanged: Repository, use: Use, message: str) -> None:
    tx = unchanged.transaction("main", message="Add")
    with pytest.raises(vstore.InvalidInputError, match=message):
        use(tx)
    assert tx.commit() is None


@pytest.mark.parametrize(
    ("keys", "message"),
    numbered(
        [
            (None, "have int keys, and none were given"),
            ([9], "1 keys for 2 samples"),
            ([7, 8, 9], "3 keys for 2 samples"),
            ([9, 9], "9 is given twice"),
            ([9, 3], "has a sample with the key 3 already"),
            (["a", "b"], "are integers; got 'a'"),
            ([9, "9"], "are integers; got '9'"),
            ([True, 9], "are integers; got True"),
            ([9.0, 8], "are integers; got 9.0"),
            ([9, None], "are integers; got None"),
            ([9, 2**63], "does not fit 64 bits"),
            (np.array([2.0, 5.0]), "are integers"),
            (9, "come in a list, .*; got 9"),
            ("90", "come in a list, .*; got '90'"),
        ]
    ),
)
def test_wrong_keys(unchanged: Repository, keys: Any, message: str) -> None:
    tx = unchanged.transaction("main", message="Add")
    with pytest.raises(vstore.InvalidInputError, match=message):
        tx["t"].extend(batch(2), keys=keys)
    assert tx.commit() is None


@pytest.mark.parametrize("key", [1, b"x", None, 1.5, "\ud800", ("a", "b")])
def test_wrong_string_keys(key: Any) -> None:
    repository, _ = committed_table(
        {"x": vstore.ndarray((), "i8")}, {"x": [1]}, keys="str", sample_keys=["a"]
    )
    tx = repository.transaction("main", message="Add")
    with pytest.raises(vstore.InvalidInputError, match=r"are strings|Unicode"):
        tx["t"].extend({"x": [2]}, keys=[key])
    with pytest.raises(vstore.VstoreError):
        tx["t"].loc[key] = {"x": 3}
    assert tx.commit() is None


def test_keys_for_a_table_without() -> None:
    repository, _ = committed_table({"x": vstore.ndarray((), "i8")}, {"x": [1]})
    tx = repository.transaction("main", message="Add")
    with pytest.raises(vstore.InvalidInputError, match="have no keys"):
        tx["t"].extend({"x": [2]}, keys=[1])
    with pytest.raises(vstore.InvalidInputError, match="no keys\nHint: use positions"):
        tx["t"].delete(keys=[0])
    assert tx.commit() is None


@pytest.mark.parametrize(
    ("use", "error", "message"),
    numbered(
        [
            (lambda tx: tx["t"].delete(), vstore.InvalidInputError, "positions or keys"),
            (
                lambda tx: tx["t"].delete(0, keys=[1]),
                vstore.InvalidInputError,
                "positions or keys",
            ),
            (lambda tx: tx["t"].delete(4), vstore.OutOfBoundsError, "4"),
            (lambda tx: tx["t"].delete([0, 9]), vstore.OutOfBoundsError, "9"),
            (lambda tx: tx["t"].delete(np.ones(3, bool)), vstore.OutOfBoundsError, "mask"),
            (lambda tx: tx["t"].delete(slice("a", 2)), vstore.InvalidInputError, "slice"),
            (lambda tx: tx["t"].delete([[0], [1, 2]]), vstore.InvalidInputError, "index"),
            (lambda tx: tx["t"].delete(1.5), vstore.InvalidInputError, "integers"),
            (lambda tx: tx["t"].delete(keys=[1, 2]), vstore.NotFoundError, "key 2"),
            (lambda tx: tx["t"].delete(keys="1"), vstore.InvalidInputError, "in a list"),
            (lambda tx: tx["t"].delete(keys=1), vstore.InvalidInputError, "in a list"),
            (lambda tx: tx["t"].delete(keys=["1"]), vstore.InvalidInputError, "are integers"),
            (lambda tx: tx["t"].loc.__setitem__(2, {"s": "x"}), vstore.NotFoundError, "key 2"),
            (
                lambda tx: tx["t"].loc.__setitem__(1, {"s": 2}),
                vstore.InvalidInputError,
                "holds text",
            ),
            (lambda tx: tx["t"].loc[["1", 3]], vstore.InvalidInputError, "are integers"),
            (
                lambda tx: tx["t"]["x"].__setitem__(0, [1, 2]),
                vstore.InvalidInputError,
                "do not fit",
            ),
            (
                lambda tx: tx["t"]["x"].__setitem__(0, 0.5),
                vstore.InvalidInputError,
                "'x' holds int64",
            ),
            (lambda tx: tx["t"]["x"].__setitem__(9, 1), vstore.OutOfBoundsError, "9"),
            (lambda tx: tx["t"]["x"].__setitem__((0, 3), 1), vstore.OutOfBoundsError, "3"),
            (
                lambda tx: tx["t"]["s"].__setitem__((0, 0), "x"),
                vstore.InvalidInputError,
                "whole samp",
            ),
            (
                lambda tx: tx["t"]["s"].__setitem__([0, 1], ["x"]),
                vstore.InvalidInputError,
                "2 places",
            ),
            (
                lambda tx: tx["t"]["s"].__setitem__([0, 1], 5),
                vstore.InvalidInputError,
                "list of sam",
            ),
            (
                lambda tx: tx["t"]["y"],
                vstore.NotFoundError,
                "the table 't' has no column 'y'",
            ),
            (lambda tx: tx["u"], vstore.NotFoundError, "choose one of 'a', 't'"),
            (lambda tx: tx["t/y"], vstore.NotFoundError, "'y'"),
            (lambda tx: tx[5], vstore.InvalidInputError, "string of names"),
            (lambda tx: tx["a"].__setitem__((0, 5), 1), vstore.OutOfBoundsError, "5"),
            (lambda tx: tx["a"].__setitem__(0, np.ones(4)), vstore.InvalidInputError, "do not fit"),
            (lambda tx: tx["a"].__setitem__(0, "x"), vstore.InvalidInputError, "holds float32"),
            (lambda tx: tx["a"].__setitem__("x", 1), vstore.InvalidInputError, "indexed by"),
            (lambda tx: tx.delete("nope"), vstore.NotFoundError, "choose one of 'a', 't'"),
            (lambda tx: tx.delete(""), vstore.InvalidInputError, "root"),
        ]
    ),
)
def test_wrong_changes(
    unchanged: Repository, use: Use, error: type[Exception], message: str
) -> None:
    tx = unchanged.transaction("main", message="Change")
    with pytest.raises(error, match=message):
        use(tx)
    assert tx.commit() is None
