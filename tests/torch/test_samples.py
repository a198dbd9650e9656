"""Samples by position: lists for `collate_fn`, dicts, transforms, and one form on every path."""

import pickle
import random
from typing import Any

import numpy as np
import pytest

import vstore

torch = pytest.importorskip("torch")

from torch.nn.utils.rnn import pad_sequence  # noqa: E402
from torch.utils.data import (  # noqa: E402
    BatchSampler,
    ConcatDataset,
    DataLoader,
    SequentialSampler,
    Subset,
    default_collate,
)

from vstore.torch import make_torch_dataset  # noqa: E402

SAMPLES = 40


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Any:
    repo = vstore.create(tmp_path_factory.mktemp("samples") / "repo")
    with repo.transaction("main", message="Add samples") as tx:
        spec = {
            "i": vstore.ndarray((), "int64", rows_per_chunk=8),
            "box": vstore.ndarray((2,), "float32", rows_per_chunk=8).as_optional(),
            "words": vstore.ndarray((None,), "int64", rows_per_chunk=8),
            "photo": vstore.image(rows_per_chunk=8).as_optional(),
            "text": vstore.text().as_optional(),
        }
        tx.create_table("t", spec, keys="int").extend(
            {
                "i": np.arange(SAMPLES),
                "box": [[i, i] if i % 3 else None for i in range(SAMPLES)],
                "words": [np.full(i % 4 + 1, i) for i in range(SAMPLES)],
                "photo": [np.full((2, i % 2 + 1), i, "uint8") if i % 3 else None
                          for i in range(SAMPLES)],
                "text": [str(i) if i % 3 else None for i in range(SAMPLES)],
            },
            keys=range(SAMPLES),
        )  # fmt: skip
        tx["t"].delete([0])
    return repo.checkout("main")["t"]


def plain(value: Any) -> Any:
    """Return samples so that they can be compared."""
    if isinstance(value, torch.Tensor):
        return str(value.dtype), value.tolist()
    if isinstance(value, dict):
        return {name: plain(each) for name, each in value.items()}
    return [plain(each) for each in value] if isinstance(value, list | tuple) else value


@pytest.mark.parametrize("memory_nbytes", [1, 2**29])
@pytest.mark.parametrize("as_dict", [False, True])
def test_a_sample_is_the_same_on_every_path(table: Any, as_dict: bool, memory_nbytes: int) -> None:
    dataset = make_torch_dataset(table, as_dict=as_dict, memory_nbytes=memory_nbytes)
    first = [plain(dataset[i]) for i in range(len(dataset))]
    assert [plain(dataset[i]) for i in range(len(dataset))] == first  # they are in memory now
    assert plain(dataset[:]) == plain(dataset[range(39)]) == first
    assert plain(dataset[[3, -1]]) == plain(dataset[np.array([3, 38])]) == [first[3], first[38]]
    assert plain(dataset[torch.tensor([5])]) == [first[5]]
    loader = DataLoader(dataset, batch_size=4, collate_fn=list)
    assert [each for batch in loader for each in plain(batch)] == first
    assert plain(list(DataLoader(dataset, batch_size=None))) == first


def test_missing_samples_are_fill_values_beside_a_mask(table: Any) -> None:
    dataset = make_torch_dataset(table, as_dict=True)
    sample = dataset[2]  # that of the key 3
    names = ["box", "box.valid", "i", "photo", "photo.valid", "text", "text.valid", "words"]
    assert list(sample) == names
    assert (plain(sample["box"]), plain(sample["box.valid"])) == (
        ("torch.float32", [0, 0]),
        ("torch.bool", False),
    )
    assert sample["photo"] is sample["text"] is None
    fields = make_torch_dataset(table)[2]._fields
    assert fields == tuple(name.replace(".", "_") for name in names)
    batch = next(iter(DataLoader(make_torch_dataset(table), batch_size=4)))
    assert batch.box.tolist() == [[1, 1], [2, 2], [0, 0], [4, 4]]
    assert batch.box_valid.tolist() == batch.text_valid.tolist() == [True, True, False, True]
    assert batch.text == ["1", "2", None, "4"]
    assert [None if photo is None else photo.shape for photo in batch.photo] == [
        (2, 2), (2, 1), None, (2, 1),
    ]  # fmt: skip


def test_a_collate_fn_gets_a_list(table: Any) -> None:
    def by_length(batch: list[Any]) -> Any:
        assert type(batch) is list
        batch.sort(key=lambda sample: len(sample.words), reverse=True)
        random.shuffle(batch)
        return pad_sequence([sample.words for sample in batch + batch], batch_first=True)

    for padded in DataLoader(make_torch_dataset(table), batch_size=8, collate_fn=by_length):
        assert padded.shape[1] == 4


@pytest.mark.parametrize("as_dict", [False, True])
def test_default_batches_are_the_same_read_together_or_not(table: Any, as_dict: bool) -> None:
    columns = [table["i"], table["box"]]
    dataset = make_torch_dataset(columns, as_dict=as_dict)
    together = plain(list(DataLoader(dataset, batch_size=4)))
    apart = [dataset[i : i + 4] for i in range(0, 39, 4)]
    assert plain([default_collate(samples) for samples in apart]) == together
    others: list[Any] = [ConcatDataset([dataset]), Subset(dataset, range(39))]
    for other in others:
        assert plain(list(DataLoader(other, batch_size=4))) == together
    batches = BatchSampler(SequentialSampler(dataset), 4, drop_last=False)
    assert plain(list(DataLoader(dataset, batch_sampler=batches))) == together


