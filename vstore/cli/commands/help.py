"""`vstore help`: explain a command, its JSON or a topic."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vstore.cli import usage
from vstore.cli.groups import load
from vstore.cli.help_text import shared_text
from vstore.cli.registry import COMMANDS
from vstore.cli.topics import TOPICS
from vstore.cli.words import answer
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.cli import documents
else:
    documents = lazy("vstore.cli.documents")

app = typer.Typer(add_completion=False)

OPTIONS, JSON = "options", "json"


def complete_topic(incomplete: str) -> list[str]:
    """Return the commands and topics that begin with what was typed."""
    return [name for name in (*COMMANDS, *TOPICS, OPTIONS, JSON) if name.startswith(incomplete)]


@app.command()
def help_(
    context: typer.Context,
    topic: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TOPIC",
            help="A command; or tutorial, targets, options, exit-codes, json COMMAND.",
            show_default=False,
            autocompletion=complete_topic,
        ),
    ] = None,
) -> None:
    """Explain a command, its JSON or a topic.

    Without a topic, lists the commands.

    vstore help log
    vstore help tutorial
    vstore help json log
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
    elif first == JSON:
        _show_schema(" ".join(rest))
    elif first in TOPICS:
        typer.echo(TOPICS[first], nl=False)
    else:
        problem, advice = answer(first, [*COMMANDS, *TOPICS, OPTIONS, JSON])
        raise usage.error(problem.replace("command", "command or topic"), hint=advice)


def _show_schema(words: str) -> None:
    """Show the JSON Schema of the documents of a command, or which commands have one."""
    names = [name for name in documents.DOCUMENTS if name == words or name.startswith(f"{words} ")]
    if not words or not names:
        raise usage.error(
            f"there is no document of {words!r}" if words else "a command is missing",
            hint=f"the documents are of {', '.join(documents.DOCUMENTS)}",
        )
    schemas = {name: documents.schema(name) for name in names}
    found = schemas[words] if words in schemas and len(schemas) == 1 else schemas
    typer.echo(json.dumps(found, indent=2))


def _show_command(name: str, rest: Sequence[str], program: str) -> None:
    """Show the help of a command, or of one of a group."""
    command: Any = load(name)
    command.main([*rest, "--help"], prog_name=f"{program} {name}", standalone_mode=False)
