"""What repositories of samples promise for data that goes in and out, and for the command line.

Each promise is held by a test here, or by one that is named in `HELD`.
"""

import ast
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.cli.terminal import Run
from tests.importers.test_folders import png
from tests.repositories import new_repository
from vstore.cli.registry import COMMANDS
from vstore.importers import import_into
from vstore.plugins import Rows

TESTS = Path(__file__).parents[1]
COMMANDS_OF_OLD = {
    *("init", "summary", "log", "diff", "import", "branch", "clone", "fetch", "fetch-data"),
    *("push", "remote", "export", "status", "show"),
}
HELD = {
    "import of a function over many items in several processes": (
        "importers/test_importing.py",
        "test_processes_make_no_difference",
    ),
    "a function that cannot be sent to processes is refused before work begins": (
        "importers/test_importing.py",
        "test_what_does_not_pickle_is_refused_before_work_begins",
    ),
    "a plugin is found by what it reads, or by name, and gets its options": (
        "importers/test_plugins.py",
        "test_a_package_is_built_installed_and_found",
    ),
    "two plugins for one source are both named": (
        "importers/test_plugins.py",
        "test_two_that_fit_are_both_named",
    ),
    "options that a plugin has not declared are refused": (
        "importers/test_plugins.py",
        "test_options_are_checked",
    ),
    "a plugin may yield many samples from one file": (
        "importers/test_importing.py",
        "test_so_do_items_of_many_samples",
    ),
    "exporters of other packages": (
        "exporters/test_exporting.py",
        "test_other_packages_add_exporters",
    ),
    "a sample is shown by a plugin on the command line": (
        "importers/test_plugins.py",
        "test_a_viewer_serves_the_command_line",
    ),
    "a sample is shown by a plugin from Python": (
        "importers/test_plugins.py",
        "test_a_viewer_shows_samples_in_its_way",
    ),
    "the size of a repository on disk": (
        "cli/test_looking.py",
        "test_own_bytes_are_told_from_shared_ones",
    ),
    "details of what is installed, for a report of a fault": (
        "cli/test_help.py",
        "test_versions_of_all_that_is_used",
    ),
    "the default branch cannot be deleted": (
        "cli/test_branch_and_tag.py",
        "test_the_default_one_stays",
    ),
    "samples are added or replaced by key in one call": (
        "writing/test_upsert.py",
        "test_a_table_is_what_a_dict_would_be",
    ),
    "keys, values and items of a checkout": (
        "reading/test_mappings.py",
        "test_a_mapping_of_the_names_at_the_root",
    ),
    "get with a default": ("reading/test_mappings.py", "test_in_and_get_follow_paths"),
    "data sets of some keys, a range, under other names": (
        "torch/test_torch.py",
        "test_keys_ranges_and_names_as_in_hangar",
    ),
    "data sets of tables that are joined by key": (
        "reader/test_bad_input.py",
        "test_tables_that_cannot_be_joined_say_how_they_could",
    ),
    "training with what is here of a clone": (
        "transfer/test_behaviours.py",
        "test_training_in_a_clone_without_data",
    ),
    "which samples are here only in part": (
        "partial/test_fetching.py",
        "test_what_is_here_is_listed_without_the_remote",
    ),
}


@pytest.mark.parametrize("promise", HELD)
def test_each_promise_is_held_by_a_test(promise: str) -> None:
    file, name = HELD[promise]
    module = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    assert name in {node.name for node in ast.walk(module) if isinstance(node, ast.FunctionDef)}


@pytest.fixture
def photos(run: Run) -> Path:
    """Three files in a folder, and an empty repository at `repo`."""
    run("init", "repo")
    folder = Path("photos")
    folder.mkdir()
    for i, name in enumerate("abc"):
        (folder / f"{name}.png").write_bytes(png(i))
    return folder


def test_commands_have_the_names_that_they_had() -> None:
    assert set(COMMANDS) >= COMMANDS_OF_OLD


