"""Damaging files one after another and seeing what reading makes of it. Knows no library."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

KINDS = ("flipped", "truncated", "extended", "swapped", "deleted")
OUTCOMES = ("refused", "right", "wrong", "crashed")
"""What reading did: raise an error of the library, give the data, give other data, else."""

Contents = Mapping[str, Any]
Read = Callable[[], Contents]


@dataclass
class Tally:
    """How often each kind of damage had each outcome; `examples` are of the bad ones."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def add(self, kind: str, outcome: str, example: str) -> None:
        self.counts[kind, outcome] += 1
        if outcome in ("wrong", "crashed") and len(self.examples) < 20:
            self.examples.append(f"{kind} {example}: {outcome}")

    def total(self, outcome: str) -> int:
        return sum(count for (_, found), count in self.counts.items() if found == outcome)

    def rows(self) -> Iterator[tuple[str, list[int]]]:
        for kind in KINDS:
            yield kind, [self.counts[kind, outcome] for outcome in OUTCOMES]


@dataclass(frozen=True)
class Trial:
    """Files below a folder, how they are read, and which errors are an honest answer."""

    folder: Path
    read: Read
    honest: tuple[type[BaseException], ...]
    flips: int = 32
    """How many bits are flipped in each file; one in every byte of files not longer."""
    private: tuple[str, ...] = ()
    """Files that hold no data, such as locks."""

    def run(self, seed: int = 0) -> Tally:
        """Damage every file in every way, one at a time, and restore it."""
        expected, tally, chance = self.read(), Tally(), random.Random(seed)
        files = [path for path in sorted(self.folder.rglob("*")) if self._counts(path)]
        for path in files:
            whole = path.read_bytes()
            others = [other for other in files if other != path and other.suffix == path.suffix]
            swapped = [other.read_bytes() for other in chance.sample(others, min(3, len(others)))]
            for kind, damaged in self._damages(whole, swapped, chance):
                if damaged == whole:
                    continue
                if damaged is None:
                    path.unlink()
                else:
                    path.write_bytes(damaged)
                tally.add(kind, self._outcome(expected), str(path.relative_to(self.folder)))
            path.write_bytes(whole)
        assert same(self.read(), expected), "the files were not restored"
        return tally

    def _counts(self, path: Path) -> bool:
        parts = path.relative_to(self.folder).parts
        return path.is_file() and not any(part in self.private for part in parts)

    def _damages(
        self, whole: bytes, others: list[bytes], chance: random.Random
    ) -> Iterator[tuple[str, bytes | None]]:
        places = range(len(whole))
        if len(whole) > self.flips:
            places = sorted(chance.sample(places, self.flips))  # type: ignore[assignment]
        for place in places:
            flipped = bytearray(whole)
            flipped[place] ^= 1 << chance.randrange(8)
            yield "flipped", bytes(flipped)
        for length in {0, 1, len(whole) // 2, len(whole) - 1}:
            yield "truncated", whole[:length]
        yield "extended", whole + b"\n"
        yield "extended", whole + whole
        for other in others:
            yield "swapped", other
        yield "deleted", None

    def _outcome(self, expected: Contents) -> str:
        try:
            return "right" if same(self.read(), expected) else "wrong"
        except self.honest:
            return "refused"
        except Exception:  # noqa: BLE001 - any other error is what this looks for
            return "crashed"


def same(found: Contents, expected: Contents) -> bool:
    """Tell whether two readings hold the same."""
    return found.keys() == expected.keys() and all(
        _is_same(found[name], value) for name, value in expected.items()
    )


def _is_same(found: Any, expected: Any) -> bool:
    if isinstance(expected, np.ndarray):
        return (
            isinstance(found, np.ndarray)
            and found.dtype == expected.dtype
            and found.shape == expected.shape
            and bool((found == expected).all())
        )
    return bool(found == expected)
