"""`vstore plugins`: what can be imported, with which options, and by whose package."""

from tests.cli.terminal import Run


def test_lists_importers_with_their_options(run: Run) -> None:
    shown = run("plugins").out
    assert "arrays  importer, vstore-arrays" in shown
    assert "--select A,B  the arrays to take from an .npz file" in shown


def test_tells_machines(run: Run) -> None:
    (found,) = run("plugins", "arrays", "--json").json
    assert (found["kind"], found["error"]) == ("importer", None)
    assert [option["name"] for option in found["options"]] == ["--names", "--select", "--keys"]


def test_one_that_is_not_there(run: Run) -> None:
    assert "no plugin 'dicom'" in run.fails("plugins", "dicom")
