"""A batch has one form, whatever samples meet in it."""

from typing import Any

import numpy as np
import pytest
import zarr

import vstore
from vstore.reader import Reader


def table_of(request: pytest.FixtureRequest, columns: dict[str, Any], *parts: Any) -> Any:
    repo = vstore.create(f"memory://{request.node.name}")
    with repo.transaction("main", message="Add samples") as tx:
        made = tx.create_table("t", columns)
        for part in parts:
            made.extend(part)
    return repo.checkout("main")["t"]


@pytest.fixture
def points(request: pytest.FixtureRequest) -> Any:
    """Samples of which those of a batch have equal lengths, different ones, or are missing."""
    lengths: list[int | None] = [2, 2, 1, 3, None, 2, None, None]
    values = [None if n is None else np.full((n, 2), n, "float32") for n in lengths]
    columns = {
        "p": vstore.ndarray((None, 2), "float32").as_optional(),
        "y": vstore.ndarray((), "int64"),
    }
    return table_of(request, columns, {"p": values, "y": np.arange(8)})


TRANSFORMS: dict[str, Any] = {
    "none": {},
    "of a column": {"p": lambda p: p * 2},
    "of a sample": lambda s: s | {"p": None if s["p"] is None else s["p"] * 2},
}


@pytest.mark.parametrize("transforms", TRANSFORMS.values(), ids=TRANSFORMS)
def test_padded_arrays_come_with_their_shapes_in_every_batch(points: Any, transforms: Any) -> None:
    options: dict[str, Any] = {"ragged": {"p": "padded"}, "transforms": transforms}
    batches = list(Reader(points, batch_size=2, **options))
    for batch in batches:
        assert list(batch) == ["p", "p.shape", "p.valid", "y"]
        assert (batch["p"].dtype, batch["p"].ndim) == (np.float32, 3)
    shapes = [batch["p.shape"].tolist() for batch in batches]
    assert shapes == [[[2, 2], [2, 2]], [[1, 2], [3, 2]], [[0, 2], [2, 2]], [[0, 2], [0, 2]]]
    tuples = Reader(points, ["p", "y"], batch_size=2, collate="tuple", **options)
    assert [each[1].tolist() for each in tuples] == shapes


@pytest.mark.parametrize("transforms", TRANSFORMS.values(), ids=TRANSFORMS)
def test_lists_stay_lists_where_all_are_of_one_shape(points: Any, transforms: Any) -> None:
    choices: list[Any] = ["list", {"p": "list"}]
    for ragged in choices:
        for batch in Reader(points, batch_size=2, ragged=ragged, transforms=transforms):
            assert isinstance(batch["p"], list)
            assert [each is not None for each in batch["p"]] == batch["p.valid"].tolist()


def test_a_missing_sample_does_not_change_the_data_type(points: Any) -> None:
    counted: dict[str, Any] = {"p": lambda p: p.sum(1).astype("int16")}
    reader = Reader(points, ["p"], batch_size=2, ragged="padded", transforms=counted)
    assert [batch["p"].dtype for batch in reader][:3] == [np.int16] * 3
    assert [batch["p.shape"].tolist() for batch in reader][2] == [[0], [2]]


def test_transformed_samples_of_different_shapes_need_a_form(request: Any) -> None:
    table = table_of(
        request, {"p": vstore.ndarray((None,), "float32")}, {"p": [[1, 2], [3, 4], [5], [6, 7, 8]]}
    )
    shifted: dict[str, Any] = {"p": lambda p: p + 1}
    with pytest.raises(vstore.InvalidInputError, match="depend on which samples"):
        list(Reader(table, batch_size=2, transforms=shifted))
    cut = Reader(table, batch_size=2, transforms={"p": lambda p: p[:1]})
    assert [batch["p"].tolist() for batch in cut] == [[[1], [3]], [[5], [6]]]
    some: dict[str, Any] = {"p": lambda p: p if len(p) == 2 else "other"}
    with pytest.raises(vstore.InvalidInputError, match="arrays and str"):
        list(Reader(table, batch_size=4, transforms=some))


def test_a_form_may_be_chosen_for_what_a_transform_makes(request: Any) -> None:
    table = table_of(request, {"text": vstore.text()}, {"text": ["a", "bc", "", "def"]})

    def letters(text: str) -> Any:
        return np.frombuffer(text.encode(), np.uint8)

    options: dict[str, Any] = {"batch_size": 2, "ragged": {"text": "padded"}}
    batches = list(Reader(table, transforms={"text": letters}, **options))
    assert [batch["text.shape"].tolist() for batch in batches] == [[[1], [2]], [[0], [3]]]
    assert batches[1]["text"].tolist() == [[0, 0, 0], list(b"def")]
    whole: dict[str, Any] = {"ragged": {"codes": "padded"}}
    codes = Reader(table, batch_size=2, transforms=lambda s: {"codes": letters(s["text"])}, **whole)
    assert [batch["codes.shape"].tolist() for batch in codes] == [[[1], [2]], [[0], [3]]]


