"""The guide's table of what batches hold, cell by cell."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from vstore.reader import Reader

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from vstore.torch import StreamingDataset, make_torch_dataset  # noqa: E402

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "training.md"
RECORD = np.dtype([("a", "int32"), ("b", "float32")])
RAGGED = vstore.ndarray((None,), "float32"), [np.ones(n, "float32") for n in (2, 2, 1, 3)]
PHOTOS = vstore.image(), [np.ones((n, 2), "uint8") for n in (2, 2, 1, 3)]
SOUNDS = vstore.audio(rate=8000), [np.ones((n, 1), "int16") for n in (2, 2, 1, 3)]
TEXT = vstore.text(), ["a", "b", "cd", "efg"]


def letters(text: str) -> Any:
    return np.arange(len(text))


ROWS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "numbers": (vstore.ndarray((2,), "float32"), np.ones((4, 2)), {}),
    "dates and durations": (vstore.ndarray((2,), "M8[s]"), np.ones((4, 2), "M8[s]"), {}),
    "text of fixed length": (vstore.ndarray((), "U4"), np.array(["a", "b", "c", "d"]), {}),
    "records": (vstore.ndarray((), RECORD), np.zeros(4, RECORD), {}),
    "`text()`": (*TEXT, {}),
    "`texts()`": (vstore.texts(), [["a"], ["b", "c"], ["d"], ["e", "f"]], {}),
    "`bytes_()`": (vstore.bytes_(), [b"a", b"", b"b", b"c"], {}),
    "`image()`": (*PHOTOS, {}),
    "`audio()`": (*SOUNDS, {}),
    "shapes that differ": (*RAGGED, {}),
    'shapes that differ, `ragged="padded"`': (*RAGGED, {"ragged": "padded"}),
    '`image()`, `ragged="padded"`': (*PHOTOS, {"ragged": "padded"}),
    '`audio()`, `ragged="padded"`': (*SOUNDS, {"ragged": "padded"}),
    'shapes that differ, `ragged="nested"`': (*RAGGED, {"ragged": "nested"}),
    'shapes that differ, `ragged="flat"`': (*RAGGED, {"ragged": "flat"}),
    '`image()`, `ragged="flat"`': (*PHOTOS, {"ragged": "flat"}),
    '`audio()`, `ragged="flat"`': (*SOUNDS, {"ragged": "flat"}),
    "transformed to one shape": (*RAGGED, {"transforms": {"x": lambda x: x[:1]}}),
    "transformed to shapes that differ": (*RAGGED, {"transforms": {"x": lambda x: x + 1}}),
    'the same, `ragged="list"`': (
        *RAGGED,
        {"transforms": {"x": lambda x: x + 1}, "ragged": "list"},
    ),
    'the same, `ragged="flat"`': (
        *RAGGED,
        {"transforms": {"x": lambda x: x + 1}, "ragged": "flat"},
    ),
    "transformed to text": (*RAGGED, {"transforms": {"x": str}}),
    "optional text, transformed to arrays by column": (
        vstore.text().as_optional(),
        ["a", "b", None, "c"],
        {"transforms": {"x": letters}},
    ),
    "the mask of an optional column": (vstore.text().as_optional(), ["a", None, "b", None], {}),
    "keys, `int` or none": (*TEXT, {"key_label": "key"}),
    "keys, `str`": (*TEXT, {"key_label": "key"}),
    "keys, `tuple`": (*TEXT, {"key_label": "key"}),
}
KEYS: dict[str, tuple[Any, Any]] = {
    "keys, `str`": ("str", list("abcd")),
    "keys, `tuple`": ("tuple", [("a", i) for i in range(4)]),
}


def looked_at(row: str) -> str:
    """Return the name that a batch has for what a row of the table is about."""
    if row.startswith("keys"):
        return "key"
    return "x.valid" if row.startswith("the mask") else "x"


def told() -> dict[str, list[str]]:
    """Return the cells of the table by the first one of a row."""
    text = GUIDE.read_text(encoding="utf-8")
    table = text[text.index("| Column | Batch, NumPy") :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {name: cells for name, *cells in rows}


def form(value: Any) -> str:
    """Return in the guide's words what a value is."""
    if isinstance(value, torch.Tensor):
        return "nested tensor" if value.is_nested else "tensor"
    if isinstance(value, list):
        kinds = {form(each) for each in value if each is not None}
        assert len(kinds) == 1
        return f"list of {kinds.pop()}"
    names: dict[type, str] = {np.ndarray: "array", np.void: "record"}
    names |= {kind: kind.__name__ for kind in (str, bytes, dict, tuple)}
    return next((name for kind, name in names.items() if isinstance(value, kind)), "scalar")


def forms(row: str, make: Any, data: Any, batch_size: int | None) -> str:
    """Return what all that a reader gives has in common; None stands for missing samples."""
    name = looked_at(row)
    found = set()
    try:
        for collate in ("dict", "tuple"):
            made = make(data, batch_size=batch_size, collate=collate, **ROWS[row][2])
            for given in made:
                value = given[name] if collate == "dict" else given[name != "x"]
                found.add("missing" if value is None else form(value))
    except vstore.InvalidInputError:
        return "refused"
    assert len(found - {"missing"}) == 1
    return (found - {"missing"}).pop()


def loaded(data: Any, **options: Any) -> Any:
    # Torch makes a list of a tuple, as the guide says, unless it is told to do nothing.
    keys: Any = {"collate_fn": lambda batch: batch} if "key_label" in options else {}
    return DataLoader(StreamingDataset(data, **options), batch_size=None, **keys)


def test_the_table_has_these_rows() -> None:
    assert list(told()) == list(ROWS)


@pytest.mark.parametrize("row", ROWS)
def test_what_the_guide_tells_of_a_column_is_so(row: str) -> None:
    spec, values, _ = ROWS[row]
    repo = vstore.create(f"memory://forms-{list(ROWS).index(row)}")
    with repo.transaction("main", message="Add samples") as tx:
        kind, keys = KEYS.get(row, (None, None))
        tx.create_table("t", {"x": spec}, keys=kind).extend({"x": values}, keys=keys)
    table = repo.checkout("main")["t"]
    expected = told()[row]
    readers: list[Any] = [Reader, StreamingDataset]
    cells = [forms(row, make, table, size) for size in (2, None) for make in readers]
    assert cells == expected
    assert [forms(row, loaded, table, size) for size in (2, None)] == expected[1::2]
    by_position(row, table, expected[1], expected[3])


def by_position(row: str, table: Any, batch: str, sample: str) -> None:
    """Check a map-style dataset: in it, samples are what they are whatever becomes of a batch."""
    name = looked_at(row)
    options = ROWS[row][2]
    for as_dict in (True, False):
        dataset = make_torch_dataset(table, as_dict=as_dict, field_names=["x"], **options)
        given = [dataset[i] for i in range(4)]
        values = [each[name] if as_dict else each[name != "x"] for each in given]
        found = {form(each) for each in values if each is not None}
        assert sample in (*found, "refused")
        assert len(found) == 1
        try:
            batches = list(DataLoader(dataset, batch_size=2))
        except vstore.InvalidInputError:
            assert batch == "refused"
            continue
        made = [each[name] if as_dict else each[name != "x"] for each in batches]
        assert {form(each) for each in made} == {batch}
        if options.get("ragged") == "flat":
            offsets = "x.offsets" if as_dict else "x_offsets"
            assert all(offsets in (each if as_dict else each._fields) for each in batches)
