"""Groups of commands: one that loads them when they are called, one with a default."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from vstore.cli.registry import COMMANDS


class LazyGroup(TyperGroup):
    """The commands of the registry, each imported when it is called.

    Listed are placeholders, which know the names and one line of help.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, entry in COMMANDS.items():
            placeholder = TyperCommand(name, help=entry.summary, rich_help_panel=entry.panel)
            self.add_command(placeholder)

    def get_params(self, ctx: Any) -> Any:
        """Return the group's options; what is not given is False, not None.

        Typer asks pydantic what None means for a flag, which takes longer than all else that
        the help of a command does.
        """
        options = super().get_params(ctx)
        for option in options:
            if getattr(option, "is_flag", False) and option.default is None:
                option.default = False
        return options

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is called, in the place of its placeholder."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in COMMANDS else found, rest


class ListByDefault(TyperGroup):
    """A group whose `list` is meant where no other command is named, as in `vstore branch`."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Put the command's name, or `list`, in front of options before it."""
        if args and args[0] in ctx.help_option_names:
            return super().parse_args(ctx, args)
        at = _first_word(args, self._options_with_value(ctx))
        name = ["list"] if at is None else [args[at]]
        rest = args if at is None else [*args[:at], *args[at + 1 :]]
        return super().parse_args(ctx, [*name, *rest])

    def _options_with_value(self, ctx: Any) -> set[str]:
        """Return the options of all commands of the group that are followed by a value."""
        options = (each for command in self.commands.values() for each in command.get_params(ctx))
        return {
            name
            for option in options
            if not getattr(option, "is_flag", True) and not getattr(option, "count", False)
            for name in option.opts
        }


def _first_word(args: list[str], with_value: set[str]) -> int | None:
    """Return where the first argument is that is neither an option nor one's value."""
    takes_value = False
    for at, text in enumerate(args):
        if not takes_value and not text.startswith("-"):
            return at
        takes_value = not takes_value and text in with_value
    return None


def load(name: str) -> Any:
    """Import a command of the registry and return it."""
    command = typer.main.get_command(import_module(COMMANDS[name].module).app)
    command.name = name
    return command
