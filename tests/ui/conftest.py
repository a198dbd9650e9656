"""Repositories to browse, each made once."""

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository
from tests.ui.browsing import Browser, browse

CLASSES = 4
COUNT = 260


@pytest.fixture(scope="session")
def shapes() -> vstore.Repository:
    """A keyed table of images, labels, texts, curves and missing scores; a volume; a conflict."""
    repo = new_repository()
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (COUNT, 12, 12, 3), np.uint8)
    with repo.transaction("main", message="Add shapes", author="Ann Lee") as tx:
        table = tx.create_table(
            "data/train",
            {
                "caption": vstore.text(),
                "curve": vstore.ndarray((80,), "float32"),
                "image": vstore.image(),
                "label": vstore.ndarray((), "int64"),
                "score": vstore.ndarray((), "float32").as_optional(),
                "tags": vstore.texts(),
            },
            keys="str",
        )
        table.extend(
            {
                "caption": [f"shape of class {i % CLASSES}" for i in range(COUNT)],
                "curve": rng.normal(size=(COUNT, 80)).astype("float32"),
                "image": list(images),
                "label": np.arange(COUNT) % CLASSES,
                "score": [None if i % 5 == 0 else i / COUNT for i in range(COUNT)],
                "tags": [["even"] if i % 2 == 0 else [] for i in range(COUNT)],
            },
            keys=[f"shape/{i}" for i in range(COUNT)],
        )
        tx.create_array("scan", shape=(6, 30, 40), dtype="float32", chunk_shape=(2, 30, 40))[:] = (
            rng.normal(size=(6, 30, 40)).astype("float32")
        )
    repo.tags.create("v1")
    repo.branches.create("feature/redraw")
    for branch, author, value in (("main", "Bob Ray", 9), ("feature/redraw", "Cem Oz", 7)):
        with repo.transaction(branch, message=f"Redraw on {branch}", author=author) as tx:
            tx["data/train"]["label"][3] = value
            tx["data/train"]["image"][4] = np.full((12, 12, 3), value, np.uint8)
    with repo.transaction("main", message="Remove one", author="Bob Ray") as tx:
        tx["data/train"].delete(keys=["shape/0"])
    return repo


@pytest.fixture
def browser(shapes: vstore.Repository) -> Browser:
    return browse(shapes)
