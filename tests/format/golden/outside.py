"""A golden repository whose chunks stay in other files, and these files."""

from typing import Any

import numpy as np

import vstore
from tests.format.golden.making import ANN, Made
from vstore import Transaction, virtual
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key

FILES = {
    "memory://golden/a/one.bin": bytes(range(7)) + np.arange(40, dtype="<i2").tobytes(),
    "memory://golden/b.bin": np.arange(40, 60, dtype="<i2").tobytes() + b"behind",
}
"""Files elsewhere, which a reader of the repository has to be given."""


def put_files() -> dict[str, dict[str, Any]]:
    """Let the files be there, and return what a reader of them trusts."""
    for url, data in FILES.items():
        MemoryStore("golden").put(Key(url.removeprefix("memory://golden/")), data)
    return {"memory://golden": {}}


def write_virtual(made: Made) -> None:
    """Chunks that stay in other files, `FILES`, and one of them that was written since."""
    repo = made.create()
    one, two = FILES
    document = '{"zarr_format": 2, "shape": [6, 10], "chunks": [1, 10], "dtype": "<i2"}'
    places = [[one, 7 + 20 * i, 20] for i in range(4)] + [[two, 0, 20], [two, 20, 20]]
    refs = {f"x/{i}.0": place for i, place in enumerate(places)}

    def refer(tx: Transaction) -> None:
        """Refer to files."""
        virtual.write(tx, {"x/.zarray": document, **refs}, "deep", sources=put_files())

    def change(tx: Transaction) -> None:
        """Write a chunk."""
        tx["deep/x"][4] = -1

    def bring(tx: Transaction) -> None:
        """Bring the others."""
        virtual.materialize(tx)

    trusting = vstore.open(repo.url, sources=put_files(), author=ANN)
    for step in (refer, change, bring):
        made.commit(trusting, step)
