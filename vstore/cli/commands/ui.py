"""`vstore ui`: show a repository in a browser on this machine."""

import threading
import webbrowser
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated

import typer

from vstore.cli.output import write_json
from vstore.cli.settings import Revision, Settings, TargetArgument, command
from vstore.errors import InvalidInputError
from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.ui import app as apps
    from vstore.ui import gate as gates
    from vstore.ui import server as servers
    from vstore.ui import site as sites
    from vstore.ui import web
else:
    apps = lazy("vstore.ui.app")
    gates = lazy("vstore.ui.gate")
    servers = lazy("vstore.ui.server")
    sites = lazy("vstore.ui.site")
    web = lazy("vstore.ui.web")

app = typer.Typer(add_completion=False)

_LOCAL = "127.0.0.1"


@app.command()
@command
def ui(  # noqa: PLR0913 - they are options, spelled out on the command line
    settings: Settings,
    target: TargetArgument = None,
    *,
    port: Annotated[
        int,
        typer.Option("--port", metavar="N", min=0, max=65535, help="The port. 0: any free one."),
    ] = 0,
    host: Annotated[
        str, typer.Option("--host", metavar="HOST", help="The address to listen at.")
    ] = _LOCAL,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            metavar="NAME",
            help="A name under which browsers reach another --host (repeatable).",
            show_default=False,
        ),
    ] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Print the address and open no browser.")
    ] = False,
    rev: Revision = None,
) -> None:
    """Show a repository in a browser on this machine.

    Prints one address, with a token that lets a browser in, and stops on Ctrl-C. Tables, samples,
    history, differences and conflicts are shown; nothing is changed.

    vstore ui s3://bucket/fashion@main
    """
    repo, revision = settings.open_target(target, rev)
    hosts = allow_host or []
    if host != _LOCAL and not hosts:
        raise InvalidInputError(
            f"browsers elsewhere would reach what listens at {host}",
            hint="name the host that browsers may use with --allow-host, such as gpu1.example.org",
        )
    site = sites.Site(repo)
    start = web.address("c", site.resolve(revision)) if revision is not None else "/"
    try:
        server = servers.listen(host, port)
    except OSError as error:
        raise InvalidInputError(f"cannot listen at {host}:{port}: {error.strerror}") from error
    gate = gates.Gate(server.server_port, hosts=hosts)
    server.set_app(apps.App(site, gate))
    address = f"http://{hosts[0] if hosts else host}:{server.server_port}{start}?token={gate.token}"
    if hosts:
        typer.echo(
            "Whoever has this address and reaches this machine can read all of it.", err=True
        )
    if settings.as_json:
        write_json({"address": address}, is_compact=True)
    else:
        typer.echo(printable(address))
    if not no_browser:
        threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
    with server, suppress(KeyboardInterrupt):
        server.serve_forever()
