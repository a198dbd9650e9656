"""The Python blocks of the documentation run, in order, as a reader would type them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.shuffle_quality import lines
from vstore.format import commit as commits
from vstore.format.digest import digest_of

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "docs/concepts.md",
    "docs/errors.md",
    "docs/guides/archives.md",
    "docs/guides/auditing.md",
    "docs/guides/data-lake.md",
    "docs/guides/exporting.md",
    "docs/guides/importing.md",
    "docs/guides/maintenance.md",
    "docs/guides/serverless.md",
    "docs/guides/sharing.md",
    "docs/guides/tables.md",
    "docs/guides/training.md",
    "docs/guides/versioning.md",
    "docs/guides/viewing.md",
    "docs/index.md",
    "docs/quickstart.md",
]


def blocks(page: str, language: str) -> list[str]:
    """Return the contents of a page's fenced blocks."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def run(page: str, code: list[str]) -> None:
    assert code
    exec(compile("\n".join(code), page, "exec"), {})


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATASET", "")


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/architecture.md"])
def test_every_module_that_the_map_names_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    named = re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)`", text)
    assert [
        name for name in named if not any((ROOT / top / name).exists() for top in ("", "vstore"))
    ] == []


NEEDS = {
    "docs/guides/archives.md": ("h5py",),
    "docs/guides/tables.md": ("duckdb", "pandas", "polars", "pyarrow"),
}
"""What a page is about, where not every environment has it."""


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run(page: str) -> None:
    for library in NEEDS.get(page, ()):
        pytest.importorskip(library)
    run(page, blocks(page, "python"))


def test_the_guide_to_writing_a_store_runs(tmp_path: Path) -> None:
    program, suite = blocks("docs/guides/stores.md", "python")
    run("docs/guides/stores.md", [program])
    shutil.copy(ROOT / "examples/folder_store.py", tmp_path)
    (tmp_path / "test_folder_store.py").write_text(suite, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout


def test_the_table_of_windows_is_what_the_orders_give() -> None:
    assert "\n".join(lines()) in (ROOT / "docs/guides/training.md").read_text(encoding="utf-8")


def test_the_example_of_the_format_is_true_to_the_byte(tmp_path: Path) -> None:
    page = "docs/format.md"
    run(page, [block for block in blocks(page, "python") if "import vstore" in block])
    shown = dict(block.split("\n", 1) for block in blocks(page, "text") if "/" in block[:8])
    compared = 0
    for name, content in shown.items():
        stored = tmp_path / "example" / name
        assert stored.is_file()
        if name.startswith("packs/"):
            assert stored.read_bytes() == bytes.fromhex(content)
        elif name.startswith("commits/"):
            assert stored.read_text(encoding="utf-8") == content.rstrip("\n")
            assert name == f"commits/{digest_of(stored.read_bytes())}.json"
        else:
            assert lasting(stored.read_bytes()) == lasting(content.rstrip("\n").encode())
        compared += 1
    assert compared == 5


def lasting(branch: bytes) -> object:
    """Return what a branch says that does not differ from run to run, its check being right."""
    found = commits.decode(branch, commits.BranchDocument, what="branch")
    moves = [(entry.commit, entry.action) for entry in found.log]
    assert branch == commits.encode(found)
    assert found.head is not None
    return found.name, found.commit, found.head, found.fence, moves


def test_the_functions_that_the_format_shows_are_those_of_the_code() -> None:
    namespace: dict[str, object] = {}
    for block in blocks("docs/format.md", "python"):
        if block.startswith("def chunk_number"):
            exec(block, namespace)
    chunk_number = namespace["chunk_number"]
    assert callable(chunk_number)
    assert chunk_number((2, 1, 2), (100, 30, 30), (10, 10, 10)) == 38
    assert chunk_number((), (), ()) == 0
    assert chunk_number((3, 0), (100, 0), (10, 5)) == 3
