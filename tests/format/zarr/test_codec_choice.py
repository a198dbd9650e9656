from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.format.zarr.samples import FIXED_DTYPES, VARIABLE_TYPES, array_of, dtype_id, is_same
from vstore.errors import InvalidInputError
from vstore.format.zarr.codec_choice import choose, preset
from vstore.format.zarr.codecs import ChunkCodec
from vstore.format.zarr.metadata import ArrayMetadata

Name = Literal["auto", "scaled", "fast", "balanced", "small", "none"]
NAMES: list[Name] = ["auto", "scaled", "fast", "balanced", "small", "none"]


def image(shape: tuple[int, ...] = (64, 28, 28)) -> NDArray[np.uint8]:
    """Return something like a photograph: smooth, with a little noise."""
    rng = np.random.default_rng(0)
    y, x = np.ogrid[: shape[1], : shape[2]]
    waves = np.sin(x / 5 + rng.random((shape[0], 1, 1)) * 6) * np.cos(y / 7)
    return np.clip(waves * 100 + 128 + rng.normal(0, 2, shape), 0, 255).astype("uint8")


def encoded_nbytes(array: NDArray[Any], codecs: Any) -> int:
    metadata = ArrayMetadata.create(
        shape=array.shape, dtype=array.dtype, chunk_shape=array.shape, codecs=codecs
    )
    codec = ChunkCodec(metadata)
    data = codec.encode(array)
    assert is_same(codec.decode(data), array)
    return len(data)


def names_of(codecs: Any) -> list[str]:
    return [codec["name"] for codec in codecs]


class TestPreset:
    @pytest.mark.parametrize("dtype", [*FIXED_DTYPES, *VARIABLE_TYPES], ids=dtype_id)
    def test_uses_codecs_of_the_specification_only(self, dtype: Any) -> None:
        for name in ("fast", "balanced", "small", "none"):
            codecs = preset(name, dtype)
            assert set(names_of(codecs)) <= {"bytes", "vlen-utf8", "vlen-bytes", "zstd", "blosc"}

    def test_none_stores_elements_as_they_are(self) -> None:
        assert preset("none", "int32") == (
            {"name": "bytes", "configuration": {"endian": "little"}},
        )
        assert preset("none", "uint8") == ({"name": "bytes"},)

    def test_shuffles_integers_and_text_but_not_floats(self) -> None:
        assert names_of(preset("balanced", "int32")) == ["bytes", "blosc"]
        assert names_of(preset("balanced", "float32")) == ["bytes", "zstd"]
        assert preset("balanced", "U7")[1]["configuration"]["typesize"] == 4

    def test_does_not_shuffle_what_blosc_cannot(self) -> None:
        assert names_of(preset("balanced", "V300")) == ["bytes", "zstd"]
        assert preset("fast", "V300")[1]["configuration"]["typesize"] == 1

    def test_unknown_names_are_refused(self) -> None:
        with pytest.raises(
            InvalidInputError, match=r"'best'\nHint: choose one of fast, balanced, small, none, "
        ):
            preset("best", "int32")  # type: ignore[arg-type]


class TestChoose:
    @pytest.mark.parametrize("dtype", [*FIXED_DTYPES, *VARIABLE_TYPES], ids=dtype_id)
    def test_suits_every_dtype(self, dtype: Any) -> None:
        sample = array_of(dtype, (300,))
        data_type = dtype if dtype in VARIABLE_TYPES else sample.dtype

        for name in NAMES:
            codecs = choose(sample, name)
            ArrayMetadata.create(shape=(3,), dtype=data_type, chunk_shape=(2,), codecs=codecs)
            assert choose(sample, name) == codecs

    def test_byte_and_memory_order_do_not_matter(self) -> None:
        sample = np.cumsum(np.ones((64, 64), "int32"), axis=0, dtype="int32")

        assert choose(sample) == choose(sample.astype(">i4")) == choose(np.asfortranarray(sample))

    def test_stores_noise_as_it_is(self) -> None:
        noise = np.random.default_rng(0).integers(0, 256, 10**5, dtype="uint8")
        pictures = np.array([noise.tobytes(), noise[::-1].tobytes()], object)

        assert names_of(choose(noise)) == ["bytes"]
        assert names_of(choose(pictures)) == ["vlen-bytes"]

    def test_small_is_not_larger_and_fast_not_smaller(self) -> None:
        for array in (image(), image() / np.float32(255), np.arange(10**5) // 7):
            fast, auto, small = (
                encoded_nbytes(array, choose(array, name)) for name in ("fast", "auto", "small")
            )
            assert small <= auto <= fast <= array.nbytes

    def test_is_not_worse_than_the_preset(self) -> None:
        for array in (image(), image() / np.float32(255), np.arange(10**5) // 7):
            own = encoded_nbytes(array, choose(array))
            assert own < 1.1 * encoded_nbytes(array, preset("balanced", array.dtype))

    def test_large_samples_are_not_read_whole(self) -> None:
        sample = np.broadcast_to(np.zeros(1, "uint8"), (2**20,))

        assert choose(sample) == choose(sample[: 2**19])

    def test_an_empty_sample_gives_the_preset(self) -> None:
        assert choose(np.zeros((0, 3), "int32")) == preset("balanced", "int32")
        assert choose(np.zeros((0, 3), "int32"), "fast") == preset("fast", "int32")

    def test_what_cannot_be_stored_is_refused(self) -> None:
        with pytest.raises(InvalidInputError, match="object"):
            choose(np.array([None, 3], object))
        with pytest.raises(InvalidInputError, match="best"):
            choose(np.zeros(3), "best")  # type: ignore[arg-type]


class TestScaled:
    @pytest.mark.parametrize("dtype", ["float32", "float64"])
    @pytest.mark.parametrize(
        ("scale", "offset", "integer"),
        [(255, 0, "uint8"), (127.5, -1, "uint8"), (65535, 0, "uint16"), (100, 0, "int32")],
    )
    def test_floats_become_the_integers_they_were(
        self, dtype: str, scale: float, offset: int, integer: str
    ) -> None:
        integers = image().astype(integer)
        if integer == "uint16":
            integers = integers * np.uint16(250) + image()[::-1]
        kind = np.dtype(dtype).type
        scaled = (integers / kind(scale) + kind(offset)).astype(dtype)

        codecs = choose(scaled, "scaled", fill_value=offset)

        assert names_of(codecs)[:3] == ["scale_offset", "cast_value", "bytes"]
        assert codecs[1]["configuration"] == {"data_type": integer}
        assert encoded_nbytes(scaled, codecs) < 0.8 * encoded_nbytes(scaled, choose(scaled))
        assert offset == 0 or choose(scaled, "scaled") == choose(scaled)

    @pytest.mark.parametrize(
        "sample",
        [
            np.linspace(0, 1, 1000, dtype="float32"),
            (np.arange(1000) % 3 / np.float32(255)).astype("float32"),
            image() / np.float32(255) - np.float32(0.25),
            np.append(image() / np.float32(255), np.float32("nan")),
            -(image() / np.float32(255)),
            image(),
        ],
        ids=["any", "few values", "shifted", "nan", "negative", "integers"],
    )
    def test_others_are_left_alone(self, sample: NDArray[Any]) -> None:
        assert choose(sample, "scaled") == choose(sample)

    def test_a_fill_value_that_is_no_such_integer_is_respected(self) -> None:
        scaled = image() / np.float32(255)

        assert choose(scaled, "scaled", fill_value=float("nan")) == choose(scaled)
        assert names_of(choose(scaled, "scaled", fill_value=1.0))[0] == "scale_offset"
