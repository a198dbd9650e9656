"""Durations on the command line: `24h`, `30d`, `90s`."""

import re
from datetime import timedelta

import typer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")


def parse_duration(text: str | None, *, option: str) -> timedelta | None:
    """Return a duration, None for None.

    >>> parse_duration("36h", option="--grace")
    datetime.timedelta(days=1, seconds=43200)
    """
    if text is None:
        return None
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(
            f"{text!r} is not a duration like 90s, 45m, 24h, 30d or 2w", param_hint=option
        )
    try:
        return timedelta(**{_UNITS[match[2]]: float(match[1])})
    except OverflowError:
        raise typer.BadParameter(f"{text!r} is too long", param_hint=option) from None
