"""What a command says when Ctrl-C ends it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vstore.cli.commits import SHORT
from vstore.errors import VstoreError
from vstore.faces import internals

if TYPE_CHECKING:
    from vstore.repository.repository import Repository


@contextmanager
def branch_told_on_interrupt(repo: "Repository", branch: str) -> Iterator[None]:
    """Say where the branch is after Ctrl-C, which may come while it is being updated."""
    before = internals(repo).refs.find_branch(branch)
    try:
        yield
    except KeyboardInterrupt as stop:
        head = None if before is None else before.commit
        raise type(stop)(_after_interrupt(repo, branch, head)) from None


def _after_interrupt(repo: "Repository", branch: str, head: str | None) -> str:
    try:
        after = internals(repo).refs.find_branch(branch)
    except VstoreError as error:
        return f"look with vstore log whether {branch!r} moved: it could not be read ({error})"
    now = None if after is None else after.commit
    if now != head:
        return f"the branch {branch!r} is at {now}, which another writer or this import committed"
    where = "has no commits" if now is None else f"is still at {now[:SHORT]}"
    return f"nothing was committed, the branch {branch!r} {where}"
