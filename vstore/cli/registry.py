"""Which commands there are, and in which module each lives.

A command's module may import what it likes; it is imported when the command is called, or
its own help is asked for. What `vstore --help` shows of it stands here, so that listing
the commands loads none. A test holds the two descriptions together.
"""

from dataclasses import dataclass
from typing import Final

_WRITE: Final = "Repositories and data"
_READ: Final = "Looking at them"
_REFS: Final = "Branches and tags"
_CHANGE: Final = "Joining and rewriting history"
_CARE: Final = "Keeping them sound"


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: the module that holds its `app`, and its line in the list."""

    module: str
    summary: str
    panel: str


COMMANDS: Final = {
    "init": Entry("vstore.cli.commands.init", "Create a repository.", _WRITE),
    "import": Entry(
        "vstore.cli.commands.import_",
        "Import arrays from files as the columns of a table, in one commit.",
        _WRITE,
    ),
    "log": Entry("vstore.cli.commands.log", "Show commits, newest first.", _READ),
    "diff": Entry(
        "vstore.cli.commands.diff", "Show what differs between two commits, in samples.", _READ
    ),
    "blame": Entry(
        "vstore.cli.commands.blame",
        "Show which commit last changed a sample, column by column.",
        _READ,
    ),
    "summary": Entry(
        "vstore.cli.commands.summary", "Show what a commit holds: tables, columns, sizes.", _READ
    ),
    "show": Entry(
        "vstore.cli.commands.show", "Show a commit, a table, a column or some samples.", _READ
    ),
    "export-refs": Entry(
        "vstore.cli.commands.export_refs",
        "Write a reference file, with which zarr and xarray read a commit without vstore.",
        _READ,
    ),
    "branch": Entry(
        "vstore.cli.commands.branch", "List, create, rename or delete branches.", _REFS
    ),
    "tag": Entry("vstore.cli.commands.tag", "List, create or delete tags.", _REFS),
    "reflog": Entry(
        "vstore.cli.commands.reflog", "Show the last moves of a branch, newest first.", _REFS
    ),
    "merge": Entry(
        "vstore.cli.commands.merge", "Merge a revision into a branch, by sample.", _CHANGE
    ),
    "rebase": Entry(
        "vstore.cli.commands.rebase",
        "Make the commits that only a branch has again on top of another commit.",
        _CHANGE,
    ),
    "cherry-pick": Entry(
        "vstore.cli.commands.cherry_pick",
        "Make the changes of one commit again on a branch.",
        _CHANGE,
    ),
    "revert": Entry(
        "vstore.cli.commands.revert", "Undo the changes of one commit by a new one.", _CHANGE
    ),
    "amend": Entry(
        "vstore.cli.commands.amend",
        "Put a commit with another message, author or metadata in the head's place.",
        _CHANGE,
    ),
    "squash": Entry(
        "vstore.cli.commands.squash",
        "Put one commit in the place of all that came after an ancestor.",
        _CHANGE,
    ),
    "reset": Entry(
        "vstore.cli.commands.reset",
        "Move a branch to any commit; vstore undo moves it back.",
        _CHANGE,
    ),
    "undo": Entry(
        "vstore.cli.commands.undo",
        "Take back the last move of a branch, or the deletion of a branch or tag.",
        _CHANGE,
    ),
    "fsck": Entry(
        "vstore.cli.commands.fsck", "Verify a repository, and name what damage reaches.", _CARE
    ),
    "gc": Entry("vstore.cli.commands.gc", "Delete what no branch, tag or log needs.", _CARE),
    "doctor": Entry(
        "vstore.cli.commands.doctor",
        "Try whether a store keeps the promises that commits rest on.",
        _CARE,
    ),
}
