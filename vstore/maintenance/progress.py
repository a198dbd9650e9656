"""How far a long job is, told to whoever wants to show it."""

from collections.abc import Callable
from dataclasses import dataclass

from vstore.faces import exported_from


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class ProgressStep:
    """A point in a long job: what it does, how much is done, and of how much if that is known."""

    phase: str
    done: int
    total: int | None = None
    nbytes: int = 0


Progress = Callable[[ProgressStep], None]
"""Receive a step; called often, on the thread that does the job. May raise to stop it."""


def silent(_: ProgressStep) -> None:
    """Show nothing."""


def plural(count: int, noun: str) -> str:
    """Return a count and its noun.

    >>> plural(1, "object"), plural(2000, "object")
    ('1 object', '2,000 objects')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def human_nbytes(nbytes: int) -> str:
    """Return a number of bytes as people write it.

    >>> human_nbytes(999), human_nbytes(1_234_567)
    ('999 B', '1.2 MB')
    """
    size, units = float(nbytes), ["B", "kB", "MB", "GB", "TB", "PB"]
    while size >= 1000 and len(units) > 1:
        size /= 1000
        units.pop(0)
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.1f} {units[0]}"


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Amount:
    """How many objects, and of how many bytes."""

    objects: int = 0
    nbytes: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.objects + other.objects, self.nbytes + other.nbytes)

    def __str__(self) -> str:
        return f"{plural(self.objects, 'object')}, {human_nbytes(self.nbytes)}"


NOTHING = Amount()
