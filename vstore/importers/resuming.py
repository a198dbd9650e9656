"""Imports that go on: a journal says how far one came, and which commit holds what it wrote.

The commit is on no branch, and of a transaction that never ends if the import dies. So a
journal is of use until garbage collection deletes what nothing refers to.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from vstore.errors import InvalidInputError, VstoreError
from vstore.faces import internals
from vstore.format.digest import parse_digest
from vstore.importers.errors import Skipped, name_of_item
from vstore.importers.work import Group
from vstore.importers.writer import Counts, TableWriter
from vstore.writing.transaction import Transaction

FORMAT: Final = "vstore.import"
NOTED_NBYTES = 2**28
NOTED_SECONDS = 60.0
"""A journal is written after so many bytes, or so much time, since it was last."""


@dataclass(slots=True)
class Position:
    """How far an import is in its items."""

    items: int = 0
    """How many items are done."""

    row: int = 0
    """How many rows of the next one are done."""

    last: str = ""
    """What the last item is called that is done."""

    def counted(self, found: Iterable[Group], writer: TableWriter) -> Iterator[Group]:
        """Yield groups on, moving with them."""
        for group in found:
            if group.ends:
                item, self.items, _ = writer.end(group.ends)
                self.last = name_of_item(item)
            self.row = 0 if group.ends else group.stop
            yield group


@dataclass(slots=True)
class Journal:
    """The journal of one import, in a file; without a path none is written."""

    path: Path | None
    tx: Transaction
    import_: Mapping[str, Any]
    """What the import is: its table, source and options."""

    position: Position = field(default_factory=Position)
    counts: Counts = field(default_factory=Counts)
    skipped: list[Skipped] = field(default_factory=list)
    _nbytes: int = 0
    _noted: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        if self.path is not None and self.path.exists():
            self._resume(_parsed(self.path))

    @property
    def goes_on(self) -> bool:
        """Whether an earlier run wrote something."""
        return bool(self.position.items or self.position.row)

    def _resume(self, said: Mapping[str, Any]) -> None:
        draft = internals(self.tx)
        if said["import"] != json.loads(json.dumps(self.import_)):
            raise self._error("is of another import: of other options, or of another source")
        if said["base"] != draft.base:
            raise self._error("was written when the branch was at another commit")
        try:
            digest = parse_digest(said["checkpoint"], what="the checkpoint")
            changes = draft.fetcher.commit(digest).changes
            draft.adopt(digest, changes)
        except VstoreError as exc:
            raise self._error(f"refers to what is not in the repository: {exc}") from exc
        self.position = Position(said["items"], said["row"], said["last"])
        self.counts = Counts(**said["counts"])
        self.skipped = [Skipped(**each) for each in said["skipped"]]

    def _error(self, problem: str) -> InvalidInputError:
        return InvalidInputError(
            f"the journal {self.path} {problem}",
            code="journal-not-resumed",
            hint="delete it to import from the start",
        )

    def require_same(self, name: str) -> None:
        """Raise if the last item that is done is not called what it was."""
        if name != self.position.last:
            raise self._error(f"ends with {self.position.last}, where the source has {name} now")

    def rest(self, found: Iterable[Group]) -> Iterator[Group]:
        """Yield what is behind the rows that are done."""
        row, is_first = self.position.row, True
        for group in found:
            if is_first and row:
                group.drop(row)
            is_first = is_first and not group.ends
            yield group

    def is_due(self, nbytes: int) -> bool:
        """Return whether to write the journal, after a batch of so many bytes."""
        self._nbytes += nbytes
        late = time.monotonic() - self._noted >= NOTED_SECONDS
        return self.path is not None and (late or self._nbytes >= NOTED_NBYTES)

    def write(self) -> None:
        """Store what the transaction holds, and say in the file how far it is."""
        assert self.path is not None
        draft = internals(self.tx)
        said = {
            "format": FORMAT,
            "version": 1,
            "import": self.import_,
            "base": draft.base,
            "checkpoint": draft.checkpoint(),
            **asdict(self.position),
            "counts": asdict(self.counts),
            "skipped": [asdict(each) for each in self.skipped],
        }
        temporary = self.path.with_name(f"{self.path.name}.new")
        temporary.write_text(json.dumps(said, default=str), encoding="utf-8")
        os.replace(temporary, self.path)
        self._nbytes, self._noted = 0, time.monotonic()


def _parsed(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        raise InvalidInputError(f"{path} is no journal of an import: {exc}") from exc
    if not isinstance(said, dict) or (said.get("format"), said.get("version")) != (FORMAT, 1):
        raise InvalidInputError(
            f"{path} is no journal of an import, so it is not written over",
            code="journal-not-resumed",
            hint="name a file that is not there",
        )
    return said
