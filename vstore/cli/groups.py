"""Groups of commands: one that loads them when they are called, one with a default."""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from vstore.cli import usage
from vstore.cli.help_text import group_text, help_text
from vstore.cli.registry import COMMANDS, VALUED
from vstore.cli.words import answer
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.cli import target as targets
else:
    targets = lazy("vstore.cli.target")


class Command(TyperCommand):
    """A command whose help reads like those of all others."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        formatter.write(help_text(self, ctx))


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

    def main(  # type: ignore[override]  # the options are handed on
        self, args: Sequence[str] | None = None, **options: Any
    ) -> Any:
        """Run the command line; say in one line and a hint what was used wrongly."""
        given = list(sys.argv[1:] if args is None else args)
        if not options.pop("standalone_mode", True):
            return super().main(given, standalone_mode=False, **options)
        return usage.run(
            lambda: super(LazyGroup, self).main(given, standalone_mode=False, **options),
            as_json="--json" in given,
        )

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put options of every command that are before the command's name behind it."""
        return super().parse_args(ctx, _name_first(args, VALUED, unless=_own_options(self)))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that is called, in the place of its placeholder."""
        name, *rest = args
        if name not in self.commands:
            if name.startswith("-"):
                super().resolve_command(ctx, args)
            problem, advice = answer(name, self.commands)
            raise usage.error(problem, hint=advice)
        return name, load(name), rest

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands."""
        formatter.write(group_text(self, ctx))


class ListByDefault(TyperGroup):
    """A group whose `list` is meant where no other command is named, as in `vstore branch`."""

    short_forms: Mapping[str, Sequence[str]] = {}
    """By option, the words that it stands for."""

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Put the command's name, or `list`, in front of options before it."""
        if args and args[0] in ctx.help_option_names:
            return super().parse_args(ctx, args)
        return super().parse_args(ctx, self._with_name(ctx, args))

    def _with_name(self, ctx: Any, args: list[str]) -> list[str]:
        at = _first_word(args, self._options_with_value(ctx))
        if at is None or args[at] not in self.commands:
            return self.spelled_out(args, None if at is None else args[at])
        return [args[at], *args[:at], *args[at + 1 :]]

    def spelled_out(self, args: list[str], word: str | None) -> list[str]:
        """Return arguments with the name of the command they mean in front.

        As in Git, `-d` deletes, `-m` renames, a name creates. An address is listed.
        """
        for flag, name in self.short_forms.items():
            if flag in args:
                return [*name, *(each for each in args if each != flag)]
        if word is None or targets.parse_target(word).url is not None:
            return ["list", *args]
        return ["create", *args]

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands."""
        formatter.write(group_text(self, ctx))

    def _options_with_value(self, ctx: Any) -> set[str]:
        """Return the options of all commands of the group that are followed by a value."""
        options = (each for command in self.commands.values() for each in command.get_params(ctx))
        return {
            name
            for option in options
            if not getattr(option, "is_flag", True) and not getattr(option, "count", False)
            for name in option.opts
        }


def _own_options(group: TyperGroup) -> frozenset[str]:
    return frozenset({"-h", "--help", *(name for option in group.params for name in option.opts)})


def _name_first(
    args: list[str], with_value: frozenset[str], *, unless: frozenset[str]
) -> list[str]:
    """Return arguments with the first word in front, unless a group's own option is before it."""
    at = _first_word(args, with_value)
    if not at or unless & set(args[:at]):
        return args
    return [args[at], *args[:at], *args[at + 1 :]]


def _first_word(args: list[str], with_value: set[str] | frozenset[str]) -> int | None:
    """Return where the first argument is that is neither an option nor one's value."""
    takes_value = False
    for at, text in enumerate(args):
        if not takes_value and not text.startswith("-"):
            return at
        takes_value = not takes_value and text in with_value
    return None


def load(name: str) -> Any:
    """Import a command of the registry and return it."""
    app = import_module(COMMANDS[name].module).app
    for info in app.registered_commands:
        info.cls = Command
    command = typer.main.get_command(app)
    command.name = name
    return command
