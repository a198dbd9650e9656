"""Plugins: a package of another's is built, installed, found and run; then broken."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import vstore
from tests.importers.test_folders import png
from tests.repositories import new_repository
from vstore import InvalidInputError, NotFoundError
from vstore.cli.samples import show_values
from vstore.importers import import_into, open_rows
from vstore.importers.finding import builtin
from vstore.plugins import Importer, Rows, Source
from vstore.plugins.listing import listed
from vstore.plugins.testing import check

ROOT = Path(__file__).parents[2]

NOTES = '''
"""A folder of notes."""

import vstore
from vstore.importers.finding import builtin
from vstore.plugins import Importer, Rows, Source


class Notes(Importer):
    """Notes: the text of each file, and how many words it has."""

    options = {"suffix": (str, ".note", "which files are notes"), "upper": (bool, False, "shout")}

    def fits(self, source: Source) -> bool:
        return source.head(5) == b"#note"

    def open(self, source: Source, *, suffix: str = ".note", upper: bool = False) -> Rows:
        columns = {"text": vstore.text(), "words": vstore.ndarray((), "int64")}

        def read(file):
            text = file.bytes().decode()
            return {"text": text.upper() if upper else text, "words": len(text.split())}

        files = list(source.files("*" + suffix))
        return Rows(columns, "str", items=files, read=read, key=lambda file: file.path)
'''

Install = Callable[..., None]


def wheel(
    folder: Path,
    code: str,
    *,
    name: str = "vstore_notes",
    entry: str = "notes",
    group: str = "vstore.importers",
    made_of: str = "Notes",
) -> Path:
    """Build a package of one module as a wheel."""
    path, info = folder / f"{name}-1.2-py3-none-any.whl", f"{name}-1.2.dist-info"
    with zipfile.ZipFile(path, "w") as made:
        made.writestr(f"{name}.py", code)
        made.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        made.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        made.writestr(f"{info}/entry_points.txt", f"[{group}]\n{entry} = {name}:{made_of}\n")
        made.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "shelf"
    (folder / "sub").mkdir(parents=True)
    for i, name in enumerate(["a.note", "b.note", "sub/c.note"]):
        (folder / name).write_text(f"#note number {i}")
    return folder


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a package where this process finds it."""
    before = set(sys.modules)

    def put(code: str, **names: str) -> None:
        name = names.get("name", "vstore_notes")
        place = tmp_path / f"site-{name}"
        with zipfile.ZipFile(wheel(tmp_path, code, **names)) as made:
            made.extractall(place)
        monkeypatch.syspath_prepend(str(place))

    yield put
    for name in set(sys.modules) - before:
        if name.startswith("vstore_notes"):
            del sys.modules[name]


def imported(source: Path, **options: Any) -> vstore.Table:
    repo = new_repository()
    with repo.transaction("main", message="Import") as tx:
        import_into(tx, "t", open_rows(source, **options))
    return repo.checkout("main").tables["t"]


def test_a_package_is_built_installed_and_found(tmp_path: Path, notes: Path) -> None:
    assert len([line for line in NOTES.splitlines() if line.strip()]) <= 30
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target"]
    subprocess.run([*pip, site, wheel(tmp_path, NOTES)], check=True, capture_output=True)
    vstore.create(tmp_path / "repo")
    env = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{site}"}

    def command(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "vstore", *words],
            env=env, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    assert "notes  importer, vstore_notes 1.2" in command("plugins")
    command("import", "repo", "shelf", "-t", "found")
    command("import", "repo", "shelf", "-t", "named", "--with", "notes", "--upper")
    snapshot = vstore.checkout(tmp_path / "repo", "main")
    assert snapshot["found"].loc["sub/c.note"] == {"text": "#note number 2", "words": 3}
    assert snapshot["named"].loc["a.note"]["text"] == "#NOTE NUMBER 0"


def test_plugins_are_loaded_only_if_they_are_needed(
    install: Install, notes: Path, tmp_path: Path
) -> None:
    install(NOTES)
    (tmp_path / "x.txt").write_text("text")
    imported(tmp_path / "x.txt")
    assert "vstore_notes" not in sys.modules
    assert len(imported(notes)) == 3
    assert "vstore_notes" in sys.modules


