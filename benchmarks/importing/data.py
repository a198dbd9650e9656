"""What is imported: made on the spot, the same each time."""

import csv
import io
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np

CLASSES = ("cat", "dog", "horse", "ship")


def make_all(folder: Path, *, scale: float) -> None:
    """Write every kind of source below a folder; `scale` is 1 for the sizes of the report."""
    rng = np.random.default_rng(0)
    makers = {
        "images": images,
        "sounds": sounds,
        "csv": rows_as_csv,
        "parquet": rows_as_parquet,
        "tiny": tiny_files,
    }
    for name, make in makers.items():
        (folder / name).mkdir(parents=True)
        make(folder / name, rng, scale)


def images(folder: Path, rng: np.random.Generator, scale: float) -> None:
    """Write JPEG files of 256 x 256 pixels in folders of classes: 2,000 of about 25 kB."""
    from PIL import Image

    waves = np.sin(np.linspace(0, 40, 256))
    for i in range(int(2000 * scale)):
        phase = np.roll(waves, i)
        base = np.outer(phase, waves)[:, :, None] * 60 + rng.normal(128, 12, (256, 256, 3))
        target = folder / CLASSES[i % 4] / f"{i:05}.jpg"
        target.parent.mkdir(exist_ok=True)
        Image.fromarray(base.clip(0, 255).astype(np.uint8)).save(target, quality=85)


def sounds(folder: Path, rng: np.random.Generator, scale: float) -> None:
    """Write WAV files of two seconds in folders of classes: 500 of 64 kB."""
    for i in range(int(500 * scale)):
        target = folder / CLASSES[i % 4] / f"{i:05}.wav"
        target.parent.mkdir(exist_ok=True)
        with wave.open(str(target), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(rng.integers(-9000, 9000, 32000).astype("<i2").tobytes())


def table(rng: np.random.Generator, count: int) -> dict[str, Any]:
    """Return columns of numbers, texts and times."""
    words = np.array(["red", "green", "blue", "yellow"])
    return {
        "id": np.arange(count),
        "price": rng.normal(100, 15, count).round(2),
        "color": words[rng.integers(0, 4, count)],
        "name": [f"product {i % 5000}" for i in range(count)],
        "seen": np.datetime64("2026-01-01", "s") + rng.integers(0, 10**7, count),
    }


def rows_as_csv(folder: Path, rng: np.random.Generator, scale: float) -> None:
    """Write a CSV file of 500,000 rows."""
    columns = table(rng, int(500_000 * scale))
    held = io.StringIO()
    writer = csv.writer(held, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    (folder / "rows.csv").write_text(held.getvalue())


def rows_as_parquet(folder: Path, rng: np.random.Generator, scale: float) -> None:
    """Write a Parquet file of 2,000,000 rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = table(rng, int(2_000_000 * scale))
    pq.write_table(pa.table(columns), folder / "rows.parquet", row_group_size=200_000)


def tiny_files(folder: Path, rng: np.random.Generator, scale: float) -> None:
    """Write 50,000 files of 70 bytes."""
    for i in range(int(50_000 * scale)):
        target = folder / f"{i // 500:03}" / f"{i:05}.txt"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(f"{i:010}".encode() + rng.bytes(30).hex().encode())


if __name__ == "__main__":
    make_all(Path(sys.argv[1]), scale=float(sys.argv[2]))
