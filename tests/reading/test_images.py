"""Image columns keep values, or refuse files by name: modes, orientation, damage."""

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

import vstore
from vstore.format.table.orientation import jpeg_orientation

IDS = np.array([[0, 1, 2, 3]], np.uint8)
DEPTH = np.array([[0, 100, 255, 256, 1000, 40000]], np.uint16)
COLORS = np.random.default_rng(0).integers(0, 256, (20, 30, 3), "uint8")


def encoded(image: Any, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def palette() -> Any:
    image = Image.frombytes("P", (4, 1), IDS.tobytes())
    image.putpalette([value % 256 for i in range(256) for value in (i * 40, 10, 200 - i % 200)])
    return image


FILES: dict[str, bytes] = {
    "gray": encoded(Image.fromarray(COLORS[..., 0])),
    "RGB": encoded(Image.fromarray(COLORS)),
    "RGBA": encoded(Image.fromarray(np.dstack([COLORS, COLORS[..., :1]]))),
    "gray JPEG": encoded(Image.fromarray(COLORS[..., 0]), "JPEG"),
    "JPEG": encoded(Image.fromarray(COLORS), "JPEG"),
    "WebP": encoded(Image.fromarray(COLORS), "WEBP", lossless=True),
    "I16": encoded(Image.fromarray(DEPTH)),
    "P": encoded(palette()),
    "1": encoded(Image.fromarray(np.array([[True, False]]))),
    "CMYK": encoded(Image.fromarray(COLORS).convert("CMYK"), "JPEG"),
    "LA": encoded(Image.fromarray(COLORS).convert("LA")),
}
PLAIN = ("gray", "LA", "RGB", "RGBA", "gray JPEG", "JPEG", "WebP")


def column(data: Any, **options: Any) -> vstore.Column:
    column.__dict__["count"] = column.__dict__.get("count", 0) + 1
    repo = vstore.create(f"memory://images-{column.__dict__['count']}")
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", {"x": vstore.image(**options)}).append({"x": data})
    assert repo.fsck(mode="full", decode=True).is_sound
    return repo.checkout()["t"]["x"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", PLAIN)
def test_plain_images_are_as_they_were(name: str) -> None:
    found = column(FILES[name])[0]
    expected = np.asarray(Image.open(io.BytesIO(FILES[name])))
    assert found.shape == expected.shape
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= (3 if "JPEG" in name else 0)


@pytest.mark.parametrize("name", sorted(FILES.keys() - set(PLAIN)))
def test_values_are_not_changed_without_saying_so(name: str) -> None:
    with pytest.raises(vstore.InvalidInputError, match=r"'x'.*pixels") as refused:
        column(FILES[name])
    assert refused.value.code == "image-not-taken"
    assert refused.value.hint is not None
    advice = refused.value.hint.split("`")[1]
    assert column(FILES[name], mode=eval(advice).info.mode)[0].size


@pytest.mark.parametrize(
    ("mode", "expected"), [("I16", DEPTH), ("P", IDS), ("1", np.array([[True, False]]))]
)
def test_modes_give_the_values_of_the_file(mode: str, expected: NDArray[Any]) -> None:
    for data in (FILES[mode], expected):
        found = column(data, mode=mode)
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found[0], expected)
        assert found[0].dtype == expected.dtype


def test_colors_are_made_where_they_are_asked_for() -> None:
    palette_colors = np.asarray(palette().convert("RGB"))
    np.testing.assert_array_equal(column(FILES["P"], mode="RGB")[0], palette_colors)
    assert column(FILES["CMYK"], mode="CMYK")[0].shape == (20, 30, 4)
    assert column(FILES["gray"], mode="RGB")[0].shape == (20, 30, 3)
    assert column(FILES["gray JPEG"], mode="RGB")[0].shape == (20, 30, 3)
    assert column(FILES["RGBA"], mode="L")[0].shape == (20, 30)
    for name, data in FILES.items():
        for mode, channels in (("L", 0), ("LA", 2), ("RGB", 3), ("RGBA", 4)):
            if name != "I16":
                assert column(data, mode=mode)[0].shape[2:] == ((channels,) if channels else ())


def test_gray_with_transparency_keeps_both() -> None:
    pixels = np.dstack([COLORS[..., 0], COLORS[..., 1]])
    for mode in ("auto", "LA"):
        for given in (pixels, encoded(Image.fromarray(pixels))):
            found = column(given, mode=mode)
            np.testing.assert_array_equal(found[0], pixels)
            assert found.info(0).mode == "LA"
    seen = column(encoded(Image.fromarray(pixels)), mode="RGBA")[0]
    np.testing.assert_array_equal(seen, pixels[..., [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("mode", "name"), [("L", "I16"), ("P", "RGB"), ("1", "gray"), ("I16", "gray"), ("CMYK", "JPEG")]
)
def test_modes_refuse_what_they_cannot_give(mode: str, name: str) -> None:
    with pytest.raises(vstore.InvalidInputError):
        column(FILES[name], mode=mode)


def test_arrays_must_be_of_the_mode() -> None:
    for mode, pixels in (("L", COLORS), ("RGB", IDS), ("I16", IDS), ("auto", DEPTH), ("P", DEPTH)):
        with pytest.raises(vstore.InvalidInputError):
            column(pixels, mode=mode)
    with pytest.raises(vstore.InvalidInputError):
        vstore.image(mode="HSV")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("number", range(1, 9))
def test_images_are_turned_as_their_files_say(kind: str, number: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = number
    data = encoded(Image.fromarray(COLORS), kind, exif=exif.tobytes())
    opened = Image.open(io.BytesIO(data))
    upright = np.asarray(ImageOps.exif_transpose(opened))
    found = column(data)
    assert found[0].shape == upright.shape
    assert np.abs(found[0].astype(int) - upright).max() <= 3
    assert column(data, orient=False)[0].shape == COLORS.shape
    assert found.encoded(0) == data


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_a_malformed_orientation_says_nothing(cut: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(Image.fromarray(COLORS), "JPEG", exif=exif.tobytes())
    assert jpeg_orientation(data) == 6
    assert jpeg_orientation(data[:cut]) in (1, 6)


@pytest.mark.parametrize("name", PLAIN)
def test_damaged_files_are_refused_when_they_are_written(name: str) -> None:
    data = FILES[name]
    with pytest.raises(vstore.InvalidInputError) as refused:
        column(data[: len(data) // 2])
    assert refused.value.code == "image-not-taken"
