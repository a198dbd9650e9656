"""How far a long job is, for a caller that shows it."""

from collections.abc import Callable
from dataclasses import dataclass

from vstore.faces import exported_from
from vstore.wording import format_nbytes, plural


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


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class Amount:
    """How many objects, and of how many bytes."""

    objects: int = 0
    nbytes: int = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(self.objects + other.objects, self.nbytes + other.nbytes)

    def __str__(self) -> str:
        return f"{plural(self.objects, 'object')}, {format_nbytes(self.nbytes)}"


NOTHING = Amount()