def test_single_samples_do_not_depend_on_their_neighbours(points: Any) -> None:
    lengthened: dict[str, Any] = {"p": lambda p: p * 2, "y": lambda y: np.arange(y)}
    samples = list(Reader(points, batch_size=None, transforms=lengthened))
    assert [None if s["p"] is None else len(s["p"]) for s in samples][:5] == [2, 2, 1, 3, None]
    assert [s["y"].tolist() for s in samples] == [list(range(i)) for i in range(8)]
    with pytest.raises(vstore.InvalidInputError, match="single samples"):
        Reader(points, batch_size=None, ragged="padded")


def test_padded_images_always_have_channels(request: Any) -> None:
    gray, color = np.ones((2, 3), "uint8"), np.ones((4, 2, 3), "uint8")
    table = table_of(request, {"photo": vstore.image()}, {"photo": [gray, gray, gray, color]})
    batches = list(Reader(table, batch_size=2, ragged="padded"))
    assert [batch["photo"].shape for batch in batches] == [(2, 2, 3, 1), (2, 4, 3, 3)]
    assert batches[1]["photo.shape"].tolist() == [[2, 3, 1], [4, 2, 3]]
    plain = next(iter(Reader(table, batch_size=2)))
    assert [photo.shape for photo in plain["photo"]] == [(2, 3), (2, 3)]


@pytest.mark.parametrize("dtype", ["M8[s]", "m8[ms]"])
def test_missing_dates_are_not_a_time_however_they_were_written(request: Any, dtype: str) -> None:
    day = np.ones((), dtype)[()]
    part = {"d": [None, day]}
    masked = {"d": np.ma.MaskedArray(np.full(2, day), [True, False])}
    columns = {"d": vstore.ndarray((), dtype).as_optional()}
    table = table_of(request, columns, part, part, masked)
    (batch,) = Reader(table, batch_size=6)
    assert np.isnat(batch["d"]).tolist() == [True, False] * 3
    assert np.isnat(table["d"][:].data).tolist() == [True, False] * 3


def test_what_is_stored_in_the_place_of_a_missing_sample_does_not_show(request: Any) -> None:
    columns = {"x": vstore.ndarray((), "int64", fill_value=-1).as_optional()}
    table = table_of(request, columns, {"x": [5, None, 7]})
    repo = vstore.open(f"memory://{request.node.name}")
    with repo.transaction("main", message="Write behind the mask") as tx:
        zarr.open_array(tx.store, path="t/x", mode="r+")[1] = 99
    changed = repo.checkout("main")["t"]
    for data in (table, changed):
        (batch,) = Reader(data, batch_size=3)
        assert batch["x"].tolist() == [5, -1, 7]


def test_dates_are_padded_with_not_a_time(request: Any) -> None:
    days = [np.arange(n).astype("M8[D]") for n in (1, 2)]
    table = table_of(request, {"d": vstore.ndarray((None,), "M8[D]")}, {"d": days})
    (batch,) = Reader(table, batch_size=2, ragged="padded")
    assert np.isnat(batch["d"]).tolist() == [[False, True], [False, False]]


@pytest.mark.parametrize("shape", [(0,), (2, 0), (0, 3)])
def test_samples_without_elements_are_read(request: Any, shape: tuple[int, ...]) -> None:
    columns = {"a": vstore.ndarray(shape, "float32"), "b": vstore.ndarray((), "int64")}
    table = table_of(request, columns, {"a": np.zeros((3, *shape)), "b": [1, 2, 3]})
    for options in ({}, {"memory_nbytes": 1}, {"shuffle": True}):
        batches = list(Reader(table, batch_size=2, **options))
        assert [batch["a"].shape for batch in batches] == [(2, *shape), (1, *shape)]
        assert sorted(n for batch in batches for n in batch["b"].tolist()) == [1, 2, 3]


def test_no_column_takes_the_name_of_what_comes_with_another(points: Any, request: Any) -> None:
    given = {"p": points["p"], "p.shape": points["y"]}
    Reader(given, batch_size=2)
    for ragged in ("padded", {"p": "padded"}):
        with pytest.raises(vstore.InvalidInputError, match=r"part of 'p' is called 'p.shape'"):
            Reader(given, batch_size=2, ragged=ragged)  # type: ignore[arg-type]
    with pytest.raises(vstore.InvalidInputError, match=r"'p.valid' is the mask"):
        Reader({"p": points["p"], "p.valid": points["y"]}, batch_size=2)
    made: dict[str, Any] = {"transforms": lambda s: {"p": s["p"], "p.shape": 1}}
    with pytest.raises(vstore.InvalidInputError, match=r"two columns called 'p.shape'"):
        list(Reader(points, ["p"], batch_size=2, ragged="padded", **made))
    repo = vstore.open(f"memory://{request.node.name}")
    for name in ("x.shape", "x.valid"):
        with pytest.raises(vstore.InvalidInputError, match="reserved by vstore"):
            repo.transaction("main", message="Add").__enter__().create_table(
                "u", {"x": vstore.ndarray((), "int64"), name: vstore.ndarray((), "int64")}
            )
