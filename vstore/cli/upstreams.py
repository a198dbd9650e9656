"""How far branches are from those of the same name at remotes, as was last fetched or pushed."""

from typing import TYPE_CHECKING, Any

from vstore.lazy import lazy
from vstore.wording import printable

if TYPE_CHECKING:
    from vstore.format import object_keys
    from vstore.repository.repository import Repository
else:
    object_keys = lazy("vstore.format.object_keys")


def of_remotes(repo: "Repository", names: list[str]) -> list[str]:
    """Return those of some branches that say where one of a remote was, and pins of forks."""
    if not any("/" in name for name in names):
        return []
    remotes = set(repo.remotes)
    return [name for name in names if name.partition("/")[0] in remotes or object_keys.is_pin(name)]


def upstreams(repo: "Repository", name: str, theirs: set[str]) -> list[dict[str, Any]]:
    """Return how far a branch is from those of the same name at remotes; no request goes there.

    `theirs` are the branches that say where those of remotes were.
    """
    found = []
    for upstream in sorted(theirs):
        remote, _, branch = upstream.partition("/")
        if branch == name and not object_keys.is_pin(upstream):
            apart = repo.remotes[remote].ahead_behind(name)
            found.append({"name": upstream, "ahead": apart.ahead, "behind": apart.behind})
    return found


def distance(found: list[dict[str, Any]]) -> str:
    """Return in words how far a branch is from others.

    >>> distance([{"name": "origin/main", "ahead": 2, "behind": 0}])
    'origin/main: 2 ahead, 0 behind'
    """
    return "; ".join(
        f"{printable(each['name'])}: {each['ahead']} ahead, {each['behind']} behind"
        for each in found
    )
