"""The ways to import: vstore's, and those of other tools. Each runs in a process of its own."""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Way = Callable[[Path, Path], None]


def vstore_way(*words: str) -> Way:
    """Import with vstore into a new repository."""

    def run(source: Path, target: Path) -> None:
        import vstore
        from vstore.importers import import_into, open_rows

        repo = vstore.create(target)
        options: dict[str, Any] = {"with_": words[0]} if words else {}
        with repo.transaction("main", message="Import") as tx:
            import_into(tx, "train", open_rows(source, **options))

    return run


def hugging_face(builder: str, suffix: str = "") -> Way:
    """Load with Hugging Face's builder, and keep the data set on disk with its files."""

    def run(source: Path, target: Path) -> None:
        os.environ["HF_HUB_OFFLINE"] = "1"
        import datasets

        datasets.disable_progress_bars()
        where = {"data_files": str(source / suffix)} if suffix else {"data_dir": str(source)}
        cache = target / "cache"
        found = datasets.load_dataset(builder, split="train", cache_dir=str(cache), **where)
        found.save_to_disk(str(target / "kept"))
        subprocess.run(["rm", "-rf", str(cache)], check=True)

    return run


def webdataset(source: Path, target: Path) -> None:
    """Write a tar file of samples, as WebDataset reads them."""
    import webdataset as wds

    target.mkdir()
    with wds.TarWriter(str(target / "train.tar")) as sink:
        for path in sorted(source.rglob("*.*")):
            key = path.relative_to(source).with_suffix("").as_posix()
            sink.write({"__key__": key, path.suffix[1:]: path.read_bytes()})


def pandas_csv(source: Path, target: Path) -> None:
    """Read CSV with pandas, and write Parquet."""
    import pandas as pd

    target.mkdir()
    found = pd.read_csv(source / "rows.csv", parse_dates=["seen"])
    found.to_parquet(target / "rows.parquet", compression="zstd")


def pandas_parquet(source: Path, target: Path) -> None:
    """Read Parquet with pandas, and write it."""
    import pandas as pd

    target.mkdir()
    found = pd.read_parquet(source / "rows.parquet")
    found.to_parquet(target / "rows.parquet", compression="zstd")


def dvc_add(source: Path, target: Path) -> None:
    """Copy the source into a work tree, which is not timed, and add it with DVC."""
    program = os.environ["DVC"]
    target.mkdir()
    run = {"cwd": target, "check": True, "stdout": subprocess.DEVNULL}
    subprocess.run([program, "init", "--no-scm", "-q"], **run)
    subprocess.run([program, "config", "core.analytics", "false"], **run)
    subprocess.run(["cp", "-r", str(source), str(target / "data")], check=True)
    started = time.perf_counter()
    subprocess.run([program, "add", "-q", "data"], **run)
    REPORT["seconds"] = time.perf_counter() - started
    REPORT["stored"] = str(target / ".dvc" / "cache" / "files")


REPORT: dict[str, Any] = {}
"""What a way says of itself, in place of what is measured around it."""

WAYS: dict[str, dict[str, Way]] = {
    "images": {
        "vstore": vstore_way(),
        "datasets imagefolder": hugging_face("imagefolder"),
        "webdataset": webdataset,
        "dvc add": dvc_add,
    },
    "sounds": {
        "vstore": vstore_way(),
        "datasets audiofolder": hugging_face("audiofolder"),
        "webdataset": webdataset,
        "dvc add": dvc_add,
    },
    "csv": {
        "vstore": vstore_way(),
        "datasets csv": hugging_face("csv", "rows.csv"),
        "pandas, Parquet": pandas_csv,
        "dvc add": dvc_add,
    },
    "parquet": {
        "vstore": vstore_way(),
        "datasets parquet": hugging_face("parquet", "rows.parquet"),
        "pandas, Parquet": pandas_parquet,
        "dvc add": dvc_add,
    },
    "tiny": {
        "vstore": vstore_way("files"),
        "webdataset": webdataset,
        "dvc add": dvc_add,
    },
}


def main(kind: str, way: str, source: str, target: str) -> None:
    """Run one way, and print how long it took, the memory it had at most, and what it stored."""
    started = time.perf_counter()
    WAYS[kind][way](Path(source), Path(target))
    seconds = REPORT.get("seconds", time.perf_counter() - started)
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(each).ru_maxrss for each in who) * 1024
    cpu = sum(sum(resource.getrusage(each)[:2]) for each in who)
    stored = Path(REPORT.get("stored", target))
    nbytes = sum(path.stat().st_size for path in stored.rglob("*") if path.is_file())
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak, "nbytes": nbytes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
