import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from zarr.core.dtype import get_data_type_from_json, get_data_type_from_native_dtype
from zarr.testing.strategies import dtypes

from tests.format.zarr.samples import FIXED_DTYPES, dtype_id, is_record
from tests.format.zarr.zarr_peer import quiet
from vstore.errors import FormatError, InvalidInputError
from vstore.format.zarr.dtypes import (
    canonical,
    data_type_of,
    dtype_from,
    has_byte_order,
    is_variable_length,
)


class TestDataTypeOf:
    @pytest.mark.parametrize("dtype", FIXED_DTYPES, ids=dtype_id)
    def test_is_what_zarr_writes(self, dtype: Any) -> None:
        with quiet():
            theirs = get_data_type_from_native_dtype(np.dtype(dtype)).to_json(zarr_format=3)
        expected = canonical(theirs) if is_record(dtype) else theirs

        assert json.dumps(data_type_of(np.dtype(dtype))) == json.dumps(expected)

    @settings(max_examples=30)
    @given(dtype=dtypes())
    def test_is_what_zarr_writes_for_any_dtype(self, dtype: Any) -> None:
        with quiet():
            theirs = get_data_type_from_native_dtype(dtype).to_json(zarr_format=3)

        assert data_type_of(dtype) == (canonical(theirs) if is_record(dtype) else theirs)

    @pytest.mark.parametrize("dtype", FIXED_DTYPES, ids=dtype_id)
    def test_does_not_depend_on_byte_order(self, dtype: Any) -> None:
        native = np.dtype(dtype)

        assert data_type_of(native.newbyteorder(">")) == data_type_of(native)

    @pytest.mark.parametrize(
        ("dtype", "expected"),
        [
            (str, "string"),
            ("str", "string"),
            ("string", "string"),
            (np.dtypes.StringDType(), "string"),
            (bytes, "variable_length_bytes"),
            ("bytes", "variable_length_bytes"),
            ("variable_length_bytes", "variable_length_bytes"),
            (np.float32, "float32"),
            (bool, "bool"),
            ({"name": "int8"}, "int8"),
        ],
        ids=repr,
    )
    def test_takes_names_and_types(self, dtype: Any, expected: Any) -> None:
        assert data_type_of(dtype) == expected

    def test_drops_padding_from_structures(self) -> None:
        padded = np.dtype([("a", "int8"), ("b", "int64")], align=True)

        assert dtype_from(data_type_of(padded)).itemsize == 9

    @pytest.mark.parametrize(
        ("dtype", "words"),
        [
            (object, "object"),
            (np.dtype(object), "vstore.text"),
            ([("a", object)], "objects have no fixed form"),
            (np.longdouble, "float128"),
            ("U", "give a length"),
            ("V0", "give a length"),
            ([("a", "f4", (3,))], "axes"),
            ("no such", "no such"),
            (None, "no dtype"),
            ({"name": "no such"}, "no such"),
        ],
    )
    def test_refuses_what_cannot_be_stored_by_name(self, dtype: Any, words: Any) -> None:
        with pytest.raises(InvalidInputError, match=words):
            data_type_of(dtype)


