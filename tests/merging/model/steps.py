"""Programs as values, which are shortened where they fail."""

from collections.abc import Callable
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Step:
    """One thing that happens; the numbers decide to what, and with what."""

    verb: str
    numbers: tuple[int, ...] = ()
    changes: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """What transactions do, each with numbers of its own."""

    def shorter(self) -> list["Step"]:
        """Return steps that do less."""
        rest = range(len(self.changes))
        return [replace(self, changes=self.changes[:i] + self.changes[i + 1 :]) for i in rest]


Program = tuple[Step, ...]


def shortened(program: Program, fails: Callable[[Program], bool]) -> Program:
    """Return a program that still fails, from which nothing more can be left out."""
    while True:
        for shorter in _shorter(program):
            if fails(shorter):
                program = shorter
                break
        else:
            return program


def _shorter(program: Program) -> list[Program]:
    rest = range(1, len(program))
    found = [program[: i + 1] for i in reversed(rest[:-1])]
    found += [program[:i] + program[i + 1 :] for i in rest]
    for i in rest:
        found += [(*program[:i], step, *program[i + 1 :]) for step in program[i].shorter()]
    return found
