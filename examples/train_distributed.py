"""Train and validate on two processes from S3, kill them in mid-epoch, go on with one.

    python examples/train_distributed.py                    # an S3 server on this machine
    python examples/train_distributed.py --url s3://bucket/digits

The driver puts scikit-learn's digits in a repository and trains three times, each with a
`torchrun` of its own: once on one process without a break; then on two, which it kills in the
middle of an epoch; then on one again, from the last checkpoint. The global batches are the same for
any number of processes, and the reader resumes at the exact next one, so the loss curve of the
interrupted training is that of the first, up to the order in which sums were rounded. A tenth of
the samples is left out of training; behind each epoch all processes share it for validation.
"""

import argparse
import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

import vstore
from vstore.reader import split
from vstore.torch import Loader

GLOBAL_BATCH = 64
STEPS_PER_CHECKPOINT = 5
TOLERANCE = 1e-4


def main() -> None:
    """Run the driver, or, when `torchrun` has started this file, one process of the training."""
    parser = argparse.ArgumentParser(description="Kill and resume distributed training.")
    parser.add_argument("--url", help="the repository (default: on an S3 server started here)")
    parser.add_argument("--quick", action="store_true", help="two epochs, not ten")
    parser.add_argument("--commit", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--epochs", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--stand-at", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.commit is not None:
        train(
            arguments.url,
            arguments.commit,
            arguments.folder,
            epochs=arguments.epochs,
            stand_at=arguments.stand_at,
        )
        return
    with tempfile.TemporaryDirectory() as folder, repository_url(arguments.url) as url:
        demonstrate(url, Path(folder), epochs=2 if arguments.quick else 10)


def train(url: str, commit: str, folder: Path, *, epochs: int, stand_at: int | None) -> None:
    """Train in one process of the group, from the checkpoint in `folder` if there is one.

    Behind step `stand_at` it waits to be killed, so that the demonstration kills it in the
    middle of an epoch however fast or slow the machine is.
    """
    torch.set_num_threads(1)
    distributed.init_process_group("gloo")
    rank = distributed.get_rank()
    (folder / f"{rank}.pid").write_text(str(os.getpid()))
    loader, others = loaders(url, commit, distributed.get_world_size())
    torch.manual_seed(0)
    model = DistributedDataParallel(
        nn.Sequential(nn.Linear(64, 100), nn.ReLU(), nn.Linear(100, 10))
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = restore(folder, model, optimizer, loader)
    loss_of = nn.CrossEntropyLoss()
    for epoch in range(loader.epoch, epochs):
        for batch in loader:
            optimizer.zero_grad()
            loss = loss_of(model(inputs(batch)), batch["labels"])
            loss.backward()
            optimizer.step()
            losses.append(mean_of(loss.detach()))
            if len(losses) % STEPS_PER_CHECKPOINT == 0 and rank == 0:
                save(folder, model, optimizer, loader, losses)
            if len(losses) == stand_at:
                (folder / f"{rank}.stands").touch()
                signal.alarm(600)  # should nobody come
                signal.pause()
        share = accuracy(model, others)
        if rank == 0:
            print(f"epoch {epoch}: loss {losses[-1]:.3f}, validation accuracy {share:.3f}")
    if rank == 0:
        save(folder, model, optimizer, loader, losses)
    distributed.destroy_process_group()


def loaders(url: str, commit: str, processes: int) -> tuple[Loader, Loader]:
    """Return what this process trains on, and what it validates with."""
    table, columns = vstore.checkout(url, commit)["digits"], ["images", "labels"]
    training, validation = split(table, 0.9)
    size = GLOBAL_BATCH // processes  # the same global batches, however many processes
    return (
        Loader(table, columns, batch_size=size, shuffle=True, drop_last=True, rows=training),
        Loader(table, columns, batch_size=size, rows=validation),
    )


def mean_of(loss: torch.Tensor) -> float:
    """Return the mean loss of all processes."""
    total = loss.clone()
    distributed.all_reduce(total)
    return float(total) / distributed.get_world_size()


def inputs(batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return what the network gets."""
    return batch["images"].flatten(1).float() / 16


def accuracy(model: nn.Module, loader: Loader) -> float:
    """Return the share of right answers, over the samples of all processes together."""
    counts = torch.zeros(2)
    with torch.no_grad():
        for batch in loader:
            right = model(inputs(batch)).argmax(1) == batch["labels"]
            counts += torch.tensor([right.sum(), len(right)])
    distributed.all_reduce(counts)
    return float(counts[0] / counts[1])


def save(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loader: Loader,
    losses: list[float],
) -> None:
    """Write a checkpoint: it replaces the one before only once it is whole."""
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "loader": loader.state_dict(),
        "losses": losses,
    }
    torch.save(state, folder / "checkpoint.tmp")
    (folder / "checkpoint.tmp").rename(folder / "checkpoint")


def restore(
    folder: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loader: Loader,
) -> list[float]:
    """Go on at the checkpoint if there is one; return the losses so far."""
    if not (folder / "checkpoint").exists():
        return []
    state: dict[str, Any] = torch.load(folder / "checkpoint", weights_only=True)
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    loader.load_state_dict(state["loader"])
    losses: list[float] = state["losses"]
    return losses


def demonstrate(url: str, folder: Path, *, epochs: int) -> None:
    """Train with and without a break, and compare."""
    commit = import_digits(url)
    print(f"training from {url}@{commit}")
    whole, broken = folder / "whole", folder / "broken"
    for each in (whole, broken):
        each.mkdir()

    def start(
        where: Path, processes: int, stand_at: int | None = None
    ) -> "subprocess.Popen[bytes]":
        run = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        options = [f"--url={url}", f"--commit={commit}", f"--folder={where}", f"--epochs={epochs}"]
        if stand_at is not None:
            options.append(f"--stand-at={stand_at}")
        command = [*run, f"--nproc-per-node={processes}", __file__, *options]
        quiet = subprocess.DEVNULL if processes > 1 else None  # it will complain of being killed
        return subprocess.Popen(command, stderr=quiet)

    require_success(start(whole, 1))
    expected = losses_in(whole)
    stand_at = len(expected) * 5 // 8 + 2
    kill_standing(start(broken, 2, stand_at), broken, 2)
    kept = len(losses_in(broken))
    print(f"killed both processes at step {stand_at} of {len(expected)}; the checkpoint has {kept}")
    require_success(start(broken, 1))
    difference = np.abs(np.array(losses_in(broken)) - np.array(expected)).max()
    print(
        f"the losses of all {len(expected)} steps agree; the largest difference: {difference:.1e}"
    )
    if difference > TOLERANCE:
        raise SystemExit("that is more than rounding explains")


def import_digits(url: str) -> str:
    """Put scikit-learn's digits in a new repository, unless it has them; return the commit."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - the worker processes do without

    try:
        repo = vstore.create(url)
    except vstore.AlreadyExistsError:
        return vstore.open(url).resolve("main")
    digits = load_digits()
    with repo.transaction("main", message="Import the digits") as tx:
        columns = {
            "images": vstore.ndarray((8, 8), "uint8", rows_per_chunk=64),
            "labels": vstore.ndarray((), "int64"),
        }
        tx.create_table("digits", columns).extend(
            {"images": digits.images.astype(np.uint8), "labels": digits.target.astype(np.int64)}
        )
    return repo.resolve("main")


def require_success(process: "subprocess.Popen[bytes]") -> None:
    """Wait for a training to end well."""
    if process.wait() != 0:
        raise SystemExit("a training failed")


def kill_standing(launcher: "subprocess.Popen[bytes]", folder: Path, processes: int) -> None:
    """Kill all processes of a training once each waits for it."""
    while len(list(folder.glob("*.stands"))) < processes:
        if launcher.poll() is not None:
            raise SystemExit("the training ended before it could be killed")
        time.sleep(0.01)
    for file in folder.glob("*.pid"):
        os.kill(int(file.read_text()), signal.SIGKILL)
    launcher.wait()


def losses_in(folder: Path) -> list[float]:
    """Return the losses that a checkpoint holds."""
    losses: list[float] = torch.load(folder / "checkpoint", weights_only=True)["losses"]
    return losses


@contextmanager
def repository_url(given: str | None) -> Iterator[str]:
    """Yield where to put the repository: what was given, or a bucket on a server of our own."""
    if given is not None:
        yield given
        return
    sys.path.append(str(Path(__file__).parents[1] / "localstack"))
    serve: Any = importlib.import_module("serve")

    try:
        with serve.running("ministack") as server:
            os.environ.update(server.exports)
            yield f"{server.url}/digits"
    except serve.NotInstalledError:
        print("ministack is not installed (pip install ministack): using a local folder, not S3")
        with tempfile.TemporaryDirectory() as folder:
            yield folder


if __name__ == "__main__":
    main()