class TestDtypeFrom:
    @pytest.mark.parametrize("dtype", FIXED_DTYPES, ids=dtype_id)
    def test_reverses_data_type_of(self, dtype: Any) -> None:
        assert dtype_from(data_type_of(np.dtype(dtype))) == np.dtype(dtype)

    @pytest.mark.parametrize("name", ["string", "variable_length_bytes", "bytes"])
    def test_holds_variable_length_as_objects(self, name: Any) -> None:
        assert dtype_from(name) == np.dtype(object)
        assert is_variable_length(name)

    def test_reads_every_unit_of_time_as_zarr_does(self) -> None:
        for unit in ("Y", "M", "W", "D", "h", "m", "s", "ms", "us", "ns", "ps", "fs", "as"):
            data_type = {
                "name": "numpy.datetime64",
                "configuration": {"unit": unit, "scale_factor": 3},
            }
            expected = get_data_type_from_json(data_type, zarr_format=3).to_native_dtype()
            assert dtype_from(data_type) == expected

    @pytest.mark.parametrize(
        ("data_type", "words"),
        [
            ("float128", "data_type: 'float128'"),
            ("object", "object"),
            (3, "expected a name"),
            (None, "expected a name"),
            ({"name": 3}, "expected a name"),
            ({"name": "int8", "configuration": {"a": 1}}, "no data type with a configuration"),
            ({"name": "int8", "more": 1}, "expected a name"),
            ({"name": "fixed_length_utf32", "configuration": {"length_bytes": 7}}, "length_bytes"),
            ({"name": "fixed_length_utf32", "configuration": {"length_bytes": 0}}, "length_bytes"),
            ({"name": "raw_bytes", "configuration": {"length_bytes": 2**31}}, "length_bytes"),
            ({"name": "raw_bytes", "configuration": {"length_bytes": True}}, "length_bytes"),
            ({"name": "raw_bytes", "configuration": {}}, "expected exactly length_bytes"),
            ({"name": "raw_bytes"}, "expected exactly length_bytes"),
            (
                {"name": "numpy.datetime64", "configuration": {"unit": "q", "scale_factor": 1}},
                "unit",
            ),
            (
                {"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 0}},
                "scale_factor",
            ),
            ({"name": "structured", "configuration": {"fields": []}}, "at least one"),
            ({"name": "structured", "configuration": {"fields": [["a"]]}}, r"fields\[0\]"),
            ({"name": "structured", "configuration": {"fields": [["", "int8"]]}}, "field name"),
            ({"name": "structured", "configuration": {"fields": [["a", "string"]]}}, "string"),
            ({"name": "struct", "configuration": {"fields": []}}, "at least one"),
            ({"name": "struct", "configuration": {"fields": [{"name": "a"}]}}, r"fields\[0\]"),
            (
                {
                    "name": "struct",
                    "configuration": {"fields": [{"name": "a", "data_type": "int8", "more": 1}]},
                },
                r"fields\[0\]",
            ),
            (
                {"name": "structured", "configuration": {"fields": [["a", "int8"], ["a", "int8"]]}},
                "fields",
            ),
        ],
    )
    def test_refuses_malformed_and_unknown_ones_by_path(self, data_type: Any, words: Any) -> None:
        with pytest.raises(FormatError, match=words):
            dtype_from(data_type)

    def test_refuses_endless_nesting(self) -> None:
        data_type: Any = "int8"
        for _ in range(40):
            data_type = {"name": "structured", "configuration": {"fields": [["a", data_type]]}}

        with pytest.raises(FormatError, match="too deeply"):
            dtype_from(data_type)

    def test_refuses_elements_larger_than_any_chunk(self) -> None:
        part = {"name": "raw_bytes", "configuration": {"length_bytes": 2**31 - 1}}
        fields = [["a", part], ["b", part]]

        with pytest.raises(FormatError, match="fields"):
            dtype_from({"name": "structured", "configuration": {"fields": fields}})


INNER = [["text", {"name": "fixed_length_utf32", "configuration": {"length_bytes": 12}}]]
RECORD = {
    "name": "structured",
    "configuration": {
        "fields": [
            ["a", "int32"],
            ["inner", {"name": "structured", "configuration": {"fields": INNER}}],
        ]
    },
}
"""A record with a record in it, as vstore and zarr-python up to 3.1 write it."""
STRUCT = {
    "name": "struct",
    "configuration": {
        "fields": [
            {"name": "a", "data_type": "int32"},
            {
                "name": "inner",
                "data_type": {
                    "name": "struct",
                    "configuration": {"fields": [{"name": "text", "data_type": INNER[0][1]}]},
                },
            },
        ]
    },
}
"""The same, as zarr-python writes it from 3.2 on."""


class TestRecords:
    dtype = np.dtype([("a", "i4"), ("inner", [("text", "U3")])])

    def test_are_written_in_the_form_that_every_zarr_reads(self) -> None:
        assert data_type_of(self.dtype) == RECORD
        with quiet():
            assert get_data_type_from_json(RECORD, zarr_format=3).to_native_dtype() == self.dtype

    @pytest.mark.parametrize("data_type", [RECORD, STRUCT], ids=lambda each: each["name"])
    def test_are_read_in_both_forms(self, data_type: Any) -> None:
        assert dtype_from(data_type) == self.dtype
        assert canonical(data_type) == RECORD
        assert data_type_of(data_type) == RECORD

    @pytest.mark.parametrize("name", ["structured", "struct"])
    def test_are_read_with_fields_of_both_forms(self, name: Any) -> None:
        fields = [["a", "int32"], {"name": "b", "data_type": "int8"}]
        expected = np.dtype([("a", "i4"), ("b", "i1")])

        assert dtype_from({"name": name, "configuration": {"fields": fields}}) == expected

    @pytest.mark.parametrize(
        ("fields", "expected"),
        [
            ([("a", "i1"), ("b", "?")], False),
            ([("a", "i1"), ("b", "i2")], True),
            ([("a", "S2")], True),
            ([("a", [("b", "u1"), ("c", "u1")])], True),
        ],
        ids=repr,
    )
    def test_have_a_byte_order_if_a_field_is_longer_than_a_byte(
        self, fields: Any, expected: Any
    ) -> None:
        dtype = np.dtype(fields)
        with quiet():
            peer = get_data_type_from_native_dtype(dtype)

        assert has_byte_order(dtype) == expected
        if hasattr(peer, "has_multi_byte_fields"):  # from zarr-python 3.2 on
            assert peer.has_multi_byte_fields() == expected


def test_canonical_spells_each_type_in_one_way() -> None:
    assert canonical("bytes") == "variable_length_bytes"
    assert canonical({"name": "string"}) == "string"
    assert canonical({"name": "uint8", "configuration": {}}) == "uint8"


@pytest.mark.parametrize(
    "dtype", [each for each in FIXED_DTYPES if not is_record(each)], ids=dtype_id
)
def test_byte_order_is_named_where_zarr_names_it(dtype: Any) -> None:
    with quiet():
        wrapped = get_data_type_from_native_dtype(np.dtype(dtype))

    assert has_byte_order(np.dtype(dtype)) == hasattr(wrapped, "endianness")
