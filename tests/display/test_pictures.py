"""Pictures of arrays: what is encoded is what was given, and differences have a direction."""

import io

import numpy as np
import pytest
from PIL import Image

from vstore.display import pictures, plots
from vstore.display.html import Markup, element, text
from vstore.display.values import cell, plane_of


@pytest.mark.parametrize("shape", [(1, 1), (5, 7), (5, 7, 2), (5, 7, 3), (3, 2, 4)])
def test_png_holds_the_pixels(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    with Image.open(io.BytesIO(pictures.png(pixels))) as opened:
        assert np.array_equal(np.asarray(opened), pixels)


@pytest.mark.parametrize("dtype", ["uint8", "bool", "uint16", "int64", "float16", "float64"])
@pytest.mark.parametrize("shape", [(2, 2), (50, 3), (3, 500), (9, 9, 3), (4, 6, 8), (2, 3, 4, 5)])
def test_any_array_of_numbers_has_a_picture(dtype: str, shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    plane = plane_of(values)
    assert plane is not None
    pixels = pictures.as_pixels(plane, limit=32)
    assert pixels.dtype == np.uint8
    assert max(pixels.shape[:2]) <= 32


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_gray(value: float) -> None:
    values = np.array([[0.0, value], [1.0, 2.0]])
    pixels = pictures.colored(values)
    assert pixels[0, 1].tolist() == [128, 128, 128]
    assert pixels[1, 1].tolist() == [253, 231, 37]
    assert pictures.colored(np.full((2, 2), value)).tolist() == [[[128] * 3] * 2] * 2


def test_a_difference_is_red_for_more_and_blue_for_less() -> None:
    old = np.full((8, 8), 100, np.uint8)
    new = old.copy()
    new[0, 0], new[7, 7] = 200, 0
    found = pictures.difference(old, new, limit=4)
    assert found is not None
    assert found.shape == (4, 4, 3)
    assert found[0, 0, 0] > found[0, 0, 2]
    assert found[3, 3, 2] > found[3, 3, 0]
    assert set(found[1, 1].tolist()) == {247}
    assert pictures.difference(old, new[:4], limit=4) is None


def test_equal_and_empty_arrays_have_no_difference_to_see() -> None:
    same = pictures.difference(np.zeros((3, 3)), np.zeros((3, 3)), limit=9)
    assert same is not None
    assert set(same.ravel().tolist()) == {247}
    assert pictures.difference(np.zeros((0, 3)), np.zeros((0, 3)), limit=9) is None


@pytest.mark.parametrize(
    ("shape", "chunk"),
    [((), ()), ((0, 5), (1, 5)), ((9,), (2,)), ((10**12, 3), (1, 3)), ((5, 5, 5, 5), (2, 2, 2, 2))],
)
def test_chunks_of_any_array_are_drawn(shape: tuple[int, ...], chunk: tuple[int, ...]) -> None:
    drawn = plots.chunks(shape, chunk)
    assert len(drawn) < 20_000
    assert bool(drawn) == bool(shape and all(shape))


def test_curves_and_bars_take_any_numbers() -> None:
    assert "M" not in plots.curve([float("nan")] * 3).partition(" d=")[2].partition('"')[2][:2]
    assert plots.curve([])
    assert all(plots.bars(counts) for counts in ([], [0, 0], [1, 5]))


def test_only_markup_is_markup() -> None:
    assert element("b", "<i>", element("i", "&"), None) == "<b>&lt;i&gt;<i>&amp;</i></b>"
    assert element("a", title='"><script>') == '<a title="&quot;&gt;&lt;script&gt;"></a>'
    assert text("\ud800") == "\\ud800"
    assert isinstance(text(3), Markup)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "x" * 9999,
        b"\0" * 99,
        3,
        1.5,
        np.datetime64("2020-01-01"),
        np.zeros((0, 3)),
        [],
        ["a"],
    ],
)
def test_any_value_has_a_cell(value: object) -> None:
    assert len(text(cell(value, size=40, alt="a"))) < 1000
