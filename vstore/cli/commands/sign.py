"""`vstore sign`: sign a commit with an SSH key."""

from typing import Annotated

import typer
from rich.text import Text

from vstore.cli.commits import SHORT
from vstore.cli.output import console, write_document
from vstore.cli.settings import Settings, TargetArgument, command
from vstore.faces import internals

app = typer.Typer(add_completion=False)


@app.command()
@command
def sign(
    settings: Settings,
    target: TargetArgument = None,
    *,
    key: Annotated[
        str | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="The private key, or the public one if an SSH agent has the private one. Default: "
            "signature.key of the configuration.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Sign a commit with an SSH key, as Git does.

    ssh-keygen makes the signature. It is stored next to the commit, which stays as it is, and goes
    along when the commit is pushed, fetched or cloned. A commit pins all that it holds and its
    ancestors, so that signing a head is enough. vstore config signature.sign true signs every
    commit that you make.

    vstore sign fashion@main --key ~/.ssh/id_ed25519
    vstore config signature.key ~/.ssh/id_ed25519
    """
    repo, revision = settings.open_target(target)
    commit = internals(repo).resolve_unsigned(revision)
    fingerprint = repo.sign(commit, key=key)
    if settings.as_json:
        write_document("sign", {"commit": commit, "fingerprint": fingerprint})
        return
    if settings.quiet:
        return
    text = Text.assemble("Signed ", (commit[:SHORT], "yellow"), f" with {fingerprint}")
    console().print(text, soft_wrap=True)
