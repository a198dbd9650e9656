"""`vstore help`: explain a command, its JSON or a topic."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from vstore.cli import usage
from vstore.cli.groups import load
from vstore.cli.help_text import shared_text
from vstore.cli.registry import COMMANDS
from vstore.cli.topics import TOPICS
from vstore.cli.words import answer

app = typer.Typer(add_completion=False)

OPTIONS = "options"


def complete_topic(incomplete: str) -> list[str]:
    """Return the commands and topics that begin with what was typed."""
    return [name for name in (*COMMANDS, *TOPICS, OPTIONS) if name.startswith(incomplete)]


@app.command()
def help_(
    context: typer.Context,
    topic: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TOPIC",
            help="A command; or tutorial, targets, options, exit-codes.",
            show_default=False,
            autocompletion=complete_topic,
        ),
    ] = None,
) -> None:
    """Explain a command, its JSON or a topic.

    Without a topic, lists the commands.

    vstore help log
    vstore help tutorial
    """
    root = context.find_root()
    if not topic:
        typer.echo(root.get_help())
        return
    first, *rest = topic
    if first in COMMANDS:
        _show_command(first, rest, str(root.info_name))
    elif first == OPTIONS:
        typer.echo(shared_text(load("log"), context), nl=False)
    elif first in TOPICS:
        typer.echo(TOPICS[first], nl=False)
    else:
        problem, advice = answer(first, [*COMMANDS, *TOPICS, OPTIONS])
        raise usage.error(problem.replace("command", "command or topic"), hint=advice)


def _show_command(name: str, rest: Sequence[str], program: str) -> None:
    """Show the help of a command, or of one of a group."""
    command: Any = load(name)
    command.main([*rest, "--help"], prog_name=f"{program} {name}", standalone_mode=False)
