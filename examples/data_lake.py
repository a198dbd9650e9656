"""A data lake in miniature: Parquet in, a branch, a merge, SQL over commits, Parquet out.

Run it with the extras `duckdb` and `polars`: `python examples/data_lake.py --quick`.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

import vstore
import vstore.duckdb

CLASSES = 10


def write_parquet(path: Path, samples: int) -> None:
    """Write what somebody else's pipeline would: ids, labels, scores and embeddings."""
    rng = np.random.default_rng(0)
    emb = pa.FixedShapeTensorArray.from_numpy_ndarray(rng.random((samples, 16), np.float32))
    table = pa.table(
        {
            "id": [f"img-{i:06}" for i in range(samples)],
            "label": rng.integers(0, CLASSES, samples),
            "score": pa.array(rng.random(samples), mask=rng.random(samples) < 0.1),
            "emb": emb,
        }
    )
    pq.write_table(table, path, row_group_size=samples // 4)


def main() -> None:
    """Run the example."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples")
    samples = 2_000 if parser.parse_args().quick else 200_000
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), samples)


def run(folder: Path, samples: int) -> None:
    """Import, correct on a branch, merge, ask, and export."""
    write_parquet(folder / "raw.parquet", samples)
    repo = vstore.create(str(folder / "repository"))

    with repo.transaction("main", message="Import the raw data") as tx:
        tx.write_arrow("train", pads.dataset(folder / "raw.parquet"), keys="id")
    repo.tags.create("v1", at="main")

    # Somebody checks samples without a score, and somebody else goes on adding samples.
    repo.branches.create("review", at="main")
    train = repo.checkout("review")["train"]
    unscored = train.arrow(["sample"], where="score is null and label = 3").table()
    with repo.transaction("review", message="Relabel what has no score") as tx:
        for key in unscored["sample"].to_pylist():
            tx["train"].loc[key] = {"label": 4}
    more = pl.DataFrame({"sample": ["new-1", "new-2"], "label": [1, 2], "score": [0.5, None]})
    emb = pl.Series("emb", np.ones((2, 16), np.float32), dtype=pl.Array(pl.Float32, 16))
    with repo.transaction("main", message="Add samples") as tx:
        tx["train"].extend(more.with_columns(emb))
    repo.merge("review")

    con = vstore.duckdb.attach(repo, v1="v1", now="main")
    added = con.sql("select count(*) from now.train anti join v1.train using (sample)").fetchall()
    changed = con.sql(
        "select o.label, n.label, count(*) from v1.train o join now.train n using (sample) "
        "where o.label <> n.label group by all"
    ).fetchall()
    print(f"{added[0][0]} samples are new; labels changed: {changed}")
    if added != [(2,)] or changed != [(3, 4, unscored.num_rows)]:
        raise SystemExit("the two releases differ otherwise")

    scan = repo.checkout("main")["train"].arrow()
    with pq.ParquetWriter(folder / "train.parquet", scan.schema) as writer, scan.reader() as reader:
        for batch in reader:
            writer.write_batch(batch)
    print(f"{pq.ParquetFile(folder / 'train.parquet').metadata.num_rows:,} samples exported")


if __name__ == "__main__":
    main()
