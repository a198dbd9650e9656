import datetime as dt
import json
import struct
from typing import Any

import numpy as np
import pytest
from zarr.core.dtype import get_data_type_from_json, get_data_type_from_native_dtype

from tests.format.zarr.samples import FIXED_DTYPES, array_of, dtype_id, is_record
from tests.format.zarr.zarr_peer import quiet
from vstore.errors import FormatError, InvalidInputError
from vstore.format.zarr.dtypes import data_type_of
from vstore.format.zarr.fill_value import (
    coerce_fill_value,
    decode_fill_value,
    default_fill_value,
    encode_fill_value,
)


def bits(value: Any, dtype: Any) -> Any:
    return np.array(value, dtype).tobytes()


@pytest.mark.parametrize("dtype", FIXED_DTYPES, ids=dtype_id)
class TestEveryDtype:
    def test_json_gives_every_bit_back(self, dtype: Any) -> None:
        data_type = data_type_of(np.dtype(dtype))

        for value in array_of(dtype, (200,)):
            text = json.dumps(encode_fill_value(data_type, value))
            again = decode_fill_value(data_type, json.loads(text))
            assert bits(again, dtype) == bits(value, dtype), text

    def test_zarr_writes_the_same(self, dtype: Any) -> None:
        data_type = data_type_of(np.dtype(dtype))
        with quiet():
            peer = get_data_type_from_native_dtype(np.dtype(dtype))
        for value in array_of(dtype, (50,)):
            own = encode_fill_value(data_type, value)
            if "0x" in str(own):
                continue  # zarr-python writes every NaN as the usual one
            with quiet():
                theirs = peer.to_json_scalar(value, zarr_format=3)
            if is_record(dtype):
                if "NaN" in str(theirs):
                    continue  # the same in a field
                theirs = encode_fill_value(data_type, decode_fill_value(data_type, theirs))
            assert json.dumps(own) == json.dumps(theirs)

    def test_zarr_reads_the_same(self, dtype: Any) -> None:
        data_type = data_type_of(np.dtype(dtype))
        peer = get_data_type_from_json(data_type, zarr_format=3)
        for value in array_of(dtype, (50,)):
            document = encode_fill_value(data_type, value)
            with quiet():
                theirs = peer.from_json_scalar(document, zarr_format=3)
            if np.dtype(dtype).kind in "fc" and "0x" in str(document):
                continue  # zarr-python takes NaN bits through a float, which may change them
            assert bits(theirs, dtype) == bits(value, dtype)

    def test_the_default_is_zarrs(self, dtype: Any) -> None:
        own = default_fill_value(data_type_of(np.dtype(dtype)))
        if dtype_id(dtype) == "when-inner":  # for which zarr-python 3.1 has none
            assert not any(bits(own, dtype))
            return
        with quiet():
            theirs = get_data_type_from_native_dtype(np.dtype(dtype)).default_scalar()

        assert bits(own, dtype) == bits(theirs, dtype)


class TestFloats:
    @pytest.mark.parametrize(
        ("document", "value"),
        [("NaN", np.nan), ("Infinity", np.inf), ("-Infinity", -np.inf), (1, 1.0), ("2.5", 2.5)],
    )
    def test_names_and_numbers(self, document: Any, value: Any) -> None:
        np.testing.assert_equal(decode_fill_value("float64", document), np.float64(value))

    def test_hexadecimal_keeps_a_payload(self) -> None:
        value = decode_fill_value("float32", "0x7fc01234")

        assert struct.pack(">f", value).hex() == "7fc01234"
        assert encode_fill_value("float32", value) == "0x7fc01234"

    def test_minus_zero_stays(self) -> None:
        assert np.signbit(decode_fill_value("float32", encode_fill_value("float32", -0.0)))

    def test_complex_parts_are_independent(self) -> None:
        value = decode_fill_value("complex64", ["NaN", "-Infinity"])

        assert np.isnan(value.real)
        assert value.imag == -np.inf
        assert encode_fill_value("complex64", value) == ["NaN", "-Infinity"]


RECORD = np.dtype(
    [("x", "f4"), ("when", "M8[s]"), ("inner", [("text", "U3"), ("raw", "V2"), ("c", "c8")])]
)
FIELDS: dict[str, Any] = {
    "x": "NaN",
    "when": -5,
    "inner": {"text": "ab", "raw": "AP8=", "c": [1.5, "-Infinity"]},
}
"""A record as zarr-python writes it from 3.2 on."""
PACKED = "AADAf/v/////////YQAAAGIAAAAAAAAAAP8AAMA/AACA/w=="
"""The same bits, as vstore and zarr-python up to 3.1 write them."""


class TestRecords:
    @pytest.mark.parametrize("document", [FIELDS, PACKED], ids=["fields", "packed"])
    def test_are_read_in_both_forms_and_written_in_one(self, document: Any) -> None:
        data_type = data_type_of(RECORD)
        value = decode_fill_value(data_type, document)
        inner = (np.str_("ab"), b"\0\xff", complex(1.5, -np.inf))

        assert np.isnan(value["x"])
        assert value["when"] == np.datetime64(-5, "s")
        assert (value["inner"]["text"], value["inner"]["raw"].item()) == inner[:2]
        assert value["inner"]["c"] == inner[2]
        assert encode_fill_value(data_type, value) == PACKED

    def test_fields_keep_every_bit(self) -> None:
        fields = {**FIELDS, "x": "0x7fc01234", "when": "NaT"}
        value = decode_fill_value(data_type_of(RECORD), fields)

        assert value["x"].tobytes()[::-1].hex() == "7fc01234"
        assert np.isnat(value["when"])

    @pytest.mark.parametrize(
        "document",
        [
            {"x": 1.0, "when": 0},
            {**FIELDS, "more": 1},
            {**FIELDS, "when": "soon"},
            {**FIELDS, "inner": "AA=="},
            [1.0, 0],
            None,
        ],
        ids=["a field lacks", "one too many", "a wrong value", "too short", "a list", "null"],
    )
    def test_others_are_refused(self, document: Any) -> None:
        with pytest.raises(FormatError, match="fill_value"):
            decode_fill_value(data_type_of(RECORD), document)


