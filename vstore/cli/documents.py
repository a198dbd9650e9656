"""The JSON documents of commands: a model each, from which output and schema come.

A new version may add fields, and removes or changes none. Times are ISO 8601 in UTC, sizes
are bytes, digests are whole; NaN and the infinities are strings, bytes are base64.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from vstore.cli.commit_documents import (
    Blame,
    BranchHead,
    BranchUpdate,
    Commit,
    Configuration,
    Description,
    Diff,
    Entry,
    Exported,
    ExportedSamples,
    Initialized,
    Installed,
    KeyedCommit,
    LoggedCommit,
    Merge,
    RefHead,
    SampleChange,
    Setting,
    Status,
    Summary,
    Tag,
    Update,
    Usage,
    Values,
)
from vstore.cli.report_documents import (
    DroppedData,
    Failure,
    FetchedData,
    Fsck,
    Gc,
    Imported,
    ImportedHierarchy,
    Plugin,
    PolicyBreach,
    PolicyRules,
    Probe,
    Publication,
    Purge,
    Traces,
    Whereabouts,
)
from vstore.cli.transfer_documents import (
    Clone,
    Ping,
    Remote,
    RemoteChange,
    Signed,
    Transfer,
    Verified,
)

DOCUMENTS: Final[Mapping[str, Any]] = {
    "amend": BranchUpdate,
    "blame": dict[str, Commit | list[KeyedCommit]],
    "blame ALL": Blame,
    "branch create": RefHead,
    "branch delete": RefHead,
    "branch list": list[BranchHead],
    "branch rename": RefHead,
    "cherry-pick": BranchUpdate,
    "compact": BranchUpdate,
    "config get": Setting,
    "config list": Configuration,
    "config set": Setting,
    "config unset": Setting,
    "clone": Clone,
    "copy": BranchUpdate,
    "diff": Diff,
    "doctor": Probe,
    "drop": list[DroppedData],
    "du": Usage,
    "error": Failure,
    "export": ExportedSamples,
    "export-refs": Exported,
    "fetch": Transfer,
    "fetch-data": list[FetchedData],
    "fork": Clone,
    "fsck": Fsck,
    "fsck ABSENT": Traces,
    "gc": Gc,
    "history": list[SampleChange],
    "import": Imported,
    "import HIERARCHY": ImportedHierarchy,
    "init": Initialized,
    "log": list[LoggedCommit],
    "ls": list[Entry],
    "ls LOCAL": list[Whereabouts],
    "merge": Merge,
    "plugins": list[Plugin],
    "policy check": list[PolicyBreach],
    "policy log": list[PolicyRules],
    "policy set": PolicyRules,
    "policy show": PolicyRules,
    "publish": Publication,
    "pull": Merge,
    "purge": Purge,
    "push": Transfer,
    "rebase": BranchUpdate,
    "reflog": list[Update],
    "remote add": RemoteChange,
    "remote list": list[Remote],
    "remote ping": Ping,
    "remote remove": RemoteChange,
    "remote rename": RemoteChange,
    "remote set-url": RemoteChange,
    "reset": BranchUpdate,
    "revert": BranchUpdate,
    "show": Commit,
    "show PATH": Description,
    "show PATH INDEX": Values,
    "sign": Signed,
    "squash": BranchUpdate,
    "status": Status,
    "summary": Summary,
    "tag create": Tag,
    "tag delete": Tag,
    "tag list": list[Tag],
    "undo": BranchUpdate,
    "update": BranchUpdate,
    "verify": Verified,
    "version": Installed,
    "whereis": Whereabouts,
}
"""The model of each command's document, by the words that are called."""


def conform(value: Any, model: Any) -> Any:
    """Return plain values as a model has them, with its members in its order.

    A value that does not fit is returned as it is: what a command found is not withheld since
    its description lags behind. Tests hold the two together.

    >>> conform({"commit": "ab", "name": "dev"}, RefHead)
    {'name': 'dev', 'commit': 'ab'}
    """
    try:
        return msgspec.to_builtins(msgspec.convert(value, model))
    except msgspec.ValidationError:
        return value


def schema(words: str) -> dict[str, Any]:
    """Return the JSON Schema of a command's document."""
    found: dict[str, Any] = msgspec.json.schema(DOCUMENTS[words])
    return found
