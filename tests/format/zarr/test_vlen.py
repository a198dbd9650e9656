import struct

import numpy as np
import pytest
from numcodecs.vlen import VLenBytes, VLenUTF8
from numpy.typing import NDArray

from tests.format.zarr.samples import array_of
from vstore.errors import CorruptionError, InvalidInputError
from vstore.format.zarr import vlen


def objects(*values: object) -> NDArray[np.object_]:
    array = np.empty(len(values), object)
    array[:] = values
    return array


@pytest.mark.parametrize(
    ("data_type", "peer"), [("string", VLenUTF8()), ("variable_length_bytes", VLenBytes())]
)
class TestBothKinds:
    def test_bytes_are_those_of_numcodecs(self, data_type: str, peer: VLenUTF8) -> None:
        samples = array_of(data_type, (5, 20))

        encoded = vlen.encode(samples, is_text=data_type == "string")

        assert bytes(encoded) == bytes(peer.encode(samples))

    def test_samples_come_back(self, data_type: str, peer: VLenUTF8) -> None:
        del peer
        is_text = data_type == "string"
        samples = array_of(data_type, (100,))

        decoded = vlen.decode(vlen.encode(samples, is_text=is_text), 100, is_text=is_text)

        assert decoded.tolist() == samples.tolist()

    def test_slices_say_where_samples_lie(self, data_type: str, peer: VLenUTF8) -> None:
        del peer
        is_text = data_type == "string"
        samples = array_of(data_type, (100,))
        encoded = vlen.encode(samples, is_text=is_text)

        offsets, lengths, buffer = vlen.decode_slices(encoded, 100)

        raw = [
            bytes(buffer[offset : offset + length])
            for offset, length in zip(offsets.tolist(), lengths.tolist(), strict=True)
        ]
        assert raw == [each.encode() if is_text else each for each in samples]
        assert np.shares_memory(np.frombuffer(buffer, "uint8"), np.frombuffer(encoded, "uint8"))


class TestSamples:
    def test_may_be_empty_and_hold_anything(self) -> None:
        texts = objects("", "a\0b", "grün", "𝄞", "x\0")

        assert vlen.decode(vlen.encode(texts, is_text=True), 5, is_text=True).tolist() == [
            *texts.tolist()
        ]

    @pytest.mark.parametrize("array", [np.array(["a", "bcd"]), np.array(["a", "bcd"], "T")])
    def test_may_be_numpy_text(self, array: NDArray[np.str_]) -> None:
        encoded = vlen.encode(array, is_text=True)

        assert vlen.decode(encoded, 2, is_text=True).tolist() == ["a", "bcd"]

    def test_may_be_numpy_scalars(self) -> None:
        encoded = vlen.encode(objects(np.str_("a"), "b"), is_text=True)

        assert vlen.decode(encoded, 2, is_text=True).tolist() == ["a", "b"]

    @pytest.mark.parametrize(
        ("value", "is_text"),
        [(None, True), (0, True), (b"x", True), (1.5, True), ("x", False), (None, False)],
    )
    def test_must_be_of_the_kind(self, value: object, *, is_text: bool) -> None:
        with pytest.raises(InvalidInputError, match="sample"):
            vlen.encode(objects("x" if is_text else b"x", value), is_text=is_text)

    def test_must_be_unicode(self) -> None:
        with pytest.raises(InvalidInputError, match="sample"):
            vlen.encode(objects("\ud800"), is_text=True)


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"", 0),
        (b"\1\0\0", 1),
        (struct.pack("<I", 1), 1),
        (struct.pack("<I", 2**32 - 1), 2**32 - 1),
        (struct.pack("<II", 1, 0), 2),
        (struct.pack("<III", 2, 0, 0), 1),
        (struct.pack("<II", 1, 1), 1),
        (struct.pack("<II", 1, 2**32 - 1) + b"abc", 1),
        (struct.pack("<III", 2, 2, 0), 2),
    ],
    ids=repr,
)
class TestMalformed:
    @pytest.mark.parametrize("is_text", [True, False])
    def test_samples_are_refused(self, data: bytes, count: int, *, is_text: bool) -> None:
        with pytest.raises(CorruptionError):
            vlen.decode(data, count, is_text=is_text)

    def test_slices_are_refused(self, data: bytes, count: int) -> None:
        with pytest.raises(CorruptionError):
            vlen.decode_slices(data, count)


def test_text_must_be_utf8() -> None:
    with pytest.raises(CorruptionError, match="malformed"):
        vlen.decode(struct.pack("<II", 1, 1) + b"\xff", 1, is_text=True)


def test_slices_count_by_themselves() -> None:
    assert vlen.decode_slices(struct.pack("<III", 2, 0, 0)).lengths.tolist() == [0, 0]
