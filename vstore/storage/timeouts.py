"""How long a server may be silent and how often it is asked, the same for every engine."""

from collections.abc import Mapping

from vstore.errors import InvalidInputError

CONNECT_SECONDS = 5.0
READ_SECONDS = 20.0
"""Between two pieces of an answer, so that a slow line has as long as it takes."""

_SECONDS = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}


def take_timeouts(options: dict[str, object]) -> tuple[float, float]:
    """Return how long connecting and each read may take, taken out of storage options.

    Raises:
        InvalidInputError: one is not a number of seconds.
    """
    found = []
    for name, default in _SECONDS.items():
        value = options.pop(name, default)
        if isinstance(value, str) and value.replace(".", "", 1).isdigit():
            value = float(value)  # from a command line
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise InvalidInputError(f"{name} is a number of seconds above 0, not {value!r}")
        found.append(float(value))
    return found[0], found[1]


def without_timeouts(options: Mapping[str, object]) -> tuple[dict[str, object], float, float]:
    """Return storage options without the two, and the two."""
    rest = dict(options)
    connect, read = take_timeouts(rest)
    return rest, connect, read


def take_attempts(options: dict[str, object]) -> int | None:
    """Return how often a request may be sent, taken out of storage options; None if not given.

    Raises:
        InvalidInputError: it is no number of attempts.
    """
    value = options.pop("attempts", None)
    if isinstance(value, str) and value.isdecimal():
        value = int(value)  # from a command line
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise InvalidInputError(f"attempts is a number of at least 1, not {value!r}")
    return value
