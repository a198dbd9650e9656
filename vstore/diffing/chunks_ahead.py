"""Reading the chunks that hold a sample in older and older commits, many with one round."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from vstore.errors import VstoreError
from vstore.format.digest import Digest
from vstore.format.page import ChunkRef
from vstore.reading.fetch import Fetcher

_FEWEST = 2
MOST_AHEAD = 64
"""How many commits are looked into at one time at most."""

MOST_NBYTES = 4 * 2**20
"""How many bytes are read ahead at one time at most."""


@dataclass
class ChunksAhead:
    """Brings what a walk along first parents will read, twice as much each time.

    Only commits that are at hand are looked into, so that no more rounds are needed than without.
    """

    fetcher: Fetcher
    most: int = _FEWEST
    _brought: set[Digest] = field(default_factory=set)

    def bring(self, digest: Digest, wanted: Callable[[Digest], Iterable[ChunkRef]]) -> None:
        """Keep the chunks that are wanted of a commit and of those before it."""
        if digest in self._brought:
            return
        refs: dict[bytes, ChunkRef] = {}
        nbytes, at = 0, digest
        for _ in range(self.most):
            fresh = [ref for ref in self._of(at, wanted) if ref.digest not in refs]
            nbytes += sum(ref.nbytes for ref in fresh)
            if nbytes > MOST_NBYTES:
                break
            refs |= {ref.digest: ref for ref in fresh}
            self._brought.add(at)
            document = self.fetcher.find_commit(at)
            if document is None or not document.parents:
                break
            at = Digest(document.parents[0])
            if self.fetcher.find_commit(at) is None:
                break
        self.most = min(2 * self.most, MOST_AHEAD)
        if len(refs) > 1:
            self.fetcher.prefetch(list(refs.values()))

    def _of(self, digest: Digest, wanted: Callable[[Digest], Iterable[ChunkRef]]) -> list[ChunkRef]:
        try:
            return list(wanted(digest))
        except VstoreError:  # whoever comes to this commit meets the error, and says of what
            return []
