"""`vstore config`: show and change the user's configuration."""

from typing import TYPE_CHECKING, Annotated

import typer

from vstore.cli.groups import ListByDefault
from vstore.cli.output import write_document
from vstore.cli.settings import Settings, command
from vstore.cli.storage_options import parse_value
from vstore.errors import NotFoundError
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.cli import config
else:
    config = lazy("vstore.cli.config")


class ConfigGroup(ListByDefault):
    """The commands for settings: `config NAME` shows one, `config NAME VALUE` sets one."""

    def spelled_out(self, args: list[str], word: str | None) -> list[str]:
        """Return arguments with the name of the command they mean in front."""
        if word is None:
            return ["list", *args]
        words = [each for each in args if not each.startswith("-")]
        return ["set" if len(words) > 1 else "get", *args]


app = typer.Typer(
    cls=ConfigGroup,
    add_completion=False,
    help="Show or change the user's configuration.\n\n"
    "Settings are author.name, author.email, alias.NAME for an address, profile.NAME.prefix, "
    "profile.NAME.OPTION for a storage option of all addresses with that prefix, and "
    "signature.key, .allowed_signers, .revoked, .sign, .require (heads) and .program "
    "(vstore help sign).\n\n"
    "vstore config alias.shoes s3://bucket/fashion\nvstore config list",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A setting, such as alias.fashion.")]


@app.command("list")
@command
def list_settings(settings: Settings) -> None:
    """List all settings, and the file that holds them.

    vstore config list
    """
    found = dict(config.settings_in(config.read_config()))
    path = str(config.config_path())
    if settings.as_json:
        write_document("config list", {"file": path, "settings": found})
        return
    typer.echo(printable(f"# {path}"))
    for name, value in found.items():
        typer.echo(printable(f"{name} = {value}"))


@app.command()
@command
def get(settings: Settings, name: Name) -> None:
    """Show one setting.

    vstore config get alias.fashion
    """
    found = dict(config.settings_in(config.read_config()))
    if name not in found:
        raise NotFoundError(f"{name!r} is not set in {config.config_path()}")
    if settings.as_json:
        write_document("config get", {"name": name, "value": found[name]})
    else:
        typer.echo(printable(str(found[name])))


@app.command("set")
@command
def set_(
    settings: Settings,
    name: Name,
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Text, a number, true or false.")],
) -> None:
    """Set one setting; comments in the file stay. Secrets are refused.

    vstore config set author.name "Ann Lee"
    vstore config set profile.minio.endpoint_url http://localhost:9000
    """
    is_typed = name.startswith("profile.") or name == "signature.sign"
    held = parse_value(value) if is_typed else value
    config.change(name, held)
    if settings.as_json:
        write_document("config set", {"name": name, "value": held})


@app.command()
@command
def unset(settings: Settings, name: Name) -> None:
    """Remove one setting.

    vstore config unset alias.fashion
    """
    config.change(name, None)
    if settings.as_json:
        write_document("config unset", {"name": name, "value": None})
