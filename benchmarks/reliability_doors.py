"""The commands of `benchmarks.reliability` about what means harm at a repository's doors."""

import argparse
from collections.abc import Callable
from typing import Any

Command = tuple[Callable[[argparse.ArgumentParser], None], Callable[[Any], bool]]


def _command(name: str, what: str, tries: int) -> Command:
    """Return a command that tries often, and prints what was counted."""

    def add_options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--tries", type=int, default=tries, help="how often")

    def run(options: argparse.Namespace) -> bool:
        from tests.faults import doors

        _print(name, options.tries, getattr(doors, name)(options.tries))
        return True

    run.__doc__ = what
    return add_options, run


def _print(name: str, tries: int, found: Any) -> None:
    counted = ", ".join(f"{count:,} {what}" for what, count in found.items())
    print(f"{name}: {tries} tries, each otherwise: {counted}; nothing lost, nothing else changed")


DOORS = {
    "links": _command(
        "links", "Put links into repositories and caches; see that nothing else is touched.", 500
    ),
    "listings": _command(
        "listings", "Collect garbage of stores that hide objects; see that nothing is lost.", 300
    ),
    "sizes": _command(
        "sizes", "Let files be sparse and huge; see that they are refused in time.", 100
    ),
    "clocks": _command(
        "clocks", "Commit and delete by wrong clocks; see that dates and undo are right.", 100
    ),
    "threads": _command(
        "threads", "Let threads write parts of one chunk; see that all is there or refused.", 1000
    ),
}
