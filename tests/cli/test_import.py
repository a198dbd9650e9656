"""`vstore import`: what is in the files is in the repository, in one commit, or nothing is."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import vstore
from tests.cli.terminal import Run
from tests.conftest import Bucket
from tests.importers.idx_files import images, write_idx
from tests.importers.netcdf_files import write_netcdf
from vstore.faces import internals
from vstore.format.commit import Author
from vstore.importers.arrays import SideBySide

PAIR = ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz")

pytestmark = pytest.mark.usefixtures("files")


def head(url: str = "repo") -> str | None:
    found = internals(vstore.open(url)).refs.find_branch("main")
    return None if found is None else found.commit


def train(url: str = "repo", path: str = "train") -> vstore.Table:
    return vstore.checkout(url, "main").tables[path]


@pytest.fixture
def empty(run: Run) -> None:
    run("init", "repo")


@pytest.mark.usefixtures("empty")
class TestImporting:
    def test_files_become_columns_of_one_table(self, run: Run) -> None:
        ended = run("import", "repo", *PAIR, "--names", "image,label", "-m", "Add digits")
        table = train()
        assert np.array_equal(table["image"][:], images(10))
        assert table["label"][:].tolist() == list(range(10))
        commit = vstore.open("repo").commit("main")
        assert commit.message == "Add digits"
        assert commit.author == Author("Ann Lee", "ann@example.org")
        assert ended.out == (
            f"[main {commit.id[:12]}] Add digits\n"
            " 10 samples added to train: image uint8[5, 4], label uint8\n"
        )

    def test_names_may_be_given_one_by_one(self, run: Run) -> None:
        run("import", "repo", *PAIR, "--column", "a", "-c", "b")
        assert list(train().columns) == ["a", "b"]

    def test_names_come_from_the_files_otherwise(self, run: Run) -> None:
        run("import", "repo", *PAIR, "--table", "digits/train")
        assert list(train(path="digits/train").columns) == ["train-images", "train-labels"]

    def test_tells_machines_about_it(self, run: Run) -> None:
        made = run("import", "repo", *PAIR, "--names", "image,label", "--json").json
        assert made == {
            "url": str(Path("repo").absolute()),
            "branch": "main",
            "commit": head(),
            "table": "train",
            "added": 10,
            "replaced": 0,
            "equal": 0,
            "removed": 0,
            "samples": 10,
            "columns": {
                "image": {"dtype": "uint8", "shape": [5, 4], "kind": "ndarray"},
                "label": {"dtype": "uint8", "shape": [], "kind": "ndarray"},
            },
            "skipped": [],
            "ignored": 0,
        }

    def test_the_message_names_the_files_where_none_is_given(self, run: Run) -> None:
        run("import", "repo", str(Path("image.npy").absolute()))
        assert vstore.open("repo").commit().message == "Import image.npy"

    def test_npz_files_give_all_their_arrays(self, run: Run) -> None:
        np.savez("data.npz", x=images(10), y=np.arange(10))
        run("import", "repo", "data.npz")
        assert list(train().columns) == ["x", "y"]

    def test_npz_files_give_the_arrays_that_are_selected(self, run: Run) -> None:
        np.savez("data.npz", x_train=images(7), y_train=np.arange(7), x_test=images(3))
        run("import", "repo", "data.npz", "--select", "x_train,y_train", "--names", "x,y")
        assert len(train()) == 7
        assert list(train().columns) == ["x", "y"]

    def test_appending_adds_to_the_table(self, run: Run) -> None:
        run("import", "repo", *PAIR, "--names", "image,label")
        ended = run("import", "repo", "image.npy", "label.npy", "--append")
        assert train()["label"][:].tolist() == list(range(20))
        assert "10 samples added to train, which now has 20:" in ended.out
        assert len(list(vstore.open("repo").log())) == 2

    def test_samples_are_named_by_a_file_of_keys(self, run: Run) -> None:
        Path("keys.txt").write_text("".join(f"shoe-{i}\n" for i in range(10)))
        run("import", "repo", *PAIR, "--names", "image,label", "--keys", "keys.txt")
        assert train().loc["shoe-7"]["label"] == 7

    def test_samples_are_named_by_integers(self, run: Run) -> None:
        np.save("keys.npy", np.arange(10) * 100)
        run("import", "repo", "label.npy", "--keys", "keys.npy")
        assert train().loc[700]["label"] == 17

    def test_lines_of_text_name_samples_by_integers_where_the_table_does(self, run: Run) -> None:
        np.save("keys.npy", np.arange(10))
        run("import", "repo", "label.npy", "--keys", "keys.npy")
        Path("keys.txt").write_text("".join(f"{i}\n" for i in range(10, 20)))
        run("import", "repo", "label.npy", "--keys", "keys.txt", "--append")
        assert train().loc[17]["label"] == 17

    def test_other_branches(self, run: Run) -> None:
        run("import", "repo", *PAIR, "--names", "image,label")
        run("branch", "create", "dev", "--repo", "repo")
        before = head()
        run("import", "repo", "image.npy", "label.npy", "--append", "--branch", "dev")
        assert head() == before
        assert len(vstore.checkout("repo@dev").tables["train"]) == 20

    def test_no_samples_change_nothing(self, run: Run) -> None:
        run("import", "repo", "label.npy")
        before = head()
        np.save("label.npy", np.zeros(0, np.uint8))
        assert "nothing was committed" in run("import", "repo", "label.npy", "--append").out
        assert head() == before

    def test_the_default_repository_need_not_be_named(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run("import", "label.npy", VSTORE_URL="repo")
        run("import", "--repo", "repo", "image.npy", "--table", "b")
        monkeypatch.chdir("repo")
        run("import", "../label.npy", "--table", "c")
        assert list(vstore.checkout(".")) == ["b", "c", "train"]


@pytest.mark.usefixtures("empty")
class TestImportingAgain:
    def test_only_what_differs_is_committed(self, run: Run) -> None:
        Path("rows").mkdir()
        for i in range(3):
            Path("rows", f"{i}.bin").write_bytes(b"%d" % i)
        files = ["import", "repo", "rows", "--with", "files", "-t", "t"]
        run(*files)
        before = head()
        assert run(*files, "--update").out == "Nothing changed: nothing was committed.\n"
        assert head() == before
        Path("rows", "1.bin").write_bytes(b"other")
        Path("rows", "2.bin").unlink()
        Path("rows", "3.bin").write_bytes(b"3")
        shown = run(*files, "--update", "--prune").out
        assert " 1 samples added to t, 1 replaced, 1 removed, 1 unchanged" in shown
        found = run(*files, "--skip-existing", "--json").json
        assert (found["commit"], found["equal"]) == (None, 3)
        said = run.fails(*files, "--append")
        assert "key '0.bin' already\nhint: leave out what is there with --skip-existing" in said

    def test_ways_exclude_each_other(self, run: Run) -> None:
        said = run.any("import", "repo", "label.npy", "--update", "--replace")
        assert said.code == 2
        assert "give one of --skip-existing" in said.err


@pytest.mark.usefixtures("empty")
class TestProgress:
    def test_is_shown_on_a_terminal(self, run: Run) -> None:
        ended = run.any("import", "repo", *PAIR, FORCE_COLOR="1", TERM="xterm")
        assert ended.code == 0
        assert "Importing into train" in ended.err
        assert "10/10" in ended.err

    def test_is_not_shown_beside_json(self, run: Run) -> None:
        run("import", "repo", *PAIR, "--json", FORCE_COLOR="1", TERM="xterm")


@pytest.mark.usefixtures("empty")
class TestInterrupts:
    def interrupted(self, run: Run, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> str:
        """Import while `act` happens and then Ctrl-C is pressed, behind the first batch."""

        def batches(*_: Any, **__: Any) -> Iterator[dict[str, Any]]:
            yield {"label": np.arange(3, dtype=np.uint8)}
            act()
            raise KeyboardInterrupt

        monkeypatch.setattr(SideBySide, "batches", batches)
        ended = run.any("import", "repo", "label.npy")
        assert (ended.code, ended.out) == (130, "")
        return ended.err

    def test_before_the_first_commit(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.interrupted(run, monkeypatch, lambda: None) == (
            "interrupted: nothing was committed, the branch 'main' has no commits\n"
        )
        assert head() is None

    def test_say_where_the_branch_stands(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        run("import", "repo", *PAIR, "-t", "before")
        before = head()
        assert before is not None
        said = self.interrupted(run, monkeypatch, lambda: None)
        assert f"nothing was committed, the branch 'main' is still at {before[:12]}" in said
        assert head() == before

    def test_say_when_the_branch_moved(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        def commit() -> None:
            with vstore.open("repo").transaction("main", message="Meanwhile") as tx:
                tx.create_array("x", shape=(1,), dtype="int8")[:] = 1

        said = self.interrupted(run, monkeypatch, commit)
        assert f"the branch 'main' is at {head()}, which another writer or this import" in said

    def test_say_when_the_branch_cannot_be_read(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run("import", "repo", *PAIR, "-t", "before")

        def damage() -> None:
            Path("repo/refs/branches/main.json").write_text("{")

        said = self.interrupted(run, monkeypatch, damage)
        assert "look with vstore log whether 'main' moved: it could not be read" in said


@pytest.mark.usefixtures("empty")
class TestBadInput:
    @pytest.fixture(autouse=True)
    def unchanged(self, files: None, empty: None, run: Run) -> Any:
        run("import", "repo", *PAIR, "--names", "image,label")
        before = head()
        yield
        assert head() == before

    def test_another_dtype(self, run: Run) -> None:
        np.save("label.npy", np.arange(10) / 3)
        said = run.fails("import", "repo", "image.npy", "label.npy", "--append")
        assert "'label' holds uint8; got float64, which does not fit without loss" in said

    def test_another_shape(self, run: Run) -> None:
        np.save("image.npy", np.zeros((10, 6, 6), np.uint8))
        said = run.fails("import", "repo", "image.npy", "label.npy", "--append")
        assert "samples of shape (5, 4); got (6, 6)" in said

    def test_other_columns(self, run: Run) -> None:
        said = run.fails("import", "repo", "image.npy", "--append")
        assert "no values for ['label']" in said

    def test_a_table_already_there(self, run: Run) -> None:
        said = run.fails("import", "repo", "image.npy")
        assert "there is something at 'train' already\nhint: add to a table with --append" in said

    def test_no_table_to_append_to(self, run: Run) -> None:
        said = run.fails("import", "repo", "image.npy", "--append", "--table", "test")
        assert "there is no table 'test'" in said

    def test_a_column_to_append_to(self, run: Run) -> None:
        said = run.fails("import", "repo", "image.npy", "--append", "-t", "train/image")
        assert "'train/image' is not a table" in said

    @pytest.mark.parametrize("name", ["__a", "sample", ""])
    def test_an_impossible_column_name(self, run: Run, name: str) -> None:
        assert "column" in run.fails("import", "repo", "image.npy", "-t", "b", "-c", name)

    def test_too_few_names(self, run: Run) -> None:
        said = run.fails("import", "repo", *PAIR, "-t", "b", "--names", "image")
        assert "1 column names for 2 arrays" in said

    def test_different_lengths(self, run: Run) -> None:
        np.save("label.npy", np.arange(9))
        said = run.fails("import", "repo", "image.npy", "label.npy", "-t", "b")
        assert "image 10, label 9" in said

    def test_doubled_keys(self, run: Run) -> None:
        Path("keys.txt").write_text("a\n" * 10)
        said = run.fails("import", "repo", "label.npy", "-t", "b", "--keys", "keys.txt")
        assert "the key 'a' is given twice" in said

    def test_too_few_keys(self, run: Run) -> None:
        Path("keys.txt").write_text("a\n")
        said = run.fails("import", "repo", "label.npy", "-t", "b", "--keys", "keys.txt")
        assert "1 keys for 10 samples" in said

    def test_keys_for_a_table_without(self, run: Run) -> None:
        Path("keys.txt").write_text("".join(f"{i}\n" for i in range(10)))
        add = ["import", "repo", *PAIR, "--names", "image,label", "--append"]
        assert "have no keys\nhint: leave --keys out" in run.fails(*add, "--keys", "keys.txt")

    @pytest.mark.parametrize("keys", ["a", "1.5", str(2**64)])
    def test_keys_of_another_kind(self, run: Run, keys: str) -> None:
        repo = vstore.open("repo")
        repo.branches.create("keyed")
        np.save("keys.npy", np.arange(10))
        into = ["import", "repo", "label.npy", "-t", "keyed", "-b", "keyed"]
        run(*into, "--keys", "keys.npy")
        Path("keys.txt").write_text(f"{keys}\n" * 10)
        said = run.fails(*into, "--append", "--keys", "keys.txt")
        assert "the keys of 'keyed' are integers" in said or "does not fit 64 bits" in said
        said = run.fails(*into, "--append")
        assert "have int keys, and none were given\nhint: give one for each sample" in said

    def test_an_unknown_branch(self, run: Run) -> None:
        said = run.fails("import", "repo", "image.npy", "-t", "b", "--branch", "nope")
        assert "no branch 'nope'" in said
        assert "create" in said

    def test_no_repository(self, run: Run) -> None:
        said = run.fails("import", "elsewhere", "image.npy")
        assert "there is no vstore repository at" in said
        assert "hint: check the address, or create a repository with `vstore init " in said

    def test_no_repository_named(self, run: Run) -> None:
        assert "no repository given" in run.fails("import", "image.npy")

    def test_no_files(self, run: Run) -> None:
        assert "name what to import" in run.fails("import", "repo")

    def test_a_missing_file(self, run: Run) -> None:
        assert run.fails("import", "repo", "nope.npy") == "there is no file nope.npy"

    def test_a_directory(self, run: Run) -> None:
        Path("empty").mkdir()
        assert "there are no files in empty" in run.fails("import", "repo", "empty")

    def test_truncated_idx(self, run: Run) -> None:
        path = write_idx(Path("x.idx"), images(10))
        path.write_bytes(path.read_bytes()[:-7])
        assert "x.idx is truncated" in run.fails("import", "repo", "x.idx", "-t", "b")

    def test_truncated_gzip(self, run: Run) -> None:
        path = Path(PAIR[0])
        path.write_bytes(path.read_bytes()[:-30])
        said = run.fails("import", "repo", *PAIR, "--names", "image,label", "--append")
        assert f"{PAIR[0]} is truncated" in said

    def test_truncated_npz(self, run: Run) -> None:
        np.savez("x.npz", x=images(1000))
        Path("x.npz").write_bytes(Path("x.npz").read_bytes()[:-100])
        assert "x.npz is damaged" in run.fails("import", "repo", "x.npz", "-t", "b")

    def test_pickled_objects(self, run: Run) -> None:
        np.save("x.npy", np.array([{"a": 1}]))
        assert "pickle runs any code" in run.fails("import", "repo", "x.npy", "-t", "b")

    def test_a_malformed_author(self, run: Run) -> None:
        said = run.fails("import", "repo", "label.npy", "-t", "b", "--author", "<>")
        assert "an author reads 'Name' or 'Name <email>'" in said


@pytest.mark.s3
def test_imports_into_s3_and_keeps_the_secrets(run: Run, s3_bucket: Bucket) -> None:
    url = s3_bucket.fresh_url()
    options = [
        text
        for name, value in s3_bucket.storage_options.items()
        for text in ("--option", f"{name}={json.dumps(value)}")
    ]
    run("init", url, *options)
    made = run("import", url, *PAIR, "--names", "image,label", *options, "--json").json
    assert made["samples"] == 10
    shown = run("show", f"{url}@{made['commit']}", "train/label", "3", "--json", *options).json
    assert (shown["path"], shown["values"]) == ("train/label", 3)
    wrong = run.any("log", s3_bucket.fresh_url(), *options, "--debug")
    assert wrong.code == 1
    assert "there is no vstore repository at" in wrong.err
    assert s3_bucket.storage_options["secret"] not in wrong.err


@pytest.mark.usefixtures("empty")
class TestGoingOn:
    def test_the_journal_is_deleted_after_the_commit(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("vstore.importers.resuming.NOTED_NBYTES", 0)
        Path("rows.csv").write_text("n\n" + "1\n" * 100 + "bad\n")
        words = ("import", "repo", "rows.csv", "--schema", "schema.json", "--resume", "journal")
        Path("schema.json").write_text('{"n": "int64"}')
        assert run.any(*words).code == 1
        assert run.any(*words, "--on-error", "skip").code == 0
        assert not Path("journal").exists()
        assert len(train()) == 100

    def test_files_are_known_by_their_contents(self, run: Run) -> None:
        Path("files").mkdir()
        Path("files/a").write_text("a")
        run("import", "repo", "files", "--with", "files", "--checksum")
        Path("files/a").touch()
        ended = run("import", "repo", "files", "--with", "files", "--update", "--checksum")
        assert ended.out == "Nothing changed: nothing was committed.\n"


@pytest.mark.usefixtures("empty")
class TestHierarchies:
    @pytest.fixture(autouse=True)
    def grid(self, files: None) -> None:
        values = np.arange(6, dtype="f4").reshape(2, 3)
        write_netcdf(Path("x.nc"), {"t2m": (["time", "x"], values), "time": (["time"], [0.5, 1.5])})

    def test_arrays_are_imported_as_they_are(self, run: Run) -> None:
        looked = run("import", "repo", "x.nc", "--dry-run")
        assert looked.out == (
            "arrays:\n  t2m: float32[2, 3] (time, x)\n  time: float64[2] (time)\n"
        )
        ended = run("import", "repo", "x.nc", "--into", "climate")
        commit = vstore.open("repo").commit("main")
        assert ended.out == (
            f"[main {commit.id[:12]}] Import x.nc\n 2 arrays (40 B) written into climate\n"
        )
        assert vstore.checkout("repo", "main")["climate/t2m"][1].tolist() == [3, 4, 5]
        again = run("import", "repo", "x.nc", "--into", "climate", "--replace")
        assert again.out == "Nothing changed: nothing was committed.\n"

    def test_they_are_the_columns_of_a_table_that_is_named(self, run: Run) -> None:
        run("import", "repo", "x.nc", "--table", "days")
        assert train(path="days")["t2m"].shape == (2, 3)

    def test_options_of_tables_are_refused_without_one(self, run: Run) -> None:
        for option in ("--append", "--limit=3", "--max-errors=0"):
            ended = run.any("import", "repo", "x.nc", option)
            assert ended.code == 2
            assert "give --table" in ended.err
        ended = run.any("import", "repo", *PAIR, "--into", "climate")
        assert (ended.code, "--table says" in ended.err) == (2, True)
        assert head() is None
