"""README's quick start with what each name is to a type checker, which reads this file."""

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import vstore


def quick_start() -> None:
    images = np.random.default_rng(0).integers(0, 256, (1000, 28, 28), dtype="uint8")
    labels = np.arange(1000) % 10

    repo = vstore.create("fashion")
    assert_type(repo, vstore.Repository)
    with repo.transaction("main", message="Add the training set") as tx:
        assert_type(tx, vstore.Transaction)
        train = tx.create_table(
            "train",
            {
                "image": vstore.ndarray((28, 28), "uint8"),
                "label": vstore.ndarray((), "int64"),
            },
        )
        assert_type(train, vstore.TransactionTable)
        train.extend({"image": images, "label": labels})

    snap = repo.checkout("main")
    assert_type(snap, vstore.Snapshot)
    assert_type(snap["train"], Any)
    assert_type(snap.table("train")["image"][10:20], NDArray[Any])
    print(snap["train"]["image"][10:20].shape)
    assert_type(snap.summary(), vstore.Summary)
    assert_type(snap.commit, vstore.Commit)
    print(snap.summary(), snap.commit.id)

    with repo.transaction("main", message="Fix a label") as tx:
        assert_type(tx["train"], Any)
        assert_type(tx.table("train")["label"], vstore.TransactionColumn)
        tx["train"]["label"][17] = 3

    again = vstore.checkout(f"fashion@{snap.commit.id}")
    assert_type(again, vstore.Snapshot)
    assert again["train"]["label"][17] == 7

    assert_type(repo.diff("main~1", "main"), vstore.Diff)
    print(repo.diff("main~1", "main"))
    repo.branches.create("augment", at="main~1")
    with repo.transaction("augment", message="Mirror ten images") as tx:
        tx["train"].extend({"image": images[:10, :, ::-1], "label": labels[:10]})
    assert_type(repo.merge("augment", into="main"), vstore.Merged)
    repo.merge("augment", into="main")
    assert len(repo.checkout("main")["train"]) == 1010
    assert_type(repo.checkout("main").table("train"), vstore.Table)
