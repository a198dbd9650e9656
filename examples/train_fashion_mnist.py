"""Train a network on Fashion-MNIST straight from a commit.

Puts the images in a repository unless they are there already, checks the branch out, trains a
784-500-200-10 network on it, and measures it on images that it has never seen:

    python examples/train_fashion_mnist.py                        # local disk
    python examples/train_fashion_mnist.py --url s3://bucket/fashion

The images are those of Debian's package dataset-fashion-mnist where that is installed
(`apt-get install dataset-fashion-mnist`), and otherwise the handwritten digits that come with
scikit-learn.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader

import vstore
from vstore.importers import read_idx
from vstore.torch import StreamingDataset, make_torch_dataset

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
TABLES = ("training", "validation", "test")
BATCH_SIZE = 32
SEED = 0

Images = NDArray[np.uint8]
Labels = NDArray[np.int64]
Split = tuple[Images, Labels]


def main() -> None:
    """Run the example."""
    arguments = parse_arguments()
    # So small a network gains nothing from a second core; reading ahead does.
    torch.set_num_threads(1)
    name = "fashion-mnist" if FASHION_MNIST.exists() else "digits"
    url = arguments.url or f"data/{name}"
    snapshot = vstore.checkout(url, prepared_commit(url, name))
    print(snapshot.summary(), end="\n\n")

    samples = 2048 if arguments.quick else None
    epochs = 2 if arguments.quick else arguments.epochs
    training = StreamingDataset(
        snapshot["training"],
        columns=["images", "labels"],
        batch_size=BATCH_SIZE,
        shuffle=True,
        seed=SEED,
        rows=slice(samples),
    )
    model = new_model(snapshot)
    losses = train(model, (pairs(training) for _ in range(epochs)), watching(snapshot))
    if arguments.check_memory:
        check_memory(snapshot, training, losses)
    print(f"trained on commit {snapshot.commit.id}")
    print(f"test accuracy {accuracy(model, snapshot['test']):.4f}")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Train a network straight from a commit.")
    parser.add_argument("--url", help="the repository: a path, s3://..., gs://... (default: data/)")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--quick", action="store_true", help="few samples, two epochs")
    parser.add_argument(
        "--check-memory",
        action="store_true",
        help="train once more from arrays in memory; the loss curves must be equal bit for bit",
    )
    return parser.parse_args()


def prepared_commit(url: str, name: str) -> str:
    """Return the commit on the main branch, after importing the images if there is none."""
    try:
        repo = vstore.create(url)
    except vstore.AlreadyExistsError:
        repo = vstore.open(url)
    if "main" not in repo.branches:
        splits = fashion_mnist() if name == "fashion-mnist" else digits()
        started = time.perf_counter()
        with repo.transaction("main", message=f"Import {name}") as tx:
            for table_name, (images, labels) in zip(TABLES, splits, strict=True):
                table = tx.create_table(
                    table_name,
                    {
                        "images": vstore.ndarray(images.shape[1:], images.dtype),
                        "labels": vstore.ndarray((), labels.dtype),
                    },
                )
                table.extend({"images": images, "labels": labels})
        print(f"imported {name} into {repo.url} in {time.perf_counter() - started:.1f} s")
    return repo.resolve("main")


def fashion_mnist() -> Iterator[Split]:
    """Yield 50,000 images for training, 10,000 for validation and 10,000 for the test."""
    images = read_idx(FASHION_MNIST / "train-images-idx3-ubyte.gz")
    labels = read_idx(FASHION_MNIST / "train-labels-idx1-ubyte.gz").astype(np.int64)
    yield images[:50_000], labels[:50_000]
    yield images[50_000:], labels[50_000:]
    yield (
        read_idx(FASHION_MNIST / "t10k-images-idx3-ubyte.gz"),
        read_idx(FASHION_MNIST / "t10k-labels-idx1-ubyte.gz").astype(np.int64),
    )


def digits() -> Iterator[Split]:
    """Yield scikit-learn's 1,797 digits in three parts, their 17 shades stretched to 0..255."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - only where it is needed

    found = load_digits()
    images, labels = (found.images * 255 / 16).astype(np.uint8), found.target.astype(np.int64)
    bounds = [0, 1200, 1500, len(images)]
    for start, stop in itertools.pairwise(bounds):
        yield images[start:stop], labels[start:stop]


