"""Chunks that decode, and samples that cannot be read all the same."""

from typing import Any

import numpy as np
import pytest

import vstore
from tests.repositories import committed_table
from vstore import Repository
from vstore.faces import internals
from vstore.format.table.wav import wav_file

KINDS: dict[str, tuple[vstore.ColumnSpec, list[Any], str, Any]] = {
    "a shape that does not fit": (
        vstore.ndarray((None, 2), "int16"),
        [np.ones((1, 2), "int16")] * 3,
        "w.shape",
        np.array([[5, 2]]),
    ),
    "elements that do not fit": (
        vstore.ndarray((None,), "int16"),
        [np.ones(2, "int16")] * 3,
        "w",
        np.array([b"123"], object),
    ),
    "bytes that are no image": (
        vstore.image(),
        [np.zeros((2, 2), "uint8")] * 3,
        "w",
        np.array([b"no image"], object),
    ),
    "half a sound": (
        vstore.audio(rate=8000),
        [np.zeros((2, 1), "int16")] * 3,
        "w",
        np.array([wav_file(np.zeros((2, 1), "int16"), 8000)[:-1]], object),
    ),
}


def damaged(kind: str, row: int) -> Repository:
    """Return a repository whose column `w` holds an element that is no sample."""
    spec, samples, name, element = KINDS[kind]
    repo, _ = committed_table(
        {"w": spec.as_optional(), "x": vstore.text()}, {"w": samples, "x": list("abc")}
    )
    with repo.transaction("main", message="Damage") as tx:
        internals(tx["t"]).stored.write_rows(name, np.array([row]), element)
    return repo


@pytest.mark.parametrize("kind", KINDS)
def test_every_sample_is_read_as_a_user_does(kind: str) -> None:
    repo = damaged(kind, 1)
    assert repo.fsck(mode="full").is_sound
    report = repo.fsck(mode="full", decode=True)
    (problem,) = report.problems
    assert (problem.key, problem.fault) == ("t/w", "malformed")
    assert "sample 1" in problem.detail


def test_samples_that_are_deleted_or_missing_are_not_read() -> None:
    repo = damaged("elements that do not fit", 1)
    with repo.transaction("main", message="Delete") as tx:
        tx["t"].delete(1)
    assert repo.fsck(mode="full", decode=True).is_sound
