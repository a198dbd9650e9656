"""An import that is going on: what is shown of it, and what is reported at its end."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from rich.text import Text

from vstore.cli.commits import SHORT
from vstore.cli.import_looks import columns_of, typed
from vstore.cli.interrupts import branch_told_on_interrupt
from vstore.cli.output import console, json_text, write_document
from vstore.cli.progress import bar_shown
from vstore.faces import internals
from vstore.lazy import lazy
from vstore.wording import format_nbytes, plural, printable

if TYPE_CHECKING:
    from vstore import importers
    from vstore.history.commits import Commit
    from vstore.importers import Imported, ImportedHierarchy, Skipped
    from vstore.plugins import Hierarchy, Rows
    from vstore.repository.repository import Repository
    from vstore.writing.transaction import Transaction
else:
    importers = lazy("vstore.importers")

_TOLD = 20


@dataclass(frozen=True, slots=True)
class Running:
    """Imports into a branch, in one commit."""

    repo: "Repository"
    branch: str
    message: str
    metadata: Mapping[str, Any]
    errors: str | None
    """The file for what is left out."""
    as_json: bool

    def rows(self, rows: "Rows", table: str, given: Mapping[str, Any]) -> None:
        """Import samples into a table."""
        limit = given["limit"]
        total = rows.count if limit is None or rows.count is None else min(rows.count, limit)
        with self._going_on(table, total, rows.provenance) as (tx, told):
            how = importers.ImportOptions(**given, **told)
            found = importers.import_into(tx, table, rows, how)
        if given["resume"] is not None:
            Path(given["resume"]).unlink(missing_ok=True)
        made = internals(tx).commit_made
        if self.as_json:
            write_document("import", self._report(made) | _of_rows(rows, found))
        elif made is None:
            self._show_nothing(had_some=bool(found.equal))
        else:
            self._show(made, _lines_of_rows(rows, found))

    def hierarchy(self, hierarchy: "Hierarchy", path: str, given: Mapping[str, Any]) -> None:
        """Import groups and arrays into a group."""
        into = path or "the root"
        with self._going_on(into, hierarchy.nbytes, hierarchy.provenance) as (tx, told):
            how = importers.HierarchyOptions(**given, **told)
            found = importers.import_hierarchy(tx, path, hierarchy, how)
        made = internals(tx).commit_made
        if self.as_json:
            write_document("import HIERARCHY", self._report(made) | _of_hierarchy(found))
        elif made is None:
            self._show_nothing(had_some=bool(found.equal or found.arrays))
        else:
            self._show(made, _lines_of_hierarchy(found, into))

    @contextmanager
    def _going_on(
        self, into: str, total: int | None, provenance: Mapping[str, Any]
    ) -> "Iterator[tuple[Transaction, dict[str, Any]]]":
        """Yield the transaction, and what is told how the import goes."""
        with (
            branch_told_on_interrupt(self.repo, self.branch),
            _errors_written(self.errors, is_quiet=self.as_json) as on_skip,
            bar_shown(
                f"Importing into {printable(into)}", total=total, is_quiet=self.as_json
            ) as advance,
            self.repo.transaction(
                self.branch, message=self.message, metadata={**self.metadata, "import": provenance}
            ) as tx,
        ):
            yield tx, {"on_batch": advance, "on_skip": on_skip}

    def _report(self, made: "Commit | None") -> dict[str, Any]:
        commit = None if made is None else made.id
        return {"url": self.repo.url, "branch": self.branch, "commit": commit}

    def _show_nothing(self, *, had_some: bool) -> None:
        said = "Nothing changed" if had_some else "The source holds no samples"
        console().print(f"{said}: nothing was committed.")

    def _show(self, made: "Commit", lines: Iterator[str]) -> None:
        screen = console()
        subject = printable(made.message.split("\n", 1)[0])
        head = Text.assemble(
            *("[", (printable(self.branch), "bold green"), " ", (made.id[:SHORT], "yellow")),
            f"] {subject}",
        )
        screen.print(head, soft_wrap=True)
        for line in lines:
            screen.print(Text(f" {line}"), soft_wrap=True)


def _of_rows(rows: "Rows", found: "Imported") -> dict[str, Any]:
    return {
        "table": found.table,
        "added": found.added,
        "replaced": found.replaced,
        "equal": found.equal,
        "removed": found.removed,
        "samples": found.count,
        "columns": columns_of(rows),
        "skipped": [asdict(each) for each in found.skipped],
        "ignored": rows.ignored,
    }


def _of_hierarchy(found: "ImportedHierarchy") -> dict[str, Any]:
    return {
        "group": found.path,
        "arrays": list(found.arrays),
        "groups": found.groups,
        "nbytes": found.nbytes,
        "equal": found.equal,
        "skipped": [asdict(each) for each in found.skipped],
    }


def _lines_of_rows(rows: "Rows", found: "Imported") -> Iterator[str]:
    of = "" if found.count == found.added else f", which now has {found.count:,}"
    columns = ", ".join(f"{printable(name)} {typed(spec)}" for name, spec in rows.columns.items())
    yield f"{_counted(found)}{of}: {columns}"
    if rows.ignored:
        yield f"{rows.ignored:,} other files left out"
    if found.skipped:
        yield f"{len(found.skipped):,} left out because of errors"


def _counted(found: "Imported") -> str:
    """Return what happened to samples, with the table behind what was added."""
    said = [f"{found.added:,} samples added to {printable(found.table)}"]
    others = {"replaced": found.replaced, "removed": found.removed, "unchanged": found.equal}
    return ", ".join([*said, *(f"{count:,} {name}" for name, count in others.items() if count)])


def _lines_of_hierarchy(found: "ImportedHierarchy", into: str) -> Iterator[str]:
    amount = f"{plural(len(found.arrays), 'array')} ({format_nbytes(found.nbytes)})"
    kept = f"; {found.equal:,} left as they are" if found.equal else ""
    yield f"{amount} written into {printable(into)}{kept}"
    if found.skipped:
        yield f"{len(found.skipped):,} left out"


@contextmanager
def _errors_written(path: str | None, *, is_quiet: bool) -> "Iterator[Any]":
    """Yield what takes what is left out: it is shown, and written to a file if there is one."""
    count = 0
    file: IO[str] | None = None
    screen = console(stderr=True)

    def take(left_out: "Skipped") -> None:
        nonlocal count
        count += 1
        if file is not None:
            file.write(json_text(asdict(left_out), is_compact=True) + "\n")
        if count <= _TOLD and not is_quiet:
            said = printable(_one_line(left_out))
            screen.print(Text.assemble(("left out: ", "bold yellow"), said), soft_wrap=True)

    with ExitStack() as stack:
        if path is not None:
            file = stack.enter_context(Path(path).open("w", encoding="utf-8"))
        yield take
    if count > _TOLD and not is_quiet:
        screen.print(f"… and {count - _TOLD:,} more", soft_wrap=True)


def _one_line(left_out: "Skipped") -> str:
    where = left_out.item if left_out.row is None else f"{left_out.item}, row {left_out.row}"
    said = " ".join(left_out.error.split())
    return said if said.startswith(left_out.item) else f"{where}: {said}"
