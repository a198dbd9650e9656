"""Neighboring ranks get the same samples, and groups of them share all samples."""

from importlib import import_module
from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import new_repository
from vstore.reader import Mixture, Reader


@pytest.fixture(scope="module")
def table() -> Any:
    repo = new_repository()
    with repo.transaction("main", message="Count") as tx:
        made = tx.create_table("t", {"i": vstore.ndarray((), "int64", rows_per_chunk=8)})
        made.extend({"i": np.arange(150)})
    return repo.checkout("main")["t"]


def reader(data: Any, rank: int, world_size: int, **options: Any) -> Reader:
    chosen: dict[str, Any] = {"batch_size": 4, "shuffle": True, "seed": 9}
    return Reader(data, rank=rank, world_size=world_size, **(chosen | options))


@pytest.mark.parametrize("batch_size", [4, None])
@pytest.mark.parametrize("kind", ["table", "mixture"])
def test_a_group_reads_what_one_rank_of_so_many_groups_reads(
    table: Any, kind: str, batch_size: Any
) -> None:
    data = table if kind == "table" else Mixture([table, table], [1, 2])
    for rank in range(6):
        group = reader(data, rank, 6, replication=3, batch_size=batch_size)
        alone = reader(data, rank // 3, 2, batch_size=batch_size)
        read, expected = list(group), list(alone)
        assert len(read) == len(expected) == len(group)
        assert all(np.array_equal(a["i"], b["i"]) for a, b in zip(read, expected, strict=True))


def test_transforms_draw_alike_in_a_group(table: Any) -> None:
    def noisy(value: Any, generator: np.random.Generator) -> float:
        return float(value + generator.random())

    def drawn(rank: int) -> list[float]:
        made = reader(table, rank, 4, replication=2, transforms={"i": noisy})
        return [x for batch in made for x in batch["i"].tolist()]

    assert drawn(0) == drawn(1) != drawn(2)


def test_a_state_goes_on_with_other_groups(table: Any) -> None:
    parts = [reader(table, rank, 4, replication=2) for rank in range(4)]
    seen: list[int] = []
    for rank, part in enumerate(parts):
        batches = iter(part)
        taken = [int(i) for _ in range(5) for i in next(batches)["i"]]
        seen += taken if rank % 2 else []
    for state in (part.state_dict() for part in parts):
        alone = reader(table, 0, 1, batch_size=8)
        alone.load_state_dict(state)
        rest = [int(i) for batch in alone for i in batch["i"]]
        assert sorted(seen + rest) == list(range(150))


def test_a_process_alone_is_a_group_and_ranks_make_whole_groups(table: Any) -> None:
    assert len(reader(table, 0, 1, replication=8)) == len(reader(table, 0, 1))
    with pytest.raises(vstore.InvalidInputError, match="6 ranks make no whole groups of 4"):
        reader(table, 0, 6, replication=4)
    for wrong in (0, 1.5, None):
        with pytest.raises(vstore.InvalidInputError, match="replication"):
            reader(table, 0, 2, replication=wrong)


def test_torch_follows_the_ranks_of_its_launcher(
    table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    torch = import_module("vstore.torch")
    options = {"batch_size": 4, "shuffle": True, "seed": 9, "replication": 2}
    made = [torch.StreamingDataset(table, **options), torch.Loader(table, **options)]
    made.append(torch.Loader(table, num_workers=1, multiprocessing_context="fork", **options))
    monkeypatch.setenv("WORLD_SIZE", "4")
    for rank in (1, 2):
        monkeypatch.setenv("RANK", str(rank))
        expected = [batch["i"].tolist() for batch in reader(table, rank // 2, 2)]
        for each in made:
            each.set_epoch(0)
            assert [batch["i"].tolist() for batch in each] == expected
    made[2].close()
