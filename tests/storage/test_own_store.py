"""A store that a user wrote is used as any other."""

import subprocess
import sys
from pathlib import Path

import pytest

import vstore
from examples.folder_store import FolderStore
from vstore.storage import MemoryStore, ObjectStore
from vstore.testing import SharedStoreContract


class TestFolderStore(SharedStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> ObjectStore:
        return FolderStore(tmp_path / "repository")


def test_a_repository_is_created_opened_and_checked_out_in_a_store(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "repository")
    repo = vstore.create(store)
    with repo.transaction("main", message="Add") as tx:
        tx.create_array("x", shape=(2,), dtype="int64")[:] = [1, 2]
    again = FolderStore(tmp_path / "repository")
    assert vstore.open(again).branches["main"] == repo.branches["main"]
    assert vstore.checkout(again)["x"][1] == 2
    assert vstore.checkout(again, "main")["x"][0] == 1
    assert repo.probe().verdict == "suitable"


def test_what_is_no_store_is_refused() -> None:
    for wrong in (None, 3):
        with pytest.raises(vstore.InvalidInputError, match="not in"):
            vstore.open(wrong)  # type: ignore[arg-type]


def test_a_store_takes_no_options() -> None:
    store = MemoryStore()
    with pytest.raises(vstore.InvalidInputError, match="takes no options"):
        vstore.create(store, storage_options={"key": "x"})
    with pytest.raises(vstore.InvalidInputError, match="takes no options"):
        vstore.open(store, unsafe_single_writer=True)


def test_the_suite_without_pytest_says_what_to_install() -> None:
    script = "import sys; sys.modules['pytest'] = None; import vstore.testing"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert "MissingExtraError: vstore.testing needs pytest" in done.stderr
    assert "[testing]" in done.stderr