def test_lists_stay_lists_when_samples_are_put_together_later(table: Any) -> None:
    dataset = make_torch_dataset([table["words"], table["text"]])
    together = plain(list(DataLoader(dataset, batch_size=1)))
    assert plain(list(DataLoader(ConcatDataset([dataset]), batch_size=1))) == together


def test_a_wrapper_that_changes_samples_gets_them_all(table: Any) -> None:
    class Doubled(Subset[Any]):
        def __getitems__(self, indices: Any) -> Any:
            return [sample._replace(i=sample.i * 2) for sample in super().__getitems__(indices)]

    dataset = Doubled(make_torch_dataset([table["i"]]), range(8))
    (batch,) = DataLoader(dataset, batch_size=8)
    assert batch.i.tolist() == [2 * i for i in range(1, 9)]


@pytest.mark.parametrize("as_dict", [False, True])
def test_transforms_of_columns_and_of_samples(table: Any, as_dict: bool) -> None:
    def name_of(sample: Any, name: str) -> Any:
        return sample[name] if as_dict else getattr(sample, name)

    by_column: dict[str, Any] = {"words": lambda words: words[:1], "text": len, "i": float}
    dataset = make_torch_dataset(table, as_dict=as_dict, transforms=by_column)
    assert plain(name_of(dataset[3], "words")) == ("torch.int64", [4])
    assert [name_of(sample, "text") is None for sample in dataset[:3]] == [False, False, True]
    batch = next(iter(DataLoader(dataset, batch_size=4)))
    assert plain(name_of(batch, "words")) == ("torch.int64", [[1], [2], [3], [4]])
    assert plain(name_of(batch, "i")) == ("torch.float64", [1, 2, 3, 4])
    assert name_of(batch, "text") == [1, 1, None, 1]
    with pytest.raises(vstore.InvalidInputError, match="shapes"):
        list(DataLoader(make_torch_dataset(table, transforms={"words": lambda w: w}), batch_size=4))

    def whole(sample: dict[str, Any], generator: np.random.Generator) -> dict[str, Any]:
        return {"sum": sample["words"].sum(), "noise": generator.random()}

    made = make_torch_dataset(table, as_dict=as_dict, transforms=whole)
    batch = next(iter(DataLoader(made, batch_size=4)))
    assert plain(name_of(batch, "sum")) == ("torch.int64", [2, 6, 12, 4])
    assert len(set(name_of(batch, "noise").tolist())) == 4
    assert int(name_of(made[0], "sum")) == 2
    with pytest.raises(vstore.InvalidInputError, match="same names"):
        make_torch_dataset(table, transforms=lambda sample: 5)[0]


def test_worker_processes_give_the_same(table: Any) -> None:
    dataset = make_torch_dataset(table, as_dict=True)
    options: dict[str, Any] = {"num_workers": 1, "multiprocessing_context": "fork"}
    expected = plain(list(DataLoader(dataset, batch_size=8)))
    assert plain(list(DataLoader(dataset, batch_size=8, **options))) == expected


def test_names_that_would_be_two_are_refused(table: Any) -> None:
    twice = [table["i"], table["i"]]
    with pytest.raises(vstore.InvalidInputError, match="two columns have one name"):
        make_torch_dataset(twice, as_dict=True)
    named = make_torch_dataset(twice, field_names=["a b", "c"], as_dict=True)
    assert list(named[0]) == ["a b", "c"]
    with pytest.raises(vstore.InvalidInputError, match="to transform"):
        make_torch_dataset(twice, field_names=["a", "b"], transforms={"i": abs})
    with pytest.raises(vstore.InvalidInputError, match="integers"):
        named["a b"]


@pytest.mark.parametrize("as_dict", [False, True])
@pytest.mark.parametrize("transforms", [None, {"words": lambda words: words + 1}])
def test_a_batch_has_the_chosen_form_and_a_sample_its_own(
    table: Any, as_dict: bool, transforms: Any
) -> None:
    options: dict[str, Any] = {"as_dict": as_dict, "transforms": transforms}
    columns = [table["i"], table["words"], table["photo"]]
    listed = make_torch_dataset(columns, **options)
    dataset = make_torch_dataset(columns, ragged="flat", **options)
    for i in (0, 7, -1):
        assert plain(dataset[i]) == plain(listed[i])
    assert plain(dataset[3:9]) == plain(listed[3:9])
    for number, batch in enumerate(DataLoader(dataset, batch_size=5)):
        fields = batch if as_dict else batch._asdict()
        dot = "." if as_dict else "_"
        words = [each["words"] if as_dict else each.words for each in listed[number * 5 :][:5]]
        assert torch.equal(fields["words"], torch.cat(words))
        assert fields[f"words{dot}offsets"].diff().tolist() == list(map(len, words))
        assert (f"words{dot}shape" in fields) == bool(transforms)
        assert fields[f"photo{dot}shape"].shape == (len(words), 3)


def test_samples_that_were_not_read_together_make_the_same_batch(table: Any) -> None:
    columns = [table["i"], table["words"]]
    kinds: list[Any] = ["flat", "padded", "list"]
    for ragged in kinds:
        dataset = make_torch_dataset(columns, ragged=ragged)
        whole = list(DataLoader(dataset, batch_size=6))
        apart = list(DataLoader(ConcatDataset([dataset]), batch_size=6))
        assert [each._fields for each in whole] == [each._fields for each in apart]
        assert [plain(list(each)) for each in whole] == [plain(list(each)) for each in apart]
        again = pickle.loads(pickle.dumps(dataset))
        assert plain(list(next(iter(DataLoader(again, batch_size=6))))) == plain(list(whole[0]))
