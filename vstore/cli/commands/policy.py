"""`vstore policy`: what all who write to a repository keep to."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstore.cli.author import find_author
from vstore.cli.durations import parse_duration
from vstore.cli.failure import FAILED
from vstore.cli.groups import ListByDefault
from vstore.cli.output import write_document
from vstore.cli.settings import AuthorOption, Settings, command
from vstore.errors import InvalidInputError
from vstore.wording import plural, printable

if TYPE_CHECKING:
    from vstore.repository.policies import Policy


class PolicyGroup(ListByDefault):
    """The commands for policies; without one they are shown."""

    def spelled_out(self, args: list[str], word: str | None) -> list[str]:  # noqa: ARG002 - an address is all there is
        """Return arguments with `show` in front."""
        return ["show", *args]


app = typer.Typer(
    cls=PolicyGroup,
    add_completion=False,
    help="Show, set or check what all who write to a repository keep to.\n\n"
    "Without a command, the policies in force are shown.\n\n"
    "vstore policy fashion\nvstore policy set --protect-branch main -R fashion",
)

Url = Annotated[
    str | None, typer.Argument(metavar="URL", help="The repository.", show_default=False)
]


@app.command()
@command
def show(settings: Settings, url: Url = None) -> None:
    """Show the policies in force.

    vstore policy show fashion
    """
    found = settings.open(url).policies.current
    if settings.as_json:
        write_document("policy show", found.to_dict())
        return
    _print(found)


@app.command()
@command
def log(settings: Settings, url: Url = None) -> None:
    """List all versions of the policies, newest first: who set what, when and why.

    vstore policy log fashion
    """
    found = settings.open(url).policies.log()
    if settings.as_json:
        write_document("policy log", [each.to_dict() for each in found])
        return
    for each in found:
        _print(each)


@app.command("set")
@command
def set_(  # noqa: PLR0913 - one option for each rule
    settings: Settings,
    url: Url = None,
    *,
    require_metadata: Annotated[
        list[str] | None,
        typer.Option(
            "--require-metadata",
            metavar="NAME",
            help="A member that the metadata of each commit must have (repeatable).",
            show_default=False,
        ),
    ] = None,
    signers: Annotated[
        Path | None,
        typer.Option(
            "--signers",
            metavar="FILE",
            help="An SSH file of allowed signers: heads and new tags must be signed by one of "
            "them.",
            show_default=False,
        ),
    ] = None,
    protect_branch: Annotated[
        list[str] | None,
        typer.Option(
            "--protect-branch",
            metavar="PATTERN",
            help="Branches that only move forward and cannot be deleted (repeatable).",
            show_default=False,
        ),
    ] = None,
    protect_tag: Annotated[
        list[str] | None,
        typer.Option(
            "--protect-tag",
            metavar="PATTERN",
            help="Tags that cannot be deleted (repeatable).",
            show_default=False,
        ),
    ] = None,
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep",
            metavar="TIME",
            help="How long gc keeps at least what branches and tags left, such as 365d.",
            show_default=False,
        ),
    ] = None,
    may_purge: Annotated[
        list[str] | None,
        typer.Option(
            "--may-purge",
            metavar="AUTHOR",
            help="The email address or name of an author who may erase data (repeatable).",
            show_default=False,
        ),
    ] = None,
    unset: Annotated[
        list[str] | None,
        typer.Option(
            "--unset",
            metavar="RULE",
            help="Remove a rule, named as its option is: protect-branch (repeatable).",
            show_default=False,
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; it is stored.")
    ] = "",
    author: AuthorOption = None,
) -> None:
    """Set rules; those that you do not give stay as they are.

    A rule for commits and tags holds for those that are made from now on. Without a rule, makes
    branches follow the policies that do not yet, as after an interruption.

    vstore policy set fashion --require-metadata ticket --protect-branch main
    vstore policy set fashion --unset protect-branch --reason "Tidy up"
    """
    rules: dict[str, Any] = {
        "require_metadata": require_metadata,
        "signers": signers,
        "protect_branches": protect_branch,
        "protect_tags": protect_tag,
        "keep": parse_duration(keep, option="--keep"),
        "may_purge": may_purge,
    }
    rules |= dict(map(_nothing, unset or ()))
    made = settings.open(url, author=find_author(author)).policies.set(**rules, reason=reason)
    if settings.as_json:
        write_document("policy set", made.to_dict())
    elif not settings.quiet:
        _print(made)


@app.command()
@command
def check(settings: Settings, url: Url = None) -> None:
    """List what does not keep to the policies, as fsck does.

    Exits with 1 if there is anything.

    vstore policy check fashion
    """
    found = settings.open(url).policies.check()
    if settings.as_json:
        write_document("policy check", [each.to_dict() for each in found])
    for each in [] if settings.as_json else found:
        typer.echo(str(each))
    if found:
        raise typer.Exit(FAILED)
    if not settings.as_json and not settings.quiet:
        typer.echo("all keeps to the policies")


def _nothing(rule: str) -> tuple[str, object]:
    """Return what removes a rule."""
    rules: dict[str, tuple[str, object]] = {
        "require-metadata": ("require_metadata", []),
        "signers": ("signers", ""),
        "protect-branch": ("protect_branches", []),
        "protect-tag": ("protect_tags", []),
        "keep": ("keep", parse_duration("0s", option="--unset")),
        "may-purge": ("may_purge", []),
    }
    if rule not in rules:
        raise InvalidInputError(
            f"there is no rule {rule!r}", hint=f"give one of {', '.join(rules)}"
        )
    return rules[rule]


def _print(policy: "Policy") -> None:
    for line in _lines(policy):
        typer.echo(printable(line))


def _lines(policy: "Policy") -> Iterator[str]:
    if policy.time is None:
        yield "no policies were ever set"
        return
    why = f": {policy.reason}" if policy.reason else ""
    yield f"version {policy.number}, {policy.time:%Y-%m-%d %H:%M} UTC, {policy.author}{why}"
    signers = len(policy.signers.splitlines())
    rules = {
        "require metadata": ", ".join(policy.require_metadata),
        "signed heads and tags": f"by {plural(signers, 'key')}" if signers else "",
        "protected branches": ", ".join(policy.protect_branches),
        "protected tags": ", ".join(policy.protect_tags),
        "keep": str(policy.keep) if policy.keep else "",
        "may purge": ", ".join(policy.may_purge),
    }
    told = [f"  {name:<22}{value}" for name, value in rules.items() if value]
    yield from told or ["  no rules"]
