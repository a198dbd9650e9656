"""What commits came from which, in the model: merge bases by brute force."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from tests.merging.model.state import World


@dataclass
class Made:
    """A commit of the model."""

    parents: tuple[str, ...]
    world: World
    marks: frozenset[str] = frozenset()
    """What it did, as rows of the table of rules."""


@dataclass
class History:
    """All commits by their ids."""

    commits: dict[str, Made] = field(default_factory=dict)

    def ancestors(self, commit: str) -> set[str]:
        """Return a commit and all that it came from."""
        found, left = set[str](), [commit]
        while left:
            each = left.pop()
            if each not in found:
                found.add(each)
                left += self.commits[each].parents
        return found

    def generation(self, commit: str) -> int:
        """Return the length of the longest way to a commit without parents."""
        return 1 + max(map(self.generation, self.commits[commit].parents), default=-1)

    def bases(self, one: str, other: str) -> list[str]:
        """Return the common ancestors that no other common ancestor came from, in order."""
        both = self.ancestors(one) & self.ancestors(other)
        below = {each for commit in both for each in self.ancestors(commit) - {commit}}
        return sorted(both - below)

    def marks(self, commit: str, base: Iterable[str]) -> set[str]:
        """Return what a side did since its bases."""
        known = {each for commit in base for each in self.ancestors(commit)}
        found = {
            mark for each in self.ancestors(commit) - known for mark in self.commits[each].marks
        }
        return found or {"nothing"}

    def beyond(self, commit: str, floor: str) -> set[str]:
        """Return what a commit came from that another did not come from."""
        return self.ancestors(commit) - self.ancestors(floor)

    def line(self, commit: str) -> Iterator[str]:
        """Yield a commit, its first parent, the first parent of that, and so on."""
        while True:
            yield commit
            if not self.commits[commit].parents:
                return
            commit = self.commits[commit].parents[0]


Worlds = Mapping[str, World]