def test_each_file_of_a_folder_is_a_sample_and_its_name_the_key(run: Run, photos: Path) -> None:
    run("import", "repo", str(photos), "-t", "t")
    table = vstore.open("repo").checkout("main")["t"]
    assert table.sample_keys().tolist() == ["a.png", "b.png", "c.png"]
    assert [table["image"].encoded(i) for i in range(3)] == [png(i) for i in range(3)]


def test_samples_that_are_there_are_left_or_overwritten(run: Run, photos: Path) -> None:
    run("import", "repo", str(photos), "-t", "t")
    (photos / "b.png").write_bytes(png(7))
    (photos / "d.png").write_bytes(png(8))
    assert "'a.png'" in run.fails("import", "repo", str(photos), "-t", "t", "--append")
    run("import", "repo", str(photos), "-t", "t", "--skip-existing")
    table = vstore.open("repo").checkout("main")["t"]
    assert (len(table), table["image"].encoded(1)) == (4, png(1))
    run("import", "repo", str(photos), "-t", "t", "--replace")
    assert vstore.open("repo").checkout("main")["t"]["image"].encoded(1) == png(7)


def test_a_look_first_says_what_would_come_in_and_writes_nothing(run: Run, photos: Path) -> None:
    found = run("import", "repo", str(photos), "-t", "t", "--dry-run", "--json").json
    assert found["keys"] == "str"
    assert set(found["columns"]) == {"image"}
    assert "nothing was committed" in run.fails("summary", "repo")


def test_all_samples_or_some_go_out_to_a_folder(run: Run, photos: Path) -> None:
    run("import", "repo", str(photos), "-t", "t")
    run("export", "repo", "t", "all")
    assert sorted(path.name for path in Path("all").iterdir()) == ["a.png", "b.png", "c.png"]
    run("export", "repo", "t", "some", "--key", "b.png")
    assert [path.read_bytes() for path in Path("some").rglob("*.png")] == [png(1)]
    assert "no sample" in run.fails("export", "repo", "t", "none", "--key", "z.png")
    assert "there is" in run.fails("export", "repo", "t", "all")


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_keys_that_are_integers_choose_what_goes_out(run: Run, suffix: str) -> None:
    Path("rows.csv").write_text("id,x\n7,1\n9,2\n")
    run("init", "repo")
    run("import", "repo", "rows.csv", "-t", "t", "--key", "id")
    run("export", "repo", "t", f"one.{suffix}", "--key", "9")
    said = Path(f"one.{suffix}").read_text()
    assert (said if suffix == "csv" else json.loads(said)["x"]) in (2, "sample,x\n9,2\n")


def test_an_unknown_sample_is_a_clear_error(run: Run, photos: Path) -> None:
    run("import", "repo", str(photos), "-t", "t")
    assert "'nope.png'" in run.fails("show", "repo", "t", "--key", "nope.png")


def _square(number: int) -> dict[str, Any]:
    if number == 5:
        raise ValueError("five")
    return {"x": number * number}


def test_all_items_come_in_or_none() -> None:
    repo = new_repository()
    rows = Rows({"x": vstore.ndarray((), "int64")}, "int", items=range(9), read=_square, key=int)

    def run(**options: Any) -> None:
        with repo.transaction("main", message="Import") as tx:
            import_into(tx, "t", rows, **options)

    with pytest.raises(vstore.InvalidInputError, match="5: ValueError: five"):
        run()
    assert list(repo.branches) == []
    run(on_error="skip")
    assert repo.checkout("main")["t"]["x"][:].tolist() == [i * i for i in range(9) if i != 5]


def test_equal_data_is_stored_once() -> None:
    repo = new_repository()
    image = np.random.default_rng(0).integers(0, 255, (64, 64, 64), dtype=np.uint8)
    for name in ("a", "b"):
        with repo.transaction("main", message=name) as tx:
            spec = vstore.ndarray((64, 64), "uint8")
            tx.create_table(name, {"image": spec}).extend({"image": image})
    packs = [info.nbytes for info in repo.store.list_prefix("packs/")]
    assert sum(packs) < 1.2 * image.nbytes
