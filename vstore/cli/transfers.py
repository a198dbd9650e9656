"""Commands that exchange commits: their common options, and what they print when they are done."""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vstore.cli.commits import SHORT
from vstore.cli.output import console, write_document
from vstore.cli.settings import Settings
from vstore.cli.storage_options import parse_options
from vstore.errors import VstoreError
from vstore.wording import format_nbytes, plural, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vstore.repository.remote import Remote
    from vstore.repository.repository import Repository
    from vstore.transfer.report import RefUpdate, TransferReport

DEFAULT_REMOTE = "origin"

RemoteArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="REMOTE",
        help=f"The name of a remote, or an address. Default: {DEFAULT_REMOTE}.",
        show_default=False,
    ),
]
RemoteOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--remote-option",
        metavar="NAME=VALUE",
        help="A storage option for the other repository (repeatable).",
        show_default=False,
    ),
]
Signatures = Annotated[
    bool,
    typer.Option(
        "--signatures", help="Transfer signatures of commits that are there already, too."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Only show what would happen; change nothing.")
]


def open_remote(repo: "Repository", name: str | None, options: list[str] | None) -> "Remote":
    """Return the remote that a command names."""
    return repo.remotes.open(name or DEFAULT_REMOTE, storage_options=parse_options(options or ()))


@contextmanager
def report_shown(settings: Settings) -> "Iterator[list[TransferReport]]":
    """Show the reports that go into the list, also that of a transfer that was refused in part."""
    reports: list[TransferReport] = []
    try:
        yield reports
    except VstoreError as error:
        found: TransferReport | None = error.fields.get("report")
        if found is not None:
            show_report(settings, found)
        raise
    for report in reports:
        show_report(settings, report)


def show_report(settings: Settings, report: "TransferReport") -> None:
    """Print what a transfer did."""
    if settings.as_json:
        write_document("push", report.to_dict())
        return
    if settings.quiet and not report.rejected:
        return
    screen = console()
    if report.is_up_to_date:
        screen.print("Everything is up to date", soft_wrap=True)
        return
    for ref in report.refs:
        screen.print(_line(ref, dry_run=report.dry_run), soft_wrap=True)
    if report.objects or report.skipped:
        sent = f"{plural(report.objects, 'object')}, {format_nbytes(report.nbytes)}"
        there = f"; {report.skipped} were there already" if report.skipped else ""
        screen.print(f"{'Would send' if report.dry_run else 'Sent'} {sent}{there}", soft_wrap=True)
    if report.signatures:
        screen.print(f"Sent {plural(report.signatures, 'signature')}", soft_wrap=True)
    for notice in report.notices:
        screen.print(Text(printable(notice), "yellow"), soft_wrap=True)


def _line(ref: "RefUpdate", *, dry_run: bool) -> Text:
    would = "would be " if dry_run and ref.outcome not in {"unchanged", "rejected"} else ""
    style = {"rejected": "bold red", "forced": "yellow"}.get(ref.outcome, "")
    text = Text.assemble(
        f"{ref.kind} ",
        (printable(ref.name), "bold"),
        " ",
        (would + ref.outcome, style),
    )
    if ref.outcome == "rejected":
        text.append(f": {printable(ref.reason)}")
    elif ref.new is not None and ref.outcome in {"updated", "forced"} and ref.old is not None:
        text.append(f", {ref.old[:SHORT]} -> {ref.new[:SHORT]}")
    elif ref.new is not None and ref.outcome == "created":
        text.append(f" at {ref.new[:SHORT]}")
    elif ref.old is not None and ref.outcome == "deleted":
        text.append(f", was at {ref.old[:SHORT]}")
    return text
