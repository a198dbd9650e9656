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
    "branch": Entry("vstore.cli.commands.branch", "List, create or delete branches.", _REFS),
    "tag": Entry("vstore.cli.commands.tag", "List, create or delete tags.", _REFS),
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
