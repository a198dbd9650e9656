"""The errors for branches and tags that do not exist."""

from vstore.errors import NotFoundError


def branch_not_found(name: str, url: str) -> NotFoundError:
    """Return the error for a branch that does not exist."""
    return NotFoundError(
        f"there is no branch {name!r} in {url}",
        code="branch-not-found",
        hint="list the branches with `list(repo.branches)`, or create it with "
        f"`repo.branches.create({name!r})`",
        name=name,
        url=url,
    )


def tag_not_found(name: str, url: str) -> NotFoundError:
    """Return the error for a tag that does not exist."""
    return NotFoundError(
        f"there is no tag {name!r} in {url}",
        code="tag-not-found",
        hint="list the tags with `list(repo.tags)`, or create it with "
        f"`repo.tags.create({name!r})`",
        name=name,
        url=url,
    )
