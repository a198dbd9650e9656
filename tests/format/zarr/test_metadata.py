import contextlib
import copy
import json
import pickle
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.core.group import GroupMetadata as ZarrGroupMetadata
from zarr.core.metadata.v3 import ArrayV3Metadata
from zarr.storage import MemoryStore
from zarr.testing.strategies import array_metadata

from tests.format.zarr.samples import FIXED_DTYPES, VARIABLE_TYPES, dtype_id
from tests.format.zarr.zarr_peer import normalized, quiet
from vstore.errors import FormatError, InvalidInputError
from vstore.format.zarr.codec_choice import preset
from vstore.format.zarr.metadata import ArrayMetadata, GroupMetadata


@pytest.fixture
def document() -> Any:
    return ArrayMetadata.create(shape=(10, 7), dtype="int32", chunk_shape=(4, 7)).to_dict()


class TestDocument:
    @pytest.mark.parametrize("dtype", [*FIXED_DTYPES, *VARIABLE_TYPES], ids=dtype_id)
    @pytest.mark.parametrize("name", ["none", "fast", "balanced", "small"])
    def test_is_the_one_that_zarr_writes(self, dtype: Any, name: Any) -> None:
        dtype = dtype if dtype in VARIABLE_TYPES else np.dtype(dtype)
        own = ArrayMetadata.create(
            shape=(10, 7),
            dtype=dtype,
            chunk_shape=(4, 7),
            codecs=preset(name, dtype),
            dimension_names=["sample", None],
            attributes={"unit": "m"},
        )
        objects: dict[str, Any] = {}
        with quiet():
            zarr.create_array(
                MemoryStore(objects),
                shape=(10, 7),
                chunks=(4, 7),
                dtype=own.data_type if own.is_variable_length else own.dtype,
                serializer=own.codecs[0],
                compressors=list(own.codecs[1:]) or None,
                fill_value=own.fill_value,
                dimension_names=["sample", None],
                attributes={"unit": "m"},
            )

        theirs = json.loads(objects["zarr.json"].to_bytes())
        if own.dtype.names is not None:  # of which each version has its own form
            theirs["codecs"][0] = own.codecs[0]
            theirs = ArrayMetadata.from_dict(theirs).to_dict()
        assert json.dumps(own.to_dict()) == json.dumps(theirs)
        assert ArrayMetadata.from_dict(own.to_dict()) == own

    @settings(max_examples=50)
    @given(peer=array_metadata(zarr_formats=st.just(3)))
    def test_survives_reading_and_writing(self, peer: Any) -> None:
        with quiet():
            document = json.loads(json.dumps(peer.to_dict()))
            again = ArrayMetadata.from_dict(document).to_dict()

        assert json.dumps(again) == json.dumps(document)

    def test_zarr_reads_what_is_written(self, document: Any) -> None:
        assert normalized(document) == json.loads(json.dumps(document))

    def test_short_forms_are_spelled_out(self, document: Any) -> None:
        short = document | {
            "chunk_key_encoding": "default",
            "codecs": [document["codecs"][0], "crc32c"],
        }
        del short["storage_transformers"], short["attributes"]

        own = ArrayMetadata.from_dict(short).to_dict()

        assert own["chunk_key_encoding"] == document["chunk_key_encoding"]
        assert own["codecs"][1] == {"name": "crc32c"}
        assert own["attributes"] == {}
        assert own["storage_transformers"] == []

    @pytest.mark.parametrize(
        ("given", "separator"),
        [
            ({"name": "default"}, "/"),
            ({"name": "v2"}, "."),
            ({"name": "v2", "configuration": {"separator": "/"}}, "/"),
            ({"name": "default", "configuration": {"separator": "."}}, "."),
        ],
    )
    def test_chunk_key_encodings(self, document: Any, given: Any, separator: Any) -> None:
        own = ArrayMetadata.from_dict(document | {"chunk_key_encoding": given})

        assert own.chunk_key_encoding == {
            "name": given["name"],
            "configuration": {"separator": separator},
        }

    def test_keeps_what_need_not_be_understood(self, document: Any) -> None:
        extended = document | {"hint": {"must_understand": False, "colour": "red"}}

        assert ArrayMetadata.from_dict(extended).to_dict() == extended
        assert normalized(extended)["hint"] == extended["hint"]

    def test_does_not_touch_the_given_document(self, document: Any) -> None:
        before = copy.deepcopy(document)

        ArrayMetadata.from_dict(document)

        assert document == before


