"""Audio columns keep files, give their values without loss, or refuse files by name."""

import io
import struct
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import vstore
from vstore.format.table.sounds import DTYPES, Held, audio_info, decode_audio
from vstore.format.table.wav import parse_wav

NUMBERS = count()
HELD = {dtype: Held(np.dtype(dtype), None, None) for dtype in DTYPES}
VALUES: dict[str, NDArray[Any]] = {
    "int16": np.array([[0, 1], [-1, 32767], [-32768, 5]], "int16"),
    "int32": np.array([[0, 1], [-1, 2**31 - 1], [-(2**31), 5]], "int32"),
    "float32": np.array([[0, 1], [-1, 1e-30], [0.1, np.nan]], "float32"),
    "float64": np.array([[0, 1], [-1, 1e-300], [0.1, 1e300]], "float64"),
}


def column(*samples: Any, is_sound: bool = True, **options: Any) -> vstore.Column:
    repo = vstore.create(f"memory://sounds-{next(NUMBERS)}")
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", {"x": vstore.audio(**options)}).extend({"x": list(samples)})
    assert repo.fsck(mode="full", decode=True).is_sound == is_sound
    return repo.checkout()["t"]["x"]  # type: ignore[no-any-return]


def wav(
    body: bytes, bits: int, *, tag: int = 1, channels: int = 1, told: int | None = None
) -> bytes:
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, 8000, 8000 * frame, frame, bits)
    nbytes = len(body) if told is None else told
    chunks = b"LIST\3\0\0\0abc\0fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", nbytes) + body
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_come_back_and_so_do_their_files(dtype: Any) -> None:
    values = VALUES[dtype]
    found = column(values, values[:, :1], values[:0], dtype=dtype, rate=16_000)
    for one, other in zip(found, (values, values[:, :1], values[:0]), strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == found.dtype == dtype
    again = column(*found.encoded(slice(None)), dtype=dtype)
    assert again.encoded(0) == found.encoded(0)
    np.testing.assert_array_equal(again[0], values)
    assert again.shape == (3, None, None)


def test_a_vector_is_one_channel() -> None:
    assert column(np.arange(3, dtype="int16"), rate=8000)[0].tolist() == [[0], [1], [2]]


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_integers_fill_the_upper_bits(bits: int) -> None:
    stored = [-(2 ** (bits - 1)), -1, 0, 1, 2 ** (bits - 1) - 1]
    shift = 128 if bits == 8 else 0
    body = b"".join(
        (each + shift).to_bytes(bits // 8, "little", signed=not shift) for each in stored
    )
    data = wav(body, bits)
    for dtype in DTYPES:
        made = np.dtype(dtype)
        width = {"int16": 16, "int32": 32, "float32": 24, "float64": 53}[dtype]
        if width < bits:
            with pytest.raises(vstore.InvalidInputError, match=f"{dtype} does not hold"):
                column(data, dtype=dtype)
            continue
        found = column(data, dtype=dtype)[0][:, 0].tolist()
        if made.kind == "i":
            assert found == [each << (8 * made.itemsize - bits) for each in stored]
        else:
            assert found == [each / 2 ** (bits - 1) for each in stored]


@pytest.mark.parametrize("extensible", [False, True])
def test_files_of_other_programs_are_read(extensible: bool) -> None:
    body = np.arange(6, dtype="<i2").tobytes()
    data = wav(body, 16, channels=2)
    if extensible:
        form = struct.pack("<HHIIHHHHIH14x", 0xFFFE, 2, 8000, 32000, 4, 16, 22, 16, 3, 1)
        data = b"RIFF\0\0\0\0WAVEfmt " + struct.pack("<I", len(form)) + form
        data += b"data" + struct.pack("<I", len(body)) + body + b"LIST\0\0\0\0"
    assert column(data)[0].tolist() == [[0, 1], [2, 3], [4, 5]]
    assert column(data).encoded(0) == data


def test_a_stream_of_unknown_length_goes_to_the_end() -> None:
    assert column(wav(bytes(8), 16, told=0xFFFFFFFF))[0].shape == (4, 1)


def test_info_needs_no_decoding() -> None:
    found = column(wav(bytes(24), 24, channels=2), check="none", is_sound=False)
    expected = vstore.AudioInfo("WAV", "PCM_24", 8000, 2, 4, 24)
    assert found.info(0) == expected
    assert found.info([0]) == [expected]
    assert str(expected) == "WAV 8,000 Hz, 2 channels, 0.0005 s"
    with pytest.raises(vstore.FormatError, match="column 'x', sample 0: int16 does not hold"):
        found[0]


def test_missing_and_unset_samples() -> None:
    repo = vstore.create(f"memory://sounds-{next(NUMBERS)}")
    with repo.transaction("main", message="Add") as tx:
        spec = vstore.audio(channels=2)
        table = tx.create_table("t", {"n": vstore.ndarray((), "int8"), "x": spec.as_optional()})
        table.extend({"n": [1, 2], "x": [None, wav(bytes(8), 16, channels=2)]})
    found = repo.checkout()["t"]["x"]
    assert found[0] is None
    assert found.info(slice(None))[0] is None
    assert found[1].shape == (2, 2)


@pytest.mark.parametrize(
    ("data", "options", "reason"),
    [
        (b"", {}, "no bytes"),
        (b"\x89PNG\r\n", {}, "begin with"),
        (wav(bytes(8), 16), {"channels": 2}, "it has 1 channels, not 2"),
        (wav(bytes(8), 16), {"rate": 44_100}, "its rate is 8,000 Hz, not 44,100 Hz"),
        (wav(bytes(8), 16, told=9), {}, "truncated"),
        (wav(bytes(8), 32, tag=3), {}, "int16 does not hold its values, FLOAT"),
        (b"RIFF\0\0\0\0WAVE", {}, "ends before its samples"),
        (b"RIFF\0\0\0\0WAVEdata\0\0\0\0", {}, "does not say what"),
        (wav(bytes(8), 16, channels=0), {}, "contradicts itself"),
    ],
)
def test_other_files_are_refused(data: bytes, options: dict[str, Any], reason: str) -> None:
    for check in ("decode", "header"):
        with pytest.raises(vstore.InvalidInputError, match=reason):
            column(data, check=check, **options)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 2)), np.zeros((2, 3), "int16"), np.zeros((), "int16"), [[1, 2]]]
)
def test_other_arrays_are_refused(array: Any) -> None:
    with pytest.raises(vstore.InvalidInputError):
        column(array, rate=8000, channels=2)


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "uint8"},
        {"dtype": "float16"},
        {"channels": 0},
        {"channels": True},
        {"rate": -1},
        {"check": "often"},
    ],
)
def test_other_descriptions_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(vstore.InvalidInputError):
        vstore.audio(**options)