class TestVariableLength:
    def test_text(self) -> None:
        assert encode_fill_value("string", "grün") == "grün"
        assert decode_fill_value("string", "grün") == "grün"
        assert default_fill_value("string") == ""

    def test_bytes_are_base64(self) -> None:
        assert encode_fill_value("variable_length_bytes", b"\0\xff") == "AP8="
        assert decode_fill_value("variable_length_bytes", "AP8=") == b"\0\xff"
        assert default_fill_value("variable_length_bytes") == b""


@pytest.mark.parametrize(
    ("data_type", "document"),
    [
        ("bool", 1),
        ("int8", 300),
        ("int8", 1.5),
        ("int8", True),
        ("uint8", -1),
        ("int64", "x"),
        ("float32", None),
        ("float32", "0x7fc0"),
        ("float32", "many"),
        ("complex64", 1.0),
        ("complex64", [1.0]),
        (data_type_of("datetime64[s]"), 1.5),
        (data_type_of("datetime64[s]"), 2**70),
        (data_type_of("U3"), 3),
        (data_type_of("S3"), "***"),
        (data_type_of("V3"), "AAA="),
        (data_type_of("V3"), [0, 0, 0]),
        ("variable_length_bytes", "é"),
        ("string", None),
    ],
)
def test_malformed_documents_are_refused(data_type: Any, document: Any) -> None:
    with pytest.raises(FormatError, match="fill_value"):
        decode_fill_value(data_type, document)


class TestCoerce:
    @pytest.mark.parametrize(
        ("dtype", "value", "expected"),
        [
            ("int8", 3.0, np.int8(3)),
            ("uint8", np.int64(255), np.uint8(255)),
            ("float32", 0.1, np.float32(0.1)),
            ("bool", 1, np.True_),
            ("datetime64[s]", np.datetime64("2020-01-01"), np.datetime64("2020-01-01T00:00:00")),
            ("timedelta64[s]", 5, np.timedelta64(5, "s")),
            ("U3", "abc", np.str_("abc")),
            ("S3", b"abc", np.bytes_(b"abc")),
            ("string", "x", "x"),
            ("bytes", b"x", b"x"),
            ("float64", 5, np.float64(5)),
            ("datetime64[D]", dt.date(2020, 1, 2), np.datetime64("2020-01-02")),
            (
                "datetime64[us]",
                dt.datetime(2020, 1, 2, tzinfo=dt.UTC),
                np.datetime64("2020-01-02", "us"),
            ),
            ("datetime64[s]", "2020-01-02T00:00:00+02:00", np.datetime64("2020-01-01T22:00:00")),
            ("timedelta64[ms]", dt.timedelta(seconds=1.5), np.timedelta64(1500, "ms")),
        ],
    )
    def test_takes_what_the_type_holds(self, dtype: Any, value: Any, expected: Any) -> None:
        assert coerce_fill_value(data_type_of(dtype), value) == expected

    def test_takes_raw_bytes_and_structures(self) -> None:
        assert coerce_fill_value(data_type_of("V3"), b"abc").tobytes() == b"abc"
        pair = coerce_fill_value(data_type_of([("a", "i4"), ("b", "f8")]), (1, 2.5))
        assert pair.tolist() == (1, 2.5)

    @pytest.mark.parametrize(
        ("dtype", "value"),
        [
            ("int8", 300),
            ("int8", 1.5),
            ("uint8", -1),
            ("uint8", "x"),
            ("bool", 2),
            ("U3", "abcd"),
            ("S3", b"abcd"),
            ("V3", b"ab"),
            ("float32", [1.0, 2.0]),
            ("string", b"x"),
            ("bytes", "x"),
            ("string", None),
            ("datetime64[ns]", np.datetime64("3000-01-01")),
            ("datetime64[ns]", "3000-01-01"),
            ("datetime64[s]", "soon"),
            ("datetime64[s]", 5.5),
            ("datetime64[s]", True),
            ("datetime64[D]", dt.datetime(2020, 1, 1, 12, 34, tzinfo=dt.UTC)),
            ("datetime64[s]", np.datetime64("2020-01-01T00:00:00.500")),
            ("datetime64[s]", dt.timedelta(1)),
            ("timedelta64[s]", dt.date(2020, 1, 1)),
            ("timedelta64[s]", np.timedelta64(1500, "ms")),
            ("timedelta64[s]", dt.timedelta(milliseconds=1500)),
            ("float64", 1 + 2j),
            ("float64", "1.5"),
            ("float64", True.__class__),
            ("float32", np.complex64(1 + 2j)),
            ("float32", 1e300),
            ("float32", 2**24 + 1),
            ("float16", 70000.0),
            ("float16", 1e-9),
            ("complex64", 1e300),
            ("bool", np.nan),
            ("U3", 12),
            ("U3", "ab\0"),
            ([("s", "S2")], (b"abcdef",)),
            ([("s", "S2")], ("ab",)),
        ],
    )
    def test_refuses_what_would_be_changed(self, dtype: Any, value: Any) -> None:
        with pytest.raises(InvalidInputError, match="fill value"):
            coerce_fill_value(data_type_of(dtype), value)
