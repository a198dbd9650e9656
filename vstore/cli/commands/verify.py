"""`vstore verify`: check who signed a commit."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from vstore.cli.output import console, write_document
from vstore.cli.settings import Settings, TargetArgument, command
from vstore.cli.signing import signature_line
from vstore.faces import internals
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.signing import signatures as signing
else:
    signing = lazy("vstore.signing.signatures")

app = typer.Typer(add_completion=False)


@app.command()
@command
def verify(
    settings: Settings,
    target: TargetArgument = None,
    *,
    allowed_signers: Annotated[
        str | None,
        typer.Option(
            "--allowed-signers",
            metavar="FILE",
            help="A line for each key: whose it is, and the public key. Default: "
            "signature.allowed_signers of the configuration.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Check that a commit is signed by somebody who is believed.

    Exits with 1 unless one of the commit's signatures is good. A good one vouches for all that
    the commit holds, and for its ancestors. ssh-keygen explains the form of the file under
    ALLOWED SIGNERS. vstore config signature.require heads refuses to read branches and tags
    whose commits are not signed.

    vstore verify fashion@v1 --allowed-signers signers
    """
    repo, revision = settings.open_target(target)
    access = internals(repo)
    commit = access.resolve_unsigned(revision)
    own = access.signature_settings
    if allowed_signers is not None:
        own = replace(own, allowed_signers=allowed_signers)
    signatures = signing.Signatures(access.fetcher, own)
    found = signatures.check(commit)
    is_signed = any(each.is_good for each in found)
    if settings.as_json:
        each = [signature.to_dict() for signature in found]
        write_document("verify", {"commit": commit, "signed": is_signed, "signatures": each})
    elif not settings.quiet:
        for signature in found:
            console().print(signature_line(signature), soft_wrap=True)
    if not is_signed:
        if settings.as_json:
            raise typer.Exit(1)
        raise signing.refusal(commit, found)