def new_model(snapshot: vstore.Snapshot) -> nn.Module:
    """Return an untrained network for the snapshot's images, always the same."""
    torch.manual_seed(SEED)
    pixels = int(np.prod(snapshot["training"]["images"].shape[1:]))
    return nn.Sequential(
        *(nn.Linear(pixels, 500), nn.ReLU()),
        *(nn.Linear(500, 200), nn.ReLU()),
        nn.Linear(200, 10),
    )


def as_input(images: Tensor) -> Tensor:
    """Return images as rows of numbers from 0 to 1."""
    return images.flatten(1).float() / 255


def pairs(dataset: StreamingDataset) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the images and labels of one epoch's batches, whatever made them."""
    for batch in DataLoader(dataset, batch_size=None):
        yield batch["images"], batch["labels"]


def train(
    model: nn.Module,
    epochs: Iterable[Iterable[tuple[Tensor, Tensor]]],
    after_epoch: Callable[[nn.Module, "Epoch"], None],
) -> list[float]:
    """Train by gradient descent; return the loss of every step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()
    losses: list[float] = []
    for number, batches in enumerate(epochs, start=1):
        epoch = Epoch(number, started=time.perf_counter())
        for images, labels in batches:
            optimizer.zero_grad()
            outputs = model(as_input(images))
            loss = loss_of(outputs, labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            epoch.count(outputs, labels, losses[-1])
        after_epoch(model, epoch)
    return losses


@dataclass
class Epoch:
    """What one epoch of training came to."""

    number: int
    started: float
    samples: int = 0
    correct: int = 0
    total_loss: float = 0.0

    def count(self, outputs: Tensor, labels: Tensor, loss: float) -> None:
        """Add one batch."""
        self.samples += len(labels)
        self.correct += int((outputs.argmax(1) == labels).sum())
        self.total_loss += loss * len(labels)


def watching(snapshot: vstore.Snapshot) -> Callable[[nn.Module, Epoch], None]:
    """Return what prints a line for each epoch, with the accuracy on the validation set."""

    def after_epoch(model: nn.Module, epoch: Epoch) -> None:
        seconds = time.perf_counter() - epoch.started
        print(
            f"epoch {epoch.number:2}  loss {epoch.total_loss / epoch.samples:.4f}  "
            f"accuracy: training {epoch.correct / epoch.samples:.4f}, "
            f"validation {accuracy(model, snapshot['validation']):.4f}  {seconds:.1f} s"
        )

    return after_epoch


def accuracy(model: nn.Module, table: vstore.Table) -> float:
    """Return which part of a table's images the model names correctly."""
    dataset = make_torch_dataset((table["images"], table["labels"]))
    correct = 0
    with torch.no_grad():
        for images, labels in DataLoader(dataset, batch_size=1000):
            correct += int((model(as_input(images)).argmax(1) == labels).sum())
    return correct / len(dataset)


def check_memory(
    snapshot: vstore.Snapshot, training: StreamingDataset, losses: list[float]
) -> None:
    """Train again from arrays in memory in the same order; stop unless every loss is the same."""
    images = torch.from_numpy(snapshot["training"]["images"][:])
    labels = torch.from_numpy(snapshot["training"]["labels"][:])

    def from_memory(epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.from_numpy(training.order(epoch))
        for start in range(0, len(order), BATCH_SIZE):
            positions = order[start : start + BATCH_SIZE]
            yield images[positions], labels[positions]

    epochs = len(losses) // len(training)
    again = train(new_model(snapshot), map(from_memory, range(epochs)), lambda *_: None)
    if again != losses:
        raise SystemExit("the loss curve differs from that of training from memory")
    print(f"the losses of all {len(losses):,} steps equal those of training from memory")


if __name__ == "__main__":
    main()
