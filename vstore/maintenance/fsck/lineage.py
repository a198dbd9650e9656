"""Whether commits say the truth about those that came before them."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from vstore.format.commit import CommitDocument, ancestors_of
from vstore.format.digest import Digest, raw_digest


@dataclass(frozen=True, slots=True)
class _Claims:
    """What a commit says of itself; `listed` stands for its jump pointers."""

    digest: Digest
    parents: tuple[Digest, ...]
    generation: int
    depth: int
    time: str
    listed: bytes


@dataclass(frozen=True, slots=True)
class _Facts:
    """What a child of a commit must say."""

    generation: int
    depth: int
    time: str
    listed: bytes


@dataclass(slots=True, eq=False)
class Lineage:
    """Compares the generation, depth, time and jump pointers of commits with their parents'.

    Readers trust them to find an ancestor without walking, so a commit that lies could hide
    that another one is in its history. Commits may come in any order.
    """

    _facts: dict[Digest, _Facts] = field(default_factory=dict)
    _waiting: dict[Digest, list[_Claims]] = field(default_factory=dict)

    def take(self, digest: Digest, found: CommitDocument) -> Iterator[tuple[Digest, str]]:
        """Take a commit; yield commits, and what is wrong about them, that can be judged now."""
        below = ancestors_of(digest, found.depth, found.ancestors)
        self._facts[digest] = _Facts(
            found.generation + 1, found.depth + 1, found.time, _compact(below)
        )
        parents = tuple(Digest(name) for name in found.parents)
        listed = _compact(found.ancestors)
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
        wrong = [
            name
            for name, said, due in (
                ("generation", claims.generation, max((p.generation for p in parents), default=0)),
                ("depth", claims.depth, parents[0].depth if parents else 0),
                ("ancestors", claims.listed, parents[0].listed if parents else _compact([])),
            )
            if said != due
        ]
        if parents and claims.time < parents[0].time:
            wrong.append("time")
        if wrong:
            yield claims.digest, f"its {' and '.join(wrong)} cannot be, going by its parents"


def _compact(ancestors: list[tuple[int, str]]) -> bytes:
    return raw_digest(repr([(depth, str(name)) for depth, name in ancestors]).encode())[:16]
