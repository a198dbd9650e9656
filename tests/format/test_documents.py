"""Documents are written in one way only, and read back as they were."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vstore
from tests.repositories import committed_table
from vstore.format import commit as commits
from vstore.format import document, object_keys
from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest, digest_of, is_digest

quick = settings(max_examples=200, deadline=None)

texts = st.text(st.characters(codec="utf-8"), max_size=8)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda children: st.lists(children, max_size=4) | st.dictionaries(texts, children, max_size=4),
    max_leaves=12,
)


@quick
@given(values)
def test_what_is_written_is_read_back(value: Any) -> None:
    data = document.dumps(value)
    again = document.parse(data, what="document")
    assert again == value
    assert document.dumps(again) == data


@quick
@given(st.dictionaries(texts, values, max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter(value: dict[str, Any], random: Any) -> None:
    items = list(value.items())
    random.shuffle(items)
    assert document.dumps(dict(items)) == document.dumps(value)


@quick
@given(values)
def test_documents_are_plain_json(value: Any) -> None:
    data = document.dumps(value)
    assert json.loads(data) == value
    assert b"\n" not in data.replace(b"\\n", b"")


@quick
@given(st.dictionaries(texts, values, max_size=4))
def test_a_callers_mapping_is_copied(value: dict[str, Any]) -> None:
    plain = document.plain_object(value, what="attributes")
    assert plain == value
    assert plain is not value


@quick
@given(st.binary(max_size=60))
def test_no_bytes_make_the_parser_fall_over(data: bytes) -> None:
    with contextlib.suppress(vstore.FormatError):
        document.parse(data, what="document")


@pytest.mark.parametrize("depth", [65, 500, 100_000])
def test_deep_nesting_is_refused(depth: int) -> None:
    with pytest.raises(vstore.FormatError):
        document.parse(b"[" * depth + b"]" * depth, what="document")


def _stored_commit() -> tuple[Digest, bytes]:
    repository, _ = committed_table({"x": vstore.text()}, {"x": ["a", "b"]})
    head = repository.resolve("main")
    return head, repository.store.get(object_keys.commit(head))


def test_a_commit_is_named_by_its_bytes_and_is_canonical() -> None:
    head, data = _stored_commit()
    assert digest_of(data) == head
    assert is_digest(head)
    assert document.dumps(json.loads(data)) == data
    read = commits.decode(data, CommitDocument, what="commit")
    assert document.dumps(read) == data
    assert set(json.loads(data)) >= {"parents", "author", "time", "message", "tree", "format"}


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"format": 0},
        {"format": "1"},
        {"features": ["time-travel"]},
        {"features": "x"},
        {"parents": ["../../etc/passwd"]},
        {"parents": ["A" * 64]},
        {"time": "yesterday"},
        {"tree": []},
        {"author": "Ann"},
        {"extra": 1},
        {"depth": -1},
    ],
    ids=repr,
)
def test_a_commit_that_another_vstore_might_mean_otherwise_is_refused(change: Any) -> None:
    _, data = _stored_commit()
    changed = document.dumps(json.loads(data) | change)
    with pytest.raises(vstore.FormatError, match="commit"):
        commits.decode(changed, CommitDocument, what="commit")