class TestRefusals:
    @pytest.mark.parametrize(
        ("member", "value", "words"),
        [
            ("zarr_format", 2, "zarr_format"),
            ("node_type", "group", "node_type"),
            ("shape", [10, -1], r"shape\[1\]"),
            ("shape", [10, 2**63], r"shape\[1\]"),
            ("shape", [10, 7.0], r"shape\[1\]"),
            ("shape", [10, True], r"shape\[1\]"),
            ("shape", [10], "chunk_shape: 2 lengths for 1 axes"),
            ("shape", [1] * 65, "shape"),
            ("shape", None, "shape"),
            ("data_type", "object", "data_type"),
            ("data_type", ["int8"], "data_type"),
            ("chunk_grid", {"name": "rectilinear"}, "chunk_grid.name"),
            ("chunk_grid", {"name": "regular"}, "chunk_shape"),
            (
                "chunk_grid",
                {"name": "regular", "configuration": {"chunk_shape": [0, 7]}},
                r"chunk_grid.configuration: .*chunk_shape\[0\]",
            ),
            (
                "chunk_grid",
                {"name": "regular", "configuration": {"chunk_shape": [2**16, 2**16]}},
                "17179869184 bytes is too large",
            ),
            (
                "chunk_grid",
                {"name": "regular", "configuration": {"chunk_shape": [2**62, 2**62]}},
                "too large",
            ),
            (
                "chunk_grid",
                {"name": "regular", "configuration": {"chunk_shape": [4, 7], "more": 1}},
                "more",
            ),
            ("chunk_grid", {"name": "regular", "extra": 1}, "unknown members extra"),
            ("chunk_key_encoding", {"name": "mine"}, "chunk_key_encoding.name"),
            (
                "chunk_key_encoding",
                {"name": "default", "configuration": {"separator": ".."}},
                "separator",
            ),
            ("fill_value", "x", "fill_value"),
            ("codecs", [], "codecs: no codec"),
            ("codecs", "bytes", "codecs"),
            ("codecs", [{"name": "pickle"}], "vstore does not read the codec 'pickle'"),
            ("codecs", [{"name": "numcodecs.pickle"}], "numcodecs.pickle"),
            ("codecs", [{"name": "numcodecs.json2"}], "numcodecs.json2"),
            ("codecs", [{"configuration": {}}], r"codecs\[0\].name"),
            ("attributes", [], "attributes"),
            ("attributes", None, "attributes"),
            ("dimension_names", ["x"], "dimension_names: 1 names for 2 axes"),
            ("dimension_names", [1, 2], "dimension_names"),
            ("storage_transformers", [{"name": "x"}], "storage_transformers"),
            ("mystery", {"a": 1}, "mystery"),
            ("mystery", {"must_understand": True}, "mystery"),
            ("mystery", 1, "mystery"),
        ],
        ids=repr,
    )
    def test_name_the_member(self, document: Any, member: Any, value: Any, words: Any) -> None:
        with pytest.raises(FormatError, match=words):
            ArrayMetadata.from_dict(document | {member: value})

    @pytest.mark.parametrize(
        "member",
        ["shape", "data_type", "chunk_grid", "chunk_key_encoding", "fill_value", "codecs"],
    )
    def test_required_members(self, document: Any, member: Any) -> None:
        del document[member]

        with pytest.raises(FormatError, match=member):
            ArrayMetadata.from_dict(document)

    @pytest.mark.parametrize("document", [None, [], "x", 3, {}])
    def test_what_is_no_document_at_all(self, document: Any) -> None:
        with pytest.raises(FormatError):
            ArrayMetadata.from_dict(document)

    @settings(max_examples=100)
    @given(data=st.data())
    def test_any_json_gives_metadata_or_a_format_error(self, data: Any) -> None:
        document = ArrayMetadata.create(shape=(4, 4), dtype="int16", chunk_shape=(2, 2)).to_dict()
        junk = st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["name", "configuration", "shape", "endian", "level"]), inner
                )
            ),
            max_leaves=6,
        )
        member = data.draw(st.sampled_from(sorted(document)))
        document[member] = data.draw(junk)
        with contextlib.suppress(FormatError):
            ArrayMetadata.from_dict(document)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"shape": (-1,)}, "shape"),
            ({"chunk_shape": (0,)}, "chunk_shape"),
            ({"chunk_shape": (2, 2)}, "chunk_shape"),
            ({"dtype": object}, "object"),
            ({"fill_value": "x"}, "fill value"),
            ({"codecs": [{"name": "no"}]}, "no"),
            ({"codecs": []}, "codec"),
            ({"dimension_names": ["a", "b"]}, "dimension_names"),
            ({"attributes": {1: 2}}, "attributes"),
        ],
        ids=repr,
    )
    def test_creating_blames_the_caller(self, options: Any, words: Any) -> None:
        valid = {"shape": (4,), "dtype": "int8", "chunk_shape": (2,)}

        with pytest.raises(InvalidInputError, match=words):
            ArrayMetadata.create(**valid | options)


