"""How the help of a command reads: what it does, usage, examples, options."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

SHARED = "Options of every command"
"""The panel of the options that every command has; `vstore help options` shows them."""

_POINTER = "Options of every command: vstore help options"
_EXAMPLE = "vstore "
_NAMES = 30
_NARROWEST = 30
_WIDEST = 80
"""Longer lines are hard to read."""


def help_text(command: Any, context: Any) -> str:
    """Return the help of one command."""
    formatter = _formatter(context)
    _write_opening(formatter, command.help or "", context.command_path, " ".join(_usage(command)))
    own = [each for each in command.params if getattr(each, "rich_help_panel", None) != SHARED]
    _write_parameters(formatter, "Arguments", own, of="argument")
    _write_parameters(formatter, "Options", own, of="option")
    formatter.write_paragraph()
    formatter.write_text(_POINTER)
    return str(formatter.getvalue())


def group_text(group: Any, context: Any) -> str:
    """Return the help of a group of commands: each with its line."""
    formatter = _formatter(context)
    _write_opening(formatter, group.help or "", context.command_path, "COMMAND …")
    panels: dict[str, list[tuple[str, str]]] = {}
    for name, command in group.commands.items():
        panel = getattr(command, "rich_help_panel", None) or "Commands"
        panels.setdefault(panel, []).append((name, parts_of(command.help or "")[0]))
    for panel, rows in panels.items():
        with formatter.section(panel):
            formatter.write_dl(rows, col_max=min(_NAMES, formatter.width // 3))
    formatter.write_paragraph()
    formatter.write_text(_POINTER)
    return str(formatter.getvalue())


def shared_text(command: Any, context: Any) -> str:
    """Return the help of the options that every command has."""
    formatter = _formatter(context)
    shared = [each for each in command.params if getattr(each, "rich_help_panel", None) == SHARED]
    _write_parameters(formatter, SHARED, shared, of="option")
    return str(formatter.getvalue()).lstrip("\n")


def parts_of(text: str) -> tuple[str, list[str], list[str]]:
    r"""Return the first line of a help text, its other paragraphs, and its examples.

    >>> parts_of("Show it.\n\nAll of it.\n\nvstore show a\nvstore show b")
    ('Show it.', ['All of it.'], ['vstore show a', 'vstore show b'])
    """
    summary, *rest = text.split("\n\n")
    examples = [each for each in rest if is_examples(each.splitlines())]
    return (
        summary,
        [each for each in rest if each not in examples],
        [line for each in examples for line in each.splitlines()],
    )


def is_examples(lines: Sequence[str]) -> bool:
    """Return whether the lines of a paragraph are commands to try."""
    return bool(lines) and all(line.startswith(_EXAMPLE) for line in lines)


def _formatter(context: Any) -> Any:
    """Return what lays text out for the terminal, or for 80 columns where there is none."""
    width = shutil.get_terminal_size().columns
    context.terminal_width = max(_NARROWEST, min(width, _WIDEST))
    return context.make_formatter()


def _write_opening(formatter: Any, text: str, path: str, usage: str) -> None:
    summary, paragraphs, examples = parts_of(text)
    formatter.write_text(summary)
    formatter.write_paragraph()
    formatter.write_usage(path, usage, "Usage: ")
    for paragraph in paragraphs:
        formatter.write_paragraph()
        formatter.write_text(paragraph)
    if examples:
        with formatter.section("Examples"):
            for example in examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")


def _usage(command: Any) -> Iterator[str]:
    yield "[OPTIONS]"
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            shown = _argument(parameter)
            yield shown if parameter.required else f"[{shown}]"


def _write_parameters(formatter: Any, heading: str, parameters: Iterable[Any], *, of: str) -> None:
    rows = [
        (_argument(each), each.help or "") if of == "argument" else (_option(each), _said(each))
        for each in parameters
        if each.param_type_name == of and not each.hidden and "--help" not in each.opts
    ]
    if rows:
        with formatter.section(heading):
            formatter.write_dl(rows, col_max=min(_NAMES, formatter.width // 3))


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    return f"{name}..." if parameter.nargs != 1 and not name.endswith("...") else name


def _option(option: Any) -> str:
    """Return how an option is written, its short form first."""
    names = ", ".join(sorted(option.opts, key=lambda name: (name.startswith("--"), name)))
    if option.secondary_opts:
        return f"{names} / {option.secondary_opts[0]}"
    has_value = not option.is_flag and not option.count
    return f"{names} {option.metavar or option.name.upper()}" if has_value else names


def _said(option: Any) -> str:
    """Return what an option means, and what it is where it is not given."""
    if option.is_flag or option.default in (None, "", []) or not option.show_default:
        return option.help or ""
    return f"{option.help or ''} Default: {option.default}."
