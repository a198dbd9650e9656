"""From arrays to what a training loop takes: transforms, forms of differing samples, batches."""

from typing import Any

import numpy as np
import pytest

import vstore
from vstore.reader import Reader

SAMPLES = 48


@pytest.fixture
def table(request: pytest.FixtureRequest) -> Any:
    repo = vstore.create(f"memory://{request.node.name}")
    with repo.transaction("main", message="Add samples") as tx:
        columns = {
            "label": vstore.ndarray((), "int64"),
            "image": vstore.ndarray((4, 4), "uint8"),
            "points": vstore.ndarray((None, 2), "float32").as_optional(),
            "photo": vstore.image(),
        }
        made = tx.create_table("t", columns)
        for i in range(SAMPLES):
            sample: dict[str, Any] = {
                "label": i,
                "image": np.full((4, 4), i, "uint8"),
                "photo": np.full((2 + i % 3, 5, 3), i, "uint8"),
            }
            if i % 8:
                sample["points"] = np.full((i % 3, 2), i, "float32")
            made.append(sample)
    return repo.checkout("main")["t"]


def test_a_transform_of_whole_samples_sees_and_makes_all_columns(table: Any) -> None:
    def crop(sample: dict[str, Any], generator: np.random.Generator) -> dict[str, Any]:
        row = int(generator.integers(0, 3))
        size = sample["photo"].shape[0]
        return {"label": sample["label"], "part": sample["image"][row : row + 2], "size": size}

    reader = Reader(table, batch_size=10, shuffle=True, transforms=crop)
    first = list(reader)
    assert [batch["part"].shape for batch in first] == [(10, 2, 4)] * 4 + [(8, 2, 4)]
    for batch in first:
        assert (batch["part"][:, 0, 0] == batch["label"]).all()
        assert (batch["size"] == 2 + batch["label"] % 3).all()
    reader.set_epoch(0)
    again = list(reader)
    assert all((a["part"] == b["part"]).all() for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize(
    "transform",
    [lambda s: None, lambda s: {str(s["label"]): 1}, lambda s: [3]],
    ids=["nothing", "other names", "no dict"],
)
def test_a_transform_of_whole_samples_must_return_such(table: Any, transform: Any) -> None:
    with pytest.raises(vstore.InvalidInputError, match="same names"):
        list(Reader(table, ["label"], batch_size=4, transforms=transform))


def test_a_transform_that_fails_ends_the_loop_with_its_own_error(table: Any) -> None:
    def fail(label: int) -> int:
        return 1 // int(label - 17)

    batches = iter(Reader(table, ["label"], batch_size=4, transforms={"label": fail}))
    with pytest.raises(ZeroDivisionError):
        list(batches)


def test_photographs_are_padded_beside_their_shapes(table: Any) -> None:
    for batch in Reader(table, ["label", "photo"], batch_size=6, ragged="padded"):
        heights = 2 + batch["label"] % 3
        assert batch["photo.shape"].tolist() == [[height, 5, 3] for height in heights.tolist()]
        assert batch["photo"].shape == (6, 4, 5, 3)
        for label, height, photo in zip(batch["label"], heights, batch["photo"], strict=True):
            assert (photo[:height] == label).all()
            assert not photo[height:].any()


def test_missing_samples_are_padded_from_nothing(table: Any) -> None:
    for batch in Reader(table, ["label", "points"], batch_size=8, ragged={"points": "padded"}):
        there = batch["points.valid"]
        assert batch["points.shape"][~there].tolist() == [[0, 2]] * int((~there).sum())
        assert not batch["points"][~there].any()
        lengths = np.where(there, batch["label"] % 3, 0)
        assert batch["points.shape"][:, 0].tolist() == lengths.tolist()


def test_each_column_may_have_its_own_form(table: Any) -> None:
    columns = ["points", "photo"]
    batch = next(iter(Reader(table, columns, batch_size=4, ragged={"points": "padded"})))
    assert isinstance(batch["points"], np.ndarray)
    assert isinstance(batch["photo"], list)
    for ragged in ({"image": "padded"}, {"nope": "padded"}, {"points": "stacked"}, "stacked"):
        with pytest.raises(vstore.InvalidInputError, match=r"no column|ragged"):
            Reader(table, batch_size=4, ragged=ragged)  # type: ignore[arg-type]


def test_samples_of_different_rank_cannot_be_padded(table: Any) -> None:
    reader = Reader(
        table,
        ["photo"],
        batch_size=4,
        ragged="padded",
        transforms={"photo": lambda photo: photo[:, :, 0] if photo[0, 0, 0] % 2 else photo},
    )
    with pytest.raises(vstore.InvalidInputError, match="2 or 3 axes"):
        list(reader)


def test_text_made_by_a_transform_cannot_be_padded(table: Any) -> None:
    options: dict[str, Any] = {"ragged": "padded", "transforms": {"photo": lambda photo: "text"}}
    with pytest.raises(vstore.InvalidInputError, match="is for arrays"):
        list(Reader(table, ["photo"], batch_size=4, **options))