class TestValues:
    def test_counts_chunks(self) -> None:
        own = ArrayMetadata.create(shape=(10, 0, 8), dtype="int16", chunk_shape=(4, 1, 8))

        assert own.ndim == 3
        assert own.grid_shape == (3, 0, 1)
        assert own.chunk_nbytes == 64

    def test_a_scalar_has_one_chunk(self) -> None:
        own = ArrayMetadata.create(shape=(), dtype="int16", chunk_shape=())

        assert own.grid_shape == ()
        assert own.chunk_nbytes == 2

    @pytest.mark.parametrize(("data_type", "empty"), [("string", ""), ("bytes", b"")])
    def test_variable_length_is_held_as_objects(self, data_type: Any, empty: Any) -> None:
        own = ArrayMetadata.create(shape=(3,), dtype=data_type, chunk_shape=(2,))

        assert own.is_variable_length
        assert own.dtype == object
        assert own.fill_value == empty

    def test_resized_changes_the_shape_only(self, document: Any) -> None:
        own = ArrayMetadata.from_dict(document).resized((20, 0))

        assert own.to_dict() == document | {"shape": [20, 0]}

    @pytest.mark.parametrize("shape", [(1,), (1, -1), (1, 2**63)])
    def test_resized_refuses_impossible_shapes(self, document: Any, shape: Any) -> None:
        with pytest.raises(InvalidInputError, match="shape"):
            ArrayMetadata.from_dict(document).resized(shape)

    def test_with_attributes_replaces_them(self, document: Any) -> None:
        own = ArrayMetadata.from_dict(document).with_attributes({"a": 1})

        assert own.to_dict() == document | {"attributes": {"a": 1}}

    def test_equality_is_the_documents(self, document: Any) -> None:
        own = ArrayMetadata.from_dict(document | {"data_type": "float32", "fill_value": "NaN"})

        assert own == ArrayMetadata.from_dict(own.to_dict())
        assert own != own.with_attributes({"a": 1})
        assert own != "something else"

    @pytest.mark.parametrize("dtype", [*FIXED_DTYPES, *VARIABLE_TYPES], ids=dtype_id)
    def test_pickles(self, dtype: Any) -> None:
        own = ArrayMetadata.create(shape=(3,), dtype=dtype, chunk_shape=(2,))

        assert pickle.loads(pickle.dumps(own)) == own


class TestGroup:
    def test_is_the_one_that_zarr_writes(self) -> None:
        own = GroupMetadata(attributes={"a": [1, None]}).to_dict()

        assert json.dumps(own) == json.dumps(
            ZarrGroupMetadata(attributes={"a": [1, None]}).to_dict()
        )
        assert GroupMetadata.from_dict(own).to_dict() == own

    def test_leaves_out_copies_of_other_nodes(self) -> None:
        document = GroupMetadata().to_dict() | {
            "consolidated_metadata": {"kind": "inline", "must_understand": False, "metadata": {}}
        }

        assert GroupMetadata.from_dict(document) == GroupMetadata()

    def test_keeps_what_need_not_be_understood(self) -> None:
        document = GroupMetadata().to_dict() | {"hint": {"must_understand": False}}

        assert GroupMetadata.from_dict(document).to_dict() == document

    @pytest.mark.parametrize(
        "change",
        [{"node_type": "array"}, {"zarr_format": 2}, {"attributes": 1}, {"mystery": 1}],
        ids=repr,
    )
    def test_refuses_others(self, change: Any) -> None:
        with pytest.raises(FormatError):
            GroupMetadata.from_dict(GroupMetadata().to_dict() | change)

    def test_with_attributes_replaces_them(self) -> None:
        assert GroupMetadata(attributes={"a": 1}).with_attributes({"b": 2}).attributes == {"b": 2}


def test_zarr_reads_a_payload_of_nan() -> None:
    own = ArrayMetadata.create(
        shape=(2,), dtype="float32", chunk_shape=(2,), fill_value=np.uint32(0x7FC00001).view("f4")
    )

    peer = ArrayV3Metadata.from_dict(own.to_dict())

    assert peer.fill_value.view("uint32") == 0x7FC00001
