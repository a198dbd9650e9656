"""What a repository stores for what."""

from vstore.maintenance.usage import (
    By,
    Usage,
    check_by,
    usage_by_branch,
    usage_by_kind,
    usage_by_node,
)
from vstore.reading.snapshot import Snapshot
from vstore.repository.access import Access


def usage(access: Access, revision: str | None, *, by: By) -> Usage:
    """Return what is stored for each branch, table, column or kind of object.

    Raises:
        NotFoundError: the revision or the repository does not exist.
        InvalidInputError: usage is not told by that.
    """
    check_by(by)
    if by == "kind":
        access.description  # noqa: B018 - raises where there is no repository
        return usage_by_kind(access.store)
    if by == "branch":
        heads = {name: access.refs.get_branch(name).commit for name in access.refs.branch_names()}
        return usage_by_branch(access.store, heads)
    commit = access.resolve(revision)
    tables = set(Snapshot(access.fetcher, commit).tables)

    def name_of(path: str) -> str:
        above = path.rpartition("/")[0]
        return (above or "/") if by == "table" and above in tables else path

    return usage_by_node(access.store, commit, by, name_of)