def test_two_that_fit_are_both_named(install: Install, notes: Path) -> None:
    install(NOTES)
    install(NOTES, name="vstore_notes2", entry="scraps")
    with pytest.raises(InvalidInputError, match="several importers: notes and scraps"):
        open_rows(notes)
    assert len(imported(notes, with_="scraps")) == 3


def test_one_that_cannot_be_imported_is_passed_over_unless_it_is_named(
    install: Install, notes: Path
) -> None:
    install("import nowhere")
    with (
        pytest.warns(RuntimeWarning, match="'notes' of vstore_notes 1.2 cannot be loaded"),
        pytest.raises(InvalidInputError, match="no known format"),
    ):
        open_rows(notes)
    with pytest.raises(InvalidInputError, match="No module named 'nowhere'"):
        open_rows(notes, with_="notes")
    (found,) = [each for each in listed() if each.name == "notes"]
    assert "nowhere" in (found.error or "")


def test_one_that_is_something_else(install: Install, notes: Path) -> None:
    install("class Notes: pass")
    with pytest.raises(InvalidInputError, match="is no Importer"):
        open_rows(notes, with_="notes")


def test_one_of_the_wrong_data_type(install: Install, notes: Path) -> None:
    install(NOTES.replace("len(text.split())", "text"))
    with pytest.raises(InvalidInputError, match=r"a\.note: column 'words' holds int64, not text"):
        imported(notes)


def test_one_that_fails_in_fits(install: Install, notes: Path) -> None:
    install(NOTES.replace("source.head(5)", "1 / 0"))
    with (
        pytest.warns(RuntimeWarning, match="ZeroDivisionError"),
        pytest.raises(InvalidInputError, match="no known format"),
    ):
        open_rows(notes)


@pytest.mark.parametrize(
    ("options", "said"),
    [({"nope": 1}, "no option --nope; it has --suffix, --upper"), ({"suffix": 1}, "is a str")],
)
def test_options_are_checked(
    install: Install, notes: Path, options: dict[str, Any], said: str
) -> None:
    install(NOTES)
    with pytest.raises(InvalidInputError, match=said):
        open_rows(notes, with_="notes", **options)


def test_an_importer_that_is_not_there(notes: Path) -> None:
    with pytest.raises(NotFoundError, match="no importer 'dicom'"):
        open_rows(notes, with_="dicom")


# The test kit -----------------------------------------------------------------------


class Sound(Importer):
    """An importer that keeps the rules."""

    def fits(self, source: Source) -> bool:
        return source.head(5) == b"#note"

    def open(self, source: Source, **_: Any) -> Rows:
        return Rows(
            {"text": vstore.text()},
            "str",
            items=list(source.files()),
            read=lambda file: {"text": self.text(file.bytes().decode())},
            key=lambda file: file.path,
        )

    def text(self, text: str) -> str:
        return text


class Greedy(Sound):
    def fits(self, source: Source) -> bool:
        return all(file.bytes() for file in source.files())


class Impure(Sound):
    calls = 0

    def text(self, text: str) -> str:
        self.calls += 1
        return f"{text} {self.calls}"


class Disorderly(Sound):
    turn = False

    def open(self, source: Source, **_: Any) -> Rows:
        self.turn = not self.turn
        rows = super().open(source)
        return Rows(
            rows.columns, "str", items=list(rows.items)[:: 1 if self.turn else -1],
            read=rows.read, key=rows.key,
        )  # fmt: skip


class Whole(Sound):
    def open(self, source: Source, **_: Any) -> Rows:
        return Rows(
            {"text": vstore.text()},
            items=list(source.files()),
            read=lambda file: [{"text": file.path}],
            many=True,
        )


def test_a_sound_importer_passes(notes: Path) -> None:
    check(Sound(), notes)


@pytest.mark.parametrize(
    ("importer", "said"),
    [
        (Greedy(), "`fits` read"),
        (Impure(), "`read` is not pure"),
        (Disorderly(), "another order"),
        (Whole(), "all samples of an item at once"),
    ],
    ids=["greedy", "impure", "disorderly", "whole"],
)
def test_an_unsound_one_fails(notes: Path, importer: Importer, said: str) -> None:
    (notes / "large.note").write_bytes(b"#note" + b"x" * 2**21)
    with pytest.raises(AssertionError, match=said):
        check(importer, notes)


