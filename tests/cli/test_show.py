"""`vstore show`."""

import pytest

from tests.cli.terminal import Run
from tests.importers.idx_files import images

pytestmark = pytest.mark.usefixtures("repo")


class TestACommit:
    def test_looks_as_in_the_log(self, run: Run) -> None:
        assert run("show", "repo@v1").out == run("log", "repo@v1", "-n", "1").out

    def test_tells_machines(self, run: Run) -> None:
        assert run("show", "repo", "--json").json == run("log", "repo", "--json").json[0]


class TestPaths:
    def test_a_table_shows_its_columns_and_first_samples(self, run: Run) -> None:
        shown = run("show", "repo@", "train").out
        assert "train  10 samples, keyed by str" in shown
        assert "image    ndarray uint8  (10, 5, 4)" in shown
        assert "source = 'made'" in shown
        assert "'number 4'" in shown
        assert "'number 5'" not in shown
        assert "and 5 more" in shown

    def test_a_table_tells_machines_what_it_is(self, run: Run) -> None:
        found = run("show", "repo", "train", "--json").json
        assert (found["kind"], found["samples"], found["keys"]) == ("table", 10, "str")
        assert found["attributes"] == {"source": "made"}
        assert found["columns"]["image"]["shape"] == [10, 5, 4]
        assert found["columns"]["caption"]["dtype"] is None

    def test_a_column(self, run: Run) -> None:
        shown = run("show", "repo", "train/label", "--limit", "2").out
        assert shown.startswith("train/label  ndarray int64  (10)")
        assert "and 8 more" in shown

    def test_an_array(self, run: Run) -> None:
        assert "array float32  (3, 4)" in run("show", "repo", "climate/temperature").out

    def test_a_group(self, run: Run) -> None:
        assert run("show", "repo", "climate").out == "climate  group\n  temperature\n"
        assert run("show", "repo", "climate", "--json").json["names"] == ["temperature"]

    def test_a_path_where_nothing_is(self, run: Run) -> None:
        assert "'nope'" in run.fails("show", "repo", "nope")

    def test_a_path_in_the_place_of_a_revision(self, run: Run) -> None:
        said = run.fails("show", "train", VSTORE_URL="repo")
        assert "hint: a path comes second: `vstore show @ train`" in said


class TestValues:
    def test_one_sample(self, run: Run) -> None:
        image = images(10)[7]
        assert run("show", "repo", "train", "7").out == (
            "train[7]  key 'k7'\n"
            "  caption  'number 7'\n"
            f"  image    uint8 (5, 4) {image.min()}…{image.max()} mean {image.mean():.4g}\n"
            "  label    70\n"
        )

    def test_one_sample_by_key(self, run: Run) -> None:
        assert run("show", "repo", "train", "--key", "k7").out.startswith("train[7]")
        assert run("show", "repo", "train/label", "--key", "k7").out == "70\n"

    def test_the_last_sample(self, run: Run) -> None:
        assert run("show", "repo", "train/label", "--", "-1").out == "9\n"

    def test_one_sample_tells_machines_all(self, run: Run) -> None:
        found = run("show", "repo", "train", "7", "--json").json
        assert found == {
            "path": "train",
            "keys": "k7",
            "values": {"caption": "number 7", "image": images(10)[7].tolist(), "label": 70},
        }

    def test_several_samples(self, run: Run) -> None:
        shown = run("show", "repo", "train", "2:9:3").out.splitlines()
        assert [line.split()[:2] for line in shown[1:]] == [["2", "k2"], ["5", "k5"], ["8", "k8"]]

    def test_samples_of_a_column(self, run: Run) -> None:
        shown = run("show", "repo", "train/label", "[-1, 3]").out.splitlines()
        assert [line.split() for line in shown] == [["label"], ["9", "9"], ["3", "3"]]

    def test_samples_of_a_column_tell_machines(self, run: Run) -> None:
        assert run("show", "repo", "train/label", "5:8", "--json").json["values"] == [5, 6, 70]

    def test_a_part_of_a_sample(self, run: Run) -> None:
        found = run("show", "repo", "train/image", "7,1:3,0", "--json").json
        assert found["values"] == images(10)[7, 1:3, 0].tolist()

    def test_values_of_an_array(self, run: Run) -> None:
        assert run("show", "repo", "climate/temperature", "0").out == "[ 0.  1.  2. nan]\n"
        found = run("show", "repo", "climate/temperature", "0", "--json").json
        assert found["values"] == [0.0, 1.0, 2.0, "NaN"]

    def test_wide_samples_are_cut_to_the_terminal(self, run: Run) -> None:
        shown = run("show", "repo", "train", "0:3", COLUMNS="40").out.splitlines()
        assert all(len(line) <= 40 for line in shown)
        assert any("…" in line for line in shown)

    def test_pictures_are_drawn_where_there_are_colours(self, run: Run) -> None:
        colours = {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color"}
        assert run("show", "repo", "train/image", "7", **colours).out.count("▀") == 12
        assert "▀" not in run("show", "repo", "train/image", "7").out

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["train", "10"], "10"),
            (["train", "[3,99]"], "99"),
            (["train", "0,1"], "whose only axis is that of the samples"),
            (["train", "x"], "'x' is not an index"),
            (["train", "::0"], "step"),
            (["climate", "0"], "is a group"),
            (["climate", "0", "--json"], "is a group"),
            (["train", "--key", "nope"], "no sample with the key 'nope'"),
            (["train", "1", "--key", "k1"], "give one of the two"),
            (["climate/temperature", "--key", "k1"], "neither a table nor a column"),
            (["climate/temperature", "0,0,0"], "too many indices"),
        ],
    )
    def test_what_is_not_there(self, run: Run, arguments: list[str], said: str) -> None:
        assert said in run.fails("show", "repo", *arguments)
