"""Read a few samples by commit hash, as a cloud function would.

The handler gets an event such as

    {"url": "s3://bucket/fashion@9f3ac2...", "table": "test", "positions": [17, 4]}

with `"keys"` in place of `"positions"` where samples have keys, and `"columns"` for some columns
only. A commit never changes, so what a warm function has opened stays right for ever. Run this
file to see what it answers, and how few requests that takes:

    python examples/serverless_handler.py
"""

import argparse
import base64
import json
import tempfile
from functools import lru_cache
from typing import Any

import numpy as np

import vstore
from vstore.storage import CountingStore

Event = dict[str, Any]


def handler(event: Event, context: object = None) -> dict[str, Any]:
    """Answer one event: the entry point of the cloud function."""
    del context
    return answer(opened(event["url"]), event)


@lru_cache(maxsize=16)
def opened(url: str) -> vstore.Snapshot:
    """Return the commit that a URL names, opened once as long as the function stays warm."""
    return vstore.checkout(url)


def answer(snapshot: vstore.Snapshot, event: Event) -> dict[str, Any]:
    """Return the samples that an event asks for, as JSON can hold them."""
    table = snapshot[event["table"]]
    if not isinstance(table, vstore.Table):
        raise vstore.InvalidInputError(f"{event['table']!r} is not a table")
    positions = event.get("positions")
    if positions is None:
        positions = [table.position(key) for key in event["keys"]]
    columns = {name: table[name][positions] for name in event.get("columns", table.columns)}
    samples = [
        {name: plain(values[i]) for name, values in columns.items()} for i in range(len(positions))
    ]
    return {"commit": snapshot.commit.id, "samples": samples}


def plain(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def main() -> None:
    """Make a small repository and ask the handler for samples of it."""
    parser = argparse.ArgumentParser(description="Read samples as a cloud function would.")
    parser.add_argument("--url", help="where to make the repository (default: a temporary folder)")
    parser.add_argument("--quick", action="store_true", help="with 100 samples, not 10,000")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        demonstrate(arguments.url or folder, samples=100 if arguments.quick else 10_000)


def demonstrate(url: str, *, samples: int) -> None:
    """Print what the handler answers, and how many requests a cold start takes."""
    repo = vstore.create(url)
    with repo.transaction("main", message="Add some shoes") as tx:
        table = tx.create_table(
            "shoes", {"image": vstore.ndarray((4, 4), "uint8"), "name": vstore.text()}, keys="str"
        )
        images = np.random.default_rng(0).integers(0, 256, (samples, 4, 4), dtype="uint8")
        names = [f"shoe {i}" for i in range(samples)]
        keys = [f"shoe-{i}" for i in range(samples)]
        table.extend({"image": images, "name": names}, keys=keys)
    address = f"{url}@{repo.resolve('main')}"

    by_position = {"url": address, "table": "shoes", "positions": [17, 4], "columns": ["image"]}
    print(json.dumps(handler(by_position)))
    by_key = {"url": address, "table": "shoes", "keys": ["shoe-42"]}
    print(json.dumps(handler(by_key)["samples"]))

    counting = CountingStore(repo.store)
    snapshot = vstore.Repository(counting).checkout(repo.resolve("main"))
    for what, event in (("by position", by_position), ("by key", by_key)):
        answer(snapshot, event)
        print(f"{what:11}: {counting.summary()}")
        counting.reset()


if __name__ == "__main__":
    main()
