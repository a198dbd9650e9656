"""How well a window mixes: the table of docs/guides/training.md, computed from orders alone.

    python -m benchmarks.shuffle_quality

Counts, for batches of 256, from how many different stored runs of 1,024 samples and from how many
chunks their samples come. Nothing is timed, so the figures are the same on every machine.
"""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import numpy as np

import vstore
from vstore.reader import Reader

BATCH_SIZE, RUN = 256, 1024
MIB = 2**20
WINDOWS = (4 * MIB, 8 * MIB, 16 * MIB, 32 * MIB, 64 * MIB)


@dataclass(frozen=True)
class Samples:
    """Samples of one shape, of which only the number and the size matter here."""

    name: str
    count: int
    shape: tuple[int, ...]
    dtype: str

    def table(self) -> Any:
        """Return a table of as many samples, chunked as it would be; its zeros take no room."""
        repo = vstore.create(f"memory://{uuid4().hex}")
        with repo.transaction("main", message="Add samples") as tx:
            made = tx.create_table("t", {"x": vstore.ndarray(self.shape, self.dtype)})
            made.extend({"x": np.broadcast_to(np.zeros((), self.dtype), (self.count, *self.shape))})
        return repo.checkout("main")["t"]


SAMPLES = (
    Samples("60,000 of 28x28 uint8", 60_000, (28, 28), "uint8"),
    Samples("20,000 of 2,048 int32", 20_000, (2048,), "int32"),
    Samples("4,000 of 3x128x128 uint8", 4_000, (3, 128, 128), "uint8"),
)


def sources(table: Any, run: int, **options: Any) -> float:
    """Return from how many runs of so many stored samples a batch comes, on average."""
    reader = Reader(table, batch_size=BATCH_SIZE, seed=0, **options)
    order = reader.order(0)
    whole = len(order) // BATCH_SIZE * BATCH_SIZE
    batches = np.sort(order[:whole].reshape(-1, BATCH_SIZE) // run, axis=1)
    return float((np.diff(batches, axis=1) > 0).sum(axis=1).mean() + 1)


def lines() -> list[str]:
    """Return the table in Markdown."""
    heads = [f"{nbytes // MIB} MiB" for nbytes in WINDOWS]
    heads[-1] += ", the default"
    found = [f'| Samples | In order | {" | ".join(heads)} | `"full"` |']
    found.append("|---" * (len(heads) + 3) + "|")
    for samples in SAMPLES:
        table = samples.table()
        rows = table["x"].metadata.chunk_shape[0]
        ways: list[dict[str, Any]] = [
            {"shuffle": False},
            *({"shuffle": True, "window_nbytes": nbytes} for nbytes in WINDOWS[:-1]),
            {"shuffle": True},
            {"shuffle": "full"},
        ]
        cells = [
            f"{sources(table, RUN, **way):.0f} / {sources(table, rows, **way):.0f}" for way in ways
        ]
        found.append(f"| {samples.name} | {' | '.join(cells)} |")
    return found


if __name__ == "__main__":
    print("\n".join(lines()))
