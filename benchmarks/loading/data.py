"""The data that every loader reads: arrays in files, made once, from nothing but what is installed.

Each data set is one array (or JPEG files of differing size) and, beside it, the number of every
sample, so that what a loader gives can be checked and its shuffling be judged.
"""

import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
BATCH_SIZE = 256
BLOCK = 1024
"""Samples of one source block, by which the quality of a shuffle is told."""


@dataclass(frozen=True)
class Dataset:
    """One data set: how to make it, and the column that holds it."""

    name: str
    column: str
    make: Callable[[bool], "NDArray[np.generic] | list[bytes]"]

    def path(self, folder: Path) -> Path:
        """Return the file that holds the array."""
        return folder / f"{self.name}.npy"

    def exists(self, folder: Path) -> bool:
        """Return whether the data set's file is there."""
        return self.path(folder).exists() or (folder / f"{self.name}.npz").exists()

    def write(self, folder: Path, *, is_quick: bool) -> None:
        """Make the data set's file."""
        made = self.make(is_quick)
        if isinstance(made, list):
            lengths = np.array([len(each) for each in made])
            np.savez(
                folder / f"{self.name}.npz", data=np.frombuffer(b"".join(made), "u1"), n=lengths
            )
        else:
            np.save(self.path(folder), made)

    def samples(self, folder: Path) -> "NDArray[np.generic]":
        """Return the samples in memory; encoded photographs as `bytes`."""
        if self.path(folder).exists():
            return np.load(self.path(folder))
        with np.load(folder / f"{self.name}.npz") as found:
            data, stops = found["data"].tobytes(), np.cumsum(found["n"]).tolist()
        samples = np.empty(len(stops), object)
        samples[:] = [data[a:b] for a, b in zip([0, *stops[:-1]], stops, strict=True)]
        return samples

    @property
    def is_encoded(self) -> bool:
        """Whether the samples are JPEG files."""
        return self.name == "photos"


def fashion(is_quick: bool) -> NDArray[np.uint8]:  # noqa: FBT001
    """Return the training images of Fashion-MNIST, from Debian's `dataset-fashion-mnist`."""
    with gzip.open(FASHION_MNIST / "train-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    return images[: 10_240 if is_quick else None]


def images(is_quick: bool) -> NDArray[np.uint8]:  # noqa: FBT001
    """Return smooth colour images, the sum of a few waves each: LZ4 halves them nearly."""
    count = 512 if is_quick else 4000
    random = np.random.default_rng(1)
    y, x = np.mgrid[0:128, 0:128].astype(np.float32) / 128
    made = np.empty((count, 3, 128, 128), np.uint8)
    for image in made:
        waves = random.uniform(0.2, 1, (3, 3, 2)).astype(np.float32)
        phases = random.uniform(0, 6.3, (3, 3)).astype(np.float32)
        for channel, ways, shifts in zip(image, waves, phases, strict=True):
            total = sum(
                np.sin(6.283 * (a * x + b * y) + shift)
                for (a, b), shift in zip(ways, shifts, strict=True)
            )
            channel[:] = (total + 3) * 42
    return made


def few(is_quick: bool) -> NDArray[np.uint8]:  # noqa: FBT001
    """Return some of the smooth images, for what takes long with each."""
    return images(is_quick=True)[: 128 if is_quick else 512]


def tokens(is_quick: bool) -> NDArray[np.int32]:  # noqa: FBT001
    """Return sequences of token numbers that are as unevenly frequent as words are."""
    count = 2048 if is_quick else 20_000
    random = np.random.default_rng(2)
    drawn = random.zipf(1.3, (count, 2048))
    return (drawn % 50_257).astype(np.int32)


def photos(is_quick: bool) -> list[bytes]:  # noqa: FBT001
    """Return crops of photographs, of differing size, as JPEG files."""
    from PIL import Image
    from skimage import data
    from sklearn.datasets import load_sample_images

    pictures = [*load_sample_images().images, data.astronaut(), data.coffee(), data.chelsea()]
    random = np.random.default_rng(3)
    files = []
    for _ in range(256 if is_quick else 3000):
        picture = pictures[random.integers(len(pictures))]
        height, width = random.integers(160, 300, 2)
        top = random.integers(picture.shape[0] - height)
        left = random.integers(picture.shape[1] - width)
        crop = Image.fromarray(picture[top : top + height, left : left + width])
        file = io.BytesIO()
        crop.resize((int(width * 0.8), int(height * 0.8))).save(file, "JPEG", quality=90)
        files.append(file.getvalue())
    return files


DATASETS = {
    each.name: each
    for each in (
        Dataset("fashion", "image", fashion),
        Dataset("images", "image", images),
        Dataset("tokens", "tokens", tokens),
        Dataset("photos", "photo", photos),
        Dataset("few", "image", few),
    )
}