@given(st.binary(max_size=80), st.integers(0, 60), st.integers(0, 60))
def test_damaged_headers_are_errors_of_ours(patch: bytes, at: int, cut: int) -> None:
    whole = wav(bytes(16), 16)
    data = (whole[:at] + patch + whole[at + len(patch) :])[: len(whole) - cut]
    if not data.startswith(b"RIFF") or b"OggS" in data:
        return
    try:
        found = parse_wav(data)
    except ValueError:
        return
    if found is not None:
        assert decode_audio(data, HELD["float64"]).shape == (found.frames, found.channels)


def test_many_files_are_checked_and_the_first_bad_one_is_named() -> None:
    files = [wav(bytes(2 * i), 16) for i in range(30)]
    assert [len(each) for each in column(*files)] == list(range(30))
    with pytest.raises(vstore.InvalidInputError, match="begin with b'first"):
        column(*files, b"first", *files, b"second")


# With libsndfile --------------------------------------------------------------------------

SAMPLES = (np.sin(np.arange(4000) / 9)[:, np.newaxis] * [0.5, -0.25]).astype("float32")
ENCODINGS = {
    "FLAC": ("PCM_S8", "PCM_16", "PCM_24"),
    "WAV": ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "IMA_ADPCM"),
    "AIFF": ("PCM_16", "FLOAT"),
    "RF64": ("PCM_16",),
    "OGG": ("VORBIS", "OPUS"),
    "MP3": ("MPEG_LAYER_III",),
}


def held_by(encoding: str) -> tuple[str, ...]:
    """Return the data types that hold the values of an encoding."""
    exceptions = {"PCM_24": DTYPES[1:], "PCM_32": ("int32", "float64"), "DOUBLE": ("float64",)}
    is_float = encoding in ("FLOAT", "VORBIS", "OPUS", "MPEG_LAYER_III")
    return exceptions.get(encoding, DTYPES[2:] if is_float else DTYPES)


def encoded(form: str, encoding: str) -> bytes:
    soundfile = pytest.importorskip("soundfile")
    buffer = io.BytesIO()
    soundfile.write(buffer, SAMPLES, 16_000, format=form, subtype=encoding)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("form", "encoding"), [(form, each) for form, many in ENCODINGS.items() for each in many]
)
def test_every_format_is_read_as_libsndfile_does(form: str, encoding: str) -> None:
    soundfile = pytest.importorskip("soundfile")
    data = encoded(form, encoding)
    info = audio_info(data)
    assert (info.rate, info.channels, info.encoding) == (16_000, 2, encoding)
    for dtype in DTYPES:
        expected = soundfile.read(io.BytesIO(data), dtype=dtype, always_2d=True)[0]
        if dtype not in held_by(encoding):
            with pytest.raises(vstore.InvalidInputError, match="does not hold"):
                column(data, dtype=dtype)
            continue
        found = column(data, dtype=dtype)
        assert found.encoded(0) == data
        np.testing.assert_allclose(found[0], expected, rtol=0, atol=2e-7 if form == "MP3" else 0)


@pytest.mark.parametrize("form", ["FLAC", "WAV", "AIFF", "RF64"])
@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_truncated_files_are_refused_when_they_are_written(form: str, share: float) -> None:
    data = encoded(form, "PCM_16")
    with pytest.raises(vstore.InvalidInputError) as refused:
        column(data[: int(len(data) * share)])
    assert refused.value.code == "audio-not-taken"


def test_a_flac_file_that_does_not_know_its_length_is_refused() -> None:
    data = bytearray(encoded("FLAC", "PCM_16"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    assert str(audio_info(bytes(data))) == "FLAC 16,000 Hz, 2 channels"
    with pytest.raises(vstore.InvalidInputError, match="how many frames"):
        column(bytes(data))
