"""Which commands there are, and the module of each.

A command's module may import what it likes: it is imported when the command is called, or
when its own help is shown. The line that `vstore --help` shows is stored here, so that
listing the commands imports none. A test checks that the two descriptions agree.
"""

from dataclasses import dataclass
from typing import Final

_START: Final = "Start"
_LOOK: Final = "Look"
_CHANGE: Final = "Change"
_SHARE: Final = "Share"
_CARE: Final = "Care"
_HELP: Final = "Help"


@dataclass(frozen=True, slots=True)
class Entry:
    """A command: the module that holds its `app`, and its line in the list."""

    module: str
    summary: str
    panel: str


COMMANDS: Final = {
    "init": Entry("vstore.cli.commands.init", "Create a repository.", _START),
    "import": Entry(
        "vstore.cli.commands.import_",
        "Import files, a folder or an archive into a table, in one commit.",
        _START,
    ),
    "status": Entry(
        "vstore.cli.commands.status",
        "Show a repository at a glance: branches, tags, garbage collection.",
        _LOOK,
    ),
    "ls": Entry(
        "vstore.cli.commands.ls", "List the groups, tables, columns and arrays of a commit.", _LOOK
    ),
    "whereis": Entry(
        "vstore.cli.commands.whereis",
        "Show how much of some data is here, and at each remote that promises it.",
        _LOOK,
    ),
    "du": Entry(
        "vstore.cli.commands.du",
        "Show how many bytes are stored for what, own and shared apart.",
        _LOOK,
    ),
    "log": Entry("vstore.cli.commands.log", "Show commits, newest first.", _LOOK),
    "diff": Entry(
        "vstore.cli.commands.diff", "Show the differences between two commits, by sample.", _LOOK
    ),
    "blame": Entry(
        "vstore.cli.commands.blame",
        "Show which commit last changed a sample, or each sample.",
        _LOOK,
    ),
    "history": Entry(
        "vstore.cli.commands.history",
        "Show what was done to samples: who, when, from what to what, and why.",
        _LOOK,
    ),
    "summary": Entry(
        "vstore.cli.commands.summary", "Show the tables, columns and sizes of a commit.", _LOOK
    ),
    "show": Entry(
        "vstore.cli.commands.show", "Show a commit, a table, a column or some samples.", _LOOK
    ),
    "reflog": Entry(
        "vstore.cli.commands.reflog", "Show the last updates of a branch, newest first.", _LOOK
    ),
    "ui": Entry("vstore.cli.commands.ui", "Show a repository in a browser on this machine.", _LOOK),
    "publish": Entry(
        "vstore.cli.commands.publish",
        "Store a page that shows a repository to whoever may read its bucket.",
        _SHARE,
    ),
    "export": Entry(
        "vstore.cli.commands.export",
        "Write a table, a column or an array as files: images, CSV, Parquet and more.",
        _LOOK,
    ),
    "export-refs": Entry(
        "vstore.cli.commands.export_refs",
        "Write a reference file, so that zarr and xarray read a commit without vstore.",
        _LOOK,
    ),
    "branch": Entry(
        "vstore.cli.commands.branch", "List, create, rename or delete branches.", _CHANGE
    ),
    "tag": Entry("vstore.cli.commands.tag", "List, create or delete tags.", _CHANGE),
    "clone": Entry(
        "vstore.cli.commands.clone",
        "Copy a repository, and remember where it came from.",
        _SHARE,
    ),
    "fork": Entry(
        "vstore.cli.commands.fork",
        "Make a repository of your own that borrows the data of another.",
        _SHARE,
    ),
    "copy": Entry(
        "vstore.cli.commands.copy",
        "Copy a table, array or group from another repository, in one commit.",
        _SHARE,
    ),
    "update": Entry(
        "vstore.cli.commands.update",
        "Bring a copied table, array or group up to date with its source.",
        _SHARE,
    ),
    "fetch": Entry(
        "vstore.cli.commands.fetch",
        "Bring commits from another repository; no branch of your own moves.",
        _SHARE,
    ),
    "pull": Entry(
        "vstore.cli.commands.pull",
        "Fetch a branch and merge it into the branch of the same name.",
        _SHARE,
    ),
    "push": Entry(
        "vstore.cli.commands.push",
        "Send branches to another repository, with all that is missing there.",
        _SHARE,
    ),
    "sign": Entry(
        "vstore.cli.commands.sign", "Sign a commit with an SSH key, as Git does.", _SHARE
    ),
    "verify": Entry(
        "vstore.cli.commands.verify",
        "Check that a commit is signed by somebody who is believed.",
        _SHARE,
    ),
    "remote": Entry("vstore.cli.commands.remote", "List, add, rename or remove remotes.", _SHARE),
    "merge": Entry(
        "vstore.cli.commands.merge", "Merge a revision into a branch, by sample.", _CHANGE
    ),
    "rebase": Entry(
        "vstore.cli.commands.rebase",
        "Replay a branch's own commits on top of another commit.",
        _CHANGE,
    ),
    "cherry-pick": Entry(
        "vstore.cli.commands.cherry_pick",
        "Apply the changes of one commit to a branch.",
        _CHANGE,
    ),
    "revert": Entry(
        "vstore.cli.commands.revert", "Undo the changes of one commit with a new commit.", _CHANGE
    ),
    "amend": Entry(
        "vstore.cli.commands.amend",
        "Change the last commit's message, author or metadata.",
        _CHANGE,
    ),
    "squash": Entry(
        "vstore.cli.commands.squash",
        "Combine all commits after an ancestor into one.",
        _CHANGE,
    ),
    "reset": Entry(
        "vstore.cli.commands.reset",
        "Set a branch to any commit; vstore undo sets it back.",
        _CHANGE,
    ),
    "undo": Entry(
        "vstore.cli.commands.undo",
        "Undo the last update of a branch, or the deletion of a branch or tag.",
        _CHANGE,
    ),
    "compact": Entry(
        "vstore.cli.commands.compact",
        "Store a table again without its deleted samples, in one commit.",
        _CARE,
    ),
    "fetch-data": Entry(
        "vstore.cli.commands.fetch_data",
        "Bring data here that is at a remote, and keep it.",
        _CARE,
    ),
    "drop": Entry(
        "vstore.cli.commands.drop", "Delete the local copy of data that a remote has.", _CARE
    ),
    "fsck": Entry(
        "vstore.cli.commands.fsck",
        "Verify a repository and list the samples that damage affects.",
        _CARE,
    ),
    "purge": Entry(
        "vstore.cli.commands.purge",
        "Erase samples or texts from all commits, and delete their bytes.",
        _CARE,
    ),
    "gc": Entry(
        "vstore.cli.commands.gc", "Delete objects that no branch, tag or log needs.", _CARE
    ),
    "policy": Entry(
        "vstore.cli.commands.policy",
        "Show, set or check what all who write to a repository keep to.",
        _CARE,
    ),
    "plugins": Entry(
        "vstore.cli.commands.plugins",
        "List importers, exporters and viewers, with options and versions.",
        _CARE,
    ),
    "doctor": Entry(
        "vstore.cli.commands.doctor",
        "Check that a store provides the guarantees commits depend on.",
        _CARE,
    ),
    "config": Entry(
        "vstore.cli.commands.config", "Show or change the user's configuration.", _HELP
    ),
    "help": Entry("vstore.cli.commands.help", "Explain a command, its JSON or a topic.", _HELP),
    "version": Entry(
        "vstore.cli.commands.version", "Show the version of vstore and of what it uses.", _HELP
    ),
}

VALUED: Final = frozenset({"--repo", "-R", "--option", "-C", "--timeout", "--attempts"})
"""The options of every command that are followed by a value; a test compares them."""
