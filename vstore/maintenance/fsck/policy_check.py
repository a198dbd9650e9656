"""Whether branches, tags and their commits keep to the policies of the repository."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vstore.errors import FormatError, MissingExtraError, NotFoundError, SignatureError
from vstore.faces import exported_from
from vstore.format import object_keys
from vstore.format.digest import Digest
from vstore.format.policies import PolicyDocument, Rules
from vstore.history.policies import Policies, lacking, policy_numbers, read_policy
from vstore.history.read_ahead import ReadAhead
from vstore.history.refs import Branch, Refs
from vstore.reading.fetch import Fetcher
from vstore.signing.settings import UNSIGNED
from vstore.signing.signatures import Signatures
from vstore.wording import printable


@exported_from("vstore")
@dataclass(frozen=True, slots=True)
class PolicyBreach:
    """Something that does not keep to the policies of the repository.

    Attributes:
        what: a branch, a tag, a commit, or a version of the policies.
        detail: what is wrong with it.
    """

    what: str
    detail: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {"what": self.what, "detail": self.detail}

    def __str__(self) -> str:
        return printable(f"{self.what}: {self.detail}")


def find_breaches(fetcher: Fetcher) -> Iterator[PolicyBreach]:
    """Yield what does not keep to the policies; 1 request where there are none."""
    store = fetcher.store
    numbers = policy_numbers(store)
    if not numbers:
        return
    newest: PolicyDocument | None = None
    for number in numbers:
        try:
            newest = read_policy(store, number)
        except (FormatError, NotFoundError) as error:
            newest = None
            yield PolicyBreach(object_keys.policy(number), str(error))
    if newest is not None:
        yield from _Check(fetcher, newest.rules, newest.number).run()


@dataclass(frozen=True, slots=True)
class _Check:
    fetcher: Fetcher
    rules: Rules
    number: int

    def run(self) -> Iterator[PolicyBreach]:
        refs = Refs(self.fetcher.store, self.fetcher)
        policies = Policies(self.fetcher.store, self.fetcher.commit, lambda *_: None)
        branches = list[Branch]()
        for name in refs.branch_names():
            branch = refs.find_branch(name)
            if branch is None or not policies.is_own(name):
                continue
            branches.append(branch)
            if branch.document.policy < self.number:
                yield PolicyBreach(
                    f"branch {name!r}",
                    f"it follows version {branch.document.policy} of the policies, and "
                    f"{self.number} is in force: apply it with `repo.policies.set()`",
                )
        yield from self._metadata(branches)
        yield from self._signatures(refs, branches)

    def _metadata(self, branches: list[Branch]) -> Iterator[PolicyBreach]:
        if not self.rules.require_metadata:
            return
        read = ReadAhead(self.fetcher)
        try:
            for digest, missing in lacking(self.rules, [b.commit for b in branches], read):
                yield PolicyBreach(f"commit {digest}", f"its metadata lacks {', '.join(missing)}")
        except (FormatError, NotFoundError) as error:
            yield PolicyBreach("commits", f"they cannot all be read: {error}")

    def _signatures(self, refs: Refs, branches: list[Branch]) -> Iterator[PolicyBreach]:
        if not self.rules.signers:
            return
        since, read = self.rules.signed_since, self.fetcher.commit
        heads = [(f"branch {b.name!r}", b.commit) for b in branches]
        heads = [(what, commit) for what, commit in heads if read(commit).time >= since]
        tags = [refs.find_tag(name) for name in refs.tag_names()]
        heads += [
            (f"tag {tag.name!r}", Digest(tag.commit))
            for tag in tags
            if tag is not None and tag.time >= since
        ]
        signatures = Signatures(self.fetcher, UNSIGNED)
        for what, commit in heads:
            try:
                signatures.verify_by(commit, self.rules.signers)
            except (MissingExtraError, SignatureError) as error:
                yield PolicyBreach(what, str(error))
