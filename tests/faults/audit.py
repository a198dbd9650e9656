"""Looking at a repository from outside: is everything that its refs reach there and whole?"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vstore import Repository
from vstore.faces import internals
from vstore.format import commit as commits
from vstore.format import object_keys
from vstore.format.commit import FORMAT, RepositoryDocument, format_time
from vstore.format.digest import Digest, digest_of
from vstore.format.object_keys import digest_at
from vstore.history.closure import fresh_objects
from vstore.storage.memory import MemoryStore
from vstore.storage.store import Key, ObjectStore


def new_store() -> MemoryStore:
    """Return a store that nobody else sees, with an empty repository in it."""
    store = MemoryStore()
    marker = RepositoryDocument(FORMAT, [], "5" * 32, "main", format_time(datetime.now(UTC)))
    store.put_if_absent(object_keys.REPOSITORY, commits.encode(marker))
    return store


def heads(repository: Repository) -> dict[str, Digest]:
    """Return every branch and tag with the commit it names."""
    found = {f"branch {name}": repository.branches[name] for name in repository.branches}
    return found | {f"tag {name}": repository.tags[name] for name in repository.tags}


def open_at(repository: Repository, path: str, revision: str = "main") -> Any:
    """Return what is at a path of a revision; the caller knows its kind."""
    return repository.checkout(revision)[path]


def reachable(store: ObjectStore, commits: Iterable[Digest]) -> set[Key]:
    """Return every object that commits need."""
    return {need.key for commit in set(commits) for need in fresh_objects(store, commit, None)}


def verify_all(repository: Repository) -> int:
    """Read every object that the refs reach and compare it with its name; return how many."""
    store = repository.store
    wanted = reachable(store, heads(repository).values())
    for key in sorted(wanted):
        assert digest_of(store.get(key)) == digest_at(key), f"{key} is damaged"
    return len(wanted)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of commits that several writers made on one branch."""

    acknowledged: int
    commits: int
    lost: int
    doubled: int
    unexpected: int
    has_exact_chain: bool
    objects: int

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, doubled or made up."""
        return self.has_exact_chain and not (self.lost or self.doubled or self.unexpected)


def judge(
    repository: Repository,
    branch: str,
    *,
    acknowledged: dict[str, Digest],
    uncertain: Iterable[str] = (),
) -> Verdict:
    """Compare a branch's history with what its writers were told.

    Args:
        repository: opened afresh, so that nothing is remembered.
        branch: which branch.
        acknowledged: the commit that each message was acknowledged with.
        uncertain: messages of commits whose writers were told that the outcome is unknown.
    """
    chain = list(repository.log(branch))
    root, *later = reversed(chain)
    messages = Counter(commit.message for commit in later)
    found = {commit.message: commit.id for commit in later}
    lost = [message for message, digest in acknowledged.items() if found.get(message) != digest]
    expected = acknowledged.keys() | set(uncertain)
    parents = [root.id, *(commit.id for commit in later)]
    read = internals(repository).fetcher.commit
    exact = all(
        commit.parents == (parent,) and read(commit.id).depth == depth
        for depth, (commit, parent) in enumerate(zip(later, parents, strict=False), 1)
    )
    return Verdict(
        acknowledged=len(acknowledged),
        commits=len(later),
        lost=len(lost),
        doubled=sum(count - 1 for count in messages.values()),
        unexpected=len(messages.keys() - expected),
        has_exact_chain=exact and not root.parents,
        objects=verify_all(repository),
    )
