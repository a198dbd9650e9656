"""`vstore fsck`: verify a repository, and restore it from a copy."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

import vstore
from vstore.cli.failure import FAILED
from vstore.cli.output import write_document
from vstore.cli.progress import steps_shown
from vstore.cli.settings import Settings, command
from vstore.errors import InvalidInputError
from vstore.wording import plural, printable

app = typer.Typer(add_completion=False)


@app.command()
@command
def fsck(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    url: Annotated[
        str | None,
        typer.Argument(metavar="URL", help="The repository.", show_default=False),
    ] = None,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="Read and verify every byte, not only the documents.")
    ] = False,
    share: Annotated[
        str | None,
        typer.Option(
            "--share",
            metavar="N/T",
            help="Read only the N-th of T shares of the packs: T runs read all of them.",
            show_default=False,
        ),
    ] = None,
    decode: Annotated[bool, typer.Option("--decode", help="Decode every chunk as well.")] = False,
    repair_from: Annotated[
        str | None,
        typer.Option(
            "--repair-from",
            metavar="URL",
            help="Restore what is missing or damaged from this copy.",
            show_default=False,
        ),
    ] = None,
    absent: Annotated[
        str | None,
        typer.Option(
            "--absent",
            metavar="TEXT|DIGEST",
            help="Search every object, decoded, for a text or the digest of a value, and do "
            "nothing else.",
            show_default=False,
        ),
    ] = None,
    remote: Annotated[
        str | None,
        typer.Option(
            "--remote",
            metavar="NAME",
            help="With --absent: search the repository at this remote.",
            show_default=False,
        ),
    ] = None,
    cursor: Annotated[
        Path | None,
        typer.Option(
            "--cursor",
            metavar="FILE",
            help="Record progress in FILE, and resume from there after an interruption.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Verify a repository and list the samples that damage affects.

    Reads every document and compares it with its digest, and compares the sizes of packs with
    a listing. --full reads the packs too. Exits with 1 if any damage is found and not restored.
    --absent exits with 1 if anything holds the text, or if that cannot be told.

    vstore fsck fashion
    vstore fsck fashion --absent "Jane Roe"
    vstore fsck s3://bucket/fashion --full --repair-from backup
    """
    repo = settings.open(url)
    if absent is not None:
        _search(settings, repo, absent, remote)
        return
    copy = None if repair_from is None else settings.open(repair_from)
    with steps_shown(is_quiet=settings.is_quiet) as show:
        report = repo.fsck(
            mode="full" if full or (decode and share is None) else "quick",
            share=_share(share),
            decode=decode,
            repair_from=copy,
            resume=_read(cursor),
            checkpoint=None if cursor is None else lambda found: _write(cursor, found),
            progress=show,
        )
    if cursor is not None:
        cursor.unlink(missing_ok=True)
    if settings.as_json:
        write_document("fsck", report.to_dict())
    else:
        typer.echo(printable(str(report)))
    if not report.is_sound:
        raise typer.Exit(FAILED)


def _search(settings: Settings, repo: "vstore.Repository", wanted: str, remote: str | None) -> None:
    with steps_shown(is_quiet=settings.is_quiet) as show:
        report = repo.find_traces(wanted, remote=remote, progress=show)
    if settings.as_json:
        write_document("fsck ABSENT", report.to_dict())
    else:
        for trace in report.found:
            typer.echo(printable(f"{trace.key}: {trace.where}"))
        searched = f"{plural(report.objects, 'object')} and {plural(report.chunks, 'chunk')}"
        if report.unknown_nbytes:
            typer.echo(
                f"{report.unknown_nbytes:,} bytes could not be decoded, since nothing refers to "
                "them; vstore gc deletes them"
            )
        typer.echo(f"{'absent' if report.is_absent else 'not proven absent'}: searched {searched}")
    if not report.is_absent:
        raise typer.Exit(FAILED)


def _share(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is not N/T, like 1/7", param_hint="--share")
    return int(match[1]), int(match[2])


def _read(path: Path | None) -> "vstore.FsckCursor | None":
    if path is None or not path.exists():
        return None
    try:
        return vstore.FsckCursor.from_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise InvalidInputError(f"the cursor in {path} cannot be read: {exc}") from exc


def _write(path: Path, cursor: "vstore.FsckCursor") -> None:
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        temporary.write_text(cursor.to_json(), encoding="utf-8")
        os.replace(temporary, path)
    except OSError as exc:
        raise InvalidInputError(f"the cursor cannot be written to {path}: {exc}") from exc
