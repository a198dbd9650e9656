"""Whether commits say the truth about those that came before them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from vstore.format.commit import CommitDocument
from vstore.format.digest import Digest, raw_digest

_NBYTES = 16
"""How many bytes take the place of an ancestor in memory."""


@dataclass(frozen=True, slots=True)
class _Claims:
    """What a commit says of itself; `listed` stands for the ancestors that it lists."""

    digest: Digest
    parents: tuple[Digest, ...]
    generation: int
    depth: int
    time: str
    listed: bytes


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a child of a commit must say; of ancestors, which it may list."""

    generation: int
    depth: int
    time: str
    listed: bytes


@dataclass(slots=True, eq=False)
class Lineage:
    """Compares the generation, depth, time and listed ancestors of commits with their parents'.

    Readers trust them to find an ancestor without walking, so a commit that lies could hide
    that another one is in its history. Commits may come in any order.
    """

    _facts: dict[Digest, _Facts] = field(default_factory=dict)
    _waiting: dict[Digest, list[_Claims]] = field(default_factory=dict)

    def take(self, digest: Digest, found: CommitDocument) -> Iterator[tuple[Digest, str]]:
        """Take a commit; yield commits, and what is wrong about them, that can be judged now."""
        listed = _compact(found.ancestors)
        itself = _compact([(found.depth, digest)])
        self._facts[digest] = _Facts(
            found.generation + 1, found.depth + 1, found.time, itself + listed
        )
        parents = tuple(Digest(name) for name in found.parents)
        claims = _Claims(digest, parents, found.generation, found.depth, found.time, listed)
        for ready in [claims, *self._waiting.pop(digest, [])]:
            yield from self._judge(ready)

    def _judge(self, claims: _Claims) -> Iterator[tuple[Digest, str]]:
        """Compare a commit with its parents, once all of them are there."""
        missing = next((name for name in claims.parents if name not in self._facts), None)
        if missing is not None:
            self._waiting.setdefault(missing, []).append(claims)
            return
        parents = [self._facts[name] for name in claims.parents]
        first = parents[0] if parents else _Facts(0, 0, "", b"")
        generation = max((parent.generation for parent in parents), default=0)
        checks = {
            "generation": claims.generation == generation,
            "depth": claims.depth == first.depth,
            "ancestors": _entries(claims.listed) <= _entries(first.listed),
            "time": claims.time >= first.time,
        }
        wrong = [name for name, is_right in checks.items() if not is_right]
        if wrong:
            yield claims.digest, f"its {' and '.join(wrong)} cannot be, going by its parents"


def _compact(ancestors: Sequence[tuple[int, str]]) -> bytes:
    """Return what takes the place of listed ancestors: some bytes for each."""
    return b"".join(raw_digest(f"{depth} {name}".encode())[:_NBYTES] for depth, name in ancestors)


def _entries(listed: bytes) -> set[bytes]:
    return {listed[at : at + _NBYTES] for at in range(0, len(listed), _NBYTES)}
