"""What errors advise works: the code of each hint is run as it is printed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from tests.hint_cases import CASES, SETUP, Case
from tests.hint_cases_of_parts import CASES_OF_PARTS
from tests.test_errors import CLASSES, SITES
from vstore.errors import VstoreError
from vstore.storage.failure import Kind, RequestFailedError, explain

ALL = CASES + CASES_OF_PARTS
EXPLAINED = [kind for kind in Kind if kind.name not in ("OTHER", "MISSING", "RANGE")]
ELSEWHERE = {
    "branch-contended": "only many writers at once meet it: tests/faults/test_cost_of_losing.py",
    "broken-plugin": "the plugin is somebody else's: tests/importers/test_plugins.py",
    "changed-meanwhile": "takes two processes: tests/sharing/test_one_after_another.py",
    "chunk-written-twice": "takes two processes: tests/sharing/test_one_after_another.py",
    "commit-is-read-only": "zarr refuses before: tests/zarr/test_store.py",
    "disk-full": "takes a full disk: tests/storage/test_full_disk.py",
    "forked-process": "takes a fork: tests/sharing/test_lent_stores.py",
    "gc-interrupted": "takes a process that is stopped: tests/maintenance/gc",
    "gc-is-repacking": "takes a race of many rounds; the advice is to wait",
    "locked": "takes a process that is stopped: tests/storage/test_links.py",
    "memory-of-another-process": "takes another process: tests/storage/test_memory.py",
    "no-public-address": "the advice is for people: tests/page/test_publishing.py",
    "not-signed": "takes keys and ssh-keygen: tests/signing/test_transfers.py",
    "objects-deleted": "takes a collection in a transaction: tests/maintenance/gc",
    "policy-signature": "takes keys and ssh-keygen: tests/repository/test_policies.py",
    "ref-moved": "takes a race; the advice is to try again",
    "source-changed": "takes files elsewhere: tests/virtual/test_sources.py",
    "source-not-allowed": "takes files elsewhere: tests/virtual/test_sources.py",
    "several-importers": "takes two plugins: tests/importers/test_plugins.py",
    "state-of-other-workers": "takes worker processes: tests/torch/test_torch_processes.py",
}
"""Codes whose errors one process cannot provoke, and why."""


def code_in(hint: str) -> list[str]:
    """Return the code of a hint, each piece whole: what is between backquotes."""
    pieces = re.findall(r"`([^`]+)`", hint)
    return [f"columns['label']{piece}" if piece.startswith(".") else piece for piece in pieces]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import numcodecs.blosc  # noqa: PLC0415 - kept from what a case does to it

    monkeypatch.chdir(tmp_path)
    before = numcodecs.blosc.use_threads
    yield
    numcodecs.blosc.use_threads = before
    mock.patch.stopall()


def provoked(case: Case) -> tuple[VstoreError, dict[str, Any]]:
    names: dict[str, Any] = {}
    exec(SETUP + case.before, names)
    with pytest.raises(VstoreError) as raised:
        exec(case.fails, names)
    return raised.value, names


@pytest.mark.parametrize("case", ALL, ids=[f"{case.code}-{n}" for n, case in enumerate(ALL)])
def test_advice_works(case: Case) -> None:
    error, names = provoked(case)
    assert error.code == case.code
    assert error.hint
    exec(case.does, names)
    for piece in code_in(error.hint):
        exec(case.around.replace("{}", piece), names)
    if case.helps:
        exec(case.fails, names)


@pytest.mark.parametrize("kind", EXPLAINED)
def test_advice_about_stores_works(kind: Kind) -> None:
    url = "s3://bucket/repository"
    error = explain(RequestFailedError(kind, "detail"), action="read", url=url)
    assert error.code != "storage-failed"
    names: dict[str, Any] = {"url": url}
    exec("import vstore", names)
    for piece in code_in(error.hint or ""):
        exec(piece, names)


def test_every_hint_with_a_code_is_tried() -> None:
    own = {site.code for site in SITES if site.hint} - {cls.code for cls in CLASSES.values()}
    tried = {case.code for case in ALL}
    assert own - {"…"} - tried == ELSEWHERE.keys()
