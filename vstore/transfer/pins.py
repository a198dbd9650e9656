"""Pins: branches at the origin of a fork that keep what the fork does not have itself."""

from collections.abc import Mapping, Sequence

from vstore.errors import ConflictError
from vstore.format import object_keys
from vstore.format.commit import TagDocument
from vstore.format.digest import Digest
from vstore.history.refs import Branch
from vstore.transfer.moving import is_known_ancestor
from vstore.transfer.side import Side, Sides

_TRIES = 20
"""How often a pin is moved that others move, such as a second fetch of the same fork."""


def wanted_pins(
    fork: str, branches: Sequence[Branch], tags: Sequence[TagDocument]
) -> dict[str, Digest]:
    """Return the names of the pins for some branches and tags, and where each is to be."""
    pins = {object_keys.pin(fork, "branches", each.name): each.commit for each in branches}
    return pins | {object_keys.pin(fork, "tags", tag.name): Digest(tag.commit) for tag in tags}


def put_pins(sides: Sides, fork: str, pins: Mapping[str, Digest], *, action: str) -> None:
    """Pin commits there, before anything here refers to them.

    A pin whose branch went elsewhere leaves one behind for where it was: what the fork made
    on top of that still needs it.

    Raises:
        ConflictError: garbage collection there is about to delete a commit.
    """

    def put(item: tuple[str, Digest]) -> None:
        _put(sides.there, fork, *item, action=action)

    sides.map(put, list(pins.items()))


def _put(side: Side, fork: str, name: str, commit: Digest, *, action: str) -> None:
    refs = side.refs
    for _ in range(_TRIES):
        pin = refs.find_branch(name)
        if pin is None:
            if refs.create_branch(name, commit, action=action) is not None:
                return
            continue
        if pin.commit == commit:
            return
        if not is_known_ancestor(pin.commit, commit, side.documents.commit):
            left = object_keys.pin(fork, "commits", pin.commit)
            refs.create_branch(left, pin.commit, action=action)
        if refs.move_branch(pin, commit, action=action) is not None:
            return
    raise ConflictError(
        f"the pin {name!r} in {side.store.url} was moved again and again",
        code="ref-moved",
        hint="try again",
        name=name,
    )
