"""The policies of a repository: seen, set, and checked."""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import structs

from vstore.errors import InvalidInputError
from vstore.faces import exported_from
from vstore.format.commit import FORMAT, Author, format_time
from vstore.format.policies import PolicyDocument, Rules
from vstore.history.policies import newest_policy, policy_numbers, put_policy, read_policy
from vstore.lazy import lazy

if TYPE_CHECKING:
    from vstore.maintenance.fsck import policy_check
    from vstore.maintenance.fsck.policy_check import PolicyBreach
    from vstore.repository.access import Access
else:
    policy_check = lazy("vstore.maintenance.fsck.policy_check")


_KEY = re.compile(r"^\S+ (.* )?(ssh|ecdsa|sk)-\S+ \S+")


@exported_from("vstore")
@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A version of the policies of a repository.

    Attributes:
        number: the number of the version; 0 where no policies were ever set.
        time: when it was set; None for number 0.
        author: who set it, likewise.
        reason: why.
        require_metadata: members that the metadata of each commit must have.
        signers: whose signatures count, as in an SSH file of allowed signers. If it is not
            empty, the heads of branches and new tags must be signed by one of them.
        protect_branches: patterns of branches that only move forward and cannot be deleted.
        protect_tags: patterns of tags that cannot be deleted.
        keep: how long garbage collection keeps at least what branches and tags left.
        may_purge: email addresses or names of the authors who may erase data; empty for all.
    """

    number: int = 0
    time: datetime | None = None
    author: Author | None = None
    reason: str = ""
    require_metadata: tuple[str, ...] = ()
    signers: str = ""
    protect_branches: tuple[str, ...] = ()
    protect_tags: tuple[str, ...] = ()
    keep: timedelta = timedelta(0)
    may_purge: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "number": self.number,
            "time": None if self.time is None else format_time(self.time),
            "author": None if self.author is None else structs.asdict(self.author),
            "reason": self.reason,
            "require_metadata": list(self.require_metadata),
            "signers": self.signers,
            "protect_branches": list(self.protect_branches),
            "protect_tags": list(self.protect_tags),
            "keep_seconds": int(self.keep.total_seconds()),
            "may_purge": list(self.may_purge),
        }


@exported_from("vstore")
class Policies:
    """The policies of a repository: what all who write to it keep to.

    They hold for programs that go by them, as vstore does; a store's own permissions keep
    others out.

    >>> import vstore
    >>> repo = vstore.create("memory://policies-doc")
    >>> with repo.transaction("main", message="Start") as tx:
    ...     tx.create_array("x", shape=(3,), dtype="int64")[:] = [1, 2, 3]
    >>> repo.policies.set(protect_branches=["main"], reason="It is published").number
    1
    >>> try:
    ...     repo.amend("main", message="Begin")
    ... except vstore.PolicyError as error:
    ...     print(error.code)
    policy-protected
    """

    def __init__(self, access: "Access") -> None:
        self._access = access

    @property
    def current(self) -> Policy:
        """The policies in force; one that asks for nothing where none were set."""
        found = newest_policy(self._access.store)
        return Policy() if found is None else _policy(found)

    def log(self) -> list[Policy]:
        """Return all versions of the policies, newest first: who set what, when and why."""
        store = self._access.store
        found = self._access.fetcher.map(
            lambda number: read_policy(store, number), policy_numbers(store)
        )
        return [_policy(each) for each in reversed(list(found))]

    def set(  # noqa: PLR0913 - one option for each rule
        self,
        *,
        require_metadata: Sequence[str] | None = None,
        signers: str | os.PathLike[str] | None = None,
        protect_branches: Sequence[str] | None = None,
        protect_tags: Sequence[str] | None = None,
        keep: timedelta | None = None,
        may_purge: Sequence[str] | None = None,
        reason: str = "",
        author: Author | str | None = None,
    ) -> Policy:
        """Set rules, and leave those as they are that are not given; return what is in force.

        A rule for commits and tags holds for those that are made from now on. Each branch
        follows the new policies from its next update on: an update that was begun before and
        breaks them is refused. Called without a rule, it makes branches follow the policies
        in force that do not yet, as after an interruption.

        Args:
            require_metadata: members that the metadata of each commit must have; `[]` for none.
            signers: whose signatures count, as the text of an SSH file of allowed signers or as
                the path of one. The heads of branches and new tags must be signed by one of
                them then. An empty text removes the rule.
            protect_branches: patterns of branches that only move forward and cannot be deleted,
                as in `["main", "release/*"]`.
            protect_tags: patterns of tags that cannot be deleted.
            keep: how long garbage collection keeps at least what branches and tags left.
            may_purge: email addresses or names of the authors who may erase data; `[]` for all.
            reason: why, for users.
            author: who sets them. Default: the repository's author.

        Raises:
            ConflictError: others set them meanwhile.
            InvalidInputError: a rule is malformed.
        """
        for name, rule in (
            ("require_metadata", require_metadata),
            ("protect_branches", protect_branches),
            ("protect_tags", protect_tags),
            ("may_purge", may_purge),
        ):
            if isinstance(rule, str):
                raise InvalidInputError(f"{name} is a list, as in [{rule!r}]")
        old = newest_policy(self._access.store)
        time = format_time(datetime.now(UTC))
        asked = {
            "require_metadata": _names(require_metadata),
            "signers": None if signers is None else _signers(signers),
            "protect_branches": _names(protect_branches),
            "protect_tags": _names(protect_tags),
            "keep_seconds": None if keep is None else int(keep.total_seconds()),
            "may_purge": _names(may_purge),
        }
        rules = _changed(Rules() if old is None else old.rules, asked, time)
        new = old
        if rules != (Rules() if old is None else old.rules):
            number = 1 if old is None else old.number + 1
            who = self._access.author(author)
            new = PolicyDocument(FORMAT, number, time, who, rules, reason)
            put_policy(self._access.store, new)
        if new is None:
            return Policy()
        self._apply(new.number)
        return _policy(new)

    def check(self) -> "list[PolicyBreach]":
        """Return what does not keep to the policies in force, as `repo.fsck()` does."""
        return list(policy_check.find_breaches(self._access.fresh().fetcher))

    def _apply(self, number: int) -> None:
        """Make every branch follow a version of the policies."""
        refs = self._access.refs
        for name in refs.branch_names():
            branch = refs.find_branch(name)
            while branch is not None and branch.document.policy < number:
                if refs.follow_policy(branch, number) is not None:
                    break
                branch = refs.find_branch(name)

    def __repr__(self) -> str:
        return f"<policies of {self._access.store.url}>"


def _names(given: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if given is None else tuple(given)


def _signers(given: str | os.PathLike[str]) -> str:
    """Return the text of a file of allowed signers, having looked that it may be one."""
    if isinstance(given, os.PathLike):
        text = Path(given).expanduser().read_text(encoding="utf-8")
    else:
        text = given
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
    if not all(_KEY.search(line) for line in lines):
        raise InvalidInputError(
            "each line of the signers has a name, the type of a key, and the key, as in "
            "'ann@example.org ssh-ed25519 AAAA…'"
        )
    return "".join(f"{line}\n" for line in lines)


def _changed(old: Rules, asked: dict[str, Any], time: str) -> Rules:
    """Return rules with those replaced that are asked for; one that is new says since when."""
    new = structs.asdict(old) | {name: each for name, each in asked.items() if each is not None}
    for rule, since in (("require_metadata", "metadata_since"), ("signers", "signed_since")):
        if new[rule] != getattr(old, rule):
            new[since] = time if new[rule] else ""
    return Rules(**new)


def _policy(found: PolicyDocument) -> Policy:
    rules = found.rules
    return Policy(
        number=found.number,
        time=datetime.fromisoformat(found.time),
        author=found.author,
        reason=found.reason,
        require_metadata=rules.require_metadata,
        signers=rules.signers,
        protect_branches=rules.protect_branches,
        protect_tags=rules.protect_tags,
        keep=timedelta(seconds=rules.keep_seconds),
        may_purge=rules.may_purge,
    )