def test_an_importer_that_stores_what_a_key_had_twice(notes: Path) -> None:
    class Doubled(Sound):
        def open(self, source: Source, **_: Any) -> Rows:
            rows = super().open(source)
            return Rows(rows.columns, "str", items=rows.items, read=rows.read, key=lambda _: "same")

    with pytest.raises(InvalidInputError, match="'same' is given twice"):
        check(Doubled(), notes)


def test_own_importers_keep_the_rules(tmp_path: Path) -> None:

    (tmp_path / "a").mkdir()
    for i in range(3):
        (tmp_path / f"a/{i}.png").write_bytes(png(i))
    check(builtin("images"), tmp_path)
    check(builtin("files"), tmp_path)
    (tmp_path / "rows.csv").write_text("a,b\n1,x\n2,y\n")
    check(builtin("csv"), tmp_path / "rows.csv", key="a")


CLOUDS = {"entry": "clouds", "group": "vstore.viewers", "made_of": "Clouds"}
VIEWER = """
import numpy as np
from vstore.plugins import View, ViewedColumn, Viewer


class Clouds(Viewer):
    '''Clouds of points.'''

    def fits(self, column: ViewedColumn) -> bool:
        return column.attributes.get("holds") == "points" and column.kind == "bytes"

    def show(self, value: bytes) -> View:
        points = np.frombuffer(value, "u1").reshape(-1, 2)
        if len(points) > 5:
            return {"no": "text"}
        return f"{len(points)} points" if len(points) < 5 else np.full((8, 8), 200, "u1")
"""


def clouds() -> vstore.Table:
    repo = new_repository()
    columns = {
        "cloud": vstore.bytes_(attributes={"holds": "points"}).as_optional(),
        "other": vstore.bytes_(),
    }
    samples = [bytes(4), None, bytes(10), bytes(3), bytes(20)]
    with repo.transaction("main", message="Add") as tx:
        tx.create_table("t", columns).extend({"cloud": samples, "other": [b"x"] * 5})
    return repo.checkout("main").table("t")


def test_a_viewer_shows_samples_in_its_way(install: Install) -> None:
    table = clouds()
    assert "2 points" not in str(table.head())
    install(VIEWER, name="vstore_notes_clouds", **CLOUDS)
    assert [each.kind for each in listed() if each.name == "clouds"] == ["viewer"]
    shown = table.head()
    text, nothing, image, failed, wrong = shown.columns["cloud"]
    assert (text, nothing) == ("2 points", None)
    np.testing.assert_array_equal(image, np.full((8, 8), 200))
    assert "cannot reshape" in failed.reason
    assert "returned dict" in wrong.reason
    assert shown.columns["other"] == [b"x"] * 5
    assert "2 points" in shown._repr_html_()
    assert table["cloud"][0] == bytes(4)  # reading is another thing


def test_a_viewer_serves_the_command_line(
    install: Install, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install(VIEWER, name="vstore_notes_clouds", **CLOUDS)
    column = clouds()["cloud"]
    screen = Console(width=80)
    show_values(column, "t/cloud", 0, screen, limit=5)
    show_values(column, "t/cloud", slice(None), screen, limit=5)
    assert capsys.readouterr().out.count("2 points") == 2


def test_viewers_that_cannot_be_used_are_passed_over(install: Install) -> None:
    table = clouds()
    install(VIEWER, name="vstore_notes_clouds", **CLOUDS)
    broken = VIEWER.replace("return column", "raise OSError; return column")
    install(broken, name="vstore_notes_broken", **CLOUDS)
    with pytest.warns(RuntimeWarning, match="viewer 'clouds' failed: OSError"):
        assert table.head().columns["cloud"][0] == "2 points"


def test_of_several_viewers_none_is_used(install: Install) -> None:
    table = clouds()
    for name in ("vstore_notes_clouds", "vstore_notes_again"):
        install(VIEWER, name=name, **CLOUDS)
    with pytest.warns(RuntimeWarning, match="several viewers fit the column 'cloud'"):
        assert table.head().columns["cloud"][0] == bytes(4)
