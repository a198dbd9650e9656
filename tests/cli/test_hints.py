"""What commands advise works: each command of a hint is run as it is printed."""

import shutil

import pytest

from tests.cli.terminal import Run
from tests.hint_cases import SETUP, UNMERGED
from tests.test_hints import code_in
from vstore.cli.hints import HINTS, hint_of
from vstore.errors import VstoreError

NAMES = {"branch-not-merged": "dev", "branch-of-remote": "dev"}
BEFORE: dict[str, list[tuple[str, ...]]] = {
    "tag-exists": [("tag", "create", "new")],
    "branch-deleted": [("branch", "create", "new"), ("branch", "delete", "new")],
    "branch-was-deleted": [("branch", "create", "new"), ("branch", "delete", "new")],
    "lease-broken": [("remote", "add", "origin", "copy")],
    "non-fast-forward": [("remote", "add", "origin", "copy")],
    "remote-exists": [("remote", "add", "new", "copy")],
}
"""What is done before the advice for a code is tried."""


@pytest.mark.parametrize(
    "code", sorted(code for code, hint in HINTS.items() if "`" in (hint or ""))
)
def test_advice_in_commands_works(code: str, run: Run) -> None:
    exec(SETUP + UNMERGED, {})
    shutil.copytree("repository", "copy")
    fields = {"name": NAMES.get(code, "new"), "url": "repository", "path": "train/label"}
    if code == "repository-not-found":
        fields["url"] = "new"
    for before in BEFORE.get(code, ()):
        run(*before, "-R", "repository")
    for piece in code_in(hint_of(VstoreError("what happened", code=code, **fields)) or ""):
        _, *words = piece.replace("COPY", "copy").split()
        if piece.startswith("--"):
            run.any("log", "repository", *piece.split())
        elif fields["url"] in words:
            assert run.any(*words).code == 0
        else:
            assert run.any(*words, "-R", "repository").code == 0
