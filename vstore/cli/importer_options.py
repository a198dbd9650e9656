"""Options of importers on the command line: they are the importers' own, not the command's."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.importers import finding
    from vstore.importers.importer import Option
else:
    finding = lazy("vstore.importers.finding")


def split_options(words: Sequence[str], importer: str | None) -> tuple[list[str], dict[str, Any]]:
    """Return what is no option, and the importers' options by name.

    Args:
        words: what the command did not know: addresses, options, their values.
        importer: the one whose options may be given; all of vstore's own when None.
    """
    whose = "importer" if importer is None else f"importer {importer!r}"
    return split_words(words, lambda: _known(importer), whose)


def split_words(
    words: Sequence[str], find_known: "Callable[[], Mapping[str, Option]]", whose: str
) -> tuple[list[str], dict[str, Any]]:
    """Return what is no option, and the options by name.

    `find_known` returns the options that there are; it is asked only if some are given. `whose`
    options they are is for errors.
    """
    if not any(word.startswith("--") and len(word) > 2 for word in words):
        return list(words), {}
    known = find_known()
    rest: list[str] = []
    options: dict[str, Any] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("--") or word == "--":
            rest.append(word)
            continue
        name, equals, value = word[2:].partition("=")
        name = name.replace("-", "_")
        if name not in known:
            raise typer.BadParameter(_no_such(word, known, whose))
        kind = known[name][0]
        if kind is not bool and not equals:
            if not left:
                raise typer.BadParameter(f"option {word} requires a value")
            value = left.pop(0)
        options[name] = _value(kind, value, options.get(name), word)
    return rest, options


def _known(importer: str | None) -> "Mapping[str, Option]":
    if importer is not None:
        return finding.named(importer).options
    return {
        name: option
        for each in finding.BUILTIN
        for name, option in finding.builtin(each).options.items()
    }


def _value(kind: type, text: str, before: Any, word: str) -> Any:
    if kind is bool:
        return text.lower() not in ("false", "no", "0")
    if kind is list:
        return [*(before or []), *text.split(",")]
    try:
        return kind(text)
    except ValueError:
        raise typer.BadParameter(f"option {word}: {text!r} is no {kind.__name__}") from None


def _no_such(word: str, known: "Mapping[str, Option]", whose: str) -> str:
    is_one = "'" in whose
    options = ", ".join("--" + name.replace("_", "-") for name in sorted(known))
    said = f"{'the' if is_one else 'no'} {whose} has {'no ' if is_one else ''}option {word}"
    return f"{said}; there are {options}" if options else said
