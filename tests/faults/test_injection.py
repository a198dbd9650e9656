"""The suite notices bugs that are put into the source on purpose."""

from pathlib import Path

import pytest

from tests.faults.bugs import BUGS
from tests.faults.edits_of_source import Bug, Edit
from tests.faults.injection import ROOT, StaleEditError, edited, hunt

CHEAP = (
    "a lost race is tried again without merging",
    "chunks out of the disk cache are not verified",
)
"""Put in with every run: one that loses commits, and one that lets wrong bytes through."""


def named(bug: Bug) -> str:
    return bug.name


@pytest.mark.parametrize("bug", BUGS, ids=named)
def test_a_bug_can_be_put_in(bug: Bug) -> None:
    for edit in bug.edits:
        path, text = edited(ROOT, edit)
        assert text != path.read_text(encoding="utf-8")
        compile(text, str(path), "exec")
    for test in bug.tests:
        assert (ROOT / test.partition("::")[0]).exists()


def test_an_edit_of_what_is_gone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\nx = 1\n")
    for old in ("x = 1", "x = 2"):
        with pytest.raises(StaleEditError, match="exactly once"):
            edited(tmp_path, Edit("*.py", old, "x = 3"))


@pytest.mark.parametrize(
    "bug",
    [
        pytest.param(bug, id=bug.name, marks=() if bug.name in CHEAP else pytest.mark.slow)
        for bug in BUGS
    ],
)
def test_the_suite_notices(bug: Bug) -> None:
    assert hunt(bug).failed is not None


def test_names_are_unique() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS) >= 20
    assert set(CHEAP) < {bug.name for bug in BUGS}
