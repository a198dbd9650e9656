"""What a reader gives, a loader and a dataset give, with worker processes and without."""

import json
from typing import Any

import numpy as np
import pytest

import vstore
from vstore.reader import Mixture, Reader, packed, regions

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from vstore.torch import Loader, StreamingDataset  # noqa: E402

SAMPLES = 60


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Any:
    repo = vstore.create(tmp_path_factory.mktemp("sources") / "repo")
    with repo.transaction("main", message="Add samples") as tx:
        for name, first in (("a", 0), ("b", 1000)):
            spec = {
                "i": vstore.ndarray((), "int64", rows_per_chunk=8),
                "words": vstore.ndarray((None,), "int32", rows_per_chunk=8),
            }
            if name == "a":
                spec["text"] = vstore.text()
            samples: dict[str, Any] = {
                "i": np.arange(SAMPLES) + first,
                "words": [np.arange(i % 7) + first for i in range(SAMPLES)],
                "text": [str(i) for i in range(SAMPLES)],
            }
            made = tx.create_table(name, spec, keys="str")
            made.extend({n: samples[n] for n in spec}, keys=[f"{name}{i}" for i in range(SAMPLES)])
        volume = tx.create_array("volume", shape=(12, 10), dtype="int16", chunk_shape=(4, 3))
        volume[:] = np.arange(120).reshape(12, 10)
    return repo.checkout("main")


def both(snapshot: Any, **options: Any) -> Mixture:
    return Mixture({name: snapshot[name] for name in "ab"}, {"a": 1, "b": 2}, **options)


def after(snapshot: Any) -> Mixture:
    reader = Reader(both(snapshot, columns="shared"), batch_size=8, shuffle=True)
    next(iter(reader))
    return both(snapshot, columns="shared", after=reader.state_dict())


WAYS: dict[str, tuple[Any, dict[str, Any]]] = {
    "flat": (lambda s: s["a"], {"ragged": "flat", "key_label": "key"}),
    "packed": (lambda s: {"words": s["a"]["words"]}, {"rows": lambda c: packed(c["words"], 8)}),
    "similar": (lambda s: s["a"], {"lengths": [i % 7 for i in range(SAMPLES)], "ragged": "padded"}),
    "regions": (lambda s: regions(s["volume"], (4, 4), stride=2), {}),
    "all columns": (lambda s: both(s, columns="all", label="from"), {"key_label": "key"}),
    "after": (after, {}),
}


def plain(value: Any) -> Any:
    """Return what a batch has, whatever library it is made for."""
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value.tolist() if hasattr(value, "tolist") else value


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("workers", [0, 2])
def test_all_ways_to_iterate_give_the_same(snapshot: Any, way: str, workers: int) -> None:
    make, options = WAYS[way]
    data = make(snapshot)
    options = {"batch_size": 7, "shuffle": True, "seed": 3, "window": 28} | options
    expected = [plain(batch) for batch in Reader(data, **options)]
    dataset = StreamingDataset(data, **options)
    through = DataLoader(dataset, batch_size=None, num_workers=workers, collate_fn=lambda b: b)
    assert [plain(batch) for batch in through] == expected
    with Loader(data, num_workers=workers, **options) as loader:
        batches = iter(loader)
        taken = [plain(next(batches)) for _ in range(2)]
        state = json.loads(json.dumps(loader.state_dict()))
        assert taken + [plain(batch) for batch in batches] == expected
    with Loader(data, num_workers=workers, **options) as resumed:
        resumed.load_state_dict(state)
        assert [plain(batch) for batch in resumed] == expected[2:]
