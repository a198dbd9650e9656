"""A repository to look at: images, labels, texts, curves, a volume, several authors, a conflict."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vstore

CLASSES = ("disk", "ring", "square", "cross")
COUNT = 600


def shape_image(kind: int, seed: int, *, size: int = 64) -> NDArray[np.uint8]:
    """Return a picture of one of the classes, in a color and at a place of its own."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size].astype(float)
    cy, cx = rng.uniform(size * 0.35, size * 0.65, 2)
    radius = rng.uniform(size * 0.18, size * 0.3)
    away = np.hypot(y - cy, x - cx)
    flat = np.maximum(abs(y - cy), abs(x - cx))
    near = np.minimum(abs(y - cy), abs(x - cx))
    inside = (
        away < radius,
        abs(away - radius) < size * 0.06,
        flat < radius * 0.8,
        (near < size * 0.07) & (flat < radius),
    )[kind]
    color, ground = rng.uniform(90, 255, 3), rng.uniform(10, 70, 3)
    image = np.where(inside[..., None], color, ground + 40 * (y / size)[..., None])
    return np.clip(image + rng.normal(0, 6, image.shape), 0, 255).astype(np.uint8)


def curve(kind: int, seed: int) -> NDArray[np.float32]:
    """Return a curve whose frequency says which class it is."""
    rng = np.random.default_rng(seed)
    t = np.linspace(0, 6.28, 128)
    return (np.sin(t * (kind + 1)) * np.exp(-t / 5) + rng.normal(0, 0.05, 128)).astype("float32")


def volume() -> NDArray[np.float32]:
    """Return a volume with a few blobs."""
    z, y, x = np.mgrid[:48, :96, :96].astype("float32")
    rng = np.random.default_rng(7)
    found = np.zeros(z.shape, "float32")
    for _ in range(9):
        cz, cy, cx = rng.uniform((8, 20, 20), (40, 76, 76))
        found += np.exp(-((z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2) / rng.uniform(60, 240))
    return found + rng.normal(0, 0.02, z.shape).astype("float32")


def build(url: str) -> vstore.Repository:
    """Create the repository at an address that is empty."""
    repo = vstore.create(url)
    begin = datetime.now(UTC) - timedelta(days=40)
    kinds = np.random.default_rng(1).integers(0, 4, COUNT)
    with repo.transaction(
        "main", message="Import the first shapes", author="Ann Lee <ann@example.org>", time=begin
    ) as tx:
        _add(tx, kinds)
    repo.tags.create("v1", message="first release")
    _relabel(repo, kinds, begin + timedelta(days=9))
    _retouch(repo, kinds, begin + timedelta(days=30))
    repo.branches.create("review", at="main")
    _conflict(repo, begin + timedelta(days=33))
    return repo


def _add(tx: Any, kinds: NDArray[Any]) -> None:
    columns = {
        "caption": vstore.text(),
        "curve": vstore.ndarray((128,), "float32"),
        "image": vstore.image(),
        "label": vstore.ndarray((), "int64"),
        "score": vstore.ndarray((), "float32").as_optional(),
    }
    table = tx.create_table("train", columns, keys="str", attributes={"classes": CLASSES})
    scores = np.random.default_rng(2).beta(5, 2, COUNT).astype("float32")
    table.extend(
        {
            "caption": [f"a {CLASSES[kind]} on a dark ground" for kind in kinds],
            "curve": np.stack([curve(kind, i) for i, kind in enumerate(kinds)]),
            "image": [shape_image(kind, i) for i, kind in enumerate(kinds)],
            "label": kinds,
            "score": [None if i % 17 == 0 else score for i, score in enumerate(scores)],
        },
        keys=[f"shape-{i:04}" for i in range(COUNT)],
    )
    scan = volume()
    array = tx.create_array(
        "scans/brain", shape=scan.shape, dtype="float32", chunk_shape=(16, 48, 48)
    )
    array[:] = scan


def _relabel(repo: vstore.Repository, kinds: NDArray[Any], time: datetime) -> None:
    with repo.transaction(
        "main", message="Relabel rings that are disks", author="Bob Ray", time=time
    ) as tx:
        wrong = np.flatnonzero(kinds == 1)[:14]
        tx["train"]["label"][wrong.tolist()] = np.zeros(len(wrong), "int64")


def _retouch(repo: vstore.Repository, kinds: NDArray[Any], time: datetime) -> None:
    with repo.transaction(
        "main", message="Retouch dark images\n\nExposure was wrong.", author="Ann Lee", time=time
    ) as tx:
        for i in range(20, 34):
            image = shape_image(int(kinds[i]), i).astype(float)
            image[10:40, 12:44] *= 1.5
            tx["train"]["image"][i] = np.clip(image, 0, 255).astype(np.uint8)
        tx["train"].delete(keys=["shape-0003", "shape-0004"])


def _conflict(repo: vstore.Repository, time: datetime) -> None:
    for branch, kind, author in (("main", 2, "Ann Lee"), ("review", 3, "Cem Oz")):
        with repo.transaction(
            branch, message=f"Redraw two shapes ({branch})", author=author, time=time
        ) as tx:
            for i in (50, 51):
                tx["train"]["image"][i] = shape_image(kind, 900 + i)
                tx["train"]["label"][i] = kind
